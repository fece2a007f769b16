//! NTU RGB+D 60 and 120, from their `.skeleton` files.

mod edition;
mod files;
mod name;
pub mod people;
pub mod skeleton;

pub use edition::Edition;

use super::room::{Room, clip_bytes};
use super::text::read_text;
use super::{Bodies, Clip, ImportError, LeftOut, Official, Source};
use crate::dataset::{Meta, Sample};
use files::{File, Files};
pub(super) use name::Name;
use serde::Serialize;
use serde_json::{Value, json};
use skeleton::Recording;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Frames after which the released code cuts.
pub const RELEASED_FRAMES: usize = 300;

/// Frames a second.
pub const FPS: f64 = 30.0;

/// How it is imported.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Settings {
    /// Which edition; by default the smaller one that has all actions of the source.
    #[serde(skip)] // The classes say it.
    pub edition: Option<Edition>,
    /// Samples to be left out.
    pub missing: Missing,
    /// Whom to keep.
    pub bodies: Bodies,
    /// Frames after which a clip is cut; by default 300 for [`Bodies::Released`] and none else.
    pub max_frames: Option<usize>,
}

/// Samples to be left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// Those that the data set's authors list.
    #[default]
    Official,
    /// Those of a file, one name a line, with or without the official lists' three lines ahead.
    File(PathBuf),
    /// None.
    Nothing,
}

/// The files of NTU RGB+D.
pub struct Ntu {
    files: Files,
    meta: Meta,
    edition: Edition,
    settings: Settings,
    left_out: Vec<LeftOut>,
}

impl Ntu {
    /// Looks through folders and zip archives.
    ///
    /// # Errors
    /// One of them can't be read or has no `.skeleton` file; the list of missing samples can't be
    /// read.
    pub fn open(sources: &[PathBuf], settings: Settings) -> Result<Self, ImportError> {
        let mut files = Files::find(sources)?;
        let missing = settings.missing.names()?;
        let action = |file: &File| Name::parse(&file.stem).map_or(0, |name| name.action.into());
        let most = files.list.iter().map(action).max().unwrap_or(0);
        let edition = settings
            .edition
            .unwrap_or(match most > Edition::Ntu60.actions() {
                true => Edition::Ntu120,
                false => Edition::Ntu60,
            });
        let reason = |file: &File| {
            if missing.contains(&file.stem) {
                Some("listed as a sample with a missing skeleton".to_string())
            } else if (edition.actions() + 1..=Edition::Ntu120.actions()).contains(&action(file)) {
                Some(format!("not one of the {} classes", edition.actions()))
            } else {
                None
            }
        };
        let mut left_out = Vec::new();
        let list = std::mem::take(&mut files.list);
        for file in list {
            match reason(&file) {
                Some(reason) => left_out.push(LeftOut {
                    item: files.name(&file),
                    reason,
                }),
                None => files.list.push(file),
            }
        }
        Ok(Self {
            files,
            meta: edition.meta(people::BODIES),
            edition,
            settings,
            left_out,
        })
    }
}

impl Missing {
    fn names(&self) -> Result<HashSet<String>, ImportError> {
        match self {
            Self::Official => Ok(Edition::missing().map(str::to_string).collect()),
            Self::Nothing => Ok(HashSet::new()),
            Self::File(path) => read_names(path),
        }
    }
}

/// The names of a list; what stands ahead of the first one is a header.
fn read_names(path: &Path) -> Result<HashSet<String>, ImportError> {
    let text = read_text(path)?;
    let mut names = HashSet::new();
    for (i, line) in text.lines().enumerate() {
        let name = line.trim().trim_end_matches(".skeleton");
        if Name::parse(name).is_some() {
            names.insert(name.to_string());
        } else if !names.is_empty() && !name.is_empty() {
            return Err(ImportError::at(
                path.display().to_string(),
                format!("line {}", i + 1),
                format!("name: expected SsssCcccPpppRrrrAaaa, found \"{name}\""),
            ));
        }
    }
    match names.is_empty() {
        false => Ok(names),
        true => Err(ImportError::Source {
            path: path.into(),
            reason: "expected names such as S001C002P003R001A008, found none".into(),
        }),
    }
}

impl Source for Ntu {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn len(&self) -> usize {
        self.files.list.len()
    }

    fn name(&self, item: usize) -> String {
        self.files.name(&self.files.list[item])
    }

    fn read_within(&self, item: usize, room: &Room<'_>) -> Result<Vec<Clip>, ImportError> {
        let file = &self.files.list[item];
        let item = self.files.name(file);
        let name = Name::parse(&file.stem).ok_or_else(|| {
            let reason = format!(
                "name: expected SsssCcccPpppRrrrAaaa with numbers from 1, found \"{}\"",
                file.stem
            );
            ImportError::item(item.clone(), reason)
        })?;
        let (action, actions) = (usize::from(name.action), self.edition.actions());
        if action > actions {
            let reason = format!("action: expected 1 to {actions}, found {action}");
            return Err(ImportError::item(item, reason));
        }
        let text = self.files.read(file, room)?;
        // A body is shorter in memory than as text, and a clip has two at most.
        room.take(text.len());
        let recording = Recording::parse(&item, &text)?;
        drop(text);
        let limit = self.settings.max_frames;
        room.take(clip_bytes(
            recording.frames(),
            people::BODIES,
            skeleton::JOINTS,
        ));
        let mut joints = match self.settings.bodies {
            Bodies::Released => people::released(&recording, limit.unwrap_or(RELEASED_FRAMES)),
            Bodies::Tracked => people::tracked(&recording),
        };
        if let Some(limit) = limit.filter(|limit| *limit < joints.frames) {
            joints = joints.view().slice(0..limit).to_owned();
        }
        if joints.data.iter().all(|x| *x == 0.0) {
            return Err(ImportError::item(item, "bodies: none in any frame"));
        }
        let sample = Sample {
            name: file.stem.clone(),
            frames: joints.frames,
            label: action - 1,
            columns: name.columns(),
        };
        Ok(vec![Clip { sample, joints }])
    }

    fn settings(&self) -> Value {
        json!(self.settings)
    }

    fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    fn official(&self) -> &[Official] {
        self.edition.official()
    }
}

#[cfg(test)]
mod tests;
