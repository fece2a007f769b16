//! PYSKL's and MMAction2's annotations: one pickle with `split`, {name: [ids]}, and `annotations`, a
//! list of {`frame_dir`, `label`, `total_frames`, `keypoint` (M, T, V, C), `keypoint_score` (M, T, V)}.

use super::released::whole;
use super::{About, Found, MAX_CLASSES};
use crate::dataset::{Meta, Sample, Split};
use crate::import::room::{LARGEST_CLIP, Room};
use crate::import::{Clip, ImportError, Source};
use crate::mapped::Mapped;
use crate::pickle::{ARRAYS, Array, Pickle, PickleError, Rules, Value};
use crate::sequence::{CHANNELS, Sequence};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Most values in the pickle: about 40 a sample, so some 300,000 samples.
const MAX_VALUES: usize = 12 << 20;

/// Most bytes of a sample's keypoints.
const LARGEST_SAMPLE: usize = LARGEST_CLIP;

/// Bodies that are kept by default, the first ones of each sample.
pub const BODIES: usize = 2;

/// Most bodies that may be kept.
const MAX_BODIES: usize = 16;

/// A file of annotations.
pub struct Pyskl {
    path: PathBuf,
    meta: Meta,
    form: Form,
    /// Columns that say the side of a sample in each split.
    columns: Vec<String>,
    pickle: Pickle<Mapped>,
    samples: Vec<Result<Annotation, String>>,
}

/// What a joint is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form {
    layout: &'static str,
    units: &'static str,
    joints: usize,
    /// Numbers of a keypoint.
    channels: usize,
}

/// What occurs: Kinect's joints, and COCO's with a confidence beside each.
const FORMS: [Form; 2] = [
    Form {
        layout: "ntu25",
        units: "metre",
        joints: 25,
        channels: 3,
    },
    Form {
        layout: "coco17",
        units: "pixel",
        joints: 17,
        channels: 2,
    },
];

/// One sample, whose numbers are still in the pickle.
struct Annotation {
    name: String,
    label: usize,
    /// Its side in every split; empty where no list has it.
    sides: Vec<&'static str>,
    /// Bytes of the keypoints, at most.
    bytes: usize,
    keypoint: u32,
    score: Option<u32>,
}

impl Pyskl {
    /// Reads a file's annotations; keypoints stay in the mapped file. Of each sample the first
    /// `bodies` bodies are kept.
    ///
    /// # Errors
    /// The pickle is damaged or asks to run code, or an annotation lacks something.
    pub fn open(path: &Path, about: &About, bodies: Option<usize>) -> Result<Self, ImportError> {
        let item = path.display().to_string();
        let file = File::open(path).and_then(|file| Mapped::new(&file, None));
        let file = file.map_err(|error| ImportError::io(path, error))?;
        let rules = Rules {
            names: ARRAYS,
            values: MAX_VALUES,
        };
        let pickle = Pickle::read_through(file, rules, Mapped::release);
        let pickle = pickle.map_err(|error| ImportError::item(&item, error.to_string()))?;
        let field = |name: &str| {
            let value = pickle.root().get(name);
            let value =
                value.and_then(|v| v.ok_or_else(|| pickle.root().unlike("an entry of that name")));
            value.map_err(|error| ImportError::at(&item, name, error.to_string()))
        };
        let lists = Lists::read(field("split")?)
            .map_err(|error| ImportError::at(&item, "split", error.to_string()))?;
        let annotations = field("annotations")?.items();
        let annotations = annotations
            .map_err(|error| ImportError::at(&item, "annotations", error.to_string()))?;
        let mut samples = Vec::with_capacity(annotations.len());
        let mut form = None;
        let mut most = 0;
        for annotation in annotations.iter() {
            // A bad one is told when it is read: it may be left out.
            let sample = Annotation::read(annotation, &lists).and_then(|(sample, found, m)| {
                if *form.get_or_insert(found) != found {
                    return Err("keypoint: other joints than in the annotations ahead of it".into());
                }
                most = most.max(m);
                Ok(sample)
            });
            samples.push(sample);
        }
        let Some(form) = form else {
            let (place, reason) = match samples.into_iter().next() {
                Some(Err(reason)) => ("annotation 0", reason),
                _ => ("annotations", "expected at least one".into()),
            };
            return Err(ImportError::at(&item, place, reason));
        };
        let good = || samples.iter().flatten();
        let found = Found {
            layout: form.layout,
            units: form.units,
            bodies: bodies.unwrap_or(BODIES).min(most).clamp(1, MAX_BODIES),
            classes: good().map(|sample| sample.label + 1).max().unwrap_or(0),
            splits: lists.splits(good),
        };
        let columns = lists.splits.keys().map(|split| column(split)).collect();
        Ok(Self {
            path: path.into(),
            meta: about.meta(path, found)?,
            form,
            columns,
            pickle,
            samples,
        })
    }
}

impl Source for Pyskl {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn len(&self) -> usize {
        self.samples.len()
    }

    fn name(&self, item: usize) -> String {
        let path = self.path.display();
        match self.samples.get(item) {
            Some(Ok(sample)) => format!("{path}: {}", sample.name),
            _ => format!("{path}: annotation {item}"),
        }
    }

    fn read_within(&self, item: usize, room: &Room<'_>) -> Result<Vec<Clip>, ImportError> {
        let annotation = match self.samples.get(item) {
            Some(Ok(annotation)) => annotation,
            Some(Err(reason)) => {
                let path = self.path.display().to_string();
                let place = format!("annotation {item}");
                return Err(ImportError::at(path, place, reason));
            }
            None => return Ok(Vec::new()),
        };
        // The numbers as they lie in the file or, where they are escaped there, beside it; the clip.
        room.take(2 * annotation.bytes);
        let fail = |reason: String| {
            let place = format!("sample \"{}\"", annotation.name);
            ImportError::at(self.path.display().to_string(), place, reason)
        };
        let joints = annotation.joints(self).map_err(fail)?;
        if joints.data.iter().all(|x| *x == 0.0) {
            return Err(fail(
                "keypoint: nobody is in it: every number is zero".into(),
            ));
        }
        let mut columns = super::columns(&annotation.name);
        let sides = annotation.sides.iter().map(|side| side.to_string());
        columns.extend(self.columns.iter().cloned().zip(sides));
        let sample = Sample {
            name: annotation.name.clone(),
            frames: joints.frames,
            label: annotation.label,
            columns,
        };
        Ok(vec![Clip { sample, joints }])
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

impl Annotation {
    /// Everything but the numbers, their form, and the number of bodies.
    fn read(value: Value<'_>, lists: &Lists<'_>) -> Result<(Self, Form, usize), String> {
        let field = |name: &str| {
            let found = value.get(name).map_err(|error| error.to_string())?;
            found.ok_or_else(|| format!("{name} is missing"))
        };
        let said = |name: &'static str| move |error: PickleError| format!("{name}: {error}");
        let name = field("frame_dir")?.text().map_err(said("frame_dir"))?;
        let label = whole(field("label")?).map_err(said("label"))?;
        let known = usize::try_from(label)
            .ok()
            .filter(|label| *label < MAX_CLASSES);
        let label = known
            .ok_or_else(|| format!("label: expected 0 to {}, found {label}", MAX_CLASSES - 1))?;
        let keypoint = field("keypoint")?;
        let shape = Array::shape(keypoint).map_err(said("keypoint"))?;
        let [m, frames, joints, channels] = shape[..] else {
            return Err(format!(
                "keypoint: expected shape (M, T, V, C), found {shape:?}"
            ));
        };
        let form = FORMS
            .into_iter()
            .find(|f| (f.joints, f.channels) == (joints, channels));
        let form = form.ok_or_else(|| {
            format!(
                "keypoint: expected 25 joints of 3 numbers or 17 of 2, found {joints} of {channels}"
            )
        })?;
        if m == 0 || frames == 0 {
            return Err(format!("keypoint: nobody is in it, its shape is {shape:?}"));
        }
        let total = whole(field("total_frames")?).map_err(said("total_frames"))?;
        if usize::try_from(total) != Ok(frames) {
            return Err(format!(
                "total_frames: expected {frames} as keypoint has, found {total}"
            ));
        }
        let numbers = shape
            .iter()
            .try_fold(size_of::<f64>(), |n, size| n.checked_mul(*size));
        let bytes = numbers.filter(|bytes| *bytes <= LARGEST_SAMPLE);
        let bytes = bytes.ok_or_else(|| {
            format!("keypoint: expected at most {LARGEST_SAMPLE} bytes, its shape is {shape:?}")
        })?;
        let score = value.get("keypoint_score").ok().flatten();
        let annotation = Self {
            name: name.into(),
            label,
            sides: lists.sides(name).collect(),
            bytes,
            keypoint: keypoint.identity(),
            score: score.map(Value::identity),
        };
        Ok((annotation, form, m))
    }

    fn joints(&self, source: &Pyskl) -> Result<Sequence, String> {
        let keypoint_failed = |error: PickleError| format!("keypoint: {error}");
        let score_failed = |error: PickleError| format!("keypoint_score: {error}");
        let Form {
            joints, channels, ..
        } = source.form;
        let keypoint = Array::read(source.pickle.value(self.keypoint)).map_err(keypoint_failed)?;
        let &[m, frames, ..] = &keypoint.shape[..] else {
            return Ok(Sequence::zeros(0, source.meta.bodies, joints));
        };
        let score = match (channels < CHANNELS, self.score) {
            (false, _) => None,
            (true, Some(score)) => {
                let value = source.pickle.value(score);
                let shape = Array::shape(value).map_err(score_failed)?;
                let expected = [m, frames, joints];
                if shape != expected {
                    return Err(format!(
                        "keypoint_score: expected shape {expected:?}, found {shape:?}"
                    ));
                }
                Some(Array::read(value).map_err(score_failed)?)
            }
            (true, None) => {
                let expected = "expected keypoint_score beside keypoints of two numbers";
                return Err(format!("{expected}, found none"));
            }
        };
        let mut out = Sequence::zeros(frames, source.meta.bodies, joints);
        let bodies = m.min(source.meta.bodies);
        let taken = bodies * frames * joints * channels;
        for (i, number) in keypoint
            .floats()
            .map_err(keypoint_failed)?
            .take(taken)
            .enumerate()
        {
            let (joint, channel) = (i / channels, i % channels);
            let at = place(&out, joint);
            out.data[at + channel] = number;
        }
        if let Some(score) = score {
            let numbers = score.floats().map_err(score_failed)?;
            for (joint, number) in numbers.take(bodies * frames * joints).enumerate() {
                let at = place(&out, joint);
                out.data[at + channels] = number;
            }
            source.pickle.input().release(score.raw());
        }
        source.pickle.input().release(keypoint.raw());
        Ok(out)
    }
}

/// Where the joint of that number lies, counted through (M, T, V).
fn place(out: &Sequence, joint: usize) -> usize {
    let (v, frame) = (joint % out.joints, joint / out.joints);
    out.at(frame % out.frames, frame / out.frames, v)
}

/// The file's lists of samples. `xsub_train` and `xsub_val` are the two sides of the split `xsub`;
/// lists whose names are nothing but a side make the split `released`.
struct Lists<'p> {
    /// By split, then by sample: the side.
    splits: BTreeMap<String, HashMap<&'p str, &'static str>>,
}

const SIDES: [&str; 3] = ["train", "val", "test"];

impl<'p> Lists<'p> {
    fn read(value: Value<'p>) -> Result<Self, PickleError> {
        let mut splits: BTreeMap<String, HashMap<&str, &str>> = BTreeMap::new();
        for (name, ids) in value.pairs()? {
            let name = name.text()?;
            let Some((split, side)) = side(name) else {
                continue;
            };
            let sides = splits.entry(split).or_default();
            for id in ids.items()?.iter() {
                sides.insert(id.text()?, side);
            }
        }
        Ok(Self { splits })
    }

    /// The sample's side in every split; empty where no list has it.
    fn sides(&self, name: &str) -> impl Iterator<Item = &'static str> {
        let sides = self.splits.values();
        sides.map(move |sides| sides.get(name).copied().unwrap_or_default())
    }

    /// Splits that place every sample; a sample that is on no side would count as one for testing.
    fn splits<'s, I: Iterator<Item = &'s Annotation>>(
        &self,
        samples: impl Fn() -> I,
    ) -> BTreeMap<String, Split> {
        let whole = |i: usize| {
            let sides = || samples().map(|sample| sample.sides[i]);
            sides().all(|side| !side.is_empty()) && sides().any(|side| side == SIDES[0])
        };
        let splits = self.splits.keys().enumerate().filter(|(i, _)| whole(*i));
        let splits = splits.map(|(_, split)| {
            let rule = Split {
                column: column(split),
                train: Some(vec![SIDES[0].into()]),
                test: None,
            };
            (split.clone(), rule)
        });
        splits.collect()
    }
}

fn column(split: &str) -> String {
    format!("split_{split}")
}

/// Split and side behind a list's name.
fn side(name: &str) -> Option<(String, &'static str)> {
    let side = SIDES.into_iter().find(|side| name.contains(side))?;
    let split = name.replacen(side, "", 1);
    let split = split.trim_matches('_');
    let split = if split.is_empty() { "released" } else { split };
    Some((split.to_string(), side))
}
