//! The whole chain on the command line, as `cargo xtask demo` walks it, but smaller.

use crate::binaries::run;
use serde_json::Value;
use std::path::PathBuf;

fn json(text: &str) -> Value {
    serde_json::from_str(text.trim()).expect("one JSON object")
}

#[test]
fn from_motions_to_events() {
    let folder = tempfile::tempdir().expect("folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (data, encoder, linear) = (path("data"), path("encoder"), path("linear"));
    let (session, truth) = (path("session.ndjson"), path("session.truth.csv"));
    let (model, events, gif) = (path("model.onnx"), path("events.ndjson"), path("clip.gif"));

    run(
        "aimclr-data",
        &[
            "generate",
            "--out",
            &data,
            "--subjects",
            "8",
            "--takes",
            "1",
            "--session",
            &session,
        ],
    );
    let summary = json(&run("aimclr-data", &["summary", &data, "--json"]));
    assert!(summary.is_object(), "{summary}");
    run(
        "aimclr-data",
        &["render", &data, "--out", &path("sheet.png")],
    );

    // A few steps: enough to move the weights, not to be good.
    run(
        "aimclr-train",
        &[
            "pretrain",
            "--data",
            &data,
            "--split",
            "xsub",
            "--window",
            "2",
            "--hop",
            "4",
            "--epochs",
            "4",
            "--lr",
            "0.02",
            "--batch-size",
            "32",
            "--queue-size",
            "256",
            "--device",
            "cpu",
            "--threads",
            "1",
            "--out",
            &encoder,
        ],
    );
    let on_split = [
        "--data",
        &data,
        "--split",
        "xsub",
        "--json",
        "--threads",
        "1",
    ];
    let evaluate = |protocol: &[&str]| {
        json(&run(
            "aimclr-train",
            &[&["evaluate"], protocol, &on_split[..]].concat(),
        ))
    };
    let knn = evaluate(&["knn", "--weights", &encoder]);
    assert_eq!(knn["protocol"], "knn");
    let measured = evaluate(&["linear", "--weights", &encoder, "--out", &linear]);
    let top1 = measured["top1"].as_f64().expect("top1");
    // Chance is 6.25 %; features of a hardly trained encoder are worth several times that.
    assert!(top1 > 25.0, "linear top-1 {top1}");

    run(
        "aimclr-export",
        &["onnx", "--weights", &linear, "--out", &model],
    );
    run("aimclr-export", &["verify", &model, "--weights", &linear]);
    let card = json(&run("aimclr-export", &["inspect", &model, "--json"]));
    assert!(card.to_string().contains("xsub"), "{card}");

    // Both engines say the same of the same clip.
    let mut guesses = Vec::new();
    for backend in ["tract", "onnxruntime"] {
        let line = run(
            "aimclr-run",
            &[
                "classify",
                "--model",
                &model,
                "--json",
                "--backend",
                backend,
                &session,
            ],
        );
        let guess = json(line.lines().next().expect("a line"));
        for field in ["file", "action", "label", "confidence", "top"] {
            assert!(!guess[field].is_null(), "{field} in {guess}");
        }
        guesses.push(guess["action"].clone());
    }
    assert_eq!(guesses[0], guesses[1]);

    run(
        "aimclr-run",
        &[
            "stream", "--model", &model, "--input", &session, "--truth", &truth, "--out", &events,
        ],
    );
    let text = std::fs::read_to_string(&events).expect("events");
    let lines: Vec<Value> = text.lines().map(json).collect();
    let (summary, events) = lines.split_last().expect("a summary");
    assert_eq!(summary["event"], "summary");
    let count = |kind: &str| events.iter().filter(|e| e["event"] == kind).count();
    assert!(
        count("start") > 0 && count("start") == count("end"),
        "{text}"
    );
    let accuracy = summary
        .pointer("/truth/accuracy")
        .or(summary.pointer("/score/accuracy"));
    assert!(
        accuracy.and_then(Value::as_f64).expect("an accuracy") > 0.15,
        "{summary}"
    );

    frame_rates_make_no_difference(&data, &model, &path);

    run(
        "aimclr-run",
        &[
            "render", "--model", &model, &session, "--out", &gif, "--to", "4",
        ],
    );
    let bytes = std::fs::read(PathBuf::from(&gif)).expect("a GIF");
    assert!(bytes.starts_with(b"GIF89a") && bytes.len() > 10_000);
}

/// One unseen person's recordings, joined, at the rates of usual cameras and without any rhythm: the
/// share of time in which what is said is right must be about the same.
fn frame_rates_make_no_difference(data: &str, model: &str, path: &dyn Fn(&str) -> String) {
    let (stream, truth) = (path("rate.ndjson"), path("rate.csv"));
    let accuracy = |input: &str| {
        let arguments = [
            "stream", "--model", model, "--input", input, "--truth", &truth,
        ];
        let engine = ["--backend", "onnxruntime", "--threshold", "0"];
        let said = run("aimclr-run", &[&arguments[..], &engine].concat());
        let summary = json(said.lines().last().expect("a summary"));
        let accuracy = summary.pointer("/truth/accuracy").and_then(Value::as_f64);
        accuracy.expect("an accuracy")
    };
    let at = |fps: &str| {
        let chosen = ["stream", data, "--where", "subject=8", "--fps", fps];
        let out = ["--out", &stream, "--truth", &truth];
        run("aimclr-data", &[&chosen[..], &out].concat());
        accuracy(&stream)
    };
    let usual = at("30");
    assert!(usual > 0.15, "{usual}");
    for fps in ["10", "15", "25", "60"] {
        let found = at(fps);
        assert!(
            (found - usual).abs() < 0.04,
            "{fps}: {found}, {usual} at 30"
        );
    }
    // One to five sixtieths of a second from frame to frame.
    let text = std::fs::read_to_string(&stream).expect("the stream of 60");
    let (mut next, mut step) = (0, 0);
    let frames = text.lines().enumerate().filter(|(i, _)| {
        let taken = *i == next;
        if taken {
            step = (step * 7 + 3) % 11;
            next = i + 1 + step % 5;
        }
        taken
    });
    let irregular: Vec<&str> = frames.map(|(_, line)| line).collect();
    let file = path("irregular.ndjson");
    std::fs::write(&file, irregular.join("\n")).expect("written");
    let found = accuracy(&file);
    assert!(
        (found - usual).abs() < 0.04,
        "without rhythm: {found}, {usual} at 30"
    );
}
