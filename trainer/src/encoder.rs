//! The encoder: ST-GCN in AimCLR's narrow form, in torch.

use crate::eadm;
use crate::parameters::Parameters;
use aimclr_model::Plan;
use aimclr_model::plan::{BN_EPSILON, Block, Head, Residual};
use aimclr_skeleton::graph::SUBSETS;
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

/// An encoder and its head.
pub struct Encoder {
    /// Widths.
    pub plan: Plan,
    /// What follows the pooling.
    pub head: Head,
    /// All tensors.
    pub parameters: Parameters,
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
    /// An encoder whose tensors are still zero; load or draw them through `parameters`.
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
            Head::Classifier(_) => vec![linear("fc")],
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
        }
    }

    /// Output of the last block, shape (N·M, C, T/4, V), for a stream of joints (N, 3, T, V, M).
    pub fn features(&self, joints: &Tensor, mode: Mode) -> Tensor {
        let mut x = self.normalised(joints, mode);
        for (i, block) in self.blocks.iter().enumerate() {
            let mode = match (i, mode) {
                (0, Mode::Train { .. }) => Mode::Train { dropout: 0.0 },
                _ => mode,
            };
            x = block.forward(&x, &self.adjacency, mode);
        }
        x
    }

    /// Outputs of all ten blocks, in eval mode; for comparing block by block.
    pub fn blocks(&self, joints: &Tensor) -> Vec<Tensor> {
        let mut x = self.normalised(joints, Mode::Eval);
        let mut outputs = Vec::new();
        for block in &self.blocks {
            x = block.forward(&x, &self.adjacency, Mode::Eval);
            outputs.push(x.shallow_clone());
        }
        outputs
    }

    /// The embedding, shape (N, hidden_dim): mean over time and joints, then over the bodies, an
    /// absent one included.
    pub fn pool(&self, features: &Tensor, bodies: i64) -> Tensor {
        let pooled = features.mean_dim([2i64, 3].as_slice(), false, Kind::Float);
        pooled
            .view([-1, bodies, pooled.size()[1]])
            .mean_dim([1i64].as_slice(), false, Kind::Float)
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
    pub fn embed(&self, joints: &Tensor) -> Tensor {
        tch::no_grad(|| self.pool(&self.features(joints, Mode::Eval), joints.size()[4]))
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
        let normed = self.input.forward(&channels, mode);
        normed
            .view([n * m, v, c, t])
            .permute([0, 2, 3, 1])
            .contiguous()
    }
}

impl BlockTensors {
    /// (B, C, T, V) → (B, C′, T′, V).
    ///
    /// Joints are aggregated before the 1×1 convolution, not after it as published: the same
    /// numbers, but the products run over `input` instead of `output` channels, and their results
    /// need no sum.
    fn forward(&self, x: &Tensor, adjacency: &Tensor, mode: Mode) -> Tensor {
        let Block {
            output,
            stride,
            residual,
            ..
        } = self.block;
        let (output, stride) = (output as i64, stride as i64);
        let subsets = SUBSETS as i64;
        let weighted = adjacency * &self.importance;
        let parts: Vec<Tensor> = (0..subsets).map(|k| x.matmul(&weighted.get(k))).collect();
        let aggregated = Tensor::cat(&parts, 1);
        let input = x.size()[1];
        let weight = self
            .spatial
            .weight
            .view([subsets, output, input])
            .permute([1, 0, 2]);
        let weight = weight.reshape([output, subsets * input, 1, 1]);
        // Each joint gets Σ_k b_k times the sum of its column of A_k.
        let columns = weighted.sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
        let bias = self
            .spatial
            .bias
            .view([subsets, output])
            .transpose(0, 1)
            .matmul(&columns);
        let y = aggregated.conv2d::<Tensor>(&weight, None, [1, 1], [0, 0], [1, 1], 1)
            + bias.unsqueeze(1);
        let y = self.spatial_norm.forward(&y, mode).relu();
        let Linear { weight, bias } = &self.temporal;
        let y = y.conv2d(weight, Some(bias), [stride, 1], [4, 0], [1, 1], 1);
        let y = dropout(&self.temporal_norm.forward(&y, mode), mode);
        let y = match (residual, &self.residual) {
            (Residual::None, _) => y,
            (Residual::Conv, Some((Linear { weight, bias }, norm))) => {
                let shortcut = x.conv2d(weight, Some(bias), [stride, 1], [0, 0], [1, 1], 1);
                y + norm.forward(&shortcut, mode)
            }
            _ => y + x,
        };
        y.relu()
    }
}

impl Norm {
    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        x.batch_norm(
            Some(&self.weight),
            Some(&self.bias),
            Some(&self.mean),
            Some(&self.var),
            mode != Mode::Eval,
            BN_MOMENTUM,
            BN_EPSILON,
            true,
        )
    }
}

/// Zeroes a share of the activations and rescales the others.
///
/// On the CPU torch spends ten nanoseconds on the random number of one element, a fifth of a
/// whole training step. Seven random bits an element, eight elements a number, are as good: the
/// share is then a multiple of 1/128.
fn dropout(x: &Tensor, mode: Mode) -> Tensor {
    let share = match mode {
        Mode::Train { dropout } if dropout > 0.0 => dropout,
        _ => return x.shallow_clone(),
    };
    if x.device() != Device::Cpu {
        return x.dropout(share, true);
    }
    let count = x.numel() as i64;
    let mut words = Tensor::empty([(count + 7) / 8], (Kind::Int64, Device::Cpu));
    // 63 random bits in each word; the highest bit of its last byte is never set.
    let bytes = words.random_().view_dtype(Kind::Uint8).narrow(0, 0, count);
    let dropped = (share * 128.0).round() as i64;
    let kept = bytes.bitwise_and(0x7f).ge(dropped).view_as(x);
    x * (kept.to_kind(Kind::Float) * (128.0 / (128 - dropped) as f64))
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
        let ones = Tensor::ones([1001, 999], (Kind::Float, Device::Cpu));
        for share in [0.25, 0.5] {
            let y = dropout(&ones, Mode::Train { dropout: share });
            let zeros = y
                .eq(0.0)
                .to_kind(Kind::Float)
                .mean(Kind::Float)
                .double_value(&[]);
            assert!((zeros - share).abs() < 0.003, "{zeros}");
            assert!((y.mean(Kind::Float).double_value(&[]) - 1.0).abs() < 0.006);
            // Byte 7 of each word has one random bit less; its share must be the same.
            let last = y.view([-1]).narrow(0, 7, 8 * 100_000).slice(0, 0, None, 8);
            let zeros = last
                .eq(0.0)
                .to_kind(Kind::Float)
                .mean(Kind::Float)
                .double_value(&[]);
            assert!((zeros - share).abs() < 0.01, "{zeros}");
        }
        assert!(dropout(&ones, Mode::Eval).equal(&ones));
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
