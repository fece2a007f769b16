//! Which convolutions are computed in bytes, and with what ranges: found by running the model on
//! windows of a data set.
//!
//! Every convolution is a candidate. Ranges come from what goes through it (see [`observe`]), cut at
//! the share that costs the least, and what rounding does to the mean of each channel is taken back.
//! What is then still told apart otherwise than in f32 is mended by leaving the convolutions that
//! hurt most for the time they save in f32.

mod observe;

use crate::ExportError;
use crate::graph::{self, Form, Ranges};
use crate::samples::{best, scores};
use crate::source::Source;
use aimclr_engine::{Options, Windows, open};
use aimclr_model::onnx::ModelFile;
use serde::Serialize;
use std::collections::BTreeMap;

/// Shares of the values that ranges may be cut to.
const SHARES: [f64; 4] = [1.0, 0.99999, 0.9999, 0.999];

/// Share of the windows that may have another best class than in f32.
const OTHERWISE: f64 = 0.004;

/// How far embeddings may be off where there are no classes, root mean square, as a share of their
/// spread within a window.
const OFF: f64 = 0.008;

/// What was chosen.
#[derive(Debug, Clone, Serialize)]
pub struct Chosen {
    /// Ranges of the convolutions in bytes.
    #[serde(skip)]
    pub ranges: BTreeMap<String, Ranges>,
    /// What their channels are moved by.
    #[serde(skip)]
    pub shifts: BTreeMap<String, Vec<f64>>,
    /// Convolutions left in f32, those that hurt most first.
    pub kept: Vec<String>,
    /// Share of the values that the ranges span.
    pub share: f64,
    /// Share of the multiply-accumulates of all convolutions that is done in bytes.
    pub in_bytes: f64,
    /// Share of the windows that are told apart as in f32.
    pub agreement: f64,
    /// How far scores are off, root mean square, as a share of their spread within a window.
    pub off: f64,
}

/// Runs models on the same windows and compares what they say.
struct Trials<'a> {
    source: &'a Source,
    windows: Windows<'a>,
    options: Options,
    /// What the model in f32 says, a row a window.
    expected: Vec<f32>,
    width: usize,
}

/// Windows to choose by.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// Of the training part: ranges come from these.
    pub training: Windows<'a>,
    /// Of people whom the classifier doesn't know, if there are any: a classifier is so sure of those
    /// that it was trained on that they are told alike whatever is done.
    pub unseen: Option<Windows<'a>>,
}

/// How far a model is from the one in f32.
#[derive(Clone, Copy, Default)]
struct Distance {
    /// Root mean square of the differences, as a share of the scores' spread.
    off: f64,
    /// Share of the windows that are told apart otherwise.
    otherwise: f64,
}

impl Distance {
    fn is_far(self, classes: usize) -> bool {
        match classes {
            0 => self.off > OFF,
            _ => self.otherwise > OTHERWISE,
        }
    }
}

/// Chooses what becomes bytes by what goes through the model. `progress` is told the share of the
/// work that is done.
///
/// # Errors
/// The engine isn't there or can't run the graph.
pub fn choose(
    source: &Source,
    given: Given<'_>,
    options: Options,
    mut progress: impl FnMut(f64),
) -> Result<Chosen, ExportError> {
    let Given { training, unseen } = given;
    let observed = observe::observe(source, training, options, |share| progress(0.3 * share))?;
    let trials = Trials::new(source, unseen.unwrap_or(training), options)?;
    let classes = source.classes();

    // Sums that go up for each further trial; how many there will be isn't known before.
    let mut done = 0.3;
    let mut step = |progress: &mut dyn FnMut(f64)| {
        done += (1.0 - done) * 0.07;
        progress(done);
    };
    let mut best: Option<(f64, BTreeMap<_, _>, BTreeMap<_, _>, Distance)> = None;
    for share in SHARES {
        let ranges = observe::ranges(&observed, share);
        let shifts = observe::shifts(source, &ranges, training, options)?;
        let distance = trials.of(&ranges, &shifts)?;
        step(&mut progress);
        if best
            .as_ref()
            .is_none_or(|(.., least)| distance.off < least.off)
        {
            best = Some((share, ranges, shifts, distance));
        }
    }
    let (share, mut ranges, shifts, mut distance) = best.expect("shares are not empty");
    let mut kept = Vec::new();
    if distance.is_far(classes) {
        let mut hurt = Vec::new();
        for seen in &observed {
            let alone = BTreeMap::from([(seen.name.clone(), ranges[&seen.name])]);
            let off = trials.of(&alone, &shifts)?.off;
            step(&mut progress);
            // Errors of convolutions add up by their squares.
            hurt.push((off * off / seen.macs as f64, &seen.name));
        }
        hurt.sort_by(|a, b| b.0.total_cmp(&a.0));
        // The fewest that are enough, found by halving: what is left to be told apart otherwise goes
        // down with every one, all but a little.
        let without = |count: usize| {
            let mut left = ranges.clone();
            left.retain(|name, _| hurt[..count].iter().all(|(_, kept)| *kept != name));
            left
        };
        let (mut few, mut enough) = (0, hurt.len());
        distance = Distance::default();
        while enough - few > 1 {
            let middle = usize::midpoint(few, enough);
            let found = trials.of(&without(middle), &shifts)?;
            step(&mut progress);
            match found.is_far(classes) {
                true => few = middle,
                false => (enough, distance) = (middle, found),
            }
        }
        kept.extend(hurt[..enough].iter().map(|(_, name)| (*name).clone()));
        ranges = without(enough);
    }
    progress(1.0);
    let macs = |seen: &observe::Seen| seen.macs as f64;
    let all: f64 = observed.iter().map(macs).sum();
    let bytes = observed
        .iter()
        .filter(|seen| ranges.contains_key(&seen.name));
    Ok(Chosen {
        in_bytes: bytes.map(macs).sum::<f64>() / all,
        agreement: 1.0 - distance.otherwise,
        off: distance.off,
        ranges,
        shifts,
        kept,
        share,
    })
}

impl<'a> Trials<'a> {
    fn new(
        source: &'a Source,
        windows: Windows<'a>,
        options: Options,
    ) -> Result<Self, ExportError> {
        let mut trials = Self {
            source,
            windows,
            options,
            expected: Vec::new(),
            width: 0,
        };
        trials.expected = trials.say(&Form::single())?;
        trials.width = trials.expected.len() / windows.n.max(1);
        Ok(trials)
    }

    fn of(
        &self,
        ranges: &BTreeMap<String, Ranges>,
        shifts: &BTreeMap<String, Vec<f64>>,
    ) -> Result<Distance, ExportError> {
        let found = self.say(&Form::quantised(ranges.clone(), shifts.clone()))?;
        let rows = self.expected.chunks_exact(self.width);
        let (mut error, mut spread, mut otherwise) = (0.0, 0.0, 0);
        for (expected, found) in rows.zip(found.chunks_exact(self.width)) {
            let pairs = expected.iter().zip(found);
            error += pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
            let mean = expected.iter().sum::<f32>() / self.width as f32;
            let squares = expected.iter().map(|x| f64::from(x - mean).powi(2));
            spread += squares.sum::<f64>();
            let classes = self.source.classes() > 0;
            otherwise += usize::from(classes && best(expected) != best(found));
        }
        Ok(Distance {
            off: (error / spread.max(f64::MIN_POSITIVE)).sqrt(),
            otherwise: otherwise as f64 / self.windows.n.max(1) as f64,
        })
    }

    /// Logits of every window, or embeddings where there is no classifier.
    fn say(&self, form: &Form) -> Result<Vec<f32>, ExportError> {
        let model = graph::model(self.source, form);
        let model = ModelFile::of(self.source.path(), model, &self.source.card);
        let mut engine = open(&model, self.options)?;
        scores(&mut *engine, self.windows, |_| ())
    }
}

#[cfg(test)]
mod tests;
