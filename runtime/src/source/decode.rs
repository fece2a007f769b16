//! A line of one of the formats becomes a frame.

use super::format::Format;
use crate::fault::Fault;
use aimclr_skeleton::Frame;
use aimclr_skeleton::frame::{FrameError, MAX_PEOPLE};
use aimclr_skeleton::import::ImportError;
use aimclr_skeleton::import::poses::recording::Reader;
use std::time::Instant;

/// What is known of an input's frames before they come.
#[derive(Debug, Clone)]
pub struct Manner {
    /// Their form.
    pub format: Format,
    /// Frames a second, for forms that have no time.
    pub fps: Option<f64>,
    /// Without them, a frame's time is that from here to its arrival, where it comes as it is made.
    pub live_since: Option<Instant>,
    /// The source of frames that name none.
    pub source: String,
}

impl Manner {
    /// Time of frame `number`, counted from 0: the middle of the stretch that it stands for.
    pub(super) fn time(&self, number: u64, fps: Option<f64>) -> Option<f64> {
        let counted = self.fps.or(fps).map(|fps| (number as f64 + 0.5) / fps);
        counted.or_else(|| Some(self.live_since?.elapsed().as_secs_f64()))
    }
}

/// Makes frames of lines.
pub struct Decoder {
    manner: Manner,
    reader: Option<Reader>,
    /// Lines so far.
    lines: u64,
}

impl Decoder {
    /// A decoder that has seen nothing yet.
    pub fn new(manner: Manner) -> Self {
        Self {
            manner,
            reader: None,
            lines: 0,
        }
    }

    /// One of the native format.
    pub fn native() -> Self {
        Self::new(Manner {
            format: Format::Native,
            fps: None,
            live_since: None,
            source: String::new(),
        })
    }

    /// The frame of a line, or the only one of a file, that has `number` where there is one.
    ///
    /// # Errors
    /// It is no frame of the format, or no format can be told.
    pub fn decode(&mut self, text: &[u8], number: Option<u64>) -> Result<Frame, Fault> {
        let count = number.unwrap_or(self.lines);
        self.lines += 1;
        if self.manner.format == Format::Auto {
            self.manner.format = told(text)?;
        }
        let mut frame = match self.manner.format {
            Format::Native => parse(text)?,
            _ => self.foreign(text, count)?,
        };
        if frame.source.is_empty() {
            frame.source.clone_from(&self.manner.source);
        }
        Ok(frame)
    }

    fn foreign(&mut self, text: &[u8], count: u64) -> Result<Frame, Fault> {
        let format = self.manner.format;
        let (None, Some(form)) = (&self.reader, format.form()) else {
            return self.read(text, count);
        };
        self.reader = Some(Reader::new(form).map_err(fault)?);
        self.read(text, count)
    }

    fn read(&self, text: &[u8], count: u64) -> Result<Frame, Fault> {
        let Some(reader) = &self.reader else {
            return Err(field("line", unknown()));
        };
        let Some(t) = self.manner.time(count, None) else {
            return Err(field("t", no_time(self.manner.format)));
        };
        let people = reader.frame("line", text).map_err(fault)?;
        if people.len() > MAX_PEOPLE {
            let found = people.len();
            return Err(FrameError::TooManyPeople { found }.into());
        }
        Ok(Frame {
            t,
            source: String::new(),
            layout: Some(reader.layout().name.clone()),
            people,
        })
    }
}

/// Why frames of a format without time can't be used.
pub(super) fn no_time(format: Format) -> String {
    format!("the format {} has no time; expected --fps", format.name())
}

fn unknown() -> String {
    let known = Format::known();
    format!("of no known format; expected one of {known} (--format says which)")
}

fn told(text: &[u8]) -> Result<Format, Fault> {
    match Format::of_text(text) {
        Some(format) if format.is_by_frame() => Ok(format),
        Some(format) => {
            let name = format.name();
            let reason = format!("looks like {name}, which is taken from whole files alone");
            Err(field("line", reason))
        }
        None => Err(field("line", unknown())),
    }
}

fn field(field: &str, reason: String) -> Fault {
    let field = field.into();
    FrameError::Json { field, reason }.into()
}

fn fault(error: ImportError) -> Fault {
    match error {
        ImportError::Item { place, reason, .. } => {
            field(place.as_deref().unwrap_or("line"), reason)
        }
        error => field("line", error.to_string()),
    }
}

fn parse(line: &[u8]) -> Result<Frame, Fault> {
    let text = std::str::from_utf8(line).map_err(|error| FrameError::Json {
        field: "line".into(),
        reason: format!("expected UTF-8, {error}"),
    })?;
    Frame::parse(text).map_err(|error| match error {
        // Python's json module writes them; "expected value at column 41" would not help anybody.
        FrameError::Json { field, .. } if text.contains("NaN") || text.contains("Infinity") => {
            Fault::NotFinite { field }
        }
        // The parser's own words count lines, too, and there is only one.
        FrameError::Json { field, reason } => {
            let reason = reason.replace(" at line 1 column", " at column");
            let reason = match field == "line" {
                true => format!("{reason}; expected one object like {{\"t\":1.5,\"people\":[…]}}"),
                false => reason,
            };
            FrameError::Json { field, reason }.into()
        }
        error => error.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoder(fps: Option<f64>, live: bool) -> Decoder {
        Decoder::new(Manner {
            format: Format::Auto,
            fps,
            live_since: live.then(Instant::now),
            source: "cam1".into(),
        })
    }

    const NOBODY: &[u8] = br#"{"version":1.3,"people":[]}"#;

    #[test]
    fn what_has_no_time_is_counted_or_timed() {
        let mut counted = decoder(Some(10.0), false);
        let times: Vec<f64> = [None, None, Some(41)]
            .map(|number| counted.decode(NOBODY, number).expect("a frame").t)
            .into();
        assert_eq!(times, [0.05, 0.15, 4.15]);
        let mut timed = decoder(None, true);
        let [a, b] = [0, 1].map(|_| timed.decode(NOBODY, None).expect("a frame"));
        assert!(a.t < b.t && b.t < 60.0);
        assert_eq!(
            (&a.source[..], a.layout.as_deref()),
            ("cam1", Some("body25"))
        );
        let error = decoder(None, false)
            .decode(NOBODY, None)
            .expect_err("no time");
        let expected = "t: the format openpose has no time; expected --fps";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn lines_that_tell_nothing_list_the_formats_and_the_next_may_tell() {
        let mut decoder = decoder(None, false);
        let error = decoder.decode(b"hello", None).expect_err("nothing");
        let message = error.to_string();
        assert_eq!(error.reason(), "not_a_frame");
        assert!(
            message.contains("one of native, openpose, mediapipe-json"),
            "{message}"
        );
        let message = decoder
            .decode(b"HIERARCHY", None)
            .expect_err("a file")
            .to_string();
        assert!(
            message.contains("bvh, which is taken from whole files"),
            "{message}"
        );
        let line = br#"{"t":3,"source":"cam7","people":[]}"#;
        let frame = decoder.decode(line, None).expect("a frame");
        assert_eq!((frame.t, &frame.source[..]), (3.0, "cam7"));
        let message = decoder
            .decode(b"hello", None)
            .expect_err("no frame")
            .to_string();
        assert!(message.contains("expected one object like"), "{message}");
    }

    #[test]
    fn errors_of_other_forms_name_the_field() {
        let line = br#"{"people":[{"pose_keypoints_2d":[1,2,3]}]}"#;
        let error = decoder(Some(30.0), false)
            .decode(line, None)
            .expect_err("short");
        let message = error.to_string();
        assert!(
            message.starts_with("people[0].pose_keypoints_2d: expected 75 numbers"),
            "{message}"
        );
    }
}
