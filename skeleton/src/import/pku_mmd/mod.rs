//! PKU-MMD, parts I and II, cut into its actions.

mod folders;
mod labels;
mod split;
pub(super) mod video;

pub use folders::Folders;

use super::room::{Room, clip_bytes};
use super::text::read_file;
use super::{Bodies, Clip, ImportError, LeftOut, Official, Source, checksum};
use crate::dataset::{FORMAT, Meta, Sample, Split};
use folders::stem;
use serde_json::{Value, json};
use split::SplitFile;
use std::collections::HashMap;
use std::path::PathBuf;

/// Frames a second.
pub const FPS: f64 = 30.0;

/// Names of the classes, in the authors' order. Part II has 41 of them, under the same numbers.
const CLASSES: &str = include_str!("classes.txt");

/// Part I: they add up to the 21,545 actions of the data set's README, but how they divide is known
/// from hearsay alone. Of part II the literature has several counts.
const PART_1_OFFICIAL: [Official; 2] = [
    Official {
        split: "xsub",
        train: 18_841,
        test: 2_704,
        confirmed: false,
    },
    Official {
        split: "xview",
        train: 14_357,
        test: 7_188,
        confirmed: false,
    },
];

/// Names of the classes, in the order of their labels.
pub fn classes() -> Vec<String> {
    CLASSES.lines().map(str::to_string).collect()
}

/// Which half of the data set, told by how recordings are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// `0002-L`
    One,
    /// `A01N01-L`
    Two,
}

/// A recording's file, and what its name says.
struct Recording {
    path: PathBuf,
    /// `0002-L`
    name: String,
    /// Which part of each split it is in.
    parts: Vec<(String, String)>,
}

/// The recordings of PKU-MMD.
pub struct PkuMmd {
    recordings: Vec<Recording>,
    labels: HashMap<String, PathBuf>,
    folders: Folders,
    bodies: Bodies,
    part: Part,
    meta: Meta,
    left_out: Vec<LeftOut>,
}

impl PkuMmd {
    /// Looks through the folders and reads the split files.
    ///
    /// # Errors
    /// One of them can't be read or lacks what it should have; recordings of both parts are there.
    pub fn open(folders: Folders, bodies: Bodies) -> Result<Self, ImportError> {
        let paths = folders.recordings()?;
        let labels = folders.labels()?;
        let splits = folders.splits()?;
        let part_of = |path: &PathBuf| match stem(path).starts_with(char::is_alphabetic) {
            true => Part::Two,
            false => Part::One,
        };
        let part = paths.first().map_or(Part::One, part_of);
        if let Some(other) = paths.iter().find(|path| part_of(path) != part) {
            return Err(ImportError::Source {
                path: other.clone(),
                reason: "is a recording of the other part; import one part at a time".into(),
            });
        }
        let (mut recordings, mut left_out) = (Vec::new(), Vec::new());
        for path in paths {
            let name = stem(&path);
            let unlisted = splits.iter().find(|split| split.part(&name).is_none());
            match unlisted {
                Some(split) => left_out.push(LeftOut {
                    item: path.display().to_string(),
                    reason: format!("not listed in {}", split.path.display()),
                }),
                None => recordings.push(Recording {
                    parts: parts(&splits, &name),
                    path,
                    name,
                }),
            }
        }
        Ok(Self {
            recordings,
            labels,
            folders,
            bodies,
            part,
            meta: meta(part, &splits),
            left_out,
        })
    }
}

fn parts(splits: &[SplitFile], recording: &str) -> Vec<(String, String)> {
    let part = |split: &SplitFile| Some((split.name.into(), split.part(recording)?.into()));
    splits.iter().filter_map(part).collect()
}

fn meta(part: Part, splits: &[SplitFile]) -> Meta {
    let split = |split: &SplitFile| {
        let rule = Split {
            column: split.name.into(),
            test: Some(vec!["test".into()]),
            train: None,
        };
        (split.name.to_string(), rule)
    };
    Meta {
        format: FORMAT.into(),
        name: match part {
            Part::One => "PKU-MMD, part I".into(),
            Part::Two => "PKU-MMD, part II".into(),
        },
        license: "LicenseRef-PKU-MMD".into(),
        citation: "Liu, Hu, Li, Song, Liu: PKU-MMD: A Large Scale Benchmark for Continuous \
                   Multi-Modal Human Action Understanding, arXiv:1703.07475"
            .into(),
        units: "metre".into(),
        fps: FPS,
        layout: "ntu25".into(),
        bodies: video::BODIES,
        classes: classes(),
        splits: splits.iter().map(split).collect(),
    }
}

impl Source for PkuMmd {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn len(&self) -> usize {
        self.recordings.len()
    }

    fn name(&self, item: usize) -> String {
        self.recordings[item].path.display().to_string()
    }

    fn read_within(&self, item: usize, room: &Room<'_>) -> Result<Vec<Clip>, ImportError> {
        let Recording { path, name, parts } = &self.recordings[item];
        let item = path.display().to_string();
        let view = match name.rsplit_once('-') {
            Some((video, view @ ("L" | "M" | "R"))) => Some((video, view)),
            _ => None,
        };
        let (video, view) = view.ok_or_else(|| {
            let reason =
                format!("name: expected one with its view, such as 0002-L, found \"{name}\"");
            ImportError::item(&*item, reason)
        })?;
        let labels = self.labels.get(name).ok_or_else(|| {
            let folder = self.folders.labels.display();
            ImportError::item(&*item, format!("labels: expected {name}.txt in {folder}"))
        })?;
        let text = read_file(path, room)?;
        room.take(video::most_bytes(text.len()));
        let joints = video::parse(&item, &text)?;
        drop(text);
        let labels_name = labels.display().to_string();
        let text = read_file(labels, room)?;
        let actions = labels::parse(&labels_name, &text, self.meta.classes.len(), joints.frames)?;
        let cut = actions.iter().map(|action| action.frames.len()).sum();
        room.take(clip_bytes(cut, video::BODIES, joints.joints));
        let clips = actions.into_iter().enumerate().map(|(i, action)| {
            let cut = joints.view().slice(action.frames);
            let joints = match self.bodies {
                Bodies::Released => cut.to_owned(),
                Bodies::Tracked => video::tracked(cut),
            };
            let known = [("video", video), ("view", view)].map(|(c, v)| (c.into(), v.into()));
            let sample = Sample {
                name: format!("{name}-{:03}", i + 1),
                frames: joints.frames,
                label: action.label,
                columns: known.into_iter().chain(parts.iter().cloned()).collect(),
            };
            Clip { sample, joints }
        });
        Ok(clips.collect())
    }

    fn settings(&self) -> Value {
        let recordings = self.recordings.iter();
        let parts = recordings.flat_map(|recording| &recording.parts);
        json!({
            "bodies": self.bodies,
            "labels": self.folders.labels,
            "splits": checksum(parts.map(|(split, part)| format!("{split} {part}"))),
        })
    }

    fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    fn official(&self) -> &[Official] {
        match self.part {
            Part::One => &PART_1_OFFICIAL,
            Part::Two => &[],
        }
    }
}

#[cfg(test)]
mod tests;
