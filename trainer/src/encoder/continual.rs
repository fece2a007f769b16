//! The encoder along a whole recording, as the continual form computes it step by step
//! (`docs/model.md`).

use super::{BlockTensors, Encoder, Linear, Mode, convolve};
use aimclr_model::continual::{LAG, REMEMBERED, STEP, pooled};
use aimclr_model::plan::{Pooled, Residual};
use tch::{Kind, Tensor};

impl Encoder {
    /// Embedding after each step, (S, E), in eval mode and without gradient, of the stream of one
    /// body's joints, (1, 3, T, V, 1), where T is a whole number of steps. `frames` is T of a
    /// window.
    pub fn embed_along(&self, joints: &Tensor, frames: usize, what: Pooled) -> Tensor {
        tch::no_grad(|| {
            let steps = joints.size()[2] / STEP as i64;
            let mut x = self.normalised(joints, Mode::Eval);
            let mut means = Vec::new();
            for (i, block) in self.blocks.iter().enumerate() {
                x = block.along(&x, &self.adjacency);
                if what == Pooled::Every || i + 1 == self.blocks.len() {
                    let size = x.size();
                    let parts = x.to_kind(Kind::Float).view([size[0], size[1], steps, -1]);
                    let mean = parts.mean_dim([0i64, 3].as_slice(), false, Kind::Float);
                    means.push(mean.transpose(0, 1));
                }
            }
            let means = Tensor::cat(&means, 1);
            // Nothing was there before the first step: zeros, which count.
            let window = pooled(frames) as i64;
            let before =
                Tensor::zeros([window - 1, means.size()[1]], (Kind::Float, means.device()));
            Tensor::cat(&[before, means], 0)
                .unfold(0, window, 1)
                .mean_dim([2i64].as_slice(), false, Kind::Float)
        })
    }
}

impl BlockTensors {
    /// (V, C, T, 1) → (V, C′, T′, 1): the 9×1 convolution looks back only, and what goes past it is
    /// delayed by the frames that it lags behind a centred one.
    fn along(&self, x: &Tensor, adjacency: &Tensor) -> Tensor {
        let stride = self.block.stride as i64;
        let y = self.aggregate(x, adjacency);
        let y = self.spatial_norm.forward(&y, Mode::Eval, 1.0).relu_();
        let Linear { weight, bias } = &self.temporal;
        let (weight, bias) = (weight.to_kind(y.kind()), bias.to_kind(y.kind()));
        let y = later(&y, REMEMBERED as i64);
        let y = y.conv2d(&weight, Some(&bias), [stride, 1], [0, 0], [1, 1], 1);
        let mut y = self.temporal_norm.forward(&y, Mode::Eval, 1.0);
        let past = || later(x, LAG as i64).narrow(2, 0, x.size()[2]);
        match (self.block.residual, &self.residual) {
            (Residual::None, _) => {}
            (Residual::Conv, Some((linear, norm))) => {
                y += norm.forward(&convolve(&past(), linear, stride), Mode::Eval, 1.0);
            }
            _ => y += past(),
        }
        y.relu_()
    }
}

/// So many frames of zeros ahead of `x`, (V, C, T, B).
fn later(x: &Tensor, frames: i64) -> Tensor {
    x.constant_pad_nd([0, 0, frames, 0])
}
