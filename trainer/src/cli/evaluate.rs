//! `aimclr-train evaluate knn|linear`.

use crate::checkpoint::RunFolder;
use crate::data::Cut;
use crate::device;
use crate::evaluate::{self, Features, Result as Measured, knn, linear};
use aimclr_model::Weights;
use aimclr_skeleton::Dataset;
use aimclr_skeleton::files::write_atomically;
use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum Protocol {
    /// k nearest neighbours in the space of embeddings; nothing is trained.
    Knn(Knn),
    /// A linear classifier on the frozen encoder; --out gets weights for the exporter.
    Linear(Linear),
}

#[derive(Debug, Args)]
struct Common {
    /// Dataset folder.
    #[arg(long, value_name = "DATASET")]
    data: PathBuf,
    /// Split: its training part is the bank or trains the classifier, its test part is measured.
    #[arg(long, value_name = "NAME")]
    split: String,
    /// Run folder or .safetensors file of the encoder.
    #[arg(long, value_name = "RUN|FILE")]
    weights: PathBuf,
    /// Folder for result.json, and for the classifier's weights.safetensors.
    #[arg(long, value_name = "RESULT")]
    out: Option<PathBuf>,
    /// Windows of so many seconds; as in pre-training if --weights is a run folder.
    #[arg(long, value_name = "SECONDS", requires = "hop")]
    window: Option<f64>,
    /// Seconds from one window to the next.
    #[arg(long, value_name = "SECONDS", requires = "window")]
    hop: Option<f64>,
    /// auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Threads of torch on the CPU; all cores if not given.
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    threads: Option<i32>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Knn {
    #[command(flatten)]
    common: Common,
    /// Neighbours that vote.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..))]
    k: i64,
}

#[derive(Debug, Args)]
pub(super) struct Linear {
    #[command(flatten)]
    common: Common,
    /// Passes over the training part.
    #[arg(long, default_value_t = linear::Settings::default().epochs)]
    epochs: usize,
    /// Samples in a step.
    #[arg(long, default_value_t = linear::Settings::default().batch_size)]
    batch_size: usize,
    /// Learning rate.
    #[arg(long, default_value_t = linear::Settings::default().lr)]
    lr: f64,
    /// Epochs after which the learning rate is divided by ten.
    #[arg(long, value_delimiter = ',', default_values_t = linear::Settings::default().lr_steps)]
    lr_steps: Vec<usize>,
    /// Weight decay.
    #[arg(long, default_value_t = linear::Settings::default().weight_decay)]
    weight_decay: f64,
    /// Bring embeddings to mean 0 and deviation 1 first; for encoders whose embeddings are small or
    /// all alike. Take a lower --lr with it, such as 0.1.
    #[arg(long)]
    standardise: bool,
    /// Seed of first values and order.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

pub(super) fn run(protocol: Protocol) -> Result<()> {
    match protocol {
        Protocol::Knn(arguments) => {
            let (features, classes) = features(&arguments.common)?;
            let result = knn::evaluate(&features, arguments.k, &classes);
            if let Some(out) = &arguments.common.out {
                write_result(out, &result)?;
            }
            print(&result, arguments.common.json)
        }
        Protocol::Linear(arguments) => run_linear(arguments),
    }
}

fn run_linear(arguments: Linear) -> Result<()> {
    let Linear {
        common,
        epochs,
        batch_size,
        lr,
        lr_steps,
        weight_decay,
        standardise,
        seed,
    } = arguments;
    ensure!(batch_size > 0, "--batch-size: expected at least 1");
    let settings = linear::Settings {
        epochs,
        batch_size,
        lr,
        lr_steps,
        weight_decay,
        standardise,
        seed,
    };
    let (features, classes) = features(&common)?;
    let (result, classifier) = linear::evaluate(&features, &classes, &settings);
    if let Some(out) = &common.out {
        write_result(out, &result)?;
        let path = out.join("weights.safetensors");
        linear::weights(&features, &classifier, &classes, &result).write(&path)?;
        eprintln!("encoder and classifier written to {}", path.display());
    }
    print(&result, common.json)
}

fn features(common: &Common) -> Result<(Features, Vec<String>)> {
    super::use_threads(common.threads);
    let device = device::parse(&common.device)?;
    let dataset = Dataset::open(&common.data)?;
    let weights = Weights::read(&common.weights)?;
    let cut = cut(common)?;
    let features = evaluate::features(&dataset, &common.split, &weights, cut, device)?;
    Ok((features, dataset.meta().classes.clone()))
}

/// The windows asked for, else those of the run, else whole sequences.
fn cut(common: &Common) -> Result<Cut> {
    if let (Some(window), Some(hop)) = (common.window, common.hop) {
        ensure!(
            window > 0.0 && hop > 0.0,
            "--window, --hop: expected seconds above 0"
        );
        return Ok(Cut::Windows { window, hop });
    }
    let run = RunFolder::new(&common.weights);
    match run.info().exists() {
        true => Ok(run.read_info()?.settings.cut()),
        false => Ok(Cut::Whole),
    }
}

fn write_result(out: &Path, result: &Measured) -> Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("{}", out.display()))?;
    let path = out.join("result.json");
    let text = serde_json::to_string_pretty(result)?;
    write_atomically(&path, |file| file.write_all(text.as_bytes()))
        .with_context(|| format!("{}", path.display()))
}

fn print(result: &Measured, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string(result)?)?;
        return Ok(());
    }
    writeln!(out, "{:<28} {:>8}", "protocol", result.protocol)?;
    writeln!(out, "{:<28} {:>8}", "training samples", result.training)?;
    writeln!(out, "{:<28} {:>8}", "test samples", result.samples)?;
    writeln!(out, "{:<28} {:>7.2}%", "top-1", result.top1)?;
    writeln!(out, "{:<28} {:>7.2}%", "top-5", result.top5)?;
    for (name, value) in &result.further {
        writeln!(out, "{name:<28} {value:>7.2}%")?;
    }
    writeln!(out)?;
    let width = result
        .per_class
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    for (class, share) in &result.per_class {
        match share {
            Some(share) => writeln!(out, "{class:<width$} {share:>7.2}%")?,
            None => writeln!(out, "{class:<width$}       –")?,
        }
    }
    Ok(())
}
