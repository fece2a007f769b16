//! Which training samples a protocol may see the labels of, and which of those it holds out to
//! choose a model by.

use super::settings::Schedule;
use crate::TrainError;
use crate::seeds::{self, Use};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

/// Which epoch's model a trained protocol takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Select {
    /// The best on samples held out of the training part; the last where too few are labelled to
    /// hold any out.
    Validation,
    /// The last.
    Last,
    /// The best on the test part, as published results are chosen. It flatters: the result says so.
    Test,
}

/// Indices into the training part, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// Samples that are trained on.
    pub train: Vec<i64>,
    /// Samples held out.
    pub validation: Vec<i64>,
}

impl Labelled {
    /// Draws the schedule's share of each class, at least one sample, and where they are to choose
    /// the model holds out some of those, but never a class's last one.
    pub fn draw(labels: &[i64], schedule: &Schedule, seed: u64) -> Self {
        let classes = labels.iter().max().map_or(0, |most| most + 1);
        let (mut train, mut held_out) = (Vec::new(), Vec::new());
        for class in 0..classes {
            let mut of_class: Vec<i64> = (0..labels.len() as i64)
                .filter(|i| labels[*i as usize] == class)
                .collect();
            if of_class.is_empty() {
                continue;
            }
            of_class.shuffle(&mut seeds::rng(seed, Use::Labels, class as u64));
            let part = |share: f64, of: usize| (share * of as f64).round() as usize;
            let labelled = part(schedule.share, of_class.len()).clamp(1, of_class.len());
            of_class.truncate(labelled);
            let spared = match schedule.select {
                Select::Validation => part(schedule.validation, labelled).min(labelled - 1),
                Select::Last | Select::Test => 0,
            };
            held_out.extend(of_class.drain(..spared));
            train.extend(of_class);
        }
        train.sort_unstable();
        held_out.sort_unstable();
        Self {
            train,
            validation: held_out,
        }
    }
}

/// Refuses training samples that leave a class of the test samples out.
pub(super) fn refuse_unseen_classes(
    train: &[i64],
    test: &[i64],
    classes: &[String],
    split: &str,
) -> Result<(), TrainError> {
    let unseen: Vec<String> = classes
        .iter()
        .enumerate()
        .filter(|(label, _)| {
            let label = *label as i64;
            test.contains(&label) && !train.contains(&label)
        })
        .map(|(label, name)| format!("\"{name}\" ({label})"))
        .collect();
    match unseen.is_empty() {
        true => Ok(()),
        false => Err(TrainError::Mismatch(format!(
            "split \"{split}\" has no training sample of {}, but test samples: nothing can learn \
             it. Mend the split in dataset.toml, or leave the class out",
            unseen.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(share: f64, select: Select, validation: f64) -> Schedule {
        Schedule {
            share,
            select,
            validation,
            ..crate::evaluate::settings::Linear::default().schedule
        }
    }

    fn count(indices: &[i64], labels: &[i64], class: i64) -> usize {
        indices
            .iter()
            .filter(|i| labels[**i as usize] == class)
            .count()
    }

    #[test]
    fn every_class_gives_its_share_and_at_least_one() {
        let labels: Vec<i64> = (0..260)
            .map(|i| if i < 200 { 0 } else { 1 + i % 2 })
            .collect();
        for (share, expected) in [(0.01, [2, 1, 1]), (0.1, [20, 3, 3]), (1.0, [200, 30, 30])] {
            let drawn = Labelled::draw(&labels, &schedule(share, Select::Last, 0.1), 3);
            for class in 0..3 {
                assert_eq!(
                    count(&drawn.train, &labels, class),
                    expected[class as usize]
                );
            }
            assert!(drawn.validation.is_empty());
        }
    }

    #[test]
    fn what_is_held_out_is_not_trained_on_and_leaves_one_of_each_class() {
        let labels: Vec<i64> = (0..101).map(|i| i64::from(i == 100)).collect();
        let drawn = Labelled::draw(&labels, &schedule(1.0, Select::Validation, 0.2), 0);
        assert_eq!((drawn.train.len(), drawn.validation.len()), (81, 20));
        assert_eq!(count(&drawn.train, &labels, 1), 1);
        assert!(drawn.validation.iter().all(|i| !drawn.train.contains(i)));
    }

    #[test]
    fn draws_follow_the_seed() {
        let labels = vec![0; 100];
        let draw = |seed| Labelled::draw(&labels, &schedule(0.1, Select::Last, 0.1), seed);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn a_class_that_only_the_test_part_has_is_named() {
        let classes = ["squat".to_string(), "lunge".into(), "unused".into()];
        let message = refuse_unseen_classes(&[0, 0], &[0, 1], &classes, "xsub")
            .expect_err("refused")
            .to_string();
        assert!(
            message.contains("\"lunge\" (1)") && !message.contains("unused"),
            "{message}"
        );
    }
}
