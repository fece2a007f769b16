//! Encoder and classifier trained together: on a share of the labels (`semi`) or all of them
//! (`finetune`).

use super::fit::{Concluded, Epoch, Learner, fit};
use super::settings::Supervised as Settings;
use super::{BATCH, Labelled, Measured, Trial};
use crate::TrainError;
use crate::augment::{Augment, Augmentations};
use crate::encoder::{Encoder, Mode};
use crate::seeds::{self, Use};
use crate::sgd::Sgd;
use aimclr_model::plan::{Head, QUERY};
use aimclr_skeleton::dataset::Part;
use std::cell::Cell;
use tch::{Reduction, Tensor};

/// SGD's momentum.
const MOMENTUM: f64 = 0.9;

struct Whole<'a> {
    encoder: Encoder,
    mode: Mode,
    augment: Option<Augment>,
    trial: &'a Trial,
    seed: u64,
    /// Steps done: each draws its own augmentations.
    steps: Cell<u64>,
}

impl Whole<'_> {
    fn forward(&self, joints: &Tensor, mode: Mode) -> (Tensor, Tensor) {
        let features = self.encoder.features(&self.trial.streams.of(joints), mode);
        let embedding = self.encoder.pool(&features, joints.size()[4]);
        (self.encoder.head(&embedding), embedding)
    }

    /// Class scores and embeddings of a part, in eval mode.
    fn measure(&self, part: Part, samples: &[i64]) -> (Tensor, Tensor) {
        let clips = self.trial.part(part);
        let batches = samples.chunks(BATCH as usize);
        let (scores, embeddings): (Vec<_>, Vec<_>) = tch::no_grad(|| {
            batches
                .map(|samples| self.forward(&clips.batch(samples), Mode::Eval))
                .unzip()
        });
        (Tensor::cat(&scores, 0), Tensor::cat(&embeddings, 0))
    }
}

impl Learner for Whole<'_> {
    fn gradients(&self, samples: &[i64]) -> (Tensor, Vec<Tensor>) {
        let joints = self.trial.train.batch(samples);
        let step = self.steps.replace(self.steps.get() + 1);
        let joints = match &self.augment {
            Some(augment) => {
                let mut rng = seeds::rng(self.seed, Use::Augment, step);
                augment.normal(&joints, &mut rng)
            }
            None => joints,
        };
        let (scores, _) = self.forward(&joints, self.mode);
        let target = self.trial.labels_of(Part::Train, samples);
        let loss = scores.cross_entropy_loss::<Tensor>(&target, None, Reduction::Mean, -100, 0.0);
        let learnt = self.encoder.parameters.learnt();
        let gradients = Tensor::run_backward(&[&loss], &learnt, false, false);
        (loss, gradients)
    }

    fn flat(&self) -> Tensor {
        self.encoder.parameters.flat.shallow_clone()
    }

    fn state(&self) -> Vec<Tensor> {
        self.encoder.parameters.changed()
    }

    fn scores(&self, part: Part, samples: &[i64]) -> Tensor {
        self.measure(part, samples).0
    }
}

/// The protocol; `name` is `semi` or `finetune`.
pub fn evaluate(
    name: &str,
    trial: &Trial,
    settings: &Settings,
    seed: u64,
    progress: &mut dyn FnMut(&Epoch),
) -> Result<Measured, TrainError> {
    let schedule = &settings.schedule;
    schedule.check()?;
    let labelled = Labelled::draw(&trial.train.labels, schedule, seed);
    let head = Head::classifier(trial.classes.len());
    let device = trial.encoder.parameters.flat.device();
    let encoder = Encoder::new(trial.encoder.plan, head, device);
    encoder.parameters.copy_from(&trial.encoder.parameters);
    seeds::seed_torch(seed, Use::Classifier, 0);
    tch::no_grad(|| _ = encoder.parameters.get("fc.weight").normal_(0.0, 0.02));
    let whole = Whole {
        encoder,
        mode: match settings.freeze_norm {
            true => Mode::Eval,
            false => Mode::Train {
                dropout: settings.dropout,
            },
        },
        augment: settings
            .augment
            .then(|| Augment::new(Augmentations::default(), &trial.card.layout, device)),
        trial,
        seed,
        steps: Cell::new(0),
    };
    let mut sgd = Sgd::new(&whole.flat(), MOMENTUM, schedule.weight_decay);
    sgd.nesterov = settings.nesterov;
    let fitted = fit(&whole, sgd, trial, &labelled, schedule, seed, progress)?;

    let (logits, embeddings) = whole.measure(Part::Test, &trial.all(Part::Test));
    let concluded = Concluded {
        protocol: name,
        logits,
        embeddings,
        labelled,
        fitted,
    };
    Ok(
        concluded.measured(trial, &whole, schedule, seed, |weights| {
            whole.encoder.parameters.store(weights, QUERY);
        }),
    )
}
