//! The command line of `aimclr-train`.

mod configured;
mod evaluate;
mod fuse;
mod inspect;
mod pretrain;
mod report;
mod reproduce;
mod result;

use aimclr_skeleton::cli::exit_code;
use clap::{Args, Parser, Subcommand};
use serde::de::DeserializeOwned;
use std::process::ExitCode;
use tch::Device;

/// Learns skeleton action recognition without labels (AimCLR), and measures what was learnt.
#[derive(Debug, Parser)]
#[command(
    name = "aimclr-train",
    version,
    after_help = "Examples:\n  \
        aimclr-data generate --out data/motions\n  \
        aimclr-train pretrain --data data/motions --split xsub --window 2 --hop 1 --epochs 20 \
        --queue-size 1024 --out runs/motions\n  \
        aimclr-train evaluate knn --data data/motions --split xsub --weights runs/motions\n  \
        aimclr-train evaluate linear --data data/motions --split xsub --weights runs/motions \
        --out runs/motions-linear\n  \
        aimclr-train report runs --out report.html\n  \
        aimclr-export onnx --weights runs/motions-linear --out model.onnx"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Learn an encoder from unlabelled sequences.
    Pretrain(Box<pretrain::Arguments>),
    /// Measure an encoder with a protocol.
    #[command(subcommand)]
    Evaluate(Box<evaluate::Protocol>),
    /// Combine the class scores of several results, such as those of the three streams.
    Fuse(fuse::Arguments),
    /// Pre-train every stream in turn, measure each and fuse them: a published table from one
    /// command.
    Reproduce(Box<reproduce::Arguments>),
    /// Put runs and results into one page of HTML, with their curves and pictures.
    Report(report::Arguments),
    /// Say in the terminal where a run stands, or what a result or weight file holds.
    Inspect(inspect::Arguments),
}

/// Runs the command line. Exit code 0: done, 1: failed, 2: wrong usage.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Pretrain(arguments) => pretrain::run(*arguments),
        Command::Evaluate(protocol) => evaluate::run(*protocol),
        Command::Fuse(arguments) => fuse::run(arguments),
        Command::Reproduce(arguments) => reproduce::run(*arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::Inspect(arguments) => inspect::run(arguments),
    };
    exit_code(done.map(|()| ExitCode::SUCCESS))
}

/// What torch computes on.
#[derive(Debug, Args)]
struct Machine {
    /// auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Threads of torch on the CPU; all cores if not given.
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    threads: Option<i32>,
}

impl Machine {
    /// Limits torch to the threads, if a number is given, and finds the device.
    fn set_up(&self) -> anyhow::Result<Device> {
        if let Some(threads) = self.threads {
            tch::set_num_threads(threads);
            tch::set_num_interop_threads(1);
        }
        Ok(crate::device::parse(&self.device)?)
    }
}

/// Reads an enum by the names that it has in files.
fn named<T: DeserializeOwned>(name: &str) -> Result<T, String> {
    serde_json::from_value(name.into()).map_err(|error| error.to_string())
}

/// Sets a field to what was given, if something was.
fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
