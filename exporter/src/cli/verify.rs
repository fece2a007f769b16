//! `aimclr-export verify`.

use super::progress::Bar;
use super::split;
use crate::samples::Samples;
use crate::source::{Choices, Names, Source};
use crate::verify::{
    BlockRow, Blocks, Expected, Report, Row, backends, check_constants, check_pair, tolerance,
    windows,
};
use crate::windows::Case;
use aimclr_engine::{Backend, Device, Options};
use aimclr_model::card::{Form, Precision};
use aimclr_model::cli::Checkpoint;
use aimclr_model::onnx::ModelFile;
use aimclr_skeleton::Dataset;
use aimclr_skeleton::cli::table::table;
use aimclr_skeleton::dataset::Part;
use aimclr_skeleton::window::Cut;
use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A single value of a block may be rounded the other way several times on its way; what is pooled at the
/// end is a mean of many.
const ROUNDINGS: f64 = 5.0;

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
  aimclr-export verify model.onnx --weights runs/walk --data data/walk --blocks
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
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// Largest difference that counts as the same [default: f32 1e-4, f16 1e-2, int8 2e-2]
    #[arg(long, value_name = "X", value_parser = number)]
    tolerance: Option<f64>,
    /// Windows of recorded people, too: of the test part of a data set with the model's layout
    #[arg(long, value_name = "DATASET")]
    data: Option<PathBuf>,
    /// Which split of it [default: the one that the model was trained on, or the only one]
    #[arg(long, value_name = "NAME", requires = "data")]
    split: Option<String>,
    /// Most windows of it
    #[arg(long, value_name = "N", requires = "data", default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..))]
    samples: u16,
    /// Compare block by block, too, to find where an engine parts from the weights or from the other
    #[arg(long)]
    blocks: bool,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
}

impl VerifyArgs {
    /// How a backend is run.
    fn options(&self, backend: Backend) -> Options {
        Options {
            backend,
            device: match backend {
                // Beside ONNX Runtime on a GPU, tract on the processor is still worth a look; on
                // its own it is asked for something that it can't do, and says so.
                Backend::Tract if self.backend.is_empty() => Device::Cpu,
                _ => self.device,
            },
            threads: usize::from(self.threads),
        }
    }

    /// Windows of every kind, and of recorded people where there is a data set.
    fn cases(&self, source: &Source) -> Result<Vec<Case>> {
        let card = &source.card;
        let mut cases = windows(card);
        if let Some(folder) = &self.data {
            let dataset = Dataset::open(folder)?;
            let split = split(&dataset, self.split.as_deref(), &card.provenance.split)?;
            let (window, limit) = (card.window, usize::from(self.samples));
            let cut = Cut::Windows {
                window,
                hop: window,
            };
            // What they show is of no account here.
            let mut nameless = source.clone();
            nameless.card.classes.clear();
            let samples =
                Samples::read(&dataset, &nameless, (split, Part::Test), cut, Some(limit))?;
            cases.push(Case::recorded(&samples, limit));
        }
        Ok(cases)
    }
}

pub(super) fn run(args: &VerifyArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let model = ModelFile::read(&args.model)?;
    let choices = Choices {
        fusion: Some(model.card.fusion.clone()),
        names: Names::of(&args.model, &model.card),
    };
    let weights = args.checkpoint.read_all(&args.weights)?;
    let streams = model.card.streams.len();
    if weights.len() != streams {
        bail!(
            "{}: its streams are {streams}, and --weights names {}; expected one for each, in its order",
            args.model.display(),
            weights.len()
        );
    }
    let source = Source::of(weights, choices)?;
    // Weights without classifier are of no form.
    let form = (source.classes() == 0).then_some(model.card.form);
    let mut source = source.in_form(form)?;
    source.card.calibration = model.card.calibration.clone();
    check_pair(&model, &source)?;
    let tolerance = args.tolerance.unwrap_or(tolerance(model.card.precision));
    let continual = model.card.form == Form::Continual;
    if continual && (args.blocks || args.data.is_some()) {
        bail!(
            "{}: --blocks and --data are for the windowed form; this is the continual one",
            args.model.display()
        );
    }
    let cases = args.cases(&source)?;
    let bar = Bar::new();
    let mut progress = |share| bar.at("computing what the weights give", share);
    let expected = match model.card.precision {
        Precision::Int8 => {
            check_constants(&model, &source)?;
            eprintln!(
                "int8: its constants are those of the weights, rounded to bytes; engines are held against \
                 tract's numbers, and how near those are to f32 is measured at export, with --calibrate"
            );
            Expected::by_engine(&model, cases.clone(), Options::default())?
        }
        Precision::F32 | Precision::F16 if continual => Expected::of(&source, &mut progress),
        Precision::F32 | Precision::F16 => {
            Expected::of_cases(&source, cases.clone(), &mut progress)
        }
    };
    let backends = backends(&args.backend);
    let engines: Vec<Options> = backends.iter().map(|b| args.options(*b)).collect();
    let blocks = args.blocks.then(|| {
        let progress = |share| bar.at("computing what each block gives", share);
        Blocks::compare(&model, &source, &cases, &engines, progress)
    });
    let blocks = blocks.transpose()?;
    let of_blocks = match model.card.precision {
        Precision::Int8 => ROUNDINGS * tolerance,
        Precision::F32 | Precision::F16 => tolerance,
    };
    bar.finish();
    let mut reports = Vec::new();
    for options in engines {
        let report = expected.verify(&model, options)?;
        if !args.json {
            print_report(&report, model.card.form, tolerance, out)?;
        }
        reports.push(report);
    }
    if let Some(blocks) = blocks.as_ref().filter(|_| !args.json) {
        print_blocks(blocks, of_blocks, out)?;
    }
    let within = reports.iter().all(|report| report.within(tolerance))
        && blocks.iter().all(|blocks| blocks.within(of_blocks));
    if args.json {
        #[derive(Serialize)]
        struct Verified<'a> {
            model: &'a Path,
            weights: &'a [PathBuf],
            tolerance: f64,
            within: bool,
            hosts: Vec<Report>,
            #[serde(skip_serializing_if = "Option::is_none")]
            blocks: Option<Blocks>,
        }
        let verified = Verified {
            model: &args.model,
            weights: &args.weights,
            tolerance,
            within,
            hosts: reports,
            blocks,
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
        write!(
            out,
            "{:>14}{:>11}{:>13}{:>10}",
            "logits max", "mean", "probab. max", "top-1"
        )?;
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
        if let (Some(logits), Some(probabilities), Some(agree)) =
            (row.logits, row.probabilities, row.top1_agree)
        {
            let (agree, probabilities) = (format!("{agree}/{n}"), probabilities.max);
            write!(
                out,
                "{:>14.1e}{:>11.1e}{probabilities:>13.1e}{agree:>10}",
                logits.max, logits.mean
            )?;
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

fn print_blocks(blocks: &Blocks, tolerance: f64, out: &mut dyn Write) -> Result<()> {
    let Blocks {
        against,
        backends,
        bodies,
        rows,
    } = blocks;
    writeln!(
        out,
        "block by block, largest and mean difference from what {} {bodies} bodies",
        match &against[..] {
            "weights" => "the weights give,".to_string(),
            engine => format!("{engine} gives,"),
        }
    )?;
    let mut head = vec!["stream".to_string(), "place".into(), " C × T × V".into()];
    for backend in backends {
        head.extend([format!(" {backend}"), " mean".into()]);
    }
    if rows.iter().any(|row| row.apart.is_some()) {
        head.extend([" apart".into(), " mean".into()]);
    }
    head.push(String::new());
    let mut parted = Vec::new();
    let mut lines = Vec::new();
    for row in rows {
        let BlockRow {
            stream,
            place,
            shape: [channels, frames, joints],
            engines,
            apart,
        } = row;
        let mut line = vec![
            stream.to_string(),
            place.clone(),
            format!("{channels} × {frames} × {joints}"),
        ];
        for difference in engines.iter().chain(apart) {
            line.extend([difference.max, difference.mean].map(|x| format!("{x:.1e}")));
        }
        if !row.within(tolerance) && !parted.contains(stream) {
            parted.push(*stream);
            line.push(format!("◀ first above {tolerance:e}"));
        }
        lines.push(line);
    }
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    writeln!(out, "{}", table(&head, &lines))?;
    Ok(())
}
