//! `aimclr-run stream`.

use super::deciding::Deciding;
use super::inputs::InputArgs;
use super::model::ModelArgs;
use super::numbers::{probability, seconds, seconds_above_zero};
use super::sinks::{self, SinkArgs};
use super::status::Status;
use super::stop::Stop;
use super::verdict;
use super::warnings::Warnings;
use crate::event::{Event, Summary};
use crate::gallery::{Gallery, Matcher};
use crate::latency::Percentiles;
use crate::pipeline::{Pipeline, Settings, default_hop};
use crate::queue::{Came, Notice};
use crate::score::Score;
use crate::server::{About, Board};
use crate::sink::{Message, Sinks};
use crate::source::format::Format;
use crate::source::inputs::Inputs;
use aimclr_model::Card;
use aimclr_model::card::Form;
use aimclr_skeleton::truth;
use anyhow::bail;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long to wait for a line before looking around.
const PATIENCE: Duration = Duration::from_millis(100);

/// How often is looked for sources that have fallen silent.
const GLANCE: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    settings: SettingsArgs,
    /// Actions that were enrolled (`aimclr-run enroll`), beside the model's
    #[arg(long, value_name = "FILE.json")]
    gallery: Option<PathBuf>,
    /// When an action is trusted, by docs/decisions.md; read again on SIGHUP
    #[arg(long, value_name = "FILE.toml", conflicts_with_all = ["smoothing", "threshold"])]
    decisions: Option<PathBuf>,
    /// Compare with what really happened: a CSV file with the columns start,end,action
    #[arg(long, value_name = "FILE.csv")]
    truth: Option<PathBuf>,
    /// Write the comparison, segment by segment, as CSV
    #[arg(long, value_name = "FILE.csv", requires = "truth")]
    report: Option<PathBuf>,
    #[command(flatten)]
    sinks: SinkArgs,
}

/// How a stream is looked at.
#[derive(Debug, clap::Args)]
pub(super) struct SettingsArgs {
    /// Length of a window [default: the model's, as in training]
    #[arg(long, value_name = "SECONDS", value_parser = seconds_above_zero)]
    window: Option<f64>,
    /// From one window to the next [default: an eighth of the window, 0.1 to 0.5]
    #[arg(long, value_name = "SECONDS", value_parser = seconds_above_zero)]
    hop: Option<f64>,
    /// Time constant of the mean over windows; 0 for none [default: two hops]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    smoothing: Option<f64>,
    /// Say "unknown" below this probability [default: the model's]
    #[arg(long, value_name = "P", value_parser = probability)]
    threshold: Option<f64>,
}

const EXAMPLES: &str = "\
Examples:
  pose-source | aimclr-run stream --model model.onnx
  aimclr-run stream --model model.onnx --input day.ndjson --truth day.truth.csv > events.ndjson
  aimclr-run stream --model model.onnx --input day.ndjson --realtime --backend onnxruntime
  aimclr-run stream --model model.onnx --decisions decisions.toml
  pose-source | aimclr-run stream --model model.onnx --out mqtt://broker/home --listen 127.0.0.1:8080
  aimclr-run stream --model model.onnx --input tcp-listen://127.0.0.1:7000 --input ws://cam:81/poses
  aimclr-run stream --model body25.onnx --input openpose_json/ --follow --fps 30

docs/sources.md has the addresses, formats and what happens when frames come too fast.

Each line of the output is an event as docs/event.md has it: somebody starts an action, goes on
with it, or ends it. The first comes when a whole window has been seen. The last line is a
summary with every count and the time that inference took. A line that can't be used is named
on standard error and counted, and the stream goes on. Ctrl-C ends it as the end of input does.

Frames name their joint layout. One that isn't the model's is brought onto it where there is a
way, such as from azure32 or mediapipe33 onto ntu25, and that is said once; docs/layouts.md has
the ways. Without a way the frame is dropped, and the layouts that would do are listed.";

impl SettingsArgs {
    fn asks_for_windows(&self) -> bool {
        self.window.is_some() || self.hop.is_some()
    }

    /// What was asked for; the rest as the model's card has it.
    pub(super) fn settings(&self, card: &Card) -> Settings {
        let defaults = Settings::of(card);
        let window = self.window.unwrap_or(defaults.window);
        let hop = match self.window {
            Some(window) => default_hop(window),
            None => defaults.hop,
        };
        let hop = self.hop.unwrap_or(hop);
        Settings {
            window,
            hop,
            smoothing: self.smoothing.unwrap_or(2.0 * hop),
            threshold: self.threshold.unwrap_or(defaults.threshold),
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    for file in args.input.files() {
        args.sinks.keep_off(file)?;
    }
    let truth = args.truth.as_deref().map(truth::read).transpose()?;
    let about = About {
        model: args.model.model.display().to_string(),
        backend: args.model.backend.to_string(),
    };
    let mut sinks = Sinks::default();
    // Before the model is there, which may take a while: who watches over the run can ask already.
    let board = args.sinks.listen(&mut sinks, about.clone())?;
    let (model, host) = args.model.host(args.gallery.is_some())?;
    let gallery = args.gallery.as_deref();
    let gallery = gallery
        .map(|path| Gallery::open(path, &model))
        .transpose()?;
    if model.card.form == Form::Continual && args.settings.asks_for_windows() {
        bail!("--window, --hop: a model of the continual form has its own; leave them out");
    }
    let settings = args.settings.settings(&model.card);
    let inputs = args.input.open()?;
    args.sinks.open(&mut sinks, inputs.are_live())?;
    if let Some(board) = &board {
        board.loaded(host.provider());
    }
    let stop = Stop::catch()?;
    let mut pipeline = Pipeline::new(model.card, host, settings);
    if let Some(gallery) = &gallery {
        pipeline.teach(Matcher::new(gallery));
    }
    let deciding = Deciding::begin(args.decisions.as_deref(), &mut pipeline, &stop)?;
    eprintln!(
        "{} in {}; windows of {:.2} s, one every {:.2} s",
        args.model.model.display(),
        pipeline.host().describe(),
        settings.window,
        settings.hop
    );
    let mut run = Run {
        pipeline,
        deciding,
        sinks,
        board,
        score: Score::default(),
        scored: truth.is_some(),
        status: Status::new(args.sinks.leave_the_terminal()),
        warnings: Warnings::default(),
        failed: None,
    };
    run.greet(&inputs);
    let started = Instant::now();
    let result = run.follow(&inputs, &stop);
    if let Err(error) = &result
        && aimclr_skeleton::cli::is_broken_pipe(error)
    {
        run.sinks.leave();
        return result.map(|()| ExitCode::SUCCESS);
    }
    // Whatever happened, what was recognised is brought to its end.
    let mut events = Vec::new();
    run.pipeline.finish(&mut events);
    run.write(&events)?;
    let wall = started.elapsed();
    run.sinks.flush()?;
    run.pass_on_news();
    run.status.clear();
    let report = truth.map(|truth| run.score.report(&truth));
    let summary = Summary {
        event: "summary".into(),
        model: about.model,
        backend: about.backend,
        provider: run.pipeline.host().provider().into(),
        window: settings.window,
        hop: settings.hop,
        counts: run.pipeline.counts().clone(),
        wall_seconds: crate::event::rounded(wall.as_secs_f64()),
        inference_ms: run.pipeline.inference().percentiles(),
        latency_ms: run.pipeline.latency().percentiles(),
        sinks: run.sinks.report(),
        clients: inputs.clients(),
        truth: report,
    };
    run.sinks.finish(&summary)?;
    if let Some(report) = &summary.truth {
        eprint!("\n{}", verdict::text(report));
        if let Some(path) = &args.report {
            verdict::write_csv(report, path)?;
        }
    }
    eprintln!("{}", in_words(&summary));
    sinks::print_losses(&summary);
    result?;
    let frames = &summary.counts.frames;
    if frames.used == 0 && !stop.asked() {
        bail!(
            "{}: not one of {} lines could be used; expected frames as docs/frame.md has them, or \
             one of {}",
            inputs.names(),
            frames.seen,
            Format::known()
        );
    }
    Ok(ExitCode::SUCCESS)
}

struct Run {
    pipeline: Pipeline,
    deciding: Deciding,
    sinks: Sinks,
    /// What the server shows, where there is one.
    board: Option<Arc<Board>>,
    score: Score,
    scored: bool,
    status: Status,
    warnings: Warnings,
    /// The first input that came to an end that it should not have come to.
    failed: Option<String>,
}

impl Run {
    /// Says where clients may connect.
    fn greet(&self, inputs: &Inputs) {
        for input in &inputs.inputs {
            if let Some(at) = input.listens {
                self.status
                    .print(&format!("{}: listening on {at}", input.name));
            }
        }
    }

    /// Takes lines until there are no more, or the user has had enough. An input that fails does
    /// not end the others.
    fn follow(&mut self, inputs: &Inputs, stop: &Stop) -> anyhow::Result<()> {
        let mut events = Vec::new();
        let live = inputs.are_live();
        let mut glance = Instant::now() + GLANCE;
        while !stop.asked() {
            if let Some(news) = self.deciding.look(&mut self.pipeline) {
                self.status.print(&news);
            }
            self.pass_on_news();
            if live && Instant::now() >= glance {
                glance = Instant::now() + GLANCE;
                self.look_for_silence(inputs)?;
            }
            let (lane, item) = match inputs.items.next(PATIENCE) {
                Came::Item(lane, item) => (lane, item),
                Came::Notice(lane, notice) => {
                    self.notice(&inputs.inputs[lane].name, notice);
                    continue;
                }
                Came::NothingYet => continue,
                Came::End => break,
            };
            let input = &inputs.inputs[lane];
            self.pipeline.overloaded(inputs.items.dropped());
            // A line of a file did not arrive when it was read ahead, but when it was its turn.
            let arrived = match input.live {
                true => item.arrived,
                false => Instant::now(),
            };
            events.clear();
            let fault = self.pipeline.take(item.frame, arrived, &mut events);
            self.show(inputs);
            self.write(&events)?;
            for news in self.pipeline.news() {
                self.status.print(&format!("note: {}: {news}", input.name));
            }
            if let Some(fault) = fault?
                && let Some(warning) = self.warnings.about(&input.name, item.line, &fault)
            {
                self.status.print(&warning);
            }
            self.status.update(self.pipeline.counts(), &events);
        }
        self.pipeline.overloaded(inputs.items.dropped());
        match self.failed.take() {
            Some(failed) => bail!(failed),
            None => Ok(()),
        }
    }

    fn notice(&mut self, input: &str, notice: Notice) {
        match notice {
            Notice::Note(text) => self.status.print(&format!("note: {input}: {text}")),
            Notice::Failed(reason) => {
                // A reader may have said where already.
                let text = match reason.starts_with(input) {
                    true => reason,
                    false => format!("{input}: {reason}"),
                };
                if self.failed.is_some() {
                    self.status.print(&format!("warning: {text}"));
                }
                self.failed.get_or_insert(text);
            }
        }
    }

    /// Ends what goes on in sources from which nothing comes any more.
    fn look_for_silence(&mut self, inputs: &Inputs) -> anyhow::Result<()> {
        let mut events = Vec::new();
        for source in self.pipeline.end_silent(Instant::now(), &mut events) {
            self.status
                .print(&format!("note: source \"{source}\" has fallen silent"));
        }
        self.show(inputs);
        self.status.update(self.pipeline.counts(), &events);
        self.write(&events)
    }

    /// Takes down how it goes, for those who ask the server.
    fn show(&self, inputs: &Inputs) {
        if let Some(board) = &self.board {
            board.show(&self.pipeline, inputs.waiting());
        }
    }

    /// Sinks tell when they are in trouble, and when no longer.
    fn pass_on_news(&self) {
        for news in self.sinks.news() {
            self.status.print(&format!("note: {news}"));
        }
    }

    fn write(&mut self, events: &[Event]) -> anyhow::Result<()> {
        for event in events {
            if self.scored {
                self.score.take(event);
            }
            self.sinks.send(&Arc::new(Message::of(event)?))?;
        }
        Ok(())
    }
}

fn in_words(summary: &Summary) -> String {
    let counts = &summary.counts;
    let dropped: Vec<String> = counts
        .frames
        .dropped
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    let median = |p: &Option<Percentiles>| {
        p.map_or_else(
            || "–".to_string(),
            |p| format!("{:.1} ms (p99 {:.1})", p.p50, p.p99),
        )
    };
    format!(
        "{} lines, {} used, {} dropped{}; {} windows by {}, {} each; an event {} after its frame",
        counts.frames.seen,
        counts.frames.used,
        counts.frames.dropped_in_all(),
        match dropped.is_empty() {
            true => String::new(),
            false => format!(" ({})", dropped.join(", ")),
        },
        counts.windows,
        summary.provider,
        median(&summary.inference_ms),
        median(&summary.latency_ms),
    )
}
