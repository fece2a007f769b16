//! `aimclr-data export-npy`.

use super::grouped;
use super::progress::Progress;
use crate::dataset::Dataset;
use crate::export_npy::{Settings, export};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The data set
    #[arg(value_name = "DATASET")]
    dataset: PathBuf,
    /// Split whose training and test part become train and val
    #[arg(long, value_name = "NAME")]
    split: String,
    /// Folder for the arrays
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Frames of the arrays: shorter sequences are padded with zeros, longer ones cut
    #[arg(long, value_name = "N", default_value_t = 300,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    frames: u32,
    /// Bodies of the arrays [default: those of the data set]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    bodies: Option<u8>,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-data export-npy ntu60 --split xview --out xview
  aimclr-data export-npy motions --split xsub --out xsub --bodies 2

Writes what AimCLR's original code reads: train_position.npy and val_position.npy, (N, 3, T, V, M),
and train_label.pkl and val_label.pkl, the names and labels. Positions are not preprocessed.
`aimclr-data import aimclr-npy` brings such arrays back.";

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let dataset = Dataset::open(&args.dataset)?;
    let settings = Settings {
        split: args.split.clone(),
        frames: args.frames as usize,
        bodies: args.bodies.map(usize::from),
    };
    let mut progress = Progress::new("writing", dataset.samples().len());
    let exported = export(&dataset, &args.out, &settings, &mut |done| {
        progress.set(done)
    })?;
    drop(progress);
    let [train, val] = exported.samples;
    let mut stdout = std::io::stdout().lock();
    writeln!(
        stdout,
        "{}: {} samples for training, {} for testing; {} cut after {} frames",
        args.out.display(),
        grouped(train),
        grouped(val),
        grouped(exported.cut),
        args.frames
    )?;
    Ok(ExitCode::SUCCESS)
}
