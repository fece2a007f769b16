//! From the embedding to logits and probabilities.

use super::builder::{Builder, Setting, Size, Value};
use crate::merge::members;
use crate::source::Source;

/// Adds the outputs `logits` and `probabilities`.
pub(super) fn add(
    graph: &mut Builder,
    source: &Source,
    (weight, bias): (Vec<f64>, Vec<f64>),
    embedding: &Value,
) {
    let (classes, merged) = (source.classes(), &source.card.merged);
    let weight = graph.floats(
        "classifier.weight",
        &[bias.len(), source.card.embedding],
        &weight,
    );
    let bias = graph.floats("classifier.bias", &[bias.len()], &bias);
    let name = match merged.is_empty() {
        true => "logits",
        false => "scores",
    };
    let settings = [("transB", Setting::Int(1))];
    let scores = graph.node(name, "Gemm", &[embedding, &weight, &bias], &settings);
    let temperature = source.card.calibration.temperature;
    let temperature =
        (temperature != 1.0).then(|| graph.floats("temperature", &[1], &[temperature]));
    let logits = match merged.is_empty() {
        true => scores,
        false => merge(graph, merged, temperature.as_ref(), &scores),
    };
    let calibrated = match &temperature {
        Some(temperature) => graph.binary("calibrated", "Div", &logits, temperature),
        None => logits,
    };
    let axis = [("axis", Setting::Int(-1))];
    graph.node("probabilities", "Softmax", &[&calibrated], &axis);
    let shape = || [Size::Free("N"), Size::Fixed(classes)];
    graph.output("logits", &shape(), "score of each class, not calibrated");
    graph.output("probabilities", &shape(), "softmax of logits / temperature");
}

/// [`crate::merge::merge`] in a graph: (N, scores) → (N, classes).
///
/// Every class has as many places as the largest has scores; those that are left over hold its
/// first score again and weigh nothing. What is taken off before the exponential is the class's own
/// highest score: the highest of all would leave log 0 of a class that is far below it.
fn merge(
    graph: &mut Builder,
    merged: &[usize],
    temperature: Option<&Value>,
    scores: &Value,
) -> Value {
    let members = members(merged);
    let places = members.iter().map(Vec::len).max().unwrap_or(0);
    let (mut scores_at, mut weights) = (Vec::new(), Vec::new());
    for scores in &members {
        for place in 0..places {
            scores_at.push(*scores.get(place).unwrap_or(&scores[0]) as i64);
            weights.push(f64::from(u8::from(place < scores.len())));
        }
    }
    let scores_at = graph.ints("merged.scores", &scores_at);
    let along = [("axis", Setting::Int(1))];
    let flat = graph.node("merged.flat", "Gather", &[scores, &scores_at], &along);
    let shape = [-1, members.len() as i64, places as i64];
    let each = graph.reshape("merged.each", &flat, &shape);
    let settings = [("axes", Setting::Ints(&[2])), ("keepdims", Setting::Int(1))];
    let highest = graph.node("merged.highest", "ReduceMax", &[&each], &settings);
    let mut below = graph.binary("merged.below", "Sub", &each, &highest);
    if let Some(temperature) = temperature {
        below = graph.binary("merged.calibrated", "Div", &below, temperature);
    }
    let shares = graph.node("merged.exp", "Exp", &[&below], &[]);
    let weights = graph.floats("merged.weights", &[members.len(), places], &weights);
    let shares = graph.binary("merged.shares", "Mul", &shares, &weights);
    let axis = graph.ints("merged.axis", &[2]);
    let settings = [("keepdims", Setting::Int(1))];
    let sum = graph.node("merged.sum", "ReduceSum", &[&shares, &axis], &settings);
    let mut more = graph.node("merged.log", "Log", &[&sum], &[]);
    if let Some(temperature) = temperature {
        more = graph.binary("merged.more", "Mul", &more, temperature);
    }
    let logits = graph.binary("merged.logits", "Add", &highest, &more);
    graph.reshape("logits", &logits, &[-1, members.len() as i64])
}
