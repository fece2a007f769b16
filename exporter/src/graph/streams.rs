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
            graph.binary(&name("stream"), "Sub", x, &origin)
        }
        // The last frame has nothing after it: it is its own successor, which gives 0.
        Stream::Motion => {
            let after: Vec<i64> = (1..frames).chain([frames - 1]).map(|t| t as i64).collect();
            let after = graph.ints(&name("after"), &after);
            let axis = [("axis", Setting::Int(2))];
            let next = graph.node(&name("next"), "Gather", &[x, &after], &axis);
            graph.binary(&name("stream"), "Sub", &next, x)
        }
    }
}

/// Brings the input, shape (N, M, T, V, 3), into the encoder's form, (N·M, 3, T, V).
pub(super) fn fold(graph: &mut Builder, frames: usize, joints: usize, input: &Value) -> Value {
    let shape = [-1, frames as i64, joints as i64, CHANNELS as i64];
    let bodies = graph.reshape("bodies", input, &shape);
    let order = Setting::Ints(&[0, 3, 1, 2]);
    graph.node("channels", "Transpose", &[&bodies], &[("perm", order)])
}
