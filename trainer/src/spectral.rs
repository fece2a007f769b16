//! The widest convolution over time as products of spectra: see [`aimclr_model::spectrum`].
//!
//! All its parts are products of matrices, so autograd's way back has the same form and the same
//! savings.

use aimclr_model::spectrum::Spectrum;
use tch::{Device, Kind, Tensor};

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
    /// Whether the convolution of `x`, shape (V, C, T, B), is faster in this form: in f32 on the CPU,
    /// with stride 1, many channels and few frames. In bf16 the processor multiplies faster than
    /// memory delivers, and there is nothing to gain.
    pub fn pays(x: &Tensor, stride: i64) -> bool {
        let size = x.size();
        x.device() == Device::Cpu
            && x.kind() == Kind::Float
            && stride == 1
            && size[1] >= CHANNELS
            && size[2] <= FRAMES
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
        // With time outermost each step is one product of whole matrices.
        let spectrum = self
            .analysis
            .matmul(&x.permute([2, 1, 0, 3]).reshape([frames, -1]))
            .view([products, input, joints * bodies]);
        let multiplied = weights.bmm(&spectrum);
        let back = self.synthesis.matmul(&multiplied.view([products, -1]));
        back.view([frames, output, joints, bodies])
            .permute([2, 1, 0, 3])
            .contiguous()
            + bias.view([-1, 1, 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_convolution_and_its_gradients() {
        tch::manual_seed(5);
        let random = |shape: &[i64]| Tensor::randn(shape, (Kind::Float, Device::Cpu));
        let x = random(&[5, 8, 13, 3]).set_requires_grad(true);
        let weight = random(&[6, 8, 9, 1]).set_requires_grad(true);
        let bias = random(&[6]).set_requires_grad(true);
        let direct = x.conv2d(&weight, Some(&bias), [1, 1], [4, 0], [1, 1], 1);
        let ours = Spectral::new(&x).convolve(&x, &weight, &bias);
        let apart = |a: &Tensor, b: &Tensor| (a - b).abs().max().double_value(&[]);
        assert!(apart(&direct, &ours) < 1e-4);
        let pull = random(&[5, 6, 13, 3]);
        let inputs = [&x, &weight, &bias];
        let gradients = |y: &Tensor| {
            Tensor::run_backward(&[(y * &pull).sum(Kind::Float)], &inputs, false, false)
        };
        for (a, b) in gradients(&direct).iter().zip(gradients(&ours)) {
            assert!(apart(a, &b) < 1e-3, "{}", apart(a, &b));
        }
    }
}
