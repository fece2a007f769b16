//! Streams as tensors, computed after augmentation.

use aimclr_skeleton::{Layout, Stream};
use tch::{Device, Kind, Tensor};

/// Computes a stream of batches; the tensor's side of [`Stream::of`].
pub struct Streams {
    stream: Stream,
    /// For each joint its parent.
    parents: Tensor,
    /// 2 where the channels are x, y and confidence.
    dimensions: u8,
}

impl Streams {
    /// For a layout's bones.
    pub fn new(stream: Stream, layout: &Layout, device: Device) -> Self {
        let parents: Vec<i64> = layout.parents().into_iter().map(|p| p as i64).collect();
        Self {
            stream,
            parents: Tensor::from_slice(&parents).to_device(device),
            dimensions: layout.dimensions,
        }
    }

    /// The stream of joints of shape (N, C, T, V, M).
    pub fn of(&self, joints: &Tensor) -> Tensor {
        match self.stream {
            Stream::Joint => joints.shallow_clone(),
            Stream::Bone => self.minus(joints, &joints.index_select(3, &self.parents)),
            Stream::Motion => {
                let frames = joints.size()[2];
                let (later, last) = (
                    joints.narrow(2, 1, frames - 1),
                    joints.narrow(2, frames - 1, 1),
                );
                self.minus(&Tensor::cat(&[later, last], 2), joints)
            }
        }
    }

    /// The same of joints that are seen frame by frame: motion is towards a frame, x\[t\] − x\[t−1\],
    /// and 0 where the body was not there a frame before.
    pub fn along(&self, joints: &Tensor) -> Tensor {
        if self.stream != Stream::Motion {
            return self.of(joints);
        }
        let frames = joints.size()[2];
        let first = joints.narrow(2, 0, 1).zeros_like();
        let before = Tensor::cat(&[first, joints.narrow(2, 0, frames - 1)], 2);
        let size = before.abs();
        let there = size
            .sum_dim_intlist([1i64, 3].as_slice(), true, Kind::Float)
            .sign();
        self.minus(joints, &before) * there
    }

    /// The difference of two joints; in 2D with the mean of their confidences, and only where both
    /// were seen.
    fn minus(&self, a: &Tensor, b: &Tensor) -> Tensor {
        if self.dimensions == 3 {
            return a - b;
        }
        let plane = |x: &Tensor| x.narrow(1, 0, 2);
        let confidence = |x: &Tensor| x.narrow(1, 2, 1);
        let both = confidence(a)
            .gt(0.0)
            .logical_and(&confidence(b).gt(0.0))
            .to_kind(Kind::Float);
        let mean = (confidence(a) + confidence(b)) / 2.0;
        Tensor::cat(&[plane(a) - plane(b), mean], 1) * both
    }
}
