//! Why a line of a pose stream is not used.

use aimclr_skeleton::convert::ConvertError;
use aimclr_skeleton::frame::{FrameError, MAX_LINE};
use thiserror::Error;

/// Why a line of a pose stream is not used. The stream goes on after each of them.
#[derive(Debug, Error)]
pub enum Fault {
    /// The line is longer than [`MAX_LINE`].
    #[error("line: {bytes} bytes long, at most {MAX_LINE} are taken")]
    TooLong {
        /// Its length without the line's end.
        bytes: u64,
    },
    /// The line holds the words NaN or Infinity, which JSON does not know.
    #[error("{field}: NaN and Infinity are no JSON; expected null for a joint that was not seen")]
    NotFinite {
        /// Path of the field at which reading stopped.
        field: String,
    },
    /// The line is no frame of the native format.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// There is no way from the frame's joint layout onto the model's.
    #[error(transparent)]
    Layout(#[from] ConvertError),
    /// A person has more or fewer joints than the layout.
    #[error("people[{person}].joints: expected {expected} joints ({layout}), found {found}")]
    Joints {
        /// Place of the person in the frame, 0-based.
        person: usize,
        /// V.
        expected: usize,
        /// The frame's layout.
        layout: String,
        /// How many there are.
        found: usize,
    },
    /// Two people of one frame have the same id.
    #[error("people[{person}].id: {id} occurs twice in the frame; expected one person per id")]
    SameId {
        /// Place of the second of them in the frame, 0-based.
        person: usize,
        /// The id.
        id: u64,
    },
    /// Time does not increase within its source.
    #[error("t: expected more than {last}, the time of the source's line before, found {found}")]
    Time {
        /// Time of the last frame of this source that was used, seconds.
        last: f64,
        /// Time of this frame, seconds.
        found: f64,
    },
    /// The name of the source is too long, or there are too many sources.
    #[error("source: {reason}")]
    Source {
        /// What is too much, and what is taken.
        reason: String,
    },
    /// A clip that is to be looked at as a whole holds more than fits.
    #[error(
        "people: more than {most} in all, at most so many are taken in a clip that is classified as one"
    )]
    ClipTooLong {
        /// How many are taken.
        most: usize,
    },
}

impl Fault {
    /// Short name under which the summary counts it; `docs/event.md` lists them.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too_long",
            Self::NotFinite { .. } => "not_finite",
            Self::Frame(FrameError::Json { .. }) => "not_a_frame",
            Self::Frame(FrameError::TooManyPeople { .. }) => "too_many_people",
            Self::Frame(FrameError::Time(_)) | Self::Time { .. } => "time",
            Self::Layout(_) => "layout",
            Self::Joints { .. } => "joints",
            Self::SameId { .. } => "same_id",
            Self::Source { .. } => "source",
            Self::ClipTooLong { .. } => "clip_too_long",
        }
    }
}
