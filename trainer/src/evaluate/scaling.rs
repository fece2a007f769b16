//! Bringing embeddings to one scale before they are compared or classified.
//!
//! Contrastive learning leaves most of an embedding's variance in a few directions; what tells two
//! similar actions apart often lies in the others. Scaling looks at embeddings only, never at
//! labels, and is affine, so that a linear classifier takes it up without cost.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// How embeddings are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// Not at all, as published.
    #[default]
    None,
    /// Each dimension to mean 0 and deviation 1.
    Standardise,
    /// The covariance to the identity.
    Whiten,
}

/// Whitening adds this share of the mean variance, divided by the labelled samples of a class, to
/// every variance: the fewer labels there are, the less the directions of least variance are to be
/// trusted. Chosen on UI-PRMD; docs/benchmarks.md has the table.
const SHRINKAGE: f64 = 0.1;

/// x ↦ (x − mean) · matrix.
pub(super) struct Affine {
    /// (E).
    mean: Tensor,
    /// (E, E).
    matrix: Tensor,
}

impl Scaling {
    /// The scaling of embeddings like `samples`, (N, E); `per_class` is the mean number of labelled
    /// samples of a class. `None` where embeddings stay as they are.
    pub(super) fn fit(self, samples: &Tensor, per_class: f64) -> Option<Affine> {
        let device = samples.device();
        // In f64: the smallest variances are differences of much larger numbers.
        let samples = samples.to_device(Device::Cpu).to_kind(Kind::Double);
        let mean = samples.mean_dim([0i64].as_slice(), false, Kind::Double);
        let centred = samples - &mean;
        let matrix = match self {
            Scaling::None => return None,
            Scaling::Standardise => {
                let deviation = centred.std_dim([0i64].as_slice(), false, false);
                // A dimension that never changes says nothing; it is not to be blown up.
                deviation.clamp_min(1e-6).reciprocal().diag(0)
            }
            Scaling::Whiten => {
                let count = centred.size()[0] as f64;
                let covariance = centred.transpose(0, 1).matmul(&centred) / count;
                let (variances, directions) = covariance.linalg_eigh("L");
                let variances = variances.clamp_min(0.0);
                let added = variances.mean(Kind::Double) * (SHRINKAGE / per_class.max(1.0));
                directions / (variances + added.clamp_min(1e-12)).sqrt()
            }
        };
        let there = |tensor: Tensor| tensor.to_kind(Kind::Float).to_device(device);
        Some(Affine {
            mean: there(mean),
            matrix: there(matrix),
        })
    }

    /// Embeddings of two parts, scaled as the first part asks for.
    pub(super) fn apply(self, train: &Tensor, test: &Tensor, per_class: f64) -> [Tensor; 2] {
        match self.fit(train, per_class) {
            None => [train.shallow_clone(), test.shallow_clone()],
            Some(scaling) => [scaling.apply(train), scaling.apply(test)],
        }
    }
}

impl Affine {
    /// Scales embeddings, (N, E).
    pub(super) fn apply(&self, embeddings: &Tensor) -> Tensor {
        (embeddings - &self.mean).matmul(&self.matrix)
    }

    /// Weight (classes, E) and bias (classes) that give for embeddings what these give for scaled
    /// ones.
    pub(super) fn fold(&self, weight: &Tensor, bias: &Tensor) -> (Tensor, Tensor) {
        let weight = weight.matmul(&self.matrix.transpose(0, 1));
        let bias = bias - weight.matmul(&self.mean);
        (weight, bias)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embeddings() -> Tensor {
        tch::manual_seed(3);
        let random = |shape: [i64; 2]| Tensor::randn(shape, (Kind::Float, Device::Cpu));
        random([500, 8]).matmul(&random([8, 8])) * 5.0 + random([1, 8]) * 3.0
    }

    fn covariance(x: &Tensor) -> Tensor {
        let centred = x - x.mean_dim([0i64].as_slice(), false, Kind::Float);
        centred.transpose(0, 1).matmul(&centred) / x.size()[0] as f64
    }

    #[test]
    fn whitened_embeddings_have_no_covariance() {
        let x = embeddings();
        let whitened = Scaling::Whiten.fit(&x, 1e9).expect("a scaling").apply(&x);
        let off = covariance(&whitened) - Tensor::eye(8, (Kind::Float, Device::Cpu));
        assert!(off.abs().max().double_value(&[]) < 1e-3);
        assert!(whitened.mean(Kind::Float).double_value(&[]).abs() < 1e-3);
    }

    #[test]
    fn few_labels_leave_small_directions_small() {
        let x = embeddings();
        let shrunk = Scaling::Whiten.fit(&x, 1.0).expect("a scaling").apply(&x);
        let variances = covariance(&shrunk).linalg_eigvalsh("L");
        let (least, most) = (variances.min(), variances.max());
        assert!(least.double_value(&[]) < 0.5 * most.double_value(&[]));
    }

    #[test]
    fn standardised_embeddings_have_deviation_one() {
        let x = embeddings();
        let [scaled, _] = Scaling::Standardise.apply(&x, &x, 1.0);
        let deviation = scaled.std_dim([0i64].as_slice(), false, false);
        assert!((deviation - 1.0).abs().max().double_value(&[]) < 1e-3);
    }

    #[test]
    fn scaling_is_folded_into_a_classifier() {
        let x = embeddings();
        let random = |shape: &[i64]| Tensor::randn(shape, (Kind::Float, Device::Cpu));
        let (weight, bias) = (random(&[4, 8]), random(&[4]));
        for scaling in [Scaling::Standardise, Scaling::Whiten] {
            let affine = scaling.fit(&x, 100.0).expect("a scaling");
            let scaled = affine.apply(&x).linear(&weight, Some(&bias));
            let (weight, bias) = affine.fold(&weight, &bias);
            let folded = x.linear(&weight, Some(&bias));
            assert!((scaled - folded).abs().max().double_value(&[]) < 1e-3);
        }
    }
}
