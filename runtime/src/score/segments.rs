//! Segments as a whole: which of those that were said are true ones, and which nobody did.

use super::Said;
use crate::event::{UNKNOWN, rounded};
use aimclr_skeleton::truth::Segment;
use serde::{Deserialize, Serialize};

/// F1 of segments at three overlaps, each 0 to 1. After Lea et al., "Temporal Convolutional Networks
/// for Action Segmentation and Detection", 2017: a segment that was said is a true one where its
/// overlap with one of the same action, as a share of both together, is at least so much; each true
/// one can be found once. `unknown` is no segment, and what was said of unlabelled time alone counts
/// in [`Idle`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct F1 {
    /// An overlap of a tenth.
    pub at10: f64,
    /// Of a quarter.
    pub at25: f64,
    /// Of a half.
    pub at50: f64,
}

/// What was said of time that has no label.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Idle {
    /// Time without a label in which somebody was there, so that something was said, be it `unknown`.
    pub seconds: f64,
    /// Segments said of it that touch no label, `unknown` aside.
    pub false_segments: usize,
    /// The same an hour; `None` where there was no such time.
    pub per_hour: Option<f64>,
}

/// Length of what a segment that was said and a true one have in common, seconds.
fn common(said: &Said, segment: &Segment) -> f64 {
    (said.to.min(segment.end) - said.from.max(segment.start)).max(0.0)
}

impl F1 {
    pub(super) fn of(timeline: &[Said], truth: &[Segment]) -> Self {
        let touches = |said: &&Said| truth.iter().any(|segment| common(said, segment) > 0.0);
        let said: Vec<&Said> = named(timeline).filter(touches).collect();
        let at = |overlap: f64| {
            let mut found = vec![false; truth.len()];
            let mut hits = 0;
            for said in &said {
                let share = |segment: &Segment| {
                    let common = common(said, segment);
                    common / (said.to - said.from + segment.end - segment.start - common)
                };
                let best = (0..truth.len())
                    .filter(|i| !found[*i] && truth[*i].action == said.action)
                    .map(|i| (i, share(&truth[i])))
                    .max_by(|a, b| a.1.total_cmp(&b.1));
                if let Some((i, share)) = best
                    && share >= overlap
                {
                    found[i] = true;
                    hits += 1;
                }
            }
            match said.len() + truth.len() {
                0 => 0.0,
                all => rounded(2.0 * f64::from(hits) / all as f64),
            }
        };
        Self {
            at10: at(0.10),
            at25: at(0.25),
            at50: at(0.50),
        }
    }
}

impl Idle {
    pub(super) fn of(timeline: &[Said], truth: &[Segment]) -> Self {
        let labelled = |said: &Said| truth.iter().map(|s| common(said, s)).sum::<f64>();
        let seconds: f64 = timeline.iter().map(|s| s.to - s.from - labelled(s)).sum();
        let false_segments = named(timeline).filter(|s| labelled(s) == 0.0).count();
        Self {
            seconds: rounded(seconds),
            false_segments,
            per_hour: (seconds > 1e-9).then(|| rounded(false_segments as f64 * 3600.0 / seconds)),
        }
    }
}

fn named(timeline: &[Said]) -> impl Iterator<Item = &Said> {
    timeline.iter().filter(|said| said.action != UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(from: f64, to: f64, action: &str) -> Said {
        Said {
            from,
            to,
            action: action.into(),
        }
    }

    fn segment(start: f64, end: f64, action: &str) -> Segment {
        Segment {
            start,
            end,
            action: action.into(),
        }
    }

    #[test]
    fn a_true_segment_is_found_once_and_where_it_overlaps_enough() {
        let truth = [segment(0.0, 10.0, "wave"), segment(10.0, 20.0, "bow")];
        // The bow is said in two halves of which one is short, the wave late.
        let timeline = [
            said(6.0, 10.0, "wave"),
            said(10.0, 12.0, "bow"),
            said(12.0, 13.0, UNKNOWN),
            said(13.0, 20.0, "bow"),
        ];
        let f1 = F1::of(&timeline, &truth);
        // The first half of the bow takes it at a tenth, the second one at more.
        assert_eq!(f1.at10, 2.0 * 2.0 / 5.0);
        assert_eq!(f1.at25, 2.0 * 2.0 / 5.0);
        // Of the wave 4 of 10 seconds were said.
        assert_eq!(f1.at50, 2.0 * 1.0 / 5.0);
        let perfect = [said(0.0, 10.0, "wave"), said(10.0, 20.0, "bow")];
        assert_eq!(F1::of(&perfect, &truth).at50, 1.0);
        assert_eq!(F1::of(&[], &truth).at10, 0.0);
        // What touches no label is none of it.
        let more = [perfect, [said(30.0, 31.0, "bow"), said(31.0, 32.0, "bow")]].concat();
        assert_eq!(F1::of(&more, &truth).at50, 1.0);
    }

    #[test]
    fn what_nobody_did_is_counted_by_the_hour() {
        let truth = [segment(10.0, 20.0, "wave")];
        let timeline = [
            said(0.0, 9.0, UNKNOWN),
            said(9.0, 21.0, "wave"),
            said(21.0, 25.0, "bow"),
            said(30.0, 56.0, UNKNOWN),
        ];
        let idle = Idle::of(&timeline, &truth);
        assert_eq!(idle.seconds, 9.0 + 2.0 + 4.0 + 26.0);
        assert_eq!(idle.false_segments, 1);
        assert_eq!(idle.per_hour, Some(rounded(3600.0 / 41.0)));
        assert_eq!(Idle::of(&[], &truth).per_hour, None);
    }
}
