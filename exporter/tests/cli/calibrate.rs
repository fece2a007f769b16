//! Exports with a data set to calibrate and measure on.

use super::{Folder, fails, run, text};
use aimclr_model::weights::Weights;
use aimclr_skeleton::dataset::{FORMAT, Meta, Sample, Split, Writer};
use aimclr_skeleton::{Layout, Sequence};
use std::collections::BTreeMap;
use std::path::Path;

const CLASSES: [&str; 3] = ["wave", "clap", "bow"];

/// Sequences that swing, `each` of every class for every one of two subjects, of whom the second is
/// for testing.
fn data_set(folder: &Folder, name: &str, layout: &str, classes: &[&str], each: usize) -> String {
    let path = folder.path(name);
    let known = Layout::by_name(layout).expect("known");
    let meta = Meta {
        format: FORMAT.into(),
        name: name.into(),
        license: "CC0-1.0".into(),
        citation: String::new(),
        units: known.units().into(),
        fps: 30.0,
        layout: layout.into(),
        bodies: 1,
        classes: classes.iter().map(|name| name.to_string()).collect(),
        splits: BTreeMap::from([("xsub".into(), Split::by_test("subject", [2]))]),
    };
    let mut writer = Writer::create(&path, meta).expect("created");
    for i in 0..2 * each * classes.len() {
        let (label, subject) = (i % classes.len(), 1 + i / classes.len() % 2);
        let frames = 20 + i;
        let mut joints = Sequence::zeros(frames, 1, known.len());
        for t in 0..frames {
            for v in 0..known.len() {
                let swing = ((t * (label + 1)) as f32 / 9.0 + (v * i) as f32).sin();
                let place = [v as f32 * 0.05, swing * 0.3, 2.0 + swing * 0.1];
                joints.set_joint(t, 0, v, place);
            }
        }
        let sample = Sample {
            name: format!("s{i}"),
            frames,
            label,
            columns: BTreeMap::from([("subject".into(), subject.to_string())]),
        };
        writer.push(&sample, joints.view()).expect("pushed");
    }
    writer.finish().expect("finished");
    path.display().to_string()
}

#[test]
fn scores_are_calibrated_and_the_card_says_how_well() {
    let folder = Folder::new();
    let weights = folder.weights(|_| ());
    let data = data_set(&folder, "swings", "ntu25", &CLASSES, 8);
    let (model, names) = (folder.text("model.onnx"), folder.text("names.txt"));
    std::fs::write(&names, "arms\narms\nbow\n").expect("written");
    let arguments = [
        "onnx",
        "--weights",
        &weights,
        "--out",
        &model,
        "--calibrate",
        &data,
    ];
    // The data set's names are those of the weights, whatever the classes are called now.
    for (more, classes) in [(&[][..], 3), (&["--classes", names.as_str()], 2)] {
        let with = |extra: &[&str]| run(&[&arguments[..], more, extra].concat());
        let output = with(&[]);
        let said = text(&output.stdout);
        assert!(output.status.success(), "{}", text(&output.stderr));
        for part in [
            "fitted on 12 windows of swings, xsub, measured on 12 others",
            "ECE",
            "NLL",
            "probability",
            "stay known",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let first = std::fs::read(&model).expect("a model");
        let output = with(&["--json"]);
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let calibration = &said["calibration"];
        let bins = calibration["reliability_after"].as_array().expect("bins");
        let windows = bins.iter().map(|bin| bin["windows"].as_u64().expect("n"));
        assert_eq!(windows.sum::<u64>(), 12, "{calibration}");
        assert_ne!(calibration["temperature"], 1.0);

        let summary = run(&["inspect", &model, "--json"]);
        let summary: serde_json::Value = serde_json::from_slice(&summary.stdout).expect("JSON");
        let card = &summary["card"];
        assert_eq!(card["classes"].as_array().map(Vec::len), Some(classes));
        for field in ["temperature", "unknown_below", "fitted"] {
            assert_eq!(card["calibration"][field], calibration[field], "{field}");
        }
        let nll = |field: &str| card["calibration"]["fitted"][field].as_f64().expect("NLL");
        assert!(nll("nll_after") < nll("nll_before"), "{card}");
        let again = std::fs::read(&model).expect("a model");
        // Times that were measured differ.
        assert!(first.len().abs_diff(again.len()) < 100);
        let output = run(&["verify", &model, "--weights", &weights]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
}

#[test]
fn a_data_set_that_does_not_fit_is_refused_and_leaves_no_file() {
    let folder = Folder::new();
    let weights = folder.weights(|_| ());
    let out = folder.text("model.onnx");
    let refused = |data: &str, more: &[&str], parts: &[&str]| {
        let arguments = ["onnx", "--weights", &weights, "--out", &out];
        fails(
            &[&arguments[..], &["--calibrate", data], more].concat(),
            parts,
        );
        assert!(!Path::new(&out).exists(), "a file was left behind");
    };
    let flat = data_set(&folder, "flat", "coco17", &CLASSES, 2);
    refused(
        &flat,
        &[],
        &["flat", "its layout is coco17, the model's ntu25"],
    );
    let others = data_set(&folder, "others", "ntu25", &["wave", "jump"], 2);
    let known = "its class \"jump\" is none of the model's: wave, clap, bow";
    refused(&others, &[], &["others", known]);
    let few = data_set(&folder, "few", "ntu25", &CLASSES, 1);
    refused(&few, &[], &["few", "\"xsub\" has no class with two"]);
    refused(&few, &["--split", "xview"], &["few", "xview", "xsub"]);
    refused(&folder.text("nothing"), &[], &["nothing", "dataset.toml"]);
}

#[test]
fn a_card_that_was_edited_by_hand_is_refused_by_its_field() {
    let folder = Folder::new();
    let weights = folder.weights(|_| ());
    let model = folder.text("model.onnx");
    let export = ["onnx", "--weights", &weights, "--out", &model];
    assert!(run(&export).status.success());
    let bytes = std::fs::read(&model).expect("a model");
    for (from, to, field) in [
        ("\"frames\":50", "\"frames\": 0", "frames"),
        ("\"clap\"", "\"wave\"", "classes"),
        ("\"fusion\":[1.0]", "\"fusion\":[-10]", "fusion"),
        ("\"joint\"]", "\"bones\"]", "streams"),
        ("\"temperature\":1.0", "\"temperature\":0.0", "calibration"),
    ] {
        let at = bytes.windows(from.len()).position(|w| w == from.as_bytes());
        let mut edited = bytes.clone();
        let at = at.expect("such a field");
        edited[at..at + to.len()].copy_from_slice(to.as_bytes());
        std::fs::write(&model, edited).expect("written");
        let parts = ["model.onnx", "model card", field];
        fails(&["inspect", &model], &parts);
        fails(&["verify", &model, "--weights", &weights], &parts);
    }
    std::fs::remove_file(&model).expect("removed");
    folder.weights(|weights: &mut Weights| {
        let card = weights.card.as_mut().expect("a card");
        card.classes[2] = "wave".into();
    });
    fails(
        &export,
        &["weights.safetensors", "classes", "\"wave\" twice"],
    );
    assert!(!Path::new(&model).exists());
}
