//! `aimclr-train reproduce`.

use super::configured::Configured;
use super::pretrain::Kept;
use super::{Machine, evaluate, pretrain};
use crate::checkpoint::RunInfo;
use crate::evaluate::{Epoch, Protocol, Result as Measurement};
use crate::pretrain::{Place, Progress};
use crate::reproduce::{Narrator, Row, Series};
use aimclr_skeleton::{Dataset, Stream};
use anyhow::{Context, Result};
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    aimclr-train reproduce --config configs/ntu60-xsub.toml --data data/ntu60 --out runs/ntu60-xsub\n  \
    aimclr-train reproduce --config configs/uiprmd-xsub.toml --data data/uiprmd --streams joint \
    --protocols knn,linear,linear@0.1 --seeds 3 --out runs/uiprmd\n\n\
    Runs lie in OUT/seed0/joint, results in OUT/seed0/joint/linear and OUT/seed0/fused/linear, the\n\
    table in OUT/summary.json. A series that was broken off goes on where it stopped.")]
pub(super) struct Arguments {
    #[command(flatten)]
    configured: Configured,
    /// Dataset folder.
    #[arg(long, value_name = "DATASET")]
    data: PathBuf,
    /// Folder of the series.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Streams, pre-trained in turn; two and more are fused.
    #[arg(long, value_delimiter = ',', default_values_t = Stream::ALL)]
    streams: Vec<Stream>,
    /// What to measure: knn, linear, semi, finetune; with a share of the labels as in semi@0.01.
    #[arg(long, value_delimiter = ',', default_value = "knn,linear")]
    protocols: Vec<Protocol>,
    /// Repeat with so many seeds from the configuration's on, and give mean and deviation.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// With a share of the labels, draw so many times and take the mean.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    draws: u64,
    #[command(flatten)]
    machine: Machine,
    #[command(flatten)]
    kept: Kept,
    /// Print the table as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let device = arguments.machine.set_up()?;
    let mut config = arguments.configured.load()?;
    let dataset = Dataset::open(&arguments.data)?;
    config.pretrain.suit(dataset.layout())?;
    let series = Series {
        split: arguments.configured.split(&config)?.into(),
        config,
        streams: arguments.streams,
        protocols: arguments.protocols,
        seeds: arguments.seeds,
        draws: arguments.draws,
        folder: arguments.out,
        keeping: arguments.kept.keeping(true),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let raised = stop.clone();
    ctrlc::set_handler(move || raised.store(true, Ordering::Relaxed))
        .context("Ctrl-C can't be caught")?;
    let mut narrator = Terminal::default();
    let place = Place {
        device,
        memory: arguments.kept.memory(),
    };
    let rows = series.run(&dataset, &arguments.data, place, &mut narrator, &stop)?;
    print(&rows, arguments.json)
}

fn print(rows: &[Row], json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string(rows)?)?;
        return Ok(());
    }
    writeln!(
        out,
        "{:<14} {:<8} {:>16}  {:>9}",
        "protocol", "stream", "top-1", "published"
    )?;
    for row in rows {
        let top1 = match row.top1.runs.len() {
            1 => format!("{:.2} %", row.top1.mean),
            _ => format!("{:.2} ± {:.2} %", row.top1.mean, row.top1.deviation),
        };
        let published = row.published.map_or("–".into(), |p| format!("{p:.2} %"));
        writeln!(
            out,
            "{:<14} {:<8} {top1:>16}  {published:>9}",
            row.protocol, row.stream
        )?;
    }
    Ok(())
}

/// Tells on the terminal what is being done.
#[derive(Default)]
struct Terminal {
    bar: Option<evaluate::Bar>,
}

impl Narrator for Terminal {
    fn run(&mut self, name: &str, info: &RunInfo) -> Box<dyn Progress> {
        eprintln!("{name}: pre-training, {} epochs", info.settings.epochs);
        Box::new(pretrain::Bar::new(info.settings.clone()))
    }

    fn protocol(&mut self, protocol: Protocol, epoch: &Epoch) {
        let bar = self.bar.get_or_insert_with(|| evaluate::Bar::new(protocol));
        bar.epoch(0, epoch);
    }

    fn result(&mut self, name: &str, protocol: Protocol, result: &Measurement) {
        if let Some(bar) = self.bar.take() {
            bar.finish();
        }
        let top1 = match &result.seeds {
            Some(draws) => draws.top1.mean,
            None => result.top1,
        };
        eprintln!("{name}: {protocol} {top1:.2} %");
    }
}
