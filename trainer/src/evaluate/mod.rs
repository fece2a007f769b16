//! Protocols that measure what an encoder has learnt.

mod continual;
mod fit;
pub mod fuse;
pub mod knn;
mod labelled;
pub mod linear;
pub mod protocol;
mod result;
mod scaling;
pub mod settings;
pub mod supervised;

pub use fit::Epoch;
pub use labelled::{Labelled, Select};
pub use protocol::{Kind, Protocol};
pub use result::{Measured, Result, Scored, Scores, Seeds, Spread, accuracy};
pub use scaling::Scaling;

use crate::TrainError;
use crate::data::{Clips, Cut};
use crate::encoder::Encoder;
use crate::streams::Streams;
use aimclr_model::card::Form;
use aimclr_model::plan::{Head, Pooled, QUERY};
use aimclr_model::{Card, Plan, Weights};
use aimclr_skeleton::dataset::{Dataset, Part};
use std::cell::OnceCell;
use tch::{Device, Tensor};

/// Samples that go through the encoder at once.
const BATCH: i64 = 128;

/// An encoder before a split of a data set: what every protocol measures.
pub struct Trial {
    /// The training part.
    pub train: Clips,
    /// The test part.
    pub test: Clips,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Name of the data set.
    pub dataset: String,
    /// The split.
    pub split: String,
    /// The weights' card, with this trial's form and this data's window and number of bodies: a
    /// classifier is to be run on windows like those that it was trained on.
    pub card: Card,
    /// The encoder without head.
    pub encoder: Encoder,
    /// Makes the encoder's stream.
    pub streams: Streams,
    /// With every block pooled.
    embeddings: OnceCell<Embedded>,
}

/// Embeddings of both parts, each (N, E), in eval mode and without augmentation.
pub struct Embedded {
    /// The training part.
    pub train: Tensor,
    /// The test part.
    pub test: Tensor,
}

impl Trial {
    /// Loads both parts of a split, and the encoder of `weights`.
    ///
    /// # Errors
    /// Weights without a card or of another layout, a split without samples in one of its parts,
    /// or with a class that only its test part has.
    pub fn new(
        dataset: &Dataset,
        split: &str,
        weights: &Weights,
        cut: Cut,
        device: Device,
    ) -> std::result::Result<Self, TrainError> {
        let (plan, _) = Plan::of_weights(weights, QUERY)?;
        let mut card = checked_card(weights, plan, dataset)?;
        card.form = Form::Windowed;
        card.bodies = dataset.meta().bodies;
        let load = |part| -> std::result::Result<Clips, TrainError> {
            let (frames, preprocessing) = (card.frames, card.preprocessing);
            let clips = Clips::load(dataset, split, part, cut, frames, preprocessing)?;
            Ok(clips.onto(device, None).0)
        };
        let (train, test) = (load(Part::Train)?, load(Part::Test)?);
        let classes = dataset.meta().classes.clone();
        labelled::refuse_unseen_classes(&train.labels, &test.labels, &classes, split)?;
        let encoder = Encoder::new(plan, Head::None, device);
        encoder.parameters.load(weights, QUERY)?;
        card.window = match cut {
            Cut::Windows { window, .. } => window,
            Cut::Whole => train.seconds,
        };
        Ok(Self {
            streams: Streams::new(card.streams[0], &card.layout, device),
            train,
            test,
            classes,
            dataset: dataset.meta().name.clone(),
            split: split.into(),
            card,
            encoder,
            embeddings: OnceCell::new(),
        })
    }

    /// Embeddings of both parts; the encoder runs once.
    pub fn embeddings(&self, pooled: Pooled) -> Embedded {
        let every = self.embeddings.get_or_init(|| {
            let embed = |part| {
                let (clips, samples) = (self.part(part), self.all(part));
                let batches: Vec<Tensor> = samples
                    .chunks(BATCH as usize)
                    .map(|samples| self.streams.of(&clips.batch(samples)))
                    .map(|joints| self.encoder.embed(&joints, Pooled::Every))
                    .collect();
                Tensor::cat(&batches, 0)
            };
            Embedded {
                train: embed(Part::Train),
                test: embed(Part::Test),
            }
        });
        // The last block's part comes last.
        let width = self.encoder.plan.embedding(pooled) as i64;
        let part = |every: &Tensor| every.slice(1, -width, None, 1);
        Embedded {
            train: part(&every.train),
            test: part(&every.test),
        }
    }

    fn part(&self, part: Part) -> &Clips {
        match part {
            Part::Train => &self.train,
            Part::Test => &self.test,
        }
    }

    /// Every sample of a part.
    fn all(&self, part: Part) -> Vec<i64> {
        (0..self.part(part).len() as i64).collect()
    }

    fn labels_of(&self, part: Part, samples: &[i64]) -> Tensor {
        self.part(part).labels_of(samples)
    }

    fn test_labels(&self) -> Tensor {
        self.labels_of(Part::Test, &self.all(Part::Test))
    }

    /// Weights of an encoder with classifier on embeddings of some size, still without tensors.
    fn classified(&self, result: &Result, embedding: usize) -> Weights {
        let mut card = self.card.clone();
        card.classes = self.classes.clone();
        card.embedding = embedding;
        let provenance = &mut card.provenance;
        provenance.protocol = result.protocol.clone();
        if provenance.dataset != self.dataset || provenance.split != self.split {
            provenance.transferred_to = Some(format!("{} ({})", self.dataset, self.split));
        }
        provenance.metrics = [("top1", result.top1), ("top5", result.top5)]
            .map(|(name, value)| (name.to_string(), value))
            .into();
        Weights {
            card: Some(card),
            ..Weights::default()
        }
    }
}

fn checked_card(
    weights: &Weights,
    plan: Plan,
    dataset: &Dataset,
) -> std::result::Result<Card, TrainError> {
    let fail = |reason: String| {
        let path = weights.path.display();
        Err(TrainError::Mismatch(format!("{path}{reason}")))
    };
    let Some(card) = weights.card.clone() else {
        return fail(
            ": no model card in the metadata; only weights written by `aimclr-train` can be \
             evaluated"
                .into(),
        );
    };
    if card.layout.len() != plan.joints {
        return fail(format!(
            ": joints: the model card says {}, the weights say {}",
            card.layout.len(),
            plan.joints
        ));
    }
    if card.layout != *dataset.layout() {
        return fail(format!(
            " understands layout \"{}\" with {} joints, {} has layout \"{}\" with {}",
            card.layout.name,
            card.layout.len(),
            dataset.folder().display(),
            dataset.layout().name,
            dataset.layout().len()
        ));
    }
    if card.streams.len() != 1 {
        let found = card.streams.len();
        return fail(format!(
            ": expected the weights of one stream, found {found}"
        ));
    }
    Ok(card)
}
