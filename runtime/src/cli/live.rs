//! Lines from a file or from standard input, read on a thread of their own, so that a source that
//! says nothing does not keep anybody from stopping.

use crate::source::{Item, Reader};
use anyhow::Context;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

/// Lines that may wait: with more, a source that is too fast is held up, and the time that they
/// wait would be all that latency shows.
const WAITING: usize = 2;

/// How long to wait for a line before looking around.
const PATIENCE: Duration = Duration::from_millis(100);

/// Where lines come from.
pub(super) struct Lines {
    /// Name for messages.
    pub name: String,
    /// True for standard input, where lines come when they come.
    pub live: bool,
    receiver: Receiver<io::Result<Item>>,
}

/// What came.
pub(super) enum Came {
    Line(Item),
    NothingYet,
    End,
}

/// True for the name that means standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Opens a file, or standard input for `-`.
pub(super) fn open(path: &Path) -> anyhow::Result<(String, Box<dyn Read + Send>)> {
    if is_stdin(path) {
        return Ok(("standard input".into(), Box::new(io::stdin())));
    }
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| name.clone())?;
    Ok((name, Box::new(file)))
}

impl Lines {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let (name, bytes) = open(path)?;
        let (sender, receiver) = sync_channel(WAITING);
        thread::spawn(move || {
            for item in Reader::new(BufReader::with_capacity(1 << 16, bytes)) {
                let failed = item.is_err();
                if sender.send(item).is_err() || failed {
                    break;
                }
            }
        });
        Ok(Self {
            name,
            live: is_stdin(path),
            receiver,
        })
    }

    pub(super) fn next(&self) -> anyhow::Result<Came> {
        match self.receiver.recv_timeout(PATIENCE) {
            Ok(item) => Ok(Came::Line(item.with_context(|| self.name.clone())?)),
            Err(RecvTimeoutError::Timeout) => Ok(Came::NothingYet),
            Err(RecvTimeoutError::Disconnected) => Ok(Came::End),
        }
    }
}
