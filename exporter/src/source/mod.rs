//! What is exported: one to three trained encoders and what they have in common.

mod form;
mod trained;

use crate::ExportError;
use aimclr_model::Card;
use aimclr_model::weights::Weights;
use aimclr_skeleton::{Stream, classes};
use std::path::{Path, PathBuf};

pub use trained::{Classifier, Trained};

/// Encoders that look at the same windows, each at another stream of them, and the card of them all.
#[derive(Debug, Clone)]
pub struct Source {
    /// The card of the whole.
    pub card: Card,
    /// The encoders, in the order of the card's streams.
    pub streams: Vec<Trained>,
}

/// What a caller decides.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// Weight of each stream's scores; by default those of the released code's late fusion.
    pub fusion: Option<Vec<f64>>,
    /// Names in place of the cards', one for each score of the classifier; scores of one name are
    /// merged into one class.
    pub names: Option<Names>,
}

impl Source {
    /// Reads one .safetensors file, or the one in a run folder.
    pub fn read(path: &Path) -> Result<Self, ExportError> {
        Self::of(vec![Weights::read(path)?], Choices::default())
    }

    /// Joins weights that were trained on a stream each.
    ///
    /// # Errors
    /// As [`Trained::of`], and where two disagree about what they look at or tell apart, look at the
    /// same stream, or the choices don't fit.
    pub fn of(weights: Vec<Weights>, choices: Choices) -> Result<Self, ExportError> {
        let streams = weights.into_iter().map(Trained::of);
        let streams = streams.collect::<Result<Vec<_>, _>>()?;
        let Some((first, others)) = streams.split_first() else {
            return Err(ExportError::Choice("no weights to export".into()));
        };
        for (i, other) in others.iter().enumerate() {
            agree(first, other)?;
            if let Some(same) = streams[..=i].iter().find(|s| s.stream == other.stream) {
                return Err(ExportError::Streams {
                    first: same.path.clone(),
                    other: other.path.clone(),
                    reason: format!("both were trained on the stream {}", other.stream),
                });
            }
        }
        let mut card = first.card.clone();
        card.streams = streams.iter().map(|trained| trained.stream).collect();
        card.embedding = streams.iter().map(Trained::width).sum();
        card.fusion = fusion(&card.streams, choices.fusion)?;
        if streams.len() > 1 {
            // What was measured of one stream says little of all; the temperature, too.
            card.calibration = Default::default();
            card.provenance.metrics = streams
                .iter()
                .flat_map(|trained| {
                    let of = trained.stream;
                    let metrics = &trained.card.provenance.metrics;
                    metrics
                        .iter()
                        .map(move |(name, x)| (format!("{of} {name}"), *x))
                })
                .collect();
        }
        if let Some(Names { path, names }) = choices.names {
            if first.classes() == 0 {
                let path = path.display();
                return Err(ExportError::Choice(format!(
                    "{path}: there is no classifier whose classes could be named; `aimclr-train evaluate \
                     linear` fits one"
                )));
            }
            if names.len() != first.classes() {
                return Err(ExportError::Classes {
                    path,
                    expected: first.classes(),
                    found: names.len(),
                });
            }
            (card.classes, card.merged) = merged(names);
        }
        Ok(Self { card, streams })
    }

    /// Number of classes; 0 without classifier.
    pub fn classes(&self) -> usize {
        self.card.classes.len()
    }

    /// The first file, which stands for all in messages.
    pub fn path(&self) -> &Path {
        &self.streams[0].path
    }

    /// Scores of the classifier for rows of embeddings, (N, E) → (N, scores); none without one.
    pub fn scores(&self, embeddings: &[f32]) -> Vec<f64> {
        let Some((weight, bias)) = self.classifier() else {
            return Vec::new();
        };
        let width = self.card.embedding;
        let score = |row: &[f32], (weight, bias): (&[f64], &f64)| {
            let products = row.iter().zip(weight).map(|(x, w)| f64::from(*x) * w);
            bias + products.sum::<f64>()
        };
        let rows = embeddings.chunks_exact(width);
        rows.flat_map(|row| {
            let classifier = weight.chunks_exact(width).zip(&bias);
            classifier.map(move |own| score(row, own))
        })
        .collect()
    }

    /// The class that a data set means by `name`: one of the weights' own names, or of those that
    /// the classes were given since.
    pub fn class_of(&self, name: &str) -> Option<usize> {
        let place = |names: &[String]| names.iter().position(|known| known == name);
        let class = |score: usize| self.card.merged.get(score).copied().unwrap_or(score);
        let own = place(&self.streams[0].card.classes).map(class);
        own.or_else(|| place(&self.card.classes))
    }

    /// The classifier on the whole embedding: the streams' ones side by side, each times its weight
    /// in the fusion. (scores, E) and (scores); a class may have several scores.
    pub fn classifier(&self) -> Option<(Vec<f64>, Vec<f64>)> {
        let scores = self.streams[0].classes();
        let mut weight = vec![Vec::new(); scores];
        let mut bias = vec![0.0; scores];
        for (trained, share) in self.streams.iter().zip(&self.card.fusion) {
            let Classifier {
                weight: rows,
                bias: own,
            } = trained.classifier.as_ref()?;
            let scaled = |x: &f32| f64::from(*x) * share;
            for (row, own) in weight.iter_mut().zip(rows.chunks_exact(trained.width())) {
                row.extend(own.iter().map(scaled));
            }
            for (sum, own) in bias.iter_mut().zip(own) {
                *sum += scaled(own);
            }
        }
        Some((weight.concat(), bias))
    }
}

/// One weight a stream.
fn fusion(streams: &[Stream], asked: Option<Vec<f64>>) -> Result<Vec<f64>, ExportError> {
    let weights = asked.unwrap_or_else(|| match streams {
        [_] => vec![1.0],
        _ => streams.iter().map(released_share).collect(),
    });
    if weights.len() != streams.len() {
        let (found, expected) = (weights.len(), streams.len());
        let reason = format!("--fusion: expected {expected} weights, one a stream; found {found}");
        return Err(ExportError::Choice(reason));
    }
    let sound =
        weights.iter().all(|w| w.is_finite() && *w >= 0.0) && weights.iter().any(|w| *w > 0.0);
    match sound {
        true => Ok(weights),
        false => Err(ExportError::Choice(
            "--fusion: expected weights of 0 and above, not all 0".into(),
        )),
    }
}

/// The late fusion of the released code.
fn released_share(stream: &Stream) -> f64 {
    match stream {
        Stream::Joint | Stream::Bone => 0.6,
        Stream::Motion => 0.4,
    }
}

/// Refuses two that can't stand in one graph.
fn agree(first: &Trained, other: &Trained) -> Result<(), ExportError> {
    type Field = (&'static str, fn(&Card) -> String);
    let fields: [Field; 7] = [
        ("forms", |card| card.form.to_string()),
        ("layouts", |card| card.layout.name.clone()),
        ("frames", |card| card.frames.to_string()),
        ("bodies", |card| card.bodies.to_string()),
        ("preprocessings", |card| card.preprocessing.to_string()),
        ("windows", |card| format!("{} s", card.window)),
        ("classes", |card| match card.classes.len() {
            0 => "no classifier".into(),
            _ => card.classes.join(", "),
        }),
    ];
    let (a, b) = (&first.card, &other.card);
    let differing = fields.into_iter().find(|(_, of)| of(a) != of(b));
    let reason = match differing {
        Some((what, of)) => format!("{what} differ: {}; {}", of(a), of(b)),
        None if a.layout != b.layout => "layouts of one name differ".into(),
        None => return Ok(()),
    };
    Err(ExportError::Streams {
        first: first.path.clone(),
        other: other.path.clone(),
        reason,
    })
}

/// Each name once, in the order in which they come first; and the class of each, where a name came
/// twice.
fn merged(names: Vec<String>) -> (Vec<String>, Vec<usize>) {
    let mut classes: Vec<String> = Vec::new();
    let mut merged = Vec::new();
    for name in names {
        let known = classes.iter().position(|class| *class == name);
        merged.push(known.unwrap_or(classes.len()));
        if known.is_none() {
            classes.push(name);
        }
    }
    if merged.len() == classes.len() {
        merged.clear();
    }
    (classes, merged)
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

    /// Those of a model that merges classes, one for each score; `None` where each is a class.
    pub fn of(path: &Path, card: &Card) -> Option<Self> {
        let name = |class: &usize| card.classes[*class].clone();
        (!card.merged.is_empty()).then(|| Self {
            path: path.into(),
            names: card.merged.iter().map(name).collect(),
        })
    }

    /// The names alone.
    pub fn into_names(self) -> Vec<String> {
        self.names
    }
}

#[cfg(test)]
mod tests;
