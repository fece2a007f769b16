//! A pre-training run, as its folder shows it: finished, going on or broken off.

use super::setting::{self, Setting};
use super::{lines, text};
use crate::TrainError;
use crate::checkpoint::RunFolder;
use crate::metrics::Epoch;
use crate::monitor::Monitor;
use crate::settings::Settings;
use aimclr_model::{Card, Weights};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The section of a configuration that a run's settings are from.
const PRETRAIN: &str = "pretrain";

/// A pre-training run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its folder.
    pub folder: PathBuf,
    /// Data, split and settings.
    pub info: Info,
    /// The epochs done so far.
    pub epochs: Vec<Epoch>,
    /// The model card, once there are weights.
    pub card: Option<Card>,
}

/// `run.json`. Settings are kept by name, so that runs of other versions can be looked at too.
#[derive(Debug, Clone, Deserialize)]
pub struct Info {
    /// The data set's name.
    pub dataset: String,
    /// Its folder.
    pub data: PathBuf,
    /// The split whose training part is learnt from.
    pub split: String,
    /// Everything else.
    pub settings: Map<String, Value>,
}

impl Run {
    /// Reads `run.json`, `metrics.jsonl` and the card of the weights.
    ///
    /// # Errors
    /// A file is damaged. Metrics and weights may be missing: the run has only begun.
    pub fn read(folder: &Path) -> Result<Self, TrainError> {
        let files = RunFolder::new(folder);
        let card = match files.weights().exists() {
            true => Weights::read(files.weights())?.card,
            false => None,
        };
        Ok(Self {
            folder: folder.into(),
            info: lines::json(&files.info())?,
            epochs: lines::json_lines(&files.metrics())?,
            card,
        })
    }

    /// All settings: first those that differ from the published ones, then the others, each by
    /// name. The second number says how many differ.
    pub fn settings(&self) -> (Vec<Setting>, usize) {
        setting::compared(&self.info.settings, PRETRAIN)
    }

    /// A setting that is a number; the published value where the run names none.
    pub fn number(&self, key: &str) -> Option<f64> {
        let named = self.info.settings.get(key).and_then(Value::as_f64);
        named.or_else(|| {
            setting::published(PRETRAIN)
                .get(key)
                .and_then(Value::as_f64)
        })
    }

    /// The stream that is learnt from.
    pub fn stream(&self) -> String {
        let stream = self.info.settings.get("stream").map(text::value);
        stream.unwrap_or_else(|| Settings::default().stream.to_string())
    }

    /// The loss where no key can be told from the queue: 2·ln(1 + queue).
    pub fn plateau(&self) -> Option<f64> {
        let queue = self.number("queue_size").filter(|size| *size >= 1.0);
        queue.map(|size| 2.0 * Monitor::new(size as usize).plateau())
    }

    /// What the last epochs give reason to worry about.
    pub fn fault(&self) -> Option<String> {
        let mut monitor = Monitor::new(self.number("queue_size")? as usize);
        for epoch in &self.epochs {
            monitor.watch(epoch);
        }
        monitor.fault(self.epochs.last()?)
    }

    /// Seconds that the epochs took, and those of the last one.
    pub fn seconds(&self) -> (f64, f64) {
        let batch = self.number("batch_size").unwrap_or(0.0);
        let mut before = 0;
        let mut last = 0.0;
        let mut all = 0.0;
        for epoch in &self.epochs {
            let steps = epoch.step.saturating_sub(before) as f64;
            last = steps * batch / epoch.samples_per_second.max(1e-9);
            all += last;
            before = epoch.step;
        }
        (all, last)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::metrics::Sums;

    /// A run of so many epochs, whose loss falls from 12 towards 6.
    pub(crate) fn run(epochs: usize) -> Run {
        let epoch = |i: usize| Epoch {
            loss: 6.0 + 6.0 / i as f64,
            contrast: 3.0,
            d3m_extreme: 3.0,
            d3m_dropped: 3.0,
            spread: 0.8,
            samples_per_second: 64.0,
            ..Sums::default().epoch(i, 7 * i as u64, if i > 4 { 0.01 } else { 0.1 }, 128)
        };
        let info = r#"{"dataset": "<b>walks", "data": "d", "split": "xsub", "settings":
            {"stream": "bone", "lr": 0.1, "lr_steps": [4], "queue_size": 256, "epochs": 9,
             "mining_epoch": 6, "batch_size": 128, "colour": "blue"}}"#;
        Run {
            folder: "runs/walks".into(),
            info: serde_json::from_str(info).expect("JSON"),
            epochs: (1..=epochs).map(epoch).collect(),
            card: None,
        }
    }

    #[test]
    fn settings_that_differ_come_first() {
        let (settings, differ) = run(1).settings();
        let names: Vec<&str> = settings.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(
            names[..differ],
            [
                "colour",
                "epochs",
                "lr-steps",
                "mining-epoch",
                "queue-size",
                "stream"
            ]
        );
        assert_eq!(names[differ..], ["batch-size", "lr"]);
        assert_eq!(settings[2].value, "4");
        assert_eq!(settings[2].published, "250");
    }

    #[test]
    fn time_is_that_of_the_steps() {
        // Seven steps of 128 samples at 64 a second.
        assert_eq!(run(3).seconds(), (42.0, 14.0));
        assert!((run(1).plateau().expect("queue") - 2.0 * 257f64.ln()).abs() < 1e-12);
    }
}
