//! The model card: how a model was made and how it is to be used, as one JSON document.
//! `docs/model-card.md` has the format.

use crate::continual;
use aimclr_skeleton::classes::repeated;
use aimclr_skeleton::layout::LayoutError;
use aimclr_skeleton::normalise::Preprocessing;
use aimclr_skeleton::{Layout, Stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Version of the card's format that is written and read.
pub const VERSION: u32 = 1;

/// Most frames and bodies that a card may ask for, so that a damaged one can't ask for gigabytes.
const MAX_FRAMES: usize = 4096;
const MAX_BODIES: usize = 16;

/// Most streams: each of them once.
const MAX_STREAMS: usize = Stream::ALL.len();

/// What can be wrong with a card.
#[derive(Debug, Error)]
pub enum CardError {
    /// Not JSON, or fields are missing or of the wrong type.
    #[error("model card: {0}")]
    Json(#[from] serde_path_to_error::Error<serde_json::Error>),
    /// The card's layout contradicts itself.
    #[error("model card: {0}")]
    Layout(#[from] LayoutError),
    /// A field has a value that can't be used.
    #[error("model card: {field}: expected {expected}, found {found}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What would be right.
        expected: String,
        /// What is there.
        found: String,
    },
}

/// The model card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// [`VERSION`].
    pub version: u32,
    /// The joints that the model understands.
    pub layout: Layout,
    /// T, frames of a window after resampling.
    pub frames: usize,
    /// M, the bodies over which the embedding is the mean; an absent one counts.
    pub bodies: usize,
    /// Length of a window in seconds, as in training; the runtime's default.
    pub window: f64,
    /// Streams, in the order of the graph.
    pub streams: Vec<Stream>,
    /// Weight of each stream's scores in the fused ones.
    pub fusion: Vec<f64>,
    /// Class names; empty for a model without classifier.
    pub classes: Vec<String>,
    /// Class of each score of the classifier, where several scores count as one class; empty where
    /// each is a class of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<usize>,
    /// Size of the embedding, all streams together.
    pub embedding: usize,
    /// Which preprocessing the graph does.
    pub preprocessing: Preprocessing,
    /// What the graph takes at a time.
    #[serde(default)]
    pub form: Form,
    /// In what numbers the graph computes.
    #[serde(default)]
    pub precision: Precision,
    /// Where the model comes from.
    pub provenance: Provenance,
    /// How its scores are to be read.
    #[serde(default)]
    pub calibration: Calibration,
    /// What was measured at export, where there was a data set to measure on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
}

/// What was measured of the exported graph.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Name of the data set.
    pub dataset: String,
    /// Whose test part it was.
    pub split: String,
    /// Windows in it.
    pub samples: usize,
    /// Top-1 of the graph in f32, percent; like the next two absent without a classifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top1_f32: Option<f64>,
    /// Top-1 of this graph, percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top1: Option<f64>,
    /// Share of the windows whose best class is that of the graph in f32, percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<f64>,
    /// Size of the graph in f32 without its card, bytes.
    #[serde(default)]
    pub bytes_f32: usize,
    /// The same of this graph.
    #[serde(default)]
    pub bytes: usize,
    /// Median time of one window of one body, milliseconds.
    pub ms: f64,
    /// The same of the graph in f32.
    pub ms_f32: f64,
    /// Engine, device and threads of both.
    pub engine: String,
    /// Convolutions that an int8 graph leaves in f32, since they hurt most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
}

/// What a graph takes at a time. The two are different functions of the same encoder, so that a
/// classifier belongs to one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A window of T frames, and nothing is remembered.
    #[default]
    Windowed,
    /// The next few frames of one body, and what is remembered of those before: see
    /// [`continual`](crate::continual).
    Continual,
}

impl Form {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Windowed, Self::Continual];
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Windowed => "windowed",
            Self::Continual => "continual",
        })
    }
}

impl FromStr for Form {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|known| known.to_string() == name)
            .ok_or_else(|| format!("unknown form \"{name}\"; known: windowed, continual"))
    }
}

/// In what numbers a graph computes its encoders. Inputs, outputs, normalising and classifier are
/// f32 in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// Half precision, for GPUs.
    F16,
    /// Convolutions of 8-bit whole numbers with ranges fixed at export; the rest in f32.
    Int8,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Int8];
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        })
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|known| known.to_string() == name)
            .ok_or_else(|| format!("unknown precision \"{name}\"; known: f32, f16, int8"))
    }
}

/// Where a model comes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Name of the data set.
    pub dataset: String,
    /// Its licence.
    pub license: String,
    /// Whom to cite for it.
    #[serde(default)]
    pub citation: String,
    /// Which split the model was trained on.
    pub split: String,
    /// Which protocol gave the classifier: `pretrain` or `linear`.
    pub protocol: String,
    /// Data set and split on which the classifier was trained, where it is not the encoder's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transferred_to: Option<String>,
    /// Seed of every random number.
    pub seed: u64,
    /// Epochs of pre-training.
    pub epochs: usize,
    /// The commit that the trainer was built from, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Results by name, such as `top1` in percent.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
}

/// How scores are to be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Logits are divided by this before the softmax.
    pub temperature: f64,
    /// A best probability below this means "unknown".
    pub unknown_below: f64,
    /// On what both were fitted, and how far probabilities can be believed; absent where both were
    /// chosen otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fitted: Option<Fitted>,
}

/// What a calibration was fitted on, and what was measured of it on windows beside those, before
/// (at a temperature of 1) and after.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// Name of the data set.
    pub dataset: String,
    /// Of whose test part half was for fitting, half for measuring.
    pub split: String,
    /// Windows that were fitted on.
    pub fitted_on: usize,
    /// Windows that were measured on.
    pub samples: usize,
    /// Top-1, percent.
    pub top1: f64,
    /// Expected calibration error of the best probability, 15 bins; 0 to 1.
    pub ece_before: f64,
    /// The same after.
    pub ece_after: f64,
    /// Mean negative log-likelihood of the class, natural logarithm.
    pub nll_before: f64,
    /// The same after.
    pub nll_after: f64,
    /// Share of the rightly told windows that are not "unknown", percent.
    pub known_right: f64,
    /// Share of the wrongly told windows that are not "unknown", percent.
    pub known_wrong: f64,
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            unknown_below: 0.0,
            fitted: None,
        }
    }
}

impl Fitted {
    fn check(&self) -> Result<(), CardError> {
        let shares = [
            ("calibration.fitted.ece_before", self.ece_before, 1.0),
            ("calibration.fitted.ece_after", self.ece_after, 1.0),
            ("calibration.fitted.nll_before", self.nll_before, f64::MAX),
            ("calibration.fitted.nll_after", self.nll_after, f64::MAX),
            ("calibration.fitted.top1", self.top1, 100.0),
            ("calibration.fitted.known_right", self.known_right, 100.0),
            ("calibration.fitted.known_wrong", self.known_wrong, 100.0),
        ];
        let wrong = |(_, value, most): &(_, f64, f64)| !(0.0..=*most).contains(value);
        match shares.into_iter().find(wrong) {
            None => Ok(()),
            Some((field, value, most)) => Err(CardError::Field {
                field,
                expected: match most {
                    f64::MAX => "a number of 0 and above".into(),
                    _ => format!("0 to {most}"),
                },
                found: value.to_string(),
            }),
        }
    }
}

impl Card {
    /// Reads and checks a card.
    pub fn from_json(json: &str) -> Result<Self, CardError> {
        let mut json = serde_json::Deserializer::from_str(json);
        let card: Card = serde_path_to_error::deserialize(&mut json)?;
        card.check()?;
        Ok(card)
    }

    /// The card as one JSON document.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a card is always JSON")
    }

    /// Name of a class; its number where the card has no name.
    pub fn class(&self, label: usize) -> String {
        self.classes
            .get(label)
            .cloned()
            .unwrap_or_else(|| format!("class {label}"))
    }

    /// Checks what `docs/model-card.md` asks for.
    pub fn check(&self) -> Result<(), CardError> {
        let field = |field, expected: String, found: String| {
            Err(CardError::Field {
                field,
                expected,
                found,
            })
        };
        if self.version != VERSION {
            return field("version", VERSION.to_string(), self.version.to_string());
        }
        self.layout.check()?;
        if !self.preprocessing.suits(&self.layout) {
            let usual = Preprocessing::usual(&self.layout);
            let expected = format!(
                "\"{usual}\" or the like for layout \"{}\"",
                self.layout.name
            );
            return field("preprocessing", expected, self.preprocessing.to_string());
        }
        if !(1..=MAX_FRAMES).contains(&self.frames) {
            return field(
                "frames",
                format!("1 to {MAX_FRAMES}"),
                self.frames.to_string(),
            );
        }
        if !(1..=MAX_BODIES).contains(&self.bodies) {
            return field(
                "bodies",
                format!("1 to {MAX_BODIES}"),
                self.bodies.to_string(),
            );
        }
        if self.form == Form::Continual {
            continual::check(self)?;
        }
        if !(self.window.is_finite() && self.window > 0.0) {
            return field("window", "seconds above 0".into(), self.window.to_string());
        }
        let streams: Vec<String> = self.streams.iter().map(ToString::to_string).collect();
        let streams_found = match streams.len() {
            n if n > MAX_STREAMS => n.to_string(),
            0 => "none".into(),
            _ => streams.join(", "),
        };
        if streams.is_empty() || streams.len() > MAX_STREAMS || repeated(&streams).is_some() {
            let expected = "one to three, each of them another one".into();
            return field("streams", expected, streams_found);
        }
        if self.fusion.len() != streams.len() {
            let expected = format!("one weight for each of {streams_found}");
            return field("fusion", expected, format!("{} weights", self.fusion.len()));
        }
        let unusable = |w: &&f64| !(w.is_finite() && **w >= 0.0);
        if let Some(weight) = self.fusion.iter().find(unusable) {
            return field(
                "fusion",
                "weights of 0 and above".into(),
                weight.to_string(),
            );
        }
        if self.embedding == 0 {
            return field("embedding", "at least 1".into(), "0".into());
        }
        if let Some(at) = self.classes.iter().position(|name| name.trim().is_empty()) {
            let found = format!("\"{}\" at place {at}", self.classes[at]);
            return field("classes", "names that are not empty".into(), found);
        }
        if let Some(name) = repeated(&self.classes) {
            let found = format!("\"{name}\" twice");
            return field("classes", "a name of its own for each".into(), found);
        }
        self.check_merged()?;
        let Calibration {
            temperature,
            unknown_below,
            fitted,
        } = &self.calibration;
        if !(temperature.is_finite() && *temperature > 0.0) {
            return field(
                "calibration.temperature",
                "above 0".into(),
                temperature.to_string(),
            );
        }
        if !(0.0..=1.0).contains(unknown_below) {
            let found = unknown_below.to_string();
            return field("calibration.unknown_below", "0 to 1".into(), found);
        }
        if let Some(fitted) = fitted {
            fitted.check()?;
        }
        Ok(())
    }

    fn check_merged(&self) -> Result<(), CardError> {
        let (merged, classes) = (&self.merged, self.classes.len());
        let unknown = merged.iter().find(|class| **class >= classes);
        let without = (0..classes).find(|class| !merged.contains(class));
        let found = match (unknown, without) {
            _ if merged.is_empty() => return Ok(()),
            (Some(class), _) => format!("class {class} of {classes}"),
            (None, Some(class)) => format!("none for class {class}"),
            (None, None) if merged.len() == classes => "one for each".into(),
            (None, None) => return Ok(()),
        };
        Err(CardError::Field {
            field: "merged",
            expected: "a class for each score, for some class several".into(),
            found,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> Card {
        Card {
            version: VERSION,
            layout: Layout::ntu25(),
            frames: 50,
            bodies: 2,
            window: 2.5,
            streams: vec![Stream::Joint],
            fusion: vec![1.0],
            classes: vec!["wave".into()],
            merged: Vec::new(),
            embedding: 256,
            preprocessing: Preprocessing::Released,
            form: Form::default(),
            precision: Precision::default(),
            provenance: Provenance {
                dataset: "test".into(),
                ..Provenance::default()
            },
            calibration: Calibration::default(),
            measured: None,
        }
    }

    #[test]
    fn a_card_comes_back() {
        assert_eq!(Card::from_json(&card().to_json()).expect("read"), card());
    }

    #[test]
    fn a_card_without_form_is_of_windows() {
        let json = card().to_json();
        let old = json.replace("\"form\":\"windowed\",", "");
        assert_ne!(old, json);
        assert_eq!(Card::from_json(&old).expect("read"), card());
    }

    #[test]
    fn a_card_that_was_edited_by_hand_is_checked() {
        let mut layout = Layout::ntu25();
        layout.centre = 99;
        let broken = [
            (
                Card {
                    version: 2,
                    ..card()
                },
                "version",
            ),
            (
                Card {
                    frames: 0,
                    ..card()
                },
                "frames",
            ),
            (
                Card {
                    frames: 1 << 40,
                    ..card()
                },
                "frames",
            ),
            (
                Card {
                    bodies: 0,
                    ..card()
                },
                "bodies",
            ),
            (
                Card {
                    window: -1.0,
                    ..card()
                },
                "window",
            ),
            (
                Card {
                    fusion: vec![],
                    ..card()
                },
                "fusion: expected one weight for each of joint, found 0",
            ),
            (
                Card {
                    fusion: vec![-0.5],
                    ..card()
                },
                "fusion: expected weights of 0 and above, found -0.5",
            ),
            (
                Card {
                    streams: vec![],
                    fusion: vec![],
                    ..card()
                },
                "streams: expected one to three, each of them another one, found none",
            ),
            (
                Card {
                    streams: vec![Stream::Joint, Stream::Bone, Stream::Joint],
                    fusion: vec![1.0; 3],
                    ..card()
                },
                "found joint, bone, joint",
            ),
            (
                Card {
                    streams: vec![Stream::Motion; 1000],
                    fusion: vec![1.0; 1000],
                    ..card()
                },
                "streams: expected one to three, each of them another one, found 1000",
            ),
            (
                Card {
                    embedding: 0,
                    ..card()
                },
                "embedding: expected at least 1",
            ),
            (
                Card {
                    classes: vec!["wave".into(), " ".into()],
                    ..card()
                },
                "classes: expected names that are not empty, found \" \" at place 1",
            ),
            (
                Card {
                    classes: ["wave", "bow", "wave"].map(String::from).into(),
                    ..card()
                },
                "classes: expected a name of its own for each, found \"wave\" twice",
            ),
            (
                Card {
                    merged: vec![0],
                    ..card()
                },
                "for some class several, found one for each",
            ),
            (
                Card {
                    merged: vec![0, 1],
                    ..card()
                },
                "found class 1 of 1",
            ),
            (
                Card {
                    classes: ["wave", "bow"].map(String::from).into(),
                    merged: vec![1, 1, 1],
                    ..card()
                },
                "merged: expected a class for each score, for some class several, found none for class 0",
            ),
            (
                Card {
                    calibration: Calibration {
                        fitted: Some(Fitted {
                            ece_after: -0.1,
                            ..Fitted::default()
                        }),
                        ..Calibration::default()
                    },
                    ..card()
                },
                "calibration.fitted.ece_after: expected 0 to 1, found -0.1",
            ),
            (Card { layout, ..card() }, "centre 99"),
            (
                Card {
                    preprocessing: Preprocessing::Torso,
                    ..card()
                },
                "preprocessing: expected \"aimclr-1\"",
            ),
            (
                Card {
                    form: Form::Continual,
                    ..card()
                },
                "bodies: expected 1",
            ),
            (
                Card {
                    form: Form::Continual,
                    bodies: 1,
                    preprocessing: Preprocessing::Clip,
                    ..card()
                },
                "preprocessing: expected \"aimclr-1\"",
            ),
        ];
        for (card, expected) in broken {
            let message = Card::from_json(&card.to_json())
                .expect_err(expected)
                .to_string();
            assert!(message.contains(expected), "{message}");
        }
        assert!(Card::from_json("{}").is_err());
        let unknown = card().to_json().replace("aimclr-1", "other");
        let message = Card::from_json(&unknown).expect_err("unknown").to_string();
        assert!(
            message.contains("preprocessing") && message.contains("aimclr-1"),
            "{message}"
        );
    }
}
