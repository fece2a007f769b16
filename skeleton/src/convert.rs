//! From one layout onto another, by the tables of `skeleton/layouts/`.

use crate::frame::{Frame, Joint, Person};
use crate::layout::{Layout, LayoutError, Onto, definition, names};
use thiserror::Error;

/// Why bodies can't be brought onto a layout.
#[derive(Debug, Error)]
pub enum ConvertError {
    /// No such layout.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// There is no way from one to the other.
    #[error(
        "layout: \"{from}\" has no known way onto \"{onto}\"{}; expected {}",
        if *flat { ", it has no depth" } else { "" },
        known.join(", ")
    )]
    NoWay {
        /// The layout that bodies come in.
        from: String,
        /// The layout that is wanted.
        onto: String,
        /// The first has no depth where the second has some.
        flat: bool,
        /// The layouts that would do.
        known: Vec<&'static str>,
    },
    /// A body has not as many joints as its layout.
    #[error("joints: layout \"{layout}\" has {expected}, found {found}")]
    Joints {
        /// The layout's name.
        layout: String,
        /// How many it has.
        expected: usize,
        /// How many there are.
        found: usize,
    },
}

/// A way from one layout onto another.
#[derive(Debug, Clone)]
pub struct Way {
    from: Layout,
    onto: String,
    /// For each joint of the other layout how it is found; empty where both are the same.
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    /// Nothing of the source says where this joint is.
    synthesised: bool,
    /// Sums of (joint, weight): the first whose joints were all seen is taken.
    sums: Vec<Vec<(usize, f32)>>,
}

impl Way {
    /// The way from the layout of name `from` onto `onto`; between equal ones nothing changes.
    ///
    /// # Errors
    /// The name is unknown, or there is no way; what would do is listed.
    pub fn find(from: &str, onto: &Layout) -> Result<Self, ConvertError> {
        let flat = definition(from)?.layout.is_2d() && !onto.is_2d();
        match Self::of_places(from, onto) {
            Ok(way) if !flat => Ok(way),
            Err(ConvertError::Layout(error)) => Err(error.into()),
            _ => Err(ConvertError::NoWay {
                from: from.into(),
                onto: onto.name.clone(),
                flat,
                known: suitable(onto),
            }),
        }
    }

    /// As [`find`](Self::find), for bodies whose joints have depth even where the layout usually
    /// has none, such as OpenPose's own 3D reconstruction.
    ///
    /// # Errors
    /// As of [`find`](Self::find).
    pub fn of_places(from: &str, onto: &Layout) -> Result<Self, ConvertError> {
        let definition = definition(from)?;
        let rules = match definition.onto.get(&onto.name) {
            _ if from == onto.name => Vec::new(),
            Some(table) => rules(table, onto),
            None => {
                return Err(ConvertError::NoWay {
                    from: from.into(),
                    onto: onto.name.clone(),
                    flat: false,
                    known: suitable(onto),
                });
            }
        };
        Ok(Self {
            from: definition.layout.clone(),
            onto: onto.name.clone(),
            rules,
        })
    }

    /// V of the layout that bodies come in.
    pub fn len(&self) -> usize {
        self.from.len()
    }

    /// True for one without joints, of which there is none.
    pub fn is_empty(&self) -> bool {
        self.from.is_empty()
    }

    /// The joints of one body on the other layout.
    ///
    /// A joint that was not seen, or whose confidence is 0, counts as missing, and so is what needs
    /// it. A new joint has the least confidence of those it is made of; one that is synthesised
    /// has 0.
    ///
    /// # Errors
    /// The number of joints is not that of the layout.
    pub fn joints(&self, joints: &[Joint]) -> Result<Vec<Joint>, ConvertError> {
        if joints.len() != self.from.len() {
            return Err(ConvertError::Joints {
                layout: self.from.name.clone(),
                expected: self.from.len(),
                found: joints.len(),
            });
        }
        if self.rules.is_empty() {
            return Ok(joints.to_vec());
        }
        let place = |rule: &Rule| {
            let sum = rule.sums.iter().find_map(|sum| weighted(sum, joints))?;
            let confidence = if rule.synthesised { 0.0 } else { sum[3] };
            Some([sum[0], sum[1], sum[2], confidence])
        };
        Ok(self.rules.iter().map(|rule| Joint(place(rule))).collect())
    }

    /// The joints of one body as a data set of the other layout has them: x, y, z, or x, y and
    /// confidence in a 2D one; (0, 0, 0) for a joint that is missing. One that is synthesised has
    /// its place.
    ///
    /// # Errors
    /// As of [`joints`](Self::joints).
    pub fn places(&self, joints: &[Joint]) -> Result<Vec<[f32; 3]>, ConvertError> {
        let place = |joint: &Joint| {
            let seen = match self.rules.is_empty() {
                true => joint.seen(),
                false => joint.position(),
            };
            match (seen, self.from.is_2d() && self.rules.is_empty()) {
                (None, _) => [0.0; 3],
                (Some([x, y, _]), true) => [x, y, joint.confidence().min(1.0)],
                (Some(position), false) => position,
            }
        };
        Ok(self.joints(joints)?.iter().map(place).collect())
    }

    /// A whole frame on the other layout.
    ///
    /// # Errors
    /// As of [`joints`](Self::joints).
    pub fn frame(&self, frame: &Frame) -> Result<Frame, ConvertError> {
        let person = |person: &Person| {
            Ok(Person {
                id: person.id,
                joints: self.joints(&person.joints)?,
            })
        };
        let people: Result<Vec<Person>, ConvertError> = frame.people.iter().map(person).collect();
        Ok(Frame {
            t: frame.t,
            source: frame.source.clone(),
            layout: Some(self.onto.clone()),
            people: people?,
        })
    }
}

/// Layouts from which `onto` can be reached.
fn suitable(onto: &Layout) -> Vec<&'static str> {
    let reaches = |name: &&str| {
        *name == onto.name
            || definition(name)
                .is_ok_and(|d| d.onto.contains_key(&onto.name) && d.layout.is_2d() == onto.is_2d())
    };
    names().into_iter().filter(reaches).collect()
}

fn rules(table: &Onto, onto: &Layout) -> Vec<Rule> {
    let rule = |joint: &String| Rule {
        synthesised: table.synthesised.contains(joint),
        sums: table.joints.get(joint).cloned().unwrap_or_default(),
    };
    onto.joints.iter().map(rule).collect()
}

/// x, y, z, confidence; `None` where a joint is missing.
fn weighted(sum: &[(usize, f32)], joints: &[Joint]) -> Option<[f32; 4]> {
    let mut out = [0.0, 0.0, 0.0, f32::INFINITY];
    for &(v, weight) in sum {
        let joint = joints.get(v)?;
        let position = joint.seen()?;
        for (out, x) in out.iter_mut().zip(position) {
            *out += weight * x;
        }
        out[3] = out[3].min(joint.confidence());
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Joint v of a layout at (v, 10·v, 100·v), confidence 1.
    fn ladder(layout: &str) -> Vec<Joint> {
        let joints = Layout::by_name(layout).expect("known").len();
        let at = |v: usize| [1.0, 10.0, 100.0].map(|by| by * v as f32);
        (0..joints).map(|v| Joint::at(at(v))).collect()
    }

    /// Expected "x" of each joint of ntu25, worked out by hand from the table of formats.
    const TABLE: [(&str, [f32; 25]); 5] = [
        (
            "mediapipe33",
            [
                23.5, 17.5, 10.3, 7.5, 11.0, 13.0, 15.0, 18.0, 12.0, 14.0, 16.0, 19.0, 23.0, 25.0,
                27.0, 31.0, 24.0, 26.0, 28.0, 32.0, 11.5, 19.0, 21.0, 20.0, 22.0,
            ],
        ),
        (
            "body25",
            [
                8.0, 4.5, 5.95, 17.5, 5.0, 6.0, 7.0, 7.3, 2.0, 3.0, 4.0, 4.3, 12.0, 13.0, 14.0,
                19.5, 9.0, 10.0, 11.0, 22.5, 1.0, 7.3, 7.3, 4.3, 4.3,
            ],
        ),
        (
            "coco17",
            [
                11.5, 8.5, 4.9, 3.5, 5.0, 7.0, 9.0, 9.6, 6.0, 8.0, 10.0, 10.6, 11.0, 13.0, 15.0,
                15.0, 12.0, 14.0, 16.0, 16.0, 5.5, 9.6, 9.6, 10.6, 10.6,
            ],
        ),
        (
            "azure32",
            [
                0.0, 1.0, 3.0, 26.0, 5.0, 6.0, 7.0, 8.0, 12.0, 13.0, 14.0, 15.0, 18.0, 19.0, 20.0,
                21.0, 22.0, 23.0, 24.0, 25.0, 7.5, 9.0, 10.0, 16.0, 17.0,
            ],
        ),
        (
            "nvidia34",
            [
                0.0, 3.0, 6.0, 18.5, 20.0, 22.0, 24.0, 28.0, 21.0, 23.0, 25.0, 29.0, 1.0, 4.0, 7.0,
                9.0, 2.0, 5.0, 8.0, 10.0, 20.5, 28.0, 32.0, 29.0, 33.0,
            ],
        ),
    ];

    #[test]
    fn every_table_gives_the_places_worked_out_by_hand() {
        let onto = Layout::ntu25();
        for (from, expected) in TABLE {
            let way = Way::of_places(from, &onto).expect(from);
            let found = way.joints(&ladder(from)).expect("as many joints");
            assert_eq!(found.len(), expected.len());
            for (v, (joint, x)) in found.iter().zip(expected).enumerate() {
                let position = joint.position().expect("seen");
                for (p, by) in position.iter().zip([1.0, 10.0, 100.0]) {
                    let name = &onto.joints[v];
                    assert!((p / by - x).abs() < 1e-4, "{from}, {name}: {position:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_synthesised_has_no_confidence() {
        let onto = Layout::ntu25();
        for (from, expected) in [
            ("mediapipe33", vec![]),
            ("azure32", vec![]),
            ("nvidia34", vec![]),
            ("kinect20", vec![21, 22, 23, 24]),
            ("body25", vec![7, 11, 21, 22, 23, 24]),
            ("coco17", vec![7, 11, 15, 19, 21, 22, 23, 24]),
        ] {
            let way = Way::of_places(from, &onto).expect(from);
            let found = way.joints(&ladder(from)).expect("as many joints");
            let without: Vec<usize> = (0..found.len())
                .filter(|v| found[*v].confidence() == 0.0)
                .collect();
            assert_eq!(without, expected, "{from}");
        }
    }

    #[test]
    fn every_table_has_each_joint_once() {
        for from in names() {
            for (name, table) in &definition(from).expect("known").onto {
                let onto = Layout::by_name(name).expect("known");
                let source = Layout::by_name(from).expect("known");
                assert_eq!(table.joints.len(), onto.len(), "{from}");
                let named = table.joints.keys().chain(&table.synthesised);
                for joint in named {
                    assert!(onto.joint(joint).is_some(), "{from}: {joint}");
                }
                for sums in table.joints.values() {
                    for sum in sums {
                        let weight: f32 = sum.iter().map(|(_, w)| w).sum();
                        assert!((weight - 1.0).abs() < 1e-6, "{from}: {sum:?}");
                        assert!(sum.iter().all(|(v, _)| *v < source.len()), "{from}");
                    }
                }
            }
        }
    }

    #[test]
    fn kinect20_keeps_its_own_joints() {
        let way = Way::find("kinect20", &Layout::ntu25()).expect("a way");
        let found = way.joints(&ladder("kinect20")).expect("as many joints");
        let x = |v: usize| found[v].position().expect("seen")[0];
        assert_eq!([x(0), x(1), x(3), x(20)], [0.0, 1.0, 3.0, 2.0]);
        assert!((x(2) - 2.3).abs() < 1e-6, "0.7·2 + 0.3·3");
        assert_eq!(
            [x(7), x(21), x(22)],
            [7.0; 3],
            "nothing is known of fingers"
        );
    }

    #[test]
    fn a_lost_joint_takes_along_what_needs_it_or_another_stands_in() {
        let way = Way::of_places("body25", &Layout::ntu25()).expect("a way");
        let mut body = ladder("body25");
        body[17] = Joint(None);
        body[7] = Joint(Some([1.0, 2.0, 3.0, 0.0]));
        body[2] = Joint(Some([2.0, 20.0, 200.0, 0.4]));
        let found = way.joints(&body).expect("as many joints");
        assert_eq!(
            found[3].position(),
            Some([0.0; 3]),
            "the nose, not the ears"
        );
        assert!((found[2].position().expect("seen")[0] - 0.7).abs() < 1e-6);
        for v in [6, 7, 21, 22] {
            assert_eq!(found[v], Joint(None), "no wrist, no {v}");
        }
        assert_eq!(found[8].confidence(), 0.4);
    }

    #[test]
    fn a_data_set_gets_zeros_for_what_is_missing_and_confidence_for_depth() {
        let mut body = ladder("coco17");
        body[3] = Joint(Some([3.0, 30.0, 0.0, 0.5]));
        body[4] = Joint(Some([4.0, 40.0, 0.0, 0.0]));
        body[5] = Joint(None);
        let flat = Layout::by_name("coco17").expect("known");
        let same = Way::find("coco17", &flat).expect("itself");
        let found = same.places(&body).expect("17 joints");
        assert_eq!(found[2], [2.0, 20.0, 1.0]);
        assert_eq!(found[3], [3.0, 30.0, 0.5]);
        assert_eq!([found[4], found[5]], [[0.0; 3]; 2]);
        let way = Way::find("kinect20", &Layout::ntu25()).expect("a way");
        let found = way.places(&ladder("kinect20")).expect("20 joints");
        assert_eq!(found[21], [7.0, 70.0, 700.0], "synthesised in the hand");
    }

    #[test]
    fn a_frame_is_brought_over_with_all_people() {
        let way = Way::find("azure32", &Layout::ntu25()).expect("a way");
        let person = |id| Person {
            id: Some(id),
            joints: ladder("azure32"),
        };
        let mut frame = Frame {
            t: 1.5,
            source: "cam0".into(),
            layout: Some("azure32".into()),
            people: vec![person(7), person(9)],
        };
        let found = way.frame(&frame).expect("brought over");
        assert_eq!(found.layout.as_deref(), Some("ntu25"));
        assert_eq!((found.t, found.source.as_str()), (1.5, "cam0"));
        assert_eq!(found.people[1].id, Some(9));
        assert_eq!(found.people[1].joints.len(), 25);
        frame.people[0].joints.pop();
        let message = way.frame(&frame).expect_err("31 joints").to_string();
        assert_eq!(message, "joints: layout \"azure32\" has 32, found 31");
    }

    #[test]
    fn no_way_says_what_would_do() {
        let refused = |from: &str, onto: &str| {
            let onto = Layout::by_name(onto).expect("known");
            Way::find(from, &onto).expect_err("no way").to_string()
        };
        assert_eq!(
            refused("coco17", "ntu25"),
            "layout: \"coco17\" has no known way onto \"ntu25\", it has no depth; expected ntu25, \
             kinect20, mediapipe33, azure32, nvidia34"
        );
        assert_eq!(
            refused("ntu25", "coco17"),
            "layout: \"ntu25\" has no known way onto \"coco17\"; expected coco17"
        );
        assert!(refused("halpe", "ntu25").contains("unknown layout \"halpe\"; known: ntu25"));
        let same = Way::find("coco17", &Layout::by_name("coco17").expect("known"));
        let body = ladder("coco17");
        assert_eq!(same.expect("itself").joints(&body).expect("17"), body);
    }
}
