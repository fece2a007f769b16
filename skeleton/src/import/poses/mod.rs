//! Recordings of pose estimators and of motion capture: clips of people, frame by frame.
//!
//! What is common to all of them is here: [`folder`]s with a class a folder, who of several
//! [`people`] is kept, and how a clip comes to the data set's frame rate. A `Reader` of each form
//! gives frames and nothing else. `docs/import-poses.md` says what is taken for what.

pub mod bvh;
pub mod coco;
pub mod folder;
mod json;
mod lines;
pub mod mediapipe;
pub mod ndjson;
pub mod openpose;
pub mod people;
pub mod recording;

use super::room::{Room, clip_bytes, most_frames};
use super::said::{Found, Said};
use super::{Clip, ImportError, LeftOut, Source};
use crate::dataset::{Meta, Sample, Split};
use crate::layout::Layout;
use crate::resize;
use crate::sequence::Sequence;
use folder::{Folder, Form};
use json::Json;
use people::Crowd;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What the files don't say of a data set.
#[derive(Debug, Clone)]
pub struct About {
    /// Its frames a second are also those of files that have no time.
    pub said: Said,
    /// M: so many people of each frame are kept.
    pub bodies: usize,
}

impl About {
    fn meta(
        &self,
        source: &Path,
        layout: &Layout,
        classes: Vec<String>,
        splits: BTreeMap<String, Split>,
    ) -> Meta {
        let found = Found {
            layout: layout.name.clone(),
            units: layout.units().into(),
            bodies: self.bodies,
            classes,
            splits,
        };
        self.said.meta(source, found)
    }
}

/// Reads one form of files.
trait Reader: Send + Sync {
    /// Gives every frame of a clip to `crowd`, and says how many of them are a second, where the
    /// file knows.
    fn read(&self, clip: &Path, crowd: &mut Crowd<'_>) -> Result<Option<f64>, ImportError>;

    /// The same of frames that come as JSON by themselves, if the form has such.
    fn read_json(&self, json: Json<'_>, _: &mut Crowd<'_>) -> Result<(), ImportError> {
        Err(ImportError::item(json.item, "this form is no JSON"))
    }
}

/// A folder of clips, all of one form.
pub struct Poses {
    folder: Folder,
    meta: Meta,
    joints: usize,
    reader: Box<dyn Reader>,
    settings: Value,
}

impl Poses {
    /// `take` is how the reader takes files: an object of options by their names.
    fn new(
        root: &Path,
        form: Form,
        about: &About,
        layout: &Layout,
        take: Value,
        reader: Box<dyn Reader>,
    ) -> Result<Self, ImportError> {
        let folder = Folder::find(root, form)?;
        let splits = folder.splits();
        Ok(Self {
            settings: take,
            meta: about.meta(root, layout, folder.classes.clone(), splits),
            joints: layout.len(),
            folder,
            reader,
        })
    }
}

impl Source for Poses {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn len(&self) -> usize {
        self.folder.items.len()
    }

    fn name(&self, item: usize) -> String {
        let item = self.folder.items.get(item);
        item.map_or_else(String::new, |item| item.path.display().to_string())
    }

    fn read_within(&self, item: usize, room: &Room<'_>) -> Result<Vec<Clip>, ImportError> {
        let Some(item) = self.folder.items.get(item) else {
            return Ok(Vec::new());
        };
        let name = item.path.display().to_string();
        let mut crowd = Crowd::new(&name, self.meta.bodies, self.joints, room);
        let rate = self.reader.read(&item.path, &mut crowd)?;
        let joints = crowd.choose()?;
        let rates = [rate.unwrap_or(self.meta.fps), self.meta.fps];
        let joints = at_rate(joints, rates, room);
        let joints = joints.map_err(|reason| ImportError::item(name, reason))?;
        let sample = Sample {
            name: item.name.clone(),
            frames: joints.frames,
            label: item.label,
            columns: item.columns.clone(),
        };
        Ok(vec![Clip { sample, joints }])
    }

    fn settings(&self) -> Value {
        self.settings.clone()
    }

    fn left_out(&self) -> &[LeftOut] {
        &self.folder.left_out
    }
}

/// The same clip at another number of frames a second; at least one frame stays.
fn at_rate(clip: Sequence, [from, to]: [f64; 2], room: &Room<'_>) -> Result<Sequence, String> {
    let frames = (clip.frames as f64 * to / from).round().max(1.0) as usize;
    let most = most_frames(clip.bodies, clip.joints);
    if frames == clip.frames {
        return Ok(clip);
    }
    if frames > most {
        return Err(format!(
            "frames: {} at {from} a second are {frames} at {to}; at most {most} are taken",
            clip.frames
        ));
    }
    room.take(clip_bytes(frames, clip.bodies, clip.joints));
    Ok(resize::of_seen(clip.view(), frames))
}

#[cfg(test)]
mod tests;
