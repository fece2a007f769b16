//! What makes one epoch's weights better than another's.

use serde::{Deserialize, Serialize};

/// What weights are compared by. Values of different measures can't be compared: from an epoch on
/// that is measured differently, the best is looked for anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Mean loss of an epoch without nearest neighbours mining; less is better.
    ContrastLoss,
    /// Mean loss of an epoch with it.
    MiningLoss,
    /// Top-1 of the [probe](crate::probe) in percent; more is better.
    Probe,
}

/// The best epoch so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// 1-based.
    pub epoch: usize,
    /// By what.
    pub measure: Measure,
    /// How good.
    pub value: f64,
}

impl Best {
    /// Whether these weights are to take the place of the best so far.
    pub fn beats(&self, best: Option<&Best>) -> bool {
        match best {
            Some(best) if best.measure == self.measure => match self.measure {
                Measure::Probe => self.value > best.value,
                Measure::ContrastLoss | Measure::MiningLoss => self.value < best.value,
            },
            _ => true,
        }
    }

    /// The measure's name among a model card's metrics.
    pub fn name(&self) -> &'static str {
        match self.measure {
            Measure::ContrastLoss | Measure::MiningLoss => "loss",
            Measure::Probe => "probe_top1",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_of_one_measure_are_compared() {
        let best = |measure, value| Best {
            epoch: 1,
            measure,
            value,
        };
        let old = best(Measure::ContrastLoss, 5.0);
        assert!(old.beats(None));
        assert!(best(Measure::ContrastLoss, 4.0).beats(Some(&old)));
        assert!(!best(Measure::ContrastLoss, 5.0).beats(Some(&old)));
        assert!(best(Measure::MiningLoss, 9.0).beats(Some(&old)));
        let probed = best(Measure::Probe, 50.0);
        assert!(probed.beats(Some(&old)));
        assert!(best(Measure::Probe, 51.0).beats(Some(&probed)));
        assert!(!best(Measure::Probe, 49.0).beats(Some(&probed)));
    }
}
