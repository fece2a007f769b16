//! `aimclr-export onnx`.

use super::progress::Bar;
use super::{output, reliability, size, split};
use crate::calibrate::Calibrated;
use crate::graph;
use crate::produce::{Data, produce};
use crate::quantise::Chosen;
use crate::source::{Choices, Names, Source};
use crate::triton;
use aimclr_model::card::{Form, Measured, Precision};
use aimclr_model::cli::Checkpoint;
use aimclr_model::onnx::ModelFile;
use aimclr_skeleton::window::Cut;
use aimclr_skeleton::{Dataset, Stream, classes};
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Write a model.onnx from trained weights
///
/// Weights come from `aimclr-train`: a run folder or its weights.safetensors, after pre-training
/// (the model then gives an embedding) or after a linear evaluation (it gives classes, too); or they
/// are a PyTorch checkpoint of AimCLR. The output appears whole or not at all.
#[derive(Args)]
#[command(after_help = "Examples:
  aimclr-export onnx --weights runs/walk --out model.onnx
  aimclr-export onnx --weights joint motion bone --out model.onnx
  aimclr-export onnx --weights linear --calibrate motions --split xsub --out model.onnx
  aimclr-export onnx --weights linear/weights.safetensors --classes names.txt --out model.onnx
  aimclr-export onnx --weights aimclr_ntu60_xview_joint_linear.pt --classes ntu60 --out ntu60.onnx")]
pub(super) struct OnnxArgs {
    /// Weights to export: run folders, .safetensors files or PyTorch checkpoints, one for each stream
    #[arg(long, value_name = "FILE|RUN", required = true, num_args = 1..=3)]
    weights: Vec<PathBuf>,
    /// Where to write the model; a file that is there is replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace the names of the classes by those of a data set, or those in a text file, one a line;
    /// classes that are given one name are merged, and their probabilities add
    #[arg(long, value_name = classes::EXPECTED)]
    classes: Option<PathBuf>,
    /// Weight of each stream's scores in the fused ones [default: joint 0.6, bone 0.6, motion 0.4]
    #[arg(long, value_name = "X", num_args = 1..=3)]
    fusion: Option<Vec<f64>>,
    /// windowed: a window at a time; continual: four frames at a time, with what is remembered as
    /// tensors in and out, for a fraction of the work and with a later answer [default: the form that
    /// the classifier was fitted in, else windowed]
    #[arg(long, value_name = "windowed|continual")]
    form: Option<Form>,
    /// In what numbers the encoders compute: f32; f16, for GPUs; int8, for processors (needs
    /// --calibrate)
    #[arg(long, value_name = "f32|f16|int8", default_value_t)]
    precision: Precision,
    /// Data set to calibrate and measure on, with the model's classes and layout: half of the test
    /// part of a split gives the temperature and the probability below which a class is "unknown",
    /// the other half how far probabilities can then be believed; accuracy before and after is
    /// measured on the whole test part, ranges of an int8 graph are chosen on the training part
    #[arg(long, value_name = "DATASET")]
    calibrate: Option<PathBuf>,
    #[command(flatten)]
    measuring: Measuring,
    #[command(flatten)]
    checkpoint: Checkpoint,
    /// Write the model into this model repository of NVIDIA's Triton server, too, by the name that
    /// --out has without its ending
    #[arg(long, value_name = "DIR")]
    triton: Option<PathBuf>,
    /// Write over a model of the same name in that repository
    #[arg(long, requires = "triton")]
    force: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// How the data set is looked at.
#[derive(Args)]
struct Measuring {
    /// Which split of it [default: the one that the model was trained on, or the only one]
    #[arg(long, value_name = "NAME", requires = "calibrate")]
    split: Option<String>,
    /// Look at windows of this length, as in training, instead of at a clip as a whole; with --hop
    #[arg(long, value_name = "SECONDS", requires_all = ["calibrate", "hop"], value_parser = seconds)]
    window: Option<f64>,
    /// From one window to the next
    #[arg(long, value_name = "SECONDS", requires = "window", value_parser = seconds)]
    hop: Option<f64>,
    /// Most windows of the training part that ranges are chosen on
    #[arg(long, value_name = "N", requires = "calibrate", default_value_t = 256,
        value_parser = clap::value_parser!(u32).range(1..))]
    samples: u32,
}

impl Measuring {
    fn cut(&self) -> Cut {
        match (self.window, self.hop) {
            (Some(window), Some(hop)) => Cut::Windows { window, hop },
            _ => Cut::Whole,
        }
    }
}

/// What a model is called in a repository.
fn name_of(out: &Path) -> String {
    let stem = out.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err("expected seconds above 0".into()),
    }
}

pub(super) fn run(args: &OnnxArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let inputs = args.weights.iter().chain(&args.classes);
    output::check(&args.out, inputs.chain(&args.calibrate))?;
    let names = args.classes.as_deref().map(Names::read).transpose()?;
    let weights = args.checkpoint.read_all(&args.weights)?;
    let fusion = args.fusion.clone();
    let mut source = Source::of(weights, Choices { fusion, names })?.in_form(args.form)?;
    if let Some(repository) = &args.triton {
        triton::check(repository, &name_of(&args.out), args.force)?;
    }
    let dataset = args.calibrate.as_deref().map(Dataset::open).transpose()?;
    let trained = source.card.provenance.split.clone();
    let data = dataset.as_ref().map(|dataset| {
        Ok::<_, anyhow::Error>(Data {
            dataset,
            split: split(dataset, args.measuring.split.as_deref(), &trained)?,
            cut: args.measuring.cut(),
            limit: args.measuring.samples as usize,
        })
    });
    let data = data.transpose()?;
    let bar = Bar::new();
    let mut progress = |what: &'static str, share: f64| bar.at(what, share);
    let produced = produce(&mut source, args.precision, data.as_ref(), &mut progress)?;
    bar.finish();
    let bytes =
        graph::write(&source, &produced.form, &args.out).context("cannot write the model")?;
    let repository = args.triton.as_deref().map(|repository| {
        let model = ModelFile::read(&args.out)?;
        triton::write(&model, repository, &name_of(&args.out), args.force)
            .context("the model is written, its place in the repository is not")
    });
    let repository = repository.transpose()?;
    #[derive(Serialize)]
    struct Written<'a> {
        path: &'a Path,
        bytes: usize,
        streams: &'a [Stream],
        embedding: usize,
        classes: usize,
        precision: Precision,
        measured: Option<&'a Measured>,
        #[serde(skip_serializing_if = "Option::is_none")]
        calibration: Option<&'a Calibrated>,
        #[serde(skip_serializing_if = "Option::is_none")]
        int8: Option<&'a Chosen>,
        #[serde(skip_serializing_if = "Option::is_none")]
        triton: Option<&'a Path>,
    }
    let written = Written {
        path: &args.out,
        bytes,
        streams: &source.card.streams,
        embedding: source.card.embedding,
        classes: source.classes(),
        precision: source.card.precision,
        measured: source.card.measured.as_ref(),
        calibration: produced.calibrated.as_ref(),
        int8: produced.chosen.as_ref(),
        triton: repository.as_deref(),
    };
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&written)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let streams: Vec<String> = written.streams.iter().map(Stream::to_string).collect();
    let classes = match written.classes {
        0 => "no classifier".into(),
        classes => match source.card.merged.len() {
            0 => format!("{classes} classes"),
            scores => format!("{classes} classes of {scores} scores"),
        },
    };
    writeln!(
        out,
        "{}: {}, embedding of {}, {classes}, {}, {}",
        args.out.display(),
        streams.join(" + "),
        written.embedding,
        written.precision,
        size(bytes as u64)
    )?;
    if let Some(folder) = written.triton {
        writeln!(out, "{}: for Triton", folder.display())?;
    }
    if let Some(chosen) = written.int8 {
        print_chosen(chosen, out)?;
    }
    if let Some(measured) = written.measured {
        for line in measured_lines(measured) {
            writeln!(out, "{line}")?;
        }
        if written.precision == Precision::Int8 && measured.ms >= measured.ms_f32 {
            eprintln!(
                "warning: bytes are no faster than f32 on this processor; they pay where it has dot \
                 products of bytes (VNNI, Arm's dotprod), and where size counts"
            );
        }
    }
    if let Some(calibrated) = written.calibration {
        reliability::print(calibrated, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print_chosen(chosen: &Chosen, out: &mut dyn Write) -> Result<()> {
    writeln!(
        out,
        "int8: {:.1} % of the work in bytes, ranges of {} % of the values, scores off by {:.2} %",
        100.0 * chosen.in_bytes,
        (1e5 * chosen.share).round() / 1e3,
        100.0 * chosen.off
    )?;
    if !chosen.kept.is_empty() {
        writeln!(out, "left in f32: {}", chosen.kept.join(", "))?;
    }
    Ok(())
}

/// What was measured, a line each.
pub(super) fn measured_lines(measured: &Measured) -> Vec<String> {
    let Measured {
        dataset,
        split,
        samples,
        ms,
        ms_f32,
        engine,
        ..
    } = measured;
    let mut lines = Vec::new();
    if let (Some(top1_f32), Some(top1), Some(agreement)) =
        (measured.top1_f32, measured.top1, measured.agreement)
    {
        lines.push(format!(
            "{dataset}, {split}, {samples} test windows: top-1 {top1_f32:.2} % in f32, {top1:.2} % as written; \
             {agreement:.2} % alike"
        ));
    }
    let [bytes_f32, bytes] = [measured.bytes_f32, measured.bytes].map(|n| size(n as u64));
    lines.push(format!(
        "one window of one body: {ms_f32:.2} ms and {bytes_f32} in f32, {ms:.2} ms and {bytes} as written \
         ({engine})"
    ));
    lines
}
