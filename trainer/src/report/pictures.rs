//! Which charts a run or a result has.

use super::chart::{self, Chart, Curve, Level, Mark, Plot, Point};
use super::result::{Pass, ResultFolder};
use super::run::Run;
use super::{text, tsne};
use crate::TrainError;

/// More changes of the learning rate than this make a curve, not marks.
const MOST_DROPS: usize = 8;

/// A chart and its name, as in `NAME.png`.
pub type Named = (&'static str, Chart);

/// Loss and spread, for a run with at least one epoch.
pub fn of_run(run: &Run) -> Vec<Named> {
    if run.epochs.is_empty() {
        return Vec::new();
    }
    let curve = |name: &str, value: fn(&crate::metrics::Epoch) -> f64| Curve {
        name: name.into(),
        points: run
            .epochs
            .iter()
            .map(|e| (e.epoch as f64, value(e)))
            .collect(),
    };
    let plateau = run.plateau().map(|at| Level {
        at,
        text: format!("uniform guess, 2\u{b7}ln(1+queue) = {at:.2}"),
    });
    let loss = Plot {
        title: "Loss".into(),
        curves: vec![
            curve("loss", |e| e.loss),
            curve("contrast", |e| e.contrast),
            curve("D\u{b3}M extreme", |e| e.d3m_extreme),
            curve("D\u{b3}M dropped", |e| e.d3m_dropped),
        ],
        marks: marks(run),
        levels: plateau.into_iter().collect(),
        bounds: None,
    };
    let spread = Plot {
        title: "Spread of the projections: 1 fills the sphere, 0 is a collapse".into(),
        curves: vec![curve("spread", |e| e.spread)],
        marks: marks(run),
        bounds: Some((0.0, 1.1)),
        ..Plot::default()
    };
    vec![("loss", loss.chart()), ("spread", spread.chart())]
}

/// Where the learning rate dropped and mining began.
fn marks(run: &Run) -> Vec<Mark> {
    let pairs = run.epochs.windows(2);
    let mut marks: Vec<Mark> = pairs
        .filter(|pair| pair[0].lr != pair[1].lr)
        .map(|pair| Mark {
            at: pair[0].epoch as f64,
            text: format!("lr {}", text::short_number(pair[1].lr)),
        })
        .collect();
    if marks.len() > MOST_DROPS {
        marks.clear();
    }
    let last = run.epochs.last().map_or(0, |epoch| epoch.epoch) as f64;
    let mining = run
        .number("mining_epoch")
        .filter(|at| (0.0..last).contains(at));
    marks.extend(mining.map(|at| Mark {
        at: at.max(1.0),
        text: "mining begins".into(),
    }));
    marks.sort_by(|a, b| a.at.total_cmp(&b.at));
    marks
}

/// Accuracy and loss where something was trained, classes, confusion, t-SNE. `passed` is told of
/// each pass of t-SNE.
///
/// # Errors
/// The scores are damaged or don't fit.
pub fn of_result(
    result: &ResultFolder,
    passed: &(dyn Fn() + Sync),
) -> Result<Vec<Named>, TrainError> {
    let measured = &result.measured;
    let classes = measured.classes();
    let mut charts = curves(&result.epochs);
    if !classes.is_empty() {
        charts.push((
            "classes",
            chart::bars("Top-1 of each class, percent", &measured.per_class),
        ));
    }
    let matrix = chart::confusion("Confusion", &classes, &measured.confusion);
    charts.extend(matrix.map(|chart| ("confusion", chart)));
    if let Some(scores) = result.scores()?.filter(|s| s.labels.len() >= tsne::LEAST) {
        let taken = tsne::sampled(&scores.labels);
        let row = |i: &usize| &scores.embeddings[i * scores.size..][..scores.size];
        let embeddings: Vec<f32> = taken.iter().flat_map(row).copied().collect();
        let plane = tsne::plane(&embeddings, scores.size, measured.seed.unwrap_or(0), passed);
        let points: Vec<Point> = taken
            .iter()
            .zip(plane)
            .map(|(&i, at)| Point {
                at,
                class: scores.labels[i],
                guess: scores.guesses[i],
            })
            .collect();
        let title = match points.len() < scores.labels.len() {
            true => format!(
                "Embeddings, t-SNE of {} of {} samples",
                points.len(),
                scores.labels.len()
            ),
            false => format!("Embeddings, t-SNE of {} samples", points.len()),
        };
        charts.push(("tsne", chart::scatter(&title, &classes, &points)));
    }
    Ok(charts)
}

fn curves(epochs: &[Pass]) -> Vec<Named> {
    let curve = |name: &str, value: fn(&Pass) -> Option<f64>| {
        let points = epochs
            .iter()
            .filter_map(|e| Some((e.epoch as f64, value(e)?)));
        let points: Vec<(f64, f64)> = points.collect();
        (!points.is_empty()).then(|| Curve {
            name: name.into(),
            points,
        })
    };
    let accuracy = [
        curve("test part", |e| e.test_top1),
        curve("validation", |e| e.validation_top1),
        curve("training part", |e| e.train_top1),
    ];
    let accuracy = Plot {
        title: "Top-1 while training, percent".into(),
        curves: accuracy.into_iter().flatten().collect(),
        bounds: Some((0.0, 100.0)),
        ..Plot::default()
    };
    let loss = Plot {
        title: "Loss of the classifier".into(),
        curves: curve("loss", |e| e.loss).into_iter().collect(),
        ..Plot::default()
    };
    [("accuracy", accuracy), ("classifier-loss", loss)]
        .into_iter()
        .filter(|(_, plot)| !plot.curves.is_empty())
        .map(|(name, plot)| (name, plot.chart()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::result::tests::measured;
    use super::super::run::tests::run;
    use super::*;

    #[test]
    fn drops_and_mining_are_marked_once_they_came() {
        let texts = |epochs| -> Vec<String> {
            let marks = marks(&run(epochs)).into_iter();
            marks
                .map(|mark| format!("{} {}", mark.at, mark.text))
                .collect()
        };
        assert!(texts(3).is_empty());
        assert_eq!(texts(9), ["4 lr 0.01", "6 mining begins"]);
    }

    #[test]
    fn a_run_that_has_only_begun_has_no_charts() {
        assert!(of_run(&run(0)).is_empty());
        assert_eq!(of_run(&run(1)).len(), 2);
    }

    #[test]
    fn a_result_has_the_charts_that_its_files_allow() {
        let pass = |epoch| Pass {
            epoch,
            loss: Some(1.0),
            train_top1: None,
            validation_top1: Some(60.0),
            test_top1: None,
        };
        let result = ResultFolder {
            folder: "no/such".into(),
            measured: measured(),
            epochs: vec![pass(1), pass(2)],
        };
        let charts = of_result(&result, &|| ()).expect("charts");
        let names: Vec<&str> = charts.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            ["accuracy", "classifier-loss", "classes", "confusion"]
        );
    }
}
