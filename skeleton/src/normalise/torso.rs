//! Placing bodies in the picture: 2D layouts.

use super::TORSO;
use crate::layout::{Layout, Point};
use crate::sequence::Sequence;

/// Shortest torso that is divided by, in the data's own unit, which is a pixel or so.
pub const SHORTEST_2D: f64 = 1e-3;

/// Places each body's clip in the picture as a whole, so that its travel and its way of bending
/// stay in it; frame by frame, a torso that is foreshortened would blow up all that is around it.
///
/// Channels are x, y and confidence. A joint is *seen* in a frame where its confidence is above 0;
/// a place of the layout's torso is seen where all of its joints are. Per body:
///
/// - origin o: the mean of the lower torso place over the frames in which it is seen; where that
///   is none, the mean over all joints seen in all frames.
/// - length L: the mean distance between lower and upper torso place over the frames in which both
///   are seen; where that is none, the root mean square distance from o of all joints seen.
/// - a joint that is seen goes to (p − o)·[`TORSO`] / max(L, [`SHORTEST_2D`]) and keeps its
///   confidence; one that is not becomes (0, 0, 0).
///
/// Nothing is turned or mirrored: y points wherever it did, which is down.
pub fn place_torso(sequence: &mut Sequence, layout: &Layout) {
    for m in 0..sequence.bodies {
        let (origin, scale) = placing(sequence, m, layout);
        for t in 0..sequence.frames {
            for v in 0..sequence.joints {
                let [x, y, confidence] = sequence.joint(t, m, v);
                let at = |c: f32, o: f64| ((f64::from(c) - o) * scale) as f32;
                let placed = match confidence > 0.0 {
                    true => [at(x, origin[0]), at(y, origin[1]), confidence],
                    false => [0.0; 3],
                };
                sequence.set_joint(t, m, v, placed);
            }
        }
    }
}

/// Origin and scale of body `m`.
pub(crate) fn placing(sequence: &Sequence, m: usize, layout: &Layout) -> ([f64; 2], f64) {
    let body = Body { sequence, m };
    let origin = body.origin(layout.torso.0);
    let length = body.length(layout.torso, origin);
    (origin, TORSO / length.max(SHORTEST_2D))
}

struct Body<'a> {
    sequence: &'a Sequence,
    m: usize,
}

impl Body<'_> {
    fn joint(&self, t: usize, v: usize) -> Option<[f64; 2]> {
        let [x, y, confidence] = self.sequence.joint(t, self.m, v);
        (confidence > 0.0).then_some([x.into(), y.into()])
    }

    fn point(&self, t: usize, point: Point) -> Option<[f64; 2]> {
        let [a, b] = point.joints().map(|v| self.joint(t, v));
        let (a, b) = a.zip(b)?;
        Some([0, 1].map(|c| (a[c] + b[c]) / 2.0))
    }

    fn frames(&self) -> std::ops::Range<usize> {
        0..self.sequence.frames
    }

    fn seen(&self) -> impl Iterator<Item = [f64; 2]> {
        self.frames()
            .flat_map(move |t| (0..self.sequence.joints).filter_map(move |v| self.joint(t, v)))
    }

    fn origin(&self, lower: Point) -> [f64; 2] {
        let hips = || self.frames().filter_map(|t| self.point(t, lower));
        [0, 1]
            .map(|c| {
                let found = mean(hips().map(|p| p[c]));
                found.or_else(|| mean(self.seen().map(|p| p[c])))
            })
            .map(|x| x.unwrap_or(0.0))
    }

    fn length(&self, (lower, upper): (Point, Point), origin: [f64; 2]) -> f64 {
        let between = |a: [f64; 2], b: [f64; 2]| (b[0] - a[0]).hypot(b[1] - a[1]);
        let torso = self.frames().filter_map(|t| {
            let (a, b) = self.point(t, lower).zip(self.point(t, upper))?;
            Some(between(a, b))
        });
        let spread = || mean(self.seen().map(|p| between(origin, p).powi(2)));
        mean(torso)
            .or_else(|| spread().map(f64::sqrt))
            .unwrap_or(0.0)
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, n), x| (sum + x, n + 1));
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout::by_name("coco17").expect("known")
    }

    /// Shoulders at (90, 100) and (110, 100), hips at (92, 140 + 20 t) and (108, 140 + 20 t), the
    /// left wrist at (60, 120) in the first of two frames only.
    fn clip() -> Sequence {
        let mut clip = Sequence::zeros(2, 1, 17);
        for t in 0..2 {
            let down = 140.0 + 20.0 * t as f32;
            clip.set_joint(t, 0, 5, [90.0, 100.0, 0.9]);
            clip.set_joint(t, 0, 6, [110.0, 100.0, 0.8]);
            clip.set_joint(t, 0, 11, [92.0, down, 0.7]);
            clip.set_joint(t, 0, 12, [108.0, down, 0.6]);
        }
        clip.set_joint(0, 0, 9, [60.0, 120.0, 0.5]);
        clip
    }

    #[test]
    fn a_clip_is_placed_as_worked_out_by_hand() {
        // Torso 40 and 60 pixels, 50 on average: 100 pixels are 1. Hips at (100, 150) on average.
        let mut found = clip();
        place_torso(&mut found, &layout());
        let near = |t, v, expected: [f32; 3]| {
            let joint = found.joint(t, 0, v);
            for (a, b) in joint.iter().zip(expected) {
                assert!((a - b).abs() < 1e-6, "frame {t}, joint {v}: {joint:?}");
            }
        };
        near(0, 5, [-0.1, -0.5, 0.9]);
        near(1, 6, [0.1, -0.5, 0.8]);
        near(0, 11, [-0.08, -0.1, 0.7]);
        near(1, 12, [0.08, 0.1, 0.6]);
        near(0, 9, [-0.4, -0.3, 0.5]);
        near(1, 9, [0.0; 3]);
        near(0, 0, [0.0; 3]);
    }

    #[test]
    fn size_and_place_in_the_picture_make_no_difference() {
        let (mut expected, mut found) = (clip(), clip());
        for joint in found.data.chunks_exact_mut(3).filter(|j| j[2] > 0.0) {
            joint[0] = 3.0 * joint[0] + 500.0;
            joint[1] = 3.0 * joint[1] - 70.0;
        }
        place_torso(&mut expected, &layout());
        place_torso(&mut found, &layout());
        for (a, b) in found.data.iter().zip(&expected.data) {
            assert!((a - b).abs() < 1e-5, "{a} and {b}");
        }
    }

    #[test]
    fn a_lost_hip_leaves_the_frame_out_of_the_means() {
        let mut found = clip();
        found.set_joint(1, 0, 11, [5.0, 5.0, 0.0]);
        place_torso(&mut found, &layout());
        // The first frame alone: hips at (100, 140), torso 40.
        let shoulder = found.joint(1, 0, 5);
        assert!((shoulder[0] + 0.125).abs() < 1e-6 && (shoulder[1] + 0.5).abs() < 1e-6);
        assert_eq!(found.joint(1, 0, 11), [0.0; 3], "whatever stood there");
    }

    #[test]
    fn without_hips_all_that_is_seen_says_place_and_size() {
        let mut found = Sequence::zeros(1, 1, 17);
        found.set_joint(0, 0, 5, [10.0, 50.0, 1.0]);
        found.set_joint(0, 0, 6, [30.0, 50.0, 1.0]);
        place_torso(&mut found, &layout());
        // Mean (20, 50), both 10 away.
        assert_eq!(found.joint(0, 0, 5), [-0.5, 0.0, 1.0]);
        assert_eq!(found.joint(0, 0, 6), [0.5, 0.0, 1.0]);
    }

    #[test]
    fn one_joint_alone_lies_at_the_origin() {
        let mut found = Sequence::zeros(3, 2, 17);
        found.set_joint(1, 1, 0, [640.0, 360.0, 0.3]);
        place_torso(&mut found, &layout());
        assert_eq!(found.joint(1, 1, 0), [0.0, 0.0, 0.3]);
    }
}
