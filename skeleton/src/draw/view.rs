//! The eye that looks at a clip: one for all of its frames.

use crate::layout::Layout;
use crate::sequence::SequenceRef;

/// A rectangle of a picture, pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    /// Left side.
    pub x: f32,
    /// Top.
    pub y: f32,
    /// From left to right.
    pub width: f32,
    /// From top to bottom.
    pub height: f32,
}

/// From where one looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Angle {
    /// Radians around the body, from the camera's place to its left.
    pub turn: f32,
    /// Radians above it.
    pub above: f32,
}

impl Angle {
    /// As the camera saw it.
    pub const FRONT: Self = Self {
        turn: 0.0,
        above: 0.06,
    };

    /// A little from the side and from above, so that what goes towards the camera shows, too.
    pub const ASIDE: Self = Self {
        turn: 0.5,
        above: 0.2,
    };

    /// This, but for bodies of a 2D layout the front: they are flat and only narrower from aside.
    pub fn of(self, layout: &Layout) -> Self {
        match layout.is_2d() {
            true => Self::FRONT,
            false => self,
        }
    }
}

/// Distance of the eye, metres: far enough for little distortion.
const DISTANCE: f32 = 6.0;

/// Room around the joints for head and limbs, metres.
const MARGIN: f32 = 0.14;

/// Maps metres onto pixels.
///
/// The picture shows what the camera sees, not its mirror image: somebody who faces it has the
/// right hand on the picture's left.
#[derive(Debug, Clone)]
pub struct View {
    angle: Angle,
    /// What one looks at.
    centre: [f32; 3],
    /// Height of the floor, metres.
    floor: f32,
    /// Pixels a metre at the centre.
    scale: f32,
    /// Where the centre comes to lie.
    middle: [f32; 2],
}

/// True for a joint to draw: finite, and not the (0, 0, 0) of one that was lost.
pub(super) fn is_seen(sequence: &SequenceRef<'_>, t: usize, m: usize, v: usize) -> bool {
    let at = sequence.joint(t, m, v);
    if at != [0.0; 3] {
        return at.iter().all(|x| x.is_finite());
    }
    // Where bodies are centred a joint may well lie at the origin: the others are then near it.
    !sequence.is_absent(t, m)
        && (0..sequence.joints).all(|v| {
            let far = sequence.joint(t, m, v).iter().map(|x| x * x).sum::<f32>();
            far < 1.5
        })
}

impl View {
    /// The view from `angle` in which everything that happens in the clip fits into `area`.
    /// A clip in which nobody is seen gives some view or other.
    pub fn fit(sequence: SequenceRef<'_>, angle: Angle, area: Area) -> Self {
        let mut points = Vec::new();
        let mut lowest = Vec::new();
        for t in 0..sequence.frames {
            for m in 0..sequence.bodies {
                let seen = (0..sequence.joints).filter(|v| is_seen(&sequence, t, m, *v));
                let joints: Vec<[f32; 3]> = seen.map(|v| sequence.joint(t, m, v)).collect();
                lowest.extend(joints.iter().map(|j| j[1]).reduce(f32::min));
                points.extend(joints);
            }
        }
        lowest.sort_unstable_by(f32::total_cmp);
        // Jitter goes below the floor, and a jump starts above it.
        let floor = lowest.get(lowest.len() / 4).map_or(0.0, |y| y - 0.02);
        let middle_of = |c: usize| {
            let values = || points.iter().map(|p| p[c]);
            let (low, high) = (values().reduce(f32::min), values().reduce(f32::max));
            low.zip(high).map_or(0.0, |(low, high)| (low + high) / 2.0)
        };
        let centre = [middle_of(0), middle_of(1), middle_of(2)];
        let mut view = Self {
            angle,
            centre,
            floor,
            scale: 1.0,
            middle: [0.0; 2],
        };
        let seen: Vec<[f32; 2]> = points.iter().map(|p| view.project(*p).0).collect();
        let span = |c: usize| {
            let values = || seen.iter().map(|p| p[c]);
            let low = values().reduce(f32::min).unwrap_or(-0.5) - MARGIN;
            let high = values().reduce(f32::max).unwrap_or(0.5) + MARGIN;
            (low, high)
        };
        let (x, y) = (span(0), span(1));
        // Nobody needs to be larger than life: a still clip of one joint is no close-up.
        let (width, height) = ((x.1 - x.0).max(0.8), (y.1 - y.0).max(0.8));
        view.scale = (area.width / width).min(area.height / height);
        view.middle = [
            area.x + area.width / 2.0 - view.scale * (x.0 + x.1) / 2.0,
            area.y + area.height / 2.0 - view.scale * (y.0 + y.1) / 2.0,
        ];
        view
    }

    /// The same view with everything `x` pixels further right.
    pub fn shifted(&self, x: f32) -> Self {
        let mut shifted = self.clone();
        shifted.middle[0] += x;
        shifted
    }

    /// Pixels of a point in metres, and how far behind the centre it is, metres.
    pub fn project(&self, point: [f32; 3]) -> ([f32; 2], f32) {
        let [x, y, z] = [0, 1, 2].map(|c| point[c] - self.centre[c]);
        let (sin, cos) = self.angle.turn.sin_cos();
        let (x, z) = (x * cos + z * sin, z * cos - x * sin);
        let (sin, cos) = self.angle.above.sin_cos();
        let (y, z) = (y * cos + z * sin, z * cos - y * sin);
        let scale = self.scale * DISTANCE / (DISTANCE + z).max(0.5);
        // The camera's x runs to its left.
        let at = [self.middle[0] - scale * x, self.middle[1] - scale * y];
        (at, z)
    }

    /// Pixels that a length in metres takes at a point.
    pub fn pixels(&self, metres: f32, at: [f32; 3]) -> f32 {
        let depth = self.project(at).1;
        metres * self.scale * DISTANCE / (DISTANCE + depth).max(0.5)
    }

    /// Height of the floor, metres.
    pub fn floor(&self) -> f32 {
        self.floor
    }

    /// What one looks at, metres.
    pub(super) fn centre(&self) -> [f32; 3] {
        self.centre
    }

    /// How much a circle on the floor is flattened.
    pub(super) fn flatness(&self) -> f32 {
        self.angle.above.sin().abs().max(0.08)
    }
}
