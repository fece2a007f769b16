//! A bar for each class.

use super::{Anchor, Chart, Ink, LINE, width};
use crate::report::text::short;

/// Longest class name, letters.
const NAME: usize = 44;
/// Length of a full bar, pixels.
const BAR: f32 = 420.0;
/// Most classes that are drawn.
const MOST: usize = 400;

/// Percent of each class, numbered from 1 in the order given; nothing where there was no sample.
pub fn bars(title: &str, classes: &[(String, Option<f64>)]) -> Chart {
    let shown = &classes[..classes.len().min(MOST)];
    let names = shown.iter().map(|(name, _)| width(&short(name, NAME)));
    let left = 56.0 + names.fold(0.0, f32::max) + 12.0;
    let height = 44.0 + LINE * shown.len() as f32 + 14.0;
    let mut chart = Chart::new((left + BAR + 84.0).max(width(title) + 40.0), height, title);
    for (i, (name, percent)) in shown.iter().enumerate() {
        let top = 42.0 + LINE * i as f32;
        chart.text([46.0, top], Anchor::End, Ink::Muted, (i + 1).to_string());
        chart.text([56.0, top], Anchor::Start, Ink::Text, short(name, NAME));
        let Some(percent) = percent.filter(|percent| percent.is_finite()) else {
            chart.text([left, top], Anchor::Start, Ink::Muted, "no sample");
            continue;
        };
        let filled = BAR * (percent / 100.0).clamp(0.0, 1.0) as f32;
        let hint = format!("{name}: {percent:.1} %");
        chart.rectangle([left, top + 1.0, BAR, LINE - 6.0], Ink::Grid, hint.clone());
        chart.rectangle([left, top + 1.0, filled, LINE - 6.0], Ink::Series(2), hint);
        chart.text(
            [left + BAR + 8.0, top],
            Anchor::Start,
            Ink::Text,
            format!("{percent:.1}"),
        );
    }
    chart
}

#[cfg(test)]
mod tests {
    use super::super::Shape;
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_share() {
        let classes = [
            ("walk".to_string(), Some(50.0)),
            (
                "a name of a class that goes on and on and never ends".to_string(),
                Some(250.0),
            ),
            ("fall".to_string(), None),
        ];
        let chart = bars("Top-1 of each class", &classes);
        assert!(chart.is_tidy());
        let lengths: Vec<f32> = chart
            .shapes
            .iter()
            .filter_map(|shape| match shape {
                Shape::Rectangle {
                    area,
                    ink: Ink::Series(_),
                    ..
                } => Some(area[2]),
                _ => None,
            })
            .collect();
        assert_eq!(lengths, [BAR / 2.0, BAR]);
        assert!(chart.texts().contains(&"no sample"));
    }
}
