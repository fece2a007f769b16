//! Standard output and files: an event a line.

use super::queue::{Failure, Message, Outlet};
use super::tally::Loss;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Lines that are written before they are sent on, where so many wait.
const BATCH: usize = 256;

/// How a file is kept from growing without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// A file does not grow beyond this many bytes, but that one line always has room.
    pub size: u64,
    /// How many full files are kept beside the one that is written.
    pub keep: u32,
}

/// Standard output.
pub(super) struct Stdout;

impl Outlet for Stdout {
    const BATCH: usize = BATCH;

    fn deliver(&mut self, events: &[Arc<Message>]) -> Result<(), Failure> {
        let mut out = BufWriter::new(io::stdout().lock());
        let mut write = || {
            for event in events {
                writeln!(out, "{}", event.json)?;
            }
            // Somebody acts on it: an event that waits in a buffer is late.
            out.flush()
        };
        write().map_err(|error| Failure {
            delivered: 0,
            loss: Loss::Gone,
            error,
        })
    }
}

/// A file, and with rotation those that were full before it: FILE.1 is the newest of them.
pub(crate) struct Lines {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines in it.
    length: u64,
    rotation: Option<Rotation>,
}

impl Lines {
    /// Begins a file. One that is there is replaced; with rotation, it is the first full one.
    pub(crate) fn create(path: &Path, rotation: Option<Rotation>) -> io::Result<Self> {
        if let Some(rotation) = rotation
            && path.metadata().is_ok_and(|file| file.len() > 0)
        {
            shift(path, rotation.keep)?;
        }
        Ok(Self {
            path: path.into(),
            file: File::create(path)?,
            length: 0,
            rotation,
        })
    }

    /// Adds a line, or nothing of it.
    pub(crate) fn write(&mut self, line: &str) -> io::Result<()> {
        let bytes = line.len() as u64 + 1;
        if let Some(Rotation { size, keep }) = self.rotation
            && self.length > 0
            && self.length + bytes > size
        {
            shift(&self.path, keep)?;
            self.file = File::create(&self.path)?;
            self.length = 0;
        }
        let mut whole = Vec::with_capacity(line.len() + 1);
        whole.extend_from_slice(line.as_bytes());
        whole.push(b'\n');
        if let Err(error) = self.file.write_all(&whole) {
            // What is left of a line would make the next one unreadable. A pipe or a device can't
            // be cut, and has no next one.
            let _ = self.file.set_len(self.length);
            let _ = self.file.seek(SeekFrom::Start(self.length));
            return Err(error);
        }
        self.length += bytes;
        Ok(())
    }
}

impl Outlet for Lines {
    const BATCH: usize = BATCH;

    fn deliver(&mut self, events: &[Arc<Message>]) -> Result<(), Failure> {
        for (delivered, event) in events.iter().enumerate() {
            self.write(&event.json).map_err(|error| Failure {
                delivered,
                loss: Loss::Gone,
                error: io::Error::new(error.kind(), format!("{}: {error}", self.path.display())),
            })?;
        }
        Ok(())
    }
}

/// Makes FILE to FILE.1, FILE.1 to FILE.2 and so on; the oldest goes. Does nothing without FILE:
/// where no new one could be begun, trying again must not push the full ones out.
fn shift(path: &Path, keep: u32) -> io::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let numbered = |n: u32| {
        let mut name = path.as_os_str().to_owned();
        if n > 0 {
            name.push(format!(".{n}"));
        }
        PathBuf::from(name)
    };
    for n in (0..keep).rev() {
        match fs::rename(numbered(n), numbered(n + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(n: usize) -> Arc<Message> {
        Arc::new(Message {
            source: String::new(),
            person: 0,
            json: format!("{{\"n\":{n:04}}}"),
        })
    }

    fn lines(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).expect("a file");
        text.lines().map(String::from).collect()
    }

    #[test]
    fn rotation_keeps_so_many_files_and_loses_no_line_between_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.ndjson");
        fs::write(&path, "what was there\n").expect("written");
        // A line has 11 bytes: 9 of them are in 99.
        let rotation = Some(Rotation { size: 100, keep: 3 });
        let mut sink = Lines::create(&path, rotation).expect("a file");
        assert_eq!(
            lines(&folder.path().join("events.ndjson.1")),
            ["what was there"]
        );
        let events: Vec<_> = (0..50).map(message).collect();
        sink.deliver(&events).expect("written");
        let mut found = Vec::new();
        for name in ["events.ndjson.3", "events.ndjson.2", "events.ndjson.1"] {
            let full = lines(&folder.path().join(name));
            assert_eq!(full.len(), 9, "{name}");
            found.extend(full);
        }
        found.extend(lines(&path));
        // 5 files were full; the first two of them have gone.
        let expected: Vec<String> = events[18..].iter().map(|e| e.json.clone()).collect();
        assert_eq!(found, expected);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 4);
    }

    #[test]
    fn full_files_outlast_attempts_to_begin_a_new_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.ndjson");
        fs::write(&path, "full\n").expect("written");
        (0..5).for_each(|_| shift(&path, 2).expect("renamed"));
        assert_eq!(lines(&folder.path().join("events.ndjson.1")), ["full"]);
    }

    #[test]
    fn without_rotation_a_file_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.ndjson");
        fs::write(&path, "what was there\n").expect("written");
        let mut sink = Lines::create(&path, None).expect("a file");
        sink.deliver(&[message(1)]).expect("written");
        assert_eq!(lines(&path), ["{\"n\":0001}"]);
    }

    #[test]
    fn a_device_that_is_full_says_which_file_it_is() {
        if !Path::new("/dev/full").exists() {
            eprintln!("skipped: there is no /dev/full");
            return;
        }
        let mut sink = Lines::create(Path::new("/dev/full"), None).expect("a device");
        let failure = sink.deliver(&[message(1)]).expect_err("full");
        assert!(failure.error.to_string().contains("/dev/full"));
        assert_eq!(failure.delivered, 0);
    }
}
