//! `aimclr-export inspect`.

use super::onnx::measured_lines;
use super::picture::{WIDTH, picture};
use super::{reliability, size};
use crate::inspect::Summary;
use crate::merge::members;
use aimclr_model::Card;
use aimclr_model::card::Form;
use aimclr_model::continual::STEP;
use anyhow::Result;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Say what lies in a model.onnx or in weights
///
/// The model card, the graph's operators, and a picture of the way from joints to classes: every block
/// of each encoder with its width, frames, parameters, floating-point operations and share of the work.
#[derive(Args)]
#[command(after_help = "Examples:
  aimclr-export inspect model.onnx
  aimclr-export inspect runs/walk --json")]
pub(super) struct InspectArgs {
    /// A .onnx file, a .safetensors file or a run folder
    file: PathBuf,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &InspectArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let summary = Summary::read(&args.file)?;
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string(&summary)?)?,
        false => print_summary(&summary, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print_summary(summary: &Summary, out: &mut dyn Write) -> Result<()> {
    let mut line = |name: &str, value: String| writeln!(out, "{}", entry(name, &value));
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
    let name = &layout.name;
    let input = match card.form {
        Form::Windowed => format!(
            "(N, M, {frames}, {joints}, 3): {name} joints, at most {bodies} {}, {window:.2} s",
            if *bodies == 1 { "body" } else { "bodies" }
        ),
        Form::Continual => format!(
            "(N, {STEP}, {joints}, 3) and what is remembered: {name} joints, {frames} frames in {window:.2} s"
        ),
    };
    line("form", format!("{}, {}", card.form, card.precision))?;
    line("input", input)?;
    let streams: Vec<String> = card
        .streams
        .iter()
        .map(|stream| stream.to_string())
        .collect();
    let fused = match &card.fusion[..] {
        [_] | [] => String::new(),
        shares => {
            let shares: Vec<String> = shares.iter().map(f64::to_string).collect();
            format!("; scores fused by {}", shares.join(", "))
        }
    };
    line("streams", streams.join(", ") + &fused)?;
    line("embedding", card.embedding.to_string())?;
    let classes = match card.classes.len() {
        0 => "none: no classifier".into(),
        n => format!("{n}: {}", names(card).join(", ")),
    };
    line("classes", classes)?;
    if !card.classes.is_empty() {
        for (i, text) in reliability::lines(calibration).into_iter().enumerate() {
            line(if i == 0 { "calibration" } else { "" }, text)?;
        }
    }
    if let Some(measured) = &card.measured {
        for (i, text) in measured_lines(measured).into_iter().enumerate() {
            line(if i == 0 { "measured" } else { "" }, text)?;
        }
        if !measured.kept.is_empty() {
            line("left in f32", measured.kept.join(", "))?;
        }
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
        line("metric", format!("{name} {value:.2}"))?;
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
    line("size", format!("{} parameters", summary.parameters))?;
    writeln!(out, "\n{}", picture(summary))?;
    Ok(())
}

/// The classes, with how many scores were merged into them.
fn names(card: &Card) -> Vec<String> {
    let mut names = card.classes.clone();
    for (name, scores) in names.iter_mut().zip(members(&card.merged)) {
        if scores.len() > 1 {
            *name += &format!(" (merged of {})", scores.len());
        }
    }
    names
}

/// A name and its text, broken into lines of at most [`WIDTH`] characters.
fn entry(name: &str, text: &str) -> String {
    let indent = " ".repeat(14);
    let head = format!("{name:<14}");
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(&head)
        .subsequent_indent(&indent)
        .break_words(false);
    textwrap::fill(text, options)
}
