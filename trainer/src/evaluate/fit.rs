//! What all trained protocols share: stochastic gradient descent on labelled samples, and the
//! choice of an epoch.

use super::settings::Schedule;
use super::{Labelled, Measured, Scored, Scores, Select, Trial, accuracy};
use crate::TrainError;
use crate::seeds::{self, Use};
use crate::sgd::Sgd;
use aimclr_model::Weights;
use aimclr_skeleton::dataset::Part;
use rand::seq::SliceRandom;
use serde::Serialize;
use tch::Tensor;

/// Something that learns classes.
pub(super) trait Learner {
    /// Mean loss of training samples, and its gradients by the parts of [`flat`](Self::flat) in
    /// their order.
    fn gradients(&self, samples: &[i64]) -> (Tensor, Vec<Tensor>);
    /// What is learnt.
    fn flat(&self) -> Tensor;
    /// All that learning changes, views of the originals.
    fn state(&self) -> Vec<Tensor>;
    /// Class scores (N, classes) of some samples of a part, without gradient.
    fn scores(&self, part: Part, samples: &[i64]) -> Tensor;
}

/// A line of a result's `metrics.jsonl`. Shares are in percent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Epoch {
    /// 1-based.
    pub epoch: usize,
    /// Mean loss over its steps.
    pub loss: f64,
    /// Learning rate.
    pub lr: f64,
    /// Top-1 on the samples held out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_top1: Option<f64>,
    /// Top-1 on the test part, where it is that which chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_top1: Option<f64>,
}

/// How learning went.
pub(super) struct Fitted {
    /// The epoch whose state the learner has now.
    pub epoch: usize,
    /// How it was chosen.
    pub select: Select,
    /// Its top-1 on the samples held out, in percent, if there were any.
    pub validation_top1: Option<f64>,
    /// Every epoch.
    pub history: Vec<Epoch>,
}

/// Trains `learner` and leaves it in the state of the chosen epoch.
pub(super) fn fit(
    learner: &impl Learner,
    mut sgd: Sgd,
    trial: &Trial,
    labelled: &Labelled,
    schedule: &Schedule,
    seed: u64,
    progress: &mut dyn FnMut(&Epoch),
) -> std::result::Result<Fitted, TrainError> {
    let held_out = (!labelled.validation.is_empty()).then_some(&labelled.validation[..]);
    let test: Vec<i64> = (0..trial.test.len() as i64).collect();
    let batch = schedule.batch_size.min(labelled.train.len());
    let mut order = labelled.train.clone();
    let mut history: Vec<Epoch> = Vec::new();
    let mut best: Option<(f64, usize, Vec<Tensor>)> = None;
    let top1 = |part, samples: &[i64]| {
        accuracy(
            &learner.scores(part, samples),
            &trial.labels_of(part, samples),
        )
        .0
    };
    for epoch in 1..=schedule.epochs {
        let lr = schedule.lr_in(epoch);
        order.shuffle(&mut seeds::rng(seed, Use::Classifier, epoch as u64));
        seeds::seed_torch(seed, Use::Classifier, epoch as u64);
        let mut losses = Vec::new();
        for samples in order.chunks_exact(batch) {
            let (loss, gradients) = learner.gradients(samples);
            sgd.step(&mut learner.flat(), &gradients, lr);
            losses.push(loss.detach());
        }
        let loss = Tensor::stack(&losses, 0)
            .mean(tch::Kind::Double)
            .double_value(&[]);
        if !loss.is_finite() {
            return Err(TrainError::Mismatch(format!(
                "epoch {epoch}: the classifier's loss is {loss}; try a lower --lr, or --scaling \
                 standardise where the protocol has it"
            )));
        }
        let done = Epoch {
            epoch,
            loss,
            lr,
            validation_top1: held_out.map(|samples| top1(Part::Train, samples)),
            test_top1: (schedule.select == Select::Test).then(|| top1(Part::Test, &test)),
        };
        progress(&done);
        if let Some(share) = done.test_top1.or(done.validation_top1)
            && best.as_ref().is_none_or(|(most, ..)| share > *most)
        {
            best = Some((
                share,
                epoch,
                learner.state().iter().map(Tensor::copy).collect(),
            ));
        }
        history.push(done);
    }
    let epoch = match best {
        None => schedule.epochs,
        Some((_, epoch, state)) => {
            tch::no_grad(|| {
                for (mut now, then) in learner.state().into_iter().zip(state) {
                    now.copy_(&then);
                }
            });
            epoch
        }
    };
    Ok(Fitted {
        epoch,
        select: schedule.select,
        validation_top1: history[epoch - 1].validation_top1,
        history,
    })
}

/// A learner at its end, before it is written down.
pub(super) struct Concluded<'a> {
    /// Name of the protocol.
    pub protocol: &'a str,
    /// Class scores of the test part, (N, classes).
    pub logits: Tensor,
    /// Embeddings of the test part, (N, E).
    pub embeddings: Tensor,
    /// What was trained on.
    pub labelled: Labelled,
    /// How it went.
    pub fitted: Fitted,
}

impl Concluded<'_> {
    /// Everything that the protocol leaves; `store` puts the tensors into the weights.
    pub fn measured(
        self,
        trial: &Trial,
        learner: &impl Learner,
        schedule: &Schedule,
        seed: u64,
        store: impl FnOnce(&mut Weights),
    ) -> Measured {
        let Labelled { train, validation } = &self.labelled;
        let result = super::Result::new(self.protocol, trial, &self.logits, seed).chosen(
            schedule.share,
            train.len(),
            &self.fitted,
        );
        let embedding = self.embeddings.size()[1] as usize;
        let mut weights = trial.classified(&result, embedding);
        store(&mut weights);
        let names = |samples: &[i64]| -> Vec<String> {
            let name = |i: &i64| trial.train.names[*i as usize].clone();
            samples.iter().map(name).collect()
        };
        let mut labelled = Vec::new();
        if schedule.share < 1.0 {
            labelled.extend(names(train));
            labelled.extend(names(validation));
            labelled.sort();
        }
        Measured {
            scores: Scores {
                test: Scored {
                    logits: self.logits,
                    labels: trial.test_labels(),
                    names: trial.test.names.clone(),
                },
                embeddings: self.embeddings,
                validation: (!validation.is_empty()).then(|| Scored {
                    logits: learner.scores(Part::Train, validation),
                    labels: trial.labels_of(Part::Train, validation),
                    names: names(validation),
                }),
            },
            weights: Some(weights),
            labelled,
            history: self.fitted.history,
            result,
        }
    }
}
