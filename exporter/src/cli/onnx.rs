//! `aimclr-export onnx`.

use super::size;
use crate::graph::{self, Form};
use crate::source::{Choices, Names, Source};
use aimclr_model::cli::Checkpoint;
use aimclr_skeleton::{Stream, classes};
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
  aimclr-export onnx --weights linear/weights.safetensors --classes names.txt --out model.onnx
  aimclr-export onnx --weights aimclr_ntu60_xview_joint_linear.pt --classes ntu60 --out ntu60.onnx")]
pub(super) struct OnnxArgs {
    /// Weights to export: run folders, .safetensors files or PyTorch checkpoints, one for each stream
    #[arg(long, value_name = "FILE|RUN", required = true, num_args = 1..=3)]
    weights: Vec<PathBuf>,
    /// Where to write the model
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace the names of the classes by those of a data set, or those in a text file, one a line
    #[arg(long, value_name = classes::EXPECTED)]
    classes: Option<PathBuf>,
    /// Weight of each stream's scores in the fused ones [default: joint 0.6, bone 0.6, motion 0.4]
    #[arg(long, value_name = "X", num_args = 1..=3)]
    fusion: Option<Vec<f64>>,
    #[command(flatten)]
    checkpoint: Checkpoint,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &OnnxArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let names = args.classes.as_deref().map(Names::read).transpose()?;
    let weights = args.checkpoint.read_all(&args.weights)?;
    let fusion = args.fusion.clone();
    let source = Source::of(weights, Choices { fusion, names })?;
    let bytes =
        graph::write(&source, &Form::single(), &args.out).context("cannot write the model")?;
    #[derive(Serialize)]
    struct Written<'a> {
        path: &'a Path,
        bytes: usize,
        streams: &'a [Stream],
        embedding: usize,
        classes: usize,
    }
    let written = Written {
        path: &args.out,
        bytes,
        streams: &source.card.streams,
        embedding: source.card.embedding,
        classes: source.classes(),
    };
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&written)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let streams: Vec<String> = written.streams.iter().map(Stream::to_string).collect();
    let classes = match written.classes {
        0 => "no classifier".into(),
        classes => format!("{classes} classes"),
    };
    writeln!(
        out,
        "{}: {}, embedding of {}, {classes}, {}",
        args.out.display(),
        streams.join(" + "),
        written.embedding,
        size(bytes as u64)
    )?;
    Ok(ExitCode::SUCCESS)
}
