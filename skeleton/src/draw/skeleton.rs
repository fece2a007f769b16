//! Drawing bodies.

use super::colour::{self, Colour};
use super::picture::Picture;
use super::view::{View, is_seen};
use crate::layout::{Layout, Point};
use crate::sequence::SequenceRef;

/// Draws the floor on which a clip takes place: a grid of half a metre.
pub fn floor(picture: &mut Picture, view: &View) {
    const CELL: f32 = 0.5;
    const CELLS: i32 = 5;
    let [x, _, z] = view.centre().map(|c| (c / CELL).round() * CELL);
    let reach = CELLS as f32 * CELL;
    for i in -CELLS..=CELLS {
        let aside = i as f32 * CELL;
        for (from, to) in [
            ([x + aside, z - reach], [x + aside, z + reach]),
            ([x - reach, z + aside], [x + reach, z + aside]),
        ] {
            let at = |p: [f32; 2]| view.project([p[0], view.floor(), p[1]]).0;
            picture.line(at(from), at(to), 1.0, colour::GRID);
        }
    }
}

/// Draws everybody in frame `t`: left limbs blue, right limbs orange, what is nearer over what is
/// farther. Joints that were not seen are left out, and so are bones to them.
pub fn skeleton(
    picture: &mut Picture,
    view: &View,
    layout: &Layout,
    sequence: SequenceRef<'_>,
    t: usize,
) {
    let look = Look::of(layout);
    let bodies = (0..sequence.bodies).filter(|m| !sequence.is_absent(t, *m));
    let bodies: Vec<Body> = bodies
        .map(|m| Body {
            joints: (0..sequence.joints.min(layout.len()))
                .map(|v| is_seen(&sequence, t, m, v).then(|| sequence.joint(t, m, v)))
                .collect(),
        })
        .collect();
    for body in &bodies {
        body.shadow(picture, view);
    }
    let mut parts: Vec<Part> = bodies
        .iter()
        .flat_map(|body| body.parts(view, &look))
        .collect();
    parts.sort_by(|a, b| b.depth.total_cmp(&a.depth));
    for part in parts {
        part.draw(picture);
    }
}

/// What a layout's joints look like.
struct Look {
    bones: Vec<(usize, usize)>,
    /// Colour of each joint.
    colours: Vec<Colour>,
    head: Option<usize>,
    /// Corners of the torso, if the layout has shoulders and hips.
    torso: Option<[usize; 4]>,
    /// The places between which the torso is measured.
    length: [[usize; 2]; 2],
    shoulders: [[usize; 2]; 2],
}

impl Look {
    fn of(layout: &Layout) -> Self {
        let mut colours = vec![colour::TRUNK; layout.len()];
        for &(left, right) in &layout.swap {
            colours[left] = colour::LEFT;
            colours[right] = colour::RIGHT;
        }
        let named = |name: &str| layout.joints.iter().position(|j| j == name);
        // The graph of ntu25 hangs a hand's tip onto its thumb, which is no bone to draw.
        let mut bones = layout.edges.clone();
        for side in ["left", "right"] {
            let of_hand = |part: &str| named(&format!("{side} {part}"));
            if let (Some(hand), Some(tip), Some(thumb)) =
                (of_hand("hand"), of_hand("hand tip"), of_hand("thumb"))
                && let Some(bone) = bones.iter_mut().find(|bone| **bone == (tip, thumb))
            {
                *bone = (tip, hand);
            }
        }
        let hips = named("left hip").zip(named("right hip"));
        let (left, right) = layout.turn;
        Self {
            bones,
            colours,
            head: named("head").or_else(|| named("nose")),
            torso: hips.map(|(l, r)| [left, right, r, l]),
            length: [layout.torso.0, layout.torso.1].map(Point::joints),
            shoulders: [[left; 2], [right; 2]],
        }
    }

    /// A bone has the colour of its side, if one of its ends has a side.
    fn bone(&self, a: usize, b: usize) -> Colour {
        match self.colours[a] {
            colour::TRUNK => self.colours[b],
            sided => sided,
        }
    }
}

/// Joints of one body in one frame.
struct Body {
    joints: Vec<Option<[f32; 3]>>,
}

/// Half the width of a head, metres.
const HEAD: f32 = 0.095;

impl Body {
    fn shadow(&self, picture: &mut Picture, view: &View) {
        let seen: Vec<&[f32; 3]> = self.joints.iter().flatten().collect();
        let mean = |c: usize| seen.iter().map(|j| j[c]).sum::<f32>() / seen.len() as f32;
        if seen.is_empty() {
            return;
        }
        let under = [mean(0), view.floor(), mean(2)];
        let radius = view.pixels(0.3, under);
        let radii = [radius, radius * view.flatness()];
        picture.ellipse(view.project(under).0, radii, colour::SHADOW);
    }

    fn parts(&self, view: &View, look: &Look) -> Vec<Part> {
        let mut parts = Vec::new();
        for &(a, b) in &look.bones {
            let (Some(from), Some(to)) = (self.joint(a), self.joint(b)) else {
                continue;
            };
            let length = (0..3)
                .map(|c| (from[c] - to[c]).powi(2))
                .sum::<f32>()
                .sqrt();
            // Long bones are thick: thighs over forearms over fingers.
            let width = (0.17 * length).clamp(0.022, 0.062);
            let ((start, near), (end, far)) = (view.project(from), view.project(to));
            parts.push(Part {
                depth: (near + far) / 2.0,
                shape: Shape::Bone {
                    ends: [start, end],
                    width: view.pixels(width, from),
                },
                colour: look.bone(a, b),
            });
        }
        if let Some(head) = look.head.and_then(|v| self.joint(v)) {
            let (at, depth) = view.project(head);
            let radius = HEAD * self.size(look);
            parts.push(Part {
                depth: depth - radius,
                shape: Shape::Head {
                    at,
                    radius: view.pixels(radius, head),
                },
                colour: colour::TRUNK,
            });
        }
        let corners = look.torso.and_then(|corners| {
            let seen: Vec<_> = corners.iter().filter_map(|v| self.joint(*v)).collect();
            <[[f32; 3]; 4]>::try_from(seen).ok()
        });
        if let Some(corners) = corners {
            let projected = corners.map(|c| view.project(c));
            parts.push(Part {
                // Behind its own bones.
                depth: projected.iter().map(|p| p.1).sum::<f32>() / 4.0 + 0.05,
                shape: Shape::Torso {
                    corners: projected.map(|p| p.0),
                    width: view.pixels(0.06, corners[0]),
                },
                colour: colour::TORSO,
            });
        }
        parts
    }

    /// How large a body is beside a grown-up one: people who are far away are small in a 2D layout.
    /// Torso and shoulders are hardly ever both foreshortened.
    fn size(&self, look: &Look) -> f32 {
        let length = |[from, to]: [[usize; 2]; 2]| {
            let [a, b] = [from, to].map(|joints| {
                let [a, b] = joints.map(|v| self.joint(v));
                let (a, b) = a.zip(b)?;
                Some([0, 1, 2].map(|c| (a[c] + b[c]) / 2.0))
            });
            let (a, b) = a.zip(b)?;
            let square = (0..3).map(|c| (a[c] - b[c]).powi(2)).sum::<f32>();
            Some(square.sqrt())
        };
        let torso = length(look.length).map(|length| length / 0.5);
        let shoulders = length(look.shoulders).map(|length| length / 0.38);
        let size = torso.into_iter().chain(shoulders).reduce(f32::max);
        size.unwrap_or(1.0).clamp(0.2, 1.0)
    }

    fn joint(&self, v: usize) -> Option<[f32; 3]> {
        self.joints.get(v).copied().flatten()
    }
}

/// A piece of a body, ready to draw.
struct Part {
    depth: f32,
    shape: Shape,
    colour: Colour,
}

enum Shape {
    Bone { ends: [[f32; 2]; 2], width: f32 },
    Head { at: [f32; 2], radius: f32 },
    Torso { corners: [[f32; 2]; 4], width: f32 },
}

impl Part {
    fn draw(&self, picture: &mut Picture) {
        // A rim of paper sets what is in front off from what is behind.
        match &self.shape {
            Shape::Bone {
                ends: [from, to],
                width,
            } => {
                let width = width.max(1.5);
                let rim = (0.25 * width).clamp(0.5, 2.0);
                // Not beyond its ends, where the next bone of the same limb goes on.
                picture.cut_line([*from, *to], width + 2.0 * rim, colour::PAPER);
                picture.line(*from, *to, width, self.colour);
            }
            Shape::Head { at, radius } => {
                picture.disc(*at, radius + (0.1 * radius).clamp(0.5, 2.0), colour::PAPER);
                picture.disc(*at, *radius, self.colour);
            }
            Shape::Torso { corners, width } => {
                picture.polygon(corners, self.colour);
                for i in 0..4 {
                    picture.line(corners[i], corners[(i + 1) % 4], *width, self.colour);
                }
            }
        }
    }
}
