//! A protocol's result, as its folder shows it.

use super::lines;
use super::setting::{self, Setting};
use crate::TrainError;
use aimclr_model::Weights;
use aimclr_model::weights::Data;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// A result's folder.
#[derive(Debug, Clone)]
pub struct ResultFolder {
    /// Where it is.
    pub folder: PathBuf,
    /// What was measured.
    pub measured: Measured,
    /// The epochs of the classifier; none where nothing was trained.
    pub epochs: Vec<Pass>,
}

/// `result.json`; fields that the reader doesn't know are left alone.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Measured {
    /// `knn`, `linear` and the like.
    pub protocol: String,
    /// The data set's name.
    #[serde(default)]
    pub dataset: String,
    /// Its split.
    #[serde(default)]
    pub split: String,
    /// The streams that were seen.
    #[serde(default)]
    pub streams: Vec<String>,
    /// Seed of every random number.
    #[serde(default)]
    pub seed: Option<u64>,
    /// On what the classifier was chosen: `last epoch`, `validation` or `test`.
    #[serde(default)]
    pub selected_on: Option<String>,
    /// Percent of test samples whose class is the first guess.
    pub top1: f64,
    /// Percent whose class is among the first five.
    pub top5: f64,
    /// Test samples.
    pub samples: u64,
    /// Training samples.
    #[serde(default)]
    pub training: u64,
    /// Class names with top-1 in percent; nothing where the test part has none of the class.
    #[serde(default)]
    pub per_class: Vec<(String, Option<f64>)>,
    /// Test samples by true class (row) and guessed class (column).
    #[serde(default)]
    pub confusion: Vec<Vec<u64>>,
    /// Percent with other settings.
    #[serde(default)]
    pub further: Vec<(String, f64)>,
    /// Several seeds, where there were.
    #[serde(default)]
    pub seeds: Option<Seeds>,
    /// The protocol's settings.
    #[serde(default)]
    pub settings: Map<String, Value>,
}

/// Results of several seeds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seeds {
    /// Of top-1.
    pub top1: Deviation,
    /// Of top-5.
    pub top5: Deviation,
}

/// Mean and standard deviation, percent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deviation {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
    /// What they are of.
    #[serde(default)]
    pub runs: Vec<f64>,
}

/// A line of a result's `metrics.jsonl`.
#[derive(Debug, Clone, Deserialize)]
pub struct Pass {
    /// 1-based.
    pub epoch: usize,
    /// Mean loss.
    #[serde(default)]
    pub loss: Option<f64>,
    /// Top-1 of the training part, percent.
    #[serde(default)]
    pub train_top1: Option<f64>,
    /// Top-1 of what was held back from the training part, percent.
    #[serde(default)]
    pub validation_top1: Option<f64>,
    /// Top-1 of the test part, percent.
    #[serde(default)]
    pub test_top1: Option<f64>,
}

/// `scores.safetensors`: what the encoder made of each test sample.
#[derive(Debug, Clone)]
pub struct Scores {
    /// The classes, 0-based.
    pub labels: Vec<usize>,
    /// The classes guessed.
    pub guesses: Vec<usize>,
    /// (N, E), row by row.
    pub embeddings: Vec<f32>,
    /// E.
    pub size: usize,
}

/// Samples of one class that were taken for another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mistake {
    /// The true class.
    pub class: String,
    /// The class guessed.
    pub taken_for: String,
    /// How many.
    pub count: u64,
    /// Their share of the true class, percent.
    pub percent: f64,
}

impl ResultFolder {
    /// Reads `result.json` and `metrics.jsonl`.
    ///
    /// # Errors
    /// A file is damaged, or the confusion matrix doesn't fit the classes.
    pub fn read(folder: &Path) -> Result<Self, TrainError> {
        let path = folder.join("result.json");
        let measured: Measured = lines::json(&path)?;
        let classes = measured.per_class.len();
        let matrix = &measured.confusion;
        let fits = matrix.len() == classes && matrix.iter().all(|row| row.len() == classes);
        if !matrix.is_empty() && !fits {
            return Err(TrainError::Format {
                path,
                reason: format!(
                    "confusion: expected {classes} rows of {classes} counts, as there are classes \
                     in per_class"
                ),
            });
        }
        Ok(Self {
            folder: folder.into(),
            epochs: lines::json_lines(&folder.join("metrics.jsonl"))?,
            measured,
        })
    }

    /// Reads the scores, where the folder has them.
    ///
    /// # Errors
    /// The file is damaged, or its sizes don't fit one another or the result.
    pub fn scores(&self) -> Result<Option<Scores>, TrainError> {
        let path = self.folder.join("scores.safetensors");
        match path.exists() {
            true => self.check(&Weights::read(&path)?).map(Some),
            false => Ok(None),
        }
    }

    fn check(&self, file: &Weights) -> Result<Scores, TrainError> {
        let fail = |reason: String| TrainError::Format {
            path: file.path.clone(),
            reason,
        };
        let classes = self.measured.per_class.len();
        let Data::I64(labels) = &file.get("labels")?.data else {
            return Err(fail("labels: expected dtype I64, found F32".into()));
        };
        let shape = |name: &str| {
            let shape = &file.get(name)?.shape;
            match shape[..] {
                [n, width] if n == labels.len() && width > 0 => Ok(width),
                _ => Err(fail(format!(
                    "{name}: expected shape ({}, …), a row for each label, found {shape:?}",
                    labels.len()
                ))),
            }
        };
        let size = shape("embeddings")?;
        let width = shape("logits")?;
        if width != classes {
            return Err(fail(format!(
                "logits: expected {classes} a row, as there are classes in result.json, found \
                 {width}"
            )));
        }
        let label = |label: &i64| {
            let index = usize::try_from(*label)
                .ok()
                .filter(|index| *index < classes);
            index.ok_or_else(|| {
                fail(format!(
                    "labels: expected 0 to {}, found {label}",
                    classes - 1
                ))
            })
        };
        let embeddings = file.values("embeddings")?.to_vec();
        if !embeddings.iter().all(|x| x.is_finite()) {
            return Err(fail("embeddings: expected finite numbers".into()));
        }
        let best = |row: &[f32]| {
            let best = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            best.map_or(0, |(class, _)| class)
        };
        Ok(Scores {
            labels: labels.iter().map(label).collect::<Result<_, _>>()?,
            guesses: file.values("logits")?.chunks(width).map(best).collect(),
            embeddings,
            size,
        })
    }
}

impl Measured {
    /// The settings that differ from the published ones.
    pub fn changed_settings(&self) -> Vec<Setting> {
        let (mut settings, differ) = setting::compared(&self.settings, &self.protocol);
        settings.truncate(differ);
        settings
    }

    /// Names of the classes.
    pub fn classes(&self) -> Vec<String> {
        self.per_class
            .iter()
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// True where the test part itself chose the classifier, which flatters it.
    pub fn chosen_on_test(&self) -> bool {
        self.selected_on.as_deref() == Some("test")
    }

    /// The most frequent mistakes, at most so many.
    pub fn mistakes(&self, most: usize) -> Vec<Mistake> {
        let name = |class: usize| self.per_class[class].0.clone();
        let mut mistakes: Vec<Mistake> = Vec::new();
        for (class, row) in self.confusion.iter().enumerate() {
            let all: u64 = row.iter().sum();
            let wrong = row
                .iter()
                .enumerate()
                .filter(|(guess, count)| *guess != class && **count > 0);
            mistakes.extend(wrong.map(|(guess, count)| Mistake {
                class: name(class),
                taken_for: name(guess),
                count: *count,
                percent: 100.0 * *count as f64 / all as f64,
            }));
        }
        mistakes.sort_by_key(|mistake| std::cmp::Reverse(mistake.count));
        mistakes.truncate(most);
        mistakes
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use aimclr_model::Tensor;

    pub(crate) fn measured() -> Measured {
        let json = r#"{"protocol": "linear", "dataset": "walks", "split": "xsub",
            "streams": ["joint"], "selected_on": "test", "top1": 70.0, "top5": 100.0,
            "samples": 10, "training": 20, "new_field": [1],
            "settings": {"epochs": 100, "lr": 0.1, "scaling": "whiten"},
            "per_class": [["walk", 75.0], ["<run>", 66.7], ["fall", null]],
            "confusion": [[3, 1, 0], [2, 4, 0], [0, 0, 0]],
            "seeds": {"top1": {"mean": 69.5, "deviation": 0.7}, "top5": {"mean": 100, "deviation": 0}}}"#;
        serde_json::from_str(json).expect("JSON")
    }

    fn folder_of(json: &str) -> (tempfile::TempDir, Result<ResultFolder, TrainError>) {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("result.json"), json).expect("written");
        let read = ResultFolder::read(folder.path());
        (folder, read)
    }

    #[test]
    fn mistakes_are_counted() {
        let mistakes = measured().mistakes(5);
        assert_eq!(mistakes.len(), 2);
        assert_eq!(
            (mistakes[0].class.as_str(), mistakes[0].count),
            ("<run>", 2)
        );
        assert_eq!(
            (mistakes[1].taken_for.as_str(), mistakes[1].percent),
            ("<run>", 25.0)
        );
        assert!(measured().chosen_on_test());
        let changed = measured().changed_settings();
        let texts = changed
            .iter()
            .map(|s| [&s.name[..], &s.value, &s.published]);
        let expected = [["lr", "0.1", "3.0"], ["scaling", "whiten", "none"]];
        assert!(texts.eq(expected), "{changed:?}");
    }

    #[test]
    fn a_result_of_an_older_version_is_read() {
        let json = r#"{"protocol": "knn", "top1": 1, "top5": 2, "samples": 3}"#;
        let read = folder_of(json).1.expect("read");
        assert!(read.scores().expect("none").is_none());
        assert!(read.measured.mistakes(3).is_empty());
    }

    #[test]
    fn a_matrix_that_does_not_fit_is_refused() {
        let json = r#"{"protocol": "knn", "top1": 1, "top5": 2, "samples": 3,
            "per_class": [["a", 1], ["b", 2]], "confusion": [[1, 2], [3]]}"#;
        let error = folder_of(json).1.expect_err("ragged").to_string();
        assert!(
            error.contains("result.json: confusion: expected 2 rows of 2"),
            "{error}"
        );
    }

    #[test]
    fn scores_that_do_not_fit_are_refused() {
        let json = serde_json::to_string(&measured()).expect("JSON");
        let (folder, read) = folder_of(&json);
        let read = read.expect("read");
        let path = folder.path().join("scores.safetensors");
        let write = |logits: &[usize], labels: &[i64], embeddings: &[usize], value: f32| {
            let tensor = |shape: &[usize]| Tensor::f32(shape, vec![value; shape.iter().product()]);
            let labels = Tensor {
                shape: vec![labels.len()],
                data: Data::I64(labels.to_vec()),
            };
            let file = Weights {
                tensors: [
                    ("logits".into(), tensor(logits)),
                    ("labels".into(), labels),
                    ("embeddings".into(), tensor(embeddings)),
                ]
                .into(),
                ..Weights::default()
            };
            file.write(&path).expect("written");
            read.scores()
        };
        let scores = write(&[2, 3], &[0, 2], &[2, 8], 0.5)
            .expect("fits")
            .expect("there");
        assert_eq!((scores.labels, scores.size), (vec![0, 2], 8));
        for (logits, labels, embeddings, value, expected) in [
            ([2, 4], [0, 2], [2, 8], 0.0, "logits: expected 3 a row"),
            ([3, 3], [0, 2], [2, 8], 0.0, "logits: expected shape (2, …)"),
            (
                [2, 3],
                [0, 3],
                [2, 8],
                0.0,
                "labels: expected 0 to 2, found 3",
            ),
            (
                [2, 3],
                [0, -1],
                [2, 8],
                0.0,
                "labels: expected 0 to 2, found -1",
            ),
            ([2, 3], [0, 2], [1, 8], 0.0, "embeddings: expected shape"),
            (
                [2, 3],
                [0, 2],
                [2, 8],
                f32::NAN,
                "embeddings: expected finite",
            ),
        ] {
            let error = write(&logits, &labels, &embeddings, value).expect_err(expected);
            let error = error.to_string();
            assert!(
                error.contains("scores.safetensors") && error.contains(expected),
                "{error}"
            );
        }
    }
}
