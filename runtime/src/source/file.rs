//! Files, folders and standard input, each read on a thread of its own.

use super::decode::{Decoder, Manner, no_time};
use super::format::Format;
use super::inputs::{Ended, Feed};
use super::{Intake, Item, Reader};
use crate::fault::Fault;
use crate::queue::Notice;
use aimclr_skeleton::Frame;
use aimclr_skeleton::frame::MAX_LINE;
use aimclr_skeleton::import::poses::recording;
use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often a file or folder that is being written to is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// Bytes of a file from which its format is told.
const HEAD: u64 = 1 << 16;

const CHUNK: usize = 1 << 16;

/// What is behind a path.
pub(super) enum Opened {
    /// A frame a line.
    Lines(File),
    /// A file in one of the forms that are read as a whole.
    Whole(PathBuf, Format),
    /// A frame a file.
    Folder(PathBuf),
}

/// Opens what is behind a path. A file that is being written to has lines.
pub(super) fn open(path: &Path, format: Format, follow: bool) -> io::Result<Opened> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Ok(Opened::Folder(path.into()));
    }
    if follow || !metadata.is_file() {
        return Ok(Opened::Lines(file));
    }
    let told = match (format, Format::of_ending(path)) {
        (Format::Auto, Some(told)) => told,
        (Format::Auto, None) => {
            let mut head = Vec::new();
            file.by_ref().take(HEAD).read_to_end(&mut head)?;
            file.rewind()?;
            Format::of_text(&head).unwrap_or(Format::Auto)
        }
        (format, _) => format,
    };
    let ending = path.extension().unwrap_or_default();
    let by_line = ending == "ndjson" || ending == "jsonl";
    let whole = told.form().is_some() && !(by_line && told.is_by_frame());
    Ok(match whole {
        true => Opened::Whole(path.into(), told),
        false => Opened::Lines(file),
    })
}

/// Lines up to their end.
pub(super) fn lines(bytes: impl Read, mut feed: Feed) -> Result<(), Ended> {
    let decoder = Decoder::new(feed.manner.clone());
    for item in Reader::of(BufReader::with_capacity(CHUNK, bytes), decoder) {
        feed.send(item?)?;
    }
    Ok(())
}

/// A file in one of the forms that are read as a whole.
pub(super) fn whole(path: &Path, format: Format, mut feed: Feed) -> Result<(), Ended> {
    let fail = |error: &dyn std::error::Error| Ended::Failed(error.to_string());
    let Some(form) = format.form() else {
        return Ok(());
    };
    let reader = recording::Reader::new(form).map_err(|e| fail(&e))?;
    let recording = reader.read(path).map_err(|e| fail(&e))?;
    for (i, people) in (0..).zip(recording.frames) {
        let t = feed.manner.time(i, recording.fps);
        let frame = Frame {
            t: t.ok_or_else(|| Ended::Failed(no_time(format)))?,
            source: feed.manner.source.clone(),
            layout: Some(reader.layout().name.clone()),
            people,
        };
        feed.send(Item {
            line: i + 1,
            arrived: Instant::now(),
            frame: Ok(frame),
        })?;
    }
    Ok(())
}

/// A file that is being written to. It is read from its beginning, again from its beginning when it
/// was cut off, and where another one took its place that one follows.
pub(super) fn follow(path: &Path, mut file: File, mut feed: Feed) -> Result<(), Ended> {
    let mut intake = Intake::new(Decoder::new(feed.manner.clone()));
    let mut at = 0;
    loop {
        at += to_end(&mut file, &mut intake, &mut feed)?;
        let metadata = file.metadata()?;
        if metadata.is_file() && metadata.len() < at {
            feed.sender
                .tell(Notice::Note("was cut off; read anew".into()));
            file.rewind()?;
            intake.forget();
            at = 0;
        } else if std::fs::metadata(path).is_ok_and(|there| !same(&metadata, &there))
            && let Ok(other) = File::open(path)
        {
            // Whoever wrote the old one may have gone on before it let go.
            to_end(&mut file, &mut intake, &mut feed)?;
            if let Some(item) = intake.end() {
                feed.send(item)?;
            }
            feed.sender
                .tell(Notice::Note("another file took its place".into()));
            (file, at) = (other, 0);
        } else {
            feed.sender.sleep(LOOK)?;
        }
    }
}

/// Reads what is there, and says how many bytes that was.
fn to_end(file: &mut File, intake: &mut Intake, feed: &mut Feed) -> Result<u64, Ended> {
    let mut buffer = vec![0; CHUNK];
    let mut read = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(read);
        }
        read += count as u64;
        let mut bytes = &buffer[..count];
        while let Some(item) = intake.take(&mut bytes) {
            feed.send(item)?;
        }
    }
}

#[cfg(unix)]
fn same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Elsewhere a file that is open can't be replaced.
#[cfg(not(unix))]
fn same(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// The only frame of a file, `number` by its name.
pub(super) fn frame(
    path: &Path,
    number: u64,
    decoder: &mut Decoder,
) -> io::Result<Result<Frame, Fault>> {
    let mut text = Vec::new();
    let mut file = File::open(path)?;
    let most = MAX_LINE as u64;
    file.by_ref().take(most + 1).read_to_end(&mut text)?;
    let bytes = file.metadata()?.len();
    Ok(match text.len() as u64 > most {
        true => Err(Fault::TooLong { bytes }),
        false => decoder.decode(&text, Some(number)),
    })
}

/// A decoder of files that are frames.
pub(super) fn decoder(manner: &Manner) -> Decoder {
    // A folder's frames have their place in it, whenever they come.
    Decoder::new(Manner {
        live_since: None,
        ..manner.clone()
    })
}
