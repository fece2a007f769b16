//! `aimclr-export onnx`.

use super::size;
use crate::graph;
use crate::source::{Names, Source};
use aimclr_model::cli::Checkpoint;
use aimclr_skeleton::classes;
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
  aimclr-export onnx --weights linear/weights.safetensors --classes names.txt --out model.onnx
  aimclr-export onnx --weights aimclr_ntu60_xview_joint_linear.pt --classes ntu60 --out ntu60.onnx")]
pub(super) struct OnnxArgs {
    /// Weights to export: a run folder, a .safetensors file or a PyTorch checkpoint
    #[arg(long, value_name = "FILE|RUN")]
    weights: PathBuf,
    /// Where to write the model
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace the names of the classes by those of a data set, or those in a text file, one a line
    #[arg(long, value_name = classes::EXPECTED)]
    classes: Option<PathBuf>,
    #[command(flatten)]
    checkpoint: Checkpoint,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &OnnxArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let names = args.classes.as_deref().map(Names::read).transpose()?;
    let weights = args.checkpoint.read(&args.weights)?;
    let source = Source::of(weights, names.as_ref())?;
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
