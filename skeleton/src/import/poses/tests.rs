//! Every form through the same door: a folder on disk, the source, and a data set where it matters.

use super::*;
use crate::dataset::{Dataset, Part};
use crate::import::{Options, import};
use serde_json::json;
use std::fs;
use std::sync::atomic::AtomicBool;

fn about(bodies: usize) -> About {
    About {
        said: Said {
            fps: 10.0,
            ..Said::default()
        },
        bodies,
    }
}

/// A folder with these files.
fn folder(files: &[(&str, String)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("folder");
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    root
}

fn clip(source: &dyn Source) -> Sequence {
    assert_eq!(source.len(), 1);
    source.read(0).expect("read").remove(0).joints
}

fn refused(source: Result<impl Source, ImportError>) -> String {
    let error = source.and_then(|source| source.read(0));
    error.expect_err("refused").to_string()
}

/// Joint v at (10 v + x, 5 v + 1) with confidence 0.5.
fn triples(joints: usize, x: f32) -> Vec<f32> {
    (0..joints)
        .flat_map(|v| [10.0 * v as f32 + x, 5.0 * v as f32 + 1.0, 0.5])
        .collect()
}

fn openpose_frame(people: &[(i64, Vec<f32>)]) -> String {
    let person = |(id, numbers): &(i64, Vec<f32>)| json!({"person_id": [id], "pose_keypoints_2d": numbers, "face_keypoints_2d": []});
    let people: Vec<_> = people.iter().map(person).collect();
    json!({"version": 1.3, "people": people}).to_string()
}

const PIXELS: openpose::Take = openpose::Take::Picture(None);

#[test]
fn openpose_counts_frames_by_file_and_zeros_are_missing() {
    let mut lost = triples(25, 7.0);
    lost[3..6].fill(0.0);
    let files = [
        (
            "wave/a/v_000000000003_keypoints.json",
            openpose_frame(&[(-1, lost)]),
        ),
        ("wave/a/v_000000000004_keypoints.json", openpose_frame(&[])),
        (
            "wave/a/v_000000000006_keypoints.json",
            openpose_frame(&[(-1, triples(25, 8.0)), (-1, vec![0.0; 75])]),
        ),
    ];
    let root = folder(&files);
    let out = tempfile::tempdir().expect("folder");
    let source = openpose::open(root.path(), about(2), PIXELS).expect("opened");
    let stop = AtomicBool::new(false);
    import(&source, out.path(), &Options::default(), &stop, &mut |_| ()).expect("imported");
    let dataset = Dataset::open(out.path()).expect("a data set");
    assert_eq!(dataset.meta().units, "pixel");
    assert_eq!(dataset.samples()[0].name, "wave/a");
    let clip = dataset.sequence(0).expect("finite");
    assert_eq!((clip.frames, clip.bodies, clip.joints), (4, 2, 25));
    assert_eq!(clip.joint(0, 0, 0), [7.0, 1.0, 0.5]);
    assert_eq!(clip.joint(0, 0, 1), [0.0; 3]);
    assert!(
        clip.is_absent(1, 0) && clip.is_absent(2, 0),
        "3 alone, 5 not written"
    );
    assert_eq!(clip.joint(3, 0, 2), [28.0, 11.0, 0.5]);
    assert!((0..4).all(|t| clip.is_absent(t, 1)));
}

#[test]
fn openpose_shares_of_the_picture_become_pixels() {
    let shares: Vec<f32> = (0..25).flat_map(|_| [0.5, 0.25, 2.0]).collect();
    let root = folder(&[("wave/a/0.json", openpose_frame(&[(1, shares)]))]);
    let take = openpose::Take::Picture(Some([1920.0, 1080.0]));
    let found = clip(&openpose::open(root.path(), about(1), take).expect("opened"));
    assert_eq!(found.joint(0, 0, 4), [960.0, 270.0, 1.0]);
}

#[test]
fn openpose_in_3d_comes_onto_ntu25() {
    let numbers: Vec<f32> = (0..25)
        .flat_map(|v| [v as f32, 2.0 * v as f32, 300.0, 0.9])
        .collect();
    let text = json!({"people": [{"pose_keypoints_3d": numbers}]}).to_string();
    let root = folder(&[("wave/a/0_keypoints.json", text)]);
    let take = openpose::Take::ThreeD(0.01);
    let source = openpose::open(root.path(), about(1), take).expect("opened");
    assert_eq!(source.meta().layout, "ntu25");
    let found = clip(&source);
    let wrist = found.joint(0, 0, 6);
    for (a, b) in wrist.iter().zip([-0.07, -0.14, 3.0f32]) {
        assert!((a - b).abs() < 1e-6, "{wrist:?}");
    }
    let hand = found.joint(0, 0, 7);
    assert!((hand[0] + 0.073).abs() < 1e-6, "beyond the wrist: {hand:?}");
}

#[test]
fn bad_openpose_files_name_file_and_field() {
    let read = |name: &str, text: String| {
        let root = folder(&[(name, text)]);
        refused(openpose::open(root.path(), about(1), PIXELS))
    };
    for (text, expected) in [
        (
            openpose_frame(&[(1, vec![0.5; 54])]),
            "people[0].pose_keypoints_2d: expected 75 numbers",
        ),
        ("{}".into(), "missing field `people`"),
        (
            "{\"people\": [{\"pose_keypoints_2d\": [1, \"x\"]}]}".into(),
            "people[0].pose_keypoints_2d[1]",
        ),
        ("{\"people\": [".into(), "EOF"),
        (String::new(), "found nothing"),
    ] {
        let message = read("wave/a/0_keypoints.json", text);
        assert!(message.contains("0_keypoints.json: "), "{message}");
        assert!(message.contains(expected), "{message}");
    }
    let message = read("wave/a/v.json", openpose_frame(&[]));
    assert!(
        message.contains("v.json: expected a name that ends in"),
        "{message}"
    );
    let far = folder(&[
        ("wave/a/0.json", openpose_frame(&[])),
        ("wave/a/9999999.json", openpose_frame(&[])),
    ]);
    let message = refused(openpose::open(far.path(), about(1), PIXELS));
    assert!(
        message.contains("9999999.json: follows frame 1"),
        "{message}"
    );
}

fn ultralytics(x: f32, confidence: f32, track: Option<u32>) -> serde_json::Value {
    let xs: Vec<f32> = (0..17).map(|v| 10.0 * v as f32 + x).collect();
    let mut visible = vec![0.9; 17];
    visible[16] = 0.0;
    let keypoints = json!({"x": xs, "y": vec![4.0; 17], "visible": visible});
    let mut person = json!({
        "name": "person", "class": 0, "confidence": confidence,
        "box": {"x1": 0.0, "y1": 0.0, "x2": 1.0, "y2": 1.0}, "keypoints": keypoints,
    });
    if let Some(track) = track {
        person["track_id"] = track.into();
    }
    person
}

#[test]
fn ultralytics_in_each_of_its_forms() {
    let first = json!([
        ultralytics(1.0, 0.4, Some(2)),
        ultralytics(2.0, 0.9, Some(5))
    ]);
    let second = json!([ultralytics(3.0, 0.9, Some(2))]);
    let third = json!([]);
    let all = json!([first, second, third]).to_string();
    let lines = format!("{first}\n{second}\n{third}\n");
    let forms = [
        vec![("wave/a.json", all)],
        vec![("wave/a.ndjson", lines)],
        vec![
            ("wave/a/1.json", first.to_string()),
            ("wave/a/2.json", second.to_string()),
            ("wave/a/3.json", third.to_string()),
        ],
    ];
    for files in forms {
        let root = folder(&files);
        let found = clip(&coco::open(root.path(), about(1), None).expect("opened"));
        assert_eq!((found.frames, found.joints), (3, 17), "{files:?}");
        // Track 2 is there with 0.4 + 0.9, track 5 with 0.9 alone.
        assert_eq!(found.joint(0, 0, 1), [11.0, 4.0, 0.9]);
        assert_eq!(found.joint(0, 0, 16), [0.0; 3]);
        assert_eq!(found.joint(1, 0, 1), [13.0, 4.0, 0.9]);
        assert!(found.view().is_absent(2, 0));
    }
}

#[test]
fn alphapose_and_coco_are_grouped_by_image() {
    let person = |image: serde_json::Value, x: f32, idx: serde_json::Value| {
        let mut numbers = triples(17, x);
        numbers[2] = 1.7;
        json!({"image_id": image, "category_id": 1, "keypoints": numbers, "score": 2.5, "idx": idx})
    };
    let alphapose = json!([
        person("10.jpg".into(), 3.0, 1.into()),
        person("8.jpg".into(), 1.0, json!([1.0])),
        person("8.jpg".into(), 2.0, json!(2)),
    ]);
    let coco = json!({
        "images": [{"id": 8, "file_name": "8.jpg"}],
        "annotations": [
            person(10.into(), 3.0, json!(null)),
            person(8.into(), 1.0, json!(null)),
            {"image_id": 8, "bbox": [0, 0, 1, 1]},
        ],
    });
    for text in [alphapose.to_string(), coco.to_string()] {
        let root = folder(&[("wave/a.json", text)]);
        let found = clip(&coco::open(root.path(), about(1), None).expect("opened"));
        assert_eq!(found.frames, 3, "8, 9 and 10");
        assert_eq!(
            found.joint(0, 0, 0),
            [1.0, 1.0, 1.0],
            "a confidence of 1.7 is 1"
        );
        assert!(found.view().is_absent(1, 0));
        assert_eq!(found.joint(2, 0, 2), [23.0, 11.0, 0.5]);
    }
}

#[test]
fn bad_coco_files_name_file_and_field() {
    let person = |numbers: usize, image: serde_json::Value| json!({"image_id": image, "keypoints": vec![1.0; numbers]});
    let mut short = ultralytics(1.0, 0.5, None);
    short["keypoints"]["y"] = json!([1.0]);
    for (text, expected) in [
        (
            json!([person(51, 1.into()), person(50, 1.into())]),
            "[1].keypoints: expected 51 numbers, found 50",
        ),
        (
            json!([person(51, "first.jpg".into())]),
            "[0].image_id: expected a number",
        ),
        (
            json!([[short]]),
            "[0][0].keypoints.y: expected 17 numbers, found 1",
        ),
        (
            json!({"annotations": [person(3, 1.into())]}),
            "annotations[0].keypoints: expected 51",
        ),
        (
            json!([{"keypoints": "x"}]),
            "[0].keypoints: invalid type: string \"x\", expected an array of x, y",
        ),
        (
            json!([person(51, 1.into()), person(51, 99_999_999.into())]),
            "frame 99999999 follows frame 2",
        ),
        (json!({"boxes": []}), "missing field `annotations`"),
    ] {
        let root = folder(&[("wave/a.json", text.to_string())]);
        let message = refused(coco::open(root.path(), about(1), None));
        assert!(message.contains("a.json: "), "{message}");
        assert!(message.contains(expected), "{message}");
    }
}

/// A standing body in world landmarks: hips at the origin, shoulders half a metre above, y down.
fn landmarks(lift: f32) -> Vec<[f32; 4]> {
    (0..33)
        .map(|v| match v {
            11 => [0.2, -0.5, 0.0, 0.9],
            12 => [-0.2, -0.5, 0.0, 0.9],
            15 => [0.3, -0.5 - lift, -0.2, 0.8],
            23 => [0.1, 0.0, 0.0, 0.9],
            24 => [-0.1, 0.0, 0.0, 0.9],
            v => [0.01 * v as f32, 0.4, 0.1, 0.7],
        })
        .collect()
}

fn objects(body: &[[f32; 4]]) -> serde_json::Value {
    let landmark = |[x, y, z, v]: &[f32; 4]| json!({"x": x, "y": y, "z": z, "visibility": v});
    body.iter().map(landmark).collect()
}

fn numbers(body: &[[f32; 4]], each: usize) -> Vec<f32> {
    body.iter().flat_map(|n| n[..each].to_vec()).collect()
}

/// A .npy file, version 1.0.
fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(data);
    bytes
}

fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

const WORLD: mediapipe::Take = mediapipe::Take {
    picture: None,
    onto_ntu25: false,
};

#[test]
fn mediapipe_in_each_of_its_forms() {
    let (first, second) = (landmarks(0.0), landmarks(0.3));
    let frame = |body: &[[f32; 4]]| json!({"pose_world_landmarks": objects(body)});
    let nested = |body: &[[f32; 4]]| json!({"worldLandmarks": [objects(body)], "landmarks": []});
    let nobody = json!({"pose_world_landmarks": null});
    let csv = |each: usize| {
        let row = |n: Vec<f32>| n.iter().map(f32::to_string).collect::<Vec<_>>().join(",");
        let columns = (0..33 * each).map(|i| format!("c{i}")).collect::<Vec<_>>();
        let rows = [
            row(numbers(&first, each)),
            row(vec![0.0; 33 * each]),
            row(numbers(&second, each)),
        ];
        format!("{}\n{}\n", columns.join(","), rows.join("\n"))
    };
    let holistic = |body: &[[f32; 4]]| {
        let mut row = numbers(body, 4);
        row.resize(1662, 0.0);
        row
    };
    let rows = [holistic(&first), vec![0.0; 1662], holistic(&second)].concat();
    let forms: Vec<Vec<(&str, Vec<u8>)>> = vec![
        vec![(
            "a.json",
            json!([frame(&first), nobody, frame(&second)])
                .to_string()
                .into(),
        )],
        vec![(
            "a.ndjson",
            format!("{}\n{nobody}\n{}\n", nested(&first), nested(&second)).into(),
        )],
        vec![
            ("a/0.json", frame(&first).to_string().into()),
            ("a/1.json", json!({"landmarks": []}).to_string().into()),
            (
                "a/2.json",
                json!({"landmarks": objects(&second)}).to_string().into(),
            ),
        ],
        vec![("a.csv", csv(3).into())],
        vec![("a.csv", csv(4).into())],
        vec![("a.npy", npy("<f4", "False", "(3, 1662)", &bytes(&rows)))],
        vec![
            (
                "a/0.npy",
                npy("<f4", "False", "(1662,)", &bytes(&holistic(&first))),
            ),
            ("a/1.npy", npy("<f4", "False", "(1662,)", &[0; 6648])),
            (
                "a/2.npy",
                npy("<f4", "False", "(33, 4)", &bytes(&numbers(&second, 4))),
            ),
        ],
    ];
    for files in forms {
        let root = tempfile::tempdir().expect("folder");
        let name = files[0].0;
        for (name, bytes) in &files {
            let path = root.path().join("wave").join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, bytes).expect("written");
        }
        let found = clip(&mediapipe::open(root.path(), about(1), WORLD).expect("opened"));
        assert_eq!((found.frames, found.joints), (3, 33), "{name}");
        assert_eq!(found.joint(0, 0, 11), [-0.2, 0.5, 0.0], "{name}");
        assert!(found.view().is_absent(1, 0), "{name}");
        assert_eq!(found.joint(2, 0, 15), [-0.3, 0.8, -0.2], "{name}");
    }
}

#[test]
fn mediapipe_comes_onto_ntu25() {
    let text = json!([{"landmarks": objects(&landmarks(0.0))}]).to_string();
    let root = folder(&[("wave/a.json", text)]);
    let take = mediapipe::Take {
        onto_ntu25: true,
        ..WORLD
    };
    let source = mediapipe::open(root.path(), about(1), take).expect("opened");
    assert_eq!(source.meta().layout, "ntu25");
    let found = clip(&source);
    assert_eq!(found.joint(0, 0, 20), [0.0, 0.5, 0.0]);
    assert_eq!(found.joint(0, 0, 1), [0.0, 0.25, 0.0]);
    assert!(
        found.joint(0, 0, 8)[0] > found.joint(0, 0, 4)[0],
        "who faces the camera"
    );
}

#[test]
fn mediapipes_shares_of_the_picture_need_its_size() {
    // The same body in a picture of 200 × 100 pixels, 80 pixels for a metre.
    let shares = |[x, y, z, v]: [f32; 4]| [0.5 + 0.4 * x, 0.6 + 0.8 * y, 0.4 * z, v];
    let body: Vec<[f32; 4]> = landmarks(0.1).into_iter().map(shares).collect();
    let text = json!([{"pose_landmarks": objects(&body)}]).to_string();
    let root = folder(&[("wave/a.json", text)]);
    let message = refused(mediapipe::open(root.path(), about(1), WORLD));
    assert!(
        message.contains("the hips lie at (0.50, 0.60)"),
        "{message}"
    );
    let take = mediapipe::Take {
        picture: Some([200.0, 100.0]),
        onto_ntu25: false,
    };
    let found = clip(&mediapipe::open(root.path(), about(1), take).expect("opened"));
    let from = found.joint(0, 0, 24);
    for (v, expected) in [(11, [-0.3, 0.5, 0.0]), (15, [-0.4, 0.6, -0.2])] {
        for (c, expected) in expected.into_iter().enumerate() {
            let apart: f32 = found.joint(0, 0, v)[c] - from[c];
            assert!(
                (apart - expected).abs() < 1e-5,
                "{v}: {apart} and {expected}"
            );
        }
    }
}

#[test]
fn bad_mediapipe_files_name_file_line_and_field() {
    let body = landmarks(0.0);
    let row = |n: usize| vec!["0.5"; n].join(",");
    let truncated = npy("<f4", "False", "(3, 1662)", &[0; 100]);
    let huge = npy("<f4", "False", "(4000000000, 4000000000)", &[0; 100]);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "a.json",
            json!([{"landmarks": objects(&body[..32])}])
                .to_string()
                .into(),
            "frame 0, person 0: landmarks: expected 33, found 32",
        ),
        (
            "a.json",
            b"[{\"landmarks\": [{\"x\": \"left\"}]}]".to_vec(),
            "[0].landmarks",
        ),
        (
            "a.json",
            b"[{\"boxes\": []}]".to_vec(),
            "frame 0: expected pose_world_landmarks or landmarks",
        ),
        (
            "a.csv",
            format!("{}\n{}", row(99), row(98)).into(),
            "line 2: columns: expected 99",
        ),
        (
            "a.csv",
            row(98).into(),
            "line 1: columns: expected 99, 132 or 1662, found 98",
        ),
        (
            "a.csv",
            format!("{}\n{},x", row(99), row(98)).into(),
            "line 2: column 99: expected a number, found \"x\"",
        ),
        (
            "a.npy",
            truncated,
            "bytes of numbers after the header, found 100",
        ),
        ("a.npy", huge, "expected too many bytes of numbers"),
        (
            "a.npy",
            npy("<f4", "True", "(2, 132)", &[0; 1056]),
            "found Fortran order",
        ),
        (
            "a.npy",
            npy("<i4", "False", "(1, 132)", &[0; 528]),
            "dtype: expected '<f4' or '<f8'",
        ),
        (
            "a.npy",
            npy("<f4", "False", "(1, 131)", &[0; 524]),
            "frame 0: numbers: expected 99, 132 or 1662, found 131",
        ),
        ("a.npy", b"no array".to_vec(), "not a .npy file"),
        (
            "a.npy",
            npy("<f4", "False", "(1, 132)", &[0; 528]),
            "nobody is seen in any of its 1 frames",
        ),
    ];
    for (name, bytes, expected) in cases {
        let root = tempfile::tempdir().expect("folder");
        fs::create_dir(root.path().join("wave")).expect("made");
        fs::write(root.path().join("wave").join(name), bytes).expect("written");
        let message = refused(mediapipe::open(root.path(), about(1), WORLD));
        assert!(message.contains(name), "{message}");
        assert!(message.contains(expected), "{message}, expected {expected}");
    }
}

/// A line of a stream: one person of ntu25 all of whose joints are at (x, 1, 2).
fn line(t: f64, x: f32) -> String {
    let joints = vec![[x, 1.0, 2.0]; 25];
    json!({"t": t, "people": [{"id": 1, "joints": joints}]}).to_string()
}

fn stream(times: &[f64]) -> String {
    times.iter().map(|t| line(*t, *t as f32) + "\n").collect()
}

#[test]
fn a_labelled_stream_is_cut_and_brought_to_the_data_sets_rate() {
    let times: Vec<f64> = (0..60).map(|i| 100.0 + i as f64 / 20.0).collect();
    let labels = "file,start,end,label,subject\n\
                  s/a.ndjson,100.5,101.5,wave,1\n\
                  s/a.ndjson,101.5,102.1,bow,2\n";
    let root = folder(&[
        ("labels.csv", labels.into()),
        ("s/a.ndjson", stream(&times)),
    ]);
    let out = tempfile::tempdir().expect("folder");
    let labels = root.path().join("labels.csv");
    let source = ndjson::with_labels(&labels, about(1), Layout::ntu25()).expect("opened");
    let stop = AtomicBool::new(false);
    import(&source, out.path(), &Options::default(), &stop, &mut |_| ()).expect("imported");
    let dataset = Dataset::open(out.path()).expect("a data set");
    assert_eq!(dataset.meta().classes, ["bow", "wave"]);
    let samples = dataset.samples();
    assert_eq!([samples[0].label, samples[1].label], [1, 0]);
    assert_eq!([samples[0].frames, samples[1].frames], [10, 6]);
    assert_eq!(samples[0].name, "s/a@100.5");
    assert_eq!(dataset.part("xsub", Part::Test).expect("a split"), [1]);
    let clip = dataset.sequence(0).expect("finite");
    for t in 0..10 {
        let x = clip.joint(t, 0, 3)[0];
        // x is the time; the last frame before the end is the last one.
        let expected = (100.55 + t as f32 / 10.0).min(101.45);
        assert!((x - expected).abs() < 1e-4, "frame {t}: {x} and {expected}");
    }
}

#[test]
fn whole_streams_lie_in_folders_and_gaps_are_not_bridged() {
    let mut times: Vec<f64> = (0..10).map(|i| 5.0 + i as f64 / 10.0).collect();
    times.extend((30..40).map(|i| 5.0 + i as f64 / 10.0));
    let root = folder(&[
        ("wave/a.ndjson", stream(&times)),
        ("bow/b.ndjson", stream(&times[..10])),
    ]);
    let source = ndjson::in_folders(root.path(), about(1), Layout::ntu25()).expect("opened");
    assert_eq!(source.meta().classes, ["bow", "wave"]);
    let whole = source.read(0).expect("read").remove(0).joints;
    assert_eq!(whole.frames, 10);
    for (t, time) in times.iter().enumerate().take(10) {
        assert!((whole.joint(t, 0, 0)[0] - *time as f32).abs() < 1e-4, "{t}");
    }
    let broken = source.read(1).expect("read").remove(0).joints;
    let absent: Vec<usize> = (0..broken.frames)
        .filter(|t| broken.view().is_absent(*t, 0))
        .collect();
    assert!(absent.len() >= 15, "nobody for about 1.6 s: {absent:?}");
    assert!(absent.iter().all(|t| (10..30).contains(t)), "{absent:?}");
}

#[test]
fn frames_of_other_layouts_are_brought_over_or_refused() {
    let frame = |layout: &str, joints: usize| {
        let joints: Vec<[f32; 3]> = (0..joints).map(|v| [v as f32, 1.0, 2.0]).collect();
        json!({"t": 1, "layout": layout, "people": [{"joints": joints}]}).to_string()
    };
    let read = |text: String| {
        let root = folder(&[("wave/a.ndjson", text)]);
        ndjson::in_folders(root.path(), about(1), Layout::ntu25())?.read(0)
    };
    let found = read(frame("kinect20", 20)).expect("read").remove(0).joints;
    assert_eq!(found.joint(0, 0, 20), [2.0, 1.0, 2.0]);
    for (text, expected) in [
        (
            frame("coco17", 17),
            "line 1: layout: \"coco17\" has no known way onto \"ntu25\", it has no depth",
        ),
        (
            frame("halpe26", 26),
            "line 1: layout: \"halpe26\" is unknown; expected ntu25, kinect20",
        ),
        (
            frame("ntu25", 24),
            "line 1: people[0].joints: layout \"ntu25\" has 25, found 24",
        ),
        (
            line(1.0, 0.0) + "\n" + &line(1.0, 0.0),
            "line 2: t: expected more than 1, found 1",
        ),
        (
            line(1.0, 0.0)
                + "\n"
                + &line(2.0, 0.0).replace("{\"people\"", "{\"source\":\"b\",\"people\""),
            "line 2: source: expected \"\" alone, found \"b\"",
        ),
        (
            "{\"t\":1,\"people\":[{\"joints\":[[1,2]]}]}".into(),
            "line 1: people[0].joints[0]",
        ),
        (" ".repeat(1 << 21), "line 1: longer than 1048576 bytes"),
        (String::new(), "expected frames, found none"),
    ] {
        let message = read(text).expect_err(expected).to_string();
        assert!(message.contains("a.ndjson: "), "{message}");
        assert!(message.contains(expected), "{message}, expected {expected}");
    }
}

#[test]
fn bad_labels_name_line_and_column() {
    for (text, expected) in [
        ("file,start\na,1\n", "line 1: column \"label\" is missing"),
        ("file,label\n,wave\n", "line 2: file: expected text"),
        ("file,label\na,\n", "line 2: label: expected text"),
        (
            "file,start,end,label\na,x,2,wave\n",
            "line 2: start: expected seconds, found \"x\"",
        ),
        (
            "file,start,end,label\na,1,nan,wave\n",
            "line 2: end: expected seconds, found \"nan\"",
        ),
        (
            "file,start,end,label\na,3,2,wave\n",
            "line 2: end: expected seconds behind start",
        ),
        (
            "file,start,end,label\na,3,,wave\n",
            "line 2: expected both start and end",
        ),
        (
            "file,label\na,wave\nb,wave\na,bow\n",
            "line 4: \"a\" occurs twice",
        ),
        ("file,label\na,wave,1\n", "line: 2"),
        ("file,label\n", "expected at least one row"),
    ] {
        let root = folder(&[("labels.csv", text.into())]);
        let labels = root.path().join("labels.csv");
        let source = ndjson::with_labels(&labels, about(1), Layout::ntu25());
        let message = source.err().expect(expected).to_string();
        assert!(message.contains("labels.csv: "), "{message}");
        assert!(message.contains(expected), "{message}");
    }
    let root = folder(&[
        (
            "labels.csv",
            "file,start,end,label\na.ndjson,90,91,wave\n".into(),
        ),
        ("a.ndjson", stream(&[1.0, 2.0])),
    ]);
    let message = refused(ndjson::with_labels(
        &root.path().join("labels.csv"),
        about(1),
        Layout::ntu25(),
    ));
    assert!(
        message.contains("a.ndjson: seconds 90 to 91: expected frames, found none"),
        "{message}"
    );
}
