//! AimCLR's own arrays: `train_position.npy`, (N, 3, T, V, M), beside `train_label.pkl`, a pickled
//! pair of names and labels, and the same for `val`.

use super::{About, Found, MAX_CLASSES, by_part};
use crate::dataset::{Meta, Sample};
use crate::element::Element;
use crate::import::room::{Room, most_frames};
use crate::import::{Clip, ImportError, Source, checksum};
use crate::layout::Layout;
use crate::mapped::Mapped;
use crate::npy;
use crate::pickle::{ARRAYS, Array, Kind, Pickle, PickleError, Rules, Value};
use crate::sequence::{CHANNELS, Sequence};
use serde_json::json;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The parts of the split `released`; the first is for training.
pub const PARTS: [&str; 2] = ["train", "val"];

/// The released code's layout.
const LAYOUT: &str = "ntu25";

/// Most values in a pickle of labels: names and labels of a million samples.
const MAX_VALUES: usize = 1 << 22;

/// A folder of arrays.
pub struct Released {
    meta: Meta,
    parts: Vec<Part>,
}

/// One array and its labels.
struct Part {
    name: &'static str,
    path: PathBuf,
    labels_path: PathBuf,
    positions: npy::Array<Mapped>,
    labels: Vec<Labelled>,
}

/// Name and label of a row, or what is wrong with them.
type Labelled = Result<(String, usize), String>;

impl Released {
    /// Opens the parts that are in `folder`; positions are mapped, not read.
    ///
    /// # Errors
    /// There is no part, an array is of another kind or shape, or its labels don't fit it.
    pub fn open(folder: &Path, about: &About) -> Result<Self, ImportError> {
        let mut parts = Vec::new();
        for name in PARTS {
            if folder.join(format!("{name}_position.npy")).exists() {
                parts.push(Part::open(folder, name)?);
            }
        }
        let fail = |reason: &str| ImportError::Source {
            path: folder.into(),
            reason: reason.into(),
        };
        let bodies = match parts.iter().map(Part::bodies).collect::<Vec<_>>()[..] {
            [] => {
                return Err(fail(
                    "expected train_position.npy or val_position.npy, found neither",
                ));
            }
            [a, b] if a != b => {
                return Err(fail(
                    "train_position.npy and val_position.npy have room for different numbers of bodies",
                ));
            }
            [bodies, ..] => bodies,
        };
        if parts.iter().all(|part| part.labels.is_empty()) {
            return Err(fail("expected samples in its arrays, found none"));
        }
        let labels = parts.iter().flat_map(|part| &part.labels).flatten();
        let found = Found {
            layout: LAYOUT,
            units: "metre",
            bodies,
            classes: labels.map(|(_, label)| label + 1).max().unwrap_or(0),
            splits: [("released".to_string(), by_part(PARTS[0]))].into(),
        };
        Ok(Self {
            meta: about.meta(folder, found)?,
            parts,
        })
    }

    fn find(&self, item: usize) -> Option<(&Part, usize)> {
        let mut row = item;
        for part in &self.parts {
            match row.checked_sub(part.labels.len()) {
                None => return Some((part, row)),
                Some(rest) => row = rest,
            }
        }
        None
    }
}

impl Source for Released {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.labels.len()).sum()
    }

    fn name(&self, item: usize) -> String {
        match self.find(item) {
            Some((part, row)) => match &part.labels[row] {
                Ok((name, _)) => format!("{}: {name}", part.path.display()),
                Err(_) => format!("{}: sample {row}", part.path.display()),
            },
            None => String::new(),
        }
    }

    fn read_within(&self, item: usize, room: &Room<'_>) -> Result<Vec<Clip>, ImportError> {
        let Some((part, row)) = self.find(item) else {
            return Ok(Vec::new());
        };
        let (name, label) = part.labels[row].as_ref().map_err(|reason| {
            let path = part.labels_path.display().to_string();
            ImportError::at(path, format!("sample {row}"), reason)
        })?;
        // The row itself, and the clip.
        room.take(2 * part.positions.row(row).len());
        let joints = part.clip(row);
        part.positions.release(part.positions.row(row));
        if joints.frames == 0 {
            return Err(ImportError::at(
                part.path.display().to_string(),
                format!("sample \"{name}\""),
                "nobody is in it: joint 0 of body 0 is zero in every frame",
            ));
        }
        let mut columns = crate::import::arrays::columns(name);
        columns.insert("part".into(), part.name.into());
        Ok(vec![Clip {
            sample: Sample {
                name: name.clone(),
                frames: joints.frames,
                label: *label,
                columns,
            },
            joints,
        }])
    }

    fn settings(&self) -> serde_json::Value {
        let labels = self.parts.iter().flat_map(|part| &part.labels);
        json!({"labels": checksum(labels.map(|row| format!("{row:?}")))})
    }
}

impl Part {
    fn open(folder: &Path, name: &'static str) -> Result<Self, ImportError> {
        let path = folder.join(format!("{name}_position.npy"));
        let fail = |reason: String| ImportError::item(path.display().to_string(), reason);
        let file = File::open(&path).and_then(|file| Mapped::new(&file, None));
        let file = file.map_err(|error| ImportError::io(&path, error))?;
        let positions = npy::Array::read(file).map_err(fail)?;
        if positions.element != Element::F32 {
            return Err(fail(format!(
                "dtype: expected '<f4', found {:?}",
                positions.element
            )));
        }
        let joints = Layout::ntu25().len();
        match positions.shape[..] {
            [_, CHANNELS, frames, v, 1..=16] if frames > 0 && v == joints => {}
            _ => {
                return Err(fail(format!(
                    "shape: expected (samples, 3, frames, {joints}, 1 to 16 bodies), found {:?}",
                    positions.shape
                )));
            }
        }
        let (frames, bodies) = (positions.shape[2], positions.shape[4]);
        let most = most_frames(bodies, joints);
        if frames > most {
            return Err(fail(format!(
                "shape: expected at most {most} frames of {bodies} bodies, found {frames}"
            )));
        }
        let labels_path = folder.join(format!("{name}_label.pkl"));
        let labels = read_labels(&labels_path)?;
        if labels.len() != positions.rows() {
            return Err(fail(format!(
                "{} samples, but {name}_label.pkl names {}",
                positions.rows(),
                labels.len()
            )));
        }
        Ok(Self {
            name,
            path,
            labels_path,
            positions,
            labels,
        })
    }

    fn bodies(&self) -> usize {
        self.positions.shape.last().copied().unwrap_or(0)
    }

    /// A row as (T, M, V, 3), as long as the released code takes it: so many frames, from the first
    /// on, as have joint 0 of body 0 elsewhere than at the origin.
    fn clip(&self, row: usize) -> Sequence {
        let bytes = self.positions.row(row);
        let &[_, _, frames, joints, bodies] = &self.positions.shape[..] else {
            return Sequence::zeros(0, 1, 1);
        };
        let number = |channel: usize, t: usize, v: usize, m: usize| {
            let at = ((channel * frames + t) * joints + v) * bodies + m;
            Element::F32.float(bytes.get(4 * at..).unwrap_or_default())
        };
        let position = |t, v, m| [0, 1, 2].map(|channel| number(channel, t, v, m));
        let length = (0..frames)
            .filter(|t| position(*t, 0, 0) != [0.0; CHANNELS])
            .count();
        let mut clip = Sequence::zeros(length, bodies, joints);
        for t in 0..length {
            for m in 0..bodies {
                for v in 0..joints {
                    clip.set_joint(t, m, v, position(t, v, m));
                }
            }
        }
        clip
    }
}

/// The pair (names, labels).
fn read_labels(path: &Path) -> Result<Vec<Labelled>, ImportError> {
    let bytes = File::open(path).and_then(|file| Mapped::new(&file, None));
    let bytes = bytes.map_err(|error| ImportError::io(path, error))?;
    let fail =
        |error: PickleError| ImportError::item(path.display().to_string(), error.to_string());
    let rules = Rules {
        names: ARRAYS,
        values: MAX_VALUES,
    };
    let pickle = Pickle::read(bytes, rules).map_err(fail)?;
    let [names, labels] = pickle
        .root()
        .array()
        .map_err(|_| fail(pickle.root().unlike("a pair of names and labels")))?;
    let names = names.items().map_err(fail)?;
    let labels: Vec<Result<i64, PickleError>> = match labels.kind() {
        Kind::Object(_) => {
            let array = Array::read(labels).and_then(|array| array.ints());
            array.map_err(fail)?.into_iter().map(Ok).collect()
        }
        _ => labels.items().map_err(fail)?.iter().map(whole).collect(),
    };
    if names.len() != labels.len() {
        return Err(ImportError::item(
            path.display().to_string(),
            format!("{} names, but {} labels", names.len(), labels.len()),
        ));
    }
    let row = |(name, label): (Value<'_>, Result<i64, PickleError>)| {
        let name = name.text().map_err(|error| format!("name: {error}"))?;
        let name = name.strip_suffix(".skeleton").unwrap_or(name);
        let label = label.map_err(|error| format!("label: {error}"))?;
        let known = usize::try_from(label).ok().filter(|n| *n < MAX_CLASSES);
        let most = MAX_CLASSES - 1;
        let label = known.ok_or_else(|| format!("label: expected 0 to {most}, found {label}"))?;
        Ok((name.to_string(), label))
    };
    Ok(names.iter().zip(labels).map(row).collect())
}

/// A whole number, Python's or NumPy's.
pub(super) fn whole(value: Value<'_>) -> Result<i64, PickleError> {
    match value.kind() {
        Kind::Object(_) => match Array::read(value)?.ints()?[..] {
            [number] => Ok(number),
            _ => Err(value.unlike("a whole number")),
        },
        _ => value.int(),
    }
}
