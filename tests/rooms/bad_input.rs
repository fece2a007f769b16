//! Bad input to every binary: a message that names the file, the line, tensor or field and what was
//! expected, exit code 1 (2 for wrong usage), and never a panic.

use crate::binaries::{command, refusal, run};
use crate::conformance;
use aimclr_model::plan::Pooled;
use aimclr_model::weights::{CARD_KEY, Data};
use aimclr_model::{Card, Tensor, Weights};
use aimclr_skeleton::dataset::{FORMAT, Meta, Sample, Split, Writer};
use aimclr_skeleton::frame::Joint;
use aimclr_skeleton::motions::{self, ACTIONS, Subject};
use aimclr_skeleton::{Frame, Person, Sequence, Stream};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

/// Frames of a sample and of a window: few, since nothing here has to be recognised.
const FRAMES: usize = 16;
const FPS: f64 = 16.0;

/// A folder of one test, which breaks copies of what is good in it.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("folder"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file and gives its path as text.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), bytes).expect("written");
        self.text(name)
    }

    /// A data set of six short recordings of two actions by three people.
    pub(crate) fn data(&self, name: &str) -> String {
        let meta = Meta {
            format: FORMAT.into(),
            name: "six recordings".into(),
            license: "CC0-1.0".into(),
            citation: String::new(),
            units: "metre".into(),
            fps: FPS,
            layout: "ntu25".into(),
            bodies: 1,
            classes: vec!["class 0".into(), "class 1".into()],
            splits: [
                ("xsub".to_string(), Split::by_test("subject", [3])),
                ("untrained".to_string(), Split::by_test("subject", 1..=3)),
                ("untested".to_string(), Split::by_test("subject", [9])),
            ]
            .into(),
        };
        let mut writer = Writer::create(self.path(name), meta).expect("created");
        for i in 0..6 {
            let joints = recording(1 + i / 2, i as usize % 2, FRAMES);
            let sample = Sample {
                name: format!("s{i}"),
                frames: FRAMES,
                label: i as usize % 2,
                columns: [("subject".to_string(), (1 + i / 2).to_string())].into(),
            };
            writer.push(&sample, joints.view()).expect("pushed");
        }
        writer.finish().expect("finished");
        self.text(name)
    }
}

fn recording(subject: u32, action: usize, frames: usize) -> Sequence {
    let subject = Subject::new(5, subject);
    motions::recording(&subject, ACTIONS[action], 1, frames as f64 / FPS, FPS)
}

/// Random weights with a classifier.
fn good_weights() -> Weights {
    static WEIGHTS: OnceLock<Weights> = OnceLock::new();
    let weights = WEIGHTS.get_or_init(|| {
        let mut weights = conformance::weights(Stream::Joint, 1, Pooled::Last, false);
        let card = weights.card.as_mut().expect("a card");
        card.frames = FRAMES;
        card.window = 1.0;
        weights
    });
    weights.clone()
}

/// The file of the model with [`good_weights`].
pub(crate) fn good_model() -> &'static [u8] {
    static MODEL: OnceLock<Vec<u8>> = OnceLock::new();
    MODEL.get_or_init(|| {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("model.onnx");
        conformance::export(good_weights(), &path);
        fs::read(path).expect("written")
    })
}

/// Runs what must fail, and finds each part in one message that says nothing twice.
fn refused(name: &str, arguments: &[&str], parts: &[&str]) {
    let error = refusal(name, arguments);
    let said = format!("{name} {}:\n{error}", arguments.join(" "));
    for part in parts {
        assert!(error.contains(part), "no \"{part}\" from {said}");
    }
    assert!(error.matches("os error").count() < 2, "said twice: {said}");
}

/// Runs what must be wrong usage: exit code 2 and a hint.
fn misused(name: &str, arguments: &[&str], parts: &[&str]) {
    let output = command(name).args(arguments).output().expect("it starts");
    let error = String::from_utf8_lossy(&output.stderr);
    let said = format!("{name} {}:\n{error}", arguments.join(" "));
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in parts.iter().chain(&["error: "]) {
        assert!(error.contains(part), "no \"{part}\" from {said}");
    }
}

/// Every place of `from` becomes `to`; both are of one length, so that lengths in the file hold.
fn swap(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> = (0..=bytes.len() - from.len())
        .filter(|i| bytes[*i..].starts_with(from))
        .collect();
    assert!(!places.is_empty(), "not in the file");
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(to);
    }
    bytes
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("text");
    assert!(text.contains(from), "no {from} in {text}");
    fs::write(path, text.replacen(from, to, 1)).expect("written");
}

/// Arguments of a pre-training of one step.
fn pretrain<'a>(data: &'a str, split: &'a str, out: &'a str) -> Vec<&'a str> {
    let given = ["pretrain", "--data", data, "--split", split, "--out", out];
    let small = "--epochs 1 --batch-size 4 --queue-size 8 --frames 4 --device cpu --threads 1";
    given.into_iter().chain(small.split(' ')).collect()
}

fn evaluate<'a>(data: &'a str, split: &'a str, weights: &'a str) -> Vec<&'a str> {
    let given = ["evaluate", "knn", "--data", data, "--split", split];
    let rest = ["--weights", weights, "--device", "cpu", "--threads", "1"];
    given.into_iter().chain(rest).collect()
}

#[test]
fn a_data_set_that_contradicts_itself() {
    type Case = (
        &'static str,
        &'static str,
        &'static str,
        &'static [&'static str],
    );
    let text: [Case; 16] = [
        (
            "dataset.toml",
            "ntu25",
            "ntu24",
            &["layout", "\"ntu24\"", "known: ntu25"],
        ),
        (
            "dataset.toml",
            "bodies = 1",
            "bodies = 2",
            &["joints.npy: shape", "[96, 2, 25, 3]", "[96, 1, 25, 3]"],
        ),
        (
            "dataset.toml",
            "bodies = 1",
            "bodies = 0",
            &["bodies: expected 1 to 16", "found 0"],
        ),
        (
            "dataset.toml",
            "bodies = 1",
            "bodies = \"one\"",
            &["line ", "bodies", "expected"],
        ),
        ("dataset.toml", "fps = 16", "fps = -16", &["fps", "above 0"]),
        (
            "dataset.toml",
            "skeleton-dataset/1",
            "skeleton-dataset/2",
            &["format", "skeleton-dataset/1"],
        ),
        (
            "dataset.toml",
            "units = \"metre\"",
            "units = \"inch\"",
            &["units", "\"metre\"", "\"inch\""],
        ),
        (
            "dataset.toml",
            "column = \"subject\"",
            "column = \"person\"",
            &["splits.", "\"person\"", "samples.csv"],
        ),
        ("dataset.toml", "format", "{", &["TOML", "line 1"]),
        (
            "samples.csv",
            "s0,16",
            "s0,17",
            &["joints.npy: shape", "[97, 1, 25, 3]", "[96, 1, 25, 3]"],
        ),
        (
            "samples.csv",
            "s0,16",
            "s0,18446744073709551615",
            &["joints.npy: shape"],
        ),
        (
            "samples.csv",
            "s1,16",
            "s1,many",
            &["samples.csv: line 3: frames", "whole number", "\"many\""],
        ),
        (
            "samples.csv",
            "s2,16,0",
            "s2,16,2",
            &["samples.csv: line 4: label: 2 is unknown", "0 to 1"],
        ),
        (
            "samples.csv",
            "s2,16,0",
            "s2,16,-1",
            &["samples.csv: line 4: label", "\"-1\""],
        ),
        (
            "samples.csv",
            "s2,16,0",
            "s2,16",
            &["samples.csv: line 4", "fields"],
        ),
        (
            "samples.csv",
            "label",
            "class",
            &["samples.csv: line 1", "\"label\" is missing"],
        ),
    ];
    let bench = Bench::new();
    for (i, (file, from, to, parts)) in text.into_iter().enumerate() {
        let data = bench.data(&format!("text{i}"));
        edit(&Path::new(&data).join(file), from, to);
        refused(
            "aimclr-data",
            &["summary", &data],
            &[&[data.as_str()], parts].concat(),
        );
        if i % 4 == 0 {
            refused(
                "aimclr-train",
                &pretrain(&data, "xsub", &bench.text("run")),
                parts,
            );
        }
    }
    type Change = fn(&mut Vec<u8>);
    let binary: [(Change, &[&str]); 5] = [
        (
            |b| b.truncate(1000),
            &["bytes of numbers after the header", "expected 28800"],
        ),
        (Vec::clear, &["not a .npy file"]),
        (
            |b| *b = b"PK\x03\x04 an archive".to_vec(),
            &["not a .npy file"],
        ),
        (
            |b| *b = swap(b, "'<f4'", "'<f2'"),
            &["dtype", "'<f4'", "'<f2'"],
        ),
        (|b| *b = swap(b, "False", "True "), &["C order", "Fortran"]),
    ];
    for (i, (change, parts)) in binary.into_iter().enumerate() {
        let data = bench.data(&format!("binary{i}"));
        let path = Path::new(&data).join("joints.npy");
        let mut bytes = fs::read(&path).expect("there");
        change(&mut bytes);
        fs::write(&path, bytes).expect("written");
        refused(
            "aimclr-data",
            &["summary", &data],
            &[&["joints.npy"], parts].concat(),
        );
    }
    for file in ["dataset.toml", "samples.csv", "joints.npy"] {
        let data = bench.data(&format!("without-{file}"));
        fs::remove_file(Path::new(&data).join(file)).expect("removed");
        refused("aimclr-data", &["summary", &data], &[file, "No such file"]);
        refused(
            "aimclr-train",
            &pretrain(&data, "xsub", &bench.text("run")),
            &[file, "No such file"],
        );
    }
    refused(
        "aimclr-data",
        &["summary", &bench.text("nowhere")],
        &["nowhere", "No such file"],
    );
    assert!(!bench.path("run").exists(), "nothing was to be started");
}

#[test]
fn a_data_set_with_a_number_that_is_none() {
    let bench = Bench::new();
    let data = bench.data("data");
    let path = Path::new(&data).join("joints.npy");
    let mut bytes = fs::read(&path).expect("there");
    // Sample s2, frame 1, joint 4 ("left shoulder"), y.
    let at = bytes.len() - 4 * ((4 * FRAMES - 1) * 75 - (4 * 3 + 1));
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, bytes).expect("written");
    let parts = [
        "joints.npy",
        "\"s2\"",
        "frame 1",
        "\"left shoulder\"",
        "finite",
        "NaN",
    ];
    refused("aimclr-data", &["summary", &data], &parts);
    refused("aimclr-data", &["summary", &data, "--json"], &parts);
    refused(
        "aimclr-data",
        &["stream", &data, "--out", &bench.text("s.ndjson")],
        &parts,
    );
    assert!(!bench.path("s.ndjson").exists(), "whole or not at all");
    refused(
        "aimclr-train",
        &pretrain(&data, "xsub", &bench.text("run")),
        &parts,
    );
    let model = bench.file("model.onnx", good_model());
    refused(
        "aimclr-run",
        &["classify", "--model", &model, &data],
        &parts,
    );
}

#[test]
fn a_split_that_is_none() {
    let bench = Bench::new();
    let data = bench.data("data");
    let run = bench.text("run");
    let model = bench.file("model.onnx", good_model());
    let weights = bench.text("weights.safetensors");
    good_weights().write(Path::new(&weights)).expect("written");
    let unknown = [data.as_str(), "unknown split \"xview\"", "known: ", "xsub"];
    refused("aimclr-train", &pretrain(&data, "xview", &run), &unknown);
    refused(
        "aimclr-train",
        &evaluate(&data, "xview", &weights),
        &unknown,
    );
    let stream = ["stream", &data, "--split", "xview", "--out", "-"];
    refused("aimclr-data", &stream, &unknown);
    let classify = ["classify", "--model", &model, &data, "--split", "xview"];
    refused("aimclr-run", &classify, &unknown);

    let empty = |split, part| vec![data.as_str(), split, "no sample for", part];
    refused(
        "aimclr-train",
        &pretrain(&data, "untrained", &run),
        &empty("\"untrained\"", "training"),
    );
    refused(
        "aimclr-train",
        &evaluate(&data, "untrained", &weights),
        &empty("\"untrained\"", "training"),
    );
    refused(
        "aimclr-train",
        &evaluate(&data, "untested", &weights),
        &empty("\"untested\"", "testing"),
    );
    let stream = ["stream", &data, "--split", "untested", "--out", "-"];
    refused("aimclr-data", &stream, &[&data, "--split"]);
    let stream = ["stream", &data, "--where", "person=1", "--out", "-"];
    refused(
        "aimclr-data",
        &stream,
        &["--where", "\"person\"", "subject"],
    );
    assert!(!bench.path("run").exists(), "nothing was to be started");
}

#[test]
fn a_run_that_cannot_begin_or_go_on() {
    let bench = Bench::new();
    let data = bench.data("data");
    let out = bench.text("run");
    let good = pretrain(&data, "xsub", &out);
    let with = |more: &[&'static str]| [&good[..], more].concat();
    let changed = |flag: &str, value: &'static str| {
        let mut arguments = good.clone();
        let at = arguments.iter().position(|a| *a == flag).expect("given") + 1;
        arguments[at] = value;
        arguments
    };
    let train = "aimclr-train";
    refused(
        train,
        &changed("--batch-size", "5"),
        &["--batch-size: 5", "4 training samples"],
    );
    refused(
        train,
        &changed("--batch-size", "1"),
        &["--batch-size", "at least 2"],
    );
    refused(
        train,
        &changed("--device", "gpu"),
        &["--device gpu", "auto, cpu, cuda or cuda:N"],
    );
    refused(
        train,
        &changed("--frames", "0"),
        &["--frames", "expected 1 to"],
    );
    refused(train, &with(&["--lr", "nan"]), &["--lr", "above 0"]);
    refused(
        train,
        &with(&["--window", "1", "--hop", "0"]),
        &["--hop", "above 0"],
    );
    if !tch::Cuda::is_available() {
        let parts = ["--device cuda", "no CUDA", "--device cpu"];
        refused(train, &changed("--device", "cuda"), &parts);
    }
    let config = bench.file("config.toml", "[pretrain]\nlr = \"fast\"\n");
    let mut arguments = good.clone();
    arguments.extend(["--config", &config]);
    refused(
        train,
        &arguments,
        &["config.toml: pretrain.lr", "float", "fast"],
    );
    bench.file("config.toml", "[pretrain]\nlr_step = [3]\n");
    refused(
        train,
        &arguments,
        &["config.toml", "pretrain.lr_step", "\"pretrain.lr_steps\""],
    );
    // Neither a file nor what would lie in one is a folder.
    let samples = format!("{data}/samples.csv");
    refused(train, &pretrain(&data, "xsub", &samples), &["samples.csv"]);
    let below = format!("{samples}/run");
    refused(
        train,
        &pretrain(&data, "xsub", &below),
        &["samples.csv/run", "Not a directory"],
    );
    assert!(!bench.path("run").exists(), "nothing was to be started");

    run(train, &good);
    refused(train, &good, &[&out, "already", "--resume", "--force"]);
    let parts = ["--resume", "lr is 0.5, was 0.1", "seed is 3, was 0"];
    refused(
        train,
        &with(&["--resume", "--lr", "0.5", "--seed", "3"]),
        &parts,
    );
    let resume = with(&["--resume"]);
    let checkpoint = bench.path("run/checkpoint.safetensors");
    let whole = fs::read(&checkpoint).expect("there");
    let weights = fs::read(bench.path("run/weights.safetensors")).expect("there");
    for (bytes, parts) in [
        (
            &whole[..whole.len() / 2],
            ["not a whole .safetensors file", "cut off"],
        ),
        (&[], ["not a whole .safetensors file", "cut off"]),
        (&weights[..], ["momentum", "checkpoint"]),
    ] {
        fs::write(&checkpoint, bytes).expect("written");
        refused(
            train,
            &resume,
            &["checkpoint.safetensors", parts[0], parts[1]],
        );
    }
    let after = fs::read(bench.path("run/weights.safetensors")).expect("there");
    assert!(weights == after, "what was written stays");
    bench.file("run/run.json", "{}");
    refused(train, &resume, &["run.json", "missing field"]);
}

/// A file of weights and what is said about it by the trainer's evaluation and the exporter.
fn refused_weights(bench: &Bench, bytes: &[u8], parts: &[&str]) {
    let data = bench.data("data");
    let weights = bench.file("bad.safetensors", bytes);
    let parts = [&["bad.safetensors"], parts].concat();
    refused("aimclr-train", &evaluate(&data, "xsub", &weights), &parts);
    let out = bench.text("model.onnx");
    let onnx = ["onnx", "--weights", &weights, "--out", &out];
    refused("aimclr-export", &onnx, &parts);
    refused("aimclr-export", &["inspect", &weights], &parts);
    assert!(!bench.path("model.onnx").exists(), "whole or not at all");
}

/// The bytes of changed weights.
fn weights_file(change: impl FnOnce(&mut Weights)) -> Vec<u8> {
    let mut weights = good_weights();
    change(&mut weights);
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("weights.safetensors");
    weights.write(&path).expect("written");
    fs::read(path).expect("there")
}

fn f32s<'a>(weights: &'a mut Weights, name: &str) -> &'a mut Vec<f32> {
    match &mut weights.tensors.get_mut(name).expect("there").data {
        Data::F32(values) => values,
        Data::I64(_) => panic!("{name} holds no f32"),
    }
}

const TENSOR: &str = "encoder_q.st_gcn_networks.3.tcn.2.weight";

#[test]
fn weights_that_are_damaged_or_foreign() {
    let bench = Bench::new();
    let good = weights_file(|_| {});
    let not_whole = ["not a whole .safetensors file"];
    refused_weights(&bench, &good[..good.len() / 2], &not_whole);
    refused_weights(&bench, &good[..5], &not_whole);
    refused_weights(&bench, b"", &not_whole);
    refused_weights(
        &bench,
        b"these are no weights at all, but words",
        &not_whole,
    );
    let pickled = b"PK\x03\x04\x00\x00\x08\x08archive/data.pkl";
    refused_weights(&bench, pickled, &["not a whole zip archive", "cut off"]);

    let foreign = weights_file(|weights| {
        weights.card = None;
        weights.tensors.clear();
        let conv = Tensor::f32(&[2, 3], vec![0.0; 6]);
        weights.tensors.insert("layer1.conv.weight".into(), conv);
    });
    refused_weights(&bench, &foreign, &["\"encoder_q.A\" is missing", "AimCLR"]);
    let lacking = weights_file(|weights| _ = weights.tensors.remove(TENSOR));
    refused_weights(&bench, &lacking, &[TENSOR, "missing"]);
    let shaped = weights_file(|weights| {
        let tensor = weights.tensors.get_mut(TENSOR).expect("there");
        *tensor = Tensor::f32(&[16, 16, 3, 1], vec![0.0; 16 * 16 * 3]);
    });
    let parts = [
        TENSOR,
        "expected shape [16, 16, 9, 1]",
        "found [16, 16, 3, 1]",
    ];
    refused_weights(&bench, &shaped, &parts);
    let cardless = weights_file(|weights| weights.card = None);
    refused_weights(&bench, &cardless, &["no model card", "aimclr-train"]);
    let scrawled = weights_file(|weights| {
        weights.card = None;
        weights
            .metadata
            .insert(CARD_KEY.into(), "{\"version\":1}".into());
    });
    refused_weights(&bench, &scrawled, &["model card", "missing field"]);
    for (change, parts) in bad_cards() {
        let bytes = weights_file(|weights| change(weights.card.as_mut().expect("a card")));
        let weights = bench.file("card.safetensors", bytes);
        let parts = [&["card.safetensors"], parts].concat();
        refused("aimclr-export", &["inspect", &weights], &parts);
    }
}

type CardChange = fn(&mut Card);

/// Cards that contradict themselves.
fn bad_cards() -> Vec<(CardChange, &'static [&'static str])> {
    vec![
        (
            |card| card.frames = 1_000_000_000,
            &["model card: frames", "1 to 4096", "1000000000"],
        ),
        (
            |card| card.layout.centre = 99,
            &["model card: layout", "centre 99"],
        ),
        (
            |card| card.layout.edges[3].1 = 77,
            &["model card: layout", "77"],
        ),
        (
            |card| card.version = 7,
            &["model card: version", "expected 1", "found 7"],
        ),
    ]
}

#[test]
fn weights_that_are_no_numbers() {
    let bench = Bench::new();
    let nan = weights_file(|weights| f32s(weights, TENSOR)[7] = f32::NAN);
    refused_weights(&bench, &nan, &[TENSOR, "value 7", "finite", "NaN"]);
}

#[test]
fn weights_of_another_type() {
    let bench = Bench::new();
    let counted = weights_file(|weights| {
        let tensor = weights.tensors.get_mut(TENSOR).expect("there");
        tensor.data = Data::I64(vec![1; 16 * 16 * 9]);
    });
    refused_weights(&bench, &counted, &[TENSOR, "expected dtype F32"]);
}

#[test]
fn weights_of_another_body() {
    let bench = Bench::new();
    // All tensors fit one another, for a body of other joints than the card's.
    let joints = weights_file(|weights| {
        let (v, graph) = (20, vec![0.05; 3 * 20 * 20]);
        for (name, tensor) in &mut weights.tensors {
            let name = name.trim_start_matches("encoder_q.");
            if name == "A" || name.starts_with("edge_importance") {
                *tensor = Tensor::f32(&[3, v, v], graph.clone());
            } else if name.starts_with("data_bn") && !name.ends_with("tracked") {
                *tensor = Tensor::f32(&[3 * v], vec![1.0; 3 * v]);
            }
        }
    });
    refused_weights(
        &bench,
        &joints,
        &["joints", "card says 25", "weights say 20"],
    );
}

#[test]
fn weights_whose_card_names_other_classes() {
    let bench = Bench::new();
    let weights = bench.text("weights.safetensors");
    let path = Path::new(&weights);
    let out = bench.text("model.onnx");
    fs::write(
        path,
        weights_file(|weights| {
            let card = weights.card.as_mut().expect("a card");
            card.classes.pop();
        }),
    )
    .expect("written");
    let onnx = ["onnx", "--weights", &weights, "--out", &out];
    refused(
        "aimclr-export",
        &onnx,
        &["weights.safetensors: classes", "11", "12"],
    );
    good_weights().write(path).expect("written");
    let names = bench.file("names.txt", "one\ntwo\n");
    let onnx = [
        "onnx",
        "--weights",
        &weights,
        "--classes",
        &names,
        "--out",
        &out,
    ];
    refused(
        "aimclr-export",
        &onnx,
        &["names.txt", "expected 12 class names", "found 2"],
    );
    let away = bench.text("nowhere/model.onnx");
    let onnx = ["onnx", "--weights", &weights, "--out", &away];
    refused(
        "aimclr-export",
        &onnx,
        &["nowhere/model.onnx", "there is no folder"],
    );
    refused(
        "aimclr-export",
        &["inspect", &bench.text("none.onnx")],
        &["none.onnx", "No such file"],
    );
}

/// Everything that reads a model, on a model that none of it can use.
fn refused_model(bench: &Bench, bytes: &[u8], parts: &[&str]) {
    let model = bench.file("bad.onnx", bytes);
    let parts = [&["bad.onnx"], parts].concat();
    refused("aimclr-export", &["inspect", &model], &parts);
    unusable_model(bench, &model, &parts);
}

/// Everything that runs a model.
fn unusable_model(bench: &Bench, model: &str, parts: &[&str]) {
    let clip = bench.file("clip.ndjson", clean_stream().join("\n"));
    for backend in ["tract", "onnxruntime"] {
        let model = ["--model", model, "--backend", backend];
        refused(
            "aimclr-run",
            &[&["classify", &clip], &model[..]].concat(),
            parts,
        );
        refused(
            "aimclr-run",
            &[&["stream", "--input", &clip], &model[..]].concat(),
            parts,
        );
    }
    let weights = bench.text("good.safetensors");
    good_weights().write(Path::new(&weights)).expect("written");
    refused(
        "aimclr-export",
        &["verify", model, "--weights", &weights],
        parts,
    );
}

#[test]
fn a_model_that_is_none() {
    let bench = Bench::new();
    let good = good_model();
    let not_whole = ["not a whole .onnx file"];
    refused_model(&bench, &good[..good.len() / 2], &not_whole);
    refused_model(&bench, b"", &not_whole);
    refused_model(&bench, b"these are no nodes at all, but words", &not_whole);
    // The metadata's key, with its length before it.
    let cardless = swap(good, "\n\u{6}aimclr\u{12}", "\n\u{6}aimclx\u{12}");
    refused_model(&bench, &cardless, &["no model card", "aimclr-export onnx"]);
    let outputs = swap(good, "probabilities", "probabilitiex");
    let parts = [
        "expected outputs embedding, logits, probabilities",
        "probabilitiex",
    ];
    refused_model(&bench, &outputs, &parts);
}

#[test]
fn a_model_whose_card_was_edited() {
    let bench = Bench::new();
    let edits: [(&str, &str, &[&str]); 7] = [
        (
            "\"frames\":16",
            "\"frames\":17",
            &["\"joints\"", "(N, M, 17, 25, 3)"],
        ),
        ("\"frames\":16", "\"frames\":-1", &["model card", "-1"]),
        (
            "\"embedding\":256",
            "\"embedding\":128",
            &["\"embedding\"", "(N, 128)"],
        ),
        (
            "\"class 10\",\"class 11\"",
            "\"class 10 & class 11\"",
            &["\"logits\"", "(N, 11)"],
        ),
        (
            "\"centre\":20",
            "\"centre\":99",
            &["model card: layout", "centre 99"],
        ),
        (
            "\"window\":1.0",
            "\"window\":0.0",
            &["model card: window", "above 0"],
        ),
        (
            "\"streams\":[\"joint\"]",
            "\"streams\":[\"sight\"]",
            &["model card", "sight"],
        ),
    ];
    for (from, to, parts) in edits {
        let bytes = swap(good_model(), from, to);
        refused_model(&bench, &bytes, parts);
    }
}

#[test]
fn a_graph_that_is_not_ours() {
    let bench = Bench::new();
    // An operator that nobody knows, and a constant that lost its second half.
    let unknown = swap(good_model(), "Softmax", "Hardmix");
    unusable_model(
        &bench,
        &bench.file("op.onnx", unknown),
        &["op.onnx", "can't use the graph", "Hardmix"],
    );

    let card = good_weights().card.expect("a card").to_json();
    let joints = shape(&[0, 0, FRAMES as u64, 25, 3]);
    let outputs = |given: &[(&str, u64)]| -> Vec<u8> {
        given
            .iter()
            .flat_map(|(name, size)| value(12, name, &shape(&[0, *size])))
            .collect()
    };
    let ours = outputs(&[("embedding", 256), ("logits", 12), ("probabilities", 12)]);
    let foreign =
        |inputs: &[u8], outputs: &[u8], nodes: &[u8]| model(&card, inputs, outputs, nodes);
    let other_input = foreign(&value(11, "x", &joints), &ours, &[]);
    refused_model(
        &bench,
        &other_input,
        &["expected one input, \"joints\"", "found x"],
    );
    let flat = foreign(&value(11, "joints", &shape(&[0, 75])), &ours, &[]);
    refused_model(&bench, &flat, &["\"joints\"", "(N, M, 16, 25, 3)"]);
    let one_output = foreign(
        &value(11, "joints", &joints),
        &outputs(&[("embedding", 256)]),
        &[],
    );
    refused_model(
        &bench,
        &one_output,
        &["expected outputs embedding, logits, probabilities"],
    );
    // What it declares is right; what it computes is something else.
    let declared = value(11, "joints", &joints);
    for (op, reason) in [("Identity", ""), ("Nonsense", "Nonsense")] {
        let nodes: Vec<u8> = ["embedding", "logits", "probabilities"]
            .into_iter()
            .flat_map(|output| node(op, "joints", output))
            .collect();
        let bytes = foreign(&declared, &ours, &nodes);
        unusable_model(
            &bench,
            &bench.file("other.onnx", bytes),
            &["other.onnx", reason],
        );
    }
    let hollow = foreign(&declared, &ours, &[]);
    unusable_model(&bench, &bench.file("hollow.onnx", hollow), &["hollow.onnx"]);
}

#[test]
fn a_model_that_computes_nonsense() {
    let bench = Bench::new();
    // Name and, behind it, the values of one of the graph's constants.
    let name = b"classifier.bias\x4a";
    let mut bytes = good_model().to_vec();
    let at = bytes.windows(name.len()).position(|part| part == name);
    let values = at.expect("a constant") + name.len() + 1;
    bytes[values..values + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    refused_model(&bench, &bytes, &["classifier.bias", "finite", "NaN"]);
}

#[test]
fn a_device_that_is_not_there() {
    let bench = Bench::new();
    let model = bench.file("model.onnx", good_model());
    let clip = bench.file("clip.ndjson", clean_stream().join("\n"));
    let classify = ["classify", "--model", &model, &clip, "--device", "cuda:7"];
    let parts = ["device cuda:7", "tract runs on the cpu only"];
    refused("aimclr-run", &classify, &parts);
    // No machine that tests run on has as many.
    let classify = [&classify[..], &["--backend", "onnxruntime"]].concat();
    refused("aimclr-run", &classify, &["device cuda:7", "--device cpu"]);
}

/// A field of a protobuf message that holds bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut all = vec![number << 3 | 2];
    all.extend(varint(bytes.len() as u64));
    all.extend(bytes);
    all
}

/// A field of a protobuf message that holds a number.
fn number(number: u8, value: u64) -> Vec<u8> {
    [vec![number << 3], varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 127 {
        bytes.push(value as u8 & 127 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// `TensorShapeProto`; 0 stands for a free size.
fn shape(sizes: &[u64]) -> Vec<u8> {
    let size = |size: &u64| match size {
        0 => field(1, &field(2, b"N")),
        size => field(1, &number(1, *size)),
    };
    sizes.iter().flat_map(size).collect()
}

/// `ValueInfoProto` of f32 as a field of the graph: 11 is an input, 12 an output.
fn value(place: u8, name: &str, shape: &[u8]) -> Vec<u8> {
    let tensor = [number(1, 1), field(2, shape)].concat();
    let kind = field(2, &field(1, &tensor));
    field(place, &[field(1, name.as_bytes()), kind].concat())
}

/// `NodeProto` as a field of the graph.
fn node(op: &str, input: &str, output: &str) -> Vec<u8> {
    let names = [(1, input), (2, output), (4, op)];
    let fields: Vec<u8> = names
        .iter()
        .flat_map(|(n, name)| field(*n, name.as_bytes()))
        .collect();
    field(1, &fields)
}

/// `ModelProto` with a card.
fn model(card: &str, inputs: &[u8], outputs: &[u8], nodes: &[u8]) -> Vec<u8> {
    let graph = [nodes, &field(2, b"other"), inputs, outputs].concat();
    let opset = number(2, 17);
    let entry = [field(1, CARD_KEY.as_bytes()), field(2, card.as_bytes())].concat();
    [
        number(1, 8),
        field(7, &graph),
        field(8, &opset),
        field(14, &entry),
    ]
    .concat()
}

fn frame(j: usize, sequence: &Sequence) -> Frame {
    let joints = (0..25)
        .map(|v| Joint::at(sequence.joint(j, 0, v)))
        .collect();
    Frame {
        t: j as f64 / FPS,
        source: String::new(),
        layout: Some("ntu25".into()),
        people: vec![Person {
            id: Some(1),
            joints,
        }],
    }
}

/// Three seconds of one person.
pub(crate) fn clean_stream() -> Vec<String> {
    let sequence = recording(1, 0, 48);
    (0..48).map(|j| frame(j, &sequence).to_line()).collect()
}

/// Lines that can't be used at second 1.5, why, and what the warning names.
fn bad_lines() -> Vec<(Vec<u8>, &'static str, Vec<&'static str>)> {
    let sequence = recording(1, 0, 48);
    let good = frame(24, &sequence);
    let changed = |change: &dyn Fn(&mut Frame)| {
        let mut frame = good.clone();
        change(&mut frame);
        frame.to_line().into_bytes()
    };
    let json = |text: &str| text.as_bytes().to_vec();
    let crowd = |frame: &mut Frame| {
        let one = frame.people[0].clone();
        frame.people = (0..500)
            .map(|id| Person {
                id: Some(id),
                ..one.clone()
            })
            .collect();
    };
    let nan = good.to_line().replacen("[[", "[[NaN,", 1);
    let mut long = br#"{"t":1.5,"people":[],"note":""#.to_vec();
    long.resize(10_000_000, b'x');
    let mut latin = br#"{"t":1.5,"source":"caf"#.to_vec();
    latin.extend(b"\xe9\",\"people\":[]}");
    vec![
        (json("hello"), "not_a_frame", vec!["line", "expected"]),
        (json("42"), "not_a_frame", vec!["line", "expected"]),
        (
            json(r#"{"t":1.5,"people":["#),
            "not_a_frame",
            vec!["people"],
        ),
        (
            json(r#"{"t":"noon","people":[]}"#),
            "not_a_frame",
            vec!["t: ", "expected"],
        ),
        (
            json(r#"{"t":1e999,"people":[]}"#),
            "not_a_frame",
            vec!["t: "],
        ),
        (
            json(r#"{"people":[]}"#),
            "not_a_frame",
            vec!["missing field `t`"],
        ),
        (
            json(r#"{"t":1.5,"people":[{"joints":[[1,2]]}]}"#),
            "not_a_frame",
            vec!["people[0].joints[0]", "[x, y, z]"],
        ),
        (json(&"[".repeat(100_000)), "not_a_frame", vec!["line"]),
        (latin, "not_a_frame", vec!["UTF-8"]),
        (
            nan.into_bytes(),
            "not_finite",
            vec!["people[0].joints[0]", "null"],
        ),
        (
            changed(&|f| _ = f.people[0].joints.pop()),
            "joints",
            vec!["people[0].joints", "25", "24"],
        ),
        (
            changed(&|f| f.layout = Some("coco17".into())),
            "layout",
            vec!["layout", "\"ntu25\"", "\"coco17\""],
        ),
        (
            changed(&|f| f.t = 0.25),
            "time",
            vec!["t: expected more than 1.", "0.25"],
        ),
        (
            changed(&|f| f.people.push(f.people[0].clone())),
            "same_id",
            vec!["people[1].id", "twice"],
        ),
        (
            changed(&|f| f.source = "x".repeat(300)),
            "source",
            vec!["source", "256"],
        ),
        (
            changed(&crowd),
            "too_many_people",
            vec!["people", "500", "128"],
        ),
        (long, "too_long", vec!["10000000 bytes", "1048576"]),
    ]
}

/// Runs a stream; gives its lines and what it said on standard error.
fn stream(model: &str, input: &str, more: &[&str]) -> (bool, Vec<Value>, String) {
    let arguments = ["stream", "--model", model, "--input", input, "--hop", "0.5"];
    let output = command("aimclr-run")
        .args(arguments)
        .args(more)
        .output()
        .expect("it starts");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!error.contains("panicked"), "{error}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    (output.status.success(), lines.collect(), error)
}

/// The events without the times that the run took.
fn events(lines: &[Value]) -> Vec<Value> {
    let events = lines.iter().filter(|line| line["event"] != "summary");
    events
        .map(|event| {
            let mut event = event.clone();
            event
                .as_object_mut()
                .expect("an object")
                .remove("latency_ms");
            event
        })
        .collect()
}

#[test]
fn a_stream_with_bad_lines_goes_on() {
    let bench = Bench::new();
    let model = bench.file("model.onnx", good_model());
    let mut clean = clean_stream();
    // Joints that are null, have null coordinates or are nowhere are bridged: no fault of the line.
    let mut masked = frame(20, &recording(1, 0, 48));
    masked.people[0].joints[0] = Joint(None);
    masked.people[0].joints[1] = Joint(None);
    masked.people[0].joints[2] = Joint::at([12345.5, 0.0, 2.0]);
    masked.people[0].joints[3] = Joint::at([-1e30, 0.0, 2.0]);
    let masked = masked.to_line().replacen("[null,", "[[null,null,null],", 1);
    clean[20] = masked.replacen("[12345.5,", "[1e39,", 1);
    assert!(clean[20].contains("[[null,") && clean[20].contains("1e39"));
    let input = bench.file("clean.ndjson", clean.join("\n"));
    let (done, expected, _) = stream(&model, &input, &[]);
    assert!(done && events(&expected).len() > 2, "{expected:?}");

    let bad = bad_lines();
    let mut bytes = Vec::new();
    for line in &clean[..24] {
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n\n");
    }
    for (line, ..) in &bad {
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(clean[24..].join("\n").as_bytes());
    let input = bench.file("bad.ndjson", bytes);
    for backend in ["tract", "onnxruntime"] {
        let (done, lines, error) = stream(&model, &input, &["--backend", backend]);
        assert!(done, "{error}");
        for (i, (_, reason, parts)) in bad.iter().enumerate() {
            let start = format!("warning: {input}: line {}: ", 49 + i);
            let warning = error.lines().find(|line| line.starts_with(&start));
            let warning = warning.unwrap_or_else(|| panic!("no {start} ({reason}) in {error}"));
            for part in parts {
                assert!(warning.contains(part), "no {part} in {warning}");
            }
            assert!(warning.len() < 1000, "a long warning: {warning}");
        }
        let summary = lines.last().expect("a summary");
        let frames = &summary["frames"];
        assert_eq!(frames["in"], clean.len() + bad.len());
        assert_eq!(frames["used"], clean.len());
        let dropped = frames["dropped"].as_object().expect("an object");
        for (reason, count) in dropped {
            let expected = bad.iter().filter(|(_, why, _)| why == reason).count();
            assert_eq!(*count, expected, "{reason}");
        }
        let all: u64 = dropped.values().filter_map(Value::as_u64).sum();
        assert_eq!(all, bad.len() as u64);
        assert!(
            summary["joints"]["missing"].as_u64() >= Some(4),
            "{summary}"
        );
        // Nothing was lost and nothing was made up: as if the bad lines had not been there.
        if backend == "tract" {
            assert_eq!(events(&lines), events(&expected));
        }
        assert_eq!(events(&lines).len(), events(&expected).len());
        assert_eq!(summary["events"]["start"], summary["events"]["end"]);
    }
    let (_, lines, _) = stream(&model, &input, &["--hop", "0.1", "--smoothing", "0"]);
    for event in events(&lines) {
        assert!(event["confidence"].is_number(), "{event}");
    }
}

#[test]
fn a_stream_without_a_usable_line() {
    let bench = Bench::new();
    let model = bench.file("model.onnx", good_model());
    for (name, text, count) in [
        ("empty.ndjson", "", "0 lines"),
        ("words.ndjson", "some\nwords\n", "2 lines"),
    ] {
        let input = bench.file(name, text);
        let (done, lines, error) = stream(&model, &input, &[]);
        assert!(
            !done && error.contains(name) && error.contains(count),
            "{error}"
        );
        assert_eq!(lines.last().expect("a summary")["event"], "summary");
        refused(
            "aimclr-run",
            &["classify", "--model", &model, &input],
            &[name, count],
        );
        let gif = bench.text("out.gif");
        refused(
            "aimclr-run",
            &["render", "--model", &model, &input, "--out", &gif],
            &[name],
        );
        refused("aimclr-data", &["render", &input, "--out", &gif], &[name]);
        assert!(!bench.path("out.gif").exists(), "whole or not at all");
    }
    let nowhere = bench.text("nowhere.ndjson");
    let folder = bench.folder.path().display().to_string();
    for (input, part) in [
        (&nowhere, "No such file"),
        (&folder, "expected .json files"),
    ] {
        refused(
            "aimclr-run",
            &["stream", "--model", &model, "--input", input],
            &[input, part],
        );
    }
    // Where a clip is classified a bad line is left out, too, and told.
    let mut lines = clean_stream();
    lines.insert(3, "hello".into());
    let clip = bench.file("clip.ndjson", lines.join("\n"));
    let classify = ["classify", "--model", &model, "--json", &clip];
    let output = command("aimclr-run")
        .args(classify)
        .output()
        .expect("it starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && error.contains("clip.ndjson: line 4: "),
        "{error}"
    );
    let verdict: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(verdict["confidence"].is_number(), "{verdict}");
}

#[test]
fn a_truth_that_is_none() {
    let bench = Bench::new();
    let model = bench.file("model.onnx", good_model());
    let input = bench.file("clip.ndjson", clean_stream().join("\n"));
    let expected = "expected start,end,action";
    for (text, parts) in [
        (
            "start,end,action\n0,1,class 0\n2,1,class 1\n",
            ["line 3", "2 to 1"],
        ),
        (
            "start,end,action\n0,1,class 0\nsoon,3,class 1\n",
            ["line 3", "float"],
        ),
        ("start,end,action\n0,NaN,class 0\n", ["line 2", "0 to NaN"]),
        ("start,end,action\n0,1\n", ["line 2", "fields"]),
        ("0,1,class 0\n1,2,class 1\n", ["line 2", "start"]),
    ] {
        let truth = bench.file("truth.csv", text);
        for arguments in [
            [
                "stream",
                "--input",
                &input,
                "--out",
                &bench.text("events.ndjson"),
            ],
            [
                "render",
                &input,
                "--out",
                &bench.text("clip.gif"),
                "--fps=5",
            ],
        ] {
            let rest = ["--model", &model, "--truth", &truth];
            let parts = ["truth.csv", parts[0], parts[1], expected];
            refused("aimclr-run", &[&arguments[..], &rest].concat(), &parts);
        }
    }
    assert!(
        !bench.path("events.ndjson").exists(),
        "nothing was to be started"
    );
    let (done, _, error) = stream(&model, &input, &["--truth", &bench.text("nowhere.csv")]);
    assert!(
        !done && error.contains("nowhere.csv: No such file"),
        "{error}"
    );
}

#[test]
fn an_output_that_cannot_be_written() {
    let bench = Bench::new();
    let model = bench.file("model.onnx", good_model());
    let data = bench.data("data");
    let clip = bench.file("clip.ndjson", clean_stream().join("\n"));
    let truth = bench.file("truth.csv", "start,end,action\n0,3,class 0\n");
    let with = |name: &str| bench.text(&format!("nowhere/{name}"));
    let (events, gif, png, csv) = (with("events"), with("a.gif"), with("a.png"), with("a.csv"));
    let weights = bench.text("weights.safetensors");
    good_weights().write(Path::new(&weights)).expect("written");
    let stream = [
        "stream", "--model", &model, "--input", &clip, "--hop", "0.5",
    ];
    let report = ["--truth", &truth, "--report", &csv];
    let commands: [(&str, Vec<&str>); 7] = [
        ("aimclr-run", [&stream[..], &["--out", &events]].concat()),
        ("aimclr-run", [&stream[..], &report].concat()),
        (
            "aimclr-run",
            vec![
                "render", "--model", &model, &clip, "--fps", "2", "--out", &gif,
            ],
        ),
        ("aimclr-data", vec!["render", &data, "--out", &png]),
        ("aimclr-data", vec!["render", &clip, "--out", &gif]),
        ("aimclr-data", vec!["stream", &data, "--out", &events]),
        (
            "aimclr-data",
            vec!["stream", &data, "--out", "-", "--truth", &csv],
        ),
    ];
    for (name, arguments) in commands {
        refused(name, &arguments, &["nowhere/", "No such file"]);
    }
    // A file where a folder is to be.
    let result = [&evaluate(&data, "xsub", &weights)[..], &["--out", &clip]].concat();
    refused("aimclr-train", &result, &[&clip, "File exists"]);
    let generate = ["generate", "--out", &data];
    refused("aimclr-data", &generate, &[&data, "already", "--force"]);
    let generate = [
        "generate",
        "--subjects",
        "2",
        "--seconds",
        "1",
        "--out",
        &clip,
    ];
    refused("aimclr-data", &generate, &[&clip]);
}

#[test]
fn a_full_disk() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let bench = Bench::new();
    let data = bench.data("data");
    let full = ["stream", &data, "--out", "/dev/full"];
    refused("aimclr-data", &full, &["/dev/full", "No space left"]);
    let weights = bench.text("weights.safetensors");
    good_weights().write(Path::new(&weights)).expect("written");
    let full = ["onnx", "--weights", &weights, "--out", "/dev/full"];
    refused("aimclr-export", &full, &["/dev/full", "No space left"]);
    let model = bench.file("model.onnx", good_model());
    let clip = bench.file("clip.ndjson", clean_stream().join("\n"));
    let full = [
        "stream",
        "--model",
        &model,
        "--input",
        &clip,
        "--out",
        "/dev/full",
    ];
    refused("aimclr-run", &full, &["No space left"]);
}

#[test]
fn a_recording_is_not_overwritten_by_its_events() {
    let bench = Bench::new();
    let model = bench.file("model.onnx", good_model());
    let clip = bench.file("clip.ndjson", clean_stream().join("\n"));
    let stream = [
        "stream", "--model", &model, "--input", &clip, "--out", &clip,
    ];
    refused("aimclr-run", &stream, &["--out", "clip.ndjson", "--input"]);
    assert_eq!(
        fs::read_to_string(&clip).expect("there"),
        clean_stream().join("\n")
    );
}

#[test]
fn a_reader_that_has_had_enough() {
    let bench = Bench::new();
    let data = bench.data("data");
    let model = bench.file("model.onnx", good_model());
    let weights = bench.text("weights.safetensors");
    good_weights().write(Path::new(&weights)).expect("written");
    let clip = bench.file("clip.ndjson", clean_stream().join("\n"));
    let commands: [(&str, Vec<&str>, bool); 8] = [
        ("aimclr-data", vec!["stream", &data, "--out", "-"], true),
        ("aimclr-data", vec!["summary", &data], false),
        ("aimclr-train", evaluate(&data, "xsub", &weights), false),
        ("aimclr-export", vec!["inspect", &model], false),
        ("aimclr-export", vec!["inspect", &model, "--json"], false),
        (
            "aimclr-run",
            vec!["classify", "--model", &model, "--json", &data],
            false,
        ),
        (
            "aimclr-run",
            vec!["classify", "--model", &model, &data],
            false,
        ),
        (
            "aimclr-run",
            vec![
                "stream", "--model", &model, "--input", &clip, "--hop", "0.1",
            ],
            true,
        ),
    ];
    for (name, arguments, reads) in commands {
        let mut child = command(name);
        child
            .args(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = child.spawn().expect("it starts");
        let mut out = BufReader::with_capacity(64, child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        if reads {
            out.read_line(&mut line).expect("a line");
        }
        drop(out);
        let mut error = String::new();
        let mut pipe = child.stderr.take().expect("a pipe");
        pipe.read_to_string(&mut error).expect("UTF-8");
        let status = child.wait().expect("it ends");
        let said = format!("{name} {}: {status}\n{error}", arguments.join(" "));
        assert!(status.success(), "{said}");
        assert!(
            !error.contains("panicked") && !error.contains("error:"),
            "{said}"
        );
        assert_eq!(reads, !line.is_empty(), "{said}");
    }
}

#[test]
fn wrong_usage_has_its_own_exit_code_and_a_hint() {
    let data = "aimclr-data";
    misused(
        data,
        &["render", "x", "--out", "x.bmp"],
        &["--out", ".png or .gif", "x.bmp"],
    );
    misused(
        data,
        &["generate", "--out", "x", "--subjects", "0"],
        &["--subjects", "0"],
    );
    misused(
        data,
        &["generate", "--out", "x", "--fps", "nan"],
        &["--fps", "1 to 240"],
    );
    misused(data, &["stream", "x", "--out", "-", "--gap=-1"], &["--gap"]);
    misused(
        data,
        &["stream", "x", "--out", "-", "--where", "x"],
        &["--where", "COLUMN=VALUE"],
    );
    misused(
        data,
        &["stream", "x", "--out", "-", "--part", "test"],
        &["--split"],
    );
    let train = "aimclr-train";
    let pretrain = ["pretrain", "--data", "x", "--split", "x", "--out", "x"];
    for (wrong, part) in [
        (["--stream", "sight"], "joint, motion, bone"),
        (["--batch-size", "many"], "--batch-size"),
        (["--window", "2"], "--hop"),
        (["--threads", "0"], "--threads"),
        (["--augment", "all"], "released"),
        (["--bach-size", "4"], "--batch-size"),
    ] {
        misused(train, &[&pretrain[..], &wrong].concat(), &[part, "--help"]);
    }
    misused(
        train,
        &[&pretrain[..], &["--resume", "--force"]].concat(),
        &["--force", "--resume"],
    );
    misused(train, &["evaluate", "guess"], &["guess", "--help"]);
    misused(train, &["evaluate", "knn", "--data", "x"], &["--weights"]);
    let export = "aimclr-export";
    misused(export, &["onnx", "--weights", "x"], &["--out", "--help"]);
    misused(
        export,
        &["onnx", "--weight", "x", "--out", "y"],
        &["--weights"],
    );
    let verify = ["verify", "x", "--weights", "y", "--backend", "torch"];
    misused(export, &verify, &["known: tract, onnxruntime"]);
    let runs = "aimclr-run";
    let stream = ["stream", "--model", "m.onnx"];
    for (wrong, part) in [
        (["--device", "gpu"], "cpu, cuda, cuda:N"),
        (["--backend", "torch"], "tract, onnxruntime"),
        (["--window", "0"], "--window"),
        (["--threshold", "2"], "--threshold"),
        (["--report", "r.csv"], "--truth"),
        (["--inptu", "x"], "--input"),
    ] {
        misused(runs, &[&stream[..], &wrong].concat(), &[part, "--help"]);
    }
    misused(runs, &["classify", "clip.ndjson"], &["--model", "--help"]);
    for name in [data, train, export, runs] {
        misused(name, &["dance"], &["dance", "--help"]);
    }
}
