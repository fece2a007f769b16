//! Curves over epochs.

use super::axis::{Axis, round_out};
use super::{Anchor, Chart, Ink, LINE, SERIES, Shape, width};
use crate::report::class::Form;

const WIDTH: f32 = 920.0;
const HEIGHT: f32 = 420.0;
/// Free space left and right of the plotted area.
const SIDES: [f32; 2] = [64.0, 24.0];
/// Most points that a curve is drawn with; a pixel shows no more.
const MOST: usize = 2000;

/// A chart of curves over epochs.
#[derive(Debug, Clone, Default)]
pub struct Plot {
    /// What is shown.
    pub title: String,
    /// Bounds of y; taken from the values where there are none.
    pub bounds: Option<(f64, f64)>,
    /// At most four.
    pub curves: Vec<Curve>,
    /// Epochs at which something changes.
    pub marks: Vec<Mark>,
    /// Values to compare with.
    pub levels: Vec<Level>,
}

/// A curve.
#[derive(Debug, Clone)]
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// Epoch and value; what is not finite is left out.
    pub points: Vec<(f64, f64)>,
}

/// A vertical line.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// The epoch.
    pub at: f64,
    /// What changes there.
    pub text: String,
}

/// A dashed horizontal line.
#[derive(Debug, Clone)]
pub struct Level {
    /// The value.
    pub at: f64,
    /// What it is.
    pub text: String,
}

impl Plot {
    /// Draws the chart.
    pub fn chart(&self) -> Chart {
        let mut chart = Chart::new(WIDTH, HEIGHT, &self.title);
        let top = legend(&mut chart, &self.curves) + 12.0;
        let (x, y) = self.axes(top);
        grid(&mut chart, &x, &y);
        let mut lanes = Vec::new();
        for mark in &self.marks {
            mark.draw(&mut chart, &x, &y, &mut lanes);
        }
        for level in &self.levels {
            let height = y.pixel(level.at);
            chart.shapes.push(Shape::Line {
                points: vec![[x.from, height], [x.to, height]],
                width: 1.5,
                dashed: true,
                ink: Ink::Muted,
            });
            chart.label(
                [x.to - 4.0, height - LINE + 2.0],
                Anchor::End,
                Ink::Muted,
                level.text.as_str(),
            );
        }
        // The first curve is what the chart is about; it lies on top.
        for (i, curve) in self.curves.iter().enumerate().rev() {
            let stride = curve.points.len().div_ceil(MOST).max(1);
            let finite = curve
                .points
                .iter()
                .filter(|(x, y)| x.is_finite() && y.is_finite());
            let points: Vec<[f32; 2]> = finite
                .step_by(stride)
                .map(|(epoch, value)| [x.pixel(*epoch), y.pixel(*value)])
                .collect();
            if let [only] = points[..] {
                chart.shapes.push(key(only, i));
            }
            let width = if i == 0 { 2.5 } else { 1.8 };
            chart.line(points, width, Ink::Series(i));
        }
        chart
    }

    fn axes(&self, top: f32) -> (Axis, Axis) {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let levels = self.levels.iter().map(|level| level.at);
        let values = points().map(|(_, value)| *value).chain(levels);
        let (low, high) = bounds(values);
        // Room above for the marks' texts and the highest level's.
        let (low, high) = self.bounds.unwrap_or_else(|| {
            let (low, high) = round_out(low.min(0.0), high);
            (low, high + 0.15 * (high - low))
        });
        let (first, last) = bounds(points().map(|(epoch, _)| *epoch));
        let x = Axis {
            low: first.min(1.0),
            high: last.max(2.0),
            from: SIDES[0],
            to: WIDTH - SIDES[1],
        };
        let y = Axis {
            low,
            high,
            from: HEIGHT - 52.0,
            to: top,
        };
        (x, y)
    }
}

impl Mark {
    /// `lanes` has, for each line of texts, how far it is taken.
    fn draw(&self, chart: &mut Chart, x: &Axis, y: &Axis, lanes: &mut Vec<f32>) {
        let at = x.pixel(self.at);
        chart.line(vec![[at, y.to], [at, y.from]], 1.0, Ink::Muted);
        let wide = width(&self.text) + 10.0;
        let left = if at + wide > x.to { at - wide } else { at };
        let free = lanes.iter().position(|taken| *taken <= left);
        let lane = free.unwrap_or(lanes.len());
        if free.is_none() {
            lanes.push(0.0);
        }
        lanes[lane] = left + wide;
        let height = y.to + 2.0 + LINE * lane as f32;
        chart.text(
            [left + 5.0, height],
            Anchor::Start,
            Ink::Muted,
            self.text.as_str(),
        );
    }
}

fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let finite = values.filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

fn grid(chart: &mut Chart, x: &Axis, y: &Axis) {
    for (value, text) in y.ticks(6) {
        let height = y.pixel(value);
        chart.line(vec![[x.from, height], [x.to, height]], 1.0, Ink::Grid);
        chart.text([x.from - 8.0, height - 8.0], Anchor::End, Ink::Muted, text);
    }
    for (value, text) in x.ticks(8) {
        if value.fract() == 0.0 {
            let at = x.pixel(value);
            chart.line(vec![[at, y.from], [at, y.from + 5.0]], 1.0, Ink::Muted);
            chart.text(
                [at, y.from + 8.0],
                Anchor::Middle,
                Ink::Muted,
                format!("{value:.0}"),
            );
            let _ = text;
        }
    }
    chart.line(vec![[x.from, y.from], [x.to, y.from]], 1.0, Ink::Muted);
    chart.text([x.to, y.from + 28.0], Anchor::End, Ink::Muted, "epoch");
}

/// Names of the curves under the title; gives where it ends.
fn legend(chart: &mut Chart, curves: &[Curve]) -> f32 {
    let (mut left, mut top) = (14.0, 36.0);
    for (i, curve) in curves.iter().enumerate() {
        let wide = 24.0 + width(&curve.name) + 24.0;
        if left + wide > WIDTH {
            (left, top) = (14.0, top + LINE);
        }
        chart.shapes.push(key([left + 6.0, top + 8.0], i));
        chart.text(
            [left + 18.0, top],
            Anchor::Start,
            Ink::Text,
            curve.name.as_str(),
        );
        left += wide;
    }
    top + LINE
}

fn key(at: [f32; 2], series: usize) -> Shape {
    Shape::Mark {
        at,
        radius: 5.0,
        form: Form::Disc,
        ink: Ink::Series(series % SERIES),
        hint: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(epochs: usize) -> Plot {
        let curve = |name: &str, from: f64| Curve {
            name: name.into(),
            points: (1..=epochs)
                .map(|i| (i as f64, from / (i as f64).sqrt()))
                .collect(),
        };
        Plot {
            title: "Loss".into(),
            curves: vec![curve("loss", 20.0), curve("contrast", 10.0)],
            marks: [150.0, 152.0, 299.0]
                .map(|at| Mark {
                    at,
                    text: format!("lr at {at}"),
                })
                .to_vec(),
            levels: vec![Level {
                at: 20.8,
                text: "uniform guess".into(),
            }],
            ..Plot::default()
        }
    }

    #[test]
    fn texts_stay_on_the_sheet_and_apart() {
        let chart = plot(300).chart();
        assert!(chart.is_tidy(), "{:?}", chart.texts());
        assert!(chart.texts().contains(&"uniform guess"));
        let more = Plot {
            marks: Vec::new(),
            ..plot(3)
        };
        assert!(more.chart().is_tidy());
    }

    #[test]
    fn a_lower_value_lies_lower() {
        let chart = plot(300).chart();
        let curve = chart.shapes.iter().rev().find_map(|shape| match shape {
            Shape::Line { points, .. } => Some(points),
            _ => None,
        });
        let curve = curve.expect("a curve");
        assert_eq!(curve.len(), 300);
        assert!(
            curve
                .windows(2)
                .all(|p| p[0][0] < p[1][0] && p[0][1] < p[1][1])
        );
    }

    #[test]
    fn one_epoch_and_nothing_finite_can_be_drawn() {
        assert!(plot(1).chart().shapes.len() > 5);
        let mut broken = plot(5);
        for curve in &mut broken.curves {
            curve.points = vec![(1.0, f64::NAN), (2.0, f64::INFINITY)];
        }
        for shape in broken.chart().shapes {
            if let Shape::Line { points, .. } = shape {
                assert!(points.iter().flatten().all(|x| x.is_finite()));
            }
        }
    }
}
