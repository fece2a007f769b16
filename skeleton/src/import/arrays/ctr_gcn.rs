//! CTR-GCN's arrays: one `.npz` with `x_train`, (N, T, M·V·3), `y_train`, one-hot (N, classes), and
//! the same for `test`.

use super::npz::Npz;
use super::{About, Found, by_part};
use crate::dataset::{Meta, Sample};
use crate::element::Element;
use crate::import::room::{Room, most_frames};
use crate::import::{Clip, ImportError, Source};
use crate::layout::Layout;
use crate::mapped::Mapped;
use crate::npy;
use crate::sequence::{CHANNELS, Sequence};
use serde_json::Value;
use std::path::Path;

/// CTR-GCN's layout.
const LAYOUT: &str = "ntu25";

/// Most bodies in a frame.
const MAX_BODIES: usize = 16;

/// An archive of arrays.
pub struct CtrGcn {
    meta: Meta,
    parts: [Part; 2],
    joints: usize,
}

struct Part {
    name: &'static str,
    /// What the arrays are called in messages.
    x_item: String,
    y_item: String,
    x: npy::Array<Mapped>,
    y: npy::Array<Mapped>,
}

impl CtrGcn {
    /// Opens an archive. Its arrays are mapped; packed ones are unpacked into temporary files.
    ///
    /// # Errors
    /// An array is missing, of another kind or shape, or the arrays don't fit one another.
    pub fn open(path: &Path, about: &About) -> Result<Self, ImportError> {
        let joints = Layout::ntu25().len();
        let mut npz = Npz::open(path)?;
        let mut open = |name| Part::open(&mut npz, name, joints);
        let parts = [open("train")?, open("test")?];
        let [train, test] = &parts;
        if train.x.rows() + test.x.rows() == 0 {
            let reason = "expected samples in its arrays, found none";
            return Err(ImportError::item(path.display().to_string(), reason));
        }
        for (item, expected, found) in [
            (&test.x_item, train.width(), test.width()),
            (&test.y_item, train.classes(), test.classes()),
        ] {
            if expected != found {
                let reason = format!(
                    "shape: expected a last size of {expected} as in train's, found {found}"
                );
                return Err(ImportError::item(item, reason));
            }
        }
        let found = Found {
            layout: LAYOUT,
            units: "metre",
            bodies: train.width() / (joints * CHANNELS),
            classes: train.classes(),
            splits: [("released".to_string(), by_part(train.name))].into(),
        };
        Ok(Self {
            meta: about.meta(path, found)?,
            parts,
            joints,
        })
    }

    fn find(&self, item: usize) -> (&Part, usize) {
        let [train, test] = &self.parts;
        match item.checked_sub(train.x.rows()) {
            None => (train, item),
            Some(row) => (test, row),
        }
    }
}

impl Source for CtrGcn {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.x.rows()).sum()
    }

    fn name(&self, item: usize) -> String {
        let (part, row) = self.find(item);
        format!("{}: row {row}", part.x_item)
    }

    fn read_within(&self, item: usize, room: &Room<'_>) -> Result<Vec<Clip>, ImportError> {
        let (part, row) = self.find(item);
        let label = part.label(row)?;
        // The row itself, and the clip.
        room.take(2 * part.x.row(row).len());
        let joints = part.clip(row, self.meta.bodies, self.joints);
        part.x.release(part.x.row(row));
        if joints.frames == 0 {
            let reason = "nobody is in it: every number is zero";
            return Err(ImportError::at(&part.x_item, format!("row {row}"), reason));
        }
        let sample = Sample {
            name: format!("{}_{row:06}", part.name),
            frames: joints.frames,
            label,
            columns: [("part".to_string(), part.name.to_string())].into(),
        };
        Ok(vec![Clip { sample, joints }])
    }

    fn settings(&self) -> Value {
        Value::Null
    }
}

impl Part {
    fn open(npz: &mut Npz, name: &'static str, joints: usize) -> Result<Self, ImportError> {
        let [x_name, y_name] = ["x", "y"].map(|array| format!("{array}_{name}"));
        let part = Self {
            name,
            x: npz.array(&x_name)?,
            y: npz.array(&y_name)?,
            x_item: npz.item(&x_name),
            y_item: npz.item(&y_name),
        };
        let Self { x, y, .. } = &part;
        if x.element != Element::F32 {
            let reason = format!("dtype: expected '<f4', found {:?}", x.element);
            return Err(ImportError::item(&part.x_item, reason));
        }
        let body = joints * CHANNELS;
        let fits =
            |width: usize| width.is_multiple_of(body) && (1..=MAX_BODIES).contains(&(width / body));
        if !matches!(x.shape[..], [_, frames, width] if frames > 0 && fits(width)) {
            let reason = format!(
                "shape: expected (samples, frames, bodies·{joints}·3), found {:?}",
                x.shape
            );
            return Err(ImportError::item(&part.x_item, reason));
        }
        let (bodies, frames) = (part.width() / body, x.shape[1]);
        let most = most_frames(bodies, joints);
        if frames > most {
            let reason =
                format!("shape: expected at most {most} frames of {bodies} bodies, found {frames}");
            return Err(ImportError::item(&part.x_item, reason));
        }
        if !matches!(y.shape[..], [rows, classes] if rows == x.rows() && classes > 0) {
            let reason = format!(
                "shape: expected ({}, classes), one-hot, found {:?}",
                x.rows(),
                y.shape
            );
            return Err(ImportError::item(&part.y_item, reason));
        }
        Ok(part)
    }

    fn width(&self) -> usize {
        self.x.shape.last().copied().unwrap_or(0)
    }

    fn classes(&self) -> usize {
        self.y.shape.last().copied().unwrap_or(0)
    }

    /// The place of a row's only 1.
    fn label(&self, row: usize) -> Result<usize, ImportError> {
        let element = self.y.element;
        let numbers = self.y.row(row).chunks_exact(element.size());
        let numbers: Vec<f32> = numbers.map(|bytes| element.float(bytes)).collect();
        self.y.release(self.y.row(row));
        let ones: Vec<usize> = (0..numbers.len()).filter(|i| numbers[*i] != 0.0).collect();
        match ones[..] {
            [label] if numbers[label] == 1.0 => Ok(label),
            _ => Err(ImportError::at(
                &self.y_item,
                format!("row {row}"),
                format!(
                    "label: expected one 1 and else zeros, found {} other numbers",
                    ones.len()
                ),
            )),
        }
    }

    /// A row as (T, M, V, 3), without the zeros that it is padded with at its end.
    fn clip(&self, row: usize, bodies: usize, joints: usize) -> Sequence {
        let bytes = self.x.row(row);
        let numbers = bytes.chunks_exact(4).map(|bytes| Element::F32.float(bytes));
        let frame = bodies * joints * CHANNELS;
        let last = numbers.clone().rposition(|x| x != 0.0);
        let frames = last.map_or(0, |last| last / frame + 1);
        Sequence {
            frames,
            bodies,
            joints,
            data: numbers.take(frames * frame).collect(),
        }
    }
}
