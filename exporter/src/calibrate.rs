//! How scores are to be read: the temperature that makes probabilities of them, and the probability
//! below which a best class means "unknown". Both are fitted on one half of windows that nothing
//! was trained on, and measured on the other half.

use crate::merge::merge;
use aimclr_model::card::{Calibration, Fitted};
use serde::Serialize;
use std::collections::BTreeMap;

/// Bins of the expected calibration error, as in Guo et al., "On Calibration of Modern Neural
/// Networks", 2017.
pub const BINS: usize = 15;

/// Share of the rightly told windows that stays known.
const KNOWN: f64 = 0.95;

/// Temperatures that are looked at.
const TEMPERATURES: [f64; 2] = [0.01, 100.0];

/// Steps over the temperatures, on a logarithmic scale, before the search goes into one of them.
const STEPS: usize = 60;

/// Temperature and threshold are written with so many parts of 1.
const PARTS: f64 = 1e4;

/// Windows that nothing was trained on, with what the classifier says of them.
pub struct HeldOut<'a> {
    /// A row of scores for each window.
    pub scores: &'a [f64],
    /// Class of each score, where classes are merged; see [`merge`].
    pub merged: &'a [usize],
    /// Class of each window.
    pub labels: &'a [usize],
    /// Recording that each window was cut from; those of one recording lie side by side.
    pub recordings: &'a [usize],
    /// How many windows after one overlap it.
    pub overlap: usize,
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct Calibrated {
    /// For the card; what was measured included.
    #[serde(flatten)]
    pub calibration: Calibration,
    /// How often the best class is right, by its probability, at a temperature of 1.
    pub reliability_before: Vec<Bin>,
    /// The same at the temperature that was found.
    pub reliability_after: Vec<Bin>,
}

/// Windows whose best probability p lies in (i / 15, (i + 1) / 15], of the bin i.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Bin {
    /// How many.
    pub windows: usize,
    /// Their mean best probability.
    pub confidence: f64,
    /// Share of them whose best class is right.
    pub right: f64,
}

/// One window, read at some temperature.
struct Told {
    /// Probability of the best class.
    confidence: f64,
    /// Whether that is the window's.
    right: bool,
    /// −log of the probability of the window's class.
    loss: f64,
    /// The mean of it over all classes.
    blind: f64,
}

/// Fits on one half of the windows and measures on the other. `None` where a half would be empty.
///
/// Halves are made of every other recording of each class; a class's only recording is divided, and
/// windows that reach over the middle are in neither half. The temperature T minimises the mean negative log-likelihood of softmax(scores / T), with one window
/// more whose class is anybody's guess: as with the targets of Platt, "Probabilistic Outputs for
/// Support Vector Machines", 1999, a half that is told without a mistake doesn't make T vanish.
pub fn calibrate(held_out: &HeldOut<'_>, (dataset, split): (&str, &str)) -> Option<Calibrated> {
    let (fitting, measuring) = held_out.halves();
    if fitting.is_empty() || measuring.is_empty() {
        return None;
    }
    let temperature = least(|temperature| {
        let told = held_out.told(&fitting, temperature);
        let blind = mean(&told, |told| told.blind);
        mean(&told, |told| told.loss) + blind / told.len() as f64
    });
    let temperature = (temperature * PARTS).round() / PARTS;
    let unknown_below = threshold(&held_out.told(&fitting, temperature));
    let before = held_out.told(&measuring, 1.0);
    let after = held_out.told(&measuring, temperature);
    let (bins_before, bins_after) = (bins(&before), bins(&after));
    let known = |right: bool| {
        let such = || after.iter().filter(|told| told.right == right);
        let known = such().filter(|told| told.confidence >= unknown_below);
        100.0 * known.count() as f64 / such().count().max(1) as f64
    };
    let fitted = Fitted {
        dataset: dataset.into(),
        split: split.into(),
        fitted_on: fitting.len(),
        samples: measuring.len(),
        top1: 100.0 * mean(&after, |told| f64::from(u8::from(told.right))),
        ece_before: error(&bins_before),
        ece_after: error(&bins_after),
        nll_before: mean(&before, |told| told.loss),
        nll_after: mean(&after, |told| told.loss),
        known_right: known(true),
        known_wrong: known(false),
    };
    Some(Calibrated {
        calibration: Calibration {
            temperature,
            unknown_below,
            fitted: Some(fitted),
        },
        reliability_before: bins_before,
        reliability_after: bins_after,
    })
}

impl HeldOut<'_> {
    /// What is said of some of the windows at a temperature.
    fn told(&self, windows: &[usize], temperature: f64) -> Vec<Told> {
        let width = self.scores.len() / self.labels.len();
        let told = |window: &usize| {
            let scores = &self.scores[window * width..][..width];
            let logits = merge(scores, self.merged, temperature);
            let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let scaled = |logit: f64| (logit - highest) / temperature;
            let whole = logits.iter().map(|l| scaled(*l).exp()).sum::<f64>().ln();
            let losses = logits.iter().map(|l| whole - scaled(*l));
            let own = logits[self.labels[*window]];
            Told {
                confidence: (-whole).exp(),
                right: own == highest,
                loss: whole - scaled(own),
                blind: losses.sum::<f64>() / logits.len() as f64,
            }
        };
        windows.iter().map(told).collect()
    }

    /// Windows to fit on and windows to measure on.
    pub fn halves(&self) -> (Vec<usize>, Vec<usize>) {
        // Of each class, the windows of its recordings.
        let mut classes: BTreeMap<usize, Vec<Vec<usize>>> = BTreeMap::new();
        let mut last = None;
        for (window, place) in self.labels.iter().zip(self.recordings).enumerate() {
            let recordings = classes.entry(*place.0).or_default();
            if last != Some(place) || recordings.is_empty() {
                recordings.push(Vec::new());
                last = Some(place);
            }
            recordings.last_mut().expect("pushed").push(window);
        }
        let mut halves = (Vec::new(), Vec::new());
        for recordings in classes.into_values() {
            if let [only] = &recordings[..] {
                let (earlier, later) = only.split_at(only.len().div_ceil(2));
                halves.0.extend(earlier);
                halves.1.extend(later.iter().skip(self.overlap));
                continue;
            }
            for (i, windows) in recordings.iter().enumerate() {
                match i % 2 {
                    0 => halves.0.extend(windows),
                    _ => halves.1.extend(windows),
                }
            }
        }
        halves
    }
}

/// The temperature where `loss` is least. Without merged classes it is convex in 1 / T, and so has
/// one valley; with some it may have more, so that the search begins at the lowest of many.
fn least(loss: impl Fn(f64) -> f64) -> f64 {
    let [low, high] = TEMPERATURES.map(f64::ln);
    let step = (high - low) / STEPS as f64;
    let loss = |log: f64| loss(log.exp());
    let at = |i: usize| low + i as f64 * step;
    let losses: Vec<f64> = (0..=STEPS).map(|i| loss(at(i))).collect();
    let lowest = (0..=STEPS).min_by(|a, b| losses[*a].total_cmp(&losses[*b]));
    let lowest = at(lowest.unwrap_or(STEPS / 2));
    // Golden section.
    let (mut a, mut b) = ((lowest - step).max(low), (lowest + step).min(high));
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    while b - a > 1e-7 {
        let (left, right) = (b - ratio * (b - a), a + ratio * (b - a));
        match loss(left) <= loss(right) {
            true => b = right,
            false => a = left,
        }
    }
    f64::midpoint(a, b).exp()
}

/// The probability that [`KNOWN`] of the rightly told windows reach, rounded down; 0 where none is
/// rightly told.
fn threshold(told: &[Told]) -> f64 {
    let right = told.iter().filter(|told| told.right);
    let mut right: Vec<f64> = right.map(|told| told.confidence).collect();
    right.sort_by(f64::total_cmp);
    let below = ((1.0 - KNOWN) * right.len() as f64).floor() as usize;
    let reached = right.get(below).copied().unwrap_or(0.0);
    (reached * PARTS).floor() / PARTS
}

fn bins(told: &[Told]) -> Vec<Bin> {
    let mut bins = vec![Bin::default(); BINS];
    for told in told {
        let place = (told.confidence * BINS as f64).ceil() as usize;
        let bin = &mut bins[place.clamp(1, BINS) - 1];
        bin.windows += 1;
        bin.confidence += told.confidence;
        bin.right += f64::from(u8::from(told.right));
    }
    for bin in bins.iter_mut().filter(|bin| bin.windows > 0) {
        bin.confidence /= bin.windows as f64;
        bin.right /= bin.windows as f64;
    }
    bins
}

/// The expected calibration error: how far the best probability is from the share that is right,
/// mean over the windows.
fn error(bins: &[Bin]) -> f64 {
    let all: usize = bins.iter().map(|bin| bin.windows).sum();
    let off = |bin: &Bin| bin.windows as f64 * (bin.confidence - bin.right).abs();
    bins.iter().map(off).sum::<f64>() / all as f64
}

fn mean(told: &[Told], of: impl Fn(&Told) -> f64) -> f64 {
    told.iter().map(of).sum::<f64>() / told.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const CLASSES: usize = 5;

    /// Scores whose softmax at `temperature` is the truth: labels are drawn from it.
    fn drawn(n: usize, temperature: f64) -> (Vec<f64>, Vec<usize>) {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let (mut scores, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..n {
            let row = [(); CLASSES].map(|()| random.random_range(-6.0..6.0));
            let shares = row.map(|l: f64| (l / temperature).exp());
            let mut left = random.random_range(0.0..shares.iter().sum());
            let label = shares.iter().position(|share| {
                left -= share;
                left < 0.0
            });
            scores.extend(row);
            labels.push(label.unwrap_or(CLASSES - 1));
        }
        (scores, labels)
    }

    fn fit(scores: &[f64], merged: &[usize], labels: &[usize]) -> Calibrated {
        let recordings: Vec<usize> = (0..labels.len()).collect();
        let held_out = HeldOut {
            scores,
            merged,
            labels,
            recordings: &recordings,
            overlap: 0,
        };
        calibrate(&held_out, ("drawn", "half")).expect("two halves")
    }

    /// What 4000 windows in 15 bins have of an error where there is none: 0.8·√(p·(1 − p)·15/4000),
    /// about 0.024 for p = 1/2, and some room.
    const CHANCE: f64 = 0.035;

    #[test]
    fn the_temperature_that_labels_were_drawn_with_is_found() {
        for temperature in [0.5, 1.0, 3.0] {
            let (scores, labels) = drawn(8000, temperature);
            let Calibrated {
                calibration,
                reliability_after,
                ..
            } = fit(&scores, &[], &labels);
            let found = calibration.temperature;
            assert!((found / temperature - 1.0).abs() < 0.06, "{found}");
            let fitted = calibration.fitted.expect("measured");
            assert!(fitted.ece_after < CHANCE, "{fitted:?}");
            if temperature != 1.0 {
                assert!(fitted.ece_before > 3.0 * fitted.ece_after, "{fitted:?}");
                assert!(fitted.nll_before > fitted.nll_after, "{fitted:?}");
            }
            assert!((fitted.known_right - 95.0).abs() < 2.0, "{fitted:?}");
            assert!(fitted.known_wrong < fitted.known_right, "{fitted:?}");
            let windows: usize = reliability_after.iter().map(|bin| bin.windows).sum();
            assert_eq!(windows, fitted.samples);
        }
    }

    #[test]
    fn merged_classes_have_the_temperature_of_their_scores() {
        let (scores, labels) = drawn(8000, 2.0);
        let merged = [0, 1, 0, 2, 1];
        let labels: Vec<usize> = labels.iter().map(|label| merged[*label]).collect();
        let found = fit(&scores, &merged, &labels).calibration;
        assert!((found.temperature / 2.0 - 1.0).abs() < 0.06, "{found:?}");
        let fitted = found.fitted.expect("measured");
        assert!(fitted.ece_after < CHANCE, "{fitted:?}");
    }

    #[test]
    fn the_least_loss_is_where_calculus_has_it() {
        // Two windows of two classes, scores d apart, three of four right: softmax(d/T) = 3/4 has
        // its root at T = d / ln 3.
        let d = 2.5;
        let told = |right: bool, t: f64| {
            let p = 1.0 / (1.0 + (-d / t).exp());
            if right { -p.ln() } else { -(1.0 - p).ln() }
        };
        let found = least(|t| 3.0 * told(true, t) + told(false, t));
        assert!((found - d / 3f64.ln()).abs() < 1e-5, "{found}");
    }

    #[test]
    fn a_half_without_a_mistake_gives_no_certainty() {
        let labels: Vec<usize> = (0..100).map(|i| i % 2).collect();
        let scores: Vec<f64> = labels.iter().flat_map(|l| [0.0, [-3.0, 3.0][*l]]).collect();
        let found = fit(&scores, &[], &labels).calibration;
        // One guess in 51 windows: p = 1 − 1 / 102.
        let expected = 3.0 / 101f64.ln();
        assert!((found.temperature - expected).abs() < 1e-4, "{found:?}");
        assert!((found.unknown_below - 0.9901).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn bins_and_their_error_are_those_of_a_small_case() {
        let told = |confidence: f64, right: bool| Told {
            confidence,
            right,
            loss: 0.0,
            blind: 0.0,
        };
        // Two in the last bin, one on the upper border of the tenth.
        let told = [told(0.95, true), told(0.97, false), told(10.0 / 15.0, true)];
        let bins = bins(&told);
        assert_eq!((bins[14].windows, bins[9].windows), (2, 1));
        let expected = (2.0 * (0.96f64 - 0.5) + (1.0 - 10.0 / 15.0)) / 3.0;
        assert!((error(&bins) - expected).abs() < 1e-12);
        assert_eq!(threshold(&told), 0.6666);
        assert_eq!(threshold(&told[1..2]), 0.0);
    }

    #[test]
    fn recordings_are_on_one_side_and_an_only_one_is_divided() {
        let halves = |labels: &[usize], recordings: &[usize], overlap| {
            let held_out = HeldOut {
                scores: &[],
                merged: &[],
                labels,
                recordings,
                overlap,
            };
            held_out.halves()
        };
        assert_eq!(
            halves(
                &[0, 0, 0, 1, 1, 0, 0, 1, 1],
                &[4, 4, 5, 6, 6, 8, 8, 9, 9],
                1
            ),
            (vec![0, 1, 5, 6, 3, 4], vec![2, 7, 8])
        );
        assert_eq!(
            halves(&[2; 9], &[7; 9], 2),
            (vec![0, 1, 2, 3, 4], vec![7, 8])
        );
        assert!(halves(&[0, 1], &[0, 1], 0).1.is_empty());
    }
}
