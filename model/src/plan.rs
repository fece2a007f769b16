//! The encoder on paper: ST-GCN in AimCLR's narrow form, its blocks and its tensors.

use crate::weights::{Weights, WeightsError};
use aimclr_skeleton::graph::SUBSETS;
use aimclr_skeleton::sequence::CHANNELS;
use serde::{Deserialize, Serialize};

/// Taps of every temporal convolution.
pub const TAPS: usize = 9;

/// Added to a variance before its root is taken, as PyTorch's batch norm has it.
pub const BN_EPSILON: f64 = 1e-5;

/// Widest encoder that is read, so that sizes computed from widths can't overflow.
const MAX_WIDTH: usize = 1 << 14;

/// Prefix of the query encoder's tensors: the encoder that is evaluated and exported.
pub const QUERY: &str = "encoder_q";

/// Prefix of the key encoder's tensors.
pub const KEY: &str = "encoder_k";

/// Widths of an encoder. Everything else about it follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// V.
    pub joints: usize,
    /// Channels of the first blocks: 16 in AimCLR, a quarter of the original ST-GCN's.
    pub hidden_channels: usize,
    /// Channels of the last block, the size of the published embedding: 256.
    pub hidden_dim: usize,
    /// Size of the projection on which the contrastive loss works: 128.
    pub feature_dim: usize,
}

/// One of the ten blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Channels in.
    pub input: usize,
    /// Channels out.
    pub output: usize,
    /// Stride of the temporal convolution.
    pub stride: usize,
    /// What is added to the block's result.
    pub residual: Residual,
}

/// What is added to a block's result before its last ReLU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residual {
    /// Nothing: the first block.
    None,
    /// The block's input.
    Identity,
    /// The block's input after a 1×1 convolution with the block's stride, and batch norm.
    Conv,
}

/// Blocks whose output's mean over time and joints is the embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooled {
    /// The last one, as published.
    #[default]
    Last,
    /// All ten, side by side in their order.
    Every,
}

/// What follows the encoder's pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// Linear, ReLU, linear on the last block: pre-training.
    Projection,
    /// One linear layer.
    Classifier {
        /// Number of classes.
        classes: usize,
        /// What it sees.
        pooled: Pooled,
    },
    /// Nothing.
    None,
}

impl Head {
    /// A classifier as published, on the last block.
    pub fn classifier(classes: usize) -> Self {
        Self::Classifier {
            classes,
            pooled: Pooled::Last,
        }
    }

    /// What the head sees.
    pub fn pooled(self) -> Pooled {
        match self {
            Self::Classifier { pooled, .. } => pooled,
            Self::Projection | Self::None => Pooled::Last,
        }
    }
}

/// Name and shape of one tensor of an encoder, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// Name without the encoder's prefix, such as `data_bn.weight`.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// True for what is learnt, false for statistics and constants.
    pub learnt: bool,
}

impl Plan {
    /// The widths that the paper trains, for a layout of `joints` joints.
    pub fn paper(joints: usize) -> Self {
        Self {
            joints,
            hidden_channels: 16,
            hidden_dim: 256,
            feature_dim: 128,
        }
    }

    /// The ten blocks. Two halve the number of frames.
    pub fn blocks(&self) -> Vec<Block> {
        let c = self.hidden_channels;
        let widths = [
            (CHANNELS, c, 1),
            (c, c, 1),
            (c, c, 1),
            (c, c, 1),
            (c, 2 * c, 2),
            (2 * c, 2 * c, 1),
            (2 * c, 2 * c, 1),
            (2 * c, 4 * c, 2),
            (4 * c, 4 * c, 1),
            (4 * c, self.hidden_dim, 1),
        ];
        let residual = |i, input, output, stride| match i {
            0 => Residual::None,
            _ if input == output && stride == 1 => Residual::Identity,
            _ => Residual::Conv,
        };
        widths
            .into_iter()
            .enumerate()
            .map(|(i, (input, output, stride))| Block {
                input,
                output,
                stride,
                residual: residual(i, input, output, stride),
            })
            .collect()
    }

    /// E, the size of the embedding.
    pub fn embedding(&self, pooled: Pooled) -> usize {
        match pooled {
            Pooled::Last => self.hidden_dim,
            Pooled::Every => self.blocks().iter().map(|block| block.output).sum(),
        }
    }

    /// Every tensor of an encoder with this head, in PyTorch's names and shapes. The counters
    /// `num_batches_tracked` are left out: nothing reads them.
    pub fn tensors(&self, head: Head) -> Vec<TensorSpec> {
        let v = self.joints;
        let mut specs = Specs(Vec::new());
        specs.add("A", &[SUBSETS, v, v], false);
        specs.batch_norm("data_bn", v * CHANNELS);
        for (i, block) in self.blocks().into_iter().enumerate() {
            let Block {
                input,
                output,
                residual,
                ..
            } = block;
            let name = |part: &str| format!("st_gcn_networks.{i}.{part}");
            specs.linear(&name("gcn.conv"), &[SUBSETS * output, input, 1, 1]);
            specs.batch_norm(&name("tcn.0"), output);
            specs.linear(&name("tcn.2"), &[output, output, TAPS, 1]);
            specs.batch_norm(&name("tcn.3"), output);
            if residual == Residual::Conv {
                specs.linear(&name("residual.0"), &[output, input, 1, 1]);
                specs.batch_norm(&name("residual.1"), output);
            }
            specs.add(&format!("edge_importance.{i}"), &[SUBSETS, v, v], true);
        }
        match head {
            Head::Projection => {
                specs.linear("fc.0", &[self.hidden_dim, self.hidden_dim]);
                specs.linear("fc.2", &[self.feature_dim, self.hidden_dim]);
            }
            Head::Classifier { classes, pooled } => {
                specs.linear("fc", &[classes, self.embedding(pooled)]);
            }
            Head::None => {}
        }
        specs.0
    }

    /// Number of learnt values.
    pub fn parameters(&self, head: Head) -> usize {
        let learnt = self.tensors(head).into_iter().filter(|spec| spec.learnt);
        learnt
            .map(|spec| spec.shape.iter().product::<usize>())
            .sum()
    }

    /// Multiply-accumulates of one body's way through each block, for `frames` frames: aggregation
    /// over joints first, counted as the dense product it is, then the convolutions.
    pub fn macs(&self, frames: usize) -> Vec<u64> {
        let mut length = frames;
        let mut macs = Vec::new();
        for Block {
            input,
            output,
            stride,
            residual,
        } in self.blocks()
        {
            let after = length.div_ceil(stride);
            let aggregate = SUBSETS * input * length * self.joints * self.joints;
            let spatial = SUBSETS * input * output * length * self.joints;
            let temporal = output * output * TAPS * after * self.joints;
            let shortcut = match residual {
                Residual::Conv => input * output * after * self.joints,
                _ => 0,
            };
            macs.push((aggregate + spatial + temporal + shortcut) as u64);
            length = after;
        }
        macs
    }

    /// Reads the widths off an encoder's tensors and checks that every tensor is there with the
    /// shape that follows from them. Gives the head, too.
    pub fn of_weights(weights: &Weights, prefix: &str) -> Result<(Self, Head), WeightsError> {
        let shape = |name: &str| {
            weights
                .get(&format!("{prefix}.{name}"))
                .map(|t| &t.shape[..])
        };
        let dim = |name: &str, axis: usize| {
            shape(name)?
                .get(axis)
                .copied()
                .ok_or_else(|| WeightsError::Shape {
                    path: weights.path.clone(),
                    tensor: format!("{prefix}.{name}"),
                    expected: format!("at least {} dimensions", axis + 1),
                    found: weights.shape_of(&format!("{prefix}.{name}")),
                })
        };
        let mut head = if shape("fc.weight").is_ok() {
            Head::classifier(dim("fc.weight", 0)?)
        } else if shape("fc.0.weight").is_ok() {
            Head::Projection
        } else {
            Head::None
        };
        let feature_dim = match head {
            Head::Projection => dim("fc.2.weight", 0)?,
            _ => Self::paper(0).feature_dim,
        };
        let plan = Self {
            joints: dim("A", 2)?,
            hidden_channels: dim("st_gcn_networks.0.tcn.2.weight", 0)?,
            hidden_dim: dim("st_gcn_networks.9.tcn.2.weight", 0)?,
            feature_dim,
        };
        let widths = [
            plan.joints,
            plan.hidden_channels,
            plan.hidden_dim,
            plan.feature_dim,
        ];
        if let Some(width) = widths
            .into_iter()
            .find(|width| !(1..=MAX_WIDTH).contains(width))
        {
            return Err(WeightsError::Format {
                path: weights.path.clone(),
                reason: format!("an encoder of width {width}; expected 1 to {MAX_WIDTH}"),
            });
        }
        // The classifier's width tells what it sees.
        if let Head::Classifier { pooled, .. } = &mut head
            && dim("fc.weight", 1)? == plan.embedding(Pooled::Every)
        {
            *pooled = Pooled::Every;
        }
        plan.check(weights, prefix, head)?;
        Ok((plan, head))
    }

    /// Checks that the encoder under `prefix` has every tensor, with the right shape and with values
    /// that training can have left behind.
    pub fn check(&self, weights: &Weights, prefix: &str, head: Head) -> Result<(), WeightsError> {
        for spec in self.tensors(head) {
            let name = format!("{prefix}.{}", spec.name);
            let found = &weights.get(&name)?.shape;
            if *found != spec.shape {
                return Err(WeightsError::Shape {
                    path: weights.path.clone(),
                    tensor: name,
                    expected: format!("{:?}", spec.shape),
                    found: format!("{found:?}"),
                });
            }
            weights.sound_values(&name)?;
        }
        Ok(())
    }
}

struct Specs(Vec<TensorSpec>);

impl Specs {
    fn add(&mut self, name: &str, shape: &[usize], learnt: bool) {
        self.0.push(TensorSpec {
            name: name.into(),
            shape: shape.to_vec(),
            learnt,
        });
    }

    fn linear(&mut self, name: &str, shape: &[usize]) {
        self.add(&format!("{name}.weight"), shape, true);
        self.add(&format!("{name}.bias"), &shape[..1], true);
    }

    fn batch_norm(&mut self, name: &str, channels: usize) {
        for (part, learnt) in [
            ("weight", true),
            ("bias", true),
            ("running_mean", false),
            ("running_var", false),
        ] {
            self.add(&format!("{name}.{part}"), &[channels], learnt);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_encoder_has_the_published_size() {
        let plan = Plan::paper(25);
        assert_eq!(plan.parameters(Head::None), 821_380);
        assert_eq!(plan.parameters(Head::Projection), 920_068);
        assert_eq!(plan.embedding(Pooled::Last), 256);
        assert_eq!(plan.embedding(Pooled::Every), 544);
        // Convolution before aggregation, as published, would be 306.3 million.
        assert_eq!(plan.macs(50).iter().sum::<u64>(), 297_294_050);
    }

    #[test]
    fn only_changes_of_width_or_stride_have_a_convolution_as_residual() {
        let residuals = |plan: Plan| -> Vec<Residual> {
            plan.blocks().into_iter().map(|b| b.residual).collect()
        };
        let paper = residuals(Plan::paper(25));
        assert_eq!(paper[0], Residual::None);
        for (i, residual) in paper.iter().enumerate().skip(1) {
            assert_eq!(*residual == Residual::Conv, [4, 7, 9].contains(&i));
        }
        let narrow = Plan {
            joints: 25,
            hidden_channels: 4,
            hidden_dim: 16,
            feature_dim: 8,
        };
        assert_eq!(residuals(narrow)[9], Residual::Identity);
    }
}
