//! Pre-training: the loop over epochs and steps.

use crate::TrainError;
use crate::aimclr::{AimClr, Outcome, Stage, Views};
use crate::augment::Augment;
use crate::checkpoint::{self, Position, RunFolder, RunInfo};
use crate::data::Clips;
use crate::losses;
use crate::metrics::{Epoch, Log};
use crate::monitor::{self, Monitor};
use crate::seeds::{self, Use};
use crate::settings::Settings;
use crate::streams::Streams;
use aimclr_model::card::{self, Calibration, Card, Provenance};
use aimclr_model::{Plan, Weights};
use aimclr_skeleton::dataset::{Dataset, Part};
use aimclr_skeleton::graph;
use rand::seq::SliceRandom;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tch::{Device, Tensor};

/// How a run is kept while it goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keeping {
    /// Time between checkpoints.
    pub every: Duration,
    /// Steps between checkpoints, beside the time; 0 for none.
    pub every_steps: u64,
    /// Go on from the run's checkpoint, if there is one.
    pub resume: bool,
}

/// Told about progress; the command line draws a bar with it.
pub trait Progress {
    /// Once, before the first step.
    fn start(&mut self, _total_steps: u64, _done_steps: u64) {}
    /// After a step. The losses are still on the device.
    fn step(&mut self, _step: u64, _outcome: &Outcome, _lr: f64) {}
    /// After an epoch.
    fn epoch(&mut self, _epoch: &Epoch) {}
    /// Something that the user should know at once.
    fn warn(&mut self, _warning: &str) {}
}

/// Pre-trains an encoder and leaves its weights in the run's folder.
///
/// The weights are there from the first checkpoint on; their card says after how many epochs.
///
/// # Errors
/// Data, settings or a checkpoint that do not go together; a loss that is not finite; `stop`
/// raised: then a checkpoint has been written.
pub fn run(
    dataset: &Dataset,
    info: &RunInfo,
    folder: &RunFolder,
    keeping: Keeping,
    device: Device,
    progress: &mut dyn Progress,
    stop: &AtomicBool,
) -> Result<(), TrainError> {
    let settings = &info.settings;
    settings.check()?;
    let clips = Clips::load(
        dataset,
        &info.split,
        Part::Train,
        settings.cut(),
        settings.frames,
        settings.preprocessing,
        device,
    )?;
    let steps_per_epoch = clips.len() / settings.batch_size;
    if steps_per_epoch == 0 {
        return Err(TrainError::Setting {
            key: "--batch-size".into(),
            reason: format!(
                "{} is more than the {} training samples; an incomplete batch is dropped, so there \
                 would be no step at all",
                settings.batch_size,
                clips.len()
            ),
        });
    }
    let layout = dataset.layout();
    let mut model = AimClr::new(
        Plan::paper(layout.len()),
        &graph::adjacency(layout),
        settings.method(),
        settings.init,
        settings.seed,
        device,
    );
    let mut position = Position::default();
    if keeping.resume && folder.checkpoint().exists() {
        let before = folder.read_info()?;
        refuse_changes(&before, info)?;
        position = checkpoint::load(&folder.checkpoint(), &mut model)?;
    }
    folder.create(info)?;
    let mut log = Log::open(&folder.metrics(), position.epochs)?;
    let mut batches = Batches {
        augment: Augment::new(settings.augmentations(), layout, device),
        streams: Streams::new(settings.stream, layout, device),
        clips: &clips,
        settings,
    };
    let mut monitor = Monitor::new(settings.queue_size);
    progress.start((settings.epochs * steps_per_epoch) as u64, position.step);
    let mut saved = Instant::now();
    let mut card = card(dataset, info, clips.seconds);
    while position.epochs < settings.epochs {
        card.provenance.epochs = position.epochs;
        let epoch = position.epochs + 1;
        let lr = settings.lr_in(epoch);
        let stage = match epoch > settings.mining_epoch {
            true => Stage::Mining,
            false => Stage::Contrast,
        };
        let order = batches.order(epoch);
        while position.steps < steps_per_epoch {
            let began = Instant::now();
            let samples = &order[position.steps * settings.batch_size..][..settings.batch_size];
            let views = batches.views(samples, position.step);
            let outcome = model.step(&views, stage, lr);
            add(&mut position, &outcome, began);
            if !position.sums.loss.is_finite() {
                let loss = outcome.loss.double_value(&[]);
                return Err(TrainError::Diverged {
                    step: position.step,
                    epoch,
                    loss,
                });
            }
            position.steps += 1;
            position.step += 1;
            progress.step(position.step, &outcome, lr);
            let stopped = stop.load(Ordering::Relaxed);
            let due = keeping.every_steps > 0 && position.step.is_multiple_of(keeping.every_steps);
            if due || stopped || saved.elapsed() >= keeping.every {
                keep(folder, &model, &position, &card)?;
                saved = Instant::now();
            }
            if stopped {
                return Err(TrainError::Stopped {
                    step: position.step,
                });
            }
        }
        let done = position
            .sums
            .epoch(epoch, position.step, lr, settings.batch_size);
        log.write(&done)?;
        progress.epoch(&done);
        if let Some(warning) = monitor.watch(&done) {
            progress.warn(&warning);
        }
        position = Position {
            epochs: epoch,
            steps: 0,
            step: position.step,
            ..Default::default()
        };
    }
    card.provenance.epochs = position.epochs;
    keep(folder, &model, &position, &card)
}

/// Writes the checkpoint and, so that a run can be evaluated while it goes, the weights.
fn keep(
    folder: &RunFolder,
    model: &AimClr,
    position: &Position,
    card: &Card,
) -> Result<(), TrainError> {
    checkpoint::save(&folder.checkpoint(), model, position)?;
    let mut weights = Weights {
        path: folder.weights(),
        card: Some(card.clone()),
        ..Weights::default()
    };
    model.store(&mut weights);
    Ok(weights.write(&folder.weights())?)
}

fn refuse_changes(before: &RunInfo, now: &RunInfo) -> Result<(), TrainError> {
    let mut changes = now.settings.differences(&before.settings);
    for (key, now, before) in [
        ("data", &now.dataset, &before.dataset),
        ("split", &now.split, &before.split),
    ] {
        if now != before {
            changes.push(format!("{key} is {now}, was {before}"));
        }
    }
    match changes.is_empty() {
        true => Ok(()),
        false => Err(TrainError::Mismatch(format!(
            "--resume: the run was started with other settings: {}. Resume with the old ones, or \
             start anew in another folder",
            changes.join("; ")
        ))),
    }
}

fn add(position: &mut Position, outcome: &Outcome, began: Instant) {
    let values = Tensor::stack(
        &[
            &outcome.loss,
            &outcome.losses.contrast,
            &outcome.losses.d3m_extreme,
            &outcome.losses.d3m_dropped,
            &monitor::spread(&outcome.projections.chunk(losses::VIEWS, 0)[0]),
        ],
        0,
    );
    let values = Vec::<f32>::try_from(values.to_device(Device::Cpu)).expect("five numbers");
    let sums = &mut position.sums;
    let fields = [
        &mut sums.loss,
        &mut sums.contrast,
        &mut sums.d3m_extreme,
        &mut sums.d3m_dropped,
        &mut sums.spread,
    ];
    for (field, value) in fields.into_iter().zip(values) {
        *field += f64::from(value);
    }
    sums.steps += 1;
    sums.seconds += began.elapsed().as_secs_f64();
}

/// Makes the batches of a run.
struct Batches<'a> {
    augment: Augment,
    streams: Streams,
    clips: &'a Clips,
    settings: &'a Settings,
}

impl Batches<'_> {
    /// Order of the samples in an epoch.
    fn order(&self, epoch: usize) -> Vec<i64> {
        let mut order: Vec<i64> = (0..self.clips.len() as i64).collect();
        order.shuffle(&mut seeds::rng(
            self.settings.seed,
            Use::Shuffle,
            epoch as u64,
        ));
        order
    }

    /// The three views of some samples. Seeds torch for the whole step, dropout included.
    fn views(&mut self, samples: &[i64], step: u64) -> Views {
        let mut rng = seeds::rng(self.settings.seed, Use::Augment, step);
        seeds::seed_torch(self.settings.seed, Use::Torch, step);
        let joints = self.clips.batch(samples);
        let extreme = self.augment.extreme(&joints, &mut rng);
        let normal = self.augment.normal(&joints, &mut rng);
        let key = self.augment.normal(&joints, &mut rng);
        Views {
            normal: self.streams.of(&normal),
            extreme: self.streams.of(&extreme),
            key: self.streams.of(&key),
        }
    }
}

fn card(dataset: &Dataset, info: &RunInfo, seconds: f64) -> Card {
    let RunInfo {
        settings, split, ..
    } = info;
    let meta = dataset.meta();
    Card {
        version: card::VERSION,
        layout: dataset.layout().clone(),
        frames: settings.frames,
        bodies: meta.bodies,
        window: if settings.window > 0.0 {
            settings.window
        } else {
            seconds
        },
        streams: vec![settings.stream],
        fusion: vec![1.0],
        classes: Vec::new(),
        embedding: Plan::paper(dataset.layout().len()).hidden_dim,
        preprocessing: settings.preprocessing,
        provenance: Provenance {
            dataset: meta.name.clone(),
            license: meta.license.clone(),
            citation: meta.citation.clone(),
            split: split.clone(),
            protocol: "pretrain".into(),
            transferred_to: None,
            seed: settings.seed,
            epochs: settings.epochs,
            commit: option_env!("AIMCLR_COMMIT").map(String::from),
            metrics: Default::default(),
        },
        calibration: Calibration::default(),
    }
}
