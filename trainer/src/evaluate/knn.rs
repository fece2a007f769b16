//! k nearest neighbours in the space of embeddings.

use super::settings::Knn as Settings;
use super::{Measured, Result, Scored, Scores, Trial, accuracy};
use crate::TrainError;
use aimclr_skeleton::dataset::Part;
use tch::{Kind, Tensor};

/// Samples whose classes are known.
pub struct Bank<'a> {
    /// (N, E).
    pub embeddings: &'a Tensor,
    /// (N).
    pub labels: &'a Tensor,
    /// Number of classes.
    pub classes: i64,
}

impl Bank<'_> {
    /// Class scores (N, classes) of embeddings (N, E): each of the k samples nearest by cosine
    /// similarity votes for its class with weight exp(similarity / temperature).
    pub fn votes(&self, embeddings: &Tensor, k: usize, temperature: f64) -> Tensor {
        let unit = crate::encoder::unit;
        let known = unit(self.embeddings).transpose(0, 1);
        let similarity = unit(embeddings).matmul(&known);
        let k = (k as i64).min(known.size()[1]);
        let (nearest, index) = similarity.topk(k, 1, true, true);
        let labels = self.labels.index_select(0, &index.view([-1]));
        let shape = [index.size()[0], self.classes];
        let votes = Tensor::zeros(shape, (Kind::Float, index.device()));
        votes.scatter_add(1, &labels.view_as(&index), &(nearest / temperature).exp())
    }
}

/// The protocol.
pub fn evaluate(trial: &Trial, settings: &Settings) -> std::result::Result<Measured, TrainError> {
    let fail = |key: &str, reason: &str| {
        Err(TrainError::Setting {
            key: key.into(),
            reason: reason.into(),
        })
    };
    let Some((first, others)) = settings.k.split_first() else {
        return fail("--k", "expected at least one number of neighbours");
    };
    if settings.k.contains(&0) {
        return fail("--k", "expected 1 or more neighbours");
    }
    if !(settings.temperature.is_finite() && settings.temperature > 0.0) {
        return fail("knn.temperature", "expected a number above 0");
    }
    let embedded = trial.embeddings(settings.pooled);
    let classes = trial.classes.len() as i64;
    let per_class = trial.train.len() as f64 / classes as f64;
    let [train, test] = settings
        .scaling
        .apply(&embedded.train, &embedded.test, per_class);
    let bank = Bank {
        embeddings: &train,
        labels: &trial.labels_of(Part::Train, &trial.all(Part::Train)),
        classes,
    };
    let logits = bank.votes(&test, *first, settings.temperature);
    let mut result = Result::new("knn", trial, &logits, 0);
    let labels = trial.test_labels();
    let others = others.iter().filter(|k| *k != first).map(|k| {
        let (top1, _) = accuracy(&bank.votes(&test, *k, settings.temperature), &labels);
        (format!("top1 at k={k}"), top1)
    });
    result.further = others.collect();
    Ok(Measured {
        scores: Scores {
            test: Scored {
                logits,
                labels,
                names: trial.test.names.clone(),
            },
            embeddings: embedded.test,
            validation: None,
        },
        weights: None,
        labelled: Vec::new(),
        history: Vec::new(),
        result,
    })
}
