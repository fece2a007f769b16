//! A run that is killed goes on bit for bit.

use crate::binaries::{command, run};
use std::path::Path;
use std::time::{Duration, Instant};

/// Four epochs of five steps; the last two mine and have a lower learning rate.
fn arguments<'a>(data: &'a str, out: &'a str) -> Vec<&'a str> {
    vec![
        "pretrain",
        "--data",
        data,
        "--split",
        "xsub",
        "--epochs",
        "4",
        "--batch-size",
        "12",
        "--queue-size",
        "30",
        "--mining-epoch",
        "2",
        "--lr-steps",
        "2",
        "--device",
        "cpu",
        "--threads",
        "1",
        "--checkpoint-steps",
        "11",
        "--seed",
        "5",
        "--out",
        out,
    ]
}

fn bytes(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).expect("written")
}

#[test]
fn twenty_steps_are_eleven_a_kill_and_nine() {
    let folder = tempfile::tempdir().expect("folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (data, straight, killed) = (path("data"), path("straight"), path("killed"));
    // 3 people for training, each with 14 recordings and 8 clips: 66 samples.
    run(
        "aimclr-data",
        &[
            "generate",
            "--out",
            &data,
            "--subjects",
            "4",
            "--takes",
            "1",
            "--seconds",
            "2",
        ],
    );
    run("aimclr-train", &arguments(&data, &straight));

    let mut first = command("aimclr-train")
        .args(arguments(&data, &killed))
        .spawn()
        .expect("runs");
    let checkpoint = folder.path().join("killed/checkpoint.safetensors");
    let began = Instant::now();
    while !checkpoint.exists() {
        assert!(
            began.elapsed() < Duration::from_secs(300),
            "no checkpoint after five minutes"
        );
        assert!(
            first.try_wait().expect("a child").is_none(),
            "ended before its checkpoint"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    first.kill().expect("killed");
    first.wait().expect("gone");

    let metrics = folder.path().join("killed/metrics.jsonl");
    let epochs = std::fs::read_to_string(metrics)
        .expect("metrics")
        .lines()
        .count();
    assert_eq!(epochs, 2, "killed half-way");

    let mut rest = arguments(&data, &killed);
    rest.push("--resume");
    run("aimclr-train", &rest);
    let (straight, killed) = (folder.path().join("straight"), folder.path().join("killed"));
    let weights = |folder: &Path| bytes(folder, "weights.safetensors");
    assert!(weights(&straight) == weights(&killed), "the weights differ");
    let losses = |folder: &Path| -> Vec<f64> {
        let text = String::from_utf8(bytes(folder, "metrics.jsonl")).expect("UTF-8");
        let line = |line: &str| -> serde_json::Value { serde_json::from_str(line).expect("JSON") };
        text.lines()
            .map(|l| line(l)["loss"].as_f64().expect("a loss"))
            .collect()
    };
    assert_eq!(losses(&straight).len(), 4);
    assert_eq!(losses(&straight), losses(&killed));

    let mut changed = arguments(&data, &straight.display().to_string())
        .into_iter()
        .map(String::from)
        .collect::<Vec<_>>();
    changed.extend(["--resume", "--lr", "0.5"].map(String::from));
    let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
    let message = crate::binaries::refusal("aimclr-train", &changed);
    assert!(message.contains("lr is 0.5, was 0.1"), "{message}");
}
