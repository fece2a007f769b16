//! A chart as a picture.

use super::{Anchor, Chart, Ink, Shape};
use crate::report::class::Form;
use aimclr_skeleton::draw::{Colour, Picture, Size, colour};

/// Lengths of a dash and of the gap after it, pixels.
const DASH: [f32; 2] = [7.0, 5.0];

/// Where a text is drawn in paper first, so that it has a halo.
const HALO: [(f32, f32); 8] = [
    (-2.0, 0.0),
    (2.0, 0.0),
    (0.0, -2.0),
    (0.0, 2.0),
    (-1.0, -1.0),
    (1.0, -1.0),
    (-1.0, 1.0),
    (1.0, 1.0),
];

/// Draws a chart in the light colours.
pub fn picture(chart: &Chart) -> Picture {
    let mut picture = Picture::new(chart.width.ceil() as u32, chart.height.ceil() as u32);
    for shape in &chart.shapes {
        draw(&mut picture, shape);
    }
    picture
}

fn draw(picture: &mut Picture, shape: &Shape) {
    match shape {
        Shape::Line {
            points,
            width,
            dashed,
            ink,
        } => {
            for pair in points.windows(2) {
                match dashed {
                    true => dashes(picture, pair[0], pair[1], *width, of(*ink)),
                    false => picture.line(pair[0], pair[1], *width, of(*ink)),
                }
            }
        }
        Shape::Rectangle {
            area: [x, y, width, height],
            ink,
            ..
        } => picture.rectangle(*x, *y, *width, *height, of(*ink)),
        Shape::Mark {
            at,
            radius,
            form,
            ink,
            ..
        } => match corners(*form, *at, *radius) {
            None => picture.disc(*at, *radius, of(*ink)),
            Some(corners) => picture.polygon(&corners, of(*ink)),
        },
        Shape::Text {
            at: [x, y],
            anchor,
            bold,
            ink,
            halo,
            text,
        } => {
            let size = if *bold { Size::SmallBold } else { Size::Small };
            let width = text.chars().count() as f32 * size.width();
            let left = match anchor {
                Anchor::Start => *x,
                Anchor::Middle => x - width / 2.0,
                Anchor::End => x - width,
            };
            if *halo {
                for (dx, dy) in HALO {
                    picture.text(left + dx, y + dy, size, colour::PAPER, text);
                }
            }
            picture.text(left, *y, size, of(*ink), text);
        }
    }
}

fn dashes(picture: &mut Picture, from: [f32; 2], to: [f32; 2], width: f32, colour: Colour) {
    let length = (to[0] - from[0]).hypot(to[1] - from[1]);
    let at = |distance: f32| {
        let share = (distance / length).min(1.0);
        [0, 1].map(|i| from[i] + (to[i] - from[i]) * share)
    };
    let mut distance = 0.0;
    while distance < length {
        picture.line(at(distance), at(distance + DASH[0]), width, colour);
        distance += DASH[0] + DASH[1];
    }
}

/// Corners of a mark that has some.
pub(super) fn corners(form: Form, [x, y]: [f32; 2], radius: f32) -> Option<Vec<[f32; 2]>> {
    let corners: &[[f32; 2]] = match form {
        Form::Disc => return None,
        Form::Square => &[[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
        Form::Triangle => &[[0.0, -1.2], [1.1, 0.8], [-1.1, 0.8]],
        Form::Diamond => &[[0.0, -1.3], [1.3, 0.0], [0.0, 1.3], [-1.3, 0.0]],
    };
    let place = |[dx, dy]: &[f32; 2]| [x + dx * radius, y + dy * radius];
    Some(corners.iter().map(place).collect())
}

fn of(ink: Ink) -> Colour {
    const SERIES: [Colour; super::SERIES] = [
        colour::LEFT,
        colour::RIGHT,
        colour::ACCENT,
        Colour([0x9A, 0x4F, 0xB0]),
    ];
    match ink {
        Ink::Paper => colour::PAPER,
        Ink::Text => colour::INK,
        Ink::Muted => colour::MUTED,
        Ink::Grid => colour::GRID,
        Ink::Series(i) => SERIES[i % SERIES.len()],
        Ink::Right(share) => colour::GRID.towards(SERIES[2], share),
        Ink::Wrong(share) => colour::GRID.towards(SERIES[1], share),
        Ink::Own(colour) => colour,
    }
}
