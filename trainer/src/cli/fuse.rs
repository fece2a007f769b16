//! `aimclr-train fuse`.

use super::configured::Configured;
use super::result;
use crate::evaluate::fuse::{self, Weighting};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "Examples:\n  \
        aimclr-train fuse runs/joint-linear runs/motion-linear runs/bone-linear --out runs/fused\n  \
        aimclr-train fuse runs/joint-linear runs/bone-linear --fit"
)]
pub(super) struct Arguments {
    /// Result folders, measured on the same samples with the same protocol.
    #[arg(value_name = "RESULT", required = true)]
    results: Vec<PathBuf>,
    /// Folder for the fused result.
    #[arg(long, value_name = "RESULT")]
    out: Option<PathBuf>,
    /// One weight for each result, in their order. By default by stream: joint 0.6, motion 0.4,
    /// bone 0.6, or as the configuration says.
    #[arg(long, value_delimiter = ',', conflicts_with = "fit")]
    weights: Option<Vec<f64>>,
    /// Fit the weights on the samples that --select validation held out of the training part.
    #[arg(long)]
    fit: bool,
    #[command(flatten)]
    configured: Configured,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let weighting = match (arguments.weights, arguments.fit) {
        (Some(weights), _) => Weighting::Given(weights),
        (None, true) => Weighting::Fitted,
        (None, false) => Weighting::Streams(arguments.configured.load()?.fuse),
    };
    let fused = fuse::fuse(&arguments.results, &weighting)?;
    if let Some(out) = &arguments.out {
        fused.write(out)?;
    }
    result::print(&fused.result, arguments.json)
}
