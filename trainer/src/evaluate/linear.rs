//! A linear classifier on frozen embeddings.

use super::{Features, Result};
use crate::seeds::{self, Use};
use crate::sgd::Sgd;
use aimclr_model::plan::{Head, QUERY};
use aimclr_model::{Tensor as StoredTensor, Weights};
use rand::seq::SliceRandom;
use tch::{Kind, Reduction, Tensor};

/// Settings of the protocol; the defaults are the published values.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
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
    /// Seed of first values and order.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            epochs: 100,
            batch_size: 128,
            lr: 3.0,
            lr_steps: vec![80],
            weight_decay: 0.0,
            standardise: false,
            seed: 0,
        }
    }
}

/// What was learnt: class scores are embedding · weightᵀ + bias.
pub struct Classifier {
    /// (classes, E).
    pub weight: Tensor,
    /// (classes).
    pub bias: Tensor,
}

impl Classifier {
    /// Class scores (N, classes).
    pub fn scores(&self, embeddings: &Tensor) -> Tensor {
        embeddings.linear(&self.weight, Some(&self.bias))
    }
}

/// Trains the classifier. The encoder is frozen and in eval mode and nothing is augmented, so its
/// embeddings are computed once.
pub fn train(features: &Features, classes: i64, settings: &Settings) -> Classifier {
    let scaling = settings
        .standardise
        .then(|| Scaling::of(&features.train.embeddings));
    let embeddings = &match &scaling {
        Some(scaling) => scaling.apply(&features.train.embeddings),
        None => features.train.embeddings.shallow_clone(),
    };
    let labels = &features.train.labels;
    let (samples, size) = (embeddings.size()[0] as usize, embeddings.size()[1]);
    seeds::seed_torch(settings.seed, Use::Classifier, 0);
    let mut flat = Tensor::zeros([classes * (size + 1)], (Kind::Float, embeddings.device()));
    let _ = flat.narrow(0, 0, classes * size).normal_(0.0, 0.02);
    let part = |from: i64, length: i64| flat.narrow(0, from, length).detach();
    let weight = part(0, classes * size)
        .view([classes, size])
        .set_requires_grad(true);
    let bias = part(classes * size, classes).set_requires_grad(true);
    let classifier = Classifier { weight, bias };
    let mut sgd = Sgd::new(&flat, 0.9, settings.weight_decay);
    let batch = settings.batch_size.min(samples);
    let mut order: Vec<i64> = (0..samples as i64).collect();
    for epoch in 1..=settings.epochs {
        let drops = settings
            .lr_steps
            .iter()
            .filter(|step| epoch > **step)
            .count();
        let lr = settings.lr * 0.1f64.powi(drops as i32);
        order.shuffle(&mut seeds::rng(
            settings.seed,
            Use::Classifier,
            epoch as u64,
        ));
        for chosen in order.chunks_exact(batch) {
            let chosen = Tensor::from_slice(chosen).to_device(embeddings.device());
            let scores = classifier.scores(&embeddings.index_select(0, &chosen));
            let target = labels.index_select(0, &chosen);
            let loss =
                scores.cross_entropy_loss::<Tensor>(&target, None, Reduction::Mean, -100, 0.0);
            let learnt = [&classifier.weight, &classifier.bias];
            let gradients = Tensor::run_backward(&[loss], &learnt, false, false);
            sgd.step(&mut flat, &gradients, lr);
        }
    }
    match scaling {
        Some(scaling) => tch::no_grad(|| scaling.fold(&classifier)),
        None => classifier,
    }
}

/// Mean and deviation of embeddings, dimension by dimension.
struct Scaling {
    mean: Tensor,
    deviation: Tensor,
}

impl Scaling {
    /// Of a training part, (N, E).
    fn of(embeddings: &Tensor) -> Self {
        let rows = [0i64];
        let mean = embeddings.mean_dim(rows.as_slice(), false, Kind::Float);
        let deviation = embeddings.std_dim(rows.as_slice(), false, false);
        // A dimension that never changes says nothing; it is not to be blown up.
        let deviation = deviation.clamp_min(1e-6);
        Self { mean, deviation }
    }

    fn apply(&self, embeddings: &Tensor) -> Tensor {
        (embeddings - &self.mean) / &self.deviation
    }

    /// The classifier that gives for embeddings what `classifier` gives for scaled ones.
    fn fold(&self, classifier: &Classifier) -> Classifier {
        let weight = &classifier.weight / &self.deviation;
        let bias = &classifier.bias - weight.matmul(&self.mean);
        Classifier { weight, bias }
    }
}

/// The protocol; the last epoch's classifier is taken.
pub fn evaluate(
    features: &Features,
    classes: &[String],
    settings: &Settings,
) -> (Result, Classifier) {
    let classifier = train(features, classes.len() as i64, settings);
    let scores = tch::no_grad(|| classifier.scores(&features.test.embeddings));
    (
        super::result("linear", &scores, features, classes, Vec::new()),
        classifier,
    )
}

/// Encoder and classifier as one weight file, ready for the exporter.
pub fn weights(
    features: &Features,
    classifier: &Classifier,
    classes: &[String],
    result: &Result,
) -> Weights {
    let mut weights = Weights::default();
    debug_assert_eq!(features.encoder.head, Head::None);
    features.encoder.parameters.store(&mut weights, QUERY);
    let mut put = |name: &str, tensor: &Tensor| {
        let tensor: StoredTensor = crate::parameters::stored(tensor);
        weights.tensors.insert(format!("{QUERY}.fc.{name}"), tensor);
    };
    put("weight", &classifier.weight);
    put("bias", &classifier.bias);
    let mut card = features.card.clone();
    card.classes = classes.to_vec();
    card.provenance.protocol = "linear".into();
    card.provenance.metrics = [
        ("top1".to_string(), result.top1),
        ("top5".to_string(), result.top5),
    ]
    .into();
    weights.card = Some(card);
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn scaling_is_folded_into_the_classifier() {
        tch::manual_seed(3);
        let random = |shape: [i64; 2]| Tensor::randn(shape, (Kind::Float, Device::Cpu));
        let embeddings = random([50, 8]) * random([1, 8]) * 5.0 + random([1, 8]) * 3.0;
        let classifier = Classifier {
            weight: random([4, 8]),
            bias: random([1, 4]).squeeze(),
        };
        let scaling = Scaling::of(&embeddings);
        let scaled = classifier.scores(&scaling.apply(&embeddings));
        let folded = scaling.fold(&classifier).scores(&embeddings);
        assert!((scaled - folded).abs().max().double_value(&[]) < 1e-4);
    }
}
