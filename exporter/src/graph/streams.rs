//! Joint, bone and motion streams, as `aimclr_skeleton::stream` does them.

use super::builder::{Builder, Setting, Value};
use aimclr_skeleton::sequence::CHANNELS;
use aimclr_skeleton::{Layout, Stream};

/// Adds what `stream` sees of `x`, shape (B, 3, T, V), same shape out.
pub(super) fn add(
    graph: &mut Builder,
    layout: &Layout,
    frames: usize,
    stream: Stream,
    x: &Value,
) -> Value {
    let name = |part: &str| format!("{stream}/{part}");
    match stream {
        Stream::Joint => x.clone(),
        Stream::Bone => {
            let parents: Vec<i64> = layout.parents().iter().map(|p| *p as i64).collect();
            let parents = graph.ints(&name("parents"), &parents);
            let axis = [("axis", Setting::Int(3))];
            let origin = graph.node(&name("parent"), "Gather", &[x, &parents], &axis);
            difference(graph, &name, layout, x, &origin)
        }
        // The last frame has nothing after it: it is its own successor, which gives 0.
        Stream::Motion => {
            let after: Vec<i64> = (1..frames).chain([frames - 1]).map(|t| t as i64).collect();
            let after = graph.ints(&name("after"), &after);
            let axis = [("axis", Setting::Int(2))];
            let next = graph.node(&name("next"), "Gather", &[x, &after], &axis);
            difference(graph, &name, layout, &next, x)
        }
    }
}

/// a − b; in 2D with the mean of both confidences, and only where both were seen.
fn difference(
    graph: &mut Builder,
    name: &dyn Fn(&str) -> String,
    layout: &Layout,
    a: &Value,
    b: &Value,
) -> Value {
    if !layout.is_2d() {
        return graph.binary(&name("stream"), "Sub", a, b);
    }
    let mut confidence = |end: &str, x: &Value| graph.slice(&name(end), x, 1, 2..3);
    let (first, second) = (confidence("confidence.a", a), confidence("confidence.b", b));
    let both = graph.binary(&name("confidence.product"), "Mul", &first, &second);
    let both = graph.node(&name("both"), "Sign", &[&both], &[]);
    let mean = graph.binary(&name("confidence.sum"), "Add", &first, &second);
    let half = graph.floats(&name("half"), &[1], &[0.5]);
    let mean = graph.binary(&name("confidence"), "Mul", &mean, &half);
    let all = graph.binary(&name("difference"), "Sub", a, b);
    let plane = graph.slice(&name("plane"), &all, 1, 0..2);
    let axis = [("axis", Setting::Int(1))];
    let joined = graph.node(&name("joined"), "Concat", &[&plane, &mean], &axis);
    graph.binary(&name("stream"), "Mul", &joined, &both)
}

/// Brings the input, shape (N, M, T, V, 3), into the encoder's form, (N·M, 3, T, V).
pub(super) fn fold(graph: &mut Builder, frames: usize, joints: usize, input: &Value) -> Value {
    let shape = [-1, frames as i64, joints as i64, CHANNELS as i64];
    let bodies = graph.reshape("bodies", input, &shape);
    let order = Setting::Ints(&[0, 3, 1, 2]);
    graph.node("channels", "Transpose", &[&bodies], &[("perm", order)])
}
