//! Sums over the steps of an epoch, kept on the device: adding a step waits for nothing.

use crate::aimclr::Outcome;
use crate::losses;
use crate::metrics::Sums;
use crate::monitor;
use std::time::Instant;
use tch::{Device, Kind, Tensor};

/// Sums of an epoch that is under way.
pub struct Tally {
    /// Loss, its three parts and the spread, summed in f64.
    sums: Tensor,
    /// First step whose loss was not finite; infinite if there is none.
    first_bad: Tensor,
    steps: u64,
    seconds: f64,
    since: Instant,
}

impl Tally {
    /// Goes on from `sums`.
    pub fn new(sums: &Sums, device: Device) -> Self {
        let values = [
            sums.loss,
            sums.contrast,
            sums.d3m_extreme,
            sums.d3m_dropped,
            sums.spread,
        ];
        Self {
            sums: Tensor::from_slice(&values).to_device(device),
            first_bad: Tensor::full([0i64; 0], f64::INFINITY, (Kind::Double, device)),
            steps: sums.steps,
            seconds: sums.seconds,
            since: Instant::now(),
        }
    }

    /// Adds what step number `step` of the run computed.
    pub fn add(&mut self, outcome: &Outcome, step: u64) {
        let values = Tensor::stack(
            &[
                &outcome.loss,
                &outcome.losses.contrast,
                &outcome.losses.d3m_extreme,
                &outcome.losses.d3m_dropped,
                &monitor::spread(&outcome.projections.chunk(losses::VIEWS, 0)[0]),
            ],
            0,
        );
        self.sums += values.to_kind(Kind::Double);
        let bad = self
            .first_bad
            .full_like(step as f64)
            .masked_fill(&outcome.loss.isfinite(), f64::INFINITY);
        self.first_bad = self.first_bad.minimum(&bad);
        self.steps += 1;
    }

    /// Waits for the device and gives the sums.
    ///
    /// # Errors
    /// The number of the first step whose loss was NaN or infinite.
    pub fn fetch(&mut self) -> Result<Sums, u64> {
        let all = Tensor::cat(&[&self.sums, &self.first_bad.view([1])], 0);
        let all = Vec::<f64>::try_from(all.to_device(Device::Cpu)).expect("six numbers");
        self.seconds += self.since.elapsed().as_secs_f64();
        self.since = Instant::now();
        match all[5].is_finite() {
            true => Err(all[5] as u64),
            false => Ok(Sums {
                steps: self.steps,
                loss: all[0],
                contrast: all[1],
                d3m_extreme: all[2],
                d3m_dropped: all[3],
                spread: all[4],
                seconds: self.seconds,
            }),
        }
    }

    /// What passed since the last fetch was no training and is not counted.
    pub fn skip_time(&mut self) {
        self.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::Losses;

    fn outcome(loss: f32) -> Outcome {
        let scalar = |x: f32| Tensor::from_slice(&[x]).squeeze();
        let projections = Tensor::from_slice(&[1.0f32, 0.0, 0.0, 1.0]).view([2, 2]);
        Outcome {
            loss: scalar(loss),
            losses: Losses {
                contrast: scalar(0.1),
                d3m_extreme: scalar(0.2),
                d3m_dropped: scalar(0.3),
                gradient: projections.zeros_like(),
                positives: None,
            },
            projections: projections.repeat([losses::VIEWS, 1]),
            key: projections,
            gradients: Vec::new(),
        }
    }

    #[test]
    fn sums_are_those_of_f64_and_go_on_from_others() {
        let losses = [0.1f32, 3.7, 1e-3, 19.25];
        let mut whole = Tally::new(&Sums::default(), Device::Cpu);
        let mut part = Tally::new(&Sums::default(), Device::Cpu);
        for (step, loss) in losses.into_iter().enumerate() {
            whole.add(&outcome(loss), step as u64);
            part.add(&outcome(loss), step as u64);
            part = Tally::new(&part.fetch().expect("finite"), Device::Cpu);
        }
        let (whole, part) = (
            whole.fetch().expect("finite"),
            part.fetch().expect("finite"),
        );
        let expected = losses.iter().fold(0.0, |sum, loss| sum + f64::from(*loss));
        assert_eq!(whole.loss, expected);
        assert_eq!(whole.steps, 4);
        let seconds = whole.seconds;
        assert_eq!(Sums { seconds, ..part }, whole);
    }

    #[test]
    fn the_first_bad_step_is_named() {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut tally = Tally::new(&Sums::default(), Device::Cpu);
            for (step, loss) in [1.0, bad, 2.0, f32::NAN].into_iter().enumerate() {
                tally.add(&outcome(loss), 40 + step as u64);
            }
            assert_eq!(tally.fetch(), Err(41));
        }
    }
}
