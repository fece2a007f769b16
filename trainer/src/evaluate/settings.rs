//! Settings of the protocols, as they stand in a configuration file and on the command line. The
//! defaults are the published values.

use super::{Scaling, Select};
use crate::TrainError;
use aimclr_model::plan::Pooled;
use aimclr_skeleton::Stream;
use serde::{Deserialize, Serialize};

/// `[knn]`: nearest neighbours in the space of embeddings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Knn {
    /// Numbers of neighbours that vote; the first one's result is the protocol's.
    pub k: Vec<usize>,
    /// A neighbour's vote is exp(cosine similarity / temperature).
    pub temperature: f64,
    /// Whose output is pooled into the embedding.
    pub pooled: Pooled,
    /// How embeddings are scaled first.
    pub scaling: Scaling,
}

/// What all trained protocols have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
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
    /// Share of each class's training samples whose labels are used, 0 to 1: round(share · n), at
    /// least one.
    pub share: f64,
    /// Which epoch's model is taken.
    pub select: Select,
    /// Share of each class's labelled samples that is held out for [`Select::Validation`].
    pub validation: f64,
}

/// `[linear]`: a linear classifier on the frozen encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// How it learns; the published protocol has no weight decay.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// Whose output is pooled into the embedding.
    pub pooled: Pooled,
    /// How embeddings are scaled first; that is folded into the classifier.
    pub scaling: Scaling,
}

/// `[semi]` and `[finetune]`: encoder and classifier trained together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Supervised {
    /// How they learn.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// Whether momentum is Nesterov's.
    pub nesterov: bool,
    /// Whether the encoder stays in eval mode while it learns: batch norms keep their running
    /// statistics and use them, and nothing is dropped out. The released code does that.
    pub freeze_norm: bool,
    /// Share of activations that dropout zeroes where the encoder is in train mode.
    pub dropout: f64,
    /// Whether samples are cropped and sheared as pre-training's normal view is.
    pub augment: bool,
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
            pooled: Pooled::Last,
            scaling: Scaling::None,
        }
    }
}

impl Default for Linear {
    fn default() -> Self {
        Self {
            schedule: Schedule {
                epochs: 100,
                batch_size: 128,
                lr: 3.0,
                lr_steps: vec![80],
                weight_decay: 0.0,
                share: 1.0,
                select: Select::Validation,
                validation: 0.1,
            },
            pooled: Pooled::Last,
            scaling: Scaling::None,
        }
    }
}

impl Supervised {
    /// Published values of training on a share of the labels.
    pub fn semi() -> Self {
        Self {
            schedule: Schedule {
                epochs: 80,
                batch_size: 128,
                lr: 0.1,
                lr_steps: vec![10, 30, 50],
                weight_decay: 1e-4,
                share: 0.1,
                select: Select::Validation,
                validation: 0.1,
            },
            nesterov: true,
            freeze_norm: false,
            dropout: crate::encoder::DROPOUT,
            augment: false,
        }
    }

    /// Published values of training on all labels.
    pub fn finetune() -> Self {
        let semi = Self::semi();
        Self {
            schedule: Schedule {
                epochs: 100,
                lr_steps: vec![50, 70],
                share: 1.0,
                ..semi.schedule
            },
            nesterov: false,
            freeze_norm: true,
            ..semi
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

impl Fuse {
    /// The weight of a stream.
    pub fn of(&self, stream: Stream) -> f64 {
        match stream {
            Stream::Joint => self.joint,
            Stream::Motion => self.motion,
            Stream::Bone => self.bone,
        }
    }
}

impl Schedule {
    /// Checks that the values make sense.
    pub fn check(&self) -> Result<(), TrainError> {
        let fail = |key: &str, reason: &str| {
            Err(TrainError::Setting {
                key: format!("--{key}"),
                reason: reason.into(),
            })
        };
        if !(1..=1 << 20).contains(&self.epochs) {
            return fail("epochs", "expected 1 or more");
        }
        if !(1..=1 << 20).contains(&self.batch_size) {
            return fail("batch-size", "expected 1 or more");
        }
        if !(self.lr.is_finite() && self.lr > 0.0) {
            return fail("lr", "expected a number above 0");
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return fail("weight-decay", "expected 0 or more");
        }
        if !(self.share > 0.0 && self.share <= 1.0) {
            return fail("share", "expected above 0 to 1, as in 0.1 for ten percent");
        }
        if !(self.validation > 0.0 && self.validation < 1.0) {
            return fail("validation", "expected a share above 0 and below 1");
        }
        Ok(())
    }

    /// Learning rate in an epoch, 1-based.
    pub fn lr_in(&self, epoch: usize) -> f64 {
        crate::settings::stepped(self.lr, &self.lr_steps, epoch)
    }
}
