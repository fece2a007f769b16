//! `aimclr-train pretrain`.

use super::configured::Configured;
use super::{Machine, named, set};
use crate::aimclr::Outcome;
use crate::augment::Preset;
use crate::checkpoint::{RunFolder, RunInfo};
use crate::config::Config;
use crate::encoder::Precision;
use crate::losses::Mining;
use crate::metrics::Epoch;
use crate::parameters::Init;
use crate::pretrain::{self, Keeping, Place, Progress};
use crate::settings::Settings;
use crate::{device, keeping};
use aimclr_skeleton::normalise::Preprocessing;
use aimclr_skeleton::{Dataset, Stream};
use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The bar's losses are fetched from the device this often.
const REFRESH: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    configured: Configured,
    /// Dataset folder.
    #[arg(long, value_name = "DATASET")]
    data: PathBuf,
    /// Run folder: settings, metrics, checkpoint and weights.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Go on from the checkpoint in the run folder.
    #[arg(long)]
    resume: bool,
    /// Write over a run that is already in the folder.
    #[arg(long, conflicts_with = "resume")]
    force: bool,
    #[command(flatten)]
    machine: Machine,
    #[command(flatten)]
    kept: Kept,
    #[command(flatten)]
    changes: Changes,
}

/// Where the samples lie, and what is kept of a run.
#[derive(Debug, Args)]
pub(super) struct Kept {
    /// Memory of the GPU, in GB, that the training samples may take; if they need more they stay in
    /// host memory and are sent batch by batch. [default: half of what is free]
    #[arg(long, value_parser = not_negative, value_name = "GB")]
    device_memory: Option<f64>,
    /// Minutes between checkpoints.
    #[arg(long, default_value_t = 5.0, value_parser = not_negative, value_name = "MINUTES")]
    checkpoint_every: f64,
    /// Steps between checkpoints, beside the minutes; 0 for none.
    #[arg(long, default_value_t = 0, value_name = "STEPS")]
    checkpoint_steps: u64,
    /// Checkpoints that stay, the last one included; older ones lie in checkpoints/.
    #[arg(long, default_value_t = 3, value_name = "K", value_parser = at_least_one)]
    keep: usize,
    /// Epochs between probes: a tenth of the training samples is classified by its nearest
    /// neighbours among the others. Needs labels that mean something; training itself uses none.
    /// best.safetensors then has the best probe, else the least loss of its stage. 0 for none.
    #[arg(long, default_value_t = 0, value_name = "EPOCHS")]
    probe_every: usize,
}

impl Kept {
    pub(super) fn keeping(&self, resume: bool) -> Keeping {
        Keeping {
            every: Duration::from_secs_f64(60.0 * self.checkpoint_every),
            every_steps: self.checkpoint_steps,
            keep: self.keep,
            probe_every: self.probe_every,
            resume,
        }
    }

    /// Bytes.
    pub(super) fn memory(&self) -> Option<u64> {
        self.device_memory.map(|gb| (gb * 1e9) as u64)
    }
}

/// What is given here wins over the configuration file; defaults are the published values.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings (defaults are the published values)")]
struct Changes {
    /// joint, motion or bone. [default: joint]
    #[arg(long)]
    stream: Option<Stream>,
    /// aimclr-1 (as published: each frame centred and turned) or clip-1 (each clip moved, turned and
    /// scaled as a whole, which keeps a body's travel and turns). [default: aimclr-1]
    #[arg(long)]
    preprocessing: Option<Preprocessing>,
    /// Frames of a sample after resampling. [default: 50]
    #[arg(long)]
    frames: Option<usize>,
    /// Cut windows of so many seconds from the recordings; without it a whole recording is one
    /// sample. Train on the windows that you will run on.
    #[arg(long, value_name = "SECONDS", requires = "hop")]
    window: Option<f64>,
    /// Seconds from one window to the next.
    #[arg(long, value_name = "SECONDS")]
    hop: Option<f64>,
    /// Passes over the training part. [default: 300]
    #[arg(long)]
    epochs: Option<usize>,
    /// Samples in a step. [default: 128]
    #[arg(long)]
    batch_size: Option<usize>,
    /// Keys in the queue; for small data take about as many as training samples.
    /// [default: 32768]
    #[arg(long)]
    queue_size: Option<usize>,
    /// Last epoch without nearest neighbours mining. [default: 150]
    #[arg(long)]
    mining_epoch: Option<usize>,
    /// Neighbours of each view that count as positives when mining. [default: 1]
    #[arg(long)]
    top: Option<usize>,
    /// Learning rate. [default: 0.1]
    #[arg(long)]
    lr: Option<f64>,
    /// Epochs after which the learning rate is divided by ten, as in 250 or 30,60.
    /// [default: 250]
    #[arg(long, value_delimiter = ',', value_name = "EPOCHS")]
    lr_steps: Option<Vec<usize>>,
    /// SGD's momentum. [default: 0.9]
    #[arg(long)]
    momentum: Option<f64>,
    /// SGD's weight decay. [default: 0.0001]
    #[arg(long)]
    weight_decay: Option<f64>,
    /// Temperature of the contrastive losses. [default: 0.07]
    #[arg(long)]
    temperature: Option<f64>,
    /// Share of the key encoder that stays in a step. [default: 0.999]
    #[arg(long)]
    key_momentum: Option<f64>,
    /// Share of activations that dropout zeroes. [default: 0.5]
    #[arg(long)]
    dropout: Option<f64>,
    /// Augmentations of the extreme view: released, paper (adds the temporal flip) or corrected.
    /// [default: released]
    #[arg(long, value_parser = named::<Preset>)]
    augment: Option<Preset>,
    /// Whether the extreme view may have left and right swapped; false for actions that differ in
    /// their side only. [default: true]
    #[arg(long)]
    spatial_flip: Option<bool>,
    /// Largest off-diagonal element of a shear; less for actions that differ in the plane in which a
    /// limb moves. [default: 0.5]
    #[arg(long)]
    shear: Option<f64>,
    /// Largest angle about the extreme view's main axis, in degrees. [default: 30]
    #[arg(long, value_name = "DEGREES")]
    rotation: Option<f64>,
    /// Whether EADM drops features: true or false. [default: true]
    #[arg(long)]
    eadm: Option<bool>,
    /// mean-of-logs (released code) or log-of-sum (paper). [default: mean-of-logs]
    #[arg(long, value_parser = named::<Mining>)]
    mining: Option<Mining>,
    /// default (PyTorch's) or released. [default: default]
    #[arg(long, value_parser = named::<Init>)]
    init: Option<Init>,
    /// f32, or bf16: faster where the processor or GPU multiplies it. [default: f32]
    #[arg(long, value_parser = named::<Precision>)]
    precision: Option<Precision>,
    /// Seed of every random number. [default: 0]
    #[arg(long)]
    seed: Option<u64>,
}

fn not_negative(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number @ 0.0..=1e6) => Ok(number),
        _ => Err("expected a number from 0 to 1000000".into()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err("expected 1 or more: the last checkpoint always stays".into()),
    }
}

impl Changes {
    fn apply(self, settings: &mut Settings) {
        set(&mut settings.stream, self.stream);
        set(&mut settings.preprocessing, self.preprocessing);
        set(&mut settings.frames, self.frames);
        set(&mut settings.window, self.window);
        set(&mut settings.hop, self.hop);
        set(&mut settings.epochs, self.epochs);
        set(&mut settings.batch_size, self.batch_size);
        set(&mut settings.queue_size, self.queue_size);
        set(&mut settings.mining_epoch, self.mining_epoch);
        set(&mut settings.top, self.top);
        set(&mut settings.lr, self.lr);
        set(&mut settings.lr_steps, self.lr_steps);
        set(&mut settings.momentum, self.momentum);
        set(&mut settings.weight_decay, self.weight_decay);
        set(&mut settings.temperature, self.temperature);
        set(&mut settings.key_momentum, self.key_momentum);
        set(&mut settings.dropout, self.dropout);
        set(&mut settings.augment, self.augment);
        set(&mut settings.spatial_flip, self.spatial_flip);
        set(&mut settings.shear, self.shear);
        set(&mut settings.rotation, self.rotation);
        set(&mut settings.eadm, self.eadm);
        set(&mut settings.mining, self.mining);
        set(&mut settings.init, self.init);
        set(&mut settings.precision, self.precision);
        set(&mut settings.seed, self.seed);
    }
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let device = arguments.machine.set_up()?;
    let folder = RunFolder::new(&arguments.out);
    let configured = &arguments.configured;
    let mut config = match arguments.resume && folder.info().exists() && configured.files.is_empty()
    {
        true => {
            let before = folder.read_info()?;
            configured.load_over(&Config {
                split: before.split,
                pretrain: before.settings,
                ..Config::default()
            })?
        }
        false => configured.load()?,
    };
    let settings = &mut config.pretrain;
    arguments.changes.apply(settings);
    settings.check()?;
    if !arguments.resume && !arguments.force && keeping::any(&folder) {
        anyhow::bail!(
            "{}: there is a run already; --resume goes on with it, --force starts anew",
            arguments.out.display()
        );
    }
    let dataset = Dataset::open(&arguments.data)?;
    config.pretrain.suit(dataset.layout())?;
    let info = RunInfo {
        dataset: dataset.meta().name.clone(),
        data: arguments.data.clone(),
        split: configured.split(&config)?.into(),
        settings: config.pretrain.clone(),
    };
    let keeping = arguments.kept.keeping(arguments.resume);
    let place = Place {
        device,
        memory: arguments.kept.memory(),
    };
    eprintln!(
        "pre-training on {} ({}), {} epochs on {}",
        info.dataset,
        info.split,
        info.settings.epochs,
        device::name(device)
    );
    let stop = Arc::new(AtomicBool::new(false));
    let raised = stop.clone();
    ctrlc::set_handler(move || raised.store(true, Ordering::Relaxed))
        .context("Ctrl-C can't be caught")?;
    let mut bar = Bar::new(info.settings.clone());
    let done = pretrain::run(&dataset, &info, &folder, keeping, place, &mut bar, &stop);
    bar.bar.finish_and_clear();
    done?;
    Ok(writeln!(
        std::io::stdout(),
        "{}",
        folder.weights().display()
    )?)
}

/// A bar on a terminal, a line an epoch elsewhere.
pub(super) struct Bar {
    bar: ProgressBar,
    settings: Settings,
    shown: Instant,
    /// Steps done since `began`, for the speed.
    steps: u64,
    began: Instant,
}

impl Bar {
    pub(super) fn new(settings: Settings) -> Self {
        let now = Instant::now();
        let bar = ProgressBar::new(0);
        Self {
            bar,
            settings,
            shown: now - REFRESH,
            steps: 0,
            began: now,
        }
    }
}

impl Progress for Bar {
    fn tell(&mut self, line: &str) {
        self.bar.suspend(|| _ = writeln!(io::stderr(), "{line}"));
    }

    fn start(&mut self, total_steps: u64, done_steps: u64) {
        let style = ProgressStyle::with_template(
            "{bar:30} {pos}/{len} steps  {msg}  {elapsed} gone, {eta} left",
        );
        if let Ok(style) = style {
            self.bar.set_style(style);
        }
        self.bar.set_length(total_steps);
        self.bar.set_position(done_steps);
        self.bar.reset_eta();
        self.began = Instant::now();
    }

    fn step(&mut self, step: u64, outcome: &Outcome, lr: f64) -> bool {
        self.steps += 1;
        if self.bar.is_hidden() || self.shown.elapsed() < REFRESH {
            return false;
        }
        self.shown = Instant::now();
        let samples = self.steps * self.settings.batch_size as u64;
        let speed = samples as f64 / self.began.elapsed().as_secs_f64();
        let loss = outcome.loss.double_value(&[]);
        self.bar.set_position(step);
        self.bar
            .set_message(format!("loss {loss:.3}  lr {lr:.3}  {speed:.0} samples/s"));
        true
    }

    fn epoch(&mut self, epoch: &Epoch) {
        let Epoch {
            loss,
            contrast,
            d3m_extreme,
            d3m_dropped,
            spread,
            lr,
            ..
        } = epoch;
        let line = format!(
            "epoch {:>3}/{}  loss {loss:.3} = contrast {contrast:.3} + d3m ({d3m_extreme:.3} + \
             {d3m_dropped:.3})/2  spread {spread:.2}  lr {lr}  {:.0} samples/s",
            epoch.epoch, self.settings.epochs, epoch.samples_per_second
        );
        let line = match epoch.probe_top1 {
            Some(top1) => format!("{line}  probe {top1:.1} %"),
            None => line,
        };
        match self.bar.is_hidden() {
            // Whoever reads the lines may have had enough; the run goes on.
            true => _ = writeln!(io::stderr(), "{line}"),
            false => self.bar.println(line),
        }
    }

    fn warn(&mut self, warning: &str) {
        self.bar
            .suspend(|| _ = writeln!(io::stderr(), "warning: {warning}"));
    }
}
