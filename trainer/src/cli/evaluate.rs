//! `aimclr-train evaluate knn|linear|semi|finetune`.

use super::configured::Configured;
use super::{Machine, result, set};
use crate::checkpoint::RunFolder;
use crate::config::Config;
use crate::data::Cut;
use crate::evaluate::settings::Schedule;
use crate::evaluate::{Epoch, Kind, Protocol as Measuring, Scaling, Select, Trial};
use aimclr_model::card::Form;
use aimclr_model::cli::Checkpoint;
use aimclr_model::plan::Pooled;
use aimclr_skeleton::Dataset;
use anyhow::{Result, ensure};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use std::cell::Cell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(Debug, Subcommand)]
pub(super) enum Protocol {
    /// k nearest neighbours in the space of embeddings; nothing is trained.
    Knn(Knn),
    /// A linear classifier on the frozen encoder; --out gets weights for the exporter.
    #[command(after_help = SELECTION)]
    Linear(Linear),
    /// Encoder and classifier trained together on a share of the labels (--share 0.1: 10 %).
    #[command(after_help = SELECTION)]
    Semi(Supervised),
    /// Encoder and classifier trained together on all labels.
    #[command(after_help = SELECTION)]
    Finetune(Supervised),
}

const SELECTION: &str = "\
How the model is chosen: --select validation (default) holds a share of each class's labelled samples
out of the training part and takes the epoch that is best on them; last takes the last epoch; test
takes the epoch that is best on the test part, as published numbers are chosen. That flatters, and
the result says so.

Any other data set of the same layout may be given with --data: transfer.";

#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    configured: Configured,
    /// Dataset folder.
    #[arg(long, value_name = "DATASET")]
    data: PathBuf,
    /// The encoder: a run folder, a .safetensors file or a PyTorch checkpoint.
    #[arg(long, value_name = "RUN|FILE")]
    weights: PathBuf,
    #[command(flatten)]
    checkpoint: Checkpoint,
    /// Folder for result.json, scores.safetensors (for `fuse` and `report`) and, of a trained
    /// protocol, weights.safetensors (for the exporter), metrics.jsonl and labelled.txt.
    #[arg(long, value_name = "RESULT")]
    out: Option<PathBuf>,
    /// Windows of so many seconds; as in pre-training if --weights is a run folder.
    #[arg(long, value_name = "SECONDS", requires = "hop")]
    window: Option<f64>,
    /// Seconds from one window to the next.
    #[arg(long, value_name = "SECONDS", requires = "window")]
    hop: Option<f64>,
    /// Take whole sequences, though pre-training cut windows.
    #[arg(long, conflicts_with = "window")]
    whole: bool,
    #[command(flatten)]
    machine: Machine,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// What is compared or classified.
#[derive(Debug, Args)]
struct Space {
    /// Blocks whose output is pooled into the embedding: last (as published) or every, which keeps
    /// what the later ones have learnt to overlook. [default: last]
    #[arg(long, value_parser = super::named::<Pooled>)]
    pooled: Option<Pooled>,
    /// none (as published), standardise (each dimension to mean 0 and deviation 1) or whiten (the
    /// covariance to the identity): what tells similar actions apart often has little variance. A
    /// linear classifier takes it up; give it a lower --lr, such as 0.1. [default: none]
    #[arg(long, value_parser = super::named::<Scaling>)]
    scaling: Option<Scaling>,
    /// windowed, or continual: what the encoder makes of long recordings a few frames at a time. The
    /// classifier is then for `aimclr-export onnx --form continual` alone.
    #[arg(long, value_name = "windowed|continual", default_value_t)]
    form: Form,
}

#[derive(Debug, Args)]
pub(super) struct Knn {
    #[command(flatten)]
    common: Common,
    /// Numbers of neighbours that vote; the first one's result is the protocol's.
    /// [default: 20,1,10,40]
    #[arg(long, value_delimiter = ',')]
    k: Vec<usize>,
    #[command(flatten)]
    space: Space,
}

/// What is given here wins over the configuration file; defaults are the published values.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings (defaults are the published values)")]
struct Training {
    /// Passes over the labelled samples.
    #[arg(long)]
    epochs: Option<usize>,
    /// Samples in a step.
    #[arg(long)]
    batch_size: Option<usize>,
    /// Learning rate.
    #[arg(long)]
    lr: Option<f64>,
    /// Epochs after which the learning rate is divided by ten, as in 50,70.
    #[arg(long, value_delimiter = ',', value_name = "EPOCHS")]
    lr_steps: Option<Vec<usize>>,
    /// Weight decay.
    #[arg(long)]
    weight_decay: Option<f64>,
    /// Share of each class's training samples whose labels are used: round(share · n), at least one.
    #[arg(long)]
    share: Option<f64>,
    /// validation, last or test: see below. [default: validation]
    #[arg(long, value_parser = super::named::<Select>)]
    select: Option<Select>,
    /// Share of each class's labelled samples that --select validation holds out. [default: 0.1]
    #[arg(long, value_name = "SHARE")]
    validation: Option<f64>,
    /// Seed of first values, order and choice of samples.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Repeat with so many seeds from --seed on, and give mean and deviation.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
}

#[derive(Debug, Args)]
pub(super) struct Linear {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    training: Training,
    #[command(flatten)]
    space: Space,
}

#[derive(Debug, Args)]
pub(super) struct Supervised {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    training: Training,
    /// Keep batch norms' statistics and drop nothing out while training, as the released code does
    /// when fine-tuning. [default: true for finetune, false for semi]
    #[arg(long)]
    freeze_norm: Option<bool>,
    /// Crop and shear samples as pre-training's normal view is. [default: false]
    #[arg(long)]
    augment: Option<bool>,
}

impl Training {
    fn apply(&self, schedule: &mut Schedule) {
        set(&mut schedule.epochs, self.epochs);
        set(&mut schedule.batch_size, self.batch_size);
        set(&mut schedule.lr, self.lr);
        set(&mut schedule.lr_steps, self.lr_steps.clone());
        set(&mut schedule.weight_decay, self.weight_decay);
        set(&mut schedule.share, self.share);
        set(&mut schedule.select, self.select);
        set(&mut schedule.validation, self.validation);
    }
}

pub(super) fn run(protocol: Protocol) -> Result<()> {
    match protocol {
        Protocol::Knn(Knn { common, k, space }) => {
            let mut config = common.configured.load()?;
            if !k.is_empty() {
                config.knn.k = k;
            }
            set(&mut config.knn.pooled, space.pooled);
            set(&mut config.knn.scaling, space.scaling);
            measure(&common, &config, (Kind::Knn, space.form), 0, 1)
        }
        Protocol::Linear(arguments) => {
            let (common, training) = (arguments.common, arguments.training);
            let mut config = common.configured.load()?;
            training.apply(&mut config.linear.schedule);
            set(&mut config.linear.pooled, arguments.space.pooled);
            set(&mut config.linear.scaling, arguments.space.scaling);
            measure(
                &common,
                &config,
                (Kind::Linear, arguments.space.form),
                training.seed,
                training.seeds,
            )
        }
        Protocol::Semi(arguments) => supervised(arguments, Kind::Semi),
        Protocol::Finetune(arguments) => supervised(arguments, Kind::Finetune),
    }
}

fn supervised(arguments: Supervised, kind: Kind) -> Result<()> {
    let (common, training) = (arguments.common, arguments.training);
    let mut config = common.configured.load()?;
    let settings = match kind {
        Kind::Semi => &mut config.semi.0,
        _ => &mut config.finetune,
    };
    training.apply(&mut settings.schedule);
    set(&mut settings.freeze_norm, arguments.freeze_norm);
    set(&mut settings.augment, arguments.augment);
    let what = (kind, Form::Windowed);
    measure(&common, &config, what, training.seed, training.seeds)
}

fn measure(
    common: &Common,
    config: &Config,
    (kind, form): (Kind, Form),
    seed: u64,
    seeds: u64,
) -> Result<()> {
    let device = common.machine.set_up()?;
    let split = common.configured.split(config)?;
    let dataset = Dataset::open(&common.data)?;
    let weights = common.checkpoint.read(&common.weights)?;
    let trial = match form {
        Form::Windowed => Trial::new(&dataset, split, &weights, cut(common)?, device)?,
        Form::Continual => Trial::continual(&dataset, split, &weights, cut(common)?, device)?,
    };
    let protocol = Measuring { kind, share: None };
    let bar = Bar::new(protocol);
    let epoch = &mut |seed, epoch: &Epoch| bar.epoch(seed, epoch);
    let measured = protocol.run_seeds(&trial, config, seed, seeds, epoch)?;
    bar.finish();
    if let Some(out) = &common.out {
        measured.write(out)?;
        if measured.weights.is_some() {
            let path = out.join("weights.safetensors");
            eprintln!("encoder and classifier written to {}", path.display());
        }
    }
    result::print(&measured.result, common.json)
}

/// Windows as asked for, else as in the run whose weights are measured.
fn cut(common: &Common) -> Result<Cut> {
    if let (Some(window), Some(hop)) = (common.window, common.hop) {
        ensure!(
            window > 0.0 && hop > 0.0,
            "--window, --hop: expected seconds above 0"
        );
        return Ok(Cut::Windows { window, hop });
    }
    let run = RunFolder::new(&common.weights);
    match run.info().exists() && !common.whole {
        true => Ok(run.read_info()?.settings.cut()),
        false => Ok(Cut::Whole),
    }
}

/// Seconds between lines where there is no terminal to show every epoch on.
const BETWEEN_LINES: Duration = Duration::from_secs(30);

/// Shows the epochs of a protocol.
pub(super) struct Bar {
    bar: ProgressBar,
    told: Cell<Instant>,
}

impl Bar {
    pub(super) fn new(protocol: Measuring) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}  {msg}  {elapsed} gone")
        {
            bar.set_style(style);
        }
        bar.set_prefix(protocol.to_string());
        Self {
            bar,
            told: Cell::new(Instant::now()),
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    pub(super) fn epoch(&self, seed: u64, epoch: &Epoch) {
        let Epoch {
            epoch, loss, lr, ..
        } = epoch;
        let message = format!("seed {seed}  epoch {epoch}  loss {loss:.3}  lr {lr}");
        if self.bar.is_hidden() && self.told.get().elapsed() >= BETWEEN_LINES {
            eprintln!("{}  {message}", self.bar.prefix());
            self.told.set(Instant::now());
        }
        self.bar.set_message(message);
        self.bar.tick();
    }
}
