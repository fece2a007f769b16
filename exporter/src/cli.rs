//! The command line of `aimclr-export`.

use crate::graph;
use crate::inspect::Summary;
use crate::source::{Names, Source};
use crate::verify::{Expected, Report, Row, TOLERANCE, backends, check_pair};
use aimclr_engine::{Backend, Device, Options};
use aimclr_model::onnx::ModelFile;
use aimclr_model::{Card, pytorch};
use aimclr_skeleton::Stream;
use aimclr_skeleton::cli::exit_code;
use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Turn trained AimCLR weights into a model.onnx that runs anywhere
///
/// The file holds everything between raw joint positions and class probabilities, normalising
/// included, and the model card: a runtime needs nothing else.
#[derive(Parser)]
#[command(
    name = "aimclr-export",
    version,
    after_help = "Examples:
  aimclr-export onnx --weights runs/walk --out model.onnx
  aimclr-export verify model.onnx --weights runs/walk
  aimclr-export inspect model.onnx

Exit code: 0 done, 1 failed or not within the tolerance, 2 wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Onnx(OnnxArgs),
    Verify(VerifyArgs),
    Inspect(InspectArgs),
}

/// Write a model.onnx from trained weights
///
/// Weights come from `aimclr-train`: a run folder or its weights.safetensors, after pre-training
/// (the model then gives an embedding) or after a linear evaluation (it gives classes, too). The
/// output appears whole or not at all.
#[derive(Args)]
#[command(after_help = "Examples:
  aimclr-export onnx --weights runs/walk --out model.onnx
  aimclr-export onnx --weights linear/weights.safetensors --classes names.txt --out model.onnx
  aimclr-export onnx --weights aimclr_ntu60_xview_joint_linear.pt --classes ntu60 --out ntu60.onnx")]
struct OnnxArgs {
    /// Weights to export: a .safetensors file or a run folder
    #[arg(long, value_name = "FILE|RUN")]
    weights: PathBuf,
    /// Where to write the model
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace the names of the classes by those of a data set, or those in a text file, one a line
    #[arg(long, value_name = "ntu60|ntu120|pku-mmd|FILE")]
    classes: Option<PathBuf>,
    /// Of a PyTorch checkpoint: which stream's encoder is taken, or was trained on; joint, motion or
    /// bone [default: joint]
    #[arg(long, value_name = "STREAM")]
    stream: Option<Stream>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Hold a model.onnx against the weights that it came from
///
/// Runs windows of many kinds (one body, two, one absent, a constant pose, half a kilometre away,
/// jumps of metres, batches of one and seven) through the graph in each engine, and compares with
/// the weights computed plainly in f64. Differences are absolute, or shares of the largest value
/// where that is above 1.
#[derive(Args)]
#[command(after_help = "Examples:
  aimclr-export verify model.onnx --weights runs/walk
  aimclr-export verify model.onnx --weights runs/walk --backend onnxruntime --device cuda
  aimclr-export verify model.onnx --weights runs/walk --tolerance 1e-5 --json")]
struct VerifyArgs {
    /// The model to check
    model: PathBuf,
    /// The weights that it was exported from: a .safetensors file or a run folder
    #[arg(long, value_name = "FILE|RUN")]
    weights: PathBuf,
    /// Engine to run it in: tract or onnxruntime; may be given twice [default: both]
    #[arg(long, value_name = "NAME")]
    backend: Vec<Backend>,
    /// Where ONNX Runtime computes: cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: Device,
    /// Threads within one run of ONNX Runtime
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Largest difference that counts as the same
    #[arg(long, value_name = "X", default_value_t = TOLERANCE, value_parser = tolerance)]
    tolerance: f64,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
}

/// Say what lies in a model.onnx or in weights
///
/// The model card, the encoder's blocks with their parameters and multiply-accumulates, and the
/// graph's operators.
#[derive(Args)]
#[command(after_help = "Examples:
  aimclr-export inspect model.onnx
  aimclr-export inspect runs/walk --json")]
struct InspectArgs {
    /// A .onnx file, a .safetensors file or a run folder
    file: PathBuf,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = std::io::stdout().lock();
    let result = match &cli.command {
        Command::Onnx(args) => onnx(args, &mut out),
        Command::Verify(args) => verify(args, &mut out),
        Command::Inspect(args) => inspect(args, &mut out),
    };
    exit_code(result)
}

fn onnx(args: &OnnxArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let names = args.classes.as_deref().map(Names::named).transpose()?;
    let source = source_of(args, names.as_ref())?;
    let bytes = graph::write(&source, &args.out).context("cannot write the model")?;
    #[derive(Serialize)]
    struct Written<'a> {
        path: &'a Path,
        bytes: usize,
        stream: String,
        embedding: usize,
        classes: usize,
    }
    let written = Written {
        path: &args.out,
        bytes,
        stream: source.stream.to_string(),
        embedding: source.card.embedding,
        classes: source.classes(),
    };
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&written)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let classes = match written.classes {
        0 => "no classifier".into(),
        classes => format!("{classes} classes"),
    };
    writeln!(
        out,
        "{}: {} stream, embedding of {}, {classes}, {}",
        args.out.display(),
        written.stream,
        written.embedding,
        size(bytes as u64)
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Reads the weights; what of a PyTorch checkpoint has no place is told.
fn source_of(args: &OnnxArgs, names: Option<&Names>) -> Result<Source> {
    if !pytorch::is_checkpoint_file(&args.weights) {
        ensure!(
            args.stream.is_none(),
            "--stream: {} is no PyTorch checkpoint; its card says the stream",
            args.weights.display()
        );
        return Ok(Source::read(&args.weights, names)?);
    }
    let options = pytorch::Options {
        stream: args.stream,
        classes: None,
    };
    let imported = pytorch::import(&args.weights, &options)?;
    for pytorch::Unplaced { name, reason } in &imported.unplaced {
        eprintln!("not placed: {name}: {reason}");
    }
    Ok(Source::of(imported.weights, names)?)
}

fn verify(args: &VerifyArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let model = ModelFile::read(&args.model)?;
    let source = Source::read(&args.weights, None)?;
    check_pair(&model, &source)?;
    let bar = progress();
    let expected = Expected::of(&source, |share| bar.set_position((share * 100.0) as u64));
    bar.finish_and_clear();
    let mut reports = Vec::new();
    for backend in backends(&args.backend) {
        let options = Options {
            backend,
            device: match backend {
                // Beside ONNX Runtime on a GPU, tract on the processor is still worth a look; on
                // its own it is asked for something that it can't do, and says so.
                Backend::Tract if args.backend.is_empty() => Device::Cpu,
                _ => args.device,
            },
            threads: args.threads,
        };
        let report = expected.verify(&model, options)?;
        if !args.json {
            print_report(&report, args.tolerance, out)?;
        }
        reports.push(report);
    }
    let within = reports.iter().all(|report| report.within(args.tolerance));
    if args.json {
        #[derive(Serialize)]
        struct Verified<'a> {
            model: &'a Path,
            weights: &'a Path,
            tolerance: f64,
            within: bool,
            hosts: Vec<Report>,
        }
        let verified = Verified {
            model: &args.model,
            weights: &source.path,
            tolerance: args.tolerance,
            within,
            hosts: reports,
        };
        writeln!(out, "{}", serde_json::to_string(&verified)?)?;
    }
    match within {
        true => Ok(ExitCode::SUCCESS),
        false => {
            eprintln!(
                "error: {}: not what {} gives: a difference is above {:e}",
                args.model.display(),
                source.path.display(),
                args.tolerance
            );
            Ok(ExitCode::FAILURE)
        }
    }
}

/// A difference that can be compared with.
fn tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err("expected a number, 0 or more".into()),
    }
}

fn print_report(report: &Report, tolerance: f64, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "{}", report.description)?;
    let classifier = report.rows.iter().any(|row| row.logits.is_some());
    write!(
        out,
        "  {:<26}{:>14}{:>11}",
        "windows", "embedding max", "mean"
    )?;
    if classifier {
        write!(out, "{:>14}{:>11}{:>8}", "logits max", "mean", "top-1")?;
    }
    writeln!(out)?;
    for row in &report.rows {
        let Row {
            windows,
            n,
            embedding,
            ..
        } = row;
        write!(
            out,
            "  {windows:<26}{:>14.1e}{:>11.1e}",
            embedding.max, embedding.mean
        )?;
        if let (Some(logits), Some(agree)) = (row.logits, row.top1_agree) {
            let agree = format!("{agree}/{n}");
            write!(out, "{:>14.1e}{:>11.1e}{agree:>8}", logits.max, logits.mean)?;
        }
        writeln!(out)?;
    }
    let verdict = match report.within(tolerance) {
        true => "within",
        false => "NOT within",
    };
    writeln!(
        out,
        "  largest difference {:.1e}, {verdict} {tolerance:e}; one window of one body {:.2} ms (median)\n",
        report.max(),
        report.median_ms
    )?;
    Ok(())
}

fn inspect(args: &InspectArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let summary = Summary::read(&args.file)?;
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string(&summary)?)?,
        false => print_summary(&summary, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print_summary(summary: &Summary, out: &mut dyn Write) -> Result<()> {
    let mut line = |name: &str, value: String| writeln!(out, "{name:<14}{value}");
    let card = &summary.card;
    line(
        "file",
        format!(
            "{} ({}, {})",
            summary.path.display(),
            summary.format,
            size(summary.bytes)
        ),
    )?;
    let Card {
        layout,
        frames,
        bodies,
        window,
        calibration,
        provenance,
        ..
    } = card;
    let joints = layout.len();
    line(
        "input",
        format!(
            "(N, M, {frames}, {joints}, 3): {} joints, up to {bodies} bodies, {window:.2} s",
            layout.name
        ),
    )?;
    let streams: Vec<String> = card
        .streams
        .iter()
        .map(|stream| stream.to_string())
        .collect();
    line("streams", streams.join(", "))?;
    line("embedding", card.embedding.to_string())?;
    let classes = match card.classes.len() {
        0 => "none: no classifier".into(),
        n => format!("{n}: {}", card.classes.join(", ")),
    };
    line("classes", classes)?;
    if !card.classes.is_empty() {
        let (t, unknown) = (calibration.temperature, calibration.unknown_below);
        line(
            "calibration",
            format!("temperature {t}, unknown below {unknown}"),
        )?;
    }
    line("preprocessing", card.preprocessing.to_string())?;
    let split = [&provenance.dataset, &provenance.split, &provenance.protocol];
    let split: Vec<&str> = split
        .iter()
        .map(|s| s.as_str())
        .filter(|s| !s.is_empty())
        .collect();
    line(
        "trained on",
        format!(
            "{}, {} epochs, seed {}",
            split.join(", "),
            provenance.epochs,
            provenance.seed
        ),
    )?;
    for (name, text) in [
        ("licence", &provenance.license),
        ("citation", &provenance.citation),
    ] {
        if !text.is_empty() {
            line(name, text.clone())?;
        }
    }
    if let Some(commit) = &provenance.commit {
        line("commit", commit.clone())?;
    }
    for (name, value) in &provenance.metrics {
        line("metric", format!("{name} {value}"))?;
    }
    if let Some(graph) = &summary.graph {
        let operators = graph
            .operators
            .iter()
            .map(|(name, n)| format!("{name} ×{n}"));
        let operators: Vec<String> = operators.collect();
        line(
            "graph",
            format!(
                "opset {}, IR {}, by {}",
                graph.opset, graph.ir_version, graph.producer
            ),
        )?;
        line("operators", operators.join(", "))?;
    }
    let macs = summary.macs as f64 / 1e6;
    line(
        "size",
        format!(
            "{} parameters, {macs:.1} million multiply-accumulates a body",
            summary.parameters
        ),
    )?;
    if !summary.blocks.is_empty() {
        writeln!(
            out,
            "\n{:>5}{:>12}{:>8}{:>12}{:>12}",
            "block", "channels", "stride", "parameters", "MMACs"
        )?;
    }
    for (i, block) in summary.blocks.iter().enumerate() {
        let channels = format!("{} → {}", block.input, block.output);
        let macs = block.macs as f64 / 1e6;
        writeln!(
            out,
            "{i:>5}{channels:>12}{:>8}{:>12}{macs:>12.2}",
            block.stride, block.parameters
        )?;
    }
    Ok(())
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.2} MB", bytes as f64 / 1e6),
    }
}

/// A bar on a terminal, nothing in a pipe.
fn progress() -> ProgressBar {
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let style =
        ProgressStyle::with_template("computing what the weights give {wide_bar} {percent}%");
    let bar = ProgressBar::with_draw_target(Some(100), target);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
