//! A chart as SVG, to stand in a page whose style gives the inks their colours.

use super::{Anchor, Chart, Ink, Shape, png};
use crate::report::text;
use aimclr_skeleton::draw::Colour;
use std::fmt::Write;

/// From the top of a line of text to the foot of its letters, pixels.
const BASELINE: f32 = 13.0;

/// An `<svg>` element; all texts are escaped.
pub fn svg(chart: &Chart) -> String {
    let (width, height) = (chart.width.ceil(), chart.height.ceil());
    let mut out = format!(
        "<svg viewBox=\"0 0 {width} {height}\" style=\"max-width:{width}px\" role=\"img\" \
         aria-label=\"{}\">\n",
        text::html(&chart.title)
    );
    for shape in &chart.shapes {
        // Writing to a string never fails.
        let _ = draw(&mut out, shape);
    }
    out += "</svg>\n";
    out
}

fn draw(out: &mut String, shape: &Shape) -> std::fmt::Result {
    match shape {
        Shape::Line {
            points,
            width,
            dashed,
            ink,
        } => {
            let dashes = if *dashed {
                " stroke-dasharray=\"7 5\""
            } else {
                ""
            };
            let (colour, points) = (paint("stroke", *ink), places(points));
            writeln!(
                out,
                "<polyline class=\"line\" points=\"{points}\" stroke-width=\"{width}\"{dashes}{colour}/>"
            )
        }
        Shape::Rectangle {
            area: [x, y, width, height],
            ink,
            hint,
        } => {
            let colour = paint("fill", *ink);
            let area =
                format!("x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"");
            closed(out, "rect", &format!("{area}{colour}"), hint)
        }
        Shape::Mark {
            at: [x, y],
            radius,
            form,
            ink,
            hint,
        } => {
            let colour = paint("fill", *ink);
            match png::corners(*form, [*x, *y], *radius) {
                None => {
                    let disc = format!("cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"{colour}");
                    closed(out, "circle", &disc, hint)
                }
                Some(corners) => {
                    let points = format!("points=\"{}\"{colour}", places(&corners));
                    closed(out, "polygon", &points, hint)
                }
            }
        }
        Shape::Text {
            at: [x, y],
            anchor,
            bold,
            ink,
            halo,
            text,
        } => {
            let anchor = match anchor {
                Anchor::Start => "",
                Anchor::Middle => " text-anchor=\"middle\"",
                Anchor::End => " text-anchor=\"end\"",
            };
            let weight = if *bold { " font-weight=\"bold\"" } else { "" };
            let halo = if *halo { " class=\"halo\"" } else { "" };
            writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{:.1}\"{anchor}{weight}{halo}{}>{}</text>",
                y + BASELINE,
                paint("fill", *ink),
                text::html(text)
            )
        }
    }
}

fn closed(out: &mut String, tag: &str, attributes: &str, hint: &str) -> std::fmt::Result {
    match hint.is_empty() {
        true => writeln!(out, "<{tag} {attributes}/>"),
        false => writeln!(
            out,
            "<{tag} {attributes}><title>{}</title></{tag}>",
            text::html(hint)
        ),
    }
}

fn places(points: &[[f32; 2]]) -> String {
    let places: Vec<String> = points
        .iter()
        .map(|[x, y]| format!("{x:.1},{y:.1}"))
        .collect();
    places.join(" ")
}

fn paint(what: &str, ink: Ink) -> String {
    match ink {
        Ink::Paper => format!(" {what}=\"var(--paper)\""),
        Ink::Text => format!(" {what}=\"var(--ink)\""),
        Ink::Muted => format!(" {what}=\"var(--muted)\""),
        Ink::Grid => format!(" {what}=\"var(--grid)\""),
        Ink::Series(i) => format!(" {what}=\"var(--series{})\"", i % super::SERIES),
        Ink::Right(share) => format!(" {what}=\"var(--series2)\" {what}-opacity=\"{share:.2}\""),
        Ink::Wrong(share) => format!(" {what}=\"var(--series1)\" {what}-opacity=\"{share:.2}\""),
        Ink::Own(Colour([r, g, b])) => format!(" {what}=\"#{r:02x}{g:02x}{b:02x}\""),
    }
}
