//! The continual form: a few frames of one body, and what is remembered of those before.

use super::builder::{Builder, Setting, Size, Value};
use super::conv::Conv;
use super::encoder::Part;
use super::form::Form;
use super::{classifier, normalise, streams};
use crate::source::{Source, Trained};
use aimclr_model::continual::{LAG, REMEMBERED, STEP, pooled};
use aimclr_model::onnx::{GraphProto, State};
use aimclr_model::plan::{Pooled, Residual, TAPS};
use aimclr_skeleton::Stream;
use aimclr_skeleton::sequence::CHANNELS;

/// Axis of time in (N, C, T, V).
const TIME: usize = 2;

/// The whole graph.
pub(super) fn graph(source: &Source) -> GraphProto {
    let card = &source.card;
    let mut graph = Builder::default();
    let joints = card.layout.len();
    let shape = [STEP, joints, CHANNELS].map(Size::Fixed);
    let shape: Vec<Size<'_>> = std::iter::once(Size::Free("N")).chain(shape).collect();
    let doc = "the next raw joint positions of each body, in metres in the camera's frame";
    let input = graph.input("frames", &shape, doc);
    let order = Setting::Ints(&[0, 3, 1, 2]);
    let x = graph.node("channels", "Transpose", &[&input], &[("perm", order)]);

    let mut memory = Memory::default();
    let turned = normalise::centre_and_turn(&mut graph, &card.layout, &x, |graph, vz| {
        depth(graph, &mut memory, card.frames, vz)
    });
    let features: Vec<Value> = source
        .streams
        .iter()
        .map(|trained| {
            let seen = match trained.stream {
                Stream::Motion => motion(&mut graph, &mut memory, joints, &turned),
                stream => streams::add(&mut graph, &card.layout, STEP, stream, &turned),
            };
            let newest = encode(&mut graph, &mut memory, trained, &seen);
            pool(&mut graph, &mut memory, trained, card.frames, &newest)
        })
        .collect();
    let features: Vec<&Value> = features.iter().collect();
    let axis = [("axis", Setting::Int(1))];
    let embedding = graph.node("embedding", "Concat", &features, &axis);
    graph.output(
        "embedding",
        &[Size::Free("N"), Size::Fixed(card.embedding)],
        "mean feature of the last steps",
    );
    if let Some(classifier) = source.classifier() {
        classifier::add(&mut graph, source, classifier, &embedding);
    }
    for State { name, shape } in &memory.states {
        let sizes = shape.iter().copied().map(Size::Fixed);
        let shape: Vec<Size<'_>> = std::iter::once(Size::Free("N")).chain(sizes).collect();
        graph.output(&format!("next.{name}"), &shape, "for the next step");
    }
    graph.finish("aimclr")
}

/// What is remembered from step to step.
#[derive(Default)]
struct Memory {
    states: Vec<State>,
}

impl Memory {
    /// The last of what there was before `new`, and `new`, side by side along `axis`: a state of
    /// `shape` (without N), of which the oldest `entries` make room for those of `new`.
    fn with(
        &mut self,
        graph: &mut Builder,
        (name, shape): (String, Vec<usize>),
        axis: usize,
        entries: usize,
        new: &Value,
    ) -> Value {
        let sizes = shape.iter().copied().map(Size::Fixed);
        let sizes: Vec<Size<'_>> = std::iter::once(Size::Free("N")).chain(sizes).collect();
        let doc = "zeros for a body that was not there before, else what the step before gave";
        let old = graph.input(&format!("state.{name}"), &sizes, doc);
        let along = [("axis", Setting::Int(axis as i64))];
        let joined = graph.node(&format!("{name}.joined"), "Concat", &[&old, new], &along);
        let kept = entries..entries + shape[axis - 1];
        graph.slice(&format!("next.{name}"), &joined, axis as i64, kept);
        self.states.push(State { name, shape });
        joined
    }
}

/// Σ vz over the last T frames up to each of these: (N, 1, S, 1) → the same.
fn depth(graph: &mut Builder, memory: &mut Memory, frames: usize, vz: &Value) -> Value {
    let vz = graph.reshape("normalise/depth.new", vz, &[-1, STEP as i64]);
    let state = ("turn".to_string(), vec![frames - 1]);
    let all = memory.with(graph, state, 1, STEP, &vz);
    let length = frames - 1 + STEP;
    let within = |at: usize| (at % STEP..at % STEP + frames).contains(&(at / STEP));
    let within: Vec<f64> = (0..length * STEP)
        .map(|at| f64::from(u8::from(within(at))))
        .collect();
    let within = graph.floats("normalise/depth.within", &[length, STEP], &within);
    let sums = graph.binary("normalise/depth.sums", "MatMul", &all, &within);
    graph.reshape("normalise/depth", &sums, &[-1, 1, STEP as i64, 1])
}

/// x\[t\] − x\[t−1\], 0 where the body wasn't there a frame before.
fn motion(graph: &mut Builder, memory: &mut Memory, joints: usize, x: &Value) -> Value {
    let name = |part: &str| format!("{}/{part}", Stream::Motion);
    let state = ("motion.before".to_string(), vec![CHANNELS, 1, joints]);
    let all = memory.with(graph, state, TIME, STEP, x);
    let before = graph.slice(&name("before"), &all, TIME as i64, 0..STEP);
    let size = graph.node(&name("before.size"), "Abs", &[&before], &[]);
    let axes = graph.ints(&name("before.axes"), &[1, 3]);
    let keep = [("keepdims", Setting::Int(1))];
    let size = graph.node(&name("before.sum"), "ReduceSum", &[&size, &axes], &keep);
    let there = graph.node(&name("there"), "Sign", &[&size], &[]);
    let difference = graph.binary(&name("difference"), "Sub", x, &before);
    graph.binary(&name("stream"), "Mul", &difference, &there)
}

/// Means over the joints and frames of a step, of the last block or of all: (N, 3, S, V) → (N, E, 1, 1).
fn encode(graph: &mut Builder, memory: &mut Memory, trained: &Trained, x: &Value) -> Value {
    let mut x = x.clone();
    let mut frames = STEP;
    let mut form = Form::single();
    let mut means = Vec::new();
    let blocks = trained.plan.blocks();
    let last = blocks.len() - 1;
    for (i, block) in blocks.into_iter().enumerate() {
        let mut part = Part::new(trained, i, block, &mut form);
        let gathered = part.aggregate(graph, frames, &x);
        let mixed = part.spatial(graph, frames, &gathered);
        let joints = trained.plan.joints;
        let named = |what: &str| format!("{}.block{i}.{what}", trained.stream);

        let (weight, bias) = part.folded("tcn.2", "tcn.3");
        let state = (named("temporal"), vec![block.output, REMEMBERED, joints]);
        let all = memory.with(graph, state, TIME, frames, &mixed);
        let conv = Conv {
            name: part.named("temporal"),
            weight,
            shape: [block.output, block.output, TAPS, 1],
            bias: Some(bias),
            stride: block.stride,
        };
        let mut out = conv.padded(graph, &all, 0);

        if block.residual != Residual::None {
            let state = (named("residual"), vec![block.input, LAG, joints]);
            let all = memory.with(graph, state, TIME, frames, &x);
            let mut past = graph.slice(&part.named("past"), &all, TIME as i64, 0..frames);
            if block.residual == Residual::Conv {
                let (weight, bias) = part.folded("residual.0", "residual.1");
                let conv = Conv {
                    name: part.named("residual"),
                    weight,
                    shape: [block.output, block.input, 1, 1],
                    bias: Some(bias),
                    stride: block.stride,
                };
                past = conv.padded(graph, &past, 0);
            }
            out = graph.binary(&part.named("sum"), "Add", &out, &past);
        }
        x = graph.node(&part.named("out"), "Relu", &[&out], &[]);
        frames /= block.stride;
        if trained.pooled == Pooled::Every || i == last {
            means.push(graph.node(&part.named("mean"), "GlobalAveragePool", &[&x], &[]));
        }
    }
    let means: Vec<&Value> = means.iter().collect();
    let axis = [("axis", Setting::Int(1))];
    graph.node(
        &format!("{}/newest", trained.stream),
        "Concat",
        &means,
        &axis,
    )
}

/// The mean over as many steps as a window has frames of the last block: (N, E, 1, 1) → (N, E).
fn pool(
    graph: &mut Builder,
    memory: &mut Memory,
    trained: &Trained,
    frames: usize,
    newest: &Value,
) -> Value {
    let name = format!("{}/pool", trained.stream);
    let width = trained.width();
    let newest = graph.reshape(&format!("{name}.newest"), newest, &[-1, 1, width as i64]);
    let state = (
        format!("{}.pool", trained.stream),
        vec![pooled(frames) - 1, width],
    );
    let last = memory.with(graph, state, 1, 1, &newest);
    let settings = [("axes", Setting::Ints(&[1])), ("keepdims", Setting::Int(0))];
    graph.node(&name, "ReduceMean", &[&last], &settings)
}

#[cfg(test)]
mod tests;
