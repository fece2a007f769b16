//! A convolution of the encoder, in floating point or in 8-bit whole numbers.

use super::builder::{Builder, Setting, Value};
use super::form::Ranges;

/// A convolution over time with its batch norm folded in, padded so that a stride of 1 keeps the
/// length.
#[derive(Clone)]
pub(super) struct Conv {
    /// Name of the node and of its value.
    pub name: String,
    /// Shape (C′, C, taps, 1).
    pub weight: Vec<f64>,
    pub shape: [usize; 4],
    /// Shape (C′).
    pub bias: Option<Vec<f64>>,
    pub stride: usize,
}

/// Largest number that a weight becomes. Processors without instructions for dot products of bytes
/// add two products in 16 bits before they widen: with weights of 7 bits that can't overflow, so
/// that every host computes the same.
const LARGEST: f64 = 63.0;

/// How an activation becomes a u8: x = scale·(q − zero).
#[derive(Clone, Copy)]
struct Bytes {
    scale: f64,
    zero: u8,
}

impl Bytes {
    /// For values from `low` to `high`. 0 is among them and exact: padding is 0.
    fn of([low, high]: [f64; 2]) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        // What is always 0 still needs a scale.
        let scale = f64::from(((high - low).max(1e-6) / 255.0) as f32);
        let zero = (-low / scale).round().clamp(0.0, 255.0) as u8;
        Self { scale, zero }
    }

    /// `x` rounded to bytes and brought back, which hosts fuse with what computes on it.
    fn through(self, graph: &mut Builder, x: &Value, name: &str) -> Value {
        let scale = graph.floats(&format!("{name}.scale"), &[], &[self.scale]);
        let zero = graph.byte(&format!("{name}.zero"), self.zero);
        let bytes = format!("{name}.bytes");
        let bytes = graph.node(&bytes, "QuantizeLinear", &[x, &scale, &zero], &[]);
        graph.node(name, "DequantizeLinear", &[&bytes, &scale, &zero], &[])
    }
}

impl Conv {
    /// As floating point has it.
    pub fn plain(self, graph: &mut Builder, x: &Value) -> Value {
        let padding = self.shape[2] / 2;
        self.padded(graph, x, padding)
    }

    /// The same with so many frames of zeros at both ends.
    pub fn padded(self, graph: &mut Builder, x: &Value, padding: usize) -> Value {
        let weight = graph.floats(&format!("{}.weight", self.name), &self.shape, &self.weight);
        let bias = self.bias.as_ref().map(|bias| {
            let name = format!("{}.bias", self.name);
            graph.floats(&name, &[bias.len()], bias)
        });
        let inputs: Vec<&Value> = [x, &weight].into_iter().chain(&bias).collect();
        self.node(graph, &self.name, &inputs, padding)
    }

    /// With so much more in each channel.
    pub fn shifted(mut self, by: Option<&Vec<f64>>) -> Self {
        if let Some(by) = by {
            let bias = self.bias.get_or_insert_with(|| vec![0.0; by.len()]);
            bias.iter_mut().zip(by).for_each(|(bias, by)| *bias += by);
        }
        self
    }

    /// In bytes: activations of one scale, weights of one scale a channel, sums in 32 bits. Written
    /// as conversions to bytes and back around a convolution, which hosts that know how to fuse into
    /// one of bytes.
    pub fn quantised(self, graph: &mut Builder, ranges: Ranges, x: &Value) -> Value {
        let named = |part: &str| format!("{}.{part}", self.name);
        let input = Bytes::of(ranges.input);
        let x = input.through(graph, x, &named("input"));
        let row = self.weight.len() / self.shape[0];
        let (mut bytes, mut scales) = (Vec::new(), Vec::new());
        for row in self.weight.chunks_exact(row) {
            let largest = row.iter().fold(0.0, |max: f64, w| max.max(w.abs()));
            let scale = f64::from((largest.max(1e-12) / LARGEST) as f32);
            bytes.extend(row.iter().map(|w| (w / scale).round() as i8));
            scales.push(scale);
        }
        let axis = [("axis", Setting::Int(0))];
        let weight = graph.bytes(&named("weight.bytes"), &self.shape, &bytes);
        let scale = graph.floats(&named("weight.scale"), &[scales.len()], &scales);
        let zero = graph.bytes(
            &named("weight.zero"),
            &[scales.len()],
            &vec![0; scales.len()],
        );
        let inputs = [&weight, &scale, &zero];
        let weight = graph.node(&named("weight"), "DequantizeLinear", &inputs, &axis);
        let bias = self.bias.as_ref().map(|bias| {
            let scales: Vec<f64> = scales.iter().map(|scale| scale * input.scale).collect();
            let rounded = bias.iter().zip(&scales);
            // `as` keeps what is beyond 32 bits at their end.
            let words: Vec<i32> = rounded.map(|(b, s)| (b / s).round() as i32).collect();
            let words = graph.words(&named("bias.words"), &[words.len()], &words);
            let scale = graph.floats(&named("bias.scale"), &[scales.len()], &scales);
            let inputs = [&words, &scale];
            graph.node(&named("bias.exact"), "DequantizeLinear", &inputs, &axis)
        });
        let inputs: Vec<&Value> = [&x, &weight].into_iter().chain(&bias).collect();
        let sums = self.node(graph, &named("sums"), &inputs, self.shape[2] / 2);
        Bytes::of(ranges.output).through(graph, &sums, &self.name)
    }

    fn node(&self, graph: &mut Builder, name: &str, inputs: &[&Value], padding: usize) -> Value {
        let [.., taps, _] = self.shape.map(|n| n as i64);
        let padding = padding as i64;
        let settings = [
            ("kernel_shape", Setting::Ints(&[taps, 1])),
            ("strides", Setting::Ints(&[self.stride as i64, 1])),
            ("pads", Setting::Ints(&[padding, 0, padding, 0])),
        ];
        graph.node(name, "Conv", inputs, &settings)
    }
}
