//! Bodies of another layout than the model's: through the binaries as they come, and brought over
//! by hand first.

use crate::binaries::{command, refusal};
use crate::conformance;
use aimclr_model::plan::{Plan, Pooled};
use aimclr_skeleton::dataset::{FORMAT, Meta, Sample, Writer};
use aimclr_skeleton::frame::Joint;
use aimclr_skeleton::motions::{self, ACTIONS, Subject};
use aimclr_skeleton::{Frame, Layout, Person, Sequence, Stream};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

const FPS: f64 = 20.0;

/// A model with random weights for bodies of a layout: it tells every difference.
fn model(folder: &Path, layout: &Layout) -> String {
    let path = folder.join(format!("{}.onnx", layout.name));
    let mut weights = conformance::of_plan(
        Plan::paper(layout.len()),
        layout.clone(),
        Stream::Joint,
        1,
        Pooled::Last,
        true,
    );
    let card = weights.card.as_mut().expect("a card");
    card.window = 1.0;
    card.frames = 20;
    conformance::export(weights, &path);
    path.display().to_string()
}

/// Three seconds of one person of the 25 joints.
fn body() -> Sequence {
    motions::recording(&Subject::new(5, 2), ACTIONS[4], 1, 3.0, FPS)
}

/// A body with joint `v` of a layout where `place` has it in frame `t`; lost where it has none.
fn moved(layout: &Layout, place: impl Fn(usize, &str) -> Option<[f32; 4]>) -> Vec<Vec<Joint>> {
    let joints = |t| {
        let joints = layout.joints.iter().map(|name| Joint(place(t, name)));
        joints.collect()
    };
    (0..body().frames).map(joints).collect()
}

/// A joint of the 25 by its name.
fn at(body: &Sequence, t: usize, name: &str) -> Option<[f32; 3]> {
    Some(body.joint(t, 0, Layout::ntu25().joint(name)?))
}

fn half([a, b]: [[f32; 3]; 2]) -> [f32; 3] {
    std::array::from_fn(|c| (a[c] + b[c]) / 2.0)
}

fn stream(path: &Path, layout: &str, bodies: &[Vec<Joint>]) -> String {
    let frame = |(t, joints): (usize, &Vec<Joint>)| {
        let frame = Frame {
            t: (t as f64 + 0.5) / FPS,
            source: String::new(),
            layout: Some(layout.into()),
            people: vec![Person {
                id: Some(1),
                joints: joints.clone(),
            }],
        };
        frame.to_line() + "\n"
    };
    let text: String = bodies.iter().enumerate().map(frame).collect();
    std::fs::write(path, text).expect("written");
    path.display().to_string()
}

fn data(folder: &Path, layout: &Layout, bodies: &[Vec<Joint>]) -> String {
    let meta = Meta {
        format: FORMAT.into(),
        name: layout.name.clone(),
        license: "CC0-1.0".into(),
        citation: String::new(),
        units: layout.units().into(),
        fps: FPS,
        layout: layout.name.clone(),
        bodies: 1,
        classes: vec!["something".into()],
        splits: BTreeMap::new(),
    };
    let mut clip = Sequence::zeros(bodies.len(), 1, layout.len());
    for (t, joints) in bodies.iter().enumerate() {
        for (v, joint) in joints.iter().enumerate() {
            let [x, y, z] = joint.seen().unwrap_or_default();
            let third = if layout.is_2d() {
                joint.confidence()
            } else {
                z
            };
            clip.set_joint(t, 0, v, [x, y, third]);
        }
    }
    let mut writer = Writer::create(folder, meta).expect("created");
    let sample = Sample {
        name: "one".into(),
        frames: clip.frames,
        label: 0,
        columns: BTreeMap::new(),
    };
    writer.push(&sample, clip.view()).expect("pushed");
    writer.finish().expect("finished");
    folder.display().to_string()
}

/// What a command of `aimclr-run` prints, without what differs from run to run, and what it says.
fn lines(arguments: &[&str]) -> (Vec<Value>, String) {
    let output = command("aimclr-run").args(arguments).output().expect("run");
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.success(), "{error}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines = text.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).expect("JSON");
        let fields = line.as_object_mut().expect("an object");
        for field in [
            "latency_ms",
            "inference_ms",
            "wall_seconds",
            "file",
            "joints",
        ] {
            fields.remove(field);
        }
        line
    });
    (lines.collect(), error)
}

/// Probabilities are rounded to four digits and may fall on either side.
fn near(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            (a.as_f64().expect("a number") - b.as_f64().expect("a number")).abs() < 2e-4
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| near(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|o| near(v, o)))
        }
        _ => a == b,
    }
}

/// Stream, clip and data set of bodies in one layout say what those say that were brought over by
/// hand, and `note` once each.
fn same((from, theirs): (&str, &[Vec<Joint>]), (onto, ours): (&str, &[Vec<Joint>]), note: &str) {
    let folder = tempfile::tempdir().expect("folder");
    let folder = folder.path();
    let layout = |name: &str| Layout::by_name(name).expect("known");
    let model = model(folder, &layout(onto));
    let inputs = [(from, theirs), (onto, ours)].map(|(name, bodies)| {
        let clip = stream(&folder.join(format!("{name}.ndjson")), name, bodies);
        let data = data(&folder.join(name), &layout(name), bodies);
        (clip, data)
    });
    let [theirs, ours] = inputs.map(|(clip, data)| {
        [
            lines(&[
                "stream", "--model", &model, "--input", &clip, "--hop", "0.5",
            ]),
            lines(&["classify", "--model", &model, "--json", &clip]),
            lines(&["classify", "--model", &model, "--json", &data]),
            lines(&[
                "classify", "--model", &model, "--json", "--window", "1", &data,
            ]),
        ]
    });
    for ((theirs, said), (ours, quiet)) in theirs.iter().zip(&ours) {
        assert!(!ours.is_empty() && theirs.len() == ours.len(), "{from}");
        for (a, b) in theirs.iter().zip(ours) {
            assert!(near(a, b), "{from}:\n{a}\n{b}");
        }
        assert_eq!(said.matches(note).count(), 1, "{said}");
        assert!(!quiet.contains("note"), "{quiet}");
    }
    assert!(theirs[0].0.len() > 4, "events");
    // A clip that lies in a file and the same in a data set.
    let confidence = |i: usize| &ours[i].0[0]["top"];
    assert!(near(confidence(1), confidence(2)), "{:?}", ours);
}

#[test]
fn azure_kinect_bodies_are_what_they_would_be_as_ntu25() {
    let body = body();
    let azure = Layout::by_name("azure32").expect("known");
    let theirs = moved(&azure, |t, name| {
        let name = match name {
            "pelvis" => "spine base",
            "navel" => "spine mid",
            // Their middle is the spine between the shoulders.
            "left clavicle" | "right clavicle" => "spine shoulder",
            "chest" | "nose" | "left eye" | "right eye" | "left ear" | "right ear" => "spine mid",
            name => name,
        };
        let [x, y, z] = at(&body, t, name)?;
        Some([x, y, z, 1.0])
    });
    let ours = moved(&Layout::ntu25(), |t, name| {
        let [x, y, z] = at(&body, t, name)?;
        Some([x, y, z, 1.0])
    });
    let note = "azure32 is brought onto ntu25";
    assert!(theirs.iter().flatten().all(|joint| joint.0.is_some()));
    same(("azure32", &theirs), ("ntu25", &ours), note);
}

#[test]
fn mediapipe_bodies_are_what_they_would_be_as_ntu25() {
    let body = body();
    let mediapipe = Layout::by_name("mediapipe33").expect("known");
    let place = |t: usize, name: &str| {
        let side = |rest: &str| name.replace(rest, "").trim().to_string();
        let name = match name {
            _ if name.ends_with("pinky") => side("pinky") + " hand",
            _ if name.ends_with("index") => side("index") + " hand tip",
            _ if name.ends_with("toe") => side("toe") + " foot",
            _ if name.ends_with("heel") => side("heel") + " ankle",
            _ if ["nose", "eye", "ear", "mouth"]
                .iter()
                .any(|p| name.contains(p)) =>
            {
                "head".into()
            }
            _ => name.to_string(),
        };
        at(&body, t, &name).expect("there")
    };
    let theirs = moved(&mediapipe, |t, name| {
        let [x, y, z] = place(t, name);
        Some([x, y, z, 1.0])
    });
    let ours = moved(&Layout::ntu25(), |t, name| {
        let middle = |part: &str| half(["left", "right"].map(|s| place(t, &format!("{s} {part}"))));
        let hand = |side: &str| half(["pinky", "index"].map(|p| place(t, &format!("{side} {p}"))));
        let [x, y, z] = match name {
            "spine base" => middle("hip"),
            "spine mid" => half([middle("hip"), middle("shoulder")]),
            "spine shoulder" => middle("shoulder"),
            "neck" => {
                let (shoulders, head) = (middle("shoulder"), place(t, "nose"));
                std::array::from_fn(|c| 0.7 * shoulders[c] + 0.3 * head[c])
            }
            "left hand" => hand("left"),
            "right hand" => hand("right"),
            name => at(&body, t, name)?,
        };
        Some([x, y, z, 1.0])
    });
    let note = "mediapipe33 is brought onto ntu25";
    same(("mediapipe33", &theirs), ("ntu25", &ours), note);
}

#[test]
fn what_kinect20_has_no_source_for_goes_where_it_is_likely_and_that_is_told() {
    let body = body();
    let kinect = Layout::by_name("kinect20").expect("known");
    let place = |t: usize, name: &str| {
        let name = match name {
            "hip centre" => "spine base",
            "spine" => "spine mid",
            "shoulder centre" => "spine shoulder",
            name => name,
        };
        at(&body, t, name).expect("there")
    };
    let theirs = moved(&kinect, |t, name| {
        let [x, y, z] = place(t, name);
        Some([x, y, z, 1.0])
    });
    let ours = moved(&Layout::ntu25(), |t, name| {
        let [x, y, z] = match name {
            "neck" => {
                let (trunk, head) = (place(t, "spine shoulder"), place(t, "head"));
                std::array::from_fn(|c| 0.7 * trunk[c] + 0.3 * head[c])
            }
            "left hand tip" | "left thumb" => place(t, "left hand"),
            "right hand tip" | "right thumb" => place(t, "right hand"),
            name => place(t, name),
        };
        Some([x, y, z, 1.0])
    });
    let note = "put where they are likely: left hand tip, left thumb, right hand tip, right thumb";
    same(("kinect20", &theirs), ("ntu25", &ours), note);
}

#[test]
fn openpose_bodies_are_what_they_would_be_as_coco17() {
    let body = body();
    // A camera with 900 pixels of focal length, y down; the right wrist is lost now and then.
    let seen = |t: usize, name: &str| {
        let name = match name {
            "neck" | "mid hip" => "spine mid",
            name if ["nose", "eye", "ear"].iter().any(|p| name.contains(p)) => "head",
            name => name,
        };
        let [x, y, z] = at(&body, t, name).or_else(|| at(&body, t, "left foot"))?;
        let lost = name == "right wrist" && t % 7 < 2;
        let confidence = 0.4 + 0.02 * (t % 20) as f32;
        (!lost).then(|| {
            [
                960.0 - 900.0 * x / z,
                540.0 - 900.0 * y / z,
                0.0,
                confidence,
            ]
        })
    };
    let layout = |name: &str| Layout::by_name(name).expect("known");
    let theirs = moved(&layout("body25"), seen);
    let ours = moved(&layout("coco17"), seen);
    let note = "body25 is brought onto coco17";
    same(("body25", &theirs), ("coco17", &ours), note);
}

#[test]
fn bodies_without_depth_are_refused_with_what_would_do() {
    let folder = tempfile::tempdir().expect("folder");
    let folder = folder.path();
    let layout = Layout::by_name("coco17").expect("known");
    let flat = moved(&layout, |_, _| Some([320.0, 240.0, 0.0, 0.5]));
    let clip = stream(&folder.join("flat.ndjson"), "coco17", &flat);
    let data = data(&folder.join("flat"), &layout, &flat);
    let model = model(folder, &Layout::ntu25());
    let gif = folder.join("flat.gif").display().to_string();
    for arguments in [
        vec!["stream", "--model", &model, "--input", &clip],
        vec!["classify", "--model", &model, &clip],
        vec!["classify", "--model", &model, &data],
        vec!["render", "--model", &model, &clip, "--out", &gif],
    ] {
        let error = refusal("aimclr-run", &arguments);
        let expected = "\"coco17\" has no known way onto \"ntu25\", it has no depth; \
                        expected ntu25, kinect20, mediapipe33, azure32, nvidia34";
        assert!(error.contains(expected), "{error}");
    }
}
