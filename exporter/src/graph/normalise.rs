//! Centring and turning, as `aimclr_skeleton::normalise` does it.

use super::builder::{Builder, Setting, Value};
use aimclr_skeleton::Layout;
use aimclr_skeleton::normalise::EPSILON;

/// Axes of (B, 3, T, V).
const CHANNEL: i64 = 1;
const TIME: i64 = 2;
const JOINT: i64 = 3;

/// Adds the normalising of `x`, shape (B, 3, T, V), same shape out.
pub(super) fn add(graph: &mut Builder, layout: &Layout, x: &Value) -> Value {
    let centred = centre(graph, layout.centre, x);
    turn(graph, layout.turn, &centred)
}

fn centre(graph: &mut Builder, joint: usize, x: &Value) -> Value {
    let origin = graph.slice("normalise/centre", x, JOINT, joint..joint + 1);
    graph.binary("normalise/centred", "Sub", x, &origin)
}

fn turn(graph: &mut Builder, (left, right): (usize, usize), x: &Value) -> Value {
    let name = |part: &str| format!("normalise/{part}");
    let number =
        |graph: &mut Builder, part: &str, value: f64| graph.floats(&name(part), &[1], &[value]);
    let epsilon = number(graph, "epsilon", EPSILON);
    let twice_epsilon = number(graph, "twice_epsilon", 2.0 * EPSILON);
    let epsilon_squared = number(graph, "epsilon_squared", EPSILON * EPSILON);

    // The line from left to right, (B, 3, T, 1); its y plays no part.
    let from = graph.slice(&name("left"), x, JOINT, left..left + 1);
    let to = graph.slice(&name("right"), x, JOINT, right..right + 1);
    let across = graph.binary(&name("across"), "Sub", &to, &from);
    let [vx, _, vz] = graph.split(&name("across.parts"), &across, CHANNEL);

    let vx_squared = graph.binary(&name("vx_squared"), "Mul", &vx, &vx);
    let vz_squared = graph.binary(&name("vz_squared"), "Mul", &vz, &vz);
    let squared = graph.binary(&name("length_squared"), "Add", &vx_squared, &vz_squared);
    let length = graph.node(&name("length"), "Sqrt", &[&squared], &[]);
    let divisor = graph.binary(&name("divisor"), "Add", &length, &epsilon);

    // 1 − cos² multiplied out, which has no cancellation: vz² + 2·ε·|v| + ε².
    let mixed = graph.binary(
        &name("length_twice_epsilon"),
        "Mul",
        &length,
        &twice_epsilon,
    );
    let mixed = graph.binary(&name("rest"), "Add", &mixed, &epsilon_squared);
    let radicand = graph.binary(&name("radicand"), "Add", &vz_squared, &mixed);
    let root = graph.node(&name("root"), "Sqrt", &[&radicand], &[]);

    // One sign for the whole window of a body, (B, 1, 1, 1).
    let axes = graph.ints(&name("depth.axes"), &[TIME]);
    let keep = [("keepdims", Setting::Int(1))];
    let depth = graph.node(&name("depth"), "ReduceSum", &[&vz, &axes], &keep);
    let zero = number(graph, "zero", 0.0);
    let (minus, plus) = (number(graph, "minus_one", -1.0), number(graph, "one", 1.0));
    let away = graph.binary(&name("away"), "GreaterOrEqual", &depth, &zero);
    let sign = graph.node(&name("sign"), "Where", &[&away, &minus, &plus], &[]);

    let cos = graph.binary(&name("cos"), "Div", &vx, &divisor);
    let sin = graph.binary(&name("sin.size"), "Div", &root, &divisor);
    let sin = graph.binary(&name("sin"), "Mul", &sin, &sign);

    let [x, y, z] = graph.split(&name("parts"), x, CHANNEL);
    let mut product = |part: &str, a: &Value, b: &Value| graph.binary(&name(part), "Mul", a, b);
    let (cos_x, sin_z) = (product("cos_x", &cos, &x), product("sin_z", &sin, &z));
    let (sin_x, cos_z) = (product("sin_x", &sin, &x), product("cos_z", &cos, &z));
    let x = graph.binary(&name("x"), "Sub", &cos_x, &sin_z);
    let z = graph.binary(&name("z"), "Add", &sin_x, &cos_z);
    let axis = [("axis", Setting::Int(CHANNEL))];
    graph.node("normalise/turned", "Concat", &[&x, &y, &z], &axis)
}
