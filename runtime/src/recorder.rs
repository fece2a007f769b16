//! Writes a stream down as it comes, to be played again.

use crate::sink::{Lines, Rotation};
use aimclr_skeleton::Frame;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::Path;

/// Writes frames of any format as native ones, in the order in which they came: what is read from
/// the file gives the same events as what it was written from.
///
/// Each line is handed to the system at once, so that a run that is killed loses none.
pub struct Recorder {
    name: String,
    out: Out,
    written: Written,
    /// First time of each source.
    begun: BTreeMap<String, f64>,
}

enum Out {
    Stdout(BufWriter<StdoutLock<'static>>),
    File(Lines),
}

/// What a recording holds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Written {
    /// Frames.
    pub frames: u64,
    /// People in them.
    pub people: u64,
    /// Bytes.
    pub bytes: u64,
    /// Sources.
    pub sources: usize,
    /// Seconds from the first to the last frame of the source where that is longest.
    pub seconds: f64,
}

impl Recorder {
    /// Begins a file, as a sink does; `-` is standard output.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn create(path: &Path, rotation: Option<Rotation>) -> io::Result<Self> {
        let out = match path.as_os_str() == "-" {
            true => Out::Stdout(BufWriter::new(io::stdout().lock())),
            false => Out::File(Lines::create(path, rotation)?),
        };
        Ok(Self {
            name: path.display().to_string(),
            out,
            written: Written::default(),
            begun: BTreeMap::new(),
        })
    }

    /// Adds a frame.
    ///
    /// # Errors
    /// It can't be written; what was before stays whole.
    pub fn add(&mut self, frame: &Frame) -> io::Result<()> {
        let line = frame.to_line();
        let written = match &mut self.out {
            Out::Stdout(out) => writeln!(out, "{line}").and_then(|()| out.flush()),
            Out::File(lines) => lines.write(&line),
        };
        written.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.name)))?;
        let first = *self.begun.entry(frame.source.clone()).or_insert(frame.t);
        self.written.frames += 1;
        self.written.people += frame.people.len() as u64;
        self.written.bytes += line.len() as u64 + 1;
        self.written.sources = self.begun.len();
        self.written.seconds = self.written.seconds.max(frame.t - first);
        Ok(())
    }

    /// What was written so far.
    pub fn written(&self) -> Written {
        self.written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Reader;
    use aimclr_skeleton::Person;
    use aimclr_skeleton::frame::Joint;

    #[test]
    fn what_is_read_from_a_recording_is_what_came_to_the_last_bit() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("r.ndjson");
        let mut recorder = Recorder::create(&path, None).expect("a file");
        let frames: Vec<Frame> = (1..200)
            .map(|i| {
                let x = (i as f32 * 0.7).sin() / 3.0;
                Frame {
                    t: 1e9 + f64::from(i) / 7.0,
                    source: format!("cam{}", i % 2),
                    layout: Some("ntu25".into()),
                    people: vec![Person {
                        id: None,
                        joints: vec![Joint(Some([x, x * x, 1.0 / x, 0.3])), Joint(None)],
                    }],
                }
            })
            .collect();
        for frame in &frames {
            recorder.add(frame).expect("written");
        }
        let Written {
            frames: count,
            people,
            sources,
            seconds,
            bytes,
        } = recorder.written();
        assert_eq!((count, people, sources), (199, 199, 2));
        assert!((seconds - 198.0 / 7.0).abs() < 1e-6, "{seconds}");
        let text = std::fs::read(&path).expect("a file");
        assert_eq!(text.len() as u64, bytes);
        let read: Vec<Frame> = Reader::new(&text[..])
            .map(|item| item.expect("read").frame.expect("a frame"))
            .collect();
        assert_eq!(read, frames);
    }
}
