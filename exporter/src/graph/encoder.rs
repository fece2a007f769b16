//! The encoder in the form that runs fastest: aggregation over joints first, batch norms folded.
//!
//! As published, a block is: 1×1 convolution onto K·C′ channels, Σ_k x_k·A_k, batch norm, ReLU,
//! 9×1 convolution, batch norm, + residual, ReLU. Convolution over channels and aggregation over
//! joints commute, and with K·C channels instead of K·C′ in between there is less to aggregate:
//!
//! - x, (B, C, T, V) → (B, 1, C·T, V) → MatMul with A, (K, V, V) → (B, K·C, T, V), no transpose;
//! - 1×1 convolution with \[W₀|W₁|W₂\], scaled by the batch norm's s;
//! - + a bias map, (1, C′, 1, V): s·Σ_k b_k·colsum(A_k) + t, since biases pass through A, too.
//!
//! The batch norm of the input has a scale for each joint and coordinate; it goes into the first
//! block's A, which thereby differs between coordinates, and its shift into that bias map.

use super::builder::{Builder, Setting, Value};
use super::conv::Conv;
use super::form::{Form, Site};
use crate::source::Trained;
use aimclr_model::plan::{BN_EPSILON, Block, Pooled, Residual, TAPS};
use aimclr_model::spectrum::Spectrum;
use aimclr_skeleton::graph::SUBSETS;
use aimclr_skeleton::sequence::CHANNELS;

/// Most bytes of a constant that tract computes from smaller ones when it loads a graph.
const FOLDED: usize = 4 << 20;

/// Adds the encoder on `x`, shape (B, 3, T, V); gives the pooled features, (B, E, 1, 1).
pub(super) fn add(graph: &mut Builder, trained: &Trained, form: &mut Form, x: &Value) -> Value {
    let stream = trained.stream.to_string();
    let mut x = x.clone();
    let mut frames = trained.card.frames;
    let mut pooled = Vec::new();
    for (i, block) in trained.plan.blocks().into_iter().enumerate() {
        let mut part = Part::new(trained, i, block, form);
        let gathered = part.aggregate(graph, frames, &x);
        let mixed = part.spatial(graph, frames, &gathered);
        x = part.temporal(graph, frames, &mixed, &x);
        frames = frames.div_ceil(block.stride);
        if trained.pooled == Pooled::Every {
            pooled.push(graph.node(&part.named("pool"), "GlobalAveragePool", &[&x], &[]));
        }
    }
    let name = format!("{stream}/pool");
    match trained.pooled {
        Pooled::Last => graph.node(&name, "GlobalAveragePool", &[&x], &[]),
        Pooled::Every => {
            let pooled: Vec<&Value> = pooled.iter().collect();
            graph.node(&name, "Concat", &pooled, &[("axis", Setting::Int(1))])
        }
    }
}

/// One block, for folding its tensors and adding its nodes.
pub(super) struct Part<'a> {
    trained: &'a Trained,
    pub(super) block: Block,
    i: usize,
    name: String,
    joints: usize,
    form: &'a mut Form,
}

/// A batch norm in eval mode as x·scale + shift.
struct Affine {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl Affine {
    fn of(trained: &Trained, name: &str) -> Self {
        let tensor = |part: &str| trained.tensor(&format!("{name}.{part}"));
        let variance = tensor("running_var");
        let scale: Vec<f64> = tensor("weight")
            .iter()
            .zip(&variance)
            .map(|(weight, variance)| weight / (variance + BN_EPSILON).sqrt())
            .collect();
        let shift = tensor("bias")
            .iter()
            .zip(tensor("running_mean"))
            .zip(&scale)
            .map(|((bias, mean), scale)| bias - mean * scale)
            .collect();
        Self { scale, shift }
    }

    /// Folds the batch norm into a convolution ahead of it: (weight, bias).
    fn fold(&self, mut weight: Vec<f64>, bias: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let row = weight.len() / bias.len();
        for (row, scale) in weight.chunks_exact_mut(row).zip(&self.scale) {
            row.iter_mut().for_each(|w| *w *= scale);
        }
        let bias = bias.iter().zip(&self.scale).zip(&self.shift);
        let bias = bias.map(|((b, scale), shift)| b * scale + shift);
        (weight, bias.collect())
    }
}

impl<'a> Part<'a> {
    pub(super) fn new(trained: &'a Trained, i: usize, block: Block, form: &'a mut Form) -> Self {
        Self {
            trained,
            block,
            i,
            name: format!("{}/block{i}", trained.stream),
            joints: trained.plan.joints,
            form,
        }
    }

    pub(super) fn named(&self, part: &str) -> String {
        format!("{}/{part}", self.name)
    }

    fn tensor(&self, part: &str) -> Vec<f64> {
        self.trained
            .tensor(&format!("st_gcn_networks.{}.{part}", self.i))
    }

    fn norm(&self, part: &str) -> Affine {
        Affine::of(self.trained, &format!("st_gcn_networks.{}.{part}", self.i))
    }

    /// Weight and bias of a convolution with the batch norm after it.
    pub(super) fn folded(&self, conv: &str, norm: &str) -> (Vec<f64>, Vec<f64>) {
        let tensor = |part: &str| self.tensor(&format!("{conv}.{part}"));
        self.norm(norm).fold(tensor("weight"), &tensor("bias"))
    }

    /// A ⊙ importance, (K, V, V).
    fn adjacency(&self) -> Vec<f64> {
        let importance = self.trained.tensor(&format!("edge_importance.{}", self.i));
        let a = self.trained.tensor("A");
        a.iter().zip(importance).map(|(a, i)| a * i).collect()
    }

    /// (B, C, T, V) → (B, K·C, T, V), channel k·C + c.
    pub(super) fn aggregate(&self, graph: &mut Builder, frames: usize, x: &Value) -> Value {
        let (c, t, v) = (self.block.input as i64, frames as i64, self.joints as i64);
        let (adjacency, shape, apart) = match self.i {
            0 => {
                let shape = vec![SUBSETS, CHANNELS, self.joints, self.joints];
                (self.scaled_adjacency(), shape, vec![-1, 1, c, t, v])
            }
            _ => {
                let shape = vec![SUBSETS, self.joints, self.joints];
                (self.adjacency(), shape, vec![-1, 1, c * t, v])
            }
        };
        let adjacency = graph.floats(&self.named("adjacency"), &shape, &adjacency);
        let rows = graph.reshape(&self.named("rows"), x, &apart);
        let sums = graph.binary(&self.named("aggregate"), "MatMul", &rows, &adjacency);
        let shape = [-1, SUBSETS as i64 * c, t, v];
        graph.reshape(&self.named("subsets"), &sums, &shape)
    }

    /// The first block's A with the input's batch norm, (K, C, V, V).
    fn scaled_adjacency(&self) -> Vec<f64> {
        let Affine { scale, .. } = Affine::of(self.trained, "data_bn");
        let size = self.joints * self.joints;
        let mut scaled = Vec::with_capacity(SUBSETS * CHANNELS * size);
        for a in self.adjacency().chunks_exact(size) {
            for c in 0..CHANNELS {
                let entry = |(at, a): (usize, &f64)| a * scale[at / self.joints * CHANNELS + c];
                scaled.extend(a.iter().enumerate().map(entry));
            }
        }
        scaled
    }

    /// 1×1 convolution, bias map, ReLU: (B, K·C, T, V) → (B, C′, T, V).
    pub(super) fn spatial(&mut self, graph: &mut Builder, frames: usize, x: &Value) -> Value {
        let Block { input, output, .. } = self.block;
        let norm = self.norm("tcn.0");
        // (K·C′, C), row k·C′ + o.
        let published = self.tensor("gcn.conv.weight");
        let mut weight = Vec::with_capacity(output * SUBSETS * input);
        for o in 0..output {
            for k in 0..SUBSETS {
                let row = &published[(k * output + o) * input..][..input];
                weight.extend(row.iter().map(|w| w * norm.scale[o]));
            }
        }
        let map = self.bias_map(&published, &norm);
        let shape = [1, output, 1, self.joints];
        let map = graph.floats(&self.named("spatial.bias"), &shape, &map);
        // Hosts spread it over the frames when they load the file; tract adds only what is as large
        // as a product within it.
        let shape = [1, output as i64, frames as i64, self.joints as i64];
        let shape = graph.ints(&self.named("spatial.bias.shape"), &shape);
        let map = graph.binary(&self.named("spatial.bias.map"), "Expand", &map, &shape);
        let conv = Conv {
            name: self.named("spatial"),
            weight,
            shape: [output, SUBSETS * input, 1, 1],
            bias: None,
            stride: 1,
        };
        let mixed = self.convolve(graph, conv, frames, x);
        let biased = graph.binary(&self.named("spatial.biased"), "Add", &mixed, &map);
        graph.node(&self.named("spatial.relu"), "Relu", &[&biased], &[])
    }

    /// What the convolution's bias, the batch norm's shift and, in the first block, the input's
    /// shift come to at each joint: (C′, V).
    fn bias_map(&self, weight: &[f64], norm: &Affine) -> Vec<f64> {
        let Block { input, output, .. } = self.block;
        let bias = self.tensor("gcn.conv.bias");
        let adjacency = self.adjacency();
        let shift = match self.i {
            0 => Affine::of(self.trained, "data_bn").shift,
            _ => vec![0.0; self.joints * input],
        };
        let mut map = Vec::with_capacity(output * self.joints);
        for o in 0..output {
            for w in 0..self.joints {
                let mut sum = 0.0;
                for k in 0..SUBSETS {
                    for v in 0..self.joints {
                        let row = &weight[(k * output + o) * input..][..input];
                        let shifted = row.iter().zip(&shift[v * input..]);
                        let shifted: f64 = shifted.map(|(w, t)| w * t).sum();
                        let a = adjacency[(k * self.joints + v) * self.joints + w];
                        sum += (bias[k * output + o] + shifted) * a;
                    }
                }
                map.push(norm.scale[o] * sum + norm.shift[o]);
            }
        }
        map
    }

    /// 9×1 convolution, + residual, ReLU: (B, C′, T, V) → (B, C′, T′, V). `input` is the block's.
    fn temporal(&mut self, graph: &mut Builder, frames: usize, x: &Value, input: &Value) -> Value {
        let (weight, mut bias) = self.folded("tcn.2", "tcn.3");
        let shortcut = match self.block.residual {
            Residual::None => None,
            Residual::Identity => Some(input.clone()),
            Residual::Conv => {
                let (weight, shift) = self.folded("residual.0", "residual.1");
                // Two biases that are added anyway go where a convolution takes them.
                bias.iter_mut().zip(shift).for_each(|(b, s)| *b += s);
                Some(self.shortcut(graph, frames, input, weight))
            }
        };
        let mut out = match self.is_spectral(frames) {
            true => self.spectral(graph, frames, x, &weight, &bias),
            false => self.direct(graph, frames, x, weight, bias),
        };
        if let Some(shortcut) = shortcut {
            out = graph.binary(&self.named("sum"), "Add", &out, &shortcut);
        }
        graph.node(&self.named("out"), "Relu", &[&out], &[])
    }

    /// Whether products of spectra are worth their transforms: only where channels are many. Their
    /// weights grow with the frames, so these must be few.
    fn is_spectral(&self, frames: usize) -> bool {
        self.form.spectra && self.block.stride == 1 && self.block.output >= 128 && frames <= 16
    }

    fn shortcut(
        &mut self,
        graph: &mut Builder,
        frames: usize,
        input: &Value,
        weight: Vec<f64>,
    ) -> Value {
        let conv = Conv {
            name: self.named("residual"),
            weight,
            shape: [self.block.output, self.block.input, 1, 1],
            bias: None,
            stride: self.block.stride,
        };
        self.convolve(graph, conv, frames, input)
    }

    fn direct(
        &mut self,
        graph: &mut Builder,
        frames: usize,
        x: &Value,
        weight: Vec<f64>,
        bias: Vec<f64>,
    ) -> Value {
        let Block { output, stride, .. } = self.block;
        let conv = Conv {
            name: self.named("temporal"),
            weight,
            shape: [output, output, TAPS, 1],
            bias: Some(bias),
            stride,
        };
        self.convolve(graph, conv, frames, x)
    }

    fn convolve(&mut self, graph: &mut Builder, conv: Conv, frames: usize, x: &Value) -> Value {
        let [output, input, ..] = conv.shape;
        let mut site = Site {
            name: conv.name.clone(),
            channels: output,
            input: (x.clone(), input * frames * self.joints),
            output: (
                conv.name.clone(),
                output * frames.div_ceil(conv.stride) * self.joints,
            ),
            macs: conv.weight.len() * frames.div_ceil(conv.stride) * self.joints,
        };
        let ranges = self.form.ranges.get(&conv.name).copied();
        let out = match ranges {
            Some(ranges) if self.form.beside => {
                let mut bytes = conv.clone();
                bytes.name.push_str(".beside");
                let size = site.output.1;
                site.input = (conv.plain(graph, x), size);
                site.output = (bytes.quantised(graph, ranges, x), size);
                site.input.0.clone()
            }
            Some(ranges) => {
                let shift = self.form.shifts.get(&conv.name);
                conv.shifted(shift).quantised(graph, ranges, x)
            }
            None => conv.plain(graph, x),
        };
        self.form.sites.push(site);
        out
    }

    /// The same as products of spectra: (B, C, T, V) → (T, C·B·V) → P spectral values
    /// of each → for each of the P a product over channels → back.
    fn spectral(
        &self,
        graph: &mut Builder,
        frames: usize,
        x: &Value,
        weight: &[f64],
        bias: &[f64],
    ) -> Value {
        let (c, t, v) = (self.block.output as i64, frames as i64, self.joints as i64);
        let channels = self.block.output;
        let spectrum = Spectrum::new(frames, TAPS);
        let products = spectrum.products();
        let p = products as i64;

        // (taps, C′·C) from (C′, C, taps): the file holds the taps, and hosts fold their spectra into
        // a constant once, when they load it.
        let pairs = channels * channels;
        let mut taps = vec![0.0; TAPS * pairs];
        for (pair, row) in weight.chunks_exact(TAPS).enumerate() {
            for (tap, w) in row.iter().enumerate() {
                taps[tap * pairs + pair] = *w;
            }
        }
        let name = |part: &str| self.named(&format!("temporal.{part}"));
        let taps = graph.floats(&self.named("temporal.weight"), &[TAPS, pairs], &taps);
        let rows = (FOLDED / (size_of::<f32>() * pairs)).clamp(1, products);
        let turns = spectrum.of_taps();
        let parts: Vec<Value> = turns
            .chunks(rows * TAPS)
            .enumerate()
            .map(|(i, turns)| {
                let shape = [turns.len() / TAPS, TAPS];
                let turns = graph.floats(&name(&format!("turns.{i}")), &shape, turns);
                graph.binary(&name(&format!("weight.{i}")), "MatMul", &turns, &taps)
            })
            .collect();
        let parts: Vec<&Value> = parts.iter().collect();
        let axis = [("axis", Setting::Int(0))];
        let weight = graph.node(&name("weight.spectrum"), "Concat", &parts, &axis);
        let weight = graph.reshape(&name("weight.factors"), &weight, &[p * c, c, 1, 1]);
        let analysis = graph.floats(&name("analysis"), &[products, frames], &spectrum.analysis());
        let synthesis = graph.floats(
            &name("synthesis"),
            &[frames, products],
            &spectrum.synthesis(),
        );

        let order = || [("perm", Setting::Ints(&[2, 1, 0, 3]))];
        let x = graph.node(&name("by_frame"), "Transpose", &[x], &order());
        let x = graph.reshape(&name("frames"), &x, &[t, -1]);
        let x = graph.binary(&name("spectrum"), "MatMul", &analysis, &x);
        // As one convolution with P groups: what hosts do best with so few columns.
        let x = graph.reshape(&name("factors"), &x, &[1, p * c, -1, v]);
        let settings = [
            ("kernel_shape", Setting::Ints(&[1, 1])),
            ("group", Setting::Int(p)),
        ];
        // A constant is in the first product alone.
        let mut all = vec![0.0; products * channels];
        for (all, bias) in all.iter_mut().zip(bias) {
            *all = bias * spectrum.constant();
        }
        let bias = graph.floats(&name("bias"), &[all.len()], &all);
        let x = graph.node(&name("products"), "Conv", &[&x, &weight, &bias], &settings);
        let x = graph.reshape(&name("sums"), &x, &[p, -1]);
        let x = graph.binary(&name("signal"), "MatMul", &synthesis, &x);
        let x = graph.reshape(&name("bodies"), &x, &[t, c, -1, v]);
        graph.node(&self.named("temporal"), "Transpose", &[&x], &order())
    }
}
