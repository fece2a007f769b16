//! Labelled windows of a data set, as a model sees them.

use crate::ExportError;
use crate::source::Source;
use aimclr_engine::{Engine, Output, Windows};
use aimclr_skeleton::dataset::Part;
use aimclr_skeleton::window::Cut;
use aimclr_skeleton::{Dataset, resize};
use std::collections::BTreeMap;

/// Windows that go through an engine at once.
const BATCH: usize = 8;

/// Labelled windows, resampled to the card's frames, as `aimclr-run classify` and the trainer's
/// protocols look at them.
#[derive(Debug, Clone)]
pub struct Samples {
    /// M, bodies of each.
    pub bodies: usize,
    /// Class of each, as the card numbers them; empty for a card without classes.
    pub labels: Vec<usize>,
    /// Sequence of the data set that each was cut from; those of one lie side by side.
    pub recordings: Vec<usize>,
    /// Raw joints, shape (N, M, T, V, 3).
    pub data: Vec<f32>,
    /// N.
    pub count: usize,
}

impl Samples {
    /// One part of a split, cut as the model was trained; of more than `limit` windows a spread over
    /// classes and over the part.
    ///
    /// # Errors
    /// The data set has another layout than the card or classes that the card doesn't know, the
    /// split is unknown or its part empty, or a sample can't be read.
    pub fn read(
        dataset: &Dataset,
        source: &Source,
        (split, part): (&str, Part),
        cut: Cut,
        limit: Option<usize>,
    ) -> Result<Self, ExportError> {
        let card = &source.card;
        let fail = |reason: String| ExportError::Data {
            path: dataset.folder().into(),
            reason,
        };
        let (found, expected) = (dataset.layout(), &card.layout);
        if found.joints != expected.joints {
            return Err(fail(format!(
                "its layout is {}, the model's {}",
                found.name, expected.name
            )));
        }
        let classes = classes(dataset, source).map_err(fail)?;
        let fps = dataset.meta().fps;
        let mut places = Vec::new();
        for index in dataset.part(split, part)? {
            let ranges = cut.ranges(dataset.samples()[index].frames, fps);
            places.extend(ranges.into_iter().map(|range| (index, range)));
        }
        if let Some(limit) = limit.filter(|limit| places.len() > *limit) {
            let labels = places
                .iter()
                .map(|(index, _)| dataset.samples()[*index].label);
            let chosen = spread(labels, limit);
            places = chosen.into_iter().map(|at| places[at].clone()).collect();
        }
        let bodies = dataset.meta().bodies.min(card.bodies);
        let mut samples = Self {
            bodies,
            labels: Vec::new(),
            recordings: Vec::new(),
            data: Vec::new(),
            count: 0,
        };
        for (index, range) in places {
            let part = cut.part(dataset.sequence(index)?, range);
            let window = resize::onto(part, card.frames, &card.layout);
            window.bodies_first(bodies, &mut samples.data);
            samples.count += 1;
            samples.recordings.push(index);
            if !card.classes.is_empty() {
                samples.labels.push(classes[dataset.samples()[index].label]);
            }
        }
        match samples.count {
            0 => Err(fail(format!("split \"{split}\" leaves no sample"))),
            _ => Ok(samples),
        }
    }

    /// Some of them.
    pub fn some(&self, chosen: &[usize]) -> Self {
        let size = self.data.len() / self.count;
        let window = |at: &usize| &self.data[at * size..][..size];
        Self {
            bodies: self.bodies,
            labels: chosen
                .iter()
                .filter_map(|at| self.labels.get(*at).copied())
                .collect(),
            recordings: chosen.iter().map(|at| self.recordings[*at]).collect(),
            data: chosen.iter().flat_map(window).copied().collect(),
            count: chosen.len(),
        }
    }

    /// All of them, for an engine.
    pub fn windows(&self) -> Windows<'_> {
        Windows {
            n: self.count,
            m: self.bodies,
            data: &self.data,
        }
    }

    /// Share of the rows of `scores`, one a sample, whose highest is the sample's class; percent.
    pub fn top1(&self, scores: &[f32]) -> f64 {
        let width = scores.len() / self.count;
        let rows = scores.chunks_exact(width).zip(&self.labels);
        let right = rows.filter(|(row, label)| best(row) == Some(**label));
        100.0 * right.count() as f64 / self.count as f64
    }
}

/// The card's number of each class of the data set.
fn classes(dataset: &Dataset, source: &Source) -> Result<Vec<usize>, String> {
    if source.classes() == 0 {
        return Ok(Vec::new());
    }
    let number = |name: &String| {
        source.class_of(name).ok_or_else(|| {
            let known = source.card.classes.join(", ");
            format!("its class \"{name}\" is none of the model's: {known}")
        })
    };
    dataset.meta().classes.iter().map(number).collect()
}

/// Which `limit` of the places with these labels to take: class by class in turn, of each evenly.
fn spread(labels: impl Iterator<Item = usize>, limit: usize) -> Vec<usize> {
    let mut classes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, label) in labels.enumerate() {
        classes.entry(label).or_default().push(at);
    }
    let mut chosen = Vec::new();
    let (mut left, mut rest) = (limit, classes.len());
    // Small classes first, so that what they lack goes to the others.
    let mut classes: Vec<Vec<usize>> = classes.into_values().collect();
    classes.sort_by_key(Vec::len);
    for class in classes {
        let take = left.div_ceil(rest).min(class.len());
        chosen.extend((0..take).map(|i| class[i * class.len() / take]));
        left -= take;
        rest -= 1;
    }
    chosen.sort_unstable();
    chosen
}

/// Runs windows batch by batch; `take` gets each output and the share that is done.
pub(crate) fn batches(
    engine: &mut dyn Engine,
    windows: Windows<'_>,
    mut take: impl FnMut(Output, f64),
) -> Result<(), ExportError> {
    let Windows { n, m, data } = windows;
    let size = data.len() / n.max(1);
    for (i, data) in data.chunks((BATCH * size).max(1)).enumerate() {
        let rows = data.len() / size;
        let output = engine.run(Windows { n: rows, m, data })?;
        take(output, (i * BATCH + rows) as f64 / n as f64);
    }
    Ok(())
}

/// Logits of all windows, or their embeddings from a model without classifier, a row each.
pub fn scores(
    engine: &mut dyn Engine,
    windows: Windows<'_>,
    mut progress: impl FnMut(f64),
) -> Result<Vec<f32>, ExportError> {
    let mut scores = Vec::new();
    batches(engine, windows, |output, share| {
        progress(share);
        scores.extend_from_slice(match output.logits.is_empty() {
            true => &output.embedding,
            false => &output.logits,
        });
    })?;
    Ok(scores)
}

/// Place of the highest score.
pub(crate) fn best(scores: &[f32]) -> Option<usize> {
    let indexed = scores.iter().enumerate();
    indexed.max_by(|a, b| a.1.total_cmp(b.1)).map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_spread_over_classes() {
        // 90 of class 0, 9 of class 1, 1 of class 2.
        let label = |at: usize| match at {
            0..90 => 0,
            90..99 => 1,
            _ => 2,
        };
        let chosen = spread((0..100).map(label), 21);
        let count = |class| chosen.iter().filter(|at| label(**at) == class).count();
        assert_eq!([count(0), count(1), count(2)], [11, 9, 1]);
        assert!(chosen.is_sorted() && chosen[10] > 80, "{chosen:?}");
    }
}
