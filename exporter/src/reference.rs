//! The model computed plainly, in f64, straight from its definition: convolution before
//! aggregation as published, every batch norm as a step of its own. Slow and simple; the exported
//! graph, which does all of this differently, is held against it.

use crate::source::Source;
use aimclr_engine::{Output, Windows};
use aimclr_model::plan::{BN_EPSILON, Block, Pooled, Residual, TAPS};
use aimclr_skeleton::graph::SUBSETS;
use aimclr_skeleton::normalise::Preprocessing;
use aimclr_skeleton::sequence::CHANNELS;
use aimclr_skeleton::{Layout, Sequence, Stream};

/// The model in f64.
pub struct Reference {
    layout: Layout,
    preprocessing: Preprocessing,
    stream: Stream,
    frames: usize,
    joints: usize,
    bodies: usize,
    pooled: Pooled,
    temperature: f64,
    input: BatchNorm,
    blocks: Vec<Layer>,
    classifier: Option<Linear>,
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

struct Linear {
    weight: Vec<f64>,
    bias: Vec<f64>,
}

/// A body's features, shape (C, T, V).
struct Map {
    channels: usize,
    frames: usize,
    data: Vec<f64>,
}

impl Reference {
    /// The model that `source` holds.
    pub fn of(source: &Source) -> Self {
        let linear = |name: &str| Linear {
            weight: source.tensor(&format!("{name}.weight")),
            bias: source.tensor(&format!("{name}.bias")),
        };
        let norm = |name: &str| BatchNorm {
            weight: source.tensor(&format!("{name}.weight")),
            bias: source.tensor(&format!("{name}.bias")),
            mean: source.tensor(&format!("{name}.running_mean")),
            variance: source.tensor(&format!("{name}.running_var")),
        };
        let a = source.tensor("A");
        let layer = |(i, block): (usize, Block)| {
            let name = |part: &str| format!("st_gcn_networks.{i}.{part}");
            let importance = source.tensor(&format!("edge_importance.{i}"));
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
            layout: source.card.layout.clone(),
            preprocessing: source.card.preprocessing,
            stream: source.stream,
            frames: source.card.frames,
            joints: source.plan.joints,
            bodies: source.card.bodies,
            pooled: source.pooled,
            temperature: source.card.calibration.temperature,
            input: norm("data_bn"),
            blocks: source
                .plan
                .blocks()
                .into_iter()
                .enumerate()
                .map(layer)
                .collect(),
            classifier: source.classifier.as_ref().map(|_| linear("fc")),
        }
    }

    /// What the exported graph should give for raw windows, rounded to f32 at the very end.
    ///
    /// # Panics
    /// Where the windows don't have the sizes of the model card.
    pub fn run(&self, windows: Windows<'_>) -> Output {
        let Windows { n, m, data } = windows;
        let body = self.frames * self.joints * CHANNELS;
        assert_eq!(data.len(), n * m * body, "(N, M, T, V, 3) values");
        let absent = match m < self.bodies {
            true => self.absent(),
            false => Vec::new(),
        };
        let mut output = Output {
            n,
            ..Output::default()
        };
        for window in data.chunks_exact(m * body) {
            let mut bodies: Vec<Vec<f64>> = window
                .chunks_exact(body)
                .map(|body| self.encode(&self.look_at(body)))
                .collect();
            bodies.resize(self.bodies.max(m), absent.clone());
            let embedding = self.mix(&bodies);
            output.embedding.extend(embedding.iter().map(|x| *x as f32));
            if let Some((logits, probabilities)) = self.classify(&embedding) {
                output.logits.extend(logits.iter().map(|x| *x as f32));
                let probabilities = probabilities.iter().map(|x| *x as f32);
                output.probabilities.extend(probabilities);
            }
        }
        output
    }

    /// One raw body, shape (T, V, 3), as the encoder sees it: normalised, its stream, shape
    /// (3, T, V).
    fn look_at(&self, body: &[f32]) -> Vec<f64> {
        let mut sequence = Sequence {
            frames: self.frames,
            bodies: 1,
            joints: self.joints,
            data: body.to_vec(),
        };
        self.preprocessing.apply(&mut sequence, &self.layout);
        let seen = self.stream.of(&sequence, &self.layout);
        let points = self.frames * self.joints;
        let mut channels = vec![0.0; CHANNELS * points];
        for (point, position) in seen.data.chunks_exact(CHANNELS).enumerate() {
            for (c, x) in position.iter().enumerate() {
                channels[c * points + point] = f64::from(*x);
            }
        }
        channels
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
        self.trace(body).pop().unwrap_or_default()
    }

    /// Output of every block, shape (C, T, V) each, and the feature as the last.
    fn trace(&self, body: &[f64]) -> Vec<Vec<f64>> {
        let joints = self.joints;
        assert_eq!(body.len(), CHANNELS * self.frames * joints);
        let mut map = Map {
            channels: CHANNELS,
            frames: self.frames,
            data: body.to_vec(),
        };
        // The input's batch norm has a channel per joint and coordinate: v·3 + c.
        for (i, x) in map.data.iter_mut().enumerate() {
            let (c, v) = (i / (self.frames * joints), i % joints);
            *x = self.input.of(v * CHANNELS + c, *x);
        }
        let mut trace = Vec::new();
        for layer in &self.blocks {
            map = layer.run(&map, joints);
            trace.push(map.data.clone());
        }
        let maps = match self.pooled {
            Pooled::Last => &trace[trace.len() - 1..],
            Pooled::Every => &trace[..],
        };
        let means = |(map, layer): (&Vec<f64>, &Layer)| -> Vec<f64> {
            let points = map.len() / layer.block.output;
            let mean = |channel: &[f64]| channel.iter().sum::<f64>() / points as f64;
            map.chunks_exact(points).map(mean).collect()
        };
        let layers = &self.blocks[self.blocks.len() - maps.len()..];
        trace.push(maps.iter().zip(layers).flat_map(means).collect());
        trace
    }

    /// The plain mean over the bodies.
    fn mix(&self, bodies: &[Vec<f64>]) -> Vec<f64> {
        let mut embedding = vec![0.0; bodies[0].len()];
        for feature in bodies {
            for (sum, x) in embedding.iter_mut().zip(feature) {
                *sum += x / bodies.len() as f64;
            }
        }
        embedding
    }

    /// Logits and probabilities of an embedding, where there is a classifier.
    fn classify(&self, embedding: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
        let Linear { weight, bias } = self.classifier.as_ref()?;
        let rows = weight.chunks_exact(embedding.len()).zip(bias);
        let logits: Vec<f64> = rows
            .map(|(row, bias)| bias + row.iter().zip(embedding).map(|(w, x)| w * x).sum::<f64>())
            .collect();
        let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let scale = |x: f64| ((x - highest) / self.temperature).exp();
        let total: f64 = logits.iter().map(|x| scale(*x)).sum();
        let probabilities = logits.iter().map(|x| scale(*x) / total).collect();
        Some((logits, probabilities))
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
    fn run(&self, input: &Map, joints: usize) -> Map {
        let Block { output, stride, .. } = self.block;
        let subsets = conv(input, &self.spatial, SUBSETS * output, 1, 1, joints);
        let mut map = self.aggregate(&subsets, joints);
        self.spatial_norm.apply(&mut map);
        relu(&mut map);
        let mut map = conv(&map, &self.temporal, output, TAPS, stride, joints);
        self.temporal_norm.apply(&mut map);
        match (&self.residual, self.block.residual) {
            (Some((shortcut, norm)), _) => {
                let mut shortcut = conv(input, shortcut, output, 1, stride, joints);
                norm.apply(&mut shortcut);
                add(&mut map.data, &shortcut.data);
            }
            (None, Residual::Identity) => add(&mut map.data, &input.data),
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

/// A convolution over time with `taps` taps, padded so that a stride of 1 keeps the length.
fn conv(
    input: &Map,
    linear: &Linear,
    channels: usize,
    taps: usize,
    stride: usize,
    joints: usize,
) -> Map {
    let frames = input.frames.div_ceil(stride);
    let padding = taps / 2;
    let mut data = vec![0.0; channels * frames * joints];
    for (o, out) in data.chunks_exact_mut(frames * joints).enumerate() {
        out.fill(linear.bias[o]);
        for (i, channel) in input.data.chunks_exact(input.frames * joints).enumerate() {
            let weights = &linear.weight[(o * input.channels + i) * taps..][..taps];
            for (t, out) in out.chunks_exact_mut(joints).enumerate() {
                for (tap, w) in weights.iter().enumerate() {
                    let Some(from) = (t * stride + tap).checked_sub(padding) else {
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

fn add(to: &mut [f64], what: &[f64]) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += what);
}
