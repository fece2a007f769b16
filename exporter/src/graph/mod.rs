//! The graph of `docs/model.md`: raw joints in, embedding and class probabilities out.

mod builder;
mod classifier;
mod continual;
mod conv;
mod encoder;
pub(crate) mod expose;
mod form;
mod normalise;
mod picture;
mod streams;

use crate::ExportError;
use crate::reference::Encoder;
use crate::source::{Source, Trained};
use aimclr_model::card;
use aimclr_model::onnx::{
    FLOAT16, GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto,
};
use aimclr_model::weights::CARD_KEY;
use aimclr_skeleton::files::write_atomically;
use builder::{Builder, Setting, Size, Value};
use half::f16;
use prost::Message;
use std::path::Path;

pub(crate) use form::Site;
pub use form::{Form, Ranges};

/// Version of ONNX's operators that the graph uses.
pub const OPSET: i64 = 17;

/// Version of ONNX's file format that goes with [`OPSET`].
pub const IR_VERSION: i64 = 8;

/// The whole file for `source`.
pub fn model(source: &Source, form: &Form) -> ModelProto {
    wrap(source, graph(source, &mut form.clone()))
}

/// Refuses a form that can't hold the weights: half precision ends at 65504.
pub fn check(source: &Source, form: &Form) -> Result<(), ExportError> {
    let graph = graph(source, &mut form.clone());
    let halves = graph
        .initializer
        .iter()
        .filter(|tensor| tensor.data_type == FLOAT16);
    for tensor in halves {
        let bytes = tensor.raw_data.as_chunks().0;
        let mut values = bytes.iter().map(|b: &[u8; 2]| f16::from_le_bytes(*b));
        if !values.all(f16::is_finite) {
            return Err(ExportError::Choice(format!(
                "--precision f16: \"{}\" has a value beyond 65504, the largest of half precision",
                tensor.name
            )));
        }
    }
    Ok(())
}

/// Writes the file for `source`; it appears whole or not at all. Gives its size in bytes.
pub fn write(source: &Source, form: &Form, path: &Path) -> Result<usize, ExportError> {
    let bytes = model(source, form).encode_to_vec();
    write_atomically(path, |out| out.write_all(&bytes)).map_err(|error| ExportError::Io {
        path: path.into(),
        source: error,
    })?;
    Ok(bytes.len())
}

/// Size of a graph without its card, bytes.
pub(crate) fn size(model: &ModelProto) -> usize {
    model.graph.as_ref().map_or(0, Message::encoded_len)
}

fn wrap(source: &Source, graph: GraphProto) -> ModelProto {
    let card = &source.card;
    let streams: Vec<String> = card.streams.iter().map(ToString::to_string).collect();
    let doc = format!(
        "AimCLR encoder, {}, {} bodies of {} joints over {} frames. Input and outputs: \
         docs/model.md of AimCLR on the edge; how it was made: metadata \"{CARD_KEY}\".",
        streams.join(" + "),
        card.bodies,
        card.layout.len(),
        card.frames
    );
    ModelProto {
        ir_version: IR_VERSION,
        producer_name: "aimclr-export".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        doc_string: doc,
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: OPSET,
        }],
        metadata_props: vec![StringStringEntryProto {
            key: CARD_KEY.into(),
            value: card.to_json(),
        }],
    }
}

fn graph(source: &Source, form: &mut Form) -> GraphProto {
    if source.card.form == card::Form::Continual {
        return continual::graph(source);
    }
    let mut graph = Builder::default();
    let input = joints(&mut graph, source);
    let pooled = encoders(&mut graph, source, form, &input);
    let embedding = mix(&mut graph, source, &input, &pooled);
    graph.output(
        "embedding",
        &[Size::Free("N"), Size::Fixed(source.card.embedding)],
        "mean feature of the window's bodies, absent ones included",
    );
    if let Some(classifier) = source.classifier() {
        classifier::add(&mut graph, source, classifier, &embedding);
    }
    graph.finish("aimclr")
}

/// Every encoder on the raw joints; gives their pooled features, (N·M, E, 1, 1).
fn encoders(graph: &mut Builder, source: &Source, form: &mut Form, input: &Value) -> Value {
    let (frames, layout) = (source.card.frames, &source.card.layout);
    let bodies = streams::fold(graph, frames, layout.len(), input);
    let normalised = normalise::add(graph, source.card.preprocessing, layout, &bodies);
    let mut pooled = Vec::new();
    for trained in &source.streams {
        let seen = streams::add(graph, layout, frames, trained.stream, &normalised);
        pooled.push(match form.half {
            true => graph.half(&seen, |graph, seen| {
                encoder::add(graph, trained, form, seen)
            }),
            false => encoder::add(graph, trained, form, &seen),
        });
    }
    match &pooled[..] {
        [one] => one.clone(),
        all => {
            let axis = [("axis", Setting::Int(1))];
            graph.node("pool", "Concat", &all.iter().collect::<Vec<_>>(), &axis)
        }
    }
}

fn joints(graph: &mut Builder, source: &Source) -> Value {
    let shape = [
        Size::Free("N"),
        Size::Free("M"),
        Size::Fixed(source.card.frames),
        Size::Fixed(source.card.layout.len()),
        Size::Fixed(3),
    ];
    let doc = "raw joint positions in metres in the camera's frame, resampled to T frames";
    graph.input("joints", &shape, doc)
}

/// The mean over the card's bodies, those included that weren't given: (N·M, E, 1, 1) → (N, E).
///
/// (Σ e_m + (bodies − M)·a) / bodies, where a is the feature of an absent body, equals
/// a + Σ (e_m − a) / bodies, in which M doesn't appear.
fn mix(graph: &mut Builder, source: &Source, input: &Value, pooled: &Value) -> Value {
    let width = source.card.embedding;
    // A value with the shape (N, M, E), so that Shape alone gives it: arithmetic on shapes runs on
    // the processor, which would take part of the graph away from a GPU.
    let flat = graph.reshape("flat", input, &[0, 0, -1]);
    let first = graph.ints("first", &vec![0; width]);
    let axis = [("axis", Setting::Int(2))];
    let spread = graph.node("spread", "Gather", &[&flat, &first], &axis);
    let shape = graph.node("spread.shape", "Shape", &[&spread], &[]);
    let features = graph.binary("features", "Reshape", pooled, &shape);

    let nobody = |trained: &Trained| Encoder::of(trained).absent();
    let absent: Vec<f64> = source.streams.iter().flat_map(nobody).collect();
    let absent = graph.floats("absent", &[width], &absent);
    let excess = graph.binary("excess", "Sub", &features, &absent);
    let axes = graph.ints("excess.axes", &[1]);
    let settings = [("keepdims", Setting::Int(0))];
    let inputs = [&excess, &axes];
    let mut sum = graph.node("excess.sum", "ReduceSum", &inputs, &settings);
    if source.card.bodies != 1 {
        let share = 1.0 / source.card.bodies as f64;
        let share = graph.floats("share", &[1], &[share]);
        sum = graph.binary("excess.mean", "Mul", &sum, &share);
    }
    graph.binary("embedding", "Add", &sum, &absent)
}

#[cfg(test)]
mod tests;
