//! A recording of PKU-MMD: 150 numbers a line, x, y, z of 25 joints of two bodies.

use crate::import::ImportError;
use crate::import::text::Lines;
use crate::sequence::{CHANNELS, Sequence, SequenceRef};

/// M, bodies in a line.
pub(super) const BODIES: usize = 2;

/// Joints of a body in this format.
const JOINTS: usize = 25;

/// Numbers in a line.
const NUMBERS: usize = BODIES * JOINTS * CHANNELS;

/// Bytes of the joints in so much text, at most: a digit and a blank for a number.
pub(super) fn most_bytes(text: usize) -> usize {
    text / 2 * size_of::<f32>()
}

/// Reads a recording; `item` is its name for messages.
///
/// # Errors
/// A line has more or fewer than 150 numbers, or something else stands where a number should.
pub(in crate::import) fn parse(item: &str, text: &[u8]) -> Result<Sequence, ImportError> {
    let mut data = Vec::new();
    for line in Lines::new(item, text).filter(|line| !line.is_blank()) {
        let before = data.len();
        for (i, field) in line.fields().enumerate() {
            let name = || {
                let axis = ["x", "y", "z"][i % CHANNELS];
                let joint = i / CHANNELS;
                format!("body {}, joint {}, {axis}", joint / JOINTS, joint % JOINTS)
            };
            data.push(line.coordinate(name, field)?);
        }
        let found = data.len() - before;
        if found != NUMBERS {
            let reason = format!("expected {NUMBERS} numbers, found {found}");
            return Err(line.error("frame", reason));
        }
    }
    Ok(Sequence {
        frames: data.len() / NUMBERS,
        bodies: BODIES,
        joints: JOINTS,
        data,
    })
}

/// Farther than anything in a room, in metres: between a body and a place that nobody was in.
const NOWHERE: f32 = 1e3;

/// Keeps everyone in one place: in each frame the two bodies change places where they are then
/// nearer to where those of the two places were seen last.
pub(super) fn tracked(sequence: SequenceRef<'_>) -> Sequence {
    let mut tracked = sequence.to_owned();
    let mut seen: [Option<[f32; CHANNELS]>; BODIES] = [None; BODIES];
    for t in 0..sequence.frames {
        let middle = |m| (!sequence.is_absent(t, m)).then(|| middle(sequence, t, m));
        let found = [middle(0), middle(1)];
        let distance = |place: usize, body: usize| match (seen[place], found[body]) {
            (_, None) => 0.0,
            (None, Some(_)) => NOWHERE,
            (Some(a), Some(b)) => {
                let squares = a.iter().zip(b).map(|(a, b)| (a - b).powi(2));
                squares.sum::<f32>().sqrt()
            }
        };
        let swapped = distance(0, 1) + distance(1, 0) < distance(0, 0) + distance(1, 1);
        let order = if swapped { [1, 0] } else { [0, 1] };
        for (place, body) in order.into_iter().enumerate() {
            seen[place] = found[body].or(seen[place]);
            for v in 0..sequence.joints {
                tracked.set_joint(t, place, v, sequence.joint(t, body, v));
            }
        }
    }
    tracked
}

/// The mean of a body's joints.
fn middle(sequence: SequenceRef<'_>, t: usize, m: usize) -> [f32; CHANNELS] {
    let mut sum = [0.0; CHANNELS];
    for v in 0..sequence.joints {
        let joint = sequence.joint(t, m, v);
        sum.iter_mut().zip(joint).for_each(|(sum, x)| *sum += x);
    }
    sum.map(|sum| sum / sequence.joints as f32)
}
