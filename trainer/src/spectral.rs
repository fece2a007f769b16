//! The widest convolution over time as products of spectra: see [`aimclr_model::spectrum`].
//!
//! All its parts are products of matrices, so autograd's way back has the same form and the same
//! savings.

use crate::encoder::channels_innermost;
use aimclr_model::spectrum::Spectrum;
use tch::{Device, Tensor};

/// Fewest output channels and most frames at which it is faster than the direct convolution.
const CHANNELS: i64 = 128;
const FRAMES: i64 = 16;

/// The transform's matrices.
pub struct Spectral {
    /// (P, T).
    analysis: Tensor,
    /// (T, P).
    synthesis: Tensor,
    /// (P, taps).
    weights: Tensor,
}

/// Taps of the convolution.
const TAPS: usize = 9;

impl Spectral {
    /// Whether the convolution of `x`, shape (V, C, T, B), is faster in this form: on the CPU, with
    /// stride 1, many channels and few frames.
    pub fn pays(x: &Tensor, stride: i64) -> bool {
        let size = x.size();
        x.device() == Device::Cpu && stride == 1 && size[1] >= CHANNELS && size[2] <= FRAMES
    }

    /// For as many frames as `x`, shape (V, C, T, B), has.
    pub fn new(x: &Tensor) -> Self {
        let frames = x.size()[2] as usize;
        let spectrum = Spectrum::new(frames, TAPS);
        let products = spectrum.products() as i64;
        let matrix = |values: &[f64], shape: [i64; 2]| {
            let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
            Tensor::from_slice(&values).view(shape)
        };
        let taps: Vec<f64> = (0..TAPS)
            .flat_map(|tap| {
                let mut one = [0.0; TAPS];
                one[tap] = 1.0;
                spectrum.weights(&one)
            })
            .collect();
        Self {
            analysis: matrix(&spectrum.analysis(), [products, frames as i64]),
            synthesis: matrix(&spectrum.synthesis(), [frames as i64, products]),
            weights: matrix(&taps, [TAPS as i64, products]).transpose(0, 1),
        }
    }

    /// The convolution of `x`, shape (V, C, T, B), with `weight`, shape (C′, C, 9, 1), padded to keep
    /// its length.
    pub fn convolve(&self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
        let size = x.size();
        let [joints, input, frames, bodies] = size[..] else {
            unreachable!("four dimensions");
        };
        let (output, products) = (weight.size()[0], self.analysis.size()[0]);
        let weights = self
            .weights
            .matmul(&weight.view([output * input, TAPS as i64]).transpose(0, 1))
            .view([products, output, input]);
        // With time outermost each step is one product of whole matrices; within, the order of
        // memory is that of `x`.
        let kind = x.kind();
        let (analysis, synthesis) = (self.analysis.to_kind(kind), self.synthesis.to_kind(kind));
        let (weights, bias) = (weights.to_kind(kind), bias.to_kind(kind));
        let spectrum = |order: [i64; 4]| analysis.matmul(&x.permute(order).reshape([frames, -1]));
        let back = |multiplied: &Tensor| synthesis.matmul(&multiplied.view([products, -1]));
        let places = joints * bodies;
        if channels_innermost(x) {
            let spectrum = spectrum([2, 0, 3, 1]).view([products, places, input]);
            let mut y = back(&spectrum.bmm(&weights.transpose(1, 2)))
                .view([frames, joints, bodies, output])
                .transpose(0, 1)
                .contiguous();
            y += bias;
            y.permute([0, 3, 1, 2])
        } else {
            let spectrum = spectrum([2, 1, 0, 3]).view([products, input, places]);
            let mut y = back(&weights.bmm(&spectrum))
                .view([frames, output, joints, bodies])
                .permute([2, 1, 0, 3])
                .contiguous();
            y += bias.view([-1, 1, 1]);
            y
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    /// Largest differences of the result and of each gradient, as shares of the largest value.
    fn differences(kind: Kind) -> Vec<f64> {
        tch::manual_seed(5);
        let random = |shape: &[i64]| Tensor::randn(shape, (Kind::Float, Device::Cpu));
        let x = random(&[5, 8, 13, 3]).to_kind(kind).set_requires_grad(true);
        let weight = random(&[6, 8, 9, 1]).set_requires_grad(true);
        let bias = random(&[6]).set_requires_grad(true);
        let pull = random(&[5, 6, 13, 3]);
        let inputs = [&x, &weight, &bias];
        let all = |y: Tensor| {
            let y = y.to_kind(Kind::Float);
            let scalar = (&y * &pull).sum(Kind::Float);
            let mut all = Tensor::run_backward(&[scalar], &inputs, false, false);
            all.push(y);
            all
        };
        let direct = x
            .to_kind(Kind::Float)
            .conv2d(&weight, Some(&bias), [1, 1], [4, 0], [1, 1], 1);
        let ours = Spectral::new(&x).convolve(&x, &weight, &bias);
        assert_eq!(ours.kind(), kind);
        let largest = |x: &Tensor| x.abs().max().double_value(&[]);
        std::iter::zip(all(direct), all(ours))
            .map(|(a, b)| largest(&(&a - &b)) / largest(&a))
            .collect()
    }

    #[test]
    fn it_is_the_convolution_and_its_gradients() {
        for (kind, most) in [(Kind::Float, 1e-5), (Kind::BFloat16, 2e-2)] {
            let found = differences(kind);
            assert!(found.iter().all(|d| *d < most), "{kind:?}: {found:?}");
        }
    }
}
