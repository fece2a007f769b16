//! Clips of a single person, as enrolling takes them, and the windows of data sets.

use super::live;
use super::warnings::Warnings;
use crate::classify::{Classifier, Clip};
use crate::source::Reader;
use aimclr_engine::Output;
use aimclr_model::Card;
use aimclr_skeleton::Dataset;
use aimclr_skeleton::convert::Way;
use anyhow::{Context, bail, ensure};
use std::io::BufReader;
use std::ops::Range;
use std::path::Path;

/// What the model says about each window of the one person in a recording's `part`, seconds.
pub(super) fn recording(
    path: &Path,
    part: Range<f64>,
    card: &Card,
    classifier: &mut Classifier<'_>,
) -> anyhow::Result<Output> {
    let (name, bytes) = live::open(path)?;
    let mut clip = Clip::new(&card.layout);
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
        let added = item.frame.and_then(|frame| clip.add(&frame));
        clip.news()
            .iter()
            .for_each(|news| eprintln!("note: {name}: {news}"));
        if let Err(fault) = added
            && let Some(warning) = warnings.about(&name, item.line, &fault)
        {
            eprintln!("{warning}");
        }
    }
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
    let (from, name) = (dataset.layout(), path.display());
    ensure!(
        from.name != card.layout.name || from.joints == card.layout.joints,
        "{name}: layout: \"{}\" has other joints here than in the model's card",
        from.name
    );
    let way = Way::find(&from.name, &card.layout).with_context(|| name.to_string())?;
    way.note()
        .iter()
        .for_each(|news| eprintln!("note: {name}: {news}"));
    Ok((dataset, way))
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
