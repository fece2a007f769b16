//! What every clip has to fulfil, whatever its source.

use super::{Clip, ImportError};
use crate::dataset::Meta;
use crate::layout::Layout;
use crate::sequence::CHANNELS;

/// Holds a clip of `item` against what `dataset.toml` will say.
///
/// # Errors
/// Which sample and field is wrong, and of a number its frame, body and joint.
pub(super) fn check(
    item: &str,
    clip: &Clip,
    meta: &Meta,
    layout: &Layout,
) -> Result<(), ImportError> {
    let Clip { sample, joints } = clip;
    let fail = |reason: String| {
        // Some items are called as their sample.
        let place = match item.ends_with(&sample.name) {
            true => String::new(),
            false => format!("sample \"{}\"", sample.name),
        };
        Err(ImportError::at(item, place, reason))
    };
    if sample.frames == 0 {
        return fail("frames: expected at least 1, found 0".into());
    }
    let expected = (sample.frames, meta.bodies, layout.len());
    let found = (joints.frames, joints.bodies, joints.joints);
    if found != expected {
        return fail(format!(
            "joints: expected (frames, bodies, joints) {expected:?}, found {found:?}"
        ));
    }
    if sample.label >= meta.classes.len() {
        return fail(format!(
            "label: expected 0 to {}, found {}",
            meta.classes.len().saturating_sub(1),
            sample.label
        ));
    }
    for (name, split) in &meta.splits {
        if !sample.columns.contains_key(&split.column) {
            return fail(format!(
                "column \"{}\" is missing, which the split {name} needs",
                split.column
            ));
        }
    }
    let Some(at) = joints.data.iter().position(|x| !x.is_finite()) else {
        return Ok(());
    };
    let joint = at / CHANNELS;
    let body = joint / joints.joints;
    fail(format!(
        "frame {}, body {}, joint \"{}\": expected a finite number, found {}",
        body / joints.bodies,
        body % joints.bodies,
        layout.joints[joint % joints.joints],
        joints.data[at]
    ))
}
