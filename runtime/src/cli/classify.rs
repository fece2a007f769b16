//! `aimclr-run classify`.

use super::clips::{self, Seen};
use super::model::ModelArgs;
use super::numbers::seconds_above_zero;
use crate::classify::{Classifier, Verdict};
use crate::settings::Span;
use aimclr_model::Card;
use aimclr_skeleton::cli::table::table;
use aimclr_skeleton::dataset::Part;
use aimclr_skeleton::import::ntu::skeleton::Recording;
use aimclr_skeleton::import::ntu::{FPS, RELEASED_FRAMES, people};
use aimclr_skeleton::window::Cut;
use aimclr_skeleton::{Dataset, Layout};
use anyhow::bail;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::{IsTerminal, StdoutLock, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Clips as NDJSON (- is standard input) or NTU RGB+D's .skeleton files, or data set folders
    #[arg(required = true, value_name = "FILE|-|DATASET")]
    files: Vec<PathBuf>,
    /// Look at windows of this length and average, instead of at a clip as a whole
    #[arg(long, value_name = "SECONDS", value_parser = seconds_above_zero)]
    window: Option<f64>,
    /// From one window to the next [default: an eighth of the window, 0.1 to 0.5]
    #[arg(long, value_name = "SECONDS", requires = "window", value_parser = seconds_above_zero)]
    hop: Option<f64>,
    /// Of a data set, only this sample
    #[arg(long, value_name = "NAME")]
    sample: Option<String>,
    /// Of a data set, only one side of this split
    #[arg(long, value_name = "NAME", conflicts_with = "sample")]
    split: Option<String>,
    /// Which side of the split
    #[arg(long, value_enum, requires = "split", default_value_t = Side::Test)]
    part: Side,
    /// Print one JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-run classify --model model.onnx clip.ndjson other.ndjson
  aimclr-run classify --model model.onnx --window 2 --json long.ndjson
  aimclr-run classify --model model.onnx motions --split xsub
  aimclr-run classify --model ntu60.onnx S001C001P001R001A001.skeleton
  pose-source | aimclr-run classify --model model.onnx -

In a clip everybody is looked at alone; a sample of a data set or a .skeleton file is looked at
with all its bodies, as in training. Where a data set has classes of the model, the accuracy is
told, too. A clip in which several things happen one after the other is work for
`aimclr-run stream`.

Clips and data sets of another joint layout than the model's are brought onto it where there is a
way, and that is said; docs/layouts.md has the ways.";

/// A side of a split.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Side {
    Train,
    Test,
}

/// One result, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Line<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truth: Option<&'a str>,
    action: String,
    label: usize,
    confidence: f64,
    top: Vec<(String, f64)>,
    windows: usize,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (model, mut engine) = args.model.open_classifier()?;
    eprintln!("{} in {}", args.model.model.display(), engine.describe());
    let cut = match args.window {
        None => Cut::Whole,
        Some(window) => Cut::Windows {
            window,
            hop: args.hop.unwrap_or_else(|| Span::of(window).hop),
        },
    };
    let mut output = Output {
        card: &model.card,
        json: args.json,
        out: std::io::stdout().lock(),
        rows: Vec::new(),
    };
    let mut classifier = Classifier::new(&model.card, &mut *engine, cut);
    let mut code = ExitCode::SUCCESS;
    for path in &args.files {
        let done = match path.is_dir() {
            true => dataset(args, path, &mut classifier, &mut output),
            false if path.extension().is_some_and(|end| end == "skeleton") => {
                recording(path, &mut classifier, &mut output)
            }
            false => clip(path, &mut classifier, &mut output),
        };
        match done {
            Ok(()) => {}
            Err(error) if aimclr_skeleton::cli::is_broken_pipe(&error) => return Err(error),
            Err(error) => {
                // One bad file is no reason to say nothing about the others.
                eprintln!("error: {error:#}");
                code = ExitCode::FAILURE;
            }
        }
    }
    output.finish()?;
    Ok(code)
}

/// Classifies everybody in an NDJSON clip.
fn clip(
    path: &Path,
    classifier: &mut Classifier<'_>,
    output: &mut Output<'_>,
) -> anyhow::Result<()> {
    let all = f64::NEG_INFINITY..f64::INFINITY;
    let Seen {
        name,
        clip,
        lines,
        used,
    } = clips::read(path, all, output.card)?;
    if used < lines {
        eprintln!(
            "warning: {name}: {} of {lines} lines were dropped",
            lines - used
        );
    }
    let mut someone = false;
    for (source, person, samples) in clip.people() {
        let Some(verdict) = classifier.person(samples)? else {
            continue;
        };
        someone = true;
        let line = Line {
            file: &name,
            source: Some(source).filter(|source| !source.is_empty()),
            person: Some(person),
            ..output.line(&verdict)
        };
        output.write(&line)?;
    }
    if !someone {
        bail!(
            "{name}: nobody is seen in any of {lines} lines; expected frames as docs/frame.md has them"
        );
    }
    Ok(())
}

/// Classifies a recording in NTU RGB+D's form, the first two bodies of each frame together, as the
/// released code does.
fn recording(
    path: &Path,
    classifier: &mut Classifier<'_>,
    output: &mut Output<'_>,
) -> anyhow::Result<()> {
    let name = path.display().to_string();
    let way = clips::way(&name, &Layout::ntu25(), output.card)?;
    let recording = Recording::read(path)?;
    let bodies = way.sequence(people::released(&recording, RELEASED_FRAMES).view())?;
    let Some(verdict) = classifier.sequence(bodies.view(), FPS)? else {
        bail!(
            "{name}: nobody is seen in any of {} frames",
            recording.frames()
        );
    };
    let line = Line {
        file: &name,
        ..output.line(&verdict)
    };
    output.write(&line)
}

/// Classifies the samples of a data set.
fn dataset(
    args: &Args,
    path: &Path,
    classifier: &mut Classifier<'_>,
    output: &mut Output<'_>,
) -> anyhow::Result<()> {
    let name = path.display().to_string();
    let (dataset, way) = clips::dataset(path, output.card)?;
    if dataset.meta().bodies > output.card.bodies {
        eprintln!(
            "warning: {name}: {} bodies in a frame, the model takes {}; the others are left out",
            dataset.meta().bodies,
            output.card.bodies
        );
    }
    let progress = progress();
    let mut right = Accuracy::default();
    let chosen = choose(args, &dataset)?;
    progress.set_length(chosen.len() as u64);
    for index in chosen {
        let sample = &dataset.samples()[index];
        let truth = &dataset.meta().classes[sample.label];
        let sequence = way.sequence(dataset.sequence(index)?)?;
        let Some(verdict) = classifier.sequence(sequence.view(), dataset.meta().fps)? else {
            continue;
        };
        let line = Line {
            file: &name,
            sample: Some(&sample.name),
            truth: Some(truth),
            ..output.line(&verdict)
        };
        if output.card.classes.contains(truth) {
            right.count(truth, &line.top);
        }
        progress.suspend(|| output.write(&line))?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    output.finish()?;
    if right.samples > 0 {
        let share = |count: usize| 100.0 * count as f64 / right.samples as f64;
        eprintln!(
            "{name}: top-1 {:.2} %, top-5 {:.2} % of {} samples",
            share(right.first),
            share(right.five),
            right.samples
        );
    }
    Ok(())
}

/// How often the truth was the first guess, and among the first five.
#[derive(Debug, Default)]
struct Accuracy {
    samples: usize,
    first: usize,
    five: usize,
}

impl Accuracy {
    fn count(&mut self, truth: &str, top: &[(String, f64)]) {
        let place = top.iter().position(|(action, _)| action == truth);
        self.samples += 1;
        self.first += usize::from(place == Some(0));
        self.five += usize::from(place.is_some());
    }
}

fn choose(args: &Args, dataset: &Dataset) -> anyhow::Result<Vec<usize>> {
    if let Some(split) = &args.split {
        let part = match args.part {
            Side::Train => Part::Train,
            Side::Test => Part::Test,
        };
        return Ok(dataset.part(split, part)?);
    }
    let Some(wanted) = &args.sample else {
        return Ok((0..dataset.samples().len()).collect());
    };
    let found = dataset.samples().iter().position(|s| s.name == *wanted);
    match found {
        Some(index) => Ok(vec![index]),
        None => bail!(
            "{}: --sample: no sample \"{wanted}\"; expected a name in samples.csv",
            dataset.folder().display()
        ),
    }
}

fn progress() -> ProgressBar {
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {human_pos}/{human_len}, {eta} left")
    {
        bar.set_style(style);
    }
    bar
}

/// Standard output: JSON as it comes, or a table at the end.
struct Output<'a> {
    card: &'a Card,
    json: bool,
    out: StdoutLock<'static>,
    rows: Vec<Vec<String>>,
}

impl Output<'_> {
    /// A result without its origin.
    fn line<'l>(&self, verdict: &Verdict) -> Line<'l> {
        let (label, confidence) = verdict.top.first().copied().unwrap_or_default();
        let round = crate::event::rounded;
        let named = |(class, p): &(usize, f64)| (self.card.class(*class), round(*p));
        Line {
            file: "",
            sample: None,
            source: None,
            person: None,
            truth: None,
            action: self.card.class(label),
            label,
            confidence: round(confidence),
            top: verdict.top.iter().map(named).collect(),
            windows: verdict.windows,
        }
    }

    fn write(&mut self, line: &Line<'_>) -> anyhow::Result<()> {
        if self.json {
            serde_json::to_writer(&mut self.out, line).map_err(std::io::Error::from)?;
            writeln!(self.out)?;
            return Ok(());
        }
        let who = match (line.sample, line.source, line.person) {
            (Some(sample), ..) => sample.to_string(),
            (_, Some(source), Some(person)) => format!("{source} {person}"),
            (_, _, Some(person)) => person.to_string(),
            _ => String::new(),
        };
        let next = line.top.get(1).map_or_else(String::new, |(action, p)| {
            format!("{action} {:.0} %", p * 100.0)
        });
        let truth = match line.truth {
            Some(truth) if truth == line.action => format!("✓ {truth}"),
            // Of a model whose classes were renamed or merged nobody can say.
            Some(truth) if !self.card.classes.iter().any(|class| class == truth) => truth.into(),
            Some(truth) => format!("✗ {truth}"),
            None => String::new(),
        };
        self.rows.push(vec![
            line.file.to_string(),
            who,
            line.action.clone(),
            format!("{:.1} %", line.confidence * 100.0),
            next,
            truth,
        ]);
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        if !self.rows.is_empty() {
            let truth = match self.rows.iter().any(|row| !row[5].is_empty()) {
                true => "truth",
                false => "",
            };
            let head = ["file", "who", "action", " sure", "next", truth];
            write!(self.out, "{}", table(&head, &self.rows))?;
            self.rows.clear();
        }
        Ok(())
    }
}
