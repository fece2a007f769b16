//! The `.skeleton` text format of NTU RGB+D.
//!
//! The number of frames; for each frame the number of bodies; for each body a line of 10 (first its
//! id), the number of joints, and a line of 12 for each joint (first x, y, z in metres).

use crate::import::ImportError;
use crate::import::room::Room;
use crate::import::text::{Line, Lines, read_file};
use std::ops::Range;
use std::path::Path;

/// Joints of a body in this format.
pub const JOINTS: usize = 25;

/// Fields of a body's first line.
const BODY_FIELDS: usize = 10;

/// Names of a joint's fields, in their order.
const JOINT_FIELDS: [&str; 12] = [
    "x",
    "y",
    "z",
    "depth x",
    "depth y",
    "colour x",
    "colour y",
    "orientation w",
    "orientation x",
    "orientation y",
    "orientation z",
    "tracking state",
];

/// Most frames of a file: eleven minutes, where the longest recording of the data set has ten seconds.
/// A frame without bodies is two bytes of text and 600 of a clip.
const MAX_FRAMES: usize = 20_000;

/// Most bodies of a frame. The sensor tells six apart.
const MAX_BODIES: usize = 64;

/// x, y and z of all joints of a body.
pub type Joints = [[f32; 3]; JOINTS];

/// A body in one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// The sensor's number for the person.
    pub id: u64,
    /// Metres.
    pub joints: Joints,
}

/// What a file holds, bodies in the file's order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recording {
    bodies: Vec<Body>,
    /// Where the bodies of each frame end.
    ends: Vec<usize>,
}

impl Recording {
    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.ends.len()
    }

    /// The bodies of a frame; none for one that is not there.
    pub fn bodies(&self, frame: usize) -> &[Body] {
        let range = self.range(frame);
        self.bodies.get(range).unwrap_or_default()
    }

    fn range(&self, frame: usize) -> Range<usize> {
        let end = |frame: usize| self.ends.get(frame).copied().unwrap_or(0);
        frame.checked_sub(1).map_or(0, end)..end(frame)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It can't be read, or as [`parse`](Self::parse).
    pub fn read(path: &Path) -> Result<Self, ImportError> {
        Self::parse(
            &path.display().to_string(),
            &read_file(path, &Room::default())?,
        )
    }

    /// Reads a file's text; `item` is its name for messages.
    ///
    /// # Errors
    /// The text breaks off, goes on, or something else stands where a number should; the line and
    /// the field are named.
    pub fn parse(item: &str, text: &[u8]) -> Result<Self, ImportError> {
        let mut lines = Lines::new(item, text);
        let mut recording = Self::default();
        let line = lines.expect("the number of frames")?;
        let frames = line.count("number of frames", MAX_FRAMES)?;
        for _ in 0..frames {
            let line = lines.expect("a frame's number of bodies")?;
            for _ in 0..line.count("number of bodies", MAX_BODIES)? {
                let body = body(&mut lines)?;
                recording.bodies.push(body);
            }
            recording.ends.push(recording.bodies.len());
        }
        match lines.find(|line| !line.is_blank()) {
            None => Ok(recording),
            Some(line) => Err(line.expected(
                "number of frames",
                &format!("the end of the file after {frames} frames"),
                line.text,
            )),
        }
    }
}

fn body(lines: &mut Lines<'_>) -> Result<Body, ImportError> {
    let line = lines.expect("a body")?;
    let mut fields = line.fields();
    let id = fields.next().unwrap_or_default();
    let number = std::str::from_utf8(id).ok().and_then(|t| t.parse().ok());
    let id = number.ok_or_else(|| line.expected("body id", "a whole number of 64 bits", id))?;
    match fields.count() + 1 {
        BODY_FIELDS => {}
        found => {
            let reason = format!("expected {BODY_FIELDS} numbers, found {found}");
            return Err(line.error("body", reason));
        }
    }
    let line = lines.expect("a body's number of joints")?;
    if line.text.trim_ascii() != b"25" {
        return Err(line.expected("number of joints", "25", line.text.trim_ascii()));
    }
    let mut joints = [[0.0; 3]; JOINTS];
    for position in &mut joints {
        let line = lines.expect("a joint")?;
        *position = joint(&line)?;
    }
    Ok(Body { id, joints })
}

fn joint(line: &Line<'_>) -> Result<[f32; 3], ImportError> {
    let wrong = |found: usize| {
        let expected = JOINT_FIELDS.len();
        line.error(
            "joint",
            format!("expected {expected} numbers, found {found}"),
        )
    };
    let mut position = [0.0; 3];
    let mut fields = line.fields();
    for (i, (place, name)) in position.iter_mut().zip(JOINT_FIELDS).enumerate() {
        let field = fields.next().ok_or_else(|| wrong(i))?;
        *place = line.coordinate(|| name.to_string(), field)?;
    }
    let others = &JOINT_FIELDS[position.len()..];
    if fields.plain_numbers() == Some(others.len()) {
        return Ok(position);
    }
    for (i, name) in others.iter().enumerate() {
        let field = fields.next().ok_or_else(|| wrong(position.len() + i))?;
        // Of no use here; a joint outside the image has no pixel, and its place is infinite.
        if !is_number(field) {
            return Err(line.expected(name, "a number", field));
        }
    }
    match fields.count() {
        0 => Ok(position),
        more => Err(wrong(JOINT_FIELDS.len() + more)),
    }
}

/// True of every number, infinite ones and NaN among them.
fn is_number(field: &[u8]) -> bool {
    std::str::from_utf8(field).is_ok_and(|text| text.parse::<f64>().is_ok())
}

#[cfg(test)]
pub(in crate::import) mod tests;
