//! Windows: where they are cut from a recording, and how the samples inside one become the
//! encoder's T frames.

use crate::layout::Layout;
use crate::resize;
use crate::sequence::{Sequence, SequenceRef};
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

/// How a recording becomes what an encoder looks at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cut {
    /// All of it at once: what trimmed clips are trained with. What is beyond [`resize::LONGEST`]
    /// frames does not count.
    Whole,
    /// Windows; a recording that is shorter is one window.
    Windows {
        /// Length, seconds, above 0.
        window: f64,
        /// From one window to the next, seconds, above 0.
        hop: f64,
    },
}

impl Cut {
    /// Frame ranges in a recording of `frames` frames at `fps`.
    pub fn ranges(self, frames: usize, fps: f64) -> Vec<Range<usize>> {
        match self {
            Self::Whole if frames == 0 => Vec::new(),
            Self::Whole => std::iter::once(0..frames.min(resize::LONGEST)).collect(),
            Self::Windows { window, hop } => cut(frames, fps, window, hop),
        }
    }

    /// How many of the windows that follow one overlap it.
    pub fn overlap(self) -> usize {
        match self {
            Self::Whole => 0,
            Self::Windows { window, hop } => ((window / hop).ceil() as usize).saturating_sub(1),
        }
    }

    /// The frames of a range that are looked at.
    pub fn part<'s>(self, sequence: SequenceRef<'s>, range: Range<usize>) -> SequenceRef<'s> {
        let part = sequence.slice(range);
        match self {
            Self::Whole => resize::valid_frames(part),
            Self::Windows { .. } => part,
        }
    }
}

/// One body at one instant, as a pose source saw it.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Seconds.
    pub t: f64,
    /// V joints as the encoder takes them: x, y, z, or x, y and confidence in a 2D layout; `None`
    /// where the source had none.
    pub joints: Vec<Option<[f32; 3]>>,
}

/// Resamples what was seen of one body in [`start`, `start` + `length`) seconds onto `frames`
/// frames, shape (T, 1, V, 3). `None` where no joint was seen at all.
///
/// Output frame i stands for the instant start + (i + ½)·length/T. Between two samples joints
/// are linear in time; before the first and after the last they stay. With samples at regular
/// instants t = (j + ½)/fps this is [`resize::onto`], the trainer's way.
///
/// A joint that some samples lack is bridged over them in a 3D layout; one that was never seen
/// takes the place of the layout's centre, so that after centring it lies at the origin. In a 2D
/// layout a joint that is missing is (0, 0, 0) and stays so, as in a data set: the encoder was
/// trained with joints that are.
pub fn resample(
    samples: &[Sample],
    start: f64,
    length: f64,
    frames: usize,
    layout: &Layout,
) -> Option<Sequence> {
    let joints = samples.first()?.joints.len();
    let mut resampled = Sequence::zeros(frames, 1, joints);
    let mut missing = Vec::new();
    let mut known = Vec::with_capacity(samples.len());
    for v in 0..joints {
        if samples.iter().all(|sample| sample.joints[v].is_none()) {
            missing.push(v);
            continue;
        }
        known.clear();
        known.extend(samples.iter().filter_map(|s| match s.joints[v] {
            None if layout.is_2d() => Some((s.t, [0.0; 3])),
            joint => Some((s.t, joint?)),
        }));
        let mut next = 0;
        for i in 0..frames {
            let t = start + (i as f64 + 0.5) * length / frames as f64;
            while next < known.len() && known[next].0 < t {
                next += 1;
            }
            let (before, after) = (
                known[next.saturating_sub(1)],
                known[next.min(known.len() - 1)],
            );
            let gap = after.0 - before.0;
            let share = match gap > 0.0 {
                true => ((t - before.0) / gap).clamp(0.0, 1.0),
                false => 0.0,
            };
            let ends = [before.1, after.1];
            let joint = match layout.is_2d() {
                true => resize::between(ends, share),
                false => resize::mixed(ends, share),
            };
            resampled.set_joint(i, 0, v, joint);
        }
    }
    if missing.len() == joints {
        return None;
    }
    if !layout.is_2d() {
        for t in 0..frames {
            let centre = resampled.joint(t, 0, layout.centre);
            for &v in &missing {
                resampled.set_joint(t, 0, v, centre);
            }
        }
    }
    Some(resampled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Point;

    /// Three joints in space, the first one the centre.
    fn layout() -> Layout {
        Layout {
            name: "three".into(),
            joints: ["trunk", "arm", "leg"].map(String::from).into(),
            edges: vec![(1, 0), (2, 0)],
            centre: 0,
            swap: Vec::new(),
            turn: (1, 2),
            torso: (Point::Joint(0), Point::Joint(1)),
            dimensions: 3,
        }
    }

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
            let ours =
                resample(&samples(&sequence, fps), 0.0, length, 50, &layout()).expect("seen");
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
        let window = resample(&seen, 0.0, 1.0, 10, &layout()).expect("seen");
        for t in 0..10 {
            assert!((window.joint(t, 0, 0)[0] - t as f32).abs() < 1e-5);
            assert!((window.joint(t, 0, 1)[0] - t as f32).abs() < 1e-5);
            assert_eq!(window.joint(t, 0, 2), window.joint(t, 0, 0));
        }
    }

    #[test]
    fn a_2d_window_is_what_a_data_set_gives() {
        let layout = Layout::by_name("coco17").expect("known");
        let fps = 30.0;
        // Time stamps in milliseconds, as cameras write them, and in microseconds.
        let rounded = [20, 50, 60, 75, 100].map(|frames| [(frames, 1e3, 0.3), (frames, 1e6, 1e-3)]);
        for (frames, parts, near) in rounded.into_iter().flatten() {
            let mut clip = Sequence::zeros(frames, 1, layout.len());
            for t in 0..frames {
                for v in 0..layout.len() {
                    // The left eye is never seen, the others are lost now and then.
                    if v != 1 && (t * 7 + v * 5) % 11 > 2 {
                        let x = (t as f32 * 0.2 + v as f32).sin();
                        clip.set_joint(t, 0, v, [320.0 + 40.0 * x, 240.0 - 30.0 * x, 0.7]);
                    }
                }
            }
            let seen: Vec<Sample> = (0..frames)
                .map(|t| Sample {
                    t: ((t as f64 + 0.5) / fps * parts).round() / parts,
                    joints: (0..layout.len())
                        .map(|v| Some(clip.joint(t, 0, v)).filter(|joint| *joint != [0.0; 3]))
                        .collect(),
                })
                .collect();
            let length = frames as f64 / fps;
            let live = resample(&seen, 0.0, length, 50, &layout).expect("seen");
            let stored = resize::onto(clip.view(), 50, &layout);
            assert!((0..50).all(|t| live.joint(t, 0, 1) == [0.0; 3]));
            for (at, (a, b)) in live.data.iter().zip(&stored.data).enumerate() {
                assert!(
                    (a - b).abs() < near,
                    "{frames} frames, number {at}: {a} {b}"
                );
            }
        }
    }

    #[test]
    fn nothing_seen_is_no_window() {
        assert!(resample(&[], 0.0, 1.0, 10, &layout()).is_none());
        let blind = Sample {
            t: 0.0,
            joints: vec![None; 3],
        };
        assert!(resample(&[blind], 0.0, 1.0, 10, &layout()).is_none());
    }
}
