//! The command line of `aimclr-export`: one file for each subcommand.

mod inspect;
mod onnx;
mod output;
mod picture;
mod progress;
mod reliability;
mod verify;
mod weights;

use aimclr_skeleton::Dataset;
use aimclr_skeleton::cli::exit_code;
use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
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
    Onnx(onnx::OnnxArgs),
    Weights(weights::WeightsArgs),
    Verify(verify::VerifyArgs),
    Inspect(inspect::InspectArgs),
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = std::io::stdout().lock();
    let result = match &cli.command {
        Command::Onnx(args) => onnx::run(args, &mut out),
        Command::Weights(args) => weights::run(args, &mut out),
        Command::Verify(args) => verify::run(args, &mut out),
        Command::Inspect(args) => inspect::run(args, &mut out),
    };
    exit_code(result)
}

/// The split that was asked for, else the one that a model was trained on, else the only one.
fn split<'d>(dataset: &'d Dataset, asked: Option<&'d str>, trained: &'d str) -> Result<&'d str> {
    let splits = &dataset.meta().splits;
    match (asked, splits.len()) {
        (Some(split), _) => Ok(split),
        (None, _) if splits.contains_key(trained) => Ok(trained),
        (None, 1) => Ok(splits.keys().next().expect("one")),
        (None, _) => {
            let known: Vec<&str> = splits.keys().map(String::as_str).collect();
            bail!(
                "{}: which split? --split names one of {}",
                dataset.folder().display(),
                known.join(", ")
            )
        }
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.2} MB", bytes as f64 / 1e6),
    }
}
