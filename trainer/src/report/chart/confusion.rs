//! The confusion matrix.

use super::{Anchor, Chart, Ink, width};
use crate::report::text::short;

/// Most classes whose names and counts are written; beyond, their numbers have to do.
const NAMED: usize = 40;
/// Most classes that are drawn at all.
pub(super) const MOST: usize = 400;
/// Longest class name, letters.
const NAME: usize = 44;
/// Least shade of right and of wrong guesses, so that a single sample can be seen.
const FAINTEST: [f32; 2] = [0.15, 0.35];

/// Counts by true class (row) and guessed class (column), shaded by their share of the row. Classes
/// are numbered from 1. None without classes, or with more than can be shown.
pub fn confusion(title: &str, classes: &[String], counts: &[Vec<u64>]) -> Option<Chart> {
    let count = classes.len();
    if counts.len() != count || !(1..=MOST).contains(&count) {
        return None;
    }
    let named = count <= NAMED;
    let cell = match count {
        _ if count <= 12 => 44.0,
        _ if named => 30.0,
        _ if count <= 150 => 10.0,
        _ => 4.0,
    };
    let names = classes.iter().map(|name| width(&short(name, NAME)));
    let widest = if named {
        names.fold(0.0, f32::max)
    } else {
        0.0
    };
    let left = 56.0 + widest + 12.0;
    let top = 84.0;
    let side = cell * count as f32;
    let under = "row: truth, column: guess";
    let wide = (left + side + 30.0)
        .max(width(title) + 40.0)
        .max(width(under) + 40.0);
    let mut chart = Chart::new(wide, top + side + 24.0, title);
    chart.text([12.0, 34.0], Anchor::Start, Ink::Muted, under);
    let step = if named { 1 } else { 10 };
    for (i, name) in classes.iter().enumerate() {
        let middle = cell * (i as f32 + 0.5);
        let number = (i + 1).to_string();
        if i == 0 || (i + 1) % step == 0 {
            let row = top + middle - 8.0;
            chart.text(
                [left + middle, top - 22.0],
                Anchor::Middle,
                Ink::Muted,
                number.as_str(),
            );
            let at = if named { 46.0 } else { left - 6.0 };
            chart.text([at, row], Anchor::End, Ink::Muted, number);
            if named {
                chart.text([56.0, row], Anchor::Start, Ink::Text, short(name, NAME));
            }
        }
    }
    chart.rectangle([left, top, side, side], Ink::Grid, String::new());
    let gap = if cell > 8.0 { 1.0 } else { 0.0 };
    for (row, counts) in counts.iter().enumerate() {
        let all: u64 = counts.iter().sum();
        let filled = counts.iter().enumerate().filter(|(_, count)| **count > 0);
        for (column, &samples) in filled {
            let share = samples as f32 / all as f32;
            let faintest = FAINTEST[usize::from(row != column)];
            let shade = faintest + (1.0 - faintest) * share;
            let (ink, verb) = match row == column {
                true => (Ink::Right(shade), "recognised"),
                false => (Ink::Wrong(shade), "taken for"),
            };
            let hint = match row == column {
                true => format!("{} {verb}: {samples} of {all}", classes[row]),
                false => format!(
                    "{} {verb} {}: {samples} of {all}",
                    classes[row], classes[column]
                ),
            };
            let (x, y) = (left + cell * column as f32, top + cell * row as f32);
            let size = cell - gap;
            // What lies under a shade must be paper: in a page, shades are see-through.
            chart.rectangle([x, y, size, size], Ink::Paper, String::new());
            chart.rectangle([x, y, size, size], ink, hint);
            let text = samples.to_string();
            if named && width(&text) < size {
                let ink = if shade > 0.6 { Ink::Paper } else { Ink::Text };
                chart.text(
                    [x + size / 2.0, y + size / 2.0 - 8.0],
                    Anchor::Middle,
                    ink,
                    text,
                );
            }
        }
    }
    Some(chart)
}

#[cfg(test)]
mod tests {
    use super::super::Shape;
    use super::*;

    fn matrix(classes: usize) -> (Vec<String>, Vec<Vec<u64>>) {
        let names = (0..classes).map(|i| format!("class number {i}")).collect();
        let row = |i: usize| {
            let count = |j: usize| {
                if i == j {
                    90
                } else {
                    u64::from((i + 1) % classes == j) * 10
                }
            };
            (0..classes).map(count).collect()
        };
        (names, (0..classes).map(row).collect())
    }

    #[test]
    fn cells_are_shaded_by_their_share_of_the_row() {
        let (names, counts) = matrix(3);
        let chart = confusion("Confusion", &names, &counts).expect("a chart");
        assert!(chart.is_tidy());
        let shade = |wanted: fn(Ink) -> Option<f32>| -> Vec<f32> {
            let inks = chart.shapes.iter().filter_map(|shape| match shape {
                Shape::Rectangle { ink, .. } => wanted(*ink),
                _ => None,
            });
            inks.collect()
        };
        let right = shade(|ink| match ink {
            Ink::Right(share) => Some(share),
            _ => None,
        });
        assert!(
            right.iter().all(|share| (share - 0.915).abs() < 1e-6),
            "{right:?}"
        );
        let texts = chart.texts();
        assert_eq!(texts.iter().filter(|text| **text == "10").count(), 3);
    }

    #[test]
    fn many_classes_go_by_number() {
        let (names, counts) = matrix(120);
        let chart = confusion("Confusion", &names, &counts).expect("a chart");
        assert!(chart.is_tidy());
        assert!(chart.texts().contains(&"120") && !chart.texts().contains(&"class number 3"));
        assert!(chart.width < 1400.0);
        let (names, counts) = matrix(40);
        assert!(
            confusion("Confusion", &names, &counts)
                .expect("a chart")
                .is_tidy()
        );
    }

    #[test]
    fn no_matrix_makes_no_chart() {
        assert_eq!(confusion("Confusion", &["a".into()], &[]), None);
        assert_eq!(confusion("Confusion", &[], &[]), None);
    }
}
