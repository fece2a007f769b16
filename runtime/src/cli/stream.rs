//! `aimclr-run stream`.

use super::inputs::InputArgs;
use super::live::is_stdin;
use super::notices::Notices;
use super::reload::{Files, Reload};
use super::sinks::{self, SinkArgs, keep_off};
use super::status::Status;
use super::stop::Stop;
use super::verdict;
use super::warnings::Warnings;
use crate::event::{Event, Summary};
use crate::latency::Percentiles;
use crate::pipeline::Pipeline;
use crate::queue::Came;
use crate::recorder::Recorder;
use crate::score::Score;
use crate::server::{About, Board};
use crate::settings::Span;
use crate::sink::{Message, Sinks};
use crate::source::Item;
use crate::source::format::Format;
use crate::source::inputs::Inputs;
use aimclr_skeleton::truth;
use anyhow::{Context, bail};
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
    files: Files,
    #[command(flatten)]
    input: InputArgs,
    /// Compare with what really happened: a CSV file with the columns start,end,action
    #[arg(long, value_name = "FILE.csv")]
    truth: Option<PathBuf>,
    /// Write the comparison, segment by segment, as CSV
    #[arg(long, value_name = "FILE.csv", requires = "truth")]
    report: Option<PathBuf>,
    #[command(flatten)]
    sinks: SinkArgs,
    /// Write down what recognition sees, to be played again; rotated as files of --out are
    #[arg(long, value_name = "FILE.ndjson")]
    record: Option<PathBuf>,
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
  aimclr-run stream --model model.onnx --window 1 --window 2.5 --record seen.ndjson

docs/sources.md has the addresses, formats and what happens when frames come too fast.

Each line of the output is an event as docs/event.md has it: somebody starts an action, goes on
with it, or ends it. The first comes when a whole window has been seen. The last line is a
summary with every count and the time that inference took. A line that can't be used is named
on standard error and counted, and the stream goes on. Ctrl-C ends it as the end of input does;
SIGHUP has model, gallery and decisions read again, and what is broken leaves the old ones in place
(on a terminal, without --decisions, it ends the run).

Frames name their joint layout. One that isn't the model's is brought onto it where there is a
way, such as from azure32 or mediapipe33 onto ntu25, and that is said once; docs/layouts.md has
the ways. Without a way the frame is dropped, and the layouts that would do are listed.";

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    for file in args.input.files() {
        args.sinks.keep_off(file)?;
        if let Some(record) = &args.record {
            keep_off("--record", record, file)?;
        }
    }
    if args.record.as_deref().is_some_and(is_stdin) {
        bail!("--record: expected a file; standard output is for events");
    }
    let truth = args.truth.as_deref().map(truth::read).transpose()?;
    let model = &args.files.model;
    let about = About {
        model: model.model.display().to_string(),
        backend: model.backend.to_string(),
    };
    let mut sinks = Sinks::default();
    // Before the model is there, which may take a while: who watches over the run can ask already.
    let board = args.sinks.listen(&mut sinks, about.clone())?;
    let mut pipeline = args.files.pipeline()?;
    let inputs = args.input.open()?;
    args.sinks.open(&mut sinks, inputs.are_live())?;
    if let Some(board) = &board {
        board.loaded(pipeline.host().provider());
    }
    let record = |path: &PathBuf| {
        let rotation = args.sinks.rotation.rotation();
        Recorder::create(path, rotation).with_context(|| format!("--record: {}", path.display()))
    };
    let recorder = args.record.as_ref().map(record).transpose()?;
    let stop = Stop::catch()?;
    let spans = pipeline.settings().spans.clone();
    pipeline.hurry_when(inputs.items.behind());
    let reload = Reload::begin(&args.files, &stop)?;
    let windows = spans
        .iter()
        .map(|Span { window, hop }| format!("windows of {window:.2} s, one every {hop:.2} s"));
    eprintln!(
        "{} in {}; {}",
        model.model.display(),
        pipeline.host().describe(),
        windows.collect::<Vec<_>>().join("; ")
    );
    let mut run = Run {
        pipeline,
        reload,
        sinks,
        board,
        score: Score::default(),
        scored: truth.is_some(),
        status: Status::new(args.sinks.leave_the_terminal()),
        warnings: Warnings::default(),
        recorder,
        notices: Notices::default(),
    };
    inputs.greet(|line| run.status.print(line));
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
        window: spans.iter().map(|span| span.window).collect(),
        hop: spans.iter().map(|span| span.hop).collect(),
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

struct Run<'a> {
    pipeline: Pipeline,
    reload: Option<Reload<'a>>,
    sinks: Sinks,
    /// What the server shows, where there is one.
    board: Option<Arc<Board>>,
    score: Score,
    scored: bool,
    status: Status,
    warnings: Warnings,
    recorder: Option<Recorder>,
    notices: Notices,
}

impl Run<'_> {
    /// Takes lines until there are no more, or the user has had enough. An input that fails does
    /// not end the others.
    fn follow(&mut self, inputs: &Inputs, stop: &Stop) -> anyhow::Result<()> {
        let mut events = Vec::new();
        let live = inputs.are_live();
        let mut glance = Instant::now() + GLANCE;
        while !stop.asked() {
            self.read_again()?;
            self.pass_on_news();
            if live && Instant::now() >= glance {
                glance = Instant::now() + GLANCE;
                self.look_for_silence(inputs)?;
            }
            let (lane, item) = match inputs.items.next(PATIENCE) {
                Came::Item(lane, item) => (lane, item),
                Came::Notice(lane, notice) => {
                    let input = &inputs.inputs[lane].name;
                    self.notices.take(input, notice, &self.status);
                    continue;
                }
                Came::NothingYet => continue,
                Came::End => break,
            };
            let input = &inputs.inputs[lane];
            self.pipeline.overloaded(inputs.items.dropped());
            let arrived = input.live.then_some(item.arrived);
            self.record(&item);
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
        self.notices.end()
    }

    /// On a signal, model, gallery and decisions.
    fn read_again(&mut self) -> anyhow::Result<()> {
        let Some(reload) = &mut self.reload else {
            return Ok(());
        };
        let mut events = Vec::new();
        if let Some(news) = reload.look(&mut self.pipeline, &mut events) {
            self.status.print(&news);
        }
        self.write(&events)
    }

    /// A recording that fails ends, and recognition goes on.
    fn record(&mut self, item: &Item) {
        if let (Some(recorder), Ok(frame)) = (&mut self.recorder, &item.frame)
            && let Err(error) = recorder.add(frame)
        {
            self.recorder = None;
            let failed = format!("--record: {error}; nothing more is recorded");
            self.status.print(&format!("warning: {failed}"));
            self.notices.fail(failed);
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
    let median = |p: &Option<Percentiles>| {
        p.map_or_else(
            || "–".to_string(),
            |p| format!("{:.1} ms (p99 {:.1})", p.p50, p.p99),
        )
    };
    format!(
        "{}; {} windows by {}, {} each; an event {} after its frame",
        counts.frames.in_words(),
        counts.windows,
        summary.provider,
        median(&summary.inference_ms),
        median(&summary.latency_ms),
    )
}
