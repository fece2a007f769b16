//! What is let through to the model: everybody of a frame, in the model's layout.

use crate::fault::Fault;
use aimclr_skeleton::convert::{Way, Ways};
use aimclr_skeleton::frame::{Joint, Person};
use aimclr_skeleton::{Frame, Layout};
use std::collections::BTreeSet;

/// Longest name of a source, bytes.
pub const LONGEST_NAME: usize = 256;

/// A coordinate beyond, metres or pixels, is no measurement; it would drown everything in the
/// network.
const FARTHEST: f32 = 1e4;

/// A person of a frame in the model's layout.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// The source's own track number, if it has one.
    pub id: Option<u64>,
    /// V joints as the encoder takes them: x, y, z, or x, y and confidence in a 2D layout; `None`
    /// for those that were not seen, are no finite numbers, or have no confidence at all, which is
    /// how many pose estimators say "not seen".
    pub joints: Vec<Option<[f32; 3]>>,
}

/// Checks frames whatever came before them, and brings their people onto the model's layout.
#[derive(Debug)]
pub struct Gate {
    ways: Ways,
}

impl Gate {
    /// The gate of a model whose bodies have this layout.
    pub fn new(layout: &Layout) -> Self {
        Self {
            ways: Ways::onto(layout),
        }
    }

    /// Everybody of a frame, in its order.
    ///
    /// # Errors
    /// There is no way from the frame's layout onto the model's, somebody has another number of
    /// joints than the frame's layout, an id occurs twice, or the source's name is too long.
    pub fn admit(&mut self, frame: &Frame) -> Result<Vec<Body>, Fault> {
        if frame.source.len() > LONGEST_NAME {
            let length = frame.source.len();
            let reason = format!("a name of {length} bytes, at most {LONGEST_NAME} are taken");
            return Err(Fault::Source { reason });
        }
        let way = self.ways.from(frame.layout.as_deref())?;
        let mut ids = BTreeSet::new();
        let mut body = |(i, person): (usize, &Person)| {
            if let Some(id) = person.id
                && !ids.insert(id)
            {
                return Err(Fault::SameId { person: i, id });
            }
            Ok(Body {
                id: person.id,
                joints: joints(way, i, person)?,
            })
        };
        frame.people.iter().enumerate().map(&mut body).collect()
    }

    /// What to tell of layouts that came for the first time since this was asked last.
    pub fn news(&mut self) -> Vec<String> {
        self.ways.news()
    }
}

/// The joints of person `i` of a frame.
fn joints(way: &Way, i: usize, person: &Person) -> Result<Vec<Option<[f32; 3]>>, Fault> {
    let plausible = |joint: &Joint| {
        let near = |[x, y, z]: [f32; 3]| [x, y, z].iter().all(|c| c.abs() <= FARTHEST);
        match joint.position().is_some_and(near) {
            true => *joint,
            false => Joint(None),
        }
    };
    let joints: Vec<Joint> = person.joints.iter().map(plausible).collect();
    way.positions(&joints).map_err(|_| Fault::Joints {
        person: i,
        expected: way.from().len(),
        layout: way.from().name.clone(),
        found: joints.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(layout: Option<&str>, joints: Vec<Joint>) -> Frame {
        Frame {
            t: 0.0,
            source: String::new(),
            layout: layout.map(String::from),
            people: vec![Person {
                id: Some(7),
                joints,
            }],
        }
    }

    #[test]
    fn joints_that_are_no_measurement_are_masked() {
        let mut joints = vec![Joint::at([0.0, 1.0, 2.0]); 25];
        joints[0] = Joint(Some([f32::INFINITY, 0.0, 0.0, 1.0]));
        joints[1] = Joint(Some([0.0, 1e30, 0.0, 1.0]));
        joints[2] = Joint(Some([0.5, 0.0, 0.0, 0.0]));
        joints[3] = Joint(None);
        let mut gate = Gate::new(&Layout::ntu25());
        let found = gate.admit(&frame(None, joints)).expect("admitted");
        assert_eq!(found[0].id, Some(7));
        assert_eq!(found[0].joints[..4], [None; 4]);
        assert_eq!(found[0].joints[4..], [Some([0.0, 1.0, 2.0]); 21]);
    }

    #[test]
    fn the_third_number_of_a_2d_joint_is_its_confidence() {
        let mut gate = Gate::new(&Layout::by_name("coco17").expect("known"));
        let joints = vec![Joint(Some([320.0, 240.0, 0.0, 0.6])); 17];
        let found = gate
            .admit(&frame(Some("coco17"), joints))
            .expect("admitted");
        assert_eq!(found[0].joints, [Some([320.0, 240.0, 0.6]); 17]);
    }

    #[test]
    fn what_is_synthesised_has_a_place_and_what_is_junk_has_no_heirs() {
        let mut gate = Gate::new(&Layout::ntu25());
        let mut joints = vec![Joint::at([0.0, 1.0, 2.0]); 20];
        joints[7] = Joint(Some([1e30, 0.0, 0.0, 1.0]));
        let found = gate.admit(&frame(Some("kinect20"), joints)).expect("a way");
        assert_eq!(found[0].joints[23], Some([0.0, 1.0, 2.0]), "right hand tip");
        assert_eq!(found[0].joints[21], None, "the left one hangs on the hand");
        assert_eq!(gate.news().len(), 1);
        let short = frame(Some("kinect20"), vec![Joint(None); 25]);
        let message = gate.admit(&short).expect_err("25").to_string();
        assert!(
            message.contains("expected 20 joints (kinect20), found 25"),
            "{message}"
        );
        let flat = frame(Some("coco17"), vec![Joint(None); 17]);
        let message = gate.admit(&flat).expect_err("2D").to_string();
        assert!(
            message.contains("no depth; expected ntu25, kinect20"),
            "{message}"
        );
        assert!(gate.news().is_empty());
    }
}
