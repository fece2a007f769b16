//! Samples on a plane, coloured by class.

use super::{Anchor, Chart, Ink, LINE, Shape, width};
use crate::report::class::{self, Form, GROUP, NAMED};
use crate::report::text::short;

/// Side of the plane, pixels.
const SIDE: f32 = 680.0;
/// Longest class name, letters.
const NAME: usize = 40;
/// Most classes that are numbered on the plane and listed.
const MOST: usize = super::confusion::MOST;

/// A sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Where it lies, in any unit.
    pub at: [f32; 2],
    /// Its class.
    pub class: usize,
    /// The class guessed.
    pub guess: usize,
}

/// Draws the samples, each class in its colour, and beside them what the colours mean.
pub fn scatter(title: &str, classes: &[String], points: &[Point]) -> Chart {
    let legend = legend(classes);
    let widest = legend
        .iter()
        .map(|(_, _, text)| width(text))
        .fold(0.0, f32::max);
    let height = (60.0 + SIDE).max(60.0 + LINE * legend.len() as f32);
    let mut chart = Chart::new(SIDE + 76.0 + widest + 16.0, height + 12.0, title);
    let place = fit(points);
    chart.rectangle([12.0, 42.0, SIDE, SIDE], Ink::Grid, String::new());
    chart.rectangle(
        [13.0, 43.0, SIDE - 2.0, SIDE - 2.0],
        Ink::Paper,
        String::new(),
    );
    for point in points {
        let (colour, form) = class::look(point.class, classes.len());
        let hint = match point.class == point.guess {
            true => classes[point.class].clone(),
            false => format!(
                "{}, taken for {}",
                classes[point.class], classes[point.guess]
            ),
        };
        chart.shapes.push(Shape::Mark {
            at: place(point.at),
            radius: if points.len() > 600 { 3.2 } else { 4.5 },
            form,
            ink: Ink::Own(colour),
            hint,
        });
    }
    number(&mut chart, classes.len(), points, place);
    for (i, (class, number, text)) in legend.into_iter().enumerate() {
        let top = 44.0 + LINE * i as f32;
        let (colour, form) = class::look(class, classes.len());
        // Where a hue stands for several classes, so does the form for none.
        let many = number.is_empty();
        chart.shapes.push(Shape::Mark {
            at: [SIDE + 32.0, top + 8.0],
            radius: 5.0,
            form: if many { Form::Disc } else { form },
            ink: Ink::Own(colour),
            hint: String::new(),
        });
        let left = match many {
            true => SIDE + 46.0,
            false => {
                chart.text([SIDE + 68.0, top], Anchor::End, Ink::Muted, number);
                SIDE + 76.0
            }
        };
        chart.text([left, top], Anchor::Start, Ink::Text, text);
    }
    chart
}

/// From the points' unit to pixels, the same in both directions.
fn fit(points: &[Point]) -> impl Fn([f32; 2]) -> [f32; 2] + Copy {
    let bound = |axis: usize, start: f32, pick: fn(f32, f32) -> f32| {
        points.iter().map(|point| point.at[axis]).fold(start, pick)
    };
    let low = [0, 1].map(|axis| bound(axis, f32::INFINITY, f32::min));
    let high = [0, 1].map(|axis| bound(axis, f32::NEG_INFINITY, f32::max));
    let span = (high[0] - low[0]).max(high[1] - low[1]).max(1e-12);
    move |at| {
        let centred = |axis: usize| (at[axis] - (low[axis] + high[axis]) / 2.0) / span;
        let middle = [12.0 + SIDE / 2.0, 42.0 + SIDE / 2.0];
        [0, 1].map(|axis| middle[axis] + (SIDE - 32.0) * centred(axis))
    }
}

/// Writes each class's number where its samples lie, if it has some and no other number is there.
fn number(
    chart: &mut Chart,
    classes: usize,
    points: &[Point],
    place: impl Fn([f32; 2]) -> [f32; 2],
) {
    let mut written: Vec<[f32; 2]> = Vec::new();
    for class in 0..classes.min(MOST) {
        let own: Vec<[f32; 2]> = points
            .iter()
            .filter(|point| point.class == class)
            .map(|point| place(point.at))
            .collect();
        if own.is_empty() {
            continue;
        }
        let middle = [0, 1].map(|axis| median(own.iter().map(|at| at[axis]).collect()));
        let far = |at: &[f32; 2]| (at[0] - middle[0]).hypot(at[1] - middle[1]);
        let nearest = own.iter().min_by(|a, b| far(a).total_cmp(&far(b)));
        let Some(&[x, y]) = nearest else { continue };
        let text = (class + 1).to_string();
        let wide = width(&text);
        let clear = |at: &[f32; 2]| (at[0] - x).abs() > wide + 10.0 || (at[1] - y).abs() > LINE;
        if !written.iter().all(clear) {
            continue;
        }
        written.push([x, y]);
        // A group of many has few samples; its number stands above them.
        let y = if classes > NAMED { y - 13.0 } else { y };
        chart.label([x, y - 8.0], Anchor::Middle, Ink::Text, text);
    }
}

fn median(mut values: Vec<f32>) -> f32 {
    values.sort_by(f32::total_cmp);
    values[values.len() / 2]
}

/// Classes whose look is explained, with number and name; of many classes, one for each hue.
fn legend(classes: &[String]) -> Vec<(usize, String, String)> {
    let shown = classes.len().min(MOST);
    if shown <= NAMED {
        let names = classes.iter().enumerate();
        return names
            .map(|(i, name)| (i, (i + 1).to_string(), short(name, NAME)))
            .collect();
    }
    let groups = (0..shown).step_by(GROUP);
    groups
        .map(|first| {
            let last = (first + GROUP).min(classes.len());
            (first, String::new(), format!("{}-{last}", first + 1))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(classes: usize) -> Chart {
        let names: Vec<String> = (0..classes).map(|i| format!("class {i}")).collect();
        let points: Vec<Point> = (0..3 * classes)
            .map(|i| Point {
                at: [(i % classes) as f32, (i % classes * 7 % 11) as f32],
                class: i % classes,
                guess: 0,
            })
            .collect();
        scatter("t-SNE", &names, &points)
    }

    #[test]
    fn samples_stay_within_the_plane() {
        for classes in [1, 10, 40, 120] {
            let chart = chart(classes);
            assert!(chart.is_tidy(), "{classes}");
            let samples = chart.shapes.iter().filter_map(|shape| match shape {
                Shape::Mark { at, .. } if at[0] < 12.0 + SIDE => Some(at),
                _ => None,
            });
            let inside = samples.map(|[x, y]| *x > 12.0 && *y > 42.0 && *y < 42.0 + SIDE);
            assert_eq!(inside.filter(|inside| *inside).count(), 3 * classes);
        }
    }

    #[test]
    fn many_classes_are_explained_by_tens() {
        assert!(chart(10).texts().contains(&"class 2"));
        let chart = chart(120);
        assert!(chart.texts().contains(&"111-120") && !chart.texts().contains(&"class 119"));
    }
}
