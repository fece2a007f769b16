//! Bodies of 2D layouts, stood up before the eye that looks at all others.

use crate::layout::Layout;
use crate::normalise::placing;
use crate::sequence::{Sequence, SequenceRef};

/// How far before the camera they stand, metres.
const AWAY: f32 = 3.0;

/// A joint of less confidence than this share of the clip's best is a guess: estimators give one for
/// every joint that is hidden, anywhere in the picture. Ultralytics draws from 0.25 on, too.
const DRAWN: f32 = 0.25;

/// A clip in metres, y up, whatever its layout: 2D bodies stand side by side in a plane across the
/// view, the first one with a torso of half a metre, and joints of little confidence are missing.
/// Shape (T, M, V, 3), as it was.
pub fn upright(sequence: SequenceRef<'_>, layout: &Layout) -> Sequence {
    let mut clip = sequence.to_owned();
    if !layout.is_2d() {
        return clip;
    }
    let present = |m: &usize| (0..sequence.frames).any(|t| !sequence.is_absent(t, *m));
    let Some(first) = (0..sequence.bodies).find(present) else {
        return clip;
    };
    let best = clip.data.chunks_exact(3).map(|joint| joint[2].min(1.0));
    let least = DRAWN * best.fold(0.0, f32::max);
    for joint in clip.data.chunks_exact_mut(3).filter(|j| j[2] < least) {
        joint.fill(0.0);
    }
    let (origin, scale) = placing(&clip, first, layout);
    for joint in clip.data.chunks_exact_mut(3) {
        let at = |c: usize| (-scale * (f64::from(joint[c]) - origin[c])) as f32;
        let stood = match joint[2] > 0.0 {
            // The picture's x runs against the camera's own, and its y down.
            true => [at(0), at(1), AWAY],
            false => [0.0; 3],
        };
        joint.copy_from_slice(&stood);
    }
    clip
}
