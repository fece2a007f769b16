//! The protocols by name, as `evaluate` and `reproduce` run them.

use super::settings::Schedule;
use super::{Epoch, Measured, Seeds, Spread, Trial, knn, linear, supervised};
use crate::TrainError;
use crate::config::Config;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// What is measured and with which share of the labels: `knn`, `linear`, `linear@0.1`, `semi@0.01`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Protocol {
    /// How.
    pub kind: Kind,
    /// Share of the labels; the settings' own where it is not given.
    pub share: Option<f64>,
}

/// How an encoder is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// k nearest neighbours.
    Knn,
    /// A linear classifier on the frozen encoder.
    Linear,
    /// Encoder and classifier on a share of the labels.
    Semi,
    /// Encoder and classifier on all labels.
    Finetune,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Knn, Self::Linear, Self::Semi, Self::Finetune];

    /// The protocol's name in results and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Knn => "knn",
            Self::Linear => "linear",
            Self::Semi => "semi",
            Self::Finetune => "finetune",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.share {
            Some(share) => f.pad(&format!("{}@{share}", self.kind.name())),
            None => f.pad(self.kind.name()),
        }
    }
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            let known = Kind::ALL.map(Kind::name).join(", ");
            format!("expected one of {known}, with a share of the labels as in semi@0.01")
        };
        let (name, share) = match text.split_once('@') {
            Some((name, share)) => (name, Some(share.parse().map_err(|_| expected())?)),
            None => (text, None),
        };
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        match (kind, share) {
            (Some(Kind::Knn), Some(_)) | (None, _) => Err(expected()),
            (Some(kind), share) => Ok(Self { kind, share }),
        }
    }
}

impl Protocol {
    /// Runs it once with a configuration's settings.
    pub fn run(
        self,
        trial: &Trial,
        config: &Config,
        seed: u64,
        progress: &mut dyn FnMut(&Epoch),
    ) -> Result<Measured, TrainError> {
        let shared = |schedule: &mut Schedule| {
            schedule.share = self.share.unwrap_or(schedule.share);
        };
        let (mut measured, settings) = match self.kind {
            Kind::Knn => (knn::evaluate(trial, &config.knn)?, json(&config.knn)),
            Kind::Linear => {
                let mut settings = config.linear.clone();
                shared(&mut settings.schedule);
                let measured = linear::evaluate(trial, &settings, seed, progress)?;
                (measured, json(&settings))
            }
            Kind::Semi | Kind::Finetune => {
                let mut settings = match self.kind {
                    Kind::Semi => config.semi.0.clone(),
                    _ => config.finetune.clone(),
                };
                shared(&mut settings.schedule);
                let name = self.kind.name();
                let measured = supervised::evaluate(name, trial, &settings, seed, progress)?;
                (measured, json(&settings))
            }
        };
        measured.result.settings = settings;
        Ok(measured)
    }

    /// Runs it with `seeds` seeds from `seed` on. What comes back is the first one's, with mean and
    /// deviation over all beside it.
    pub fn run_seeds(
        self,
        trial: &Trial,
        config: &Config,
        seed: u64,
        seeds: u64,
        progress: &mut dyn FnMut(u64, &Epoch),
    ) -> Result<Measured, TrainError> {
        let mut once = |seed| self.run(trial, config, seed, &mut |epoch| progress(seed, epoch));
        let mut first = once(seed)?;
        let mut runs = vec![(first.result.top1, first.result.top5)];
        for seed in seed + 1..seed + seeds {
            let result = once(seed)?.result;
            runs.push((result.top1, result.top5));
        }
        if runs.len() > 1 {
            let (top1, top5) = runs.into_iter().unzip();
            first.result.seeds = Some(Seeds {
                top1: Spread::of(top1),
                top5: Spread::of(top5),
            });
        }
        Ok(first)
    }
}

fn json(settings: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(settings).expect("settings are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for name in ["knn", "linear", "linear@0.1", "semi@0.01", "finetune"] {
            assert_eq!(name.parse::<Protocol>().expect(name).to_string(), name);
        }
        for bad in ["", "knn@0.1", "semi@", "lda"] {
            assert!(
                bad.parse::<Protocol>()
                    .expect_err(bad)
                    .contains("semi@0.01")
            );
        }
    }
}
