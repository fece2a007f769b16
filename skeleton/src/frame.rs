//! The native pose stream: one JSON object a line. `docs/frame.md` has the format byte by byte.

use crate::layout::Layout;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// Longest line that a reader should take; a frame of twenty people is a tenth of it.
pub const MAX_LINE: usize = 1 << 20;

/// Most people in one frame.
pub const MAX_PEOPLE: usize = 128;

/// What can be wrong with one line of a pose stream.
#[derive(Debug, Error)]
pub enum FrameError {
    /// Not JSON, or JSON of another shape.
    #[error("{field}: {reason}")]
    Json {
        /// Path of the field, such as `people[0].joints[3]`.
        field: String,
        /// What was found there and what was expected.
        reason: String,
    },
    /// The time is not a finite number.
    #[error("t: expected a finite number of seconds, found {0}")]
    Time(f64),
    /// More people than a frame may have.
    #[error("people: {found} of them, at most {MAX_PEOPLE} are taken")]
    TooManyPeople {
        /// How many there are.
        found: usize,
    },
}

/// Everybody whom a pose source saw at one instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Seconds, increasing per source.
    pub t: f64,
    /// Which camera or file; empty where there is only one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Name of the joint layout; the model's own where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// Who was seen; may be empty.
    pub people: Vec<Person>,
}

/// One person in a [`Frame`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// The source's own track number, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// V joints.
    pub joints: Vec<Joint>,
}

/// A joint as a pose source gives it: `[x, y, z]`, `[x, y, z, confidence]` or `null`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Joint(pub Option<[f32; 4]>);

impl Joint {
    /// A joint seen at x, y, z, with full confidence.
    pub fn at([x, y, z]: [f32; 3]) -> Self {
        Self(Some([x, y, z, 1.0]))
    }

    /// A joint of a data set in this layout: in a 2D one the third number is the confidence, and a
    /// joint without any was not seen.
    pub fn of_data([x, y, last]: [f32; 3], layout: &Layout) -> Self {
        match (layout.is_2d(), last > 0.0) {
            (false, _) => Self::at([x, y, last]),
            (true, true) => Self(Some([x, y, 0.0, last])),
            (true, false) => Self(None),
        }
    }

    /// x, y, z, if the joint was seen and all three are finite numbers.
    pub fn position(&self) -> Option<[f32; 3]> {
        let [x, y, z, _] = self.0?;
        [x, y, z].iter().all(|c| c.is_finite()).then_some([x, y, z])
    }

    /// The [`position`](Self::position), unless the confidence is 0: then the joint was not seen.
    pub fn seen(&self) -> Option<[f32; 3]> {
        self.position().filter(|_| self.confidence() > 0.0)
    }

    /// Confidence, 0 for a joint that was not seen.
    pub fn confidence(&self) -> f32 {
        self.0.map_or(0.0, |[.., confidence]| confidence)
    }
}

impl Frame {
    /// Reads one line.
    pub fn parse(line: &str) -> Result<Self, FrameError> {
        let mut json = serde_json::Deserializer::from_str(line);
        let frame: Frame = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let field = match error.path().to_string() {
                path if path == "." => "line".into(),
                path => path,
            };
            FrameError::Json {
                field,
                reason: error.inner().to_string(),
            }
        })?;
        json.end().map_err(|error| FrameError::Json {
            field: "line".into(),
            reason: error.to_string(),
        })?;
        if !frame.t.is_finite() {
            return Err(FrameError::Time(frame.t));
        }
        if frame.people.len() > MAX_PEOPLE {
            return Err(FrameError::TooManyPeople {
                found: frame.people.len(),
            });
        }
        Ok(frame)
    }

    /// One line of JSON, without the line's end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("a frame is always JSON")
    }
}

impl Serialize for Joint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some([x, y, z, 1.0]) => [x, y, z].serialize(serializer),
            joint => joint.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Joint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JointVisitor)
    }
}

struct JointVisitor;

impl<'de> Visitor<'de> for JointVisitor {
    type Value = Joint;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a joint: [x, y, z], [x, y, z, confidence] or null")
    }

    fn visit_unit<E>(self) -> Result<Joint, E> {
        Ok(Joint(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Joint, A::Error> {
        let mut joint = [0.0, 0.0, 0.0, 1.0];
        let mut seen = true;
        let mut length = 0;
        // Read in double precision: what is too large for single is no fault of the line, but a
        // joint that is nowhere.
        while let Some(value) = seq.next_element::<Option<f64>>()? {
            if length == joint.len() {
                return Err(A::Error::invalid_length(length + 1, &self));
            }
            // A null coordinate is a joint that was not seen, as is a whole null.
            seen &= value.is_some() || length == 3;
            // A confidence that is not known is not a low one.
            joint[length] = value.unwrap_or(if length == 3 { 1.0 } else { 0.0 }) as f32;
            length += 1;
        }
        if length < 3 {
            return Err(A::Error::invalid_length(length, &self));
        }
        Ok(Joint(seen.then_some(joint)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_back_as_it_was() {
        let line = r#"{"t":12.5,"source":"cam0","layout":"ntu25","people":[{"id":7,"joints":[[0.1,0.2,0.3],[0.1,0.2,0.3,0.5],null]}]}"#;
        let frame = Frame::parse(line).expect("a frame");
        assert_eq!(frame.people[0].joints[0], Joint::at([0.1, 0.2, 0.3]));
        assert_eq!(frame.people[0].joints[2].position(), None);
        assert_eq!(frame.to_line(), line);
    }

    #[test]
    fn a_null_coordinate_is_a_lost_joint_and_a_null_confidence_is_none() {
        let line = r#"{"t":1,"people":[{"joints":[[1,2,3,null],[1,null,3],[1,2,3,0]]}]}"#;
        let joints = Frame::parse(line).expect("a frame").people.remove(0).joints;
        let expected = [Some([1.0, 2.0, 3.0, 1.0]), None, Some([1.0, 2.0, 3.0, 0.0])];
        assert_eq!(joints, expected.map(Joint));
    }

    #[test]
    fn a_coordinate_beyond_single_precision_is_a_lost_joint() {
        let line = r#"{"t":1,"people":[{"joints":[[1e39,2,3],[1,-1e300,3],[1,2,3]]}]}"#;
        let joints = Frame::parse(line).expect("a frame").people.remove(0).joints;
        let places = joints.iter().map(Joint::position).collect::<Vec<_>>();
        assert_eq!(places, [None, None, Some([1.0, 2.0, 3.0])]);
    }

    #[test]
    fn errors_name_the_field() {
        for (line, expected) in [
            ("hello", "line"),
            (r#"{"t":1}"#, "people"),
            (r#"{"t":"x","people":[]}"#, "t:"),
            (
                r#"{"t":1,"people":[{"joints":[[1,2]]}]}"#,
                "people[0].joints[0]",
            ),
            (
                r#"{"t":1,"people":[{"joints":[[1,2,3,4,5]]}]}"#,
                "people[0].joints[0]",
            ),
            (r#"{"t":1,"people":[]} x"#, "line"),
            (
                r#"{"t":1,"people":[{"id":-3,"joints":[]}]}"#,
                "people[0].id",
            ),
        ] {
            let message = Frame::parse(line).expect_err(line).to_string();
            assert!(message.contains(expected), "{line}: {message}");
        }
    }

    #[test]
    fn a_crowd_is_refused() {
        let people = vec![r#"{"joints":[]}"#; 500].join(",");
        let error = Frame::parse(&format!(r#"{{"t":1,"people":[{people}]}}"#)).expect_err("crowd");
        assert!(matches!(error, FrameError::TooManyPeople { found: 500 }));
    }
}
