//! `aimclr-train inspect`.

use crate::monitor::PATIENCE;
use crate::report::result::{Measured, Mistake};
use crate::report::setting::Setting;
use crate::report::status::{self, Line, Status, sparkline};
use crate::report::text::{duration, grouped, plain, short_number};
use crate::report::{Found, ResultFolder, Run};
use aimclr_model::weights::Data;
use aimclr_model::{Card, Weights};
use aimclr_skeleton::cli::table::table;
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Columns of the sparkline.
const COLUMNS: usize = 60;
/// Mistakes that are told.
const MISTAKES: usize = 5;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Run, result, a folder with some of them, or a .safetensors file.
    #[arg(value_name = "RUN|RESULT|FILE")]
    path: PathBuf,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// A result and its worst mistakes.
#[derive(Serialize)]
struct Outcome {
    folder: PathBuf,
    #[serde(flatten)]
    measured: Measured,
    mistakes: Vec<Mistake>,
}

/// A folder with several runs or results.
#[derive(Serialize)]
struct Overview {
    runs: Vec<Status>,
    results: Vec<Line>,
}

/// What a weight file holds.
#[derive(Serialize)]
struct File {
    path: PathBuf,
    parameters: Option<usize>,
    card: Option<Card>,
    tensors: Vec<Stored>,
}

#[derive(Serialize)]
struct Stored {
    name: String,
    dtype: &'static str,
    shape: Vec<usize>,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let Arguments { path, json } = arguments;
    if !path.is_dir() {
        let file = file(&path)?;
        return print(json, &file, in_file);
    }
    let found = Found::beneath(&path)?;
    let results = found.results.iter();
    let results: Vec<ResultFolder> = results
        .map(|p| ResultFolder::read(p))
        .collect::<Result<_, _>>()?;
    if found.runs.contains(&path) {
        let status = Status::of(&Run::read(&path)?, &results)?;
        return print(json, &status, of_run);
    }
    if let Some(result) = results.iter().find(|result| result.folder == path) {
        let outcome = Outcome {
            folder: path,
            measured: result.measured.clone(),
            mistakes: result.measured.mistakes(MISTAKES),
        };
        return print(json, &outcome, of_result);
    }
    let mut overview = Overview {
        runs: Vec::new(),
        results: results.iter().map(Line::of).collect(),
    };
    for folder in &found.runs {
        overview.runs.push(Status::of(&Run::read(folder)?, &[])?);
    }
    print(json, &overview, of_folder)
}

fn print<T: Serialize>(json: bool, what: &T, in_words: fn(&T) -> String) -> Result<()> {
    let text = match json {
        true => serde_json::to_string(what)? + "\n",
        false => in_words(what),
    };
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

/// Names and what they stand for, in two columns; names that say nothing are left out.
fn facts(facts: &[(&str, String)]) -> String {
    let given = facts.iter().filter(|(_, value)| !value.is_empty());
    let lines = given.map(|(name, value)| format!("{name:<14} {}\n", plain(value)));
    lines.collect()
}

fn of_run(status: &Status) -> String {
    let done = match status.all_epochs {
        0 => String::new(),
        all => format!(", {} %", 100 * status.epochs / all),
    };
    let left = status
        .seconds_left
        .map(|left| format!(", {} left", duration(left)));
    let checkpoint = status
        .checkpoint_age
        .map(|age| format!("{} ago", duration(age)));
    let mut text = facts(&[
        ("run", status.folder.display().to_string()),
        (
            "pre-training",
            format!(
                "{} ({}), {} stream",
                status.dataset, status.split, status.stream
            ),
        ),
        ("data", status.data.display().to_string()),
        (
            "epochs",
            format!("{} of {}{done}", status.epochs, status.all_epochs),
        ),
        ("steps", grouped(status.steps)),
        ("time", duration(status.seconds) + &left.unwrap_or_default()),
        (
            "checkpoint",
            checkpoint.unwrap_or_else(|| "none yet".into()),
        ),
        (
            "parameters",
            status
                .parameters
                .map(|n| grouped(n as u64))
                .unwrap_or_default(),
        ),
    ]);
    if let Some(last) = &status.last {
        text += &facts(&[
            ("loss", sparkline(&status.losses, COLUMNS)),
            (
                "",
                format!(
                    "{:.3} = contrast {:.3} + d3m ({:.3} + {:.3})/2",
                    last.loss, last.contrast, last.d3m_extreme, last.d3m_dropped
                ),
            ),
            ("spread", format!("{:.2}", last.spread)),
            ("lr", short_number(last.lr)),
            ("speed", format!("{:.0} samples/s", last.samples_per_second)),
        ]);
    }
    text += &facts(&[("verdict", verdict(status))]);
    text += &changed(&status.settings);
    text + &lines(&status.results)
}

/// Settings that are not the published ones.
fn changed(settings: &[Setting]) -> String {
    if settings.is_empty() {
        return String::new();
    }
    let cells = |s: &Setting| {
        [&s.name, &s.value, &s.published]
            .map(|cell| plain(cell))
            .to_vec()
    };
    let rows: Vec<Vec<String>> = settings.iter().map(cells).collect();
    String::from("\n") + &table(&["setting", "here", "published"], &rows)
}

fn verdict(status: &Status) -> String {
    match (&status.fault, &status.last) {
        (Some(fault), _) => fault.clone(),
        (None, Some(last)) if last.epoch < PATIENCE => "too early to tell".into(),
        (None, Some(_)) => "neither collapsed nor on the uniform plateau".into(),
        (None, None) => "no epoch is done yet".into(),
    }
}

/// Results, one a line.
fn lines(results: &[Line]) -> String {
    if results.is_empty() {
        return String::new();
    }
    let row = |line: &Line| {
        [
            line.folder.display().to_string(),
            line.protocol.clone(),
            line.top1(),
            format!("{:.2}", line.top5),
            line.samples.to_string(),
            line.selected_on.clone().unwrap_or_default(),
        ]
        .map(|cell| plain(&cell))
        .to_vec()
    };
    let rows: Vec<Vec<String>> = results.iter().map(row).collect();
    let head = [
        "result",
        "protocol",
        " top-1 %",
        " top-5 %",
        " samples",
        "chosen on",
    ];
    "\n".to_string() + &table(&head, &rows)
}

fn of_result(outcome: &Outcome) -> String {
    let Outcome {
        folder,
        measured,
        mistakes,
    } = outcome;
    let spread = measured.seeds.as_ref().map(|seeds| {
        let mean = |of: &crate::report::result::Deviation| {
            format!("{:.2} ± {:.2} %", of.mean, of.deviation)
        };
        (mean(&seeds.top1), mean(&seeds.top5))
    });
    let single = (
        format!("{:.2} %", measured.top1),
        format!("{:.2} %", measured.top5),
    );
    let (top1, top5) = spread.unwrap_or(single);
    let chosen = match measured.chosen_on_test() {
        true => "test part: that flatters the result".into(),
        false => measured.selected_on.clone().unwrap_or_default(),
    };
    let mut text = facts(&[
        ("result", folder.display().to_string()),
        ("protocol", measured.protocol.clone()),
        (
            "data",
            [measured.dataset.as_str(), &measured.split]
                .join(" ")
                .trim()
                .into(),
        ),
        ("streams", measured.streams.join(", ")),
        ("test", format!("{} samples", grouped(measured.samples))),
        (
            "training",
            format!("{} samples", grouped(measured.training)),
        ),
        ("top-1", top1),
        ("top-5", top5),
        ("chosen on", chosen),
    ]);
    for (name, percent) in &measured.further {
        text += &facts(&[(&plain(name), format!("{percent:.2} %"))]);
    }
    text += &changed(&measured.changed_settings());
    let percent = |percent: &Option<f64>| percent.map_or("".into(), |p| format!("{p:.2}"));
    let classes = measured.per_class.iter();
    let rows: Vec<Vec<String>> = classes
        .map(|(name, p)| vec![plain(name), percent(p)])
        .collect();
    if !rows.is_empty() {
        text += "\n";
        text += &table(&["class", " top-1 %"], &rows);
    }
    for (i, mistake) in mistakes.iter().enumerate() {
        let lead = if i == 0 { "\n" } else { "" };
        text += &format!(
            "{lead}  {} taken for {} {}\u{d7}\n",
            plain(&mistake.class),
            plain(&mistake.taken_for),
            mistake.count
        );
    }
    text
}

fn of_folder(overview: &Overview) -> String {
    let row = |status: &Status| {
        [
            status.folder.display().to_string(),
            status.dataset.clone(),
            status.split.clone(),
            status.stream.clone(),
            format!("{}/{}", status.epochs, status.all_epochs),
            status
                .last
                .as_ref()
                .map(|last| format!("{:.3}", last.loss))
                .unwrap_or_default(),
            match status.fault {
                Some(_) => "look closer".into(),
                None => String::new(),
            },
        ]
        .map(|cell| plain(&cell))
        .to_vec()
    };
    let rows: Vec<Vec<String>> = overview.runs.iter().map(row).collect();
    let head = ["run", "data set", "split", "stream", " epochs", " loss", ""];
    let runs = match rows.is_empty() {
        true => String::new(),
        false => table(&head, &rows),
    };
    (runs + &lines(&overview.results))
        .trim_start_matches('\n')
        .into()
}

fn file(path: &Path) -> Result<File> {
    let weights = Weights::read(path)?;
    let stored = |(name, tensor): (&String, &aimclr_model::Tensor)| Stored {
        name: name.clone(),
        dtype: match tensor.data {
            Data::F32(_) => "f32",
            Data::I64(_) => "i64",
        },
        shape: tensor.shape.clone(),
    };
    Ok(File {
        path: path.into(),
        parameters: status::parameters(&weights),
        tensors: weights.tensors.iter().map(stored).collect(),
        card: weights.card,
    })
}

fn in_file(file: &File) -> String {
    let mut text = facts(&[
        ("file", file.path.display().to_string()),
        (
            "parameters",
            file.parameters
                .map(|n| grouped(n as u64))
                .unwrap_or_default(),
        ),
    ]);
    match &file.card {
        None => text += &facts(&[("card", "none".into())]),
        Some(card) => text += &in_card(card),
    }
    let rows = file.tensors.iter();
    let rows: Vec<Vec<String>> = rows
        .map(|tensor| {
            vec![
                plain(&tensor.name),
                tensor.dtype.into(),
                format!("{:?}", tensor.shape),
            ]
        })
        .collect();
    text + "\n" + &table(&["tensor", "dtype", "shape"], &rows)
}

fn in_card(card: &Card) -> String {
    let made = &card.provenance;
    let streams: Vec<String> = card.streams.iter().map(ToString::to_string).collect();
    let metrics = made.metrics.iter();
    let metrics: Vec<String> = metrics
        .map(|(name, value)| format!("{name} {value:.2}"))
        .collect();
    facts(&[
        ("streams", streams.join(", ")),
        (
            "layout",
            format!(
                "{}, {} joints, {} bodies",
                card.layout.name,
                card.layout.len(),
                card.bodies
            ),
        ),
        (
            "window",
            format!("{} frames, {:.3} s", card.frames, card.window),
        ),
        ("classes", card.classes.len().to_string()),
        ("embedding", card.embedding.to_string()),
        ("preprocessing", card.preprocessing.to_string()),
        (
            "trained on",
            format!("{} ({}), {}", made.dataset, made.split, made.protocol),
        ),
        ("epochs", made.epochs.to_string()),
        ("seed", made.seed.to_string()),
        ("licence", made.license.clone()),
        ("cite", made.citation.clone()),
        ("built from", made.commit.clone().unwrap_or_default()),
        ("metrics", metrics.join(", ")),
    ])
}
