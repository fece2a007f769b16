//! One encoder in f64: convolution before aggregation as published, every batch norm as a step of
//! its own.

use crate::source::Trained;
use aimclr_model::plan::{BN_EPSILON, Block, Pooled, Residual, TAPS};
use aimclr_skeleton::Stream;
use aimclr_skeleton::graph::SUBSETS;
use aimclr_skeleton::sequence::CHANNELS;

/// An encoder in f64.
pub struct Encoder {
    pub(super) stream: Stream,
    frames: usize,
    joints: usize,
    pooled: Pooled,
    input: BatchNorm,
    blocks: Vec<Layer>,
    pub(super) classifier: Option<Linear>,
}

struct BatchNorm {
    weight: Vec<f64>,
    bias: Vec<f64>,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

struct Layer {
    block: Block,
    /// (K, V, V), the importance multiplied in.
    adjacency: Vec<f64>,
    spatial: Linear,
    spatial_norm: BatchNorm,
    temporal: Linear,
    temporal_norm: BatchNorm,
    residual: Option<(Linear, BatchNorm)>,
}

pub(super) struct Linear {
    pub(super) weight: Vec<f64>,
    pub(super) bias: Vec<f64>,
}

/// A body's features, shape (C, T, V).
pub(super) struct Map {
    pub(super) channels: usize,
    pub(super) frames: usize,
    pub(super) data: Vec<f64>,
}

impl Encoder {
    /// The encoder that `trained` holds.
    pub fn of(trained: &Trained) -> Self {
        let linear = |name: &str| Linear {
            weight: trained.tensor(&format!("{name}.weight")),
            bias: trained.tensor(&format!("{name}.bias")),
        };
        let norm = |name: &str| BatchNorm {
            weight: trained.tensor(&format!("{name}.weight")),
            bias: trained.tensor(&format!("{name}.bias")),
            mean: trained.tensor(&format!("{name}.running_mean")),
            variance: trained.tensor(&format!("{name}.running_var")),
        };
        let a = trained.tensor("A");
        let layer = |(i, block): (usize, Block)| {
            let name = |part: &str| format!("st_gcn_networks.{i}.{part}");
            let importance = trained.tensor(&format!("edge_importance.{i}"));
            Layer {
                block,
                adjacency: a.iter().zip(&importance).map(|(a, i)| a * i).collect(),
                spatial: linear(&name("gcn.conv")),
                spatial_norm: norm(&name("tcn.0")),
                temporal: linear(&name("tcn.2")),
                temporal_norm: norm(&name("tcn.3")),
                residual: (block.residual == Residual::Conv)
                    .then(|| (linear(&name("residual.0")), norm(&name("residual.1")))),
            }
        };
        Self {
            stream: trained.stream,
            frames: trained.card.frames,
            joints: trained.plan.joints,
            pooled: trained.pooled,
            input: norm("data_bn"),
            blocks: trained
                .plan
                .blocks()
                .into_iter()
                .enumerate()
                .map(layer)
                .collect(),
            classifier: trained.classifier.as_ref().map(|_| linear("fc")),
        }
    }

    /// The feature of a body that isn't there, E values: not zero, for batch norms and biases act
    /// on its zeros.
    pub fn absent(&self) -> Vec<f64> {
        self.encode(&vec![0.0; CHANNELS * self.frames * self.joints])
    }

    /// The feature of one body, E values, from the encoder's input, shape (3, T, V).
    ///
    /// # Panics
    /// Where `body` has another size.
    pub fn encode(&self, body: &[f64]) -> Vec<f64> {
        assert_eq!(body.len(), CHANNELS * self.frames * self.joints);
        let mean = |map: &Map| -> Vec<f64> {
            let points = map.data.len() / map.channels;
            let mean = |channel: &[f64]| channel.iter().sum::<f64>() / points as f64;
            map.data.chunks_exact(points).map(mean).collect()
        };
        let maps = self.trace(body, 0);
        maps[self.first_pooled()..].iter().flat_map(mean).collect()
    }

    /// The first block that is pooled.
    pub(super) fn first_pooled(&self) -> usize {
        match self.pooled {
            Pooled::Last => self.blocks.len() - 1,
            Pooled::Every => 0,
        }
    }

    /// Output of every block for any number of frames, where every 9×1 convolution lags `lag` frames
    /// behind a centred one, and what goes past it is delayed by as many.
    pub(super) fn trace(&self, body: &[f64], lag: usize) -> Vec<Map> {
        let joints = self.joints;
        let frames = body.len() / (CHANNELS * joints);
        let mut map = Map {
            channels: CHANNELS,
            frames,
            data: body.to_vec(),
        };
        // The input's batch norm has a channel per joint and coordinate: v·3 + c.
        for (i, x) in map.data.iter_mut().enumerate() {
            let (c, v) = (i / (frames * joints), i % joints);
            *x = self.input.of(v * CHANNELS + c, *x);
        }
        let mut maps: Vec<Map> = Vec::new();
        for layer in &self.blocks {
            maps.push(layer.run(maps.last().unwrap_or(&map), joints, lag));
        }
        maps
    }
}

impl BatchNorm {
    fn of(&self, channel: usize, x: f64) -> f64 {
        let deviation = (self.variance[channel] + BN_EPSILON).sqrt();
        (x - self.mean[channel]) / deviation * self.weight[channel] + self.bias[channel]
    }

    fn apply(&self, map: &mut Map) {
        let points = map.data.len() / map.channels;
        for (c, channel) in map.data.chunks_exact_mut(points).enumerate() {
            channel.iter_mut().for_each(|x| *x = self.of(c, *x));
        }
    }
}

impl Layer {
    fn run(&self, input: &Map, joints: usize, lag: usize) -> Map {
        let Block { output, stride, .. } = self.block;
        let subsets = conv(input, &self.spatial, SUBSETS * output, [1, 1, 0], joints);
        let mut map = self.aggregate(&subsets, joints);
        self.spatial_norm.apply(&mut map);
        relu(&mut map);
        let before = TAPS / 2 + lag;
        let mut map = conv(&map, &self.temporal, output, [TAPS, stride, before], joints);
        self.temporal_norm.apply(&mut map);
        match (&self.residual, self.block.residual) {
            (Some((shortcut, norm)), _) => {
                let mut shortcut = conv(input, shortcut, output, [1, stride, lag], joints);
                norm.apply(&mut shortcut);
                add(&mut map.data, &shortcut.data);
            }
            (None, Residual::Identity) => add_delayed(&mut map, input, lag * joints),
            (None, _) => {}
        }
        relu(&mut map);
        map
    }

    /// Σ over the subsets k of x_k · A_k, where channel k·out + c of the input is c of x_k.
    fn aggregate(&self, subsets: &Map, joints: usize) -> Map {
        let channels = subsets.channels / SUBSETS;
        let frames = subsets.frames;
        let size = channels * frames;
        let mut data = vec![0.0; size * joints];
        for (k, a) in self.adjacency.chunks_exact(joints * joints).enumerate() {
            let rows = subsets.data[k * size * joints..].chunks_exact(joints);
            for (out, row) in data.chunks_exact_mut(joints).zip(rows) {
                for (x, a) in row.iter().zip(a.chunks_exact(joints)) {
                    out.iter_mut().zip(a).for_each(|(out, a)| *out += x * a);
                }
            }
        }
        Map {
            channels,
            frames,
            data,
        }
    }
}

/// A convolution over time with so many taps and this stride, the first of them on the frame that
/// many `before`; a stride of 1 keeps the length. What lies beyond the ends is 0.
fn conv(
    input: &Map,
    linear: &Linear,
    channels: usize,
    [taps, stride, before]: [usize; 3],
    joints: usize,
) -> Map {
    let frames = input.frames.div_ceil(stride);
    let mut data = vec![0.0; channels * frames * joints];
    for (o, out) in data.chunks_exact_mut(frames * joints).enumerate() {
        out.fill(linear.bias[o]);
        for (i, channel) in input.data.chunks_exact(input.frames * joints).enumerate() {
            let weights = &linear.weight[(o * input.channels + i) * taps..][..taps];
            for (t, out) in out.chunks_exact_mut(joints).enumerate() {
                for (tap, w) in weights.iter().enumerate() {
                    let Some(from) = (t * stride + tap).checked_sub(before) else {
                        continue;
                    };
                    if from < input.frames {
                        let row = &channel[from * joints..][..joints];
                        out.iter_mut().zip(row).for_each(|(out, x)| *out += w * x);
                    }
                }
            }
        }
    }
    Map {
        channels,
        frames,
        data,
    }
}

fn relu(map: &mut Map) {
    map.data.iter_mut().for_each(|x| *x = x.max(0.0));
}

/// Adds what came so many values earlier, in each channel.
fn add_delayed(to: &mut Map, what: &Map, values: usize) {
    let channel = what.data.len() / what.channels;
    let rows = what.data.chunks_exact(channel);
    for (to, what) in to.data.chunks_exact_mut(channel).zip(rows) {
        add(to.get_mut(values..).unwrap_or_default(), what);
    }
}

fn add(to: &mut [f64], what: &[f64]) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += what);
}
