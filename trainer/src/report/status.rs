//! Where a run stands, in a few numbers.

use super::result::{Measured, ResultFolder};
use super::run::Run;
use super::setting::Setting;
use crate::TrainError;
use crate::checkpoint::{self, RunFolder};
use crate::metrics::Epoch;
use aimclr_model::plan::QUERY;
use aimclr_model::{Plan, Weights};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Where a pre-training run stands.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Its folder.
    pub folder: PathBuf,
    /// The data set's name.
    pub dataset: String,
    /// Its folder.
    pub data: PathBuf,
    /// The split.
    pub split: String,
    /// The stream.
    pub stream: String,
    /// Settings that are not the published ones.
    pub settings: Vec<Setting>,
    /// Epochs done.
    pub epochs: usize,
    /// Epochs that the run is to have.
    pub all_epochs: usize,
    /// Steps in the last checkpoint, or at the end of the last epoch where that is later.
    pub steps: u64,
    /// Seconds that the epochs took.
    pub seconds: f64,
    /// Seconds that the others will take at the speed of the last one.
    pub seconds_left: Option<f64>,
    /// Seconds since the last checkpoint.
    pub checkpoint_age: Option<f64>,
    /// The last epoch.
    pub last: Option<Epoch>,
    /// Loss of each epoch.
    pub losses: Vec<f64>,
    /// What gives reason to worry.
    pub fault: Option<String>,
    /// Learnt values of the query encoder.
    pub parameters: Option<usize>,
    /// Results beneath the folder.
    pub results: Vec<Line>,
}

/// A result in one line.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// Its folder.
    pub folder: PathBuf,
    /// The protocol.
    pub protocol: String,
    /// Percent; the mean where there are several seeds.
    pub top1: f64,
    /// Standard deviation over several seeds.
    pub deviation: Option<f64>,
    /// Percent; the mean where there are several seeds.
    pub top5: f64,
    /// Test samples.
    pub samples: u64,
    /// On what the classifier was chosen.
    pub selected_on: Option<String>,
}

impl Status {
    /// Of a run with its results.
    ///
    /// # Errors
    /// A file of the run is damaged.
    pub fn of(run: &Run, results: &[ResultFolder]) -> Result<Self, TrainError> {
        let files = RunFolder::new(&run.folder);
        let (mut settings, differ) = run.settings();
        settings.truncate(differ);
        let (seconds, last) = run.seconds();
        let epochs = run.epochs.len();
        let all_epochs = run.number("epochs").unwrap_or(0.0) as usize;
        let position = match files.checkpoint().exists() {
            true => Some(checkpoint::position(&files.checkpoint())?),
            false => None,
        };
        let steps = run.epochs.last().map_or(0, |epoch| epoch.step);
        let left = all_epochs.saturating_sub(epochs) as f64 * last;
        Ok(Self {
            folder: run.folder.clone(),
            dataset: run.info.dataset.clone(),
            data: run.info.data.clone(),
            split: run.info.split.clone(),
            stream: run.stream(),
            settings,
            epochs,
            all_epochs,
            steps: position.map_or(0, |position| position.step).max(steps),
            seconds,
            seconds_left: (epochs > 0 && epochs < all_epochs).then_some(left),
            checkpoint_age: age(&files.checkpoint()),
            last: run.epochs.last().cloned(),
            losses: run.epochs.iter().map(|epoch| epoch.loss).collect(),
            fault: run.fault(),
            parameters: match files.weights().exists() {
                true => parameters(&Weights::read(files.weights())?),
                false => None,
            },
            results: results.iter().map(Line::of).collect(),
        })
    }
}

impl Line {
    /// Of a result.
    pub fn of(result: &ResultFolder) -> Self {
        let Measured {
            protocol,
            top1,
            top5,
            samples,
            selected_on,
            seeds,
            ..
        } = &result.measured;
        Self {
            folder: result.folder.clone(),
            protocol: protocol.clone(),
            top1: seeds.as_ref().map_or(*top1, |seeds| seeds.top1.mean),
            deviation: seeds.as_ref().map(|seeds| seeds.top1.deviation),
            top5: seeds.as_ref().map_or(*top5, |seeds| seeds.top5.mean),
            samples: *samples,
            selected_on: selected_on.clone(),
        }
    }

    /// Top-1 in percent, with its deviation where there is one.
    pub fn top1(&self) -> String {
        match self.deviation {
            Some(deviation) => format!("{:.2} ± {deviation:.2}", self.top1),
            None => format!("{:.2}", self.top1),
        }
    }
}

/// Learnt values of the query encoder; none where the file holds no such encoder.
pub fn parameters(weights: &Weights) -> Option<usize> {
    let (plan, head) = Plan::of_weights(weights, QUERY).ok()?;
    Some(plan.parameters(head))
}

/// Seconds since a file was written.
fn age(path: &Path) -> Option<f64> {
    let written = std::fs::metadata(path).ok()?.modified().ok()?;
    Some(written.elapsed().unwrap_or_default().as_secs_f64())
}

/// Values as a row of blocks, at most `columns`: the lowest the flattest.
pub fn sparkline(values: &[f64], columns: usize) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let low = finite().fold(f64::INFINITY, f64::min);
    let high = finite().fold(f64::NEG_INFINITY, f64::max);
    let block = |value: f64| {
        let share = (value - low) / (high - low).max(1e-12);
        BLOCKS[((share * 8.0) as usize).min(7)]
    };
    let count = values.len().min(columns);
    let mean = |i: usize| {
        let part = &values[i * values.len() / count..(i + 1) * values.len() / count];
        part.iter().sum::<f64>() / part.len() as f64
    };
    (0..count)
        .map(mean)
        .map(|value| if value.is_finite() { block(value) } else { ' ' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::result::tests::measured;
    use super::super::run::tests::run;
    use super::*;

    #[test]
    fn a_run_that_goes_on_says_how_long() {
        let status = Status::of(&run(3), &[]).expect("status");
        assert_eq!((status.epochs, status.all_epochs, status.steps), (3, 9, 21));
        assert_eq!(status.seconds_left, Some(84.0));
        assert_eq!(status.checkpoint_age, None);
        assert_eq!(status.settings.len(), 6);
        let done = Status::of(&run(9), &[]).expect("status");
        assert_eq!(done.seconds_left, None);
    }

    #[test]
    fn several_seeds_give_a_mean() {
        let line = Line::of(&ResultFolder {
            folder: "r".into(),
            measured: measured(),
            epochs: Vec::new(),
        });
        assert_eq!(line.top1(), "69.50 ± 0.70");
    }

    #[test]
    fn a_sparkline_falls_with_its_values() {
        assert_eq!(sparkline(&[8.0, 4.0, 0.0], 60), "█▅▁");
        assert_eq!(sparkline(&[2.0, 2.0], 60), "▁▁");
        assert_eq!(sparkline(&[f64::NAN, 1.0], 60), " ▁");
        assert_eq!(sparkline(&[], 60), "");
        assert_eq!(sparkline(&[1.0; 300], 60).chars().count(), 60);
    }
}
