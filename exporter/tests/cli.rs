//! The program as a user runs it: what it prints, where, and with which exit code.

use aimclr_model::card::{Calibration, Card, Form, Precision, Provenance, VERSION};
use aimclr_model::onnx::ModelFile;
use aimclr_model::weights::{CARD_KEY, Weights};
use aimclr_model::{Plan, Tensor};
use aimclr_skeleton::motions::{self, Settings};
use aimclr_skeleton::normalise::Preprocessing;
use aimclr_skeleton::{Layout, Stream};
use prost::Message;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[path = "cli/calibrate.rs"]
mod calibrate;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aimclr-export"))
        .args(arguments)
        .output()
        .expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Fails with exit code 1 and a message on stderr alone, which names each of `parts`.
fn fails(arguments: &[&str], parts: &[&str]) {
    let output = run(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {message}");
    for part in parts {
        assert!(message.contains(part), "{arguments:?}: {part}: {message}");
    }
    assert!(!message.contains("panicked"), "{message}");
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// The released code's narrow encoder with a classifier and a card.
    fn weights(&self, change: impl FnOnce(&mut Weights)) -> String {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/small");
        let mut weights = Weights::read(golden.join("weights.safetensors")).expect("weights");
        let plan = Plan::of_weights(&weights, "encoder_q")
            .expect("an encoder")
            .0;
        let ramp = |n: usize| (0..n).map(|i| (i % 7) as f32 / 7.0 - 0.4).collect();
        let classifier = [
            (
                "weight",
                Tensor::f32(&[3, plan.hidden_dim], ramp(3 * plan.hidden_dim)),
            ),
            ("bias", Tensor::f32(&[3], ramp(3))),
        ];
        for (part, tensor) in classifier {
            let name = format!("encoder_q.fc.{part}");
            weights.tensors.insert(name, tensor);
        }
        weights.card = Some(Card {
            version: VERSION,
            layout: Layout::ntu25(),
            frames: 50,
            bodies: 2,
            window: 2.0,
            streams: vec![Stream::Joint],
            fusion: vec![1.0],
            classes: ["wave", "clap", "bow"].map(String::from).to_vec(),
            embedding: plan.hidden_dim,
            preprocessing: Preprocessing::Released,
            form: Default::default(),
            precision: Default::default(),
            merged: Vec::new(),
            measured: None,
            provenance: Provenance::default(),
            calibration: Calibration::default(),
        });
        change(&mut weights);
        let path = self.path("weights.safetensors");
        weights.write(&path).expect("written");
        path.display().to_string()
    }
}

#[test]
fn a_model_is_exported_verified_and_inspected() {
    let folder = Folder::new();
    let weights = folder.weights(|_| ());
    let model = folder.text("model.onnx");
    // A run folder does as well as the file in it.
    let run_folder = folder.0.path().display().to_string();
    let output = run(&["onnx", "--weights", &run_folder, "--out", &model]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("3 classes"));

    let output = run(&["verify", &model, "--weights", &weights]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    for part in [
        "tract",
        "CPUExecutionProvider",
        "two bodies, one absent",
        "1 km away",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }

    let output = run(&["verify", &model, "--weights", &weights, "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["within"], true);
    assert_eq!(report["hosts"].as_array().map(Vec::len), Some(2));

    for file in [&model, &weights] {
        let output = run(&["inspect", file]);
        let summary = text(&output.stdout);
        assert!(output.status.success(), "{}", text(&output.stderr));
        for part in ["ntu25", "wave, clap, bow", "share of the work", "8 → 16"] {
            assert!(summary.contains(part), "{part}: {summary}");
        }
        let output = run(&["inspect", file, "--json"]);
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(summary["blocks"].as_array().map(Vec::len), Some(10));
        assert_eq!(summary["card"]["frames"], 50);
    }
}

#[test]
fn recorded_people_and_every_block_are_compared_on_request() {
    let folder = Folder::new();
    let weights = folder.weights(|_| ());
    let (model, data) = (folder.text("model.onnx"), folder.text("data"));
    assert!(
        run(&["onnx", "--weights", &weights, "--out", &model])
            .status
            .success()
    );
    let settings = Settings {
        subjects: 2,
        seconds: 3.0,
        ..Settings::default()
    };
    motions::dataset(Path::new(&data), &settings, |_| ()).expect("written");
    let verify = ["verify", &model, "--weights", &weights, "--data", &data];
    let verify = [&verify[..], &["--blocks", "--samples", "3"]].concat();
    let output = run(&verify);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    for part in ["recorded people", "block 9", "16 × 13 × 25", "apart"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(!table.contains("first above"), "{table}");
    let strict = [&verify[..], &["--tolerance", "1e-9"]].concat();
    let output = run(&strict);
    assert_eq!(output.status.code(), Some(1));
    let table = text(&output.stdout);
    let marked: Vec<&str> = table
        .lines()
        .filter(|l| l.contains("first above"))
        .collect();
    assert_eq!(marked.len(), 1, "{table}");

    let json = [&verify[..], &["--json"]].concat();
    let report: serde_json::Value = serde_json::from_slice(&run(&json).stdout).expect("JSON");
    assert_eq!(report["blocks"]["against"], "weights");
    assert_eq!(
        report["blocks"]["rows"].as_array().map(Vec::len),
        Some(1 + 10)
    );
    let rows = report["hosts"][0]["rows"].as_array().expect("rows");
    let recorded = rows.iter().find(|row| row["windows"] == "recorded people");
    assert_eq!(recorded.expect("such a row")["n"], 3);

    let unknown = [&verify[..], &["--split", "nobody"]].concat();
    fails(&unknown, &["nobody"]);
}

#[test]
fn the_continual_form_is_exported_verified_and_inspected() {
    let folder = Folder::new();
    let weights = folder.weights(|_| ());
    let model = folder.text("model.onnx");
    let export = ["onnx", "--weights", &weights, "--out", &model];
    let continual = [&export[..], &["--form", "continual"]].concat();
    fails(
        &continual,
        &["fitted in the windowed form", "--form continual"],
    );

    folder.weights(|weights| {
        let card = weights.card.as_mut().expect("a card");
        (card.form, card.bodies) = (Form::Continual, 1);
    });
    let windowed = [&export[..], &["--form", "windowed"]].concat();
    fails(&windowed, &["fitted in the continual form"]);
    let half = [&export[..], &["--precision", "f16"]].concat();
    fails(&half, &["--form continual: computes in f32 only"]);
    assert!(run(&export).status.success());

    let output = run(&["verify", &model, "--weights", &weights]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    for part in ["tract", "CPUExecutionProvider", "one step of one body"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let summary = text(&run(&["inspect", &model]).stdout);
    for part in ["(N, 4, 25, 3)", "mean over the last 13 steps"] {
        assert!(summary.contains(part), "{part}: {summary}");
    }
    let blocks = ["verify", &model, "--weights", &weights, "--blocks"];
    fails(&blocks, &["for the windowed form"]);

    folder.weights(|_| ());
    let other = ["verify", &model, "--weights", &weights];
    fails(
        &other,
        &["forms differ: continual in the graph, windowed in the weights"],
    );
}

#[test]
fn a_difference_above_the_tolerance_is_exit_code_1() {
    let folder = Folder::new();
    let weights = folder.weights(|_| ());
    let model = folder.text("model.onnx");
    assert!(
        run(&["onnx", "--weights", &weights, "--out", &model])
            .status
            .success()
    );
    folder.weights(|weights| {
        let name = "encoder_q.st_gcn_networks.5.tcn.2.weight";
        let tensor = weights.tensors.get_mut(name).expect("such a tensor");
        *tensor = Tensor::f32(
            &tensor.shape,
            tensor.values().iter().map(|x| x * 1.1).collect(),
        );
    });
    let tract = [
        "verify",
        &model,
        "--weights",
        &weights,
        "--backend",
        "tract",
    ];
    fails(&tract, &["model.onnx", "weights.safetensors", "1e-4"]);
    assert!(text(&run(&tract).stdout).contains("NOT within"));

    folder.weights(|weights| {
        if let Some(card) = &mut weights.card {
            card.bodies = 1;
        }
    });
    fails(&tract, &["bodies differ: 2 in the graph, 1 in the weights"]);
}

#[test]
fn names_of_classes_can_be_replaced() {
    let folder = Folder::new();
    let weights = folder.weights(|_| ());
    let (names, model) = (folder.text("names.txt"), folder.text("model.onnx"));
    std::fs::write(&names, "A1. drink water\r\nA2. eat\n\nA3. brush teeth\n").expect("written");
    let arguments = [
        "onnx",
        "--weights",
        &weights,
        "--out",
        &model,
        "--classes",
        &names,
    ];
    assert!(run(&arguments).status.success());
    let summary = text(&run(&["inspect", &model]).stdout);
    assert!(
        summary.contains("A1. drink water, A2. eat, A3. brush teeth"),
        "{summary}"
    );

    std::fs::write(&names, "eat or drink\nother\neat or drink\n").expect("written");
    let output = run(&arguments);
    assert!(text(&output.stdout).contains("2 classes of 3 scores"));
    let summary = text(&run(&["inspect", &model]).stdout);
    assert!(
        summary.contains("2: eat or drink (merged of 2), other"),
        "{summary}"
    );
    let output = run(&["verify", &model, "--weights", &weights]);
    assert!(output.status.success(), "{}", text(&output.stderr));

    std::fs::write(&names, "one\ntwo\n").expect("written");
    fails(
        &arguments,
        &["names.txt", "expected 3 class names", "found 2"],
    );
}

#[test]
fn weights_that_can_not_be_used_are_refused_with_the_reason() {
    let folder = Folder::new();
    let out = folder.text("model.onnx");
    let export = |weights: &str, parts: &[&str]| {
        fails(&["onnx", "--weights", weights, "--out", &out], parts);
        assert!(!Path::new(&out).exists(), "a file was left behind");
    };
    export(
        &folder.text("nothing.safetensors"),
        &["nothing.safetensors", "No such file"],
    );
    export(
        &folder.weights(|w| w.card = None),
        &["no model card", "aimclr-train"],
    );
    let name = "encoder_q.st_gcn_networks.3.tcn.0.running_var";
    let absent = folder.weights(|w| drop(w.tensors.remove(name)));
    export(&absent, &["weights.safetensors", name, "missing"]);
    let reshaped = folder.weights(|w| {
        w.tensors
            .insert(name.into(), Tensor::f32(&[5], vec![1.0; 5]));
    });
    export(&reshaped, &[name, "expected shape [4]", "found [5]"]);
    let negative = folder.weights(|w| {
        w.tensors
            .insert(name.into(), Tensor::f32(&[4], vec![1.0, -0.5, 1.0, 1.0]));
    });
    export(&negative, &[name, "value 1", "found -0.5"]);
    let nan = folder.weights(|w| {
        w.tensors.insert(
            "encoder_q.fc.bias".into(),
            Tensor::f32(&[3], vec![f32::NAN; 3]),
        );
    });
    export(&nan, &["encoder_q.fc.bias", "value 0", "NaN"]);
    let classes = folder.weights(|w| {
        if let Some(card) = &mut w.card {
            card.classes.pop();
        }
    });
    export(&classes, &["classes", "card says 2", "weights say 3"]);
    let cut = folder.weights(|_| ());
    let bytes = std::fs::read(&cut).expect("bytes");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).expect("written");
    export(
        &cut,
        &["weights.safetensors", "not a whole .safetensors file"],
    );
    std::fs::write(&cut, b"PK\x03\x04 not weights").expect("written");
    export(&cut, &["weights.safetensors"]);
}

#[test]
fn models_that_are_not_ours_are_refused_with_the_reason() {
    let folder = Folder::new();
    let weights = folder.weights(|_| ());
    let model = folder.text("model.onnx");
    assert!(
        run(&["onnx", "--weights", &weights, "--out", &model])
            .status
            .success()
    );
    let bytes = std::fs::read(&model).expect("bytes");
    for cut in [0, 10, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&model, &bytes[..cut]).expect("written");
        fails(&["verify", &model, "--weights", &weights], &["model.onnx"]);
        fails(&["inspect", &model], &["model.onnx"]);
    }
    // A card's key that is spelt otherwise is no card.
    let key = b"\x0a\x06aimclr\x12";
    let at = bytes.windows(key.len()).position(|window| window == key);
    let mut nameless = bytes.clone();
    nameless[at.expect("the card's key") + 2] = b'A';
    std::fs::write(&model, nameless).expect("written");
    fails(&["inspect", &model], &["model.onnx", "no model card"]);
}

#[test]
fn a_place_that_can_not_be_written_is_named() {
    let folder = Folder::new();
    let weights = folder.weights(|_| ());
    let out = folder.text("no/such/folder/model.onnx");
    fails(
        &["onnx", "--weights", &weights, "--out", &out],
        &["there is no folder", "model.onnx"],
    );
    // What is read stays.
    let before = std::fs::read(&weights).expect("there");
    for read in [folder.text(""), weights.clone()] {
        fails(
            &["onnx", "--weights", &read, "--out", &weights],
            &["weights.safetensors", "this is what the command reads"],
        );
    }
    assert_eq!(std::fs::read(&weights).expect("there"), before);
}

#[test]
fn a_temperature_or_a_precision_that_the_graph_does_not_have_is_found() {
    let folder = Folder::new();
    let weights = folder.weights(|_| ());
    let path = folder.text("model.onnx");
    let output = run(&["onnx", "--weights", &weights, "--out", &path]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let edited = |name: &str, change: fn(&mut Card)| {
        let mut model = ModelFile::read(&path).expect("a model");
        change(&mut model.card);
        let bytes = graph_with(model);
        std::fs::write(folder.path(name), bytes).expect("written");
        folder.text(name)
    };
    let warm = edited("warm.onnx", |card| card.calibration.temperature = 3.0);
    fails(
        &["verify", &warm, "--weights", &weights],
        &["a difference is above"],
    );
    let bytes = edited("bytes.onnx", |card| card.precision = Precision::Int8);
    fails(
        &["verify", &bytes, "--weights", &weights],
        &["the card says int8, the graph computes in f32"],
    );
}

/// The file of a model whose card was changed.
fn graph_with(mut model: ModelFile) -> Vec<u8> {
    let card = serde_json::to_string(&model.card).expect("JSON");
    for property in &mut model.model.metadata_props {
        if property.key == CARD_KEY {
            property.value.clone_from(&card);
        }
    }
    model.model.encode_to_vec()
}

#[test]
fn wrong_usage_is_exit_code_2_and_help_is_for_newcomers() {
    for wrong in [
        &["onnx"][..],
        &["fly"],
        &["verify", "m.onnx", "--weights", "w", "--backend", "x"],
    ] {
        let output = run(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(output.stdout.is_empty());
    }
    for command in ["onnx", "verify", "inspect"] {
        let help = text(&run(&[command, "--help"]).stdout);
        assert!(help.contains("Examples:"), "{help}");
    }
}
