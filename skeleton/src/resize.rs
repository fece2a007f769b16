//! Bringing a clip to the encoder's number of frames.

use crate::layout::Layout;
use crate::sequence::{Sequence, SequenceRef};

/// How far from the middle between two frames still is half-way: time stamps rounded to
/// milliseconds are off by so much at 60 frames a second.
const HALFWAY: f64 = 0.03;

/// Source position of output frame `i` when `from` frames become `to`: half-pixel centres, clamped,
/// as OpenCV's INTER_LINEAR has it. Gives (lower frame, share of the frame above it).
pub(crate) fn source(i: usize, from: usize, to: usize) -> (usize, f64) {
    let position = (i as f64 + 0.5) * from as f64 / to as f64 - 0.5;
    let position = position.clamp(0.0, (from - 1) as f64);
    let lower = (position.floor() as usize).min(from.saturating_sub(2));
    (lower, position - lower as f64)
}

/// Resampling of all frames onto `frames` of them, as bodies of this layout ask for: [`linear`], of
/// 2D ones [`of_seen`].
pub fn onto(sequence: SequenceRef<'_>, frames: usize, layout: &Layout) -> Sequence {
    match layout.is_2d() {
        true => of_seen(sequence, frames),
        false => linear(sequence, frames),
    }
}

/// A recording of `fps` frames a second brought to `rate` frames a second, to the nearest whole
/// number of frames.
pub fn to_rate(sequence: SequenceRef<'_>, fps: f64, rate: f64, layout: &Layout) -> Sequence {
    let frames = (sequence.frames as f64 * rate / fps).round() as usize;
    onto(sequence, frames, layout)
}

/// Linear resampling of all frames onto `frames` of them. A sequence without frames gives zeros.
pub fn linear(sequence: SequenceRef<'_>, frames: usize) -> Sequence {
    let mut resized = Sequence::zeros(frames, sequence.bodies, sequence.joints);
    if sequence.frames == 0 {
        return resized;
    }
    let size = sequence.data.len() / sequence.frames;
    for (i, out) in resized.data.chunks_exact_mut(size).enumerate() {
        let (lower, share) = source(i, sequence.frames, frames);
        let below = &sequence.data[lower * size..][..size];
        let above = &sequence.data[(lower + 1).min(sequence.frames - 1) * size..][..size];
        for ((out, a), b) in out.iter_mut().zip(below).zip(above) {
            *out = (f64::from(*a) * (1.0 - share) + f64::from(*b) * share) as f32;
        }
    }
    resized
}

/// As [`linear`], but a joint that is missing, (0, 0, 0), is not mixed with one that was seen:
/// there is no place between them, so the nearer frame is taken. For 2D bodies always.
pub fn of_seen(sequence: SequenceRef<'_>, frames: usize) -> Sequence {
    let mut resized = Sequence::zeros(frames, sequence.bodies, sequence.joints);
    if sequence.frames == 0 {
        return resized;
    }
    for i in 0..frames {
        let (lower, share) = source(i, sequence.frames, frames);
        let upper = (lower + 1).min(sequence.frames - 1);
        for m in 0..sequence.bodies {
            for v in 0..sequence.joints {
                let ends = [lower, upper].map(|t| sequence.joint(t, m, v));
                resized.set_joint(i, m, v, between(ends, share));
            }
        }
    }
    resized
}

/// A 2D joint between two instants, `share` of the way from the first to the second: linear where
/// it was seen in both, else as in the nearer one. Half-way, where rounding would decide, it is
/// there if it was seen at all.
pub(crate) fn between([a, b]: [[f32; 3]; 2], share: f64) -> [f32; 3] {
    let missing = |joint: [f32; 3]| joint == [0.0; 3];
    match (missing(a), missing(b)) {
        (false, false) => mixed([a, b], share),
        (false, true) if share < 0.5 + HALFWAY => a,
        (true, false) if share > 0.5 - HALFWAY => b,
        _ => [0.0; 3],
    }
}

/// Linear between two instants.
pub(crate) fn mixed([a, b]: [[f32; 3]; 2], share: f64) -> [f32; 3] {
    std::array::from_fn(|c| (f64::from(a[c]) * (1.0 - share) + f64::from(b[c]) * share) as f32)
}

/// Most frames of a clip that is looked at as a whole: what is beyond does not count, as in the
/// released preprocessing.
pub const LONGEST: usize = 300;

/// The frames that count, as the released preprocessing has it: as many as there are frames in
/// which the first body is there, from the start. (The released code looks at its first joint, which
/// in 3D comes to the same; in 2D a joint is lost while the others are seen.)
pub fn valid_frames(sequence: SequenceRef<'_>) -> SequenceRef<'_> {
    let frames = sequence.frames;
    let present = (0..frames).filter(|t| !sequence.is_absent(*t, 0)).count();
    sequence.slice(0..if present == 0 { frames } else { present })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(frames: usize) -> Sequence {
        let mut sequence = Sequence::zeros(frames, 1, 1);
        for t in 0..frames {
            sequence.set_joint(t, 0, 0, [t as f32, 1.0, -(t as f32)]);
        }
        sequence
    }

    #[test]
    fn same_length_is_identity() {
        let sequence = ramp(50);
        assert_eq!(linear(sequence.view(), 50), sequence);
    }

    #[test]
    fn half_pixel_centres_are_clamped() {
        let half = linear(ramp(4).view(), 2);
        assert_eq!([half.joint(0, 0, 0)[0], half.joint(1, 0, 0)[0]], [0.5, 2.5]);
        let double = linear(ramp(2).view(), 4);
        let x: Vec<f32> = (0..4).map(|t| double.joint(t, 0, 0)[0]).collect();
        assert_eq!(x, [0.0, 0.25, 0.75, 1.0]);
    }

    #[test]
    fn a_lost_joint_is_not_pulled_to_the_pictures_corner() {
        let mut clip = Sequence::zeros(2, 1, 1);
        clip.set_joint(0, 0, 0, [300.0, 200.0, 0.8]);
        let found = of_seen(clip.view(), 8);
        let seen = (0..8).filter(|t| found.joint(*t, 0, 0) == [300.0, 200.0, 0.8]);
        let lost = (0..8).filter(|t| found.joint(*t, 0, 0) == [0.0; 3]);
        assert_eq!([seen.count(), lost.count()], [4, 4]);
        clip.set_joint(1, 0, 0, [308.0, 208.0, 0.4]);
        assert_eq!(of_seen(clip.view(), 7), linear(clip.view(), 7));
    }

    #[test]
    fn half_way_a_joint_that_was_seen_counts_whatever_rounding_says() {
        let seen = [3.0, 4.0, 0.5];
        for share in [0.49, 0.5, 0.51] {
            assert_eq!(between([seen, [0.0; 3]], share), seen);
            assert_eq!(between([[0.0; 3], seen], share), seen);
        }
        assert_eq!(between([seen, [0.0; 3]], 0.6), [0.0; 3]);
        assert_eq!(between([[0.0; 3], seen], 0.4), [0.0; 3]);
    }

    #[test]
    fn one_frame_is_repeated() {
        let still = linear(ramp(1).view(), 3);
        assert!((0..3).all(|t| still.joint(t, 0, 0) == [0.0, 1.0, 0.0]));
    }
}
