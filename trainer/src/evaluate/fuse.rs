//! Late fusion: the weighted sum of several results' class scores.

use super::settings::Fuse as Settings;
use super::{Measured, Result, Scored, Scores, accuracy};
use crate::TrainError;
use aimclr_skeleton::Stream;
use std::path::{Path, PathBuf};
use tch::{Kind, Tensor};

/// Steps in which weights are tried when they are fitted: 0, 1/10, …, 1.
const STEPS: i64 = 10;

/// Where the weights come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Weighting {
    /// By stream.
    Streams(Settings),
    /// One for each result.
    Given(Vec<f64>),
    /// Those with the best top-1 on the samples that every result held out of the training part.
    Fitted,
}

/// Fuses the results in some folders.
///
/// # Errors
/// Fewer than two results, or results of different samples or classes.
pub fn fuse(
    folders: &[PathBuf],
    weighting: &Weighting,
) -> std::result::Result<Measured, TrainError> {
    if folders.len() < 2 {
        return Err(TrainError::Mismatch(
            "fuse: expected at least two results, one of each stream".into(),
        ));
    }
    let mut parts = Vec::new();
    for folder in folders {
        parts.push((folder, Result::read(folder)?, Scores::read(folder)?));
    }
    let (first_folder, first, first_scores) = &parts[0];
    for (folder, result, scores) in &parts[1..] {
        refuse_others(first_folder, &first_scores.test, folder, &scores.test)?;
        if result.protocol != first.protocol {
            return Err(TrainError::Mismatch(format!(
                "{}: protocol {}, but {} has {}: their scores are not of one kind",
                folder.display(),
                result.protocol,
                first_folder.display(),
                first.protocol
            )));
        }
    }
    let of = |scored: &dyn Fn(&Scores) -> Tensor| -> Vec<Tensor> {
        parts.iter().map(|(_, _, scores)| scored(scores)).collect()
    };
    let weights = match weighting {
        Weighting::Streams(settings) => {
            let streams = parts
                .iter()
                .map(|(folder, result, _)| match result.streams[..] {
                    [stream] => Ok(settings.of(stream)),
                    _ => Err(TrainError::Mismatch(format!(
                        "{}: a result of {} streams has no weight of its own; give --weights",
                        folder.display(),
                        result.streams.len()
                    ))),
                });
            streams.collect::<std::result::Result<_, _>>()?
        }
        Weighting::Given(weights) if weights.len() == parts.len() => weights.clone(),
        Weighting::Given(weights) => {
            return Err(TrainError::Setting {
                key: "--weights".into(),
                reason: format!(
                    "expected one for each of the {} results, found {}",
                    parts.len(),
                    weights.len()
                ),
            });
        }
        Weighting::Fitted => {
            let mut held_out: Vec<(&PathBuf, &Scored)> = Vec::new();
            for (folder, _, scores) in &parts {
                let Some(validation) = &scores.validation else {
                    return Err(TrainError::Mismatch(format!(
                        "{}: nothing was held out to fit weights on; evaluate with --select \
                         validation",
                        folder.display()
                    )));
                };
                if let Some((first, before)) = held_out.first() {
                    refuse_others(first, before, folder, validation)?;
                }
                held_out.push((*folder, validation));
            }
            let logits: Vec<&Tensor> = held_out.iter().map(|(_, v)| &v.logits).collect();
            fitted(&logits, &held_out[0].1.labels)
        }
    };
    if weights.iter().any(|w| !w.is_finite()) || weights.iter().all(|w| *w == 0.0) {
        return Err(TrainError::Setting {
            key: "--weights".into(),
            reason: "expected finite numbers, not all 0".into(),
        });
    }
    let logits = weighted(&of(&|s| s.test.logits.shallow_clone()), &weights);
    let classes: Vec<String> = first
        .per_class
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let mut result = first.clone();
    result.streams = streams(parts.iter().map(|(_, result, _)| result));
    result.seeds = None;
    result.epoch = None;
    result.validation_top1 = None;
    result.count(&logits, &first_scores.test.labels, &classes);
    result.further = Vec::new();
    for ((_, part, _), weight) in parts.iter().zip(&weights) {
        let name = part
            .streams
            .iter()
            .map(Stream::to_string)
            .collect::<Vec<_>>();
        result
            .further
            .push((format!("weight of {}", name.join("+")), *weight));
        result
            .further
            .push((format!("top1 of {}", name.join("+")), part.top1));
    }
    let validation = match weighting {
        Weighting::Fitted => first_scores.validation.as_ref().map(|v| Scored {
            logits: weighted(
                &of(&|s| {
                    s.validation
                        .as_ref()
                        .expect("checked")
                        .logits
                        .shallow_clone()
                }),
                &weights,
            ),
            labels: v.labels.shallow_clone(),
            names: v.names.clone(),
        }),
        _ => None,
    };
    Ok(Measured {
        scores: Scores {
            test: Scored {
                logits,
                labels: first_scores.test.labels.shallow_clone(),
                names: first_scores.test.names.clone(),
            },
            embeddings: Tensor::cat(&of(&|s| s.embeddings.shallow_clone()), 1),
            validation,
        },
        weights: None,
        labelled: Vec::new(),
        history: Vec::new(),
        result,
    })
}

fn streams<'a>(results: impl Iterator<Item = &'a Result>) -> Vec<Stream> {
    let mut streams = Vec::new();
    for stream in results.flat_map(|result| &result.streams) {
        if !streams.contains(stream) {
            streams.push(*stream);
        }
    }
    streams
}

fn refuse_others(
    first: &Path,
    before: &Scored,
    folder: &Path,
    scored: &Scored,
) -> std::result::Result<(), TrainError> {
    let same = before.names == scored.names
        && before.logits.size() == scored.logits.size()
        && before.labels == scored.labels;
    match same {
        true => Ok(()),
        false => Err(TrainError::Mismatch(format!(
            "{} and {} were measured on different samples or classes: {} of {} classes, and {} of {}; \
             evaluate both on the same data, split, share and seed",
            first.display(),
            folder.display(),
            before.logits.size()[0],
            before.logits.size()[1],
            scored.logits.size()[0],
            scored.logits.size()[1]
        ))),
    }
}

fn weighted(logits: &[Tensor], weights: &[f64]) -> Tensor {
    let parts: Vec<Tensor> = logits.iter().zip(weights).map(|(l, w)| l * *w).collect();
    Tensor::stack(&parts, 0).sum_dim_intlist([0i64].as_slice(), false, Kind::Float)
}

/// Weights in steps of a tenth with the best top-1; of equals those with the lowest cross-entropy.
fn fitted(logits: &[&Tensor], labels: &Tensor) -> Vec<f64> {
    let logits: Vec<Tensor> = logits.iter().map(|l| l.shallow_clone()).collect();
    let mut best: Option<(f64, f64, Vec<f64>)> = None;
    let mut steps = vec![0; logits.len()];
    // Counts up like a number whose digits are the weights.
    while let Some(digit) = steps.iter().position(|s| *s < STEPS) {
        steps[..digit].fill(0);
        steps[digit] += 1;
        let weights: Vec<f64> = steps.iter().map(|s| *s as f64 / STEPS as f64).collect();
        let scores = weighted(&logits, &weights);
        let (top1, _) = accuracy(&scores, labels);
        let loss = scores.cross_entropy_for_logits(labels).double_value(&[]);
        let better = |(most, least, _): &(f64, f64, Vec<f64>)| {
            top1 > *most || (top1 == *most && loss < *least)
        };
        if best.as_ref().is_none_or(better) {
            best = Some((top1, loss, weights));
        }
    }
    best.expect("at least one step was taken").2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fitted_weights_trust_who_is_right() {
        tch::manual_seed(0);
        let labels = Tensor::from_slice(&(0..60).map(|i| i % 3).collect::<Vec<i64>>());
        let right = labels.one_hot(3).to_kind(Kind::Float);
        let noise = Tensor::randn([60, 3], (Kind::Float, tch::Device::Cpu)) * 3.0;
        let weights = fitted(&[&noise, &right], &labels);
        assert!(weights[1] > weights[0], "{weights:?}");
        let (top1, _) = accuracy(&weighted(&[noise, right], &weights), &labels);
        assert_eq!(top1, 100.0);
    }
}
