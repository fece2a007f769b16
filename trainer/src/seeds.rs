//! Randomness without state: every use of random numbers has a seed of its own, derived from the
//! run's seed, the use's name and a counter. So a resumed run draws what an unbroken one draws,
//! and a checkpoint needs no generator's state.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What random numbers are drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// First values of the weights.
    Init,
    /// Order of the samples in an epoch; counted by epoch.
    Shuffle,
    /// Parameters of augmentations; counted by step.
    Augment,
    /// Torch's own generator, for noise and dropout; counted by step.
    Torch,
    /// First values and order of samples of a classifier.
    Classifier,
    /// Which samples' labels a protocol sees; counted by class.
    Labels,
    /// First places of t-SNE's points.
    Plane,
}

/// The seed of one use.
pub fn derive(seed: u64, r#use: Use, counter: u64) -> u64 {
    [seed, r#use as u64 + 1, counter]
        .into_iter()
        .fold(0, |state, word| mix(state ^ mix(word)))
}

/// A generator for one use.
pub fn rng(seed: u64, r#use: Use, counter: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(derive(seed, r#use, counter))
}

/// Seeds torch's generators, on all devices, for one use.
pub fn seed_torch(seed: u64, r#use: Use, counter: u64) {
    tch::manual_seed(derive(seed, r#use, counter) as i64);
}

/// SplitMix64's step: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_use_has_its_own_seed() {
        let uses = [
            Use::Init,
            Use::Shuffle,
            Use::Augment,
            Use::Torch,
            Use::Classifier,
            Use::Labels,
            Use::Plane,
        ];
        let seeds: HashSet<u64> = (0..10)
            .flat_map(|seed| uses.map(|u| (seed, u)))
            .flat_map(|(seed, u)| (0..100).map(move |counter| derive(seed, u, counter)))
            .collect();
        assert_eq!(seeds.len(), 10 * uses.len() * 100);
    }
}
