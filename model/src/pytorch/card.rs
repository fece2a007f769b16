//! The card of a model that came without one.

use super::Options;
use crate::card::{Calibration, Card, Provenance, VERSION};
use crate::plan::{Head, Plan, QUERY};
use crate::weights::{Weights, WeightsError};
use aimclr_skeleton::classes::repeated;
use aimclr_skeleton::normalise::Preprocessing;
use aimclr_skeleton::{Layout, Stream};

/// Frames and bodies of the released code's samples.
const FRAMES: usize = 50;
const BODIES: usize = 2;

/// Seconds of a window: NTU RGB+D's clips, which are used whole, are mostly 2 to 3 long.
const WINDOW: f64 = 2.5;

/// A card for what the released code trains; none where the encoder isn't whole, or has not 25
/// joints and nothing is said of them.
pub(super) fn make(weights: &Weights, options: &Options) -> Result<Option<Card>, WeightsError> {
    let Ok((plan, head)) = Plan::of_weights(weights, QUERY) else {
        return Ok(None);
    };
    let format = |reason| WeightsError::Format {
        path: weights.path.clone(),
        reason,
    };
    let layout = match &options.layout {
        Some(layout) if layout.len() != plan.joints => {
            let Layout { name, joints, .. } = layout;
            let (found, said) = (plan.joints, joints.len());
            return Err(format(format!(
                "the encoder knows {found} joints, {name} has {said}"
            )));
        }
        Some(layout) => layout.clone(),
        None if plan.joints == Layout::ntu25().len() => Layout::ntu25(),
        None => return Ok(None),
    };
    let (classes, protocol) = match head {
        Head::Classifier { classes, .. } => (classes, "linear"),
        Head::Projection | Head::None => (0, "pretrain"),
    };
    let names = match &options.classes {
        Some(names) if names.len() != classes => {
            let named = names.len();
            return Err(format(format!("{named} class names for {classes} classes")));
        }
        Some(names) => match repeated(names) {
            Some(name) => {
                return Err(format(format!(
                    "two classes are named \"{name}\"; `aimclr-export onnx --classes` merges them in a model"
                )));
            }
            None => names.clone(),
        },
        None => (0..classes).map(|label| format!("class {label}")).collect(),
    };
    let file = weights.path.file_name().unwrap_or_default();
    Ok(Some(Card {
        version: VERSION,
        preprocessing: Preprocessing::usual(&layout),
        form: Default::default(),
        precision: Default::default(),
        merged: Vec::new(),
        measured: None,
        layout,
        frames: FRAMES,
        bodies: BODIES,
        window: WINDOW,
        streams: vec![options.stream.unwrap_or(Stream::Joint)],
        fusion: vec![1.0],
        classes: names,
        embedding: plan.embedding(head.pooled()),
        provenance: Provenance {
            dataset: format!("unknown; imported from {}", file.to_string_lossy()),
            license: "NOASSERTION".into(),
            split: "unknown".into(),
            protocol: protocol.into(),
            ..Provenance::default()
        },
        calibration: Calibration::default(),
    }))
}
