//! `aimclr-run render`.

use super::live;
use super::model::ModelArgs;
use super::numbers::seconds;
use super::settings::SettingsArgs;
use super::warnings::Warnings;
use crate::pipeline::Pipeline;
use crate::render::{MOST_PICTURES, Recording, Style};
use crate::source::Reader;
use aimclr_skeleton::draw::Angle;
use aimclr_skeleton::truth;
use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{BufReader, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// The recording, NDJSON; - is standard input
    #[arg(value_name = "CLIP.ndjson|-")]
    clip: PathBuf,
    /// Where the animation goes
    #[arg(long, value_name = "FILE.gif")]
    out: PathBuf,
    /// Mark what is right: a CSV file with the columns start,end,action
    #[arg(long, value_name = "FILE.csv")]
    truth: Option<PathBuf>,
    /// Draw from this second of the recording on; what is before is looked at, too
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = seconds)]
    from: f64,
    /// Draw up to this second [default: the end]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    to: Option<f64>,
    /// Pictures a second
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u8).range(1..=50))]
    fps: u8,
    /// From where to look; at people of 2D layouts always from the front
    #[arg(long, value_enum, default_value_t = Look::Aside)]
    view: Look,
    #[command(flatten)]
    settings: SettingsArgs,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-run render --model model.onnx day.ndjson --out day.gif
  aimclr-run render --model model.onnx day.ndjson --truth day.truth.csv --from 60 --to 75 --out bit.gif

The picture shows what `aimclr-run stream` had said by then, so an action is named somewhat
after it began. --from and --to are seconds since the recording's first frame. People are drawn
in the model's joint layout, those of a 2D one without joints of little confidence.";

/// From where to look.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Look {
    /// As the camera saw it.
    Front,
    /// A little from the side and above.
    Aside,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let truth = args.truth.as_deref().map(truth::read).transpose()?;
    if args.to.is_some_and(|to| to <= args.from) {
        bail!("--to: expected more than --from, {} s", args.from);
    }
    let (model, engine) = args.model.open_classifier()?;
    let settings = args.settings.settings(&model.card);
    let layout = model.card.layout.clone();
    let mut pipeline = Pipeline::new(model.card, engine, settings);
    let (name, bytes) = live::open(&args.clip)?;
    let mut recording = None;
    let mut warnings = Warnings::default();
    let mut events = Vec::new();
    for item in Reader::new(BufReader::with_capacity(1 << 16, bytes)) {
        let item = item.with_context(|| name.clone())?;
        let frame = item.frame.as_ref().ok();
        let frame = frame.map(|frame| (frame.source.clone(), frame.t));
        events.clear();
        let fault = pipeline.take(item.frame, None, &mut events)?;
        pipeline
            .news()
            .iter()
            .for_each(|news| eprintln!("note: {name}: {news}"));
        if let Some(fault) = fault {
            if let Some(warning) = warnings.about(&name, item.line, &fault) {
                eprintln!("{warning}");
            }
            continue;
        }
        let Some((source, t)) = frame else {
            continue;
        };
        let end = args.to.map_or(f64::INFINITY, |to| t + to);
        let recording =
            recording.get_or_insert_with(|| Recording::new(t + args.from, end, args.fps.into()));
        recording.add(&source, t, pipeline.bodies(), &events);
        if recording.is_over() {
            break;
        }
        if recording.is_full() {
            eprintln!("note: cut after {MOST_PICTURES} pictures; see --from, --to and --fps");
            break;
        }
    }
    let recording = match recording {
        Some(recording) if !recording.is_empty() => recording,
        Some(_) => bail!("{name}: no frame from second {} on", args.from),
        None => bail!(
            "{name}: not one of {} lines could be used; expected frames as docs/frame.md has them",
            pipeline.counts().frames.seen
        ),
    };
    let progress = progress(recording.len());
    let style = Style {
        angle: match args.view {
            Look::Front => Angle::FRONT,
            Look::Aside => Angle::ASIDE.of(&layout),
        },
        fps: args.fps.into(),
    };
    let drawn = |count: usize| progress.set_position(count as u64);
    recording.save_gif(&args.out, &layout, truth.as_deref(), style, drawn)?;
    progress.finish_and_clear();
    let size = std::fs::metadata(&args.out).with_context(|| args.out.display().to_string())?;
    writeln!(
        std::io::stdout(),
        "{}: {} pictures, {} kB",
        args.out.display(),
        recording.len(),
        size.len().div_ceil(1000)
    )?;
    Ok(ExitCode::SUCCESS)
}

fn progress(pictures: usize) -> ProgressBar {
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(Some(pictures as u64), target);
    if let Ok(style) = ProgressStyle::with_template("drawing {bar:30} {human_pos}/{human_len}") {
        bar.set_style(style);
    }
    bar
}
