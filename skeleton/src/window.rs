//! Windows: where they are cut from a recording, and how the samples inside one become the
//! encoder's T frames.

use crate::sequence::{CHANNELS, Sequence};
use std::ops::Range;

/// Frame ranges of the windows of `window` seconds that start every `hop` seconds in a recording
/// of `frames` frames at `fps`. A recording shorter than a window is one window of its own length.
pub fn cut(frames: usize, fps: f64, window: f64, hop: f64) -> Vec<Range<usize>> {
    let length = ((window * fps).round() as usize).max(1);
    if frames <= length {
        return std::iter::once(0..frames)
            .filter(|all| !all.is_empty())
            .collect();
    }
    // Windows that begin at the same frame are one.
    let hop = hop.max(1.0 / fps);
    (0..)
        .map(|i| (i as f64 * hop * fps).round() as usize)
        .take_while(|start| start + length <= frames)
        .map(|start| start..start + length)
        .collect()
}

/// One body at one instant, as a pose source saw it.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Seconds.
    pub t: f64,
    /// V positions in metres; `None` where the source had none.
    pub joints: Vec<Option<[f32; 3]>>,
}

/// Resamples what was seen of one body in [`start`, `start` + `length`) seconds onto `frames`
/// frames, shape (T, 1, V, 3). `None` where no joint was seen at all.
///
/// Output frame i stands for the instant start + (i + ½)·length/T. Between two samples positions
/// are linear in time, joint by joint over the samples that have the joint; before the first and
/// after the last they stay. With samples at regular instants t = (j + ½)/fps this is
/// [`resize::linear`](crate::resize::linear), the trainer's way. A joint that was never seen takes
/// the place of `centre`, so that after centring it lies at the origin.
pub fn resample(
    samples: &[Sample],
    start: f64,
    length: f64,
    frames: usize,
    centre: usize,
) -> Option<Sequence> {
    let joints = samples.first()?.joints.len();
    let mut resampled = Sequence::zeros(frames, 1, joints);
    let mut missing = Vec::new();
    let mut seen = Vec::with_capacity(samples.len());
    for v in 0..joints {
        seen.clear();
        seen.extend(
            samples
                .iter()
                .filter_map(|s| s.joints[v].map(|position| (s.t, position))),
        );
        if seen.is_empty() {
            missing.push(v);
            continue;
        }
        let mut next = 0;
        for i in 0..frames {
            let t = start + (i as f64 + 0.5) * length / frames as f64;
            while next < seen.len() && seen[next].0 < t {
                next += 1;
            }
            let (before, after) = (seen[next.saturating_sub(1)], seen[next.min(seen.len() - 1)]);
            let gap = after.0 - before.0;
            let share = if gap > 0.0 {
                ((t - before.0) / gap).clamp(0.0, 1.0)
            } else {
                0.0
            };
            let mut position = [0.0; CHANNELS];
            for (c, out) in position.iter_mut().enumerate() {
                *out =
                    (f64::from(before.1[c]) * (1.0 - share) + f64::from(after.1[c]) * share) as f32;
            }
            resampled.set_joint(i, 0, v, position);
        }
    }
    if missing.len() == joints {
        return None;
    }
    for &v in &missing {
        for t in 0..frames {
            let position = resampled.joint(t, 0, centre);
            resampled.set_joint(t, 0, v, position);
        }
    }
    Some(resampled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resize;

    fn recording(frames: usize) -> Sequence {
        let mut sequence = Sequence::zeros(frames, 1, 3);
        for t in 0..frames {
            for v in 0..3 {
                let x = (t as f32 * 0.37 + v as f32).sin();
                sequence.set_joint(t, 0, v, [x, x * x, 2.0 - x]);
            }
        }
        sequence
    }

    fn samples(sequence: &Sequence, fps: f64) -> Vec<Sample> {
        let joints = |t| (0..3).map(|v| Some(sequence.joint(t, 0, v))).collect();
        (0..sequence.frames)
            .map(|t| Sample {
                t: (t as f64 + 0.5) / fps,
                joints: joints(t),
            })
            .collect()
    }

    #[test]
    fn windows_tile_a_recording() {
        assert_eq!(cut(10, 10.0, 0.5, 0.2), [0..5, 2..7, 4..9]);
        let short: Vec<Range<usize>> = std::iter::once(0..3).collect();
        assert_eq!(cut(3, 10.0, 0.5, 0.2), short);
        assert!(cut(0, 10.0, 0.5, 0.2).is_empty());
        assert_eq!(cut(4, 10.0, 0.2, 1e-12), [0..2, 1..3, 2..4]);
    }

    #[test]
    fn regular_samples_give_what_the_trainer_sees() {
        for frames in [7, 20, 50, 83] {
            let sequence = recording(frames);
            let fps = 12.5;
            let length = frames as f64 / fps;
            let ours = resample(&samples(&sequence, fps), 0.0, length, 50, 0).expect("seen");
            let trainers = resize::linear(sequence.view(), 50);
            for (a, b) in ours.data.iter().zip(&trainers.data) {
                assert!((a - b).abs() < 1e-6, "{frames} frames: {a} {b}");
            }
        }
    }

    #[test]
    fn a_missed_frame_and_a_lost_joint_are_bridged() {
        let mut ramp = Sequence::zeros(10, 1, 3);
        for t in 0..10 {
            (0..3).for_each(|v| ramp.set_joint(t, 0, v, [t as f32, v as f32, 0.0]));
        }
        let mut seen = samples(&ramp, 10.0);
        seen[4].joints[1] = None;
        seen.iter_mut().for_each(|s| s.joints[2] = None);
        seen.remove(7);
        let window = resample(&seen, 0.0, 1.0, 10, 0).expect("seen");
        for t in 0..10 {
            assert!((window.joint(t, 0, 0)[0] - t as f32).abs() < 1e-5);
            assert!((window.joint(t, 0, 1)[0] - t as f32).abs() < 1e-5);
            assert_eq!(window.joint(t, 0, 2), window.joint(t, 0, 0));
        }
    }

    #[test]
    fn nothing_seen_is_no_window() {
        assert!(resample(&[], 0.0, 1.0, 10, 0).is_none());
        let blind = Sample {
            t: 0.0,
            joints: vec![None; 3],
        };
        assert!(resample(&[blind], 0.0, 1.0, 10, 0).is_none());
    }
}
