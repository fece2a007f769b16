//! Series, protocols, fusion and what is shown of them, on the command line.

use crate::binaries::{command, run};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

/// Synthetic motions, and a series of two seeds and two streams on them: a few steps each.
struct Series {
    folder: TempDir,
}

impl Series {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn get() -> &'static Series {
        static SERIES: OnceLock<Series> = OnceLock::new();
        SERIES.get_or_init(|| {
            let folder = tempfile::tempdir().expect("folder");
            let series = Series { folder };
            let data = series.path("data");
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
                ],
            );
            series.reproduce(&[]);
            series
        })
    }

    fn reproduce(&self, more: &[&str]) -> Vec<Value> {
        let (data, out, published) = (
            self.path("data"),
            self.path("series"),
            self.path("published.toml"),
        );
        std::fs::write(&published, "[published]\n\"linear.bone\" = 71.87").expect("written");
        let arguments = [
            "reproduce",
            "--config",
            &published,
            "--data",
            &data,
            "--split",
            "xsub",
            "--out",
            &out,
            "--json",
            "--streams",
            "joint,bone",
            "--seeds",
            "2",
            "--draws",
            "2",
            "--protocols",
            "knn,linear,linear@0.5",
            "--set",
            "pretrain.window=2",
            "--set",
            "pretrain.hop=4",
            "--set",
            "pretrain.epochs=1",
            "--set",
            "pretrain.batch_size=32",
            "--set",
            "pretrain.queue_size=100",
            "--set",
            "pretrain.lr=0.02",
            "--set",
            "linear.epochs=20",
            "--set",
            "linear.scaling=whiten",
            "--set",
            "linear.pooled=every",
            "--set",
            "linear.lr=0.1",
            "--device",
            "cpu",
            "--threads",
            "1",
        ];
        let table = run("aimclr-train", &[&arguments[..], more].concat());
        serde_json::from_str(&table).expect("a table")
    }

    fn evaluate(&self, protocol: &str, more: &[&str]) -> Value {
        let (data, weights) = (self.path("data"), self.path("series/seed0/joint"));
        let arguments = [
            "evaluate",
            protocol,
            "--data",
            &data,
            "--split",
            "xsub",
            "--weights",
            &weights,
            "--json",
            "--device",
            "cpu",
            "--threads",
            "1",
        ];
        let result = run("aimclr-train", &[&arguments[..], more].concat());
        serde_json::from_str(&result).expect("a result")
    }

    fn refused(&self, arguments: &[&str], parts: &[&str]) {
        let output = command("aimclr-train")
            .args(arguments)
            .output()
            .expect("runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        for part in parts {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}

fn modified(path: &Path) -> std::time::SystemTime {
    let metadata = std::fs::metadata(path).expect("there");
    metadata.modified().expect("a time")
}

#[test]
fn a_series_gives_every_number_and_does_nothing_twice() {
    let series = Series::get();
    let weights = PathBuf::from(series.path("series/seed1/bone/weights.safetensors"));
    let before = modified(&weights);
    let table = series.reproduce(&[]);
    assert_eq!(modified(&weights), before, "trained again");
    let row = |protocol: &str, stream: &str| {
        let found = table
            .iter()
            .find(|r| r["protocol"] == protocol && r["stream"] == stream);
        found
            .unwrap_or_else(|| panic!("{protocol} of {stream} in {table:?}"))
            .clone()
    };
    for stream in ["joint", "bone", "fused"] {
        for protocol in ["knn", "linear", "linear@0.5"] {
            let runs = row(protocol, stream)["top1"]["runs"]
                .as_array()
                .expect("runs")
                .len();
            assert_eq!(runs, 2, "{protocol} of {stream}");
        }
    }
    assert_eq!(row("linear", "bone")["published"], 71.87);
    let top1 = row("linear", "fused")["top1"]["mean"]
        .as_f64()
        .expect("a mean");
    // Chance is 6.25 %.
    assert!(top1 > 25.0, "{top1}");
    // Another setting is another series.
    let (data, out) = (series.path("data"), series.path("series"));
    series.refused(
        &[
            "reproduce",
            "--data",
            &data,
            "--split",
            "xsub",
            "--out",
            &out,
            "--set",
            "knn.temperature=0.2",
        ],
        &["other settings", "knn.temperature is 0.2, was 0.1"],
    );
}

#[test]
fn training_the_encoder_on_labels_beats_the_frozen_one() {
    let series = Series::get();
    let out = series.path("semi");
    let semi = [
        "--share",
        "0.5",
        "--epochs",
        "12",
        "--lr-steps",
        "10",
        "--batch-size",
        "16",
        "--lr",
        "0.02",
        "--out",
        &out,
        "--seed",
        "3",
    ];
    let semi = series.evaluate("semi", &semi);
    let labelled = std::fs::read_to_string(series.path("semi/labelled.txt")).expect("names");
    let held_out = labelled.lines().count() as u64 - semi["training"].as_u64().expect("a count");
    assert!(
        held_out > 0
            && semi["selected_on"]
                .as_str()
                .expect("text")
                .contains("held out")
    );
    let chance = 6.25;
    assert!(
        semi["top1"].as_f64().expect("top1") > 3.0 * chance,
        "{semi}"
    );
    // What comes out is a model like any other.
    let onnx = series.path("semi.onnx");
    run(
        "aimclr-export",
        &["onnx", "--weights", &out, "--out", &onnx],
    );

    let tuned = series.evaluate(
        "finetune",
        &[
            "--epochs",
            "3",
            "--lr",
            "0.02",
            "--batch-size",
            "16",
            "--select",
            "test",
            "--out",
            &series.path("tuned"),
        ],
    );
    assert!(
        tuned["selected_on"]
            .as_str()
            .expect("text")
            .contains("test part"),
        "{tuned}"
    );
    let files = std::fs::read_dir(series.path("tuned")).expect("a folder");
    let mut names = files.map(|file| file.expect("a file").file_name());
    let events = |name: std::ffi::OsString| name.to_string_lossy().contains("tfevents");
    assert!(names.any(events), "nothing for TensorBoard");
    let history = std::fs::read_to_string(series.path("tuned/metrics.jsonl")).expect("epochs");
    let loss = |line: &str| -> f64 {
        let epoch: Value = serde_json::from_str(line).expect("an epoch");
        epoch["loss"].as_f64().expect("a loss")
    };
    let losses: Vec<f64> = history.lines().map(loss).collect();
    assert!(losses.len() == 3 && losses[2] < losses[0], "{losses:?}");
}

#[test]
fn seeds_give_mean_and_deviation() {
    let linear = [
        "--share",
        "0.3",
        "--seeds",
        "3",
        "--epochs",
        "10",
        "--scaling",
        "standardise",
        "--lr",
        "0.1",
    ];
    let linear = Series::get().evaluate("linear", &linear);
    let top1 = &linear["seeds"]["top1"];
    let runs: Vec<f64> = serde_json::from_value(top1["runs"].clone()).expect("runs");
    let mean = runs.iter().sum::<f64>() / 3.0;
    assert_eq!(runs.len(), 3);
    assert!((top1["mean"].as_f64().expect("a mean") - mean).abs() < 1e-9);
    assert!(
        runs.iter().any(|run| *run != runs[0]),
        "three draws, one result: {runs:?}"
    );
}

#[test]
fn results_are_fused_by_stream_by_given_and_by_fitted_weights() {
    let series = Series::get();
    let (joint, bone) = (
        series.path("series/seed0/joint/linear"),
        series.path("series/seed0/bone/linear"),
    );
    let fuse = |more: &[&str]| -> Value {
        let arguments = ["fuse", "--json", &joint, &bone];
        serde_json::from_str(&run("aimclr-train", &[&arguments[..], more].concat())).expect("JSON")
    };
    let by_stream = fuse(&[]);
    assert_eq!(
        by_stream["further"][0],
        serde_json::json!(["weight of joint", 0.6])
    );
    assert_eq!(by_stream, fuse(&["--weights", "0.6,0.6"]));
    let alone = fuse(&["--weights", "1,0"]);
    let result = std::fs::read_to_string(Path::new(&joint).join("result.json")).expect("a result");
    let result: Value = serde_json::from_str(&result).expect("JSON");
    assert_eq!(alone["confusion"], result["confusion"]);
    assert!(
        fuse(&["--fit"])["further"][0][1]
            .as_f64()
            .is_some_and(|w| (0.0..=1.0).contains(&w))
    );

    let knn = series.path("series/seed0/bone/knn");
    series.refused(&["fuse", &joint, &knn], &["protocol knn", "linear"]);
    series.refused(
        &["fuse", &joint, &bone, "--weights", "1"],
        &["--weights", "2 results"],
    );
    let other = series.path("series/seed0/joint/linear@0.5");
    let scores = std::fs::read(Path::new(&other).join("scores.safetensors")).expect("scores");
    let cut = series.path("cut");
    std::fs::create_dir_all(&cut).expect("folder");
    std::fs::copy(
        Path::new(&joint).join("result.json"),
        Path::new(&cut).join("result.json"),
    )
    .expect("copied");
    std::fs::write(
        Path::new(&cut).join("scores.safetensors"),
        &scores[..scores.len() / 2],
    )
    .expect("written");
    series.refused(
        &["fuse", &joint, &cut],
        &["scores.safetensors", "not a whole"],
    );
}

#[test]
fn a_series_is_shown_as_a_page_and_in_the_terminal() {
    let series = Series::get();
    let (folder, page, pictures) = (
        series.path("series"),
        series.path("page.html"),
        series.path("pictures"),
    );
    run(
        "aimclr-train",
        &["report", &folder, "--out", &page, "--pictures", &pictures],
    );
    let html = std::fs::read_to_string(&page).expect("a page");
    assert!(html.contains("<svg") && !html.contains("<script") && !html.contains("http://"));
    let drawn = std::fs::read_dir(&pictures).expect("pictures").count();
    assert!(drawn > 8, "{drawn} pictures");
    let seen = run(
        "aimclr-train",
        &["inspect", &series.path("series/seed0/joint")],
    );
    assert!(seen.contains("joint"), "{seen}");
}

#[test]
fn a_class_without_training_samples_is_named() {
    let series = Series::get();
    let copy = series.path("unseen");
    std::fs::create_dir_all(&copy).expect("folder");
    for name in ["samples.csv", "joints.npy", "dataset.toml"] {
        std::fs::copy(
            Path::new(&series.path("data")).join(name),
            Path::new(&copy).join(name),
        )
        .expect("copied");
    }
    // A column of its own, as a split can't be by label.
    let samples = Path::new(&copy).join("samples.csv");
    let text = std::fs::read_to_string(&samples).expect("text");
    let lines = text.lines().enumerate().map(|(i, line)| match i {
        0 => format!("{line},odd\n"),
        _ => format!("{line},{}\n", line.split(',').nth(2).expect("a label")),
    });
    std::fs::write(&samples, lines.collect::<String>()).expect("written");
    let meta = Path::new(&copy).join("dataset.toml");
    let text = std::fs::read_to_string(&meta).expect("text");
    std::fs::write(
        &meta,
        text + "\n[splits.odd]\ncolumn = \"odd\"\ntest = [3]\n",
    )
    .expect("written");
    let weights = series.path("series/seed0/joint");
    for protocol in ["knn", "linear"] {
        series.refused(
            &[
                "evaluate",
                protocol,
                "--data",
                &copy,
                "--split",
                "odd",
                "--weights",
                &weights,
                "--whole",
            ],
            &["split \"odd\"", "no training sample", "(3)"],
        );
    }
}

#[test]
fn settings_that_are_none_are_refused_by_name() {
    let series = Series::get();
    let (data, weights) = (series.path("data"), series.path("series/seed0/joint"));
    let config = series.path("mine.toml");
    std::fs::write(&config, "[linear]\nlearning_rate = 3").expect("written");
    let evaluate = [
        "evaluate",
        "linear",
        "--data",
        &data,
        "--split",
        "xsub",
        "--weights",
        &weights,
    ];
    let with = |more: &[&'static str], parts: &[&str]| {
        let arguments: Vec<&str> = evaluate.iter().chain(more).copied().collect();
        series.refused(&arguments, parts);
    };
    with(
        &["--set", "linear.epoch=3"],
        &["linear.epoch", "did you mean \"linear.epochs\""],
    );
    with(&["--share", "0"], &["--share", "0.1 for ten percent"]);
    with(&["--lr", "1e38"], &["epoch 1", "lower --lr"]);
    series.refused(
        &[&evaluate[..], &["--config", &config]].concat(),
        &["mine.toml", "linear.learning_rate"],
    );
    let unsplit = ["evaluate", "knn", "--data", &data, "--weights", &weights];
    series.refused(&unsplit, &["--split"]);
}
