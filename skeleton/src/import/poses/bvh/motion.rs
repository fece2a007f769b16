//! A BVH file: a tree of joints, and frame by frame the numbers that move it.

use super::super::lines::Lines;
use super::ImportError;
use std::path::Path;

/// Most joints of a file, end sites included.
const MOST: usize = 2048;

/// Longest name of a joint, bytes.
const LONGEST: usize = 256;

/// Deepest chain of joints.
const DEEPEST: usize = 256;

/// Axis and kind of a number that moves a joint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    Position(usize),
    Rotation(usize),
}

#[derive(Debug)]
struct Joint {
    name: String,
    /// Always one that stands before it.
    parent: Option<usize>,
    offset: [f64; 3],
    channels: Vec<Channel>,
}

/// An open file, its hierarchy read.
pub(super) struct Motion {
    lines: Lines,
    joints: Vec<Joint>,
    /// Numbers of a frame.
    width: usize,
    frames: usize,
    seconds: f64,
    done: usize,
    places: Vec<[f64; 3]>,
}

type Matrix = [[f64; 3]; 3];

impl Motion {
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let mut lines = Lines::open(path)?;
        let joints = hierarchy(&mut lines)?;
        let frames = headed(&mut lines, "Frames:", "a whole number", |text| {
            text.parse::<usize>().ok()
        })?;
        let seconds = headed(&mut lines, "Frame Time:", "seconds above 0", |text| {
            let seconds = text.parse::<f64>().ok();
            seconds.filter(|s| s.is_finite() && (1e-5..=1e3).contains(s))
        })?;
        Ok(Self {
            lines,
            width: joints.iter().map(|joint| joint.channels.len()).sum(),
            joints,
            frames,
            seconds,
            done: 0,
            places: Vec::new(),
        })
    }

    /// Frames a second, to a thousandth: files round their frame's time.
    pub(super) fn fps(&self) -> f64 {
        let fps = 1.0 / self.seconds;
        match (fps - fps.round()).abs() < 1e-3 * fps {
            true => fps.round(),
            false => fps,
        }
    }

    /// Names of all joints; an end site has its parent's name with ".end".
    pub(super) fn names(&self) -> Vec<String> {
        self.joints.iter().map(|joint| joint.name.clone()).collect()
    }

    /// The places of all joints in the next frame, in the file's units.
    pub(super) fn next(&mut self) -> Result<Option<&[[f64; 3]]>, ImportError> {
        let (frames, done) = (self.frames, self.done);
        let numbers = match self.lines.next()? {
            None if done == frames => return Ok(None),
            None => {
                let reason = format!("Frames: expected {frames} lines of motion, found {done}");
                return Err(self.lines.fail(reason));
            }
            Some(line) => numbers(line),
        };
        if done == frames {
            let reason = format!("Frames: expected {frames} lines of motion, found more");
            return Err(self.lines.fail(reason));
        }
        let numbers = numbers.map_err(|reason| self.lines.fail(reason))?;
        if numbers.len() != self.width {
            let (expected, found) = (self.width, numbers.len());
            let reason =
                format!("expected {expected} numbers, one for each channel, found {found}");
            return Err(self.lines.fail(reason));
        }
        self.done += 1;
        self.places = places(&self.joints, &numbers);
        Ok(Some(&self.places))
    }
}

fn numbers(line: &str) -> Result<Vec<f64>, String> {
    let number = |(i, word): (usize, &str)| match word.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(format!(
            "number {}: expected a finite number, found \"{word}\"",
            i + 1
        )),
    };
    line.split_whitespace().enumerate().map(number).collect()
}

fn headed<T>(
    lines: &mut Lines,
    head: &str,
    expected: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, ImportError> {
    let line = lines.next()?.unwrap_or("the end of the file").to_string();
    let value = line.strip_prefix(head).and_then(|text| read(text.trim()));
    value.ok_or_else(|| lines.fail(format!("expected \"{head}\" and {expected}, found {line}")))
}

/// Reads up to and including the line MOTION.
fn hierarchy(lines: &mut Lines) -> Result<Vec<Joint>, ImportError> {
    let mut joints: Vec<Joint> = Vec::new();
    // The joints whose braces are open, and the one whose brace is to come.
    let mut open: Vec<usize> = Vec::new();
    let mut named: Option<usize> = None;
    let mut begun = false;
    loop {
        let Some(line) = lines.next()?.map(str::to_string) else {
            return Err(lines.fail("expected MOTION, found the end of the file"));
        };
        // A brace may stand behind a name as well as on a line of its own.
        let line = line.replace('{', " { ").replace('}', " } ");
        let mut words = line.split_whitespace().peekable();
        while let Some(word) = words.next() {
            match (begun, word) {
                (false, "HIERARCHY") => begun = true,
                (true, "ROOT" | "JOINT" | "End") if named.is_none() => {
                    let mut name = Vec::new();
                    while let Some(part) = words.next_if(|word| *word != "{") {
                        name.push(part);
                    }
                    if name.iter().map(|part| part.len()).sum::<usize>() > LONGEST {
                        let reason = format!("a joint's name of more than {LONGEST} bytes");
                        return Err(lines.fail(reason));
                    }
                    let parent = open.last().copied();
                    let name = match (word, parent.and_then(|p| joints.get(p))) {
                        ("ROOT", None) if joints.is_empty() => name.join(" "),
                        ("JOINT", Some(_)) => name.join(" "),
                        ("End", Some(parent)) => format!("{}.end", parent.name),
                        _ => {
                            let found = format!("{word} {}", name.join(" "));
                            let reason =
                                format!("expected one ROOT and joints within, found {found}");
                            return Err(lines.fail(reason));
                        }
                    };
                    if joints.len() == MOST || open.len() == DEEPEST {
                        let reason = format!("more than {MOST} joints, or {DEEPEST} in a chain");
                        return Err(lines.fail(reason));
                    }
                    named = Some(joints.len());
                    joints.push(Joint {
                        name,
                        parent,
                        offset: [0.0; 3],
                        channels: Vec::new(),
                    });
                }
                (true, "{") if named.is_some() => open.extend(named.take()),
                (true, "}") if named.is_none() && open.pop().is_some() => {}
                (true, "OFFSET") => {
                    let rest: Vec<&str> = words.by_ref().collect();
                    let offset = numbers(&rest.join(" ")).ok();
                    let offset = offset.and_then(|o| <[f64; 3]>::try_from(o).ok());
                    let joint = open.last().and_then(|j| joints.get_mut(*j));
                    match (joint, offset) {
                        (Some(joint), Some(offset)) => joint.offset = offset,
                        _ => return Err(lines.fail("OFFSET: expected three numbers in a joint")),
                    }
                }
                (true, "CHANNELS") => {
                    let count = words.next().and_then(|n| n.parse::<usize>().ok());
                    let channels: Option<Vec<Channel>> = words.by_ref().map(channel).collect();
                    let joint = open.last().and_then(|j| joints.get_mut(*j));
                    match (joint, channels) {
                        (Some(joint), Some(channels))
                            if Some(channels.len()) == count && channels.len() <= 9 =>
                        {
                            joint.channels = channels;
                        }
                        _ => {
                            let reason = "CHANNELS: expected a count and as many names such as \
                                          Xposition or Zrotation, in a joint";
                            return Err(lines.fail(reason));
                        }
                    }
                }
                (true, "MOTION") if open.is_empty() && !joints.is_empty() => return Ok(joints),
                _ => {
                    let expected = match begun {
                        false => "HIERARCHY",
                        true if joints.is_empty() => "ROOT",
                        true => "JOINT, End Site, OFFSET, CHANNELS, braces in pairs, or MOTION",
                    };
                    return Err(lines.fail(format!("expected {expected}, found \"{word}\"")));
                }
            }
        }
    }
}

fn channel(name: &str) -> Option<Channel> {
    let axis = match name.get(..1)? {
        "X" | "x" => 0,
        "Y" | "y" => 1,
        "Z" | "z" => 2,
        _ => return None,
    };
    match name.get(1..)? {
        "position" => Some(Channel::Position(axis)),
        "rotation" => Some(Channel::Rotation(axis)),
        _ => None,
    }
}

/// Forward kinematics. A joint's own turn is the product of its rotations in the order of its
/// channels; a position channel stands in place of that part of the offset.
fn places(joints: &[Joint], numbers: &[f64]) -> Vec<[f64; 3]> {
    const STILL: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let mut frames: Vec<([f64; 3], Matrix)> = Vec::with_capacity(joints.len());
    let mut numbers = numbers.iter();
    for joint in joints {
        let mut offset = joint.offset;
        let mut turn = STILL;
        for (channel, number) in joint.channels.iter().zip(numbers.by_ref()) {
            match *channel {
                Channel::Position(axis) => offset[axis] = *number,
                Channel::Rotation(axis) => turn = product(turn, about(axis, number.to_radians())),
            }
        }
        let parent = joint.parent.and_then(|parent| frames.get(parent));
        let (origin, bearing) = parent.copied().unwrap_or(([0.0; 3], STILL));
        let along = |row: usize| (0..3).map(|c| bearing[row][c] * offset[c]).sum::<f64>();
        let at = [0, 1, 2].map(|row| origin[row] + along(row));
        frames.push((at, product(bearing, turn)));
    }
    frames.into_iter().map(|(at, _)| at).collect()
}

fn product(a: Matrix, b: Matrix) -> Matrix {
    let cell = |row: usize, column: usize| (0..3).map(|k| a[row][k] * b[k][column]).sum();
    [0, 1, 2].map(|row| [0, 1, 2].map(|column| cell(row, column)))
}

/// The turn by `angle` radians about an axis, right-handed.
fn about(axis: usize, angle: f64) -> Matrix {
    let (sin, cos) = angle.sin_cos();
    let mut turn = [[0.0; 3]; 3];
    let (b, c) = ((axis + 1) % 3, (axis + 2) % 3);
    turn[axis][axis] = 1.0;
    turn[b][b] = cos;
    turn[c][c] = cos;
    turn[b][c] = -sin;
    turn[c][b] = sin;
    turn
}
