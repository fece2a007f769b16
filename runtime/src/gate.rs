//! Whether a frame fits the model, whatever came before it.

use crate::fault::Fault;
use aimclr_skeleton::{Frame, Layout};
use std::collections::BTreeSet;

/// Longest name of a source, bytes.
pub const LONGEST_NAME: usize = 256;

/// Checks a frame's layout, the number of everybody's joints, that nobody's id occurs twice, and
/// the length of the source's name.
pub fn check(frame: &Frame, layout: &Layout) -> Result<(), Fault> {
    if let Some(found) = frame.layout.as_ref().filter(|name| **name != layout.name) {
        return Err(Fault::Layout {
            expected: layout.name.clone(),
            found: found.chars().take(64).collect(),
        });
    }
    let mut ids = BTreeSet::new();
    for (i, person) in frame.people.iter().enumerate() {
        if person.joints.len() != layout.len() {
            return Err(Fault::Joints {
                person: i,
                expected: layout.len(),
                layout: layout.name.clone(),
                found: person.joints.len(),
            });
        }
        if let Some(id) = person.id
            && !ids.insert(id)
        {
            return Err(Fault::SameId { person: i, id });
        }
    }
    if frame.source.len() > LONGEST_NAME {
        let length = frame.source.len();
        let reason = format!("a name of {length} bytes, at most {LONGEST_NAME} are taken");
        return Err(Fault::Source { reason });
    }
    Ok(())
}
