//! PyTorch checkpoints, read without running what is pickled in them.
//!
//! Both forms are read: the zip archive that `torch.save` writes since 1.6, and the older row of
//! pickles. Whatever nests a state dict is looked through for it; the names that AimCLR's code and its
//! followers use are brought to those of a [`Weights`] file. `docs/weights.md` has the rules.

mod archive;
mod card;
mod names;
mod old;
mod state;
mod storage;
mod tensor;

use crate::plan::{Head, Plan, QUERY};
use crate::weights::{Tensor, Weights, WeightsError};
use aimclr_skeleton::pickle::{Pickle, PickleError, Rules};
use aimclr_skeleton::{Layout, Stream};
use names::{Name, Place};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use storage::Storages;
use tensor::View;

/// Most values in a checkpoint's pickle. One of AimCLR's has 10,000; an optimiser's state trebles
/// that.
const MAX_VALUES: usize = 1 << 20;

/// What a checkpoint may call beside [`ARRAYS`](aimclr_skeleton::pickle::ARRAYS): tensors, and what
/// training scripts leave beside them.
const CALLS: &[&str] = &[
    "__builtin__.set",
    "argparse.Namespace",
    "builtins.set",
    "torch.Size",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch.device",
];

/// How a checkpoint is taken in.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What the encoder was trained on. Of a file with several encoders, the one for that stream;
    /// by default that for joints. Of a file with one, the caller's word goes into the card.
    pub stream: Option<Stream>,
    /// Whose joints it knows; `ntu25` where there are 25 and nothing is said.
    pub layout: Option<Layout>,
    /// Names of the classes, as many as the classifier has.
    pub classes: Option<Vec<String>>,
}

/// A tensor of the file that has no place in a [`Weights`] file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unplaced {
    /// Its name in the checkpoint.
    pub name: String,
    /// Why it has none.
    pub reason: String,
}

/// What a checkpoint gives.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The tensors under a `Weights` file's names, and a card where the encoder is whole and its
    /// layout is known.
    pub weights: Weights,
    /// Entries of the state dict that could not be placed. The counters `num_batches_tracked`,
    /// which nothing reads, are passed over.
    pub unplaced: Vec<Unplaced>,
    /// Tensors of the query encoder that are not there.
    pub missing: Vec<String>,
}

/// Reads a checkpoint.
///
/// # Errors
/// The file is damaged or asks to run code, has no encoder of the stream, or another number of
/// joints or classes than were named.
pub fn import(path: &Path, options: &Options) -> Result<Imported, WeightsError> {
    let bytes = crate::weights::read_bounded(path)?;
    import_bytes(path, &bytes, options)
}

/// True for the first bytes of a checkpoint in either form.
pub(crate) fn is_checkpoint(bytes: &[u8]) -> bool {
    archive::is_archive(bytes) || old::is_pickle(bytes)
}

/// True for a file that begins like a checkpoint.
pub fn is_checkpoint_file(path: &Path) -> bool {
    let mut start = Vec::new();
    let file = std::fs::File::open(path);
    let read = file.and_then(|file| file.take(64).read_to_end(&mut start));
    read.is_ok() && is_checkpoint(&start)
}

pub(crate) fn import_bytes(
    path: &Path,
    bytes: &[u8],
    options: &Options,
) -> Result<Imported, WeightsError> {
    let fail = |reason| WeightsError::Format {
        path: path.into(),
        reason,
    };
    let mut checkpoint = match archive::is_archive(bytes) {
        true => archive::open(bytes),
        false => old::open(bytes),
    }
    .map_err(fail)?;
    let entries = state::entries(checkpoint.pickle.root()).map_err(fail)?;
    let names: Vec<Name> = entries.iter().map(|(name, _)| Name::parse(name)).collect();
    let suffix = names::choose(&names, options.stream).map_err(fail)?;

    let mut weights = Weights {
        path: path.into(),
        ..Weights::default()
    };
    let mut unplaced = Vec::new();
    for ((name, value), parsed) in entries.iter().zip(&names) {
        let target = match parsed {
            Name::Counter => continue,
            Name::Unknown => Err("not a tensor of AimCLR's encoders".to_string()),
            Name::Known(Place { stream, .. }) if *stream != suffix => {
                Err(format!("of the stream {}", stream.unwrap_or(Stream::Joint)))
            }
            Name::Known(_) if !tensor::is_tensor(*value) => {
                Err(format!("no tensor but {}", value.in_words()))
            }
            Name::Known(Place { target, .. }) if weights.tensors.contains_key(target) => {
                Err(format!("a second \"{target}\""))
            }
            Name::Known(Place { target, .. }) => Ok(target),
        };
        match target {
            Err(reason) => unplaced.push(Unplaced {
                name: name.clone(),
                reason,
            }),
            Ok(target) => {
                let read = View::read(*value)
                    .map_err(|error| error.to_string())
                    .and_then(|view| view.tensor(&mut checkpoint.storages));
                let tensor = read.map_err(|reason| fail(format!("tensor \"{name}\": {reason}")))?;
                weights.tensors.insert(target.clone(), tensor);
            }
        }
    }
    flatten_classifier(&mut weights.tensors);
    weights.card = card::make(&weights, options)?;
    Ok(Imported {
        missing: missing(&weights),
        weights,
        unplaced,
    })
}

/// An opened checkpoint: its values, and where the tensors' numbers lie.
struct Checkpoint<'f> {
    pickle: Pickle<&'f [u8]>,
    storages: Storages<'f>,
}

fn read_pickle(bytes: &[u8]) -> Result<Pickle<&[u8]>, PickleError> {
    let names: Vec<&str> = aimclr_skeleton::pickle::ARRAYS
        .iter()
        .chain(CALLS)
        .chain(storage::TYPES.iter().map(|(name, _)| name))
        .copied()
        .collect();
    let rules = Rules {
        names: &names,
        values: MAX_VALUES,
    };
    Pickle::read(bytes, rules)
}

/// Follow-up code writes a classifier as a 1×1 convolution.
fn flatten_classifier(tensors: &mut BTreeMap<String, Tensor>) {
    if let Some(weight) = tensors.get_mut(&format!("{QUERY}.fc.weight"))
        && let [_, _, 1, 1] = weight.shape[..]
    {
        weight.shape.truncate(2);
    }
}

/// Names that the query encoder lacks, with the head that it seems to have.
fn missing(weights: &Weights) -> Vec<String> {
    let has = |name: &str| weights.tensors.contains_key(&format!("{QUERY}.{name}"));
    let head = match (has("fc.weight") || has("fc.bias"), has("fc.0.weight")) {
        (true, _) => Head::classifier(1),
        (false, true) => Head::Projection,
        (false, false) => Head::None,
    };
    // Where the widths can't be read the published ones are meant.
    let plan = match Plan::of_weights(weights, QUERY) {
        Ok(_) => return Vec::new(),
        Err(_) => Plan::paper(1),
    };
    let names = plan.tensors(head).into_iter().map(|spec| spec.name);
    names
        .filter(|name| !has(name))
        .map(|name| format!("{QUERY}.{name}"))
        .collect()
}

#[cfg(test)]
mod tests;
