//! Watches a run for the two ways in which contrastive learning learns nothing.

use crate::metrics::Epoch;
use tch::{Kind, Tensor};

/// How near to the loss of a uniform guess counts as being on the plateau, as a share of it.
const NEAR: f64 = 0.01;

/// Epochs in a row that must be bad before a warning; the start of a run is always near to it.
pub const PATIENCE: usize = 3;

/// Spread of the projections under which they count as collapsed.
const COLLAPSED: f64 = 0.05;

/// Spread of L2-normed projections (N, D): the mean over dimensions of the standard deviation over
/// the batch, times √D. 1 where they fill the sphere evenly, 0 where all are the same.
pub fn spread(projection: &Tensor) -> Tensor {
    let size = projection.size()[1] as f64;
    projection
        .std_dim([0i64].as_slice(), false, false)
        .mean(Kind::Float)
        * size.sqrt()
}

/// Counts bad epochs.
pub struct Monitor {
    queue_size: usize,
    uniform: usize,
    collapsed: usize,
}

impl Monitor {
    /// For a queue of so many keys.
    pub fn new(queue_size: usize) -> Self {
        Self {
            queue_size,
            uniform: 0,
            collapsed: 0,
        }
    }

    /// Loss of a view whose key can't be told from the queue: ln(1 + K).
    pub fn plateau(&self) -> f64 {
        (1.0 + self.queue_size as f64).ln()
    }

    /// A warning, if this epoch gives reason for one; at most one every [`PATIENCE`] epochs.
    pub fn watch(&mut self, epoch: &Epoch) -> Option<String> {
        let near = |loss: f64| (loss - self.plateau()).abs() < NEAR * self.plateau();
        let d3m = (epoch.d3m_extreme + epoch.d3m_dropped) / 2.0;
        self.uniform = if near(epoch.contrast) && near(d3m) {
            self.uniform + 1
        } else {
            0
        };
        self.collapsed = if epoch.spread < COLLAPSED {
            self.collapsed + 1
        } else {
            0
        };
        let due = |count: usize| count > 0 && count.is_multiple_of(PATIENCE);
        match due(self.collapsed) || due(self.uniform) {
            true => self.fault(epoch),
            false => None,
        }
    }

    /// What is wrong with the run after this epoch, the last one watched.
    pub fn fault(&self, epoch: &Epoch) -> Option<String> {
        if self.collapsed >= PATIENCE {
            return Some(format!(
                "epoch {}: the embeddings have collapsed (spread {:.3}, healthy is above 0.2): all \
                 clips look the same to the encoder. Try a lower --lr or another --seed",
                epoch.epoch, epoch.spread
            ));
        }
        if self.uniform >= PATIENCE {
            return Some(format!(
                "epoch {}: the loss {:.2} sits on the uniform plateau 2·ln(1 + {}) = {:.2}: nothing \
                 is being learnt. Try --init default, a smaller --queue-size or a lower --lr",
                epoch.epoch,
                epoch.loss,
                self.queue_size,
                2.0 * self.plateau()
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn epoch(loss: f64, spread: f64) -> Epoch {
        Epoch {
            epoch: 1,
            step: 1,
            loss: 2.0 * loss,
            contrast: loss,
            d3m_extreme: loss,
            d3m_dropped: loss,
            spread,
            lr: 0.1,
            samples_per_second: 1.0,
            probe_top1: None,
        }
    }

    #[test]
    fn a_plateau_is_told_when_it_lasts() {
        let mut monitor = Monitor::new(1024);
        let plateau = 1025f64.ln();
        assert_eq!(monitor.watch(&epoch(plateau, 0.5)), None);
        assert_eq!(monitor.watch(&epoch(plateau * 0.995, 0.5)), None);
        let warning = monitor.watch(&epoch(plateau, 0.5)).expect("third time");
        assert!(warning.contains("13.86"), "{warning}");
        assert_eq!(monitor.watch(&epoch(plateau * 0.95, 0.5)), None);
        assert_eq!(
            monitor.watch(&epoch(plateau, 0.5)),
            None,
            "counted from new"
        );
    }

    #[test]
    fn a_collapse_is_told() {
        let mut monitor = Monitor::new(1024);
        let warnings = (0..3)
            .filter_map(|_| monitor.watch(&epoch(3.0, 0.01)))
            .count();
        assert_eq!(warnings, 1);
    }

    #[test]
    fn spread_is_one_on_the_sphere_and_zero_at_a_point() {
        tch::manual_seed(0);
        let points = crate::encoder::unit(&Tensor::randn([4096, 64], (Kind::Float, Device::Cpu)));
        assert!((spread(&points).double_value(&[]) - 1.0).abs() < 0.02);
        let same = points.narrow(0, 0, 1).repeat([100, 1]);
        assert!(spread(&same).double_value(&[]) < 1e-5);
    }
}
