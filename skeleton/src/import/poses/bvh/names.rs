//! What joints are called in BVH files.

use super::ImportError;
use crate::import::checksum;
use crate::layout::Layout;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

const BUILT_IN: &str = include_str!("../../../../layouts/bvh.toml");

/// Largest file of naming schemes, bytes.
const LARGEST: u64 = 1 << 20;

/// Joints that are put somewhere likely where a scheme has none for them.
const OPTIONAL: [&str; 3] = ["hand", "hand tip", "thumb"];

/// One joint of the file, or several, whose mean is meant.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Many(Vec<String>),
}

impl Names {
    fn all(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

/// Naming schemes, in the order in which they are tried.
pub(super) struct Schemes {
    layout: Layout,
    schemes: Vec<(String, BTreeMap<String, Names>)>,
}

/// Where each of the layout's joints comes from.
pub(super) enum Origin {
    /// The mean of these joints of the file.
    Mean(Vec<usize>),
    /// On along the forearm from these joints of the layout, wrist and elbow.
    Beyond(usize, usize),
    /// Where this joint of the layout is.
    At(usize),
}

/// A naming scheme that fits a file.
pub(super) struct Scheme(Vec<Origin>);

/// How far the middle of a hand lies beyond the wrist, as a share of the forearm.
const HAND: f64 = 0.3;

impl Schemes {
    /// The built-in ones, behind those of a file where there is one.
    pub(super) fn new(layout: &Layout, map: Option<&Path>) -> Result<Self, ImportError> {
        let mut schemes = Vec::new();
        if let Some(path) = map {
            let io = |error| ImportError::io(path, error);
            let size = std::fs::metadata(path).map_err(io)?.len();
            let item = path.display().to_string();
            if size > LARGEST {
                return Err(ImportError::item(
                    item,
                    format!("larger than {LARGEST} bytes"),
                ));
            }
            let text = std::fs::read_to_string(path).map_err(io)?;
            schemes.extend(parse(layout, &item, &text)?);
        }
        schemes.extend(parse(layout, "built-in names", BUILT_IN)?);
        Ok(Self {
            layout: layout.clone(),
            schemes,
        })
    }

    /// What stands for all names.
    pub(super) fn checksum(&self) -> Value {
        checksum(self.schemes.iter().map(|scheme| format!("{scheme:?}")))
    }

    /// The first scheme whose joints the file all has.
    pub(super) fn fit(&self, item: &str, found: &[String]) -> Result<Scheme, ImportError> {
        let bare: Vec<String> = found.iter().map(|name| bare(name)).collect();
        let place = |name: &String| bare.iter().position(|known| *known == self::bare(name));
        let mut lacking = Vec::new();
        for (scheme, names) in &self.schemes {
            let all = names.values().flat_map(Names::all);
            match all.clone().find(|name| place(name).is_none()) {
                Some(missing) => lacking.push(format!("{scheme} has {missing}")),
                None => {
                    let mean = |names: &Names| {
                        Origin::Mean(names.all().iter().filter_map(place).collect())
                    };
                    let origin = |joint| {
                        names
                            .get(joint)
                            .map_or_else(|| self.likely(joint, names), mean)
                    };
                    let origins = self
                        .layout
                        .joints
                        .iter()
                        .map(|joint| origin(joint.as_str()));
                    return Ok(Scheme(origins.collect()));
                }
            }
        }
        let shown: Vec<&str> = found.iter().take(60).map(String::as_str).collect();
        let reason = format!(
            "joint names: they fit no known scheme ({}); --map gives a file of names. Found {}",
            lacking.join(", "),
            shown.join(", ")
        );
        Err(ImportError::item(item, reason))
    }

    /// Where to put a joint that a scheme has not; [`parse`] saw to it that it is one of a hand.
    fn likely(&self, joint: &str, names: &BTreeMap<String, Names>) -> Origin {
        let side = joint.split(' ').next().unwrap_or_default();
        let of = |part: &str| self.layout.joint(&format!("{side} {part}")).unwrap_or(0);
        match names.contains_key(&format!("{side} hand")) {
            true => Origin::At(of("hand")),
            false => Origin::Beyond(of("wrist"), of("elbow")),
        }
    }
}

impl Scheme {
    /// The layout's joints from those of the file.
    pub(super) fn body(&self, places: &[[f64; 3]]) -> Vec<[f64; 3]> {
        let mean = |joints: &[usize]| {
            let places = joints.iter().filter_map(|j| places.get(*j));
            let sum = places.fold([0.0; 3], |sum, at| [0, 1, 2].map(|c| sum[c] + at[c]));
            sum.map(|c: f64| c / joints.len().max(1) as f64)
        };
        let direct = |v: usize| match self.0.get(v) {
            Some(Origin::Mean(joints)) => mean(joints),
            _ => [0.0; 3],
        };
        let place = |origin: &Origin| match *origin {
            Origin::Mean(ref joints) => mean(joints),
            Origin::At(v) => direct(v),
            Origin::Beyond(wrist, elbow) => {
                let (wrist, elbow) = (direct(wrist), direct(elbow));
                [0, 1, 2].map(|c| wrist[c] + HAND * (wrist[c] - elbow[c]))
            }
        };
        self.0.iter().map(place).collect()
    }
}

/// Without what a tool puts in front, and without regard to capitals.
fn bare(name: &str) -> String {
    let name = name.rsplit(':').next().unwrap_or(name).to_lowercase();
    name.strip_prefix("mixamorig_").unwrap_or(&name).to_string()
}

type Tables = Vec<(String, BTreeMap<String, Names>)>;

fn parse(layout: &Layout, item: &str, text: &str) -> Result<Tables, ImportError> {
    let tables: BTreeMap<String, BTreeMap<String, Names>> = toml::from_str(text)
        .map_err(|error| ImportError::item(item, error.to_string().trim_end()))?;
    for (scheme, names) in &tables {
        let fail = |reason: String| Err(ImportError::at(item, format!("[{scheme}]"), reason));
        for (joint, names) in names {
            if layout.joint(joint).is_none() {
                let known = layout.joints.join(", ");
                return fail(format!("unknown joint \"{joint}\"; known: {known}"));
            }
            if names.all().is_empty() {
                return fail(format!("\"{joint}\": expected a name, found none"));
            }
        }
        for joint in &layout.joints {
            let part = joint.split_once(' ').map_or("", |(_, part)| part);
            if !OPTIONAL.contains(&part) && !names.contains_key(joint) {
                return fail(format!("joint \"{joint}\" is missing"));
            }
        }
    }
    Ok(tables.into_iter().collect())
}
