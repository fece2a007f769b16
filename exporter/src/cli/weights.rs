//! `aimclr-export weights`.

use super::output;
use crate::source::Names;
use aimclr_model::cli::{Checkpoint, some};
use aimclr_model::pytorch::{Unplaced, is_checkpoint_file};
use aimclr_skeleton::classes;
use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Write a PyTorch checkpoint's weights as a .safetensors file
///
/// Every tensor of the checkpoint is placed under the name that this project's weights have, or
/// listed as not placed with the reason. Nothing pickled is run. The file gets a model card and can
/// be given wherever --weights is asked for; taken in again it gives the same bytes.
#[derive(Args)]
#[command(after_help = "Examples:
  aimclr-export weights aimclr_ntu60_xview_joint_linear.pt --classes ntu60 --out ntu60.safetensors
  aimclr-export weights three_streams.pt --stream bone --out bone.safetensors")]
pub(super) struct WeightsArgs {
    /// The checkpoint, in either form of .pt
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to write the weights
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Names of the classes: those of a data set, or those in a text file, one a line
    #[arg(long, value_name = classes::EXPECTED)]
    classes: Option<PathBuf>,
    #[command(flatten)]
    checkpoint: Checkpoint,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &WeightsArgs, out: &mut dyn Write) -> Result<ExitCode> {
    output::check(&args.out, [&args.file].into_iter().chain(&args.classes))?;
    ensure!(
        !args.file.is_file() || is_checkpoint_file(&args.file),
        "{}: no PyTorch checkpoint; what aimclr-train wrote needs no conversion",
        args.file.display()
    );
    let names = args.classes.as_deref().map(Names::read).transpose()?;
    let names = names.map(Names::into_names);
    let imported = args.checkpoint.import(&args.file, names)?;
    ensure!(
        imported.missing.is_empty(),
        "{}: no whole encoder; missing: {}",
        args.file.display(),
        some(&imported.missing)
    );
    imported.weights.write(&args.out)?;
    #[derive(Serialize)]
    struct Written<'a> {
        path: &'a Path,
        placed: usize,
        card: bool,
        unplaced: &'a [Unplaced],
    }
    let written = Written {
        path: &args.out,
        placed: imported.weights.tensors.len(),
        card: imported.weights.card.is_some(),
        unplaced: &imported.unplaced,
    };
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&written)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    for Unplaced { name, reason } in &imported.unplaced {
        writeln!(out, "not placed: {name}: {reason}")?;
    }
    let card = match written.card {
        true => "with a model card",
        false => "without a model card; --layout says whose joints these are",
    };
    let (path, placed) = (args.out.display(), written.placed);
    writeln!(out, "{path}: {placed} tensors, {card}")?;
    Ok(ExitCode::SUCCESS)
}
