//! Placing 2D bodies, as `aimclr_skeleton::normalise` does it: `torso-2d-1`.

use super::builder::{Builder, Setting, Value};
use aimclr_skeleton::Layout;
use aimclr_skeleton::layout::Point;
use aimclr_skeleton::normalise::{SHORTEST_2D, TORSO};

/// Axes of (B, 3, T, V).
const CHANNEL: i64 = 1;
const TIME: i64 = 2;
const JOINT: i64 = 3;

/// Moves and scales each body by its means over the frames in which its torso is seen.
pub(super) fn place(graph: &mut Builder, layout: &Layout, x: &Value) -> Value {
    let zero = number(graph, "zero", 0.0);
    let one = number(graph, "one", 1.0);
    let confidence = graph.slice(&name("confidence.given"), x, CHANNEL, 2..3);
    let confidence = graph.binary(&name("confidence"), "Max", &confidence, &zero);
    let seen = graph.node(&name("seen"), "Sign", &[&confidence], &[]);

    // Sums of small numbers keep their digits, however large the picture is.
    let given = graph.slice(&name("given"), x, CHANNEL, 0..2);
    let given = graph.binary(&name("given.seen"), "Mul", &given, &seen);
    let settings = [
        ("axes", Setting::Ints(&[TIME, JOINT])),
        ("keepdims", Setting::Int(1)),
    ];
    let corner = graph.node(&name("corner"), "ReduceMax", &[&given], &settings);
    let near = graph.binary(&name("near"), "Sub", &given, &corner);
    let near = graph.binary(&name("near.seen"), "Mul", &near, &seen);

    let lower = torso_place(graph, "lower", &near, &seen, layout.torso.0);
    let upper = torso_place(graph, "upper", &near, &seen, layout.torso.1);
    let both = graph.binary(&name("both"), "Mul", &lower.seen, &upper.seen);

    let all = sum(graph, "all", &near, &[TIME, JOINT]);
    let count = sum(graph, "joints", &seen, &[TIME, JOINT]);
    let count = graph.binary(&name("joints.bounded"), "Max", &count, &one);
    let middle = graph.binary(&name("middle"), "Div", &all, &count);
    let hips = mean_where(graph, "hips", &lower.at, &lower.seen, &one);
    let origin = hips.or(graph, "origin", &middle, &one);

    let spine = graph.binary(&name("spine"), "Sub", &upper.at, &lower.at);
    let squared = graph.binary(&name("spine.squared"), "Mul", &spine, &spine);
    let squared = sum(graph, "spine.length_squared", &squared, &[CHANNEL]);
    let length = graph.node(&name("spine.length"), "Sqrt", &[&squared], &[]);
    let torso = mean_where(graph, "torso", &length, &both, &one);

    let centred = graph.binary(&name("centred"), "Sub", &near, &origin);
    let centred = graph.binary(&name("centred.seen"), "Mul", &centred, &seen);
    let squared = graph.binary(&name("centred.squared"), "Mul", &centred, &centred);
    let squared = sum(graph, "spread.sum", &squared, &[CHANNEL, TIME, JOINT]);
    let squared = graph.binary(&name("spread.squared"), "Div", &squared, &count);
    let spread = graph.node(&name("spread"), "Sqrt", &[&squared], &[]);
    let length = torso.or(graph, "length", &spread, &one);

    let shortest = number(graph, "shortest", SHORTEST_2D);
    let length = graph.binary(&name("length.bounded"), "Max", &length, &shortest);
    let scaled = number(graph, "scaled_torso", TORSO);
    let scale = graph.binary(&name("scale"), "Div", &scaled, &length);
    let sized = graph.binary(&name("sized"), "Mul", &centred, &scale);
    let axis = [("axis", Setting::Int(CHANNEL))];
    graph.node(&name("placed"), "Concat", &[&sized, &confidence], &axis)
}

/// A place of the torso over time.
struct Place {
    /// (B, 2, T, 1), anything where it is not seen.
    at: Value,
    /// 1 where it is seen, else 0: (B, 1, T, 1).
    seen: Value,
}

/// A mean that there may be no frames for.
struct Mean {
    /// (B, C, 1, 1).
    value: Value,
    /// Number of frames, (B, 1, 1, 1).
    frames: Value,
}

impl Mean {
    /// The mean, or `other` where there are no frames.
    fn or(&self, graph: &mut Builder, part: &str, other: &Value, one: &Value) -> Value {
        let inputs = [&self.frames, one];
        let any = graph.node(
            &name(&format!("{part}.any")),
            "GreaterOrEqual",
            &inputs,
            &[],
        );
        graph.node(&name(part), "Where", &[&any, &self.value, other], &[])
    }
}

fn name(part: &str) -> String {
    format!("picture/{part}")
}

fn number(graph: &mut Builder, part: &str, value: f64) -> Value {
    graph.floats(&name(part), &[1], &[value])
}

fn sum(graph: &mut Builder, part: &str, x: &Value, axes: &[i64]) -> Value {
    let axes = graph.ints(&name(&format!("{part}.axes")), axes);
    let keep = [("keepdims", Setting::Int(1))];
    graph.node(&name(part), "ReduceSum", &[x, &axes], &keep)
}

fn torso_place(graph: &mut Builder, part: &str, near: &Value, seen: &Value, point: Point) -> Place {
    let at = super::normalise::point(graph, &name(part), near, point);
    let [a, b] = point.joints();
    let mut joint = |end: &str, v: usize| {
        graph.slice(&name(&format!("{part}.seen.{end}")), seen, JOINT, v..v + 1)
    };
    let (first, second) = (joint("a", a), joint("b", b));
    let seen = graph.binary(&name(&format!("{part}.seen")), "Mul", &first, &second);
    Place { at, seen }
}

fn mean_where(graph: &mut Builder, part: &str, x: &Value, seen: &Value, one: &Value) -> Mean {
    let only = graph.binary(&name(&format!("{part}.only")), "Mul", x, seen);
    let total = sum(graph, &format!("{part}.sum"), &only, &[TIME]);
    let frames = sum(graph, &format!("{part}.frames"), seen, &[TIME]);
    let bounded = graph.binary(&name(&format!("{part}.bounded")), "Max", &frames, one);
    let value = graph.binary(&name(part), "Div", &total, &bounded);
    Mean { value, frames }
}
