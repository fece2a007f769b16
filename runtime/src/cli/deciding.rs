//! `--decisions`: the file, and reading it again when a signal says so.

use super::stop::{Hangup, Stop};
use crate::decisions::Decisions;
use crate::pipeline::Pipeline;
use std::path::{Path, PathBuf};

/// A file of decisions that is read again on SIGHUP.
pub(super) struct Deciding(Option<(PathBuf, Hangup)>);

impl Deciding {
    /// Has the pipeline decide by the file. Without one a hangup ends the run.
    pub(super) fn begin(
        path: Option<&Path>,
        pipeline: &mut Pipeline,
        stop: &Stop,
    ) -> anyhow::Result<Self> {
        let Some(path) = path else {
            stop.on_hangup()?;
            return Ok(Self(None));
        };
        pipeline.decide_by(&Decisions::read(path)?)?;
        Ok(Self(Some((path.into(), Hangup::catch()?))))
    }

    /// Reads the file again if that was asked for. Gives what to tell; after an error the pipeline
    /// decides as before.
    pub(super) fn look(&self, pipeline: &mut Pipeline) -> Option<String> {
        let (path, hangup) = self.0.as_ref()?;
        if !hangup.came() {
            return None;
        }
        let read = Decisions::read(path).and_then(|decisions| pipeline.decide_by(&decisions));
        Some(match read {
            Ok(()) => format!("note: {}: read again", path.display()),
            Err(error) => format!("warning: {error}; what held before goes on"),
        })
    }
}
