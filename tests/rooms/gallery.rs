//! Actions enrolled from a few clips, on the command line.

use crate::bad_input::{Bench, clean_stream, good_model};
use crate::binaries::{refusal, run};
use crate::conformance;
use aimclr_model::plan::Pooled;
use aimclr_runtime::Event;
use aimclr_skeleton::Stream;
use std::path::Path;

/// The actions that a stream starts.
fn started(said: &str) -> Vec<String> {
    let event = |line: &str| serde_json::from_str::<Event>(line).ok();
    let events = said.lines().filter_map(event);
    let mut actions: Vec<String> = events.map(|event| event.action).collect();
    actions.dedup();
    actions
}

#[test]
fn an_action_is_taught_recognised_and_forgotten() {
    let bench = Bench::new();
    let model = bench.file("model.onnx", good_model());
    let data = bench.data("data");
    let gallery = bench.text("g.json");
    let clip = bench.file("clip.ndjson", clean_stream().join("\n"));
    let with = ["--model", &model, "--gallery", &gallery];
    let enroll = |action: &str, samples: &[&str]| {
        let of = ["--action", action, "--data", &data, "--sample"];
        run(
            "aimclr-run",
            &[&["enroll"], &with[..], &of, samples].concat(),
        )
    };
    // Samples 0, 2 and 4 are of the movement that the clip holds, by three people.
    enroll("nod", &["s0", "s2", "s4"]);
    enroll("bow", &["s1", "s3", "s5"]);
    let list = || run("aimclr-run", &["gallery", "list", &gallery]);
    assert!(list().contains("nod") && list().contains("bow"));
    let stream = || {
        let input = ["--input", &clip, "--hop", "0.2"];
        let said = run("aimclr-run", &[&["stream"], &with[..], &input].concat());
        started(&said)
    };
    assert!(stream().contains(&"nod".to_string()), "{:?}", stream());
    run("aimclr-run", &["gallery", "forget", &gallery, "nod"]);
    assert!(!list().contains("nod") && list().contains("bow"));
    assert!(!stream().contains(&"nod".to_string()), "{:?}", stream());
    let message = refusal("aimclr-run", &["gallery", "forget", &gallery, "nod"]);
    assert!(message.contains("nod"), "{message}");

    // What was enrolled with one encoder means nothing to another.
    let other = bench.text("other.onnx");
    let mut weights = conformance::weights(Stream::Joint, 1, Pooled::Last, true);
    weights.card.as_mut().expect("a card").window = 1.0;
    conformance::export(weights, Path::new(&other));
    let stream = [
        "stream",
        "--input",
        &clip,
        "--model",
        &other,
        "--gallery",
        &gallery,
    ];
    let message = refusal("aimclr-run", &stream);
    assert!(
        message.contains("g.json") && message.contains("other.onnx"),
        "{message}"
    );
}
