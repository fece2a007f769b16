//! From one layout onto another, by the tables of `skeleton/layouts/`.

mod ways;

pub use ways::Ways;

use crate::frame::Joint;
use crate::layout::{Layout, Onto, definition, names};
use crate::sequence::{Sequence, SequenceRef};
use std::fmt;
use thiserror::Error;

/// Longest name that a message repeats, characters: layouts' names come from outside.
const LONGEST_NAME: usize = 64;

/// Why bodies can't be brought onto a layout.
#[derive(Debug, Error)]
pub enum ConvertError {
    /// There is no way from one to the other.
    #[error("layout: \"{from}\" {why}; expected {}", known.join(", "))]
    NoWay {
        /// The layout that bodies come in.
        from: String,
        /// What is in the way.
        why: Why,
        /// The layouts that would do.
        known: Vec<String>,
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

/// What is in the way from one layout onto another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The layout is not one of the built-in ones.
    Unknown,
    /// Nobody has said how its bodies become such of the other one.
    NoTable {
        /// The layout that is wanted.
        onto: String,
    },
    /// It has no depth where the other one has some.
    Flat {
        /// The layout that is wanted.
        onto: String,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("is unknown"),
            Self::NoTable { onto } => write!(f, "has no known way onto \"{onto}\""),
            Self::Flat { onto } => {
                write!(f, "has no known way onto \"{onto}\", it has no depth")
            }
        }
    }
}

/// A way from one layout onto another.
#[derive(Debug, Clone)]
pub struct Way {
    from: Layout,
    onto: Layout,
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
        let way = Self::of_places(from, onto)?;
        match way.from.is_2d() && !onto.is_2d() {
            true => {
                let onto_name = onto.name.clone();
                Err(no_way(from, Why::Flat { onto: onto_name }, onto))
            }
            false => Ok(way),
        }
    }

    /// As [`find`](Self::find), for bodies whose joints have depth even where the layout usually
    /// has none, such as OpenPose's own 3D reconstruction.
    ///
    /// # Errors
    /// As of [`find`](Self::find).
    pub fn of_places(from: &str, onto: &Layout) -> Result<Self, ConvertError> {
        if from == onto.name {
            // A model's own layout needs not be a built-in one.
            return Ok(Self {
                from: onto.clone(),
                onto: onto.clone(),
                rules: Vec::new(),
            });
        }
        let definition = definition(from).map_err(|_| no_way(from, Why::Unknown, onto))?;
        let rules = match definition.onto.get(&onto.name) {
            Some(table) => rules(table, onto),
            None if definition.layout.joints == onto.joints => Vec::new(),
            None => {
                let why = Why::NoTable {
                    onto: onto.name.clone(),
                };
                return Err(no_way(from, why, onto));
            }
        };
        Ok(Self {
            from: definition.layout.clone(),
            onto: onto.clone(),
            rules,
        })
    }

    /// The layout that bodies come in.
    pub fn from(&self) -> &Layout {
        &self.from
    }

    /// What to tell whoever gives such bodies: from where to where, and of which joints nothing is
    /// known. `None` where nothing changes.
    pub fn note(&self) -> Option<String> {
        if self.rules.is_empty() {
            return None;
        }
        let of = |wanted: &dyn Fn(&Rule) -> bool| -> Vec<&str> {
            let joints = self.onto.joints.iter().zip(&self.rules);
            let chosen = joints.filter(|(_, rule)| wanted(rule));
            chosen.map(|(joint, _)| joint.as_str()).collect()
        };
        let missing = of(&|rule| rule.sums.is_empty());
        let guessed = of(&|rule| rule.synthesised && !rule.sums.is_empty());
        let mut note = format!("{} is brought onto {}", self.from.name, self.onto.name);
        let mut add = |joints: Vec<&str>, what: &str| {
            if !joints.is_empty() {
                note = format!("{note}; {what}: {}", joints.join(", "));
            }
        };
        add(guessed, "without a source and put where they are likely");
        add(missing, "missing");
        Some(note)
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

    /// The joints of one body as the encoder takes them: x, y, z, or x, y and confidence in a 2D
    /// layout; `None` for a joint that is missing. One that is synthesised has its place, but in a
    /// 2D layout, where no confidence is the sign of a joint that is missing.
    ///
    /// # Errors
    /// As of [`joints`](Self::joints).
    pub fn positions(&self, joints: &[Joint]) -> Result<Vec<Option<[f32; 3]>>, ConvertError> {
        let position = |joint: &Joint| match (self.onto.is_2d(), self.rules.is_empty()) {
            (true, _) => joint
                .seen()
                .map(|[x, y, _]| [x, y, joint.confidence().min(1.0)]),
            (false, true) => joint.seen(),
            (false, false) => joint.position(),
        };
        Ok(self.joints(joints)?.iter().map(position).collect())
    }

    /// The [`positions`](Self::positions) as a data set has them: (0, 0, 0) for a joint that is
    /// missing.
    ///
    /// # Errors
    /// As of [`joints`](Self::joints).
    pub fn places(&self, joints: &[Joint]) -> Result<Vec<[f32; 3]>, ConvertError> {
        let positions = self.positions(joints)?;
        Ok(positions
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect())
    }

    /// A clip of a data set on the other layout, shape (T, M, V, 3). A joint at (0, 0, 0) is
    /// missing; an absent body stays absent.
    ///
    /// # Errors
    /// As of [`joints`](Self::joints).
    pub fn sequence(&self, clip: SequenceRef<'_>) -> Result<Sequence, ConvertError> {
        if self.rules.is_empty() && clip.joints == self.from.len() {
            return Ok(clip.to_owned());
        }
        let mut out = Sequence::zeros(clip.frames, clip.bodies, self.onto.len());
        for t in 0..clip.frames {
            for m in 0..clip.bodies {
                let joint = |v| match clip.joint(t, m, v) {
                    [0.0, 0.0, 0.0] => Joint(None),
                    joint => Joint::of_data(joint, &self.from),
                };
                let body: Vec<Joint> = (0..clip.joints).map(joint).collect();
                for (v, place) in self.places(&body)?.into_iter().enumerate() {
                    out.set_joint(t, m, v, place);
                }
            }
        }
        Ok(out)
    }
}

fn no_way(from: &str, why: Why, onto: &Layout) -> ConvertError {
    ConvertError::NoWay {
        from: from.chars().take(LONGEST_NAME).collect(),
        why,
        known: suitable(onto),
    }
}

/// Layouts from which `onto` can be reached, itself first.
fn suitable(onto: &Layout) -> Vec<String> {
    let reaches = |name: &&str| {
        **name != onto.name
            && definition(name)
                .is_ok_and(|d| d.onto.contains_key(&onto.name) && d.layout.is_2d() == onto.is_2d())
    };
    let others = names().into_iter().filter(reaches).map(String::from);
    std::iter::once(onto.name.clone()).chain(others).collect()
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
mod tests;
