//! What inputs have to tell of themselves, and the first thing that went wrong.

use super::status::Status;
use crate::queue::Notice;
use anyhow::bail;

/// Inputs that fail do not end the others, but the run has failed with them.
#[derive(Debug, Default)]
pub(super) struct Notices {
    /// The first that came to an end that it should not have come to.
    failed: Option<String>,
}

impl Notices {
    /// Tells what an input has to tell. Of those that fail the first one is told at the end.
    pub(super) fn take(&mut self, input: &str, notice: Notice, status: &Status) {
        match notice {
            Notice::Note(text) => status.print(&format!("note: {input}: {text}")),
            Notice::Failed(reason) => {
                // A reader may have said where already.
                let text = match reason.starts_with(input) {
                    true => reason,
                    false => format!("{input}: {reason}"),
                };
                if self.failed.is_some() {
                    status.print(&format!("warning: {text}"));
                }
                self.fail(text);
            }
        }
    }

    /// Something else has failed, and was told.
    pub(super) fn fail(&mut self, text: String) {
        self.failed.get_or_insert(text);
    }

    /// What became of all of them.
    pub(super) fn end(&mut self) -> anyhow::Result<()> {
        match self.failed.take() {
            Some(failed) => bail!(failed),
            None => Ok(()),
        }
    }
}
