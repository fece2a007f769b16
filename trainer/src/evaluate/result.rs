//! What a protocol measured, and the folder that keeps it: `docs/result.md` has the format.

use super::fit::Fitted;
use super::{Select, Trial, fit};
use crate::TrainError;
use crate::report::tensorboard::EventFile;
use aimclr_model::weights::{Data, WeightsError};
use aimclr_model::{Tensor as Stored, Weights};
use aimclr_skeleton::Stream;
use aimclr_skeleton::files::write_atomically;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::path::Path;
use tch::{Kind, Tensor};

/// Metadata keys of `scores.safetensors`: names of the samples as JSON lists.
const NAMES: &str = "names";
const VALIDATION_NAMES: &str = "validation.names";

/// `result.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Result {
    /// `knn`, `linear`, `semi`, `finetune`, or the fused results' one.
    pub protocol: String,
    /// Data set that it was measured on.
    pub dataset: String,
    /// Its split.
    pub split: String,
    /// Data set and split that the encoder was pre-trained on.
    pub pretrained_on: String,
    /// Streams whose scores they are.
    pub streams: Vec<Stream>,
    /// Seed of the protocol's random numbers.
    pub seed: u64,
    /// Share of the training labels that was used.
    pub share: f64,
    /// How the model was chosen.
    pub selected_on: String,
    /// The epoch that was chosen, 1-based.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<usize>,
    /// Top-1 on the samples held out, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_top1: Option<f64>,
    /// Share of test samples whose class is the first guess, in percent.
    pub top1: f64,
    /// Share whose class is among the first five guesses, in percent.
    pub top5: f64,
    /// Test samples.
    pub samples: usize,
    /// Training samples whose labels were used, without those held out.
    pub training: usize,
    /// Top-1 of each class, in percent; `null` where the test part has none of it.
    pub per_class: Vec<(String, Option<f64>)>,
    /// Test samples of class i (row) that were taken for class j (column).
    pub confusion: Vec<Vec<u64>>,
    /// Results with other settings, such as other k.
    pub further: Vec<(String, f64)>,
    /// Mean and deviation over several seeds; everything else is the first seed's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<Seeds>,
    /// The protocol's settings, as in a configuration file; a fused result has none of its own.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub settings: serde_json::Value,
}

/// Results over several seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seeds {
    /// Top-1 in percent.
    pub top1: Spread,
    /// Top-5 in percent.
    pub top5: Spread,
}

/// Mean and deviation of a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Standard deviation of the sample (n − 1); 0 for one value.
    pub deviation: f64,
    /// The values.
    pub runs: Vec<f64>,
}

impl Spread {
    /// Of at least one value.
    pub fn of(runs: Vec<f64>) -> Self {
        let count = runs.len() as f64;
        let mean = runs.iter().sum::<f64>() / count;
        let squares: f64 = runs.iter().map(|run| (run - mean).powi(2)).sum();
        let deviation = (squares / (count - 1.0).max(1.0)).sqrt();
        Self {
            mean,
            deviation,
            runs,
        }
    }
}

/// Class scores of some samples.
#[derive(Debug)]
pub struct Scored {
    /// (N, classes).
    pub logits: Tensor,
    /// (N).
    pub labels: Tensor,
    /// Names of the samples.
    pub names: Vec<String>,
}

/// `scores.safetensors`.
#[derive(Debug)]
pub struct Scores {
    /// The test part.
    pub test: Scored,
    /// Its embeddings, (N, E).
    pub embeddings: Tensor,
    /// What was held out of the training part, if anything was.
    pub validation: Option<Scored>,
}

/// All that a protocol leaves.
pub struct Measured {
    /// The numbers.
    pub result: Result,
    /// The scores behind them.
    pub scores: Scores,
    /// Encoder and classifier, ready for the exporter; nearest neighbours have none.
    pub weights: Option<Weights>,
    /// Training samples whose labels were used, those held out included; empty if all were.
    pub labelled: Vec<String>,
    /// What is known of each epoch.
    pub history: Vec<fit::Epoch>,
}

impl Result {
    /// From the test part's class scores.
    pub fn new(protocol: &str, trial: &Trial, logits: &Tensor, seed: u64) -> Self {
        let provenance = &trial.card.provenance;
        let mut result = Self {
            protocol: protocol.into(),
            dataset: trial.dataset.clone(),
            split: trial.split.clone(),
            pretrained_on: format!("{} ({})", provenance.dataset, provenance.split),
            streams: trial.card.streams.clone(),
            seed,
            share: 1.0,
            selected_on: "nothing to choose".into(),
            epoch: None,
            validation_top1: None,
            top1: 0.0,
            top5: 0.0,
            samples: 0,
            training: trial.train.len(),
            per_class: Vec::new(),
            confusion: Vec::new(),
            further: Vec::new(),
            seeds: None,
            settings: serde_json::Value::Null,
        };
        result.count(logits, &trial.test_labels(), &trial.classes);
        result
    }

    /// Says how the model was chosen.
    pub(super) fn chosen(mut self, share: f64, training: usize, fitted: &Fitted) -> Self {
        self.share = share;
        self.training = training;
        self.epoch = Some(fitted.epoch);
        self.validation_top1 = fitted.validation_top1;
        self.selected_on = match (fitted.select, fitted.validation_top1) {
            (Select::Test, _) => "test part: flattering, as published results are".into(),
            (Select::Validation, Some(_)) => "samples held out of the training part".into(),
            (Select::Validation, None) => "last epoch: too few labels to hold any out".into(),
            (Select::Last, _) => "last epoch".into(),
        };
        self
    }

    /// Counts hits of class scores (N, classes) against labels (N).
    pub fn count(&mut self, logits: &Tensor, labels: &Tensor, classes: &[String]) {
        (self.top1, self.top5) = accuracy(logits, labels);
        self.samples = labels.size()[0] as usize;
        let count = classes.len();
        let pairs = labels * count as i64 + logits.argmax(1, false);
        let counts = pairs.bincount::<Tensor>(None, (count * count) as i64);
        let counts = Vec::<i64>::try_from(counts.to_device(tch::Device::Cpu)).expect("counts");
        self.confusion = counts
            .chunks_exact(count)
            .map(|row| row.iter().map(|n| *n as u64).collect())
            .collect();
        self.per_class = classes
            .iter()
            .zip(&self.confusion)
            .enumerate()
            .map(|(label, (name, row))| {
                let all: u64 = row.iter().sum();
                let share = 100.0 * row[label] as f64 / all as f64;
                (name.clone(), (all > 0).then_some(share))
            })
            .collect();
    }

    /// Reads `result.json` of a folder.
    pub fn read(folder: &Path) -> std::result::Result<Self, TrainError> {
        let path = folder.join("result.json");
        let text = std::fs::read_to_string(&path).map_err(|source| TrainError::Io {
            path: path.clone(),
            source,
        })?;
        serde_json::from_str(&text)
            .map_err(|error| TrainError::Mismatch(format!("{}: {error}", path.display())))
    }
}

impl Measured {
    /// Puts everything into a folder, `result.json` last: where it is, all is.
    pub fn write(&self, folder: &Path) -> std::result::Result<(), TrainError> {
        let io = |path: &Path, source| TrainError::Io {
            path: path.into(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(|e| io(folder, e))?;
        let put = |name: &str, text: &str| {
            let path = folder.join(name);
            write_atomically(&path, |out| out.write_all(text.as_bytes())).map_err(|e| io(&path, e))
        };
        if let Some(weights) = &self.weights {
            weights.write(&folder.join("weights.safetensors"))?;
        }
        self.scores.write(folder)?;
        if !self.labelled.is_empty() {
            put("labelled.txt", &(self.labelled.join("\n") + "\n"))?;
        }
        if !self.history.is_empty() {
            let mut lines = String::new();
            for epoch in &self.history {
                let epoch = serde_json::to_string(epoch).expect("an epoch is JSON");
                let _ = writeln!(lines, "{epoch}");
            }
            put("metrics.jsonl", &lines)?;
            self.write_events(folder)?;
        }
        let text = serde_json::to_string_pretty(&self.result).expect("a result is JSON");
        put("result.json", &text)
    }

    /// The same as `metrics.jsonl`, for TensorBoard.
    fn write_events(&self, folder: &Path) -> std::result::Result<(), TrainError> {
        let mut events = EventFile::open(folder, 0)?;
        for epoch in &self.history {
            let values = [
                ("train/loss", Some(epoch.loss)),
                ("train/lr", Some(epoch.lr)),
                ("top1/validation", epoch.validation_top1),
                ("top1/test", epoch.test_top1),
            ];
            for (tag, value) in values {
                if let Some(value) = value {
                    events.scalar(epoch.epoch as u64, tag, value)?;
                }
            }
        }
        events.flush()
    }
}

impl Scores {
    fn write(&self, folder: &Path) -> std::result::Result<(), WeightsError> {
        let mut file = Weights {
            path: folder.join("scores.safetensors"),
            ..Weights::default()
        };
        let mut put = |name: &str, tensor: &Tensor| {
            let tensor = crate::parameters::stored(tensor);
            file.tensors.insert(name.into(), tensor);
        };
        put("logits", &self.test.logits);
        put("labels", &self.test.labels);
        put("embeddings", &self.embeddings);
        if let Some(validation) = &self.validation {
            put("validation.logits", &validation.logits);
            put("validation.labels", &validation.labels);
        }
        let json = |names: &[String]| serde_json::to_string(names).expect("names are JSON");
        file.metadata.insert(NAMES.into(), json(&self.test.names));
        if let Some(validation) = &self.validation {
            let names = json(&validation.names);
            file.metadata.insert(VALIDATION_NAMES.into(), names);
        }
        file.write(&file.path)
    }

    /// Reads `scores.safetensors` of a folder, and checks that its parts fit one another.
    pub fn read(folder: &Path) -> std::result::Result<Self, TrainError> {
        let file = Weights::read(folder.join("scores.safetensors"))?;
        let embeddings = tensor(&file, "embeddings", 2)?;
        let scored = |prefix: &str, names: &str| -> std::result::Result<Scored, TrainError> {
            let logits = tensor(&file, &format!("{prefix}logits"), 2)?;
            let labels = tensor(&file, &format!("{prefix}labels"), 1)?.to_kind(Kind::Int64);
            let names: Option<Vec<String>> = file
                .metadata
                .get(names)
                .and_then(|json| serde_json::from_str(json).ok());
            let samples = logits.size()[0];
            match names {
                Some(names)
                    if samples > 0
                        && labels.size()[0] == samples
                        && names.len() as i64 == samples =>
                {
                    Ok(Scored {
                        logits,
                        labels,
                        names,
                    })
                }
                _ => Err(TrainError::Mismatch(format!(
                    "{}: expected as many \"{prefix}labels\" and names as rows of \
                     \"{prefix}logits\", {samples}",
                    file.path.display()
                ))),
            }
        };
        let test = scored("", NAMES)?;
        let validation = match file.tensors.contains_key("validation.logits") {
            true => Some(scored("validation.", VALIDATION_NAMES)?),
            false => None,
        };
        if embeddings.size()[0] != test.logits.size()[0] {
            return Err(TrainError::Mismatch(format!(
                "{}: expected as many rows in \"embeddings\" as in \"logits\"",
                file.path.display()
            )));
        }
        Ok(Self {
            test,
            embeddings,
            validation,
        })
    }
}

fn tensor(
    file: &Weights,
    name: &str,
    dimensions: usize,
) -> std::result::Result<Tensor, TrainError> {
    let Stored { shape, data } = file.get(name)?;
    if shape.len() != dimensions {
        return Err(TrainError::Weights(WeightsError::Shape {
            path: file.path.clone(),
            tensor: name.into(),
            expected: format!("{dimensions} dimensions"),
            found: format!("{shape:?}"),
        }));
    }
    let shape: Vec<i64> = shape.iter().map(|n| *n as i64).collect();
    let flat = match data {
        Data::F32(values) => Tensor::from_slice(values),
        Data::I64(values) => Tensor::from_slice(values),
    };
    Ok(flat.view(&shape[..]))
}

/// Top-1 and top-5 of class scores (N, classes), in percent.
pub fn accuracy(scores: &Tensor, labels: &Tensor) -> (f64, f64) {
    let classes = scores.size()[1];
    let top = |k: i64| {
        let (_, best) = scores.topk(k.min(classes), 1, true, true);
        let hit = best.eq_tensor(&labels.unsqueeze(1)).any_dim(1, false);
        let hit = hit.to_kind(Kind::Double).mean(Kind::Double);
        100.0 * hit.double_value(&[])
    };
    (top(1), top(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviation_is_the_samples() {
        let spread = Spread::of(vec![1.0, 2.0, 3.0]);
        assert_eq!((spread.mean, spread.deviation), (2.0, 1.0));
        assert_eq!(Spread::of(vec![5.0]).deviation, 0.0);
    }

    #[test]
    fn guesses_are_counted_by_class() {
        let logits = Tensor::from_slice2(&[
            [2.0f32, 1.0, 0.0],
            [0.0, 1.0, 2.0],
            [0.0, 3.0, 2.0],
            [1.0, 0.0, 0.5],
        ]);
        let labels = Tensor::from_slice(&[0i64, 1, 1, 1]);
        let classes = ["a", "b", "c"].map(String::from);
        let (top1, top5) = accuracy(&logits, &labels);
        assert_eq!((top1, top5), (50.0, 100.0));
        let mut result = Result {
            protocol: String::new(),
            dataset: String::new(),
            split: String::new(),
            pretrained_on: String::new(),
            streams: Vec::new(),
            seed: 0,
            share: 1.0,
            selected_on: String::new(),
            epoch: None,
            validation_top1: None,
            top1: 0.0,
            top5: 0.0,
            samples: 0,
            training: 0,
            per_class: Vec::new(),
            confusion: Vec::new(),
            further: Vec::new(),
            seeds: None,
            settings: serde_json::Value::Null,
        };
        result.count(&logits, &labels, &classes);
        assert_eq!(result.confusion, [[1, 0, 0], [1, 1, 1], [0, 0, 0]]);
        let shares: Vec<Option<f64>> = result.per_class.iter().map(|(_, s)| *s).collect();
        assert_eq!(shares, [Some(100.0), Some(100.0 / 3.0), None]);
    }
}
