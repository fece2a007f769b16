//! What is exported: a trainer's weights, checked, with their model card.

use crate::ExportError;
use aimclr_model::Card;
use aimclr_model::plan::{Head, Plan, Pooled, QUERY};
use aimclr_model::weights::Weights;
use aimclr_skeleton::{Stream, classes};
use std::path::{Path, PathBuf};

/// A linear classifier on the embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct Classifier {
    /// Shape (classes, E).
    pub weight: Vec<f32>,
    /// Shape (classes).
    pub bias: Vec<f32>,
}

/// An encoder that was trained on one stream, perhaps with a classifier, and its card.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where it was read from; for messages.
    pub path: PathBuf,
    /// The card, in agreement with the weights.
    pub card: Card,
    /// Widths of the encoder.
    pub plan: Plan,
    /// Whose output is pooled into the embedding.
    pub pooled: Pooled,
    /// What the encoder looks at.
    pub stream: Stream,
    /// The encoder's tensors by their names without prefix, every value finite.
    weights: Weights,
    /// The classifier, if there is one.
    pub classifier: Option<Classifier>,
}

impl Source {
    /// Reads a .safetensors file, or the one in a run folder.
    ///
    /// Fails where the file is damaged, a tensor is missing or has another shape, a value isn't
    /// finite, there is no model card, or card and weights disagree. `names` replaces the card's
    /// class names.
    pub fn read(path: &Path, names: Option<&Names>) -> Result<Self, ExportError> {
        Self::of(Weights::read(path)?, names)
    }

    /// The same from weights in memory.
    pub fn of(mut weights: Weights, names: Option<&Names>) -> Result<Self, ExportError> {
        let path = weights.path.clone();
        flatten_classifier(&mut weights);
        let (plan, head) = Plan::of_weights(&weights, QUERY)?;
        let mut card = weights
            .card
            .clone()
            .ok_or_else(|| ExportError::NoCard { path: path.clone() })?;
        let classifier = match head {
            Head::Classifier { .. } => Some(Classifier {
                weight: weights.values(&format!("{QUERY}.fc.weight"))?.to_vec(),
                bias: weights.values(&format!("{QUERY}.fc.bias"))?.to_vec(),
            }),
            Head::Projection | Head::None => None,
        };
        let classes = classifier.as_ref().map_or(0, |c| c.bias.len());
        if let Some(names) = names {
            if names.names.len() != classes {
                return Err(ExportError::Classes {
                    path: names.path.clone(),
                    expected: classes,
                    found: names.names.len(),
                });
            }
            card.classes = names.names.clone();
        }
        if classes == 0 {
            // What a pre-training knew of classes is of no use without a classifier.
            card.classes.clear();
        }
        let pooled = head.pooled();
        agree(&path, &card, plan.embedding(pooled), &plan, classes)?;
        let &[stream] = &card.streams[..] else {
            return Err(ExportError::Unsupported {
                path,
                reason: format!(
                    "its card names {} streams; this version exports files of one stream",
                    card.streams.len()
                ),
            });
        };
        Ok(Self {
            path,
            card,
            plan,
            pooled,
            stream,
            weights,
            classifier,
        })
    }

    /// A tensor of the encoder by its name without prefix, in f64: folding in f32 would lose
    /// digits.
    ///
    /// # Panics
    /// Where `name` is none of the names in the plan, all of which were checked.
    pub fn tensor(&self, name: &str) -> Vec<f64> {
        let values = self
            .weights
            .values(&format!("{QUERY}.{name}"))
            .unwrap_or_else(|error| panic!("the plan names every tensor: {error}"));
        values.iter().copied().map(f64::from).collect()
    }

    /// Number of classes; 0 without classifier.
    pub fn classes(&self) -> usize {
        self.classifier.as_ref().map_or(0, |c| c.bias.len())
    }
}

/// Class names of a known data set, or from a text file.
#[derive(Debug, Clone)]
pub struct Names {
    path: PathBuf,
    names: Vec<String>,
}

impl Names {
    /// As [`classes::read`] has it.
    pub fn read(name: &Path) -> Result<Self, ExportError> {
        let names = classes::read(name).map_err(|source| ExportError::Io {
            path: name.into(),
            source,
        })?;
        Ok(Self {
            path: name.into(),
            names,
        })
    }

    /// The names alone.
    pub fn into_names(self) -> Vec<String> {
        self.names
    }
}

/// Follow-up code writes a classifier as a 1×1 convolution.
fn flatten_classifier(weights: &mut Weights) {
    if let Some(weight) = weights.tensors.get_mut(&format!("{QUERY}.fc.weight"))
        && let [_, _, 1, 1] = weight.shape[..]
    {
        weight.shape.truncate(2);
    }
}

fn agree(
    path: &Path,
    card: &Card,
    embedding: usize,
    plan: &Plan,
    classes: usize,
) -> Result<(), ExportError> {
    let pairs = [
        ("joints", card.layout.len(), plan.joints),
        ("classes", card.classes.len(), classes),
        ("embedding", card.embedding, embedding * card.streams.len()),
    ];
    for (field, said, found) in pairs {
        if said != found {
            return Err(ExportError::Card {
                path: path.into(),
                field,
                card: said.to_string(),
                weights: found.to_string(),
            });
        }
    }
    Ok(())
}
