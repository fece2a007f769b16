//! Percentiles of durations, in bounded memory.

use crate::event::rounded;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How many durations are kept. Up to here percentiles are exact; beyond, they are those of a
/// uniform sample, which for p99 at this size is within a tenth of a percent of rank.
const KEPT: usize = 1 << 16;

/// Upper bounds of a [`Histogram`]'s buckets, seconds.
pub const BOUNDS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// How many durations fell where, of all that there were.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Histogram {
    /// Those above the bound before and up to that of the same place in [`BOUNDS`].
    pub buckets: [u64; BOUNDS.len()],
    /// All, those above the last bound with them.
    pub count: u64,
    /// Their sum.
    pub seconds: f64,
}

impl Histogram {
    /// Takes one duration.
    pub fn add(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        self.count += 1;
        self.seconds += seconds;
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound);
        if let Some(bucket) = bucket.and_then(|i| self.buckets.get_mut(i)) {
            *bucket += 1;
        }
    }
}

/// Collects durations.
#[derive(Debug, Clone, Default)]
pub struct Latency {
    kept: Vec<f32>,
    seen: u64,
    most: f32,
    random: u64,
    histogram: Histogram,
}

/// Percentiles, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Median.
    pub p50: f64,
    /// 95 % are at most this.
    pub p95: f64,
    /// 99 % are at most this.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

impl Latency {
    /// Takes one duration.
    pub fn add(&mut self, duration: Duration) {
        self.histogram.add(duration);
        let ms = (duration.as_secs_f64() * 1e3) as f32;
        self.seen += 1;
        self.most = self.most.max(ms);
        if self.kept.len() < KEPT {
            self.kept.push(ms);
            return;
        }
        // Vitter's algorithm R: every duration so far stays with the same probability.
        let place = (self.next_random() % self.seen) as usize;
        if let Some(kept) = self.kept.get_mut(place) {
            *kept = ms;
        }
    }

    /// How many durations were taken.
    pub fn len(&self) -> u64 {
        self.seen
    }

    /// Where all durations fell.
    pub fn histogram(&self) -> &Histogram {
        &self.histogram
    }

    /// True before the first duration.
    pub fn is_empty(&self) -> bool {
        self.seen == 0
    }

    /// The percentiles so far, by nearest rank; `None` before the first duration.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let mut sorted = self.kept.clone();
        sorted.sort_by(f32::total_cmp);
        let rank = |share: f64| {
            let rank = (share * sorted.len() as f64).ceil() as usize;
            let value = sorted.get(rank.saturating_sub(1))?;
            Some(rounded(f64::from(*value)))
        };
        Some(Percentiles {
            p50: rank(0.5)?,
            p95: rank(0.95)?,
            p99: rank(0.99)?,
            max: rounded(f64::from(self.most)),
        })
    }

    /// SplitMix64; a fixed seed, so that a run can be repeated.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact_for_a_short_run() {
        let mut latency = Latency::default();
        assert_eq!(latency.percentiles(), None);
        (1..=200)
            .rev()
            .for_each(|ms| latency.add(Duration::from_millis(ms)));
        let found = latency.percentiles().expect("some");
        assert_eq!(
            [found.p50, found.p95, found.p99, found.max],
            [100.0, 190.0, 198.0, 200.0]
        );
    }

    #[test]
    fn a_long_run_keeps_a_fair_sample_in_bounded_memory() {
        let mut latency = Latency::default();
        for i in 0..500_000u64 {
            latency.add(Duration::from_micros(i));
        }
        let found = latency.percentiles().expect("some");
        assert_eq!(latency.kept.len(), KEPT);
        assert_eq!(latency.len(), 500_000);
        assert!((found.p50 - 250.0).abs() < 5.0, "{found:?}");
        assert!((found.p99 - 495.0).abs() < 2.0, "{found:?}");
        assert_eq!(found.max, 499.999);
    }
}
