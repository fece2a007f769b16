//! Pre-training: the loop over epochs and steps.

use crate::TrainError;
use crate::aimclr::{AimClr, Outcome, Stage, Views};
use crate::augment::Augment;
use crate::best::{Best, Measure};
use crate::checkpoint::{Position, RunFolder, RunInfo};
use crate::data::Clips;
use crate::encoder::Precision;
use crate::keeping::{self, Kept};
use crate::metrics::{Epoch, Log, Sums};
use crate::monitor::Monitor;
use crate::probe::Probe;
use crate::seeds::{self, Use};
use crate::settings::Settings;
use crate::streams::Streams;
use crate::tally::Tally;
use aimclr_model::Plan;
use aimclr_model::card::{self, Calibration, Card, Provenance};
use aimclr_skeleton::dataset::{Dataset, Part};
use aimclr_skeleton::graph;
use rand::seq::SliceRandom;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tch::{Cuda, Device, Tensor};

/// How a run is kept while it goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keeping {
    /// Time between checkpoints.
    pub every: Duration,
    /// Steps between checkpoints, beside the time; 0 for none.
    pub every_steps: u64,
    /// Checkpoints that stay, the last one included.
    pub keep: usize,
    /// Epochs between [probes](crate::probe); 0 for none. With them the best epoch is the one with
    /// the best probe, without the one with the least loss in its stage.
    pub probe_every: usize,
    /// Go on from the run's checkpoint, if there is one.
    pub resume: bool,
}

/// Where a run computes.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The device.
    pub device: Device,
    /// Most bytes that the samples may take there; see [`Clips::onto`].
    pub memory: Option<u64>,
}

/// Told about progress; the command line draws a bar with it.
pub trait Progress {
    /// Something that is good to know, before the first step.
    fn tell(&mut self, _line: &str) {}
    /// Once, before the first step.
    fn start(&mut self, _total_steps: u64, _done_steps: u64) {}
    /// After a step. The losses are still on the device; says whether it has waited for one.
    fn step(&mut self, _step: u64, _outcome: &Outcome, _lr: f64) -> bool {
        false
    }
    /// After an epoch.
    fn epoch(&mut self, _epoch: &Epoch) {}
    /// Something that the user should know at once.
    fn warn(&mut self, _warning: &str) {}
}

/// Pre-trains an encoder and leaves its weights in the run's folder.
///
/// The weights are there from the first checkpoint on; their card says after how many epochs.
/// The host runs ahead of the device: it waits for results only where `progress` shows one, before
/// a checkpoint and after an epoch. On the CPU there is nothing to wait for.
///
/// # Errors
/// Data, settings or a checkpoint that do not go together; a folder that can't be written or has
/// no room; a loss that is not finite; `stop` raised: then a checkpoint has been written.
pub fn run(
    dataset: &Dataset,
    info: &RunInfo,
    folder: &RunFolder,
    keeping: Keeping,
    place: Place,
    progress: &mut dyn Progress,
    stop: &AtomicBool,
) -> Result<(), TrainError> {
    let settings = &info.settings;
    settings.check()?;
    let device = place.device;
    if device.is_cuda() {
        // All steps have the same shapes: the search for the fastest convolution pays.
        Cuda::cudnn_set_benchmark(true);
    }
    let resume = keeping.resume && keeping::any(folder);
    if resume {
        refuse_changes(&folder.read_info()?, info)?;
    }
    let made = folder.create()?;
    let mut kept = Kept::new(folder, keeping.keep);
    let prepared = prepare(dataset, info, keeping, device, &kept);
    if made && prepared.is_err() {
        // No run came of it; the error to tell is the one that there is already.
        let _ = std::fs::remove_dir(folder.path());
    }
    let (mut model, clips, probe) = prepared?;
    let steps_per_epoch = clips.len() / settings.batch_size;
    let (clips, line) = clips.onto(device, place.memory);
    progress.tell(&line);
    let mut position = Position::default();
    if resume {
        let found = kept.resume(&mut model, &mut |warning| progress.warn(warning))?;
        position = found.unwrap_or_default();
    } else {
        kept.clear()?;
    }
    folder.write_info(info)?;
    let mut log = Log::open(&folder.metrics(), position.epochs)?;
    let layout = dataset.layout();
    let mut batches = Batches {
        augment: Augment::new(settings.augmentations(), layout, device),
        streams: Streams::new(settings.stream, layout, device),
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
        let (stage, measure) = match epoch > settings.mining_epoch {
            true => (Stage::Mining, Measure::MiningLoss),
            false => (Stage::Contrast, Measure::ContrastLoss),
        };
        let order = order(clips.len(), settings.seed, epoch);
        let batch = |step: usize| {
            let samples = order.chunks_exact(settings.batch_size).nth(step);
            samples.map(|samples| clips.batch(samples))
        };
        let mut tally = Tally::new(&position.sums, device);
        let mut next = batch(position.steps);
        while let Some(joints) = next {
            let views = batches.views(&joints, position.step);
            let outcome = model.step(&views, stage, lr);
            position.steps += 1;
            position.step += 1;
            tally.add(&outcome, position.step);
            // Fetched while the device computes.
            next = batch(position.steps);
            let waited = progress.step(position.step, &outcome, lr);
            let stopped = stop.load(Ordering::Relaxed);
            let due = keeping.every_steps > 0 && position.step.is_multiple_of(keeping.every_steps);
            let save = due || stopped || saved.elapsed() >= keeping.every;
            if save || waited || device == Device::Cpu {
                position.sums = sums(&mut tally, &kept, epoch, settings)?;
            }
            if save {
                refuse_infinite(&model, &position, &kept, settings)?;
                kept.save(&model, &position, &card)?;
                saved = Instant::now();
                tally.skip_time();
            }
            if stopped {
                return Err(TrainError::Stopped {
                    step: position.step,
                    checkpoint: folder.checkpoint(),
                });
            }
        }
        let sums = sums(&mut tally, &kept, epoch, settings)?;
        let mut done = sums.epoch(epoch, position.step, lr, settings.batch_size);
        position = Position {
            epochs: epoch,
            steps: 0,
            sums: Sums::default(),
            ..position
        };
        refuse_infinite(&model, &position, &kept, settings)?;
        let measured = match &probe {
            None => Some((measure, done.loss)),
            Some(probe) if epoch.is_multiple_of(keeping.probe_every) => {
                let top1 = probe.top1(&model.query, &batches.streams, &clips);
                done.probe_top1 = Some(top1);
                Some((Measure::Probe, top1))
            }
            Some(_) => None,
        };
        let best = measured.map(|(measure, value)| Best {
            epoch,
            measure,
            value,
        });
        if let Some(best) = best.filter(|best| best.beats(position.best.as_ref())) {
            position.best = Some(best);
            let mut card = card.clone();
            card.provenance.epochs = epoch;
            let metrics = &mut card.provenance.metrics;
            metrics.insert(best.name().into(), best.value);
            kept.save_best(&model, &position, card)?;
        }
        log.write(&done)?;
        progress.epoch(&done);
        if let Some(warning) = monitor.watch(&done) {
            progress.warn(&warning);
        }
    }
    card.provenance.epochs = position.epochs;
    kept.save(&model, &position, &card)
}

/// A new model, the samples, still on the host, and the probe: all that can be found wanting before
/// the run's files are touched.
fn prepare(
    dataset: &Dataset,
    info: &RunInfo,
    keeping: Keeping,
    device: Device,
    kept: &Kept,
) -> Result<(AimClr, Clips, Option<Probe>), TrainError> {
    let settings = &info.settings;
    let layout = dataset.layout();
    let model = AimClr::new(
        Plan::paper(layout.len()),
        &graph::adjacency(layout),
        settings.method(),
        settings.init,
        settings.seed,
        device,
    );
    kept.check_space(&model)?;
    let clips = Clips::load(
        dataset,
        &info.split,
        Part::Train,
        settings.cut(),
        settings.frames,
        settings.preprocessing,
    )?;
    if clips.len() < settings.batch_size {
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
    let probe = match keeping.probe_every {
        0 => None,
        _ => Some(Probe::new(&clips.labels)?),
    };
    Ok((model, clips, probe))
}

/// Waits for the epoch's sums.
fn sums(
    tally: &mut Tally,
    kept: &Kept,
    epoch: usize,
    settings: &Settings,
) -> Result<Sums, TrainError> {
    tally
        .fetch()
        .map_err(|step| diverged(step, epoch, "the loss is", kept, settings))
}

/// A loss may be finite and its gradient not: such weights are not to be kept.
fn refuse_infinite(
    model: &AimClr,
    position: &Position,
    kept: &Kept,
    settings: &Settings,
) -> Result<(), TrainError> {
    let finite = model.query.parameters.flat.isfinite().all();
    match finite.int64_value(&[]) {
        0 => {
            // Between epochs the one that was just done counts.
            let epoch = position.epochs + usize::from(position.steps > 0);
            let what = "the weights are";
            Err(diverged(position.step, epoch, what, kept, settings))
        }
        _ => Ok(()),
    }
}

fn diverged(
    step: u64,
    epoch: usize,
    what: &'static str,
    kept: &Kept,
    settings: &Settings,
) -> TrainError {
    TrainError::Diverged {
        step,
        epoch,
        what,
        checkpoint: kept.last(),
        bf16: settings.precision == Precision::Bf16,
    }
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

/// Order of the samples in an epoch.
fn order(samples: usize, seed: u64, epoch: usize) -> Vec<i64> {
    let mut order: Vec<i64> = (0..samples as i64).collect();
    order.shuffle(&mut seeds::rng(seed, Use::Shuffle, epoch as u64));
    order
}

/// Makes the views of a run.
struct Batches<'a> {
    augment: Augment,
    streams: Streams,
    settings: &'a Settings,
}

impl Batches<'_> {
    /// The three views of some samples. Seeds torch for the whole step, dropout included.
    fn views(&mut self, joints: &Tensor, step: u64) -> Views {
        let mut rng = seeds::rng(self.settings.seed, Use::Augment, step);
        seeds::seed_torch(self.settings.seed, Use::Torch, step);
        let extreme = self.augment.extreme(joints, &mut rng);
        let normal = self.augment.normal(joints, &mut rng);
        let key = self.augment.normal(joints, &mut rng);
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
        form: Default::default(),
        precision: Default::default(),
        merged: Vec::new(),
        measured: None,
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
