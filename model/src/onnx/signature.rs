//! What goes into a graph and comes out of it, as `docs/model.md` has it.

use super::{Dimension, DimensionValue, GraphProto, ValueInfoProto};
use crate::card::{Card, Form};
use crate::continual::STEP;

/// Most values that a graph may remember of one body, so that a damaged one can't ask for
/// gigabytes.
const MOST_REMEMBERED: usize = 1 << 26;

/// Something that a continual graph remembers between two steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Name without `state.` (as an input) or `next.` (as an output).
    pub name: String,
    /// Shape for one body, without N.
    pub shape: Vec<usize>,
}

impl State {
    /// Number of values for one body.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }
}

/// What a graph remembers, in the order of its inputs.
pub(super) fn states(graph: &GraphProto) -> Vec<State> {
    graph.input.iter().skip(1).filter_map(remembered).collect()
}

fn remembered(input: &ValueInfoProto) -> Option<State> {
    let name = input.name.strip_prefix("state.")?.to_string();
    let (first, shape) = shape_of(input)
        .split_first()
        .map(|(n, s)| (*n, s.to_vec()))?;
    let sized = |size: Option<i64>| {
        size.and_then(|n| usize::try_from(n).ok())
            .filter(|n| *n > 0)
    };
    let shape: Vec<usize> = shape.into_iter().map(sized).collect::<Option<_>>()?;
    let size = shape
        .iter()
        .try_fold(1usize, |size, n| size.checked_mul(*n));
    let within = first.is_none() && size.is_some_and(|size| size <= MOST_REMEMBERED);
    within.then_some(State { name, shape })
}

/// Checks inputs and outputs; fails with what was found and what was expected.
pub(super) fn check(graph: &GraphProto, card: &Card) -> Result<(), String> {
    let mut outputs: Vec<(String, usize)> = vec![("embedding".into(), card.embedding)];
    if !card.classes.is_empty() {
        let classes = card.classes.len();
        outputs.extend(["logits", "probabilities"].map(|name| (name.into(), classes)));
    }
    let standard = outputs.len();
    let joints = card.layout.len();
    let (input, fixed, states) = match card.form {
        Form::Windowed => ("joints", vec![card.frames, joints, 3], Vec::new()),
        Form::Continual => ("frames", vec![STEP, joints, 3], states(graph)),
    };
    let expected = states.iter().map(|state| format!("state.{}", state.name));
    let expected: Vec<String> = std::iter::once(input.to_string()).chain(expected).collect();
    let found = names(&graph.input);
    if found != expected {
        let expected = match card.form {
            Form::Windowed => format!("one input, \"{input}\""),
            Form::Continual => {
                format!("inputs \"{input}\" and \"state.…\", each of shape (N, …) with fixed sizes")
            }
        };
        return Err(format!("expected {expected}; found {}", found.join(", ")));
    }
    let next = states.iter().map(|state| format!("next.{}", state.name));
    let expected: Vec<String> = outputs
        .iter()
        .map(|(name, _)| name.clone())
        .chain(next)
        .collect();
    let found = names(&graph.output);
    if found != expected {
        let (expected, found) = (expected.join(", "), found.join(", "));
        return Err(format!("expected outputs {expected}; found {found}"));
    }
    let free = match card.form {
        Form::Windowed => vec!["N", "M"],
        Form::Continual => vec!["N"],
    };
    let shape = shape_of(&graph.input[0]);
    if !ends_with(&shape, free.len(), &fixed) {
        let sizes = fixed.iter().map(usize::to_string);
        let sizes: Vec<String> = free.into_iter().map(String::from).chain(sizes).collect();
        return Err(format!(
            "input \"{input}\": expected shape ({}) as the card says",
            sizes.join(", ")
        ));
    }
    for (output, (name, size)) in graph.output.iter().zip(&outputs) {
        if shape_of(output).get(1) != Some(&Some(*size as i64)) {
            return Err(format!("output \"{name}\": expected shape (N, {size})"));
        }
    }
    for (output, state) in graph.output[standard..].iter().zip(&states) {
        if !ends_with(&shape_of(output), 1, &state.shape) {
            return Err(format!(
                "output \"{}\": expected shape (N, …) with {:?} as \"state.{}\" has",
                output.name, state.shape, state.name
            ));
        }
    }
    Ok(())
}

/// Whether a shape is so many dimensions of any size and then these.
fn ends_with(shape: &[Option<i64>], free: usize, fixed: &[usize]) -> bool {
    shape.len() == free + fixed.len()
        && shape[free..]
            .iter()
            .zip(fixed)
            .all(|(found, size)| *found == Some(*size as i64))
}

fn names(values: &[ValueInfoProto]) -> Vec<String> {
    values.iter().map(|value| value.name.clone()).collect()
}

/// Sizes of an input or output; none where a size is free.
pub fn shape_of(value: &ValueInfoProto) -> Vec<Option<i64>> {
    let shape = value
        .r#type
        .as_ref()
        .and_then(|t| t.tensor_type.as_ref()?.shape.as_ref());
    let size = |dim: &Dimension| match dim.value {
        Some(DimensionValue::Size(n)) => Some(n),
        _ => None,
    };
    shape
        .map(|shape| shape.dim.iter().map(size).collect())
        .unwrap_or_default()
}
