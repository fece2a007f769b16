//! `aimclr-run record`.

use super::inputs::InputArgs;
use super::notices::Notices;
use super::numbers::seconds_above_zero;
use super::sinks::{RotationArgs, keep_off};
use super::status::Status;
use super::stop::Stop;
use super::warnings::Warnings;
use crate::event::Frames;
use crate::queue::Came;
use crate::recorder::{Recorder, Written};
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long to wait for a line before looking around.
const PATIENCE: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// Where to; a file that is there is replaced. - is standard output
    #[arg(long, value_name = "FILE.ndjson", default_value = "-")]
    out: PathBuf,
    /// Stop after so long
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds_above_zero)]
    length: Option<f64>,
    #[command(flatten)]
    rotation: RotationArgs,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-run record --input tcp-listen://127.0.0.1:7000 --out day.ndjson
  aimclr-run record --input mqtt://broker/cameras/+ --out week.ndjson --rotate-size 100 --rotate-keep 70
  aimclr-run record --input walk.bvh > walk.ndjson        any known form as native frames
  aimclr-run stream --model model.onnx --input day.ndjson
                                                          the same events, each time it is played

Needs no model. Frames are written as docs/frame.md has them, each with its source and its time, in
the order in which they came; lines that can't be read are named and counted. `aimclr-run stream
--record FILE` records what recognition sees while it does.";

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    for file in args.input.files() {
        keep_off("--out", &args.out, file)?;
    }
    let inputs = args.input.open()?;
    let stop = Stop::catch()?;
    stop.on_hangup()?;
    let name = || args.out.display().to_string();
    let mut recorder = Recorder::create(&args.out, args.rotation.rotation()).with_context(name)?;
    let status = Status::new(true);
    let mut warnings = Warnings::default();
    let (mut frames, mut notices) = (Frames::default(), Notices::default());
    inputs.greet(|line| status.print(line));
    let began = Instant::now();
    let over = || {
        let enough = args.length.map(Duration::from_secs_f64);
        stop.asked() || enough.is_some_and(|enough| began.elapsed() >= enough)
    };
    while !over() {
        frames.overloaded(inputs.items.dropped());
        let (lane, item) = match inputs.items.next(PATIENCE) {
            Came::Item(lane, item) => (lane, item),
            Came::Notice(lane, notice) => {
                notices.take(&inputs.inputs[lane].name, notice, &status);
                continue;
            }
            Came::NothingYet => continue,
            Came::End => break,
        };
        frames.seen += 1;
        match item.frame {
            Ok(frame) => {
                frames.used += 1;
                if let Err(error) = recorder.add(&frame) {
                    status.clear();
                    return Err(error.into());
                }
            }
            Err(fault) => {
                frames.drop_for(fault.reason(), 1);
                let input = &inputs.inputs[lane].name;
                if let Some(warning) = warnings.about(input, item.line, &fault) {
                    status.print(&warning);
                }
            }
        }
        status.say(|| in_words(&args.out, &frames, recorder.written()));
    }
    frames.overloaded(inputs.items.dropped());
    status.clear();
    eprintln!("{}", in_words(&args.out, &frames, recorder.written()));
    notices.end()?;
    if frames.used == 0 && !over() {
        bail!("{}: not one frame came", inputs.names());
    }
    Ok(ExitCode::SUCCESS)
}

fn in_words(out: &Path, frames: &Frames, written: Written) -> String {
    let Written {
        frames: count,
        people,
        bytes,
        sources,
        seconds,
    } = written;
    let s = if sources == 1 { "" } else { "s" };
    format!(
        "{}: {count} frames of {sources} source{s} with {people} people, {seconds:.1} s, {:.1} MB; {}",
        out.display(),
        bytes as f64 / 1e6,
        frames.in_words()
    )
}
