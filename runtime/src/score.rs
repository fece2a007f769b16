//! How well a run of events matches what really happened, weighed by time.

mod segments;

use crate::event::{Event, Kind, rounded};
use aimclr_skeleton::truth::Segment;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use segments::{F1, Idle};

/// What stands for "nothing was decided": before the first window and where nobody is.
pub const NOTHING: &str = "nothing";

/// Collects events and compares them with the truth.
///
/// What counts at an instant is the decision that had been said by then, so looking back over a
/// window costs what it costs a user. A truth file speaks of one person: where several are there,
/// the one who came first counts, and of several sources the first.
#[derive(Debug, Default)]
pub struct Score {
    source: Option<String>,
    /// For each person in order of coming: who, and what was said from when.
    people: Vec<(u64, Vec<Said>)>,
}

#[derive(Debug, Clone)]
struct Said {
    from: f64,
    to: f64,
    action: String,
}

/// How well events match the truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Share of the labelled time, 0 to 1, in which what was said was true.
    pub accuracy: f64,
    /// The labelled time, seconds.
    pub seconds: f64,
    /// Median time from the start of a segment to the first true word about it, seconds; `None`
    /// where no segment was recognised.
    pub delay: Option<f64>,
    /// The 95th percentile of the same.
    #[serde(default)]
    pub delay_p95: Option<f64>,
    /// How well segments were found as a whole.
    pub f1: F1,
    /// What was said of time without a label.
    pub idle: Idle,
    /// Each segment of the truth.
    pub segments: Vec<SegmentReport>,
    /// Each action of the truth, in order of its name.
    pub actions: Vec<ActionReport>,
}

/// How well one segment was recognised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentReport {
    /// Seconds.
    pub start: f64,
    /// Seconds.
    pub end: f64,
    /// What really happened.
    pub action: String,
    /// What was said for the longest part of it.
    pub recognised: String,
    /// Share of its time, 0 to 1, in which what was said was true.
    pub share: f64,
    /// Seconds from its start to the first true word; `None` if there was none.
    pub delay: Option<f64>,
}

/// How well one action was recognised, all its segments together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionReport {
    /// What really happened.
    pub action: String,
    /// For how long, seconds.
    pub seconds: f64,
    /// Share of it, 0 to 1, in which what was said was true.
    pub share: f64,
    /// What was said instead most of the time, and its share; `None` if all was right.
    pub taken_for: Option<(String, f64)>,
}

impl Score {
    /// Takes the next event of a run.
    pub fn take(&mut self, event: &Event) {
        if *self.source.get_or_insert_with(|| event.source.clone()) != event.source {
            return;
        }
        let at = self.people.iter().position(|(who, _)| *who == event.person);
        let at = at.unwrap_or_else(|| {
            self.people.push((event.person, Vec::new()));
            self.people.len() - 1
        });
        let said = &mut self.people[at].1;
        match event.event {
            Kind::Start => said.push(Said {
                from: event.t,
                to: f64::INFINITY,
                action: event.action.clone(),
            }),
            Kind::Update => {}
            Kind::End => {
                if let Some(last) = said.last_mut() {
                    last.to = event.t;
                }
            }
        }
    }

    /// Compares all that was said with the truth.
    pub fn report(&self, truth: &[Segment]) -> Report {
        let timeline = self.timeline();
        let mut segments = Vec::new();
        let mut said_of: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
        for segment in truth {
            let said = within(&timeline, segment);
            let total = said_of.entry(&segment.action).or_default();
            for (action, seconds) in &said {
                *total.entry(action).or_default() += seconds;
            }
            let length = segment.end - segment.start;
            let right = said.get(&*segment.action).copied().unwrap_or(0.0);
            let first = from(&timeline, segment.start)
                .iter()
                .take_while(|s| s.from < segment.end)
                .find(|s| s.action == segment.action);
            let delay = first.map(|s| (s.from - segment.start).max(0.0));
            segments.push(SegmentReport {
                start: segment.start,
                end: segment.end,
                action: segment.action.clone(),
                recognised: longest(&said).map_or(NOTHING, |(action, _)| action).into(),
                share: rounded(right / length),
                delay: delay.map(rounded),
            });
        }
        let actions: Vec<ActionReport> = said_of
            .iter()
            .map(|(action, said)| {
                let seconds: f64 = said.values().sum();
                let mut wrong = said.clone();
                let right = wrong.remove(action).unwrap_or(0.0);
                ActionReport {
                    action: action.to_string(),
                    seconds: rounded(seconds),
                    share: rounded(right / seconds),
                    taken_for: longest(&wrong)
                        .map(|(other, time)| (other.to_string(), rounded(time / seconds))),
                }
            })
            .collect();
        // A sum of nothing is −0.
        let seconds = said_of.values().flat_map(BTreeMap::values).sum::<f64>() + 0.0;
        // A sum of nothing is −0, which would be printed so.
        let right: f64 = said_of
            .iter()
            .filter_map(|(action, said)| said.get(action))
            .fold(0.0, |sum, time| sum + time);
        let mut delays: Vec<f64> = segments.iter().filter_map(|s| s.delay).collect();
        delays.sort_by(f64::total_cmp);
        Report {
            accuracy: if seconds > 0.0 {
                rounded(right / seconds)
            } else {
                0.0
            },
            seconds: rounded(seconds),
            delay: delays.get(delays.len() / 2).copied(),
            delay_p95: delays
                .get((delays.len() * 95 / 100).min(delays.len().max(1) - 1))
                .copied(),
            f1: F1::of(&timeline, truth),
            idle: Idle::of(&timeline, truth),
            segments,
            actions,
        }
    }

    /// What was said at each time, in order; who came first has the word.
    fn timeline(&self) -> Vec<Said> {
        let mut edges: Vec<f64> = self
            .people
            .iter()
            .flat_map(|(_, said)| said.iter().flat_map(|s| [s.from, s.to]))
            .collect();
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        let mut next = vec![0; self.people.len()];
        let mut timeline: Vec<Said> = Vec::new();
        for pair in edges.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let mut current = None;
            for ((_, said), next) in self.people.iter().zip(&mut next) {
                while said.get(*next).is_some_and(|s| s.to <= from) {
                    *next += 1;
                }
                current = current.or(said.get(*next).filter(|s| s.from <= from));
            }
            match (current, timeline.last_mut()) {
                (Some(s), Some(last)) if last.to == from && last.action == s.action => last.to = to,
                (Some(s), _) => timeline.push(Said {
                    from,
                    to,
                    action: s.action.clone(),
                }),
                (None, _) => {}
            }
        }
        timeline
    }
}

/// The part of a timeline that is not over at `t`.
fn from(timeline: &[Said], t: f64) -> &[Said] {
    &timeline[timeline.partition_point(|s| s.to <= t)..]
}

/// Seconds of a segment by what was said in them; [`NOTHING`] fills it up.
fn within<'a>(timeline: &'a [Said], segment: &Segment) -> BTreeMap<&'a str, f64> {
    let mut said: BTreeMap<&str, f64> = BTreeMap::new();
    let mut rest = segment.end - segment.start;
    for s in from(timeline, segment.start) {
        if s.from >= segment.end {
            break;
        }
        let seconds = s.to.min(segment.end) - s.from.max(segment.start);
        *said.entry(&s.action).or_default() += seconds;
        rest -= seconds;
    }
    if rest > 1e-9 {
        said.insert(NOTHING, rest);
    }
    said
}

fn longest<'a>(said: &BTreeMap<&'a str, f64>) -> Option<(&'a str, f64)> {
    said.iter()
        .map(|(action, seconds)| (*action, *seconds))
        .max_by(|a, b| a.1.total_cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(t: f64, person: u64, event: Kind, action: &str) -> Event {
        Event {
            t,
            source: String::new(),
            person,
            event,
            action: action.into(),
            confidence: 1.0,
            since: 0.0,
            top: Vec::new(),
            latency_ms: None,
        }
    }

    fn segment(start: f64, end: f64, action: &str) -> Segment {
        Segment {
            start,
            end,
            action: action.into(),
        }
    }

    fn score(events: &[Event]) -> Score {
        let mut score = Score::default();
        events.iter().for_each(|event| score.take(event));
        score
    }

    #[test]
    fn accuracy_is_weighed_by_time() {
        let score = score(&[
            event(2.0, 1, Kind::Start, "wave"),
            event(4.0, 1, Kind::Update, "wave"),
            event(11.0, 1, Kind::End, "wave"),
            event(11.0, 1, Kind::Start, "unknown"),
            event(12.0, 1, Kind::End, "unknown"),
            event(12.0, 1, Kind::Start, "bow"),
            event(20.0, 1, Kind::End, "bow"),
        ]);
        let truth = [segment(0.0, 10.0, "wave"), segment(10.0, 20.0, "bow")];
        let report = score.report(&truth);
        // Right: 2–10 and 12–20.
        assert_eq!((report.accuracy, report.seconds), (0.8, 20.0));
        assert_eq!(report.delay, Some(2.0));
        let wave = &report.segments[0];
        assert_eq!((wave.share, wave.delay), (0.8, Some(2.0)));
        assert_eq!(report.segments[1].recognised, "bow");
        let taken: Vec<_> = report.actions.iter().map(|a| a.taken_for.clone()).collect();
        // "unknown" and "wave" have a second of the bow each; nothing has two of the wave.
        assert_eq!(taken[0].as_ref().map(|t| t.1), Some(0.1));
        assert_eq!(taken[1], Some((NOTHING.into(), 0.2)));
    }

    #[test]
    fn what_is_said_before_the_segment_is_no_delay() {
        let score = score(&[
            event(1.0, 1, Kind::Start, "bow"),
            event(9.0, 1, Kind::End, "bow"),
        ]);
        let truth = [segment(4.0, 6.0, "bow"), segment(6.0, 8.0, "wave")];
        let report = score.report(&truth);
        assert_eq!(report.segments[0].delay, Some(0.0));
        assert_eq!(report.segments[0].share, 1.0);
        assert_eq!(report.segments[1].delay, None);
        assert_eq!(report.segments[1].recognised, "bow");
        assert_eq!(report.accuracy, 0.5);
    }

    #[test]
    fn the_first_person_has_the_word_and_a_second_fills_the_gaps() {
        let score = score(&[
            event(0.0, 1, Kind::Start, "wave"),
            event(1.0, 2, Kind::Start, "bow"),
            event(4.0, 1, Kind::End, "wave"),
            event(8.0, 2, Kind::End, "bow"),
        ]);
        let report = score.report(&[segment(0.0, 8.0, "wave")]);
        assert_eq!(report.accuracy, 0.5);
        assert_eq!(report.actions[0].taken_for, Some(("bow".into(), 0.5)));
    }

    #[test]
    fn silence_is_wrong() {
        let report = score(&[]).report(&[segment(0.0, 8.0, "wave")]);
        assert_eq!(report.accuracy, 0.0);
        assert_eq!(report.segments[0].recognised, NOTHING);
        assert_eq!(report.delay, None);
    }
}
