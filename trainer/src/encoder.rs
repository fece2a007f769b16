//! The encoder: ST-GCN in AimCLR's narrow form, in torch.

mod continual;

use crate::eadm;
use crate::parameters::Parameters;
use crate::spectral::Spectral;
use aimclr_model::Plan;
use aimclr_model::plan::{BN_EPSILON, Block, Head, Pooled, Residual};
use aimclr_skeleton::graph::SUBSETS;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// Share of activations that dropout zeroes in training, in all blocks but the first.
pub const DROPOUT: f64 = 0.5;

/// Share of the new value in a batch norm's running statistics.
const BN_MOMENTUM: f64 = 0.1;

/// Whether statistics come from the batch and dropout is on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// Running statistics, no dropout.
    Eval,
    /// Batch statistics, and dropout of this share.
    Train {
        /// Share of activations zeroed in blocks 1 to 9.
        dropout: f64,
    },
}

/// Type of the numbers that flow through the blocks. Weights, statistics, pooling and losses are
/// f32 always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// bfloat16: half the memory, and several times as fast where the processor multiplies it.
    Bf16,
}

impl Precision {
    fn kind(self) -> Kind {
        match self {
            Precision::F32 => Kind::Float,
            Precision::Bf16 => Kind::BFloat16,
        }
    }
}

/// An encoder and its head.
///
/// Activations have the shape (V, C, T, B), B = N·M bodies: to torch, images of T × B for each joint.
/// With the joints outermost their aggregation is one product with the adjacency.
/// In bf16 and on a GPU the channels lie innermost in memory: convolutions there are up to three
/// times as fast. In f32 on the CPU they don't, as torch's batch norm loses two digits in that order.
pub struct Encoder {
    /// Widths.
    pub plan: Plan,
    /// What follows the pooling.
    pub head: Head,
    /// All tensors.
    pub parameters: Parameters,
    /// What the blocks compute in.
    pub precision: Precision,
    input: Norm,
    adjacency: Tensor,
    blocks: Vec<BlockTensors>,
    layers: Vec<Linear>,
}

struct Norm {
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    var: Tensor,
}

struct Linear {
    weight: Tensor,
    bias: Tensor,
}

struct BlockTensors {
    block: Block,
    importance: Tensor,
    spatial: Linear,
    spatial_norm: Norm,
    temporal: Linear,
    temporal_norm: Norm,
    residual: Option<(Linear, Norm)>,
}

impl Encoder {
    /// An encoder in f32 whose tensors are still zero; load or draw them through `parameters`.
    pub fn new(plan: Plan, head: Head, device: Device) -> Self {
        let parameters = Parameters::zeros(&plan, head, device);
        let linear = |name: &str| Linear {
            weight: parameters.get(&format!("{name}.weight")),
            bias: parameters.get(&format!("{name}.bias")),
        };
        let norm = |name: &str| Norm {
            weight: parameters.get(&format!("{name}.weight")),
            bias: parameters.get(&format!("{name}.bias")),
            mean: parameters.get(&format!("{name}.running_mean")),
            var: parameters.get(&format!("{name}.running_var")),
        };
        let blocks = plan.blocks().into_iter().enumerate().map(|(i, block)| {
            let name = |part: &str| format!("st_gcn_networks.{i}.{part}");
            BlockTensors {
                block,
                importance: parameters.get(&format!("edge_importance.{i}")),
                spatial: linear(&name("gcn.conv")),
                spatial_norm: norm(&name("tcn.0")),
                temporal: linear(&name("tcn.2")),
                temporal_norm: norm(&name("tcn.3")),
                residual: (block.residual == Residual::Conv)
                    .then(|| (linear(&name("residual.0")), norm(&name("residual.1")))),
            }
        });
        let layers = match head {
            Head::Projection => vec![linear("fc.0"), linear("fc.2")],
            Head::Classifier { .. } => vec![linear("fc")],
            Head::None => vec![],
        };
        Self {
            input: norm("data_bn"),
            adjacency: parameters.get("A"),
            blocks: blocks.collect(),
            layers,
            plan,
            head,
            parameters,
            precision: Precision::F32,
        }
    }

    /// Output of the last block in f32, shape (V, C, T/4, B), for a stream of joints (N, 3, T, V, M).
    pub fn features(&self, joints: &Tensor, mode: Mode) -> Tensor {
        let mut x = self.normalised(joints, mode);
        for (i, block) in self.blocks.iter().enumerate() {
            x = self.through(i, block, &x, mode);
        }
        x.to_kind(Kind::Float)
    }

    /// Outputs of all ten blocks in eval mode, each (V, C′, T′, B).
    pub fn blocks(&self, joints: &Tensor) -> Vec<Tensor> {
        let mut x = self.normalised(joints, Mode::Eval);
        let mut outputs = Vec::new();
        for (i, block) in self.blocks.iter().enumerate() {
            x = self.through(i, block, &x, Mode::Eval);
            outputs.push(x.shallow_clone());
        }
        outputs
    }

    fn through(&self, index: usize, block: &BlockTensors, x: &Tensor, mode: Mode) -> Tensor {
        let mode = match (index, mode) {
            (0, Mode::Train { .. }) => Mode::Train { dropout: 0.0 },
            _ => mode,
        };
        block.forward(x, &self.adjacency, mode)
    }

    /// What a block's output adds to the embedding, shape (N, C): mean over time and joints, then
    /// over the bodies, an absent one included.
    pub fn pool(&self, features: &Tensor, bodies: i64) -> Tensor {
        let pooled = eadm::place_mean(features);
        pooled
            .reshape([pooled.size()[0], -1, bodies])
            .mean_dim([2i64].as_slice(), false, Kind::Float)
            .transpose(0, 1)
    }

    /// The head's output for an embedding: a projection (not yet normed) or class scores.
    pub fn head(&self, embedding: &Tensor) -> Tensor {
        let mut x = embedding.shallow_clone();
        for (i, layer) in self.layers.iter().enumerate() {
            if i > 0 {
                x = x.relu();
            }
            x = x.linear(&layer.weight, Some(&layer.bias));
        }
        x
    }

    /// Embedding of joints (N, 3, T, V, M) in eval mode, without gradient.
    pub fn embed(&self, joints: &Tensor, pooled: Pooled) -> Tensor {
        let bodies = joints.size()[4];
        tch::no_grad(|| match pooled {
            Pooled::Last => self.pool(&self.features(joints, Mode::Eval), bodies),
            Pooled::Every => {
                let pool = |x: Tensor| self.pool(&x.to_kind(Kind::Float), bodies);
                Tensor::cat(
                    &self
                        .blocks(joints)
                        .into_iter()
                        .map(pool)
                        .collect::<Vec<_>>(),
                    1,
                )
            }
        })
    }

    /// Projection of a view, L2-normed, shape (N, feature_dim).
    pub fn project(&self, joints: &Tensor, mode: Mode) -> Tensor {
        let features = self.features(joints, mode);
        unit(&self.head(&self.pool(&features, joints.size()[4])))
    }

    /// Projections of a view and of the same view after EADM, from one pass through the blocks.
    pub fn project_both(&self, joints: &Tensor, mode: Mode, drop: bool) -> (Tensor, Tensor) {
        let bodies = joints.size()[4];
        let features = self.features(joints, mode);
        let plain = unit(&self.head(&self.pool(&features, bodies)));
        if !drop {
            let same = plain.shallow_clone();
            return (plain, same);
        }
        let dropped = eadm::drop(&features, eadm::KEEP, eadm::LAMBDA);
        let dropped = unit(&self.head(&self.pool(&dropped, bodies)));
        (plain, dropped)
    }

    /// Bodies into the batch, and the input's batch norm over (joint, coordinate) channels.
    fn normalised(&self, joints: &Tensor, mode: Mode) -> Tensor {
        let size = joints.size();
        let (n, c, t, v, m) = (size[0], size[1], size[2], size[3], size[4]);
        let channels = joints.permute([0, 4, 3, 1, 2]).reshape([n * m, v * c, t]);
        let normed = self.input.forward(&channels, mode, 1.0);
        let x = normed.view([n * m, v, c, t]).permute([1, 2, 3, 0]);
        ordered(&x.to_kind(self.precision.kind()))
    }
}

impl BlockTensors {
    /// (V, C, T, B) → (V, C′, T′, B).
    fn forward(&self, x: &Tensor, adjacency: &Tensor, mode: Mode) -> Tensor {
        let stride = self.block.stride as i64;
        let y = self.aggregate(x, adjacency);
        // In place wherever autograd needs only the result.
        let y = self.spatial_norm.forward(&y, mode, 1.0).relu_();
        let Linear { weight, bias } = &self.temporal;
        let y = match Spectral::pays(&y, stride) {
            true => Spectral::new(&y).convolve(&y, weight, bias),
            false => convolve(&y, &self.temporal, stride),
        };
        // Batch norm takes over the factor that keeps the mean under dropout.
        let (kept, scale) = dropout(&y, mode);
        let mut y = self.temporal_norm.forward(&y, mode, scale);
        if let Some(kept) = kept {
            y *= kept;
        }
        match (self.block.residual, &self.residual) {
            (Residual::None, _) => {}
            (Residual::Conv, Some((linear, norm))) => {
                y += norm.forward(&convolve(x, linear, stride), mode, 1.0);
            }
            _ => y += x,
        }
        y.relu_()
    }

    /// Aggregation over joints and the 1×1 convolution.
    ///
    /// Joints are aggregated before the convolution, not after it as published: the same numbers,
    /// but the products run over `input` instead of `output` channels. Both are products of
    /// matrices, in either order of memory.
    fn aggregate(&self, x: &Tensor, adjacency: &Tensor) -> Tensor {
        let kind = x.kind();
        let (subsets, output) = (SUBSETS as i64, self.block.output as i64);
        let [joints, input, frames, bodies] = x.size()[..] else {
            unreachable!("four dimensions");
        };
        let weighted = adjacency * &self.importance;
        // Each joint gets Σ_k b_k times the sum of its column of A_k.
        let columns = weighted.sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
        let bias = self.spatial.bias.view([subsets, output]);
        let bias = columns.transpose(0, 1).matmul(&bias).to_kind(kind);
        let weight = self.spatial.weight.view([subsets, output, input]);
        if channels_innermost(x) {
            let rows = weighted.transpose(1, 2).reshape([subsets * joints, joints]);
            let x = x.permute([0, 2, 3, 1]).reshape([joints, -1]);
            let parts = rows.to_kind(kind).matmul(&x);
            let parts = parts.view([subsets, joints, frames * bodies, input]);
            let weight = weight.to_kind(kind).transpose(1, 2).unsqueeze(1);
            let weight = weight.expand([-1, joints, -1, -1], false);
            // Not select, whose way back fills and adds a whole tensor for each subset.
            let mut terms = std::iter::zip(parts.unbind(0), weight.unbind(0));
            let (part, first) = terms.next().expect("a graph has subsets");
            let y = bias.unsqueeze(1).baddbmm(&part, &first, 1.0, 1.0);
            terms
                .fold(y, |mut y, (part, weight)| y.baddbmm_(&part, &weight))
                .view([joints, frames, bodies, output])
                .permute([0, 3, 1, 2])
        } else {
            // With a joint's subsets side by side, one product a joint sums over them.
            let rows = weighted
                .permute([2, 0, 1])
                .reshape([joints * subsets, joints]);
            let parts = rows.matmul(&x.reshape([joints, -1]));
            let parts = parts.view([joints, subsets * input, frames * bodies]);
            let weight = weight
                .transpose(0, 1)
                .reshape([1, output, subsets * input])
                .expand([joints, -1, -1], false);
            bias.unsqueeze(2)
                .baddbmm(&weight, &parts, 1.0, 1.0)
                .view([joints, output, frames, bodies])
        }
    }
}

/// Whether the channels of activations like `x` lie innermost in memory: see [`Encoder`].
pub(crate) fn channels_innermost(x: &Tensor) -> bool {
    x.kind() != Kind::Float || x.device() != Device::Cpu
}

/// `x` in the order of memory that is fastest for its kind and device.
fn ordered(x: &Tensor) -> Tensor {
    match channels_innermost(x) {
        true => x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]),
        false => x.contiguous(),
    }
}

/// A convolution over time, padded to keep the length before the stride.
fn convolve(x: &Tensor, linear: &Linear, stride: i64) -> Tensor {
    let weight = linear.weight.to_kind(x.kind());
    let bias = linear.bias.to_kind(x.kind());
    let padding = [weight.size()[2] / 2, 0];
    x.conv2d(&weight, Some(&bias), [stride, 1], padding, [1, 1], 1)
}

impl Norm {
    /// Batch norm over dimension 1, times `scale`.
    fn forward(&self, x: &Tensor, mode: Mode, scale: f64) -> Tensor {
        let scaled = |tensor: &Tensor| match scale == 1.0 {
            true => tensor.shallow_clone(),
            false => tensor * scale,
        };
        x.batch_norm(
            Some(&scaled(&self.weight)),
            Some(&scaled(&self.bias)),
            Some(&self.mean),
            Some(&self.var),
            mode != Mode::Eval,
            BN_MOMENTUM,
            BN_EPSILON,
            true,
        )
    }
}

/// Which activations of a tensor like `x` dropout keeps, as 0 and 1, and the factor that keeps
/// their mean.
///
/// On the CPU torch spends ten nanoseconds on the random number of one element, a fifth of a
/// whole training step. Seven random bits an element, eight elements a number, are as good: the
/// share is then a multiple of 1/128.
fn dropout(x: &Tensor, mode: Mode) -> (Option<Tensor>, f64) {
    let share = match mode {
        Mode::Train { dropout } if dropout > 0.0 => dropout,
        _ => return (None, 1.0),
    };
    if x.device() != Device::Cpu {
        return (
            Some(x.empty_like().bernoulli_float_(1.0 - share)),
            1.0 / (1.0 - share),
        );
    }
    let count = x.numel() as i64;
    let mut words = Tensor::empty([(count + 7) / 8], (Kind::Int64, Device::Cpu));
    // 63 random bits in each word; the highest bit of its last byte is never set.
    let dropped = (share * 128.0).round() as i64;
    // A byte of at least `dropped` carries into its highest bit, and none beyond.
    const BYTES: i64 = 0x0101_0101_0101_0101;
    let _ = words.random_().bitwise_and_(0x7f * BYTES);
    words += BYTES.wrapping_mul(128 - dropped);
    let words = words
        .bitwise_right_shift_tensor_scalar(7)
        .bitwise_and(BYTES);
    let bytes = words.view_dtype(Kind::Uint8).narrow(0, 0, count);
    let kept = bytes.to_kind(x.kind());
    let size = x.size();
    let kept = match channels_innermost(x) {
        true => kept
            .view([size[0], size[2], size[3], size[1]])
            .permute([0, 3, 1, 2]),
        false => kept.view(&size[..]),
    };
    (Some(kept), 128.0 / (128 - dropped) as f64)
}

/// Each row divided by its length.
pub fn unit(x: &Tensor) -> Tensor {
    x / x
        .norm_scalaropt_dim(2.0, [1i64].as_slice(), true)
        .clamp_min(1e-12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropout_keeps_the_mean_and_drops_its_share() {
        tch::manual_seed(1);
        let ones = Tensor::ones([7, 11, 13, 999], (Kind::Float, Device::Cpu));
        let mean = |x: &Tensor| x.mean(Kind::Float).double_value(&[]);
        for share in [0.25, 0.5] {
            let (kept, scale) = dropout(&ones, Mode::Train { dropout: share });
            let kept = kept.expect("something is dropped");
            assert!((1.0 - mean(&kept) - share).abs() < 0.003);
            assert!((mean(&kept) * scale - 1.0).abs() < 0.006);
            // Byte 7 of each word has one random bit less; its share must be the same.
            let last = kept
                .view([-1])
                .narrow(0, 7, 8 * 100_000)
                .slice(0, 0, None, 8);
            assert!((1.0 - mean(&last) - share).abs() < 0.01);
        }
        assert!(dropout(&ones, Mode::Eval).0.is_none());
    }

    #[test]
    fn learnt_tensors_are_views_of_the_flat_buffer() {
        let mut encoder = Encoder::new(Plan::paper(25), Head::Projection, Device::Cpu);
        assert_eq!(encoder.parameters.flat.size(), [920_068]);
        tch::no_grad(|| _ = encoder.parameters.flat.fill_(3.0));
        let last = encoder.parameters.get("fc.2.bias");
        assert_eq!(last.double_value(&[127]), 3.0);
        assert!(
            encoder
                .parameters
                .learnt()
                .iter()
                .all(|t| t.requires_grad() && t.is_leaf())
        );
    }
}
