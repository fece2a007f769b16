//! `aimclr-run gallery`.

use super::clips;
use super::model::ModelArgs;
use super::numbers::probability;
use crate::classify::Classifier;
use crate::event::UNKNOWN;
use crate::gallery::{Gallery, MOST_BACKGROUND, Matcher, Window, spread};
use crate::settings::{Settings, Span};
use aimclr_skeleton::cli::table::table;
use aimclr_skeleton::dataset::Part;
use anyhow::ensure;
use clap::Subcommand;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-run gallery list g.json
  aimclr-run gallery forget g.json nod
  aimclr-run gallery background g.json --model model.onnx --data motions --split subjects
  aimclr-run gallery measure g.json --model model.onnx --data motions --split subjects";

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what was enrolled.
    List {
        /// The gallery
        #[arg(value_name = "FILE.json")]
        gallery: PathBuf,
    },
    /// Take an action out.
    Forget {
        /// The gallery
        #[arg(value_name = "FILE.json")]
        gallery: PathBuf,
        /// The action's name
        #[arg(value_name = "NAME")]
        action: String,
    },
    /// Tell the gallery what people do otherwise, from the training part of a data set.
    Background(With),
    /// Count how often the test part of a data set is recognised rightly.
    Measure {
        #[command(flatten)]
        with: With,
        /// Say "unknown" below this probability [default: the model's]
        #[arg(long, value_name = "P", value_parser = probability)]
        threshold: Option<f64>,
    },
}

/// A gallery and data for it.
#[derive(Debug, clap::Args)]
struct With {
    /// The gallery
    #[arg(value_name = "FILE.json")]
    gallery: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    /// A data set
    #[arg(long, value_name = "DATASET")]
    data: PathBuf,
    /// Its split [default: all samples count]
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::List { gallery } => list(gallery)?,
        Command::Forget { gallery, action } => {
            let mut changed = Gallery::read(gallery)?;
            changed.forget(action)?;
            changed.write(gallery)?;
        }
        Command::Background(with) => background(with)?,
        Command::Measure { with, threshold } => measure(with, *threshold)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(path: &std::path::Path) -> anyhow::Result<()> {
    let gallery = Gallery::read(path)?;
    let matcher = Matcher::new(&gallery);
    let rows: Vec<Vec<String>> = (gallery.actions.iter().zip(matcher.thresholds()))
        .map(|(action, threshold)| {
            let windows: usize = action.clips.iter().map(|clip| clip.embeddings.len()).sum();
            let from: Vec<&str> = action.clips.iter().map(|clip| &*clip.from).collect();
            vec![
                action.name.clone(),
                action.clips.len().to_string(),
                windows.to_string(),
                format!("{threshold:.2}"),
                from.join(", "),
            ]
        })
        .collect();
    let head = ["action", " clips", " windows", " reach", "from"];
    writeln!(
        std::io::stdout(),
        "{}background: {} windows",
        table(&head, &rows),
        gallery.background()
    )?;
    Ok(())
}

fn background(with: &With) -> anyhow::Result<()> {
    let mut windows = Vec::new();
    let mut gallery = with.each(Part::Train, MOST_BACKGROUND, |name, outputs, card| {
        let embeddings = outputs.embedding.chunks(card.embedding);
        windows.extend(embeddings.map(|embedding| Window {
            action: name.into(),
            embedding: embedding.to_vec(),
        }));
    })?;
    gallery.set_background(&windows)?;
    gallery.write(&with.gallery)?;
    let path = with.gallery.display();
    writeln!(
        std::io::stdout(),
        "{path}: background: {} windows",
        gallery.background()
    )?;
    Ok(())
}

fn measure(with: &With, threshold: Option<f64>) -> anyhow::Result<()> {
    let gallery = Gallery::read(&with.gallery)?;
    let matcher = Matcher::new(&gallery);
    let enrolled: Vec<&str> = matcher.names().collect();
    let mut said: Vec<(String, String)> = Vec::new();
    with.each(Part::Test, usize::MAX, |truth, output, card| {
        let mut names: Vec<String> = (0..card.classes.len()).map(|c| card.class(c)).collect();
        let places = matcher.join(&mut names);
        let mut mean = vec![0.0; names.len()];
        for n in 0..output.n {
            let scored = matcher.score(output.embedding_of(n));
            let mixed = scored.mixed(output.probabilities_of(n), &places, names.len());
            for (mean, p) in mean.iter_mut().zip(mixed) {
                *mean += f64::from(p) / output.n as f64;
            }
        }
        let threshold = threshold.unwrap_or(Settings::of(card).threshold);
        let best = crate::decide::best(&mean, 1)[0];
        let found = match best.1 >= threshold {
            true => &names[best.0],
            false => UNKNOWN,
        };
        said.push((truth.into(), found.into()));
    })?;
    let mut truths: Vec<&str> = said.iter().map(|(truth, _)| &**truth).collect();
    truths.sort_unstable_by_key(|truth| (!enrolled.contains(truth), *truth));
    truths.dedup();
    let rows: Vec<Vec<String>> = truths
        .iter()
        .map(|truth| {
            let of = said.iter().filter(|(t, _)| t == truth);
            let all = of.clone().count();
            let share = |what: &dyn Fn(&str) -> bool| {
                let count = of.clone().filter(|(_, found)| what(found)).count();
                format!("{:.1} %", 100.0 * count as f64 / all as f64)
            };
            vec![
                truth.to_string(),
                if enrolled.contains(truth) { "✓" } else { "" }.into(),
                all.to_string(),
                share(&|found| found == *truth),
                share(&|found| found != *truth && enrolled.contains(&found)),
                share(&|found| found == UNKNOWN),
            ]
        })
        .collect();
    let head = [
        "truth",
        "enrolled",
        " clips",
        " right",
        " taken for an enrolled one",
        " unknown",
    ];
    let (new, old): (Vec<_>, Vec<_>) =
        (said.iter()).partition(|(truth, _)| enrolled.contains(&&**truth));
    let share = |of: &[&(String, String)], what: &dyn Fn(&str, &str) -> bool| {
        let count = of
            .iter()
            .filter(|(truth, found)| what(truth, found))
            .count();
        100.0 * count as f64 / of.len().max(1) as f64
    };
    writeln!(
        std::io::stdout(),
        "{}enrolled actions: {:.1} % of {} clips recognised; others: {:.1} % of {} taken for an \
         enrolled one, {:.1} % right, {:.1} % unknown",
        table(&head, &rows),
        share(&new, &|truth, found| truth == found),
        new.len(),
        share(&old, &|_, found| enrolled.contains(&found)),
        old.len(),
        share(&old, &|truth, found| truth == found),
        share(&old, &|_, found| found == UNKNOWN),
    )?;
    Ok(())
}

impl With {
    /// Shows each sample of a part to the model, of more than `most` evenly spread ones: its class
    /// and what the model says about its windows. Gives the gallery.
    fn each(
        &self,
        part: Part,
        most: usize,
        mut take: impl FnMut(&str, &aimclr_engine::Output, &aimclr_model::Card),
    ) -> anyhow::Result<Gallery> {
        let (model, mut engine) = self.model.open()?;
        let gallery = Gallery::open(&self.gallery, &model)?;
        let data = clips::dataset(&self.data, &model.card)?;
        let chosen: Vec<usize> = match &self.split {
            Some(split) => data.0.part(split, part)?,
            None => (0..data.0.samples().len()).collect(),
        };
        ensure!(!chosen.is_empty(), "{}: no samples", self.data.display());
        let cut = Span::of(model.card.window).cut();
        let mut classifier = Classifier::new(&model.card, &mut *engine, cut);
        for index in spread(chosen.len(), most).map(|at| chosen[at]) {
            let output = clips::sample(&data, index, &mut classifier)?;
            let label = data.0.samples()[index].label;
            take(&data.0.meta().classes[label], &output, &model.card);
        }
        Ok(gallery)
    }
}
