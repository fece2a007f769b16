//! Settings of the protocols, as they stand in a configuration file and on the command line. The
//! defaults are the published values.

use serde::{Deserialize, Serialize};

/// `[knn]`: nearest neighbours in the space of embeddings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Knn {
    /// Numbers of neighbours that vote; the first one's result is the protocol's.
    pub k: Vec<usize>,
    /// A neighbour's vote is exp(cosine similarity / temperature).
    pub temperature: f64,
}

/// What all trained protocols share: stochastic gradient descent and its schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Linear {
    /// Passes over the training part.
    pub epochs: usize,
    /// Samples in a step; all of them where there are fewer. An incomplete last batch is dropped.
    pub batch_size: usize,
    /// Learning rate.
    pub lr: f64,
    /// The learning rate is divided by ten after each of these epochs.
    pub lr_steps: Vec<usize>,
    /// Weight decay; the published protocol has none.
    pub weight_decay: f64,
    /// Whether embeddings are brought to mean 0 and deviation 1 over the training part first; the
    /// published protocol does not. What that does is folded into the classifier.
    pub standardise: bool,
    /// Share of each class's training samples whose labels are used, 0 to 1.
    pub share: f64,
}

/// `[semi]` and `[finetune]`: encoder and classifier trained together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Supervised {
    /// Passes over the labelled samples.
    pub epochs: usize,
    /// Samples in a step; all of them where there are fewer. An incomplete last batch is dropped.
    pub batch_size: usize,
    /// Learning rate.
    pub lr: f64,
    /// The learning rate is divided by ten after each of these epochs.
    pub lr_steps: Vec<usize>,
    /// Weight decay.
    pub weight_decay: f64,
    /// Whether momentum is Nesterov's.
    pub nesterov: bool,
    /// Whether batch norms keep their running statistics and use them in training too.
    pub freeze_norm: bool,
    /// Share of activations that dropout zeroes.
    pub dropout: f64,
    /// Share of each class's training samples whose labels are used, 0 to 1: round(share · n), at
    /// least one.
    pub share: f64,
}

/// `[fuse]`: weights of the streams' class scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fuse {
    /// Weight of the joint stream.
    pub joint: f64,
    /// Weight of the motion stream.
    pub motion: f64,
    /// Weight of the bone stream.
    pub bone: f64,
}

impl Default for Knn {
    fn default() -> Self {
        Self {
            k: vec![20, 1, 10, 40],
            temperature: 0.1,
        }
    }
}

impl Default for Linear {
    fn default() -> Self {
        Self {
            epochs: 100,
            batch_size: 128,
            lr: 3.0,
            lr_steps: vec![80],
            weight_decay: 0.0,
            standardise: false,
            share: 1.0,
        }
    }
}

impl Supervised {
    /// Published values of training on a share of the labels.
    pub fn semi() -> Self {
        Self {
            epochs: 80,
            batch_size: 128,
            lr: 0.1,
            lr_steps: vec![10, 30, 50],
            weight_decay: 1e-4,
            nesterov: true,
            freeze_norm: false,
            dropout: crate::encoder::DROPOUT,
            share: 0.1,
        }
    }

    /// Published values of training on all labels.
    pub fn finetune() -> Self {
        Self {
            epochs: 100,
            lr_steps: vec![50, 70],
            nesterov: false,
            freeze_norm: true,
            share: 1.0,
            ..Self::semi()
        }
    }
}

impl Default for Supervised {
    fn default() -> Self {
        Self::finetune()
    }
}

impl Default for Fuse {
    fn default() -> Self {
        Self {
            joint: 0.6,
            motion: 0.4,
            bone: 0.6,
        }
    }
}
