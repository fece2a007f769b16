//! People as a 2D pose estimator sees them: layout coco17 from a data set to labels.

use crate::binaries::run;
use aimclr_skeleton::dataset::{FORMAT, Meta, Sample, Split, Writer};
use aimclr_skeleton::motions::{self, ACTIONS, Subject};
use aimclr_skeleton::{Layout, Sequence};
use serde_json::Value;
use std::path::Path;

const FPS: f64 = 20.0;
const SUBJECTS: u32 = 8;
const UNSEEN: [i64; 2] = [7, 8];
/// Every third action: those that are left differ in more than a detail.
const STEP: usize = 3;

/// The joint of ntu25 that each joint of coco17 is at, and how far beside it in metres.
const SEEN: [(usize, f32); 17] = [
    (3, 0.0),
    (3, -0.03),
    (3, 0.03),
    (3, -0.07),
    (3, 0.07),
    (4, 0.0),
    (8, 0.0),
    (5, 0.0),
    (9, 0.0),
    (6, 0.0),
    (10, 0.0),
    (12, 0.0),
    (16, 0.0),
    (13, 0.0),
    (17, 0.0),
    (14, 0.0),
    (18, 0.0),
];

/// What a camera with 900 pixels of focal length sees, y down; the right wrist is lost in every
/// seventh frame.
fn picture(body: &Sequence) -> Sequence {
    let mut seen = Sequence::zeros(body.frames, 1, SEEN.len());
    for t in 0..body.frames {
        for (v, (joint, beside)) in SEEN.into_iter().enumerate() {
            let [x, y, z] = body.joint(t, 0, joint);
            let scale = 900.0 / z.max(1.0);
            let confidence = 0.5 + 0.4 * (v as f32 / SEEN.len() as f32);
            let lost = v == 10 && t % 7 == 0;
            if !lost {
                let at = [960.0 + scale * (x + beside), 540.0 - scale * y, confidence];
                seen.set_joint(t, 0, v, at);
            }
        }
    }
    seen
}

fn data(folder: &Path) {
    let actions: Vec<_> = ACTIONS.into_iter().step_by(STEP).collect();
    let meta = Meta {
        format: FORMAT.into(),
        name: "people in pictures".into(),
        license: "CC0-1.0".into(),
        citation: String::new(),
        units: "pixel".into(),
        fps: FPS,
        layout: "coco17".into(),
        bodies: 1,
        classes: actions.iter().map(|a| a.name().into()).collect(),
        splits: [("xsub".to_string(), Split::by_test("subject", UNSEEN))].into(),
    };
    let mut writer = Writer::create(folder, meta).expect("created");
    for subject in 1..=SUBJECTS {
        for (label, action) in actions.iter().enumerate() {
            for take in 1..=2 {
                let who = Subject::new(3, subject);
                let body = motions::recording(&who, *action, take, 2.5, FPS);
                let seen = picture(&body);
                let sample = Sample {
                    name: format!("p{subject}_{label}_{take}"),
                    frames: seen.frames,
                    label,
                    columns: [("subject".to_string(), subject.to_string())].into(),
                };
                writer.push(&sample, seen.view()).expect("pushed");
            }
        }
    }
    writer.finish().expect("finished");
}

#[test]
fn a_model_of_2d_poses_says_in_the_graph_what_it_said_in_training() {
    let layout = Layout::by_name("coco17").expect("known");
    assert_eq!((layout.len(), layout.is_2d()), (SEEN.len(), true));
    let folder = tempfile::tempdir().expect("folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    data(&folder.path().join("data"));
    let (data, encoder, linear) = (path("data"), path("encoder"), path("linear"));
    run("aimclr-data", &["summary", &data]);
    run(
        "aimclr-data",
        &["render", &data, "--out", &path("sheet.png")],
    );
    // Bones: a difference of two joints, either of which may be missing.
    run(
        "aimclr-train",
        &[
            "pretrain",
            "--data",
            &data,
            "--split",
            "xsub",
            "--out",
            &encoder,
            "--stream",
            "bone",
            "--epochs",
            "3",
            "--lr",
            "0.02",
            "--batch-size",
            "24",
            "--queue-size",
            "72",
            "--mining-epoch",
            "2",
            "--device",
            "cpu",
            "--threads",
            "1",
        ],
    );
    let result = run(
        "aimclr-train",
        &[
            "evaluate",
            "linear",
            "--data",
            &data,
            "--split",
            "xsub",
            "--weights",
            &encoder,
            "--out",
            &linear,
            "--scaling",
            "whiten",
            "--pooled",
            "every",
            "--lr",
            "0.1",
            "--select",
            "last",
            "--json",
            "--device",
            "cpu",
            "--threads",
            "1",
        ],
    );
    let result: Value = serde_json::from_str(&result).expect("a result");
    let top1 = result["top1"].as_f64().expect("top1");
    let classes = result["per_class"].as_array().expect("classes").len();
    assert!(
        top1 > 3.0 * 100.0 / classes as f64,
        "{top1} % of {classes} classes"
    );

    let model = path("model.onnx");
    run(
        "aimclr-export",
        &["onnx", "--weights", &linear, "--out", &model],
    );
    run("aimclr-export", &["verify", &model, "--weights", &linear]);
    let lines = run(
        "aimclr-run",
        &[
            "classify", "--model", &model, "--json", "--split", "xsub", &data,
        ],
    );
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let right = lines.iter().filter(|line| line["action"] == line["truth"]);
    let share = 100.0 * right.count() as f64 / lines.len() as f64;
    assert_eq!(
        lines.len() as u64,
        result["samples"].as_u64().expect("a count")
    );
    assert!(
        (share - top1).abs() < 1e-6,
        "{share} % live, {top1} % in training"
    );
}
