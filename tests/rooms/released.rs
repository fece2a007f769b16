//! .skeleton files through the exported graph and the runtime, against what an independent reading
//! of the released code says of the same files, computed in Python.

use crate::binaries::{root, run, shared};
use crate::conformance;
use aimclr_model::card::Calibration;
use aimclr_model::onnx::ModelFile;
use aimclr_model::plan::{Plan, Pooled};
use aimclr_skeleton::motions::{self, ACTIONS, Action, Subject};
use aimclr_skeleton::{Layout, Sequence, Stream};
use serde_json::Value;
use std::fmt::Write;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

/// `classify` prints four decimals.
const TOLERANCE: f64 = 1.1e-4;

/// Somebody in a recording: an id, movements, and the frames in which the sensor has them.
struct Person {
    id: u64,
    body: Sequence,
    there: Range<usize>,
}

fn person(id: u64, subject: u32, action: Action, there: Range<usize>) -> Person {
    let seconds = there.len() as f64 / 30.0 + 0.5;
    let body = motions::recording(&Subject::new(11, subject), action, 1, seconds, 30.0);
    assert!(body.frames >= there.len());
    Person { id, body, there }
}

/// A file in NTU RGB+D's format.
fn skeleton(frames: usize, people: &[Person], end: &str) -> String {
    let mut text = format!("{frames}{end}");
    for t in 0..frames {
        let there: Vec<&Person> = people.iter().filter(|p| p.there.contains(&t)).collect();
        write!(text, "{}{end}", there.len()).expect("written");
        for Person { id, body, there } in there {
            write!(text, "{id} 0 1 1 1 1 0 0.0512 -0.2731 2{end}25{end}").expect("written");
            for v in 0..body.joints {
                let [x, y, z] = body.joint(t - there.start, 0, v);
                let rest = "281.34 168.72 1031.5 371.2 -0.21 0.033 0.97 -0.105 2";
                write!(text, "{x} {y} {z} {rest}{end}").expect("written");
            }
        }
    }
    text
}

/// Recordings that differ in what readers go wrong on.
fn recordings() -> [(&'static str, String); 5] {
    let alone = [person(72057594037944738, 1, ACTIONS[3], 0..63)];
    let two = [
        person(18446744073709551615, 2, ACTIONS[5], 0..80),
        person(10000000000000000001, 3, ACTIONS[8], 0..80),
    ];
    // Nobody in frames 0 to 3 and 45 to 47, and from 96 on; three people in frames 60 to 69; the
    // second person is the first of the file while the first one is away.
    let come_and_go = [
        person(7, 4, ACTIONS[1], 4..45),
        person(7, 4, ACTIONS[2], 58..90),
        person(8, 5, ACTIONS[9], 48..70),
        person(9, 6, ACTIONS[12], 60..96),
    ];
    let long = [person(3, 7, ACTIONS[6], 0..340)];
    let late = [
        person(5, 8, ACTIONS[0], 30..70),
        person(6, 9, ACTIONS[4], 0..50),
    ];
    [
        ("S001C001P001R001A001", skeleton(63, &alone, "\n")),
        ("S001C002P001R001A002", skeleton(80, &two, "\r\n")),
        ("S001C002P001R002A003", skeleton(101, &come_and_go, "\n")),
        ("S001C003P002R001A004", skeleton(340, &long, "\n")),
        ("S001C003P002R002A005", skeleton(70, &late, "\r\n")),
    ]
}

/// Writes the recordings; gives their paths.
fn files(folder: &Path) -> Vec<String> {
    let write = |(name, text): (&str, String)| {
        let path = folder.join(format!("{name}.skeleton"));
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    recordings().into_iter().map(write).collect()
}

/// Probabilities of all classes, file by file, computed by `tests/released/pipeline.py`.
fn by_python(weights: &Path, files: &[String]) -> Vec<Vec<f64>> {
    let output = Command::new("python3")
        .arg(root().join("tests/released/pipeline.py"))
        .arg(weights)
        .args(files)
        .output()
        .expect("python3 starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let probabilities = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        serde_json::from_value(line["probabilities"].clone()).expect("numbers")
    };
    lines.lines().map(probabilities).collect()
}

/// Exports `weights`, classifies the files, and holds every probability that is printed against
/// Python's.
fn compare(folder: &Path, weights: &Path, more: &[&str], files: &[String]) {
    let model = folder.join("model.onnx").display().to_string();
    let from = weights.display().to_string();
    let export = ["onnx", "--weights", &from, "--out", &model];
    run("aimclr-export", &[&export[..], more].concat());
    let classes = ModelFile::read(Path::new(&model))
        .expect("read")
        .card
        .classes;
    let expected = by_python(weights, files);
    let mut classify = vec!["classify", "--model", &model, "--json"];
    classify.extend(files.iter().map(String::as_str));
    let lines = run("aimclr-run", &classify);
    assert_eq!(lines.lines().count(), files.len(), "{lines}");
    for (line, expected) in lines.lines().zip(&expected) {
        assert_eq!(expected.len(), classes.len());
        let line: Value = serde_json::from_str(line).expect("JSON");
        let top = line["top"].as_array().expect("the best classes");
        assert!(top.len() >= 5.min(classes.len()), "{line}");
        let highest = expected.iter().copied().fold(0.0, f64::max);
        for entry in top {
            let class = classes.iter().position(|class| entry[0] == **class);
            let found = entry[1].as_f64().expect("a probability");
            let expected = expected[class.expect("a class of the card")];
            assert!(
                (found - expected).abs() < TOLERANCE,
                "{line}: {expected} by the released code's way"
            );
        }
        let first = top[0][1].as_f64().expect("a probability");
        assert!((first - highest).abs() < TOLERANCE, "{line}: {highest}");
    }
    // Files that all look the same to the model would not show a difference.
    for (a, b) in expected.iter().zip(&expected[1..]) {
        let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        let apart = apart.fold(0.0, f64::max);
        assert!(apart > 50.0 * TOLERANCE, "{apart}: {a:?} {b:?}");
    }
}

#[test]
fn a_skeleton_file_is_classified_as_the_released_code_does() {
    let folder = tempfile::tempdir().expect("folder");
    let plan = Plan {
        hidden_channels: 4,
        hidden_dim: 24,
        ..Plan::paper(25)
    };
    let mut weights =
        conformance::of_plan(plan, Layout::ntu25(), Stream::Joint, 2, Pooled::Last, true);
    weights.card.as_mut().expect("a card").calibration = Calibration::default();
    let path = folder.path().join("weights.safetensors");
    weights.write(&path).expect("written");
    compare(folder.path(), &path, &[], &files(folder.path()));
}

#[test]
fn the_released_checkpoint_names_a_skeleton_file_as_the_released_code_does() {
    let Some(weights) = shared("weights/aimclr_ntu60_xview_joint_linear.pt") else {
        return;
    };
    let folder = tempfile::tempdir().expect("folder");
    let files = files(folder.path());
    compare(
        folder.path(),
        &weights,
        &["--classes", "ntu60"],
        &files[2..4],
    );
}
