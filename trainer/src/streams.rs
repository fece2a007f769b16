//! Streams as tensors, computed after augmentation.

use aimclr_skeleton::{Layout, Stream};
use tch::{Device, Tensor};

/// Computes a stream of batches; the tensor's side of [`Stream::of`].
pub struct Streams {
    stream: Stream,
    /// For each joint its parent.
    parents: Tensor,
}

impl Streams {
    /// For a layout's bones.
    pub fn new(stream: Stream, layout: &Layout, device: Device) -> Self {
        let parents: Vec<i64> = layout.parents().into_iter().map(|p| p as i64).collect();
        Self {
            stream,
            parents: Tensor::from_slice(&parents).to_device(device),
        }
    }

    /// The stream of joints of shape (N, C, T, V, M).
    pub fn of(&self, joints: &Tensor) -> Tensor {
        match self.stream {
            Stream::Joint => joints.shallow_clone(),
            Stream::Bone => joints - joints.index_select(3, &self.parents),
            Stream::Motion => {
                let frames = joints.size()[2];
                let moved = joints.narrow(2, 1, frames - 1) - joints.narrow(2, 0, frames - 1);
                let still = joints.narrow(2, 0, 1).zeros_like();
                Tensor::cat(&[moved, still], 2)
            }
        }
    }
}
