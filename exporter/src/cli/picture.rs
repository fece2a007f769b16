//! A picture of a model for a terminal: the way from joints to classes, and what each block is of it.

use crate::inspect::{BlockSummary, Summary};
use aimclr_model::Card;
use aimclr_model::card::Form;
use aimclr_model::continual::{STEP, pooled};
use aimclr_skeleton::normalise::Preprocessing;

/// Most characters in a line.
pub(super) const WIDTH: usize = 100;

/// Characters of the widest block's bar, and of all the work.
const WIDEST: usize = 16;
const WHOLE: usize = 14;

/// The picture, no line longer than [`WIDTH`], without an end of line.
pub(super) fn picture(summary: &Summary) -> String {
    let card = &summary.card;
    let Card {
        frames,
        layout,
        bodies,
        embedding,
        calibration,
        ..
    } = card;
    let joints = layout.len();
    let (input, mean) = match (card.form, bodies) {
        (Form::Windowed, 1) => (
            format!("(N, M, {frames}, {joints}, 3)"),
            "of one body".into(),
        ),
        (Form::Windowed, bodies) => (
            format!("(N, M, {frames}, {joints}, 3)"),
            format!("mean over {bodies} bodies, absent ones included"),
        ),
        (Form::Continual, _) => (
            format!("(N, {STEP}, {joints}, 3), and what is remembered"),
            format!("mean over the last {} steps", pooled(*frames)),
        ),
    };
    let mut lines = vec![
        stage("input", &input),
        "  │".into(),
        stage("normalise", &normalising(card.preprocessing)),
    ];
    lines.extend(encoders(summary));
    let streams = match card.streams.len() {
        1 => "",
        _ => "streams side by side, ",
    };
    lines.push("  ▼".into());
    lines.push(stage(
        "embedding",
        &format!("{embedding} values: {streams}{mean}"),
    ));
    if !card.classes.is_empty() {
        let classes = card.classes.len();
        let temperature = calibration.temperature;
        let text = format!("{embedding} → {classes}, softmax at temperature {temperature}");
        lines.extend(["  │".into(), stage("classifier", &text)]);
    }
    lines.join("\n")
}

fn stage(name: &str, text: &str) -> String {
    format!("{name:<14}{text}")
}

fn normalising(preprocessing: Preprocessing) -> String {
    let what = match preprocessing {
        Preprocessing::Released => "each frame centred and turned",
        Preprocessing::Clip => "the window moved, turned and scaled as a whole",
        Preprocessing::Torso => "the window moved and scaled as a whole",
    };
    format!("{preprocessing}: {what}")
}

fn encoders(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    let widest = summary.blocks.iter().map(|b| b.output).max().unwrap_or(1);
    for stream in &summary.card.streams {
        lines.push("  │".into());
        let name = format!("  ├─▶ {stream}");
        let of = |block: &&BlockSummary| block.stream == *stream;
        let blocks: Vec<&BlockSummary> = summary.blocks.iter().filter(of).collect();
        if blocks.is_empty() {
            lines.push(stage(&name, "blocks of other names than aimclr-export's"));
            continue;
        }
        lines.push(format!(
            "{name:<14}block  {:<26} frames  parameters    MFLOP  share of the work",
            "channels"
        ));
        for (i, block) in blocks.iter().enumerate() {
            let BlockSummary {
                input,
                output,
                frames,
                parameters,
                macs,
                ..
            } = block;
            let width = bar(*output as f64 / widest as f64, WIDEST);
            let share = *macs as f64 / summary.macs.max(1) as f64;
            let work = bar(share, WHOLE);
            lines.push(format!(
                "  │   {i:>13}  {input:>3} → {output:<3} {width:<WIDEST$}  {frames:>6}{parameters:>12}{:>9.2}  {work:<WHOLE$}{:>6.1} %",
                2.0 * *macs as f64 / 1e6,
                100.0 * share
            ));
        }
        let mflop: u64 = blocks.iter().map(|block| 2 * block.macs).sum();
        let parameters: usize = blocks.iter().map(|block| block.parameters).sum();
        lines.push(format!(
            "  │   {:<45}{parameters:>12}{:>9.2}",
            "pool: mean over frames and joints",
            mflop as f64 / 1e6
        ));
    }
    lines
}

/// A bar of at most `whole` characters, to an eighth of one; never nothing.
fn bar(share: f64, whole: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = ((share * 8.0 * whole as f64).round() as usize).clamp(1, 8 * whole);
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use crate::graph::{self, Form as Written};
    use crate::source::{Choices, Source};
    use aimclr_model::onnx::ModelFile;
    use aimclr_model::plan::{Head, Plan};
    use aimclr_skeleton::Stream;

    fn file(source: &Source) -> ModelFile {
        let graph = graph::model(source, &Written::single());
        ModelFile::of(source.path(), graph, &source.card)
    }

    #[test]
    fn the_way_from_joints_to_classes_is_drawn() {
        let source = fixtures::source(Plan::paper(25), Stream::Joint, Head::classifier(60), 0);
        let summary = Summary::of_graph(&file(&source));
        let picture = picture(&summary);
        let lines: Vec<&str> = picture.lines().collect();
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        let starts = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
        for stage in [
            "input",
            "normalise",
            "  ├─▶ joint",
            "embedding",
            "classifier",
        ] {
            assert_eq!(starts(stage), 1, "{stage}: {picture}");
        }
        // The last block is the widest and by far the most work.
        let row = |i: usize| {
            let mut rows = lines.iter().filter_map(|line| line.strip_prefix("  │   "));
            rows.find(|row| row.trim_start().starts_with(&format!("{i}  ")))
        };
        let full = |i: usize| row(i).map(|line| line.matches('█').count());
        assert_eq!(full(0), Some(1), "{picture}");
        assert!(full(9) > Some(WIDEST + 5), "{picture}");
        assert!(picture.contains("45.1 %"), "{picture}");
    }

    #[test]
    fn each_stream_has_its_encoder_and_all_its_work() {
        let of = |stream| fixtures::weights(fixtures::narrow(), stream, Head::classifier(3), 0);
        let one = Source::of(vec![of(Stream::Bone)], Choices::default()).expect("consistent");
        let weights = Stream::ALL.map(of).into();
        let three = Source::of(weights, Choices::default()).expect("consistent");
        let (one, three) = (
            Summary::of_graph(&file(&one)),
            Summary::of_graph(&file(&three)),
        );
        assert_eq!(three.blocks.len(), 30);
        assert_eq!(three.macs, 3 * one.macs);
        let picture = picture(&three);
        for stream in Stream::ALL {
            assert!(picture.contains(&format!("├─▶ {stream}")), "{picture}");
        }
        assert!(picture.contains("72 → 3"), "{picture}");
    }

    #[test]
    fn constants_of_every_precision_are_counted() {
        let source = fixtures::source(fixtures::narrow(), Stream::Joint, Head::None, 0);
        let single = Summary::of_graph(&file(&source));
        let half = graph::model(&source, &Written::half());
        let half = Summary::of_graph(&ModelFile::of(source.path(), half, &source.card));
        assert_eq!(half.parameters, single.parameters);
        assert_eq!(half.blocks.len(), 10);
        let counted =
            |summary: &Summary| summary.blocks.iter().map(|b| b.parameters).sum::<usize>();
        assert_eq!(counted(&half), counted(&single));
    }

    #[test]
    fn a_bar_has_as_many_eighths_as_its_share() {
        assert_eq!(bar(1.0, 4), "████");
        assert_eq!(bar(0.5 + 1.0 / 32.0, 4), "██▏");
        assert_eq!(bar(0.0, 4), "▏");
    }
}
