//! TensorBoard's event file: protocol buffers (`tensorflow/core/util/event.proto`, of which only the
//! fields that are used here), each in a TFRecord frame.

use crate::TrainError;
use prost::Message;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// First record of every file; since version 2 a start purges the steps that it overtakes.
const VERSION: &str = "brain.Event:2";
/// `SessionLog.START`.
const START: i32 = 1;

#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    // Optional, so that a 0 is written too.
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// A file of scalars for TensorBoard.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl EventFile {
    /// Begins a new file in `folder`, `events.out.tfevents.SECONDS.N`; older ones stay, and
    /// TensorBoard reads them all. What they say of `first_step` and later steps no longer counts.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn open(folder: &Path, first_step: u64) -> Result<Self, TrainError> {
        // TensorBoard takes the files in the order of their names.
        let seconds = now() as u64;
        let name = |n: u32| folder.join(format!("events.out.tfevents.{seconds:010}.{n}"));
        let mut number = 0;
        let (path, file) = loop {
            let path = name(number);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(source) => return Err(TrainError::Io { path, source }),
                Ok(file) => break (path, file),
            }
        };
        let mut events = Self {
            path,
            file: BufWriter::new(file),
        };
        events.event(0, What::FileVersion(VERSION.into()))?;
        events.event(first_step, What::SessionLog(SessionLog { status: START }))?;
        events.flush()?;
        Ok(events)
    }

    /// Adds one value; `tag` groups by what stands before its slash, as in `loss/contrast`.
    pub fn scalar(&mut self, step: u64, tag: &str, value: f64) -> Result<(), TrainError> {
        let value = Value {
            tag: tag.into(),
            simple_value: Some(value as f32),
        };
        self.event(step, What::Summary(Summary { value: vec![value] }))
    }

    /// Hands everything so far to the system, so that TensorBoard sees it.
    pub fn flush(&mut self) -> Result<(), TrainError> {
        self.file.flush().map_err(|source| self.failed(source))
    }

    fn event(&mut self, step: u64, what: What) -> Result<(), TrainError> {
        let event = Event {
            wall_time: now(),
            step: i64::try_from(step).unwrap_or(i64::MAX),
            what: Some(what),
        };
        write_record(&mut self.file, &event.encode_to_vec()).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> TrainError {
        TrainError::Io {
            path: self.path.clone(),
            source,
        }
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |time| time.as_secs_f64())
}

/// A TFRecord: length as u64, the length's checksum, the bytes, their checksum; little-endian.
fn write_record(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = (bytes.len() as u64).to_le_bytes();
    out.write_all(&length)?;
    out.write_all(&masked(&length).to_le_bytes())?;
    out.write_all(bytes)?;
    out.write_all(&masked(bytes).to_le_bytes())
}

/// CRC-32C, turned and shifted so that a checksum of data with checksums in it stays a good one.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CRC-32C bit by bit, from its polynomial.
    fn crc(bytes: &[u8]) -> u32 {
        let crc = bytes.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0x82f6_3b78 * (crc & 1))
            })
        });
        !crc
    }

    /// Takes the records of a file apart, and checks both checksums of each.
    fn records(mut file: &[u8]) -> Vec<Vec<u8>> {
        let mask = |crc: u32| crc.rotate_left(17).wrapping_add(0xa282_ead8);
        let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
        let mut records = Vec::new();
        while !file.is_empty() {
            let length = u64::from_le_bytes(file[..8].try_into().expect("eight bytes")) as usize;
            assert_eq!(number(&file[8..12]), mask(crc(&file[..8])));
            let data = &file[12..12 + length];
            assert_eq!(number(&file[12 + length..16 + length]), mask(crc(data)));
            records.push(data.to_vec());
            file = &file[16 + length..];
        }
        records
    }

    #[test]
    fn checksums_are_those_of_the_format() {
        assert_eq!(crc(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        // 0xe3069283 turned right by 15 bits is 0x2507c60d.
        assert_eq!(masked(b"123456789"), 0xc78a_b0e5);
    }

    #[test]
    fn a_file_has_the_bytes_that_tensorboard_reads() {
        let folder = tempfile::tempdir().expect("folder");
        let mut events = EventFile::open(folder.path(), 300).expect("open");
        events.scalar(301, "loss/total", 0.5).expect("written");
        events.flush().expect("flushed");
        let records = records(&std::fs::read(&events.path).expect("bytes"));
        // Each begins with field 1, a double: the time.
        for record in &records {
            assert_eq!(record[0], 0x09);
            let time = f64::from_le_bytes(record[1..9].try_into().expect("eight bytes"));
            assert!(time > 1.7e9 && time < 1e11, "{time}");
        }
        let [version, start, scalar] = &records[..] else {
            panic!("{} records", records.len());
        };
        // Field 3, 13 letters.
        assert_eq!(version[9..], *b"\x1a\x0dbrain.Event:2");
        // Field 2, step 300; field 7, two bytes: field 1 is START.
        assert_eq!(start[9..], *b"\x10\xac\x02\x3a\x02\x08\x01");
        // Step 301; field 5, 19 bytes: field 1, 17 bytes: field 1, the tag; field 2, the float 0.5.
        assert_eq!(
            scalar[9..],
            *b"\x10\xad\x02\x2a\x13\x0a\x11\x0a\x0aloss/total\x15\x00\x00\x00\x3f"
        );
    }

    #[test]
    fn each_start_has_a_file_of_its_own() {
        let folder = tempfile::tempdir().expect("folder");
        for _ in 0..3 {
            EventFile::open(folder.path(), 0).expect("open");
        }
        let mut files = std::fs::read_dir(folder.path()).expect("folder");
        assert!(files.all(|file| {
            let name = file.expect("file").file_name();
            name.to_string_lossy().starts_with("events.out.tfevents.")
        }));
        assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 3);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = EventFile::open(Path::new("no/such/folder"), 0).expect_err("no folder");
        assert!(error.to_string().starts_with("no/such/folder/events"));
    }
}
