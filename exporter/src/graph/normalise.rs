//! Normalising, as `aimclr_skeleton::normalise` does it.

use super::builder::{Builder, Setting, Value};
use super::picture;
use aimclr_skeleton::Layout;
use aimclr_skeleton::layout::Point;
use aimclr_skeleton::normalise::{EPSILON, Preprocessing, SHORTEST, TORSO};

/// Axes of (B, 3, T, V).
const CHANNEL: i64 = 1;
const TIME: i64 = 2;
const JOINT: i64 = 3;

/// Adds the normalising of `x`, shape (B, 3, T, V), same shape out.
pub(super) fn add(
    graph: &mut Builder,
    preprocessing: Preprocessing,
    layout: &Layout,
    x: &Value,
) -> Value {
    match preprocessing {
        // One sign for the whole window of a body, (B, 1, 1, 1).
        Preprocessing::Released => centre_and_turn(graph, layout, x, |graph, vz| {
            let axes = graph.ints("normalise/depth.axes", &[TIME]);
            let keep = [("keepdims", Setting::Int(1))];
            graph.node("normalise/depth", "ReduceSum", &[vz, &axes], &keep)
        }),
        Preprocessing::Clip => place(graph, layout, x),
        Preprocessing::Torso => picture::place(graph, layout, x),
    }
}

/// Where a place of the layout is in `x`, shape (B, C, T, V) → (B, C, T, 1).
pub(super) fn point(graph: &mut Builder, name: &str, x: &Value, point: Point) -> Value {
    let joint = |graph: &mut Builder, name: &str, v: usize| graph.slice(name, x, JOINT, v..v + 1);
    match point {
        Point::Joint(v) => joint(graph, name, v),
        Point::Middle(a, b) => {
            let a = joint(graph, &format!("{name}.a"), a);
            let b = joint(graph, &format!("{name}.b"), b);
            let sum = graph.binary(&format!("{name}.sum"), "Add", &a, &b);
            let half = graph.floats(&format!("{name}.half"), &[1], &[0.5]);
            graph.binary(name, "Mul", &sum, &half)
        }
    }
}

/// `depth` makes of vz, (B, 1, T, 1), the sums whose signs the angles have.
pub(super) fn centre_and_turn(
    graph: &mut Builder,
    layout: &Layout,
    x: &Value,
    depth: impl FnOnce(&mut Builder, &Value) -> Value,
) -> Value {
    let centred = centre(graph, layout.centre, x);
    turn(graph, layout.turn, &centred, depth)
}

fn centre(graph: &mut Builder, joint: usize, x: &Value) -> Value {
    let origin = graph.slice("normalise/centre", x, JOINT, joint..joint + 1);
    graph.binary("normalise/centred", "Sub", x, &origin)
}

fn turn(
    graph: &mut Builder,
    (left, right): (usize, usize),
    x: &Value,
    depth: impl FnOnce(&mut Builder, &Value) -> Value,
) -> Value {
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

    let depth = depth(graph, &vz);
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

/// Moves, turns and scales each body by its means over the frames in which it is present.
fn place(graph: &mut Builder, layout: &Layout, x: &Value) -> Value {
    let name = |part: &str| format!("place/{part}");
    let number =
        |graph: &mut Builder, part: &str, value: f64| graph.floats(&name(part), &[1], &[value]);
    let joint = |graph: &mut Builder, part: &str, x: &Value, joint: usize| {
        graph.slice(&name(part), x, JOINT, joint..joint + 1)
    };
    let sum = |graph: &mut Builder, part: &str, x: &Value, axes: &[i64]| {
        let axes = graph.ints(&name(&format!("{part}.axes")), axes);
        let keep = [("keepdims", Setting::Int(1))];
        graph.node(&name(part), "ReduceSum", &[x, &axes], &keep)
    };
    let (shortest, one) = (
        number(graph, "shortest", SHORTEST),
        number(graph, "one", 1.0),
    );

    // 1 where the body is there, else 0: (B, 1, T, 1).
    let size = graph.node(&name("size"), "Abs", &[x], &[]);
    let size = sum(graph, "size.sum", &size, &[CHANNEL, JOINT]);
    let present = graph.node(&name("present"), "Sign", &[&size], &[]);
    let count = sum(graph, "count", &present, &[TIME]);
    let count = graph.binary(&name("frames"), "Max", &count, &one);
    let mean = |graph: &mut Builder, part: &str, x: &Value| {
        let total = sum(graph, &format!("{part}.sum"), x, &[TIME]);
        graph.binary(&name(part), "Div", &total, &count)
    };

    // Means of small numbers keep their digits, however far the camera is.
    let (lower, upper) = layout.torso;
    let first = graph.slice(&name("first"), x, TIME, 0..1);
    let first = point(graph, &name("first.lower"), &first, lower);
    let near = graph.binary(&name("near"), "Sub", x, &first);
    let near = graph.binary(&name("near.present"), "Mul", &near, &present);

    let from = point(graph, &name("lower"), &near, lower);
    let to = point(graph, &name("upper"), &near, upper);
    let spine = graph.binary(&name("spine"), "Sub", &to, &from);
    let squared = graph.binary(&name("spine.squared"), "Mul", &spine, &spine);
    let squared = sum(graph, "spine.length_squared", &squared, &[CHANNEL]);
    let length = graph.node(&name("spine.length"), "Sqrt", &[&squared], &[]);
    let torso = mean(graph, "torso", &length);
    let torso = graph.binary(&name("torso.bounded"), "Max", &torso, &shortest);
    let scaled = number(graph, "scaled_torso", TORSO);
    let scale = graph.binary(&name("scale"), "Div", &scaled, &torso);

    let left = joint(graph, "left", &near, layout.turn.0);
    let right = joint(graph, "right", &near, layout.turn.1);
    let across = graph.binary(&name("across"), "Sub", &right, &left);
    let across = mean(graph, "across.mean", &across);
    let [vx, _, vz] = graph.split(&name("across.parts"), &across, CHANNEL);
    let mut binary = |part: &str, operator: &str, a: &Value, b: &Value| {
        graph.binary(&name(part), operator, a, b)
    };
    let vx_squared = binary("vx_squared", "Mul", &vx, &vx);
    let vz_squared = binary("vz_squared", "Mul", &vz, &vz);
    let squared = binary("width_squared", "Add", &vx_squared, &vz_squared);
    let width = graph.node(&name("width"), "Sqrt", &[&squared], &[]);
    let width = graph.binary(&name("width.bounded"), "Max", &width, &shortest);

    let origin = mean(graph, "origin", &from);
    let mut binary = |part: &str, operator: &str, a: &Value, b: &Value| {
        graph.binary(&name(part), operator, a, b)
    };
    let (cos, sin) = (
        binary("cos", "Div", &vx, &width),
        binary("sin", "Div", &vz, &width),
    );
    let centred = binary("centred", "Sub", &near, &origin);
    let scale = binary("scale.present", "Mul", &scale, &present);
    let sized = binary("sized", "Mul", &centred, &scale);
    let [x, y, z] = graph.split(&name("parts"), &sized, CHANNEL);
    let mut product = |part: &str, a: &Value, b: &Value| graph.binary(&name(part), "Mul", a, b);
    let (cos_x, sin_z) = (product("cos_x", &cos, &x), product("sin_z", &sin, &z));
    let (cos_z, sin_x) = (product("cos_z", &cos, &z), product("sin_x", &sin, &x));
    let x = graph.binary(&name("x"), "Add", &cos_x, &sin_z);
    let z = graph.binary(&name("z"), "Sub", &cos_z, &sin_x);
    let axis = [("axis", Setting::Int(CHANNEL))];
    graph.node(&name("placed"), "Concat", &[&x, &y, &z], &axis)
}
