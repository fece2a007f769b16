//! The gallery: actions that were enrolled from a few clips, without training. `docs/gallery.md`
//! has the file.

mod matcher;
mod space;

pub use matcher::{Matcher, Scored};

use aimclr_model::onnx::ModelFile;
use aimclr_skeleton::files::write_atomically;
use prost::Message;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Value of `format`.
const FORMAT: &str = "skeleton-gallery/1";

/// Largest file that is read.
const MAX_FILE: u64 = 64 << 20;

/// Clips that one action is enrolled from.
pub const CLIPS: std::ops::RangeInclusive<usize> = 3..=10;

/// Most clips that an action may have in all.
const MOST_CLIPS: usize = 100;

/// Most windows of the background.
pub const MOST_BACKGROUND: usize = 512;

/// What can be wrong with a gallery.
#[derive(Debug, Error)]
pub enum GalleryError {
    /// The file can't be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no gallery.
    #[error("{}: {reason}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It was made with another model.
    #[error(
        "{}: made with another model: its embeddings are of {theirs}, those of {} are {ours}; \
         enrol the clips anew with this one",
        path.display(), model.display()
    )]
    Model {
        /// Which gallery.
        path: PathBuf,
        /// Which model.
        model: PathBuf,
        /// Fingerprint in the file.
        theirs: String,
        /// Fingerprint of the model.
        ours: String,
    },
    /// What is to be enrolled or forgotten doesn't fit.
    #[error("{0}")]
    Action(String),
}

/// A gallery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gallery {
    format: String,
    /// Fingerprint of the part of the model that gives embeddings.
    model: String,
    /// Size of an embedding.
    embedding: usize,
    /// What people do otherwise; embeddings are scaled by it, and it competes with the actions.
    background: Vec<Window>,
    /// What was enrolled.
    pub actions: Vec<Action>,
}

/// A window of the background.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// What is done in it, if that is known; else empty.
    pub action: String,
    /// E numbers.
    pub embedding: Vec<f32>,
}

/// An enrolled action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Its name.
    pub name: String,
    /// What it was enrolled from.
    pub clips: Vec<Clip>,
}

/// A clip of an action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clip {
    /// Where it came from.
    pub from: String,
    /// Its windows, E numbers each; at least one.
    pub embeddings: Vec<Vec<f32>>,
}

impl Gallery {
    /// An empty gallery for a model.
    pub fn new(model: &ModelFile) -> Self {
        Self {
            format: FORMAT.into(),
            model: fingerprint(model),
            embedding: model.card.embedding,
            background: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Reads a file, whatever its model.
    pub fn read(path: &Path) -> Result<Self, GalleryError> {
        let io = |source| GalleryError::Io {
            path: path.into(),
            source,
        };
        let fail = |reason: String| GalleryError::Format {
            path: path.into(),
            reason,
        };
        let size = std::fs::metadata(path).map_err(io)?.len();
        if size > MAX_FILE {
            return Err(fail(format!(
                "{size} bytes are too many for a gallery; expected at most {MAX_FILE}"
            )));
        }
        let text = std::fs::read_to_string(path).map_err(io)?;
        let version: Version = serde_json::from_str(&text)
            .map_err(|error| fail(format!("not a gallery: {error}; expected {FORMAT}")))?;
        if version.format != FORMAT {
            return Err(fail(format!(
                "format: expected {FORMAT}, found {}",
                version.format
            )));
        }
        let gallery: Self =
            serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(&text))
                .map_err(|error| fail(format!("{}: {}", error.path(), error.inner())))?;
        gallery.check().map_err(fail)?;
        Ok(gallery)
    }

    /// Reads a file that must be of this model.
    pub fn open(path: &Path, model: &ModelFile) -> Result<Self, GalleryError> {
        let gallery = Self::read(path)?;
        let ours = fingerprint(model);
        match gallery.model == ours {
            true => Ok(gallery),
            false => Err(GalleryError::Model {
                path: path.into(),
                model: model.path.clone(),
                theirs: gallery.model,
                ours,
            }),
        }
    }

    /// Writes the file, whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), GalleryError> {
        write_atomically(path, |out| {
            serde_json::to_writer(&mut *out, self)?;
            out.write_all(b"\n")
        })
        .map_err(|source| GalleryError::Io {
            path: path.into(),
            source,
        })
    }

    /// How many windows the background has.
    pub fn background(&self) -> usize {
        self.background.len()
    }

    /// Takes a background in the place of the one that is there: of too many windows evenly
    /// spread ones.
    pub fn set_background(&mut self, windows: &[Window]) -> Result<(), GalleryError> {
        let chosen = spread(windows.len(), MOST_BACKGROUND);
        let chosen = chosen.map(|at| windows[at].clone()).collect();
        let before = std::mem::replace(&mut self.background, chosen);
        self.check().map_err(|reason| {
            self.background = before;
            GalleryError::Action(reason)
        })
    }

    /// Adds clips to an action, which may be a new one; a clip that is there already is replaced.
    pub fn enroll(&mut self, name: &str, clips: Vec<Clip>) -> Result<(), GalleryError> {
        let mut changed = self.clone();
        let at = changed.actions.iter().position(|a| a.name == name);
        let at = at.unwrap_or_else(|| {
            changed.actions.push(Action {
                name: name.into(),
                clips: Vec::new(),
            });
            changed.actions.len() - 1
        });
        let there = &mut changed.actions[at].clips;
        there.retain(|old| clips.iter().all(|new| new.from != old.from));
        there.extend(clips);
        changed.check().map_err(GalleryError::Action)?;
        *self = changed;
        Ok(())
    }

    /// Takes an action out.
    pub fn forget(&mut self, name: &str) -> Result<(), GalleryError> {
        let before = self.actions.len();
        self.actions.retain(|action| action.name != name);
        if self.actions.len() < before {
            return Ok(());
        }
        let names = self.actions.iter().map(|action| action.name.as_str());
        let hint = crate::decisions::hint(name, names);
        let reason = format!("no action \"{name}\" in the gallery; {hint}");
        Err(GalleryError::Action(reason))
    }

    fn check(&self) -> Result<(), String> {
        let right = |embedding: &[f32]| {
            embedding.len() == self.embedding && embedding.iter().all(|x| x.is_finite())
        };
        let expected = format!("expected {} finite numbers", self.embedding);
        if self.background.len() > MOST_BACKGROUND {
            return Err(format!(
                "background: expected at most {MOST_BACKGROUND} windows, found {}",
                self.background.len()
            ));
        }
        if let Some(i) = (self.background.iter()).position(|window| !right(&window.embedding)) {
            return Err(format!("background[{i}].embedding: {expected}"));
        }
        let mut names = BTreeSet::new();
        for action in &self.actions {
            let name = &action.name;
            if name.trim().is_empty() || name == crate::event::UNKNOWN {
                return Err(format!("action \"{name}\": expected another name"));
            }
            if !names.insert(name) {
                return Err(format!(
                    "action \"{name}\": expected it once, found it twice"
                ));
            }
            if action.clips.is_empty() || action.clips.len() > MOST_CLIPS {
                return Err(format!(
                    "action \"{name}\": expected 1 to {MOST_CLIPS} clips, found {}",
                    action.clips.len()
                ));
            }
            for clip in &action.clips {
                if clip.embeddings.is_empty() || !clip.embeddings.iter().all(|e| right(e)) {
                    let from = &clip.from;
                    return Err(format!(
                        "action \"{name}\", clip {from}: embeddings: {expected}"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// At most `most` of `count` places, evenly spread.
pub fn spread(count: usize, most: usize) -> impl Iterator<Item = usize> {
    let chosen = count.min(most);
    (0..chosen).map(move |i| i * count / chosen)
}

/// What every version has.
#[derive(Deserialize)]
struct Version {
    format: String,
}

/// SHA-256 over all that decides an embedding: the operators and numbers of the graph that lead to
/// it, the joints and T. The classifier is no part of it, so a gallery outlives another one.
pub fn fingerprint(model: &ModelFile) -> String {
    let mut hash = Sha256::new();
    let card = &model.card;
    for joint in &card.layout.joints {
        hash.update(joint);
        hash.update([0]);
    }
    hash.update((card.frames as u64).to_le_bytes());
    if let Some(graph) = &model.model.graph {
        let mut wanted = BTreeSet::from(["embedding"]);
        // The nodes of an .onnx file are in order of computation.
        for node in graph.node.iter().rev() {
            if node
                .output
                .iter()
                .any(|name| wanted.contains(name.as_str()))
            {
                wanted.extend(node.input.iter().map(String::as_str));
                hash.update(node.encode_to_vec());
            }
        }
        for tensor in &graph.initializer {
            if wanted.contains(tensor.name.as_str()) {
                hash.update(tensor.encode_to_vec());
            }
        }
    }
    let hex: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
pub(crate) mod tests;
