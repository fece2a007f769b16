//! What one training left: an encoder for one stream, perhaps with a classifier, and its card.

use crate::ExportError;
use aimclr_model::Card;
use aimclr_model::plan::{Head, Plan, Pooled, QUERY};
use aimclr_model::weights::Weights;
use aimclr_skeleton::Stream;
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
pub struct Trained {
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

impl Trained {
    /// Checks weights.
    ///
    /// Fails where a tensor is missing or has another shape, a value isn't finite, there is no model
    /// card, or card and weights disagree.
    pub fn of(mut weights: Weights) -> Result<Self, ExportError> {
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
                    "its card names {} streams; expected one, as trained",
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

    /// E, the size of this encoder's share of the embedding.
    pub fn width(&self) -> usize {
        self.plan.embedding(self.pooled)
    }

    /// Number of classes; 0 without classifier.
    pub fn classes(&self) -> usize {
        self.classifier.as_ref().map_or(0, |c| c.bias.len())
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
        ("embedding", card.embedding, embedding),
        ("merged", card.merged.len(), 0),
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
