//! `aimclr-export verify`.

use super::progress::Bar;
use crate::source::{Choices, Names, Source};
use crate::verify::{Expected, Report, Row, backends, check_pair, tolerance};
use aimclr_engine::{Backend, Device, Options};
use aimclr_model::card::{Form, Precision};
use aimclr_model::cli::Checkpoint;
use aimclr_model::onnx::ModelFile;
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Hold a model.onnx against the weights that it came from
///
/// Runs windows of many kinds (one body, two, one absent, a constant pose, a kilometre away, joints lost,
/// jumps of metres, batches of one and seven) through the graph in each engine, and compares with
/// the weights computed plainly in f64; an int8 graph, which is another function than its weights, with
/// what tract makes of it. A graph of the continual form is shown recordings of these kinds, step by
/// step, against whole ones computed plainly. Differences are absolute, or shares of the largest value
/// where that is above 1.
#[derive(Args)]
#[command(after_help = "Examples:
  aimclr-export verify model.onnx --weights runs/walk
  aimclr-export verify model.onnx --weights runs/walk --backend onnxruntime --device cuda
  aimclr-export verify model.onnx --weights runs/walk --tolerance 1e-5 --json")]
pub(super) struct VerifyArgs {
    /// The model to check
    model: PathBuf,
    /// The weights that it was exported from, in the same order
    #[arg(long, value_name = "FILE|RUN", required = true, num_args = 1..=3)]
    weights: Vec<PathBuf>,
    #[command(flatten)]
    checkpoint: Checkpoint,
    /// Engine to run it in: tract or onnxruntime; may be given twice [default: both]
    #[arg(long, value_name = "NAME")]
    backend: Vec<Backend>,
    /// Where ONNX Runtime computes: cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: Device,
    /// Threads within one run of ONNX Runtime
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Largest difference that counts as the same [default: f32 1e-4, f16 5e-3, int8 2e-2]
    #[arg(long, value_name = "X", value_parser = number)]
    tolerance: Option<f64>,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &VerifyArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let model = ModelFile::read(&args.model)?;
    let choices = Choices {
        fusion: Some(model.card.fusion.clone()),
        names: Names::of(&args.model, &model.card),
    };
    let source = Source::of(args.checkpoint.read_all(&args.weights)?, choices)?;
    // Weights without classifier are of no form.
    let form = (source.classes() == 0).then_some(model.card.form);
    let mut source = source.in_form(form)?;
    source.card.calibration = model.card.calibration.clone();
    check_pair(&model, &source)?;
    let tolerance = args.tolerance.unwrap_or(tolerance(model.card.precision));
    let expected = match model.card.precision {
        Precision::Int8 => {
            eprintln!(
                "int8: held against tract's numbers; how near it is to its weights is measured at export, \
                 with --calibrate"
            );
            Expected::by_engine(&model, Options::default())?
        }
        Precision::F32 | Precision::F16 => {
            let bar = Bar::new();
            let expected = Expected::of(&source, |share| {
                bar.at("computing what the weights give", share)
            });
            bar.finish();
            expected
        }
    };
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
            print_report(&report, model.card.form, tolerance, out)?;
        }
        reports.push(report);
    }
    let within = reports.iter().all(|report| report.within(tolerance));
    if args.json {
        #[derive(Serialize)]
        struct Verified<'a> {
            model: &'a Path,
            weights: &'a [PathBuf],
            tolerance: f64,
            within: bool,
            hosts: Vec<Report>,
        }
        let verified = Verified {
            model: &args.model,
            weights: &args.weights,
            tolerance,
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
                source.path().display(),
                tolerance
            );
            Ok(ExitCode::FAILURE)
        }
    }
}

/// A difference that can be compared with.
fn number(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err("expected a number, 0 or more".into()),
    }
}

fn print_report(report: &Report, form: Form, tolerance: f64, out: &mut dyn Write) -> Result<()> {
    let what = match form {
        Form::Windowed => "one window",
        Form::Continual => "one step",
    };
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
        "  largest difference {:.1e}, {verdict} {tolerance:e}; {what} of one body {:.2} ms (median)\n",
        report.max(),
        report.median_ms
    )?;
    Ok(())
}
