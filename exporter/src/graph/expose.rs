//! Graphs that give what lies inside of them in place of the embedding, for windows of one body.

use super::builder::{Builder, Setting, Size, Value};
use super::form::{Form, Site};
use super::{encoders, joints, wrap};
use crate::source::Source;
use aimclr_model::onnx::{FLOAT, ModelProto};
use std::collections::HashSet;

/// What goes into each convolution and comes out of it; of a form with convolutions beside one
/// another, what comes out of each.
pub(crate) fn convolutions(source: &Source, mut form: Form) -> (ModelProto, Vec<Site>) {
    let mut graph = Builder::default();
    let input = joints(&mut graph, source);
    encoders(&mut graph, source, &mut form, &input);
    let both = form
        .sites
        .iter()
        .flat_map(|site| [&site.input, &site.output]);
    give(&mut graph, both);
    (wrap(source, graph.finish("exposed")), form.sites)
}

/// The same of a graph that is there: these of its values, each with its size for one body.
///
/// # Errors
/// Gives the first value that the graph doesn't have.
pub(crate) fn values(model: &ModelProto, values: &[(Value, usize)]) -> Result<ModelProto, Value> {
    let mut model = model.clone();
    let mut graph = model.graph.take().unwrap_or_default();
    let known: HashSet<&String> = graph.node.iter().flat_map(|node| &node.output).collect();
    if let Some((unknown, _)) = values.iter().find(|(value, _)| !known.contains(value)) {
        return Err(unknown.clone());
    }
    // What the graph gave makes room for another value of that name.
    for node in &mut graph.node {
        let values = node.input.iter_mut().chain(&mut node.output);
        for name in values.chain([&mut node.name]) {
            if name == EMBEDDING {
                name.push_str(".given");
            }
        }
    }
    graph.output.clear();
    let mut graph = Builder::on(graph);
    give(&mut graph, values);
    model.graph = Some(graph.finish("exposed"));
    Ok(model)
}

/// What a node of the graph takes first.
pub(crate) fn input_of(model: &ModelProto, node: &str) -> Option<Value> {
    let mut nodes = model.graph.iter().flat_map(|graph| &graph.node);
    nodes.find(|n| n.name == node)?.input.first().cloned()
}

const EMBEDDING: &str = "embedding";

/// Makes values of these sizes for one body the graph's output, side by side, in f32.
fn give<'v>(graph: &mut Builder, values: impl IntoIterator<Item = &'v (Value, usize)>) {
    let mut flat = Vec::new();
    let mut width = 0;
    for (i, (value, size)) in values.into_iter().enumerate() {
        let single = [("to", Setting::Int(i64::from(FLOAT)))];
        let value = graph.node(&format!("exposed.{i}.f32"), "Cast", &[value], &single);
        flat.push(graph.reshape(&format!("exposed.{i}"), &value, &[-1, *size as i64]));
        width += size;
    }
    let flat: Vec<&Value> = flat.iter().collect();
    graph.node(EMBEDDING, "Concat", &flat, &[("axis", Setting::Int(1))]);
    graph.output(EMBEDDING, &[Size::Free("N"), Size::Fixed(width)], "");
}
