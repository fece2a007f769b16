//! A linear classifier on the frozen encoder.

use super::fit::{Concluded, Epoch, Learner, fit};
use super::settings::Linear as Settings;
use super::{Embedded, Labelled, Measured, Trial};
use crate::TrainError;
use crate::seeds::{self, Use};
use crate::sgd::Sgd;
use aimclr_model::plan::QUERY;
use aimclr_skeleton::dataset::Part;
use tch::{Kind, Reduction, Tensor};

/// SGD's momentum.
const MOMENTUM: f64 = 0.9;

/// What was learnt: class scores are embedding · weightᵀ + bias.
struct Classifier {
    /// Weight and bias, one after the other.
    flat: Tensor,
    /// (classes, E).
    weight: Tensor,
    /// (classes).
    bias: Tensor,
}

impl Classifier {
    /// Weights drawn from N(0, 0.02), no bias, as the released code starts.
    fn new(classes: i64, embeddings: &Tensor, seed: u64) -> Self {
        seeds::seed_torch(seed, Use::Classifier, 0);
        let size = embeddings.size()[1];
        let flat = Tensor::zeros([classes * (size + 1)], (Kind::Float, embeddings.device()));
        let _ = flat.narrow(0, 0, classes * size).normal_(0.0, 0.02);
        let part = |from: i64, length: i64| flat.narrow(0, from, length).detach();
        Self {
            weight: part(0, classes * size)
                .view([classes, size])
                .set_requires_grad(true),
            bias: part(classes * size, classes).set_requires_grad(true),
            flat,
        }
    }

    fn scores(&self, embeddings: &Tensor) -> Tensor {
        embeddings.linear(&self.weight, Some(&self.bias))
    }
}

/// The classifier and what it learns from. The encoder is frozen and in eval mode and nothing is
/// augmented, so its embeddings are computed once.
struct Head<'a> {
    classifier: Classifier,
    trial: &'a Trial,
    train: Tensor,
    test: Tensor,
}

impl Learner for Head<'_> {
    fn gradients(&self, samples: &[i64]) -> (Tensor, Vec<Tensor>) {
        let scores = self.classifier.scores(&pick(&self.train, samples));
        let target = self.trial.labels_of(Part::Train, samples);
        let loss = scores.cross_entropy_loss::<Tensor>(&target, None, Reduction::Mean, -100, 0.0);
        let learnt = [&self.classifier.weight, &self.classifier.bias];
        let gradients = Tensor::run_backward(&[&loss], &learnt, false, false);
        (loss, gradients)
    }

    fn flat(&self) -> Tensor {
        self.classifier.flat.shallow_clone()
    }

    fn state(&self) -> Vec<Tensor> {
        vec![self.flat()]
    }

    fn scores(&self, part: Part, samples: &[i64]) -> Tensor {
        let embeddings = match part {
            Part::Train => &self.train,
            Part::Test => &self.test,
        };
        tch::no_grad(|| self.classifier.scores(&pick(embeddings, samples)))
    }
}

fn pick(rows: &Tensor, samples: &[i64]) -> Tensor {
    rows.index_select(
        0,
        &crate::device::send(&Tensor::from_slice(samples), rows.device()),
    )
}

/// The protocol.
pub fn evaluate(
    trial: &Trial,
    settings: &Settings,
    seed: u64,
    progress: &mut dyn FnMut(&Epoch),
) -> Result<Measured, TrainError> {
    let schedule = &settings.schedule;
    schedule.check()?;
    let labelled = Labelled::draw(&trial.train.labels, schedule, seed);
    let Embedded { train, test } = trial.embeddings(settings.pooled);
    let per_class = labelled.train.len() as f64 / trial.classes.len() as f64;
    // Of all training samples: what a sample is called plays no part.
    let scaling = settings.scaling.fit(&train, per_class);
    let scaled = |embeddings: &Tensor| match &scaling {
        Some(scaling) => scaling.apply(embeddings),
        None => embeddings.shallow_clone(),
    };
    let head = Head {
        classifier: Classifier::new(trial.classes.len() as i64, &train, seed),
        trial,
        train: scaled(&train),
        test: scaled(&test),
    };
    let sgd = Sgd::new(&head.flat(), MOMENTUM, schedule.weight_decay);
    let fitted = fit(&head, sgd, trial, &labelled, schedule, seed, progress)?;

    let logits = head.scores(Part::Test, &trial.all(Part::Test));
    let (weight, bias) = tch::no_grad(|| match &scaling {
        Some(scaling) => scaling.fold(&head.classifier.weight, &head.classifier.bias),
        None => (
            head.classifier.weight.shallow_clone(),
            head.classifier.bias.shallow_clone(),
        ),
    });
    let concluded = Concluded {
        protocol: "linear",
        logits,
        embeddings: test,
        labelled,
        fitted,
    };
    Ok(concluded.measured(trial, &head, schedule, seed, |weights| {
        trial.encoder.parameters.store(weights, QUERY);
        for (name, tensor) in [("weight", &weight), ("bias", &bias)] {
            let tensor = crate::parameters::stored(tensor);
            weights.tensors.insert(format!("{QUERY}.fc.{name}"), tensor);
        }
    }))
}
