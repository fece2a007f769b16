//! Protocols that measure what an encoder has learnt.

pub mod knn;
pub mod linear;
pub mod settings;

use crate::TrainError;
use crate::data::{Clips, Cut};
use crate::encoder::Encoder;
use crate::streams::Streams;
use aimclr_model::plan::{Head, QUERY};
use aimclr_model::{Card, Plan, Weights};
use aimclr_skeleton::dataset::{Dataset, Part};
use serde::Serialize;
use tch::{Device, Kind, Tensor};

/// Samples that go through the encoder at once.
const BATCH: i64 = 128;

/// Result of a protocol.
#[derive(Debug, Clone, Serialize)]
pub struct Result {
    /// `knn` or `linear`.
    pub protocol: String,
    /// Share of test samples whose class is the first guess, in percent.
    pub top1: f64,
    /// Share whose class is among the first five guesses, in percent.
    pub top5: f64,
    /// Test samples.
    pub samples: usize,
    /// Training samples.
    pub training: usize,
    /// Top-1 of each class, in percent; `null` where the test part has none of it.
    pub per_class: Vec<(String, Option<f64>)>,
    /// Results with other settings, such as other k.
    pub further: Vec<(String, f64)>,
}

/// Embeddings of one part of a data set.
pub struct Embedded {
    /// (N, E).
    pub embeddings: Tensor,
    /// (N).
    pub labels: Tensor,
}

/// Embeddings of both parts, and what they were made with.
pub struct Features {
    /// The training part.
    pub train: Embedded,
    /// The test part.
    pub test: Embedded,
    /// The weights' card.
    pub card: Card,
    /// The encoder.
    pub encoder: Encoder,
}

/// Runs both parts of a split through an encoder, in eval mode and without augmentation.
///
/// The card of the result names the window of this data, which may be another one than that of
/// pre-training: a classifier is to be run on windows like those that it was trained on.
pub fn features(
    dataset: &Dataset,
    split: &str,
    weights: &Weights,
    cut: Cut,
    device: Device,
) -> std::result::Result<Features, TrainError> {
    let (plan, _) = Plan::of_weights(weights, QUERY)?;
    let mut card = weights.card.clone().ok_or_else(|| {
        TrainError::Mismatch(format!(
            "{}: no model card in the metadata; only weights written by `aimclr-train` can be \
             evaluated",
            weights.path.display()
        ))
    })?;
    if card.layout.len() != plan.joints {
        return Err(TrainError::Mismatch(format!(
            "{}: joints: the model card says {}, the weights say {}",
            weights.path.display(),
            card.layout.len(),
            plan.joints
        )));
    }
    if card.layout != *dataset.layout() {
        return Err(TrainError::Mismatch(format!(
            "{} understands layout \"{}\" with {} joints, {} has layout \"{}\" with {}",
            weights.path.display(),
            card.layout.name,
            card.layout.len(),
            dataset.folder().display(),
            dataset.layout().name,
            dataset.layout().len()
        )));
    }
    let encoder = Encoder::new(plan, Head::None, device);
    encoder.parameters.load(weights, QUERY)?;
    let stream = card.streams[0];
    let streams = Streams::new(stream, &card.layout, device);
    let frames = card.frames;
    let embed = |part| -> std::result::Result<(Embedded, f64), TrainError> {
        let clips = Clips::load(
            dataset,
            split,
            part,
            cut,
            frames,
            card.preprocessing,
            device,
        )?;
        let batches: Vec<Tensor> = clips
            .joints
            .split(BATCH, 0)
            .iter()
            .map(|joints| encoder.embed(&streams.of(joints)))
            .collect();
        let embedded = Embedded {
            embeddings: Tensor::cat(&batches, 0),
            labels: Tensor::from_slice(&clips.labels).to_device(device),
        };
        Ok((embedded, clips.seconds))
    };
    let ((train, seconds), (test, _)) = (embed(Part::Train)?, embed(Part::Test)?);
    card.window = match cut {
        Cut::Windows { window, .. } => window,
        Cut::Whole => seconds,
    };
    Ok(Features {
        train,
        test,
        card,
        encoder,
    })
}

/// Top-1 and top-5 of class scores (N, classes), in percent.
pub fn accuracy(scores: &Tensor, labels: &Tensor) -> (f64, f64) {
    let classes = scores.size()[1];
    let top = |k: i64| {
        let (_, best) = scores.topk(k.min(classes), 1, true, true);
        let hit = best.eq_tensor(&labels.unsqueeze(1)).any_dim(1, false);
        100.0
            * hit
                .to_kind(Kind::Double)
                .mean(Kind::Double)
                .double_value(&[])
    };
    (top(1), top(5))
}

fn result(
    protocol: &str,
    scores: &Tensor,
    features: &Features,
    classes: &[String],
    further: Vec<(String, f64)>,
) -> Result {
    let labels = &features.test.labels;
    let (top1, top5) = accuracy(scores, labels);
    let guess = scores.argmax(1, false);
    let per_class = classes.iter().enumerate().map(|(label, name)| {
        let of_class = labels.eq(label as i64);
        let count = of_class.sum(Kind::Int64).int64_value(&[]);
        let hits = guess
            .eq(label as i64)
            .logical_and(&of_class)
            .sum(Kind::Int64)
            .int64_value(&[]);
        (
            name.clone(),
            (count > 0).then(|| 100.0 * hits as f64 / count as f64),
        )
    });
    Result {
        protocol: protocol.into(),
        top1,
        top5,
        samples: labels.size()[0] as usize,
        training: features.train.labels.size()[0] as usize,
        per_class: per_class.collect(),
        further,
    }
}
