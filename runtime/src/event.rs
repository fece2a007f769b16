//! What the runtime says: events and, as the last line, the summary. `docs/event.md` has the format.

use crate::latency::Percentiles;
use crate::score::Report;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `action` where no class is trusted.
pub const UNKNOWN: &str = "unknown";

/// Under which frames are counted for which there was no room; `docs/event.md` lists all reasons.
const OVERLOAD: &str = "overload";

/// How many classes an event's `top` names.
pub const TOP: usize = 3;

/// Where a segment, a stretch of one person doing one thing, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It begins.
    Start,
    /// It goes on.
    Update,
    /// It is over.
    End,
}

/// What one person is doing, as one line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Time of the frame that led to it, seconds of the stream; for an end because nobody is there
    /// any more, when the person was last seen.
    pub t: f64,
    /// The frame's source; may be empty.
    pub source: String,
    /// The source's number for the person, or the runtime's own.
    pub person: u64,
    /// Where the segment stands.
    pub event: Kind,
    /// Name of the class, or [`UNKNOWN`].
    pub action: String,
    /// Smoothed probability, 0 to 1, of the best class.
    pub confidence: f64,
    /// When the segment began, seconds of the stream.
    pub since: f64,
    /// The best classes with their smoothed probabilities, best first.
    pub top: Vec<(String, f64)>,
    /// From the arrival of the frame to the event, milliseconds; `None` where the frame did not
    /// arrive, but was read from a recording, and where no frame led to the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
}

/// The frames of a run: `in` = `used` + Σ `dropped`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frames {
    /// Lines that were read, empty ones aside.
    #[serde(rename = "in")]
    pub seen: u64,
    /// Frames that went into tracks.
    pub used: u64,
    /// Lines that did not, by [`Fault::reason`](crate::fault::Fault::reason).
    pub dropped: BTreeMap<String, u64>,
}

/// Joints of the people in used frames.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joints {
    /// All.
    pub seen: u64,
    /// Those among them that were null, not finite or of no confidence, and were bridged.
    pub missing: u64,
}

/// How people came and went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracks {
    /// Tracks begun.
    pub begun: u64,
    /// Those among them that ended before their first whole window.
    pub too_short: u64,
    /// Tracks that ended since their id was somewhere else at once, where no body could have come.
    #[serde(default)]
    pub jumped: u64,
}

/// Events written, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    /// Starts.
    pub start: u64,
    /// Updates.
    pub update: u64,
    /// Ends.
    pub end: u64,
}

/// Times that model, gallery and decisions were to be read again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloads {
    /// Those after which what they say holds.
    pub done: u64,
    /// Those after which what had held before went on, since a file can't be used.
    pub failed: u64,
}

/// All that is counted over a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Frames.
    pub frames: Frames,
    /// People in used frames.
    pub people: u64,
    /// Their joints.
    pub joints: Joints,
    /// Tracks.
    pub tracks: Tracks,
    /// Windows that went through the model.
    pub windows: u64,
    /// Windows that fell out, since there was no frame, or no time, when they were due.
    #[serde(default, rename = "windows_skipped")]
    pub skipped: u64,
    /// Events.
    pub events: Events,
    /// Times that the files behind the run were read again.
    #[serde(default)]
    pub reloads: Reloads,
}

/// What became of the events that were meant for a sink: `in` = `out` + Σ `dropped`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Events that were meant for it.
    #[serde(rename = "in")]
    pub seen: u64,
    /// Those among them that got there.
    #[serde(rename = "out")]
    pub delivered: u64,
    /// Those that did not, by [`Loss::name`](crate::sink::tally::Loss::name).
    pub dropped: BTreeMap<String, u64>,
}

/// Who connected to the servers of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clients {
    /// Those who were let in.
    pub admitted: u64,
    /// Those for whom there was no room.
    pub refused: u64,
    /// Those who did not know the token.
    pub strangers: u64,
    /// Those who said nothing.
    pub silent: u64,
    /// Those whose connection broke.
    pub broken: u64,
}

/// The last line of a finite run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Always `summary`, so that one field tells all lines apart.
    pub event: String,
    /// The model's file.
    pub model: String,
    /// Which engine ran.
    pub backend: String,
    /// Which execution provider of it really ran.
    pub provider: String,
    /// Lengths of windows, seconds.
    pub window: Vec<f64>,
    /// From one window to the next of each length, seconds.
    pub hop: Vec<f64>,
    /// Everything counted.
    #[serde(flatten)]
    pub counts: Counts,
    /// Time that the run took, seconds.
    pub wall_seconds: f64,
    /// Time of one call of the engine, milliseconds.
    pub inference_ms: Option<Percentiles>,
    /// From a frame's arrival to its events, milliseconds.
    pub latency_ms: Option<Percentiles>,
    /// What became of the events, by sink.
    #[serde(default)]
    pub sinks: BTreeMap<String, Delivery>,
    /// Who connected, where frames came from clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<Clients>,
    /// How well it matched the truth, where there was one to compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth: Option<Report>,
}

/// Four digits are what a probability or a millisecond is good for.
pub(crate) fn rounded(x: f64) -> f64 {
    (x * 1e4).round() / 1e4
}

impl Frames {
    /// Counts lines that were not used.
    pub fn drop_for(&mut self, reason: &str, lines: u64) {
        *self.dropped.entry(reason.into()).or_default() += lines;
    }

    /// Counts frames for which there was no room.
    pub fn overloaded(&mut self, frames: u64) {
        if frames > 0 {
            self.seen += frames;
            self.drop_for(OVERLOAD, frames);
        }
    }

    /// How many, and why not all of them, for people.
    pub fn in_words(&self) -> String {
        let dropped = self.dropped.iter();
        let dropped: Vec<String> = dropped
            .map(|(why, count)| format!("{count} {why}"))
            .collect();
        let reasons = match dropped.is_empty() {
            true => String::new(),
            false => format!(" ({})", dropped.join(", ")),
        };
        format!(
            "{} lines, {} used, {} dropped{reasons}",
            self.seen,
            self.used,
            self.dropped_in_all()
        )
    }

    /// Σ over the reasons.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_the_line_that_the_specification_shows() {
        let event = Event {
            t: 12.6,
            source: "cam0".into(),
            person: 7,
            event: Kind::Start,
            action: "drink water".into(),
            confidence: 0.93,
            since: 11.4,
            top: vec![("drink water".into(), 0.93), ("phone call".into(), 0.04)],
            latency_ms: Some(4.1),
        };
        let line = r#"{"t":12.6,"source":"cam0","person":7,"event":"start","action":"drink water","confidence":0.93,"since":11.4,"top":[["drink water",0.93],["phone call",0.04]],"latency_ms":4.1}"#;
        assert_eq!(serde_json::to_string(&event).expect("JSON"), line);
        assert_eq!(serde_json::from_str::<Event>(line).expect("read"), event);
    }
}
