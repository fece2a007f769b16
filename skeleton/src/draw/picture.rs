//! A picture to draw on.

use super::colour::{self, Colour};
use super::{DrawError, png};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use std::path::Path;
use tiny_skia::{
    FillRule, LineCap, Paint, PathBuilder, Pixmap, PixmapPaint, PremultipliedColorU8, Rect, Stroke,
    Transform,
};

/// Longest side of a picture, pixels.
pub const MAX_SIDE: u32 = 16_384;

/// Size and weight of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// 16 pixels.
    Small,
    /// 16 pixels, bold.
    SmallBold,
    /// 20 pixels.
    Large,
    /// 20 pixels, bold.
    LargeBold,
}

impl Size {
    fn font(self) -> (FontWeight, RasterHeight) {
        match self {
            Self::Small => (FontWeight::Regular, RasterHeight::Size16),
            Self::SmallBold => (FontWeight::Bold, RasterHeight::Size16),
            Self::Large => (FontWeight::Regular, RasterHeight::Size20),
            Self::LargeBold => (FontWeight::Bold, RasterHeight::Size20),
        }
    }

    /// Height of a line, pixels.
    pub fn height(self) -> f32 {
        self.font().1.val() as f32
    }

    /// Width of each letter, pixels: they are all alike.
    pub fn width(self) -> f32 {
        let (weight, height) = self.font();
        get_raster_width(weight, height) as f32
    }
}

/// An opaque picture; x runs to the right and y down, in pixels.
#[derive(Clone)]
pub struct Picture {
    pixels: Pixmap,
}

impl Picture {
    /// An empty sheet of [`PAPER`](colour::PAPER), each side between 1 and [`MAX_SIDE`] pixels.
    pub fn new(width: u32, height: u32) -> Self {
        let (width, height) = (width.clamp(1, MAX_SIDE), height.clamp(1, MAX_SIDE));
        let mut pixels = Pixmap::new(width, height).expect("sides are within bounds");
        let [r, g, b] = colour::PAPER.0;
        pixels.fill(tiny_skia::Color::from_rgba8(r, g, b, 255));
        Self { pixels }
    }

    /// Pixels from left to right.
    pub fn width(&self) -> u32 {
        self.pixels.width()
    }

    /// Pixels from top to bottom.
    pub fn height(&self) -> u32 {
        self.pixels.height()
    }

    /// Writes one line, its top left corner at (x, y), and gives the x where it ends. Letters
    /// that the font lacks become �; what lies outside the picture is cut off.
    pub fn text(&mut self, x: f32, y: f32, size: Size, colour: Colour, text: &str) -> f32 {
        let (weight, height) = size.font();
        let mut left = x.round();
        for letter in text.chars() {
            let glyph = get_raster(letter, weight, height)
                .or_else(|| get_raster('\u{fffd}', weight, height));
            if let Some(glyph) = glyph {
                for (row, line) in glyph.rows().enumerate() {
                    for (column, share) in line.iter().enumerate() {
                        let at = (left as i64 + column as i64, y.round() as i64 + row as i64);
                        self.blend(at, colour, f32::from(*share) / 255.0);
                    }
                }
            }
            left += size.width();
        }
        left
    }

    fn blend(&mut self, (x, y): (i64, i64), colour: Colour, share: f32) {
        let (width, height) = (i64::from(self.width()), i64::from(self.height()));
        if share == 0.0 || !(0..width).contains(&x) || !(0..height).contains(&y) {
            return;
        }
        let pixel = &mut self.pixels.pixels_mut()[(y * width + x) as usize];
        let below = Colour([pixel.red(), pixel.green(), pixel.blue()]);
        let [r, g, b] = below.towards(colour, share).0;
        if let Some(mixed) = PremultipliedColorU8::from_rgba(r, g, b, 255) {
            *pixel = mixed;
        }
    }

    /// A filled rectangle.
    pub fn rectangle(&mut self, x: f32, y: f32, width: f32, height: f32, colour: Colour) {
        if let Some(rect) = Rect::from_xywh(x, y, width, height) {
            let paint = paint(colour);
            self.pixels
                .fill_rect(rect, &paint, Transform::identity(), None);
        }
    }

    /// A bar that is filled by `share` (0 to 1) with `colour`; the rest of it is grey.
    pub fn bar(&mut self, x: f32, y: f32, width: f32, height: f32, share: f32, colour: Colour) {
        // NaN is no share.
        let share = if share > 0.0 { share.min(1.0) } else { 0.0 };
        self.rectangle(x, y, width, height, colour::SHADOW);
        self.rectangle(x, y, width * share, height, colour);
    }

    /// A line with round ends.
    pub fn line(&mut self, from: [f32; 2], to: [f32; 2], width: f32, colour: Colour) {
        self.stroke([from, to], width, LineCap::Round, colour);
    }

    /// A line that stops short at its ends.
    pub(super) fn cut_line(&mut self, ends: [[f32; 2]; 2], width: f32, colour: Colour) {
        self.stroke(ends, width, LineCap::Butt, colour);
    }

    fn stroke(&mut self, [from, to]: [[f32; 2]; 2], width: f32, cap: LineCap, colour: Colour) {
        let mut path = PathBuilder::new();
        path.move_to(from[0], from[1]);
        path.line_to(to[0], to[1]);
        let stroke = Stroke {
            width,
            line_cap: cap,
            ..Stroke::default()
        };
        if from == to {
            self.disc(from, width / 2.0, colour);
        } else if let Some(path) = path.finish() {
            let paint = paint(colour);
            self.pixels
                .stroke_path(&path, &paint, &stroke, Transform::identity(), None);
        }
    }

    /// A filled circle.
    pub fn disc(&mut self, centre: [f32; 2], radius: f32, colour: Colour) {
        self.ellipse(centre, [radius, radius], colour);
    }

    /// A filled ellipse with level axes.
    pub fn ellipse(&mut self, centre: [f32; 2], radii: [f32; 2], colour: Colour) {
        let [x, y] = centre;
        let [a, b] = radii;
        let rect = Rect::from_xywh(x - a, y - b, 2.0 * a, 2.0 * b);
        if let Some(path) = rect.and_then(PathBuilder::from_oval) {
            self.fill(&path, colour);
        }
    }

    /// A filled polygon.
    pub fn polygon(&mut self, corners: &[[f32; 2]], colour: Colour) {
        let mut path = PathBuilder::new();
        for (i, &[x, y]) in corners.iter().enumerate() {
            match i {
                0 => path.move_to(x, y),
                _ => path.line_to(x, y),
            }
        }
        path.close();
        if let Some(path) = path.finish() {
            self.fill(&path, colour);
        }
    }

    fn fill(&mut self, path: &tiny_skia::Path, colour: Colour) {
        let paint = paint(colour);
        self.pixels
            .fill_path(path, &paint, FillRule::Winding, Transform::identity(), None);
    }

    /// Puts another picture onto this one, its top left corner at (x, y).
    pub fn place(&mut self, x: i32, y: i32, other: &Picture) {
        let paint = PixmapPaint::default();
        self.pixels.draw_pixmap(
            x,
            y,
            other.pixels.as_ref(),
            &paint,
            Transform::identity(),
            None,
        );
    }

    /// Red, green and blue of each pixel, row by row.
    pub fn rgb(&self) -> Vec<u8> {
        let pixels = self.pixels.pixels().iter();
        pixels
            .flat_map(|p| [p.red(), p.green(), p.blue()])
            .collect()
    }

    /// Writes the picture as PNG.
    ///
    /// # Errors
    /// What goes wrong with the file, which then is as it was before.
    pub fn save_png(&self, path: &Path) -> Result<(), DrawError> {
        png::save(self, path)
    }
}

fn paint(colour: Colour) -> Paint<'static> {
    let [r, g, b] = colour.0;
    let mut paint = Paint {
        anti_alias: true,
        ..Paint::default()
    };
    paint.set_color_rgba8(r, g, b, 255);
    paint
}
