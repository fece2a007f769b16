//! Randomness by name: every part of the generator draws from a stream of its own, so that asking
//! for more subjects, takes or seconds changes nothing of what was there before.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream of random numbers that nothing else draws from.
#[derive(Debug, Clone)]
pub(super) struct Random(ChaCha8Rng);

impl Random {
    /// The stream that belongs to this seed, name and pair of numbers. All of them are part of the
    /// cipher's key, so two streams are the same only where all four are.
    pub(super) fn new(seed: u64, name: &str, a: u64, b: u64) -> Self {
        let mut key = [0; 32];
        for (part, bytes) in [seed, fnv1a(name), a, b]
            .iter()
            .zip(key.chunks_exact_mut(8))
        {
            bytes.copy_from_slice(&part.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Evenly from `low` to `high`.
    pub(super) fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.random::<f64>()
    }

    /// Normally distributed about 0 with standard deviation `sigma`, by Box and Muller.
    pub(super) fn normal(&mut self, sigma: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.0.random::<f64>()).ln()).sqrt();
        sigma * radius * (std::f64::consts::TAU * self.0.random::<f64>()).cos()
    }

    /// A factor about 1: the exponential of a normal number, cut at two `sigma`.
    pub(super) fn factor(&mut self, sigma: f64) -> f64 {
        self.normal(sigma).clamp(-2.0 * sigma, 2.0 * sigma).exp()
    }

    /// True with probability `share`.
    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.0.random::<f64>() < share
    }

    /// A whole number from `low` to `high`, both included.
    pub(super) fn whole(&mut self, low: usize, high: usize) -> usize {
        self.0.random_range(low..=high)
    }

    /// Brings a list into random order (Fisher and Yates).
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.whole(0, i));
        }
    }
}

/// FNV-1a, 64 bits.
fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}
