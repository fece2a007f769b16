//! Clips of a single person, as enrolling takes them, and the windows of data sets.

use super::live;
use super::warnings::Warnings;
use crate::classify::{Classifier, Clip};
use crate::source::Reader;
use aimclr_engine::Output;
use aimclr_model::Card;
use aimclr_skeleton::convert::Way;
use aimclr_skeleton::{Dataset, Layout};
use anyhow::{Context, bail, ensure};
use std::io::BufReader;
use std::ops::Range;
use std::path::Path;

/// Everybody in a recording, or in a part of it.
pub(super) struct Seen {
    /// The recording's name, for messages.
    pub name: String,
    pub clip: Clip,
    /// Lines of the part.
    pub lines: u64,
    /// Those among them that were used.
    pub used: u64,
}

/// Reads the frames of a `part`, seconds, of a recording, and tells which lines can't be used.
pub(super) fn read(path: &Path, part: Range<f64>, card: &Card) -> anyhow::Result<Seen> {
    let (name, bytes) = live::open(path)?;
    let mut clip = Clip::new(&card.layout);
    let (mut lines, mut used) = (0, 0);
    let mut warnings = Warnings::default();
    for item in Reader::new(BufReader::with_capacity(1 << 16, bytes)) {
        let item = item.with_context(|| name.clone())?;
        if item
            .frame
            .as_ref()
            .is_ok_and(|frame| !part.contains(&frame.t))
        {
            continue;
        }
        lines += 1;
        let added = item.frame.and_then(|frame| clip.add(&frame));
        clip.news().iter().for_each(|news| say(&name, news));
        match added {
            Ok(()) => used += 1,
            Err(fault) => {
                if let Some(warning) = warnings.about(&name, item.line, &fault) {
                    eprintln!("{warning}");
                }
            }
        }
    }
    Ok(Seen {
        name,
        clip,
        lines,
        used,
    })
}

/// What the model says about each window of the one person in a recording's `part`, seconds.
pub(super) fn recording(
    path: &Path,
    part: Range<f64>,
    card: &Card,
    classifier: &mut Classifier<'_>,
) -> anyhow::Result<Output> {
    let Seen { name, clip, .. } = read(path, part, card)?;
    let people: Vec<_> = clip.people().map(|(_, _, samples)| samples).collect();
    let [samples] = people[..] else {
        bail!(
            "{name}: expected one person, found {}; --from and --to choose a part",
            people.len()
        );
    };
    let output = classifier.windows_of_person(samples)?;
    output.with_context(|| format!("{name}: not a single joint is seen"))
}

/// A data set whose layout has a way onto the model's.
pub(super) fn dataset(path: &Path, card: &Card) -> anyhow::Result<(Dataset, Way)> {
    let dataset = Dataset::open(path)?;
    let way = way(&path.display().to_string(), dataset.layout(), card)?;
    Ok((dataset, way))
}

/// The way from the layout of a data set onto the model's; says where it leads.
pub(super) fn way(name: &str, from: &Layout, card: &Card) -> anyhow::Result<Way> {
    ensure!(
        from.name != card.layout.name || from.joints == card.layout.joints,
        "{name}: layout: \"{}\" has other joints here than in the model's card",
        from.name
    );
    let way = Way::find(&from.name, &card.layout).with_context(|| name.to_string())?;
    way.note().iter().for_each(|news| say(name, news));
    Ok(way)
}

fn say(name: &str, news: &str) {
    eprintln!("note: {name}: {news}");
}

/// What the model says about each window of a sample.
pub(super) fn sample(
    (dataset, way): &(Dataset, Way),
    index: usize,
    classifier: &mut Classifier<'_>,
) -> anyhow::Result<Output> {
    let sequence = way.sequence(dataset.sequence(index)?)?;
    let output = classifier.windows_of_sequence(sequence.view(), dataset.meta().fps)?;
    output.with_context(|| format!("sample {}: it has no frames", dataset.samples()[index].name))
}
