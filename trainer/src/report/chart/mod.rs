//! Charts as lists of shapes, which become a PNG or an SVG.

mod axis;
mod bars;
mod confusion;
mod curves;
mod png;
mod scatter;
mod svg;

pub use bars::bars;
pub use confusion::confusion;
pub use curves::{Curve, Level, Mark, Plot};
pub use png::picture;
pub use scatter::{Point, scatter};
pub use svg::svg;

use super::class::Form;
use aimclr_skeleton::draw::Colour;

/// Height of a line of text, pixels.
const LINE: f32 = 20.0;
/// Width of a letter, pixels.
const LETTER: f32 = 8.0;

/// A chart: shapes on a sheet, x to the right and y down, in pixels; later ones cover earlier ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Pixels from left to right.
    pub width: f32,
    /// Pixels from top to bottom.
    pub height: f32,
    /// The title, at the top.
    pub title: String,
    /// What is drawn.
    pub shapes: Vec<Shape>,
}

/// What a shape is drawn in. A page has each in a light and a dark form.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ink {
    /// Background.
    Paper,
    /// Text.
    Text,
    /// Text and lines of less weight.
    Muted,
    /// Lines of the grid, and empty cells.
    Grid,
    /// One of [`SERIES`] curves.
    Series(usize),
    /// So much of [`Ink::Series`] 2, the rest is [`Ink::Grid`]: right guesses.
    Right(f32),
    /// So much of [`Ink::Series`] 1, the rest is [`Ink::Grid`]: wrong guesses.
    Wrong(f32),
    /// A colour of its own.
    Own(Colour),
}

/// Curves of one chart that have their own colour.
pub const SERIES: usize = 4;

/// Where a text's x stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// On its left.
    Start,
    /// In its middle.
    Middle,
    /// On its right.
    End,
}

/// A shape. `hint` is shown where a page's reader points at it.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A line through points.
    Line {
        /// The points, x and y.
        points: Vec<[f32; 2]>,
        /// Pixels across.
        width: f32,
        /// With gaps?
        dashed: bool,
        /// Drawn in.
        ink: Ink,
    },
    /// A filled rectangle.
    Rectangle {
        /// Left, top, width and height.
        area: [f32; 4],
        /// Drawn in.
        ink: Ink,
        /// What it stands for.
        hint: String,
    },
    /// A sample or a legend's key.
    Mark {
        /// Its centre.
        at: [f32; 2],
        /// Half its width.
        radius: f32,
        /// Its form.
        form: Form,
        /// Drawn in.
        ink: Ink,
        /// What it stands for.
        hint: String,
    },
    /// One line of text, 16 pixels high.
    Text {
        /// x as `anchor` says, y of the top.
        at: [f32; 2],
        /// Where x stands.
        anchor: Anchor,
        /// Bold?
        bold: bool,
        /// Drawn in.
        ink: Ink,
        /// With paper around the letters, to stand on other shapes?
        halo: bool,
        /// The text.
        text: String,
    },
}

impl Chart {
    /// A sheet with a title at the top.
    fn new(width: f32, height: f32, title: &str) -> Self {
        let mut chart = Self {
            width,
            height,
            title: title.into(),
            shapes: Vec::new(),
        };
        chart.shapes.push(Shape::Text {
            at: [12.0, 10.0],
            anchor: Anchor::Start,
            bold: true,
            ink: Ink::Text,
            halo: false,
            text: title.into(),
        });
        chart
    }

    fn text(&mut self, at: [f32; 2], anchor: Anchor, ink: Ink, text: impl Into<String>) {
        self.shapes.push(Shape::Text {
            at,
            anchor,
            bold: false,
            ink,
            halo: false,
            text: text.into(),
        });
    }

    /// A text that stands on other shapes.
    fn label(&mut self, at: [f32; 2], anchor: Anchor, ink: Ink, text: impl Into<String>) {
        self.text(at, anchor, ink, text);
        if let Some(Shape::Text { halo, .. }) = self.shapes.last_mut() {
            *halo = true;
        }
    }

    fn line(&mut self, points: Vec<[f32; 2]>, width: f32, ink: Ink) {
        self.shapes.push(Shape::Line {
            points,
            width,
            dashed: false,
            ink,
        });
    }

    fn rectangle(&mut self, area: [f32; 4], ink: Ink, hint: String) {
        self.shapes.push(Shape::Rectangle { area, ink, hint });
    }
}

/// Pixels that a text takes at most, in a picture and in a page, whose letters are wider.
fn width(text: &str) -> f32 {
    text.chars().count() as f32 * LETTER
}

#[cfg(test)]
impl Chart {
    /// All texts, for tests.
    fn texts(&self) -> Vec<&str> {
        let texts = self.shapes.iter().filter_map(|shape| match shape {
            Shape::Text { text, .. } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// True where no shape leaves the sheet and no two texts cover one another.
    fn is_tidy(&self) -> bool {
        let mut boxes: Vec<[f32; 4]> = Vec::new();
        for shape in &self.shapes {
            if let Shape::Text {
                at, anchor, text, ..
            } = shape
            {
                let width = width(text);
                let left = at[0]
                    - match anchor {
                        Anchor::Start => 0.0,
                        Anchor::Middle => width / 2.0,
                        Anchor::End => width,
                    };
                boxes.push([left, at[1], left + width, at[1] + 14.0]);
            }
        }
        let inside =
            |b: &[f32; 4]| b[0] >= 0.0 && b[1] >= 0.0 && b[2] <= self.width && b[3] <= self.height;
        let apart = |a: &[f32; 4], b: &[f32; 4]| {
            a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1]
        };
        let pairs = |i: usize| boxes[i + 1..].iter().all(|b| apart(&boxes[i], b));
        boxes.iter().all(inside) && (0..boxes.len()).all(pairs)
    }
}
