//! `aimclr-run bench`.

use super::model::ModelArgs;
use super::numbers::seconds_above_zero;
use crate::latency::{Latency, Percentiles};
use aimclr_engine::{Engine, Windows};
use aimclr_model::Card;
use aimclr_skeleton::cli::table::table;
use aimclr_skeleton::sequence::CHANNELS;
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// How long to measure each case
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = seconds_above_zero)]
    seconds: f64,
    /// Print one JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-run bench --model model.onnx
  aimclr-run bench --model model.onnx --backend onnxruntime --threads 2 --json

A window is what one decision about one person takes. Times are those of one call, after a
warm-up; two bodies are measured where the model takes two.";

/// Calls before measuring starts: an engine plans and takes memory in the first ones.
const WARM_UP: usize = 3;

/// Batches that are measured.
const BATCHES: [usize; 2] = [1, 8];

/// One measured case.
#[derive(Debug, Serialize)]
struct Measured {
    backend: String,
    provider: String,
    threads: u16,
    bodies: usize,
    batch: usize,
    #[serde(flatten)]
    ms: Percentiles,
    windows_per_second: f64,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (model, mut engine) = args.model.open()?;
    eprintln!("{} in {}", args.model.model.display(), engine.describe());
    let mut out = std::io::stdout().lock();
    let mut rows = Vec::new();
    for bodies in 1..=model.card.bodies.min(2) {
        for batch in BATCHES {
            let length = Duration::from_secs_f64(args.seconds);
            let calls = measure(&mut *engine, &model.card, bodies, batch, length)?;
            let Some(ms) = calls.percentiles() else {
                continue;
            };
            let measured = Measured {
                backend: args.model.backend.to_string(),
                provider: engine.provider().into(),
                threads: args.model.threads,
                bodies,
                batch,
                ms,
                windows_per_second: (batch as f64 * 1e3 / ms.p50).round(),
            };
            if args.json {
                serde_json::to_writer(&mut out, &measured).map_err(std::io::Error::from)?;
                writeln!(out)?;
            } else {
                rows.push(row(&measured));
            }
        }
    }
    if !args.json {
        let head = [
            " bodies",
            " windows a call",
            " median",
            " p95",
            " p99",
            " windows/s",
        ];
        write!(out, "{}", table(&head, &rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(measured: &Measured) -> Vec<String> {
    let ms = |x: f64| format!("{x:.2} ms");
    vec![
        measured.bodies.to_string(),
        measured.batch.to_string(),
        ms(measured.ms.p50),
        ms(measured.ms.p95),
        ms(measured.ms.p99),
        measured.windows_per_second.to_string(),
    ]
}

fn measure(
    engine: &mut dyn Engine,
    card: &Card,
    bodies: usize,
    batch: usize,
    length: Duration,
) -> anyhow::Result<Latency> {
    let values = batch * bodies * card.frames * card.layout.len() * CHANNELS;
    // Any movement does: the network takes the same time for each.
    let data: Vec<f32> = (0..values).map(|i| (i as f32 * 0.37).sin()).collect();
    let windows = Windows {
        n: batch,
        m: bodies,
        data: &data,
    };
    for _ in 0..WARM_UP {
        engine.run(windows)?;
    }
    let mut calls = Latency::default();
    let started = Instant::now();
    while calls.is_empty() || started.elapsed() < length {
        let asked = Instant::now();
        engine.run(windows)?;
        calls.add(asked.elapsed());
    }
    Ok(calls)
}
