use super::super::*;
use super::command;

fn opened(arguments: &[&str]) -> Opened {
    let line = [&["import"], arguments, &["--out", "out"]].concat();
    super::parsed(&line).kind.open().1
}

#[test]
fn arguments_become_a_source() {
    let root = tempfile::tempdir().expect("folder");
    let class = root.path().join("wave");
    std::fs::create_dir_all(class.join("d")).expect("made");
    for file in ["a.bvh", "b.json", "c.ndjson"] {
        std::fs::write(class.join(file), "").expect("written");
    }
    let folder = root.path().to_str().expect("a path");
    for (arguments, layout, fps, clips) in [
        (&["bvh", folder, "--scale", "0.0564"][..], "ntu25", 30.0, 1),
        (
            &["coco", folder, "--fps", "25", "--picture", "640x480"],
            "coco17",
            25.0,
            3,
        ),
        (
            &["mediapipe", folder, "--fps", "25"],
            "mediapipe33",
            25.0,
            3,
        ),
        (
            &["mediapipe", folder, "--fps", "25", "--layout", "ntu25"],
            "ntu25",
            25.0,
            3,
        ),
        (&["ndjson", folder, "--layout", "coco17"], "coco17", 30.0, 1),
        (
            &["openpose", folder, "--fps", "25", "--bodies", "2"],
            "body25",
            25.0,
            1,
        ),
        (
            &["openpose", folder, "--fps", "25", "--three-d", "0.001"],
            "ntu25",
            25.0,
            1,
        ),
    ] {
        let source = opened(arguments).unwrap_or_else(|e| panic!("{arguments:?}: {e}"));
        let meta = source.meta();
        assert_eq!(
            (meta.layout.as_str(), meta.fps),
            (layout, fps),
            "{arguments:?}"
        );
        assert_eq!(source.len(), clips, "{arguments:?}");
        assert_eq!(meta.classes, ["wave"]);
        assert_eq!(meta.license, "NOASSERTION");
    }
    let message = opened(&["ndjson", folder, "--layout", "x"])
        .err()
        .expect("unknown");
    assert!(
        message
            .to_string()
            .contains("--layout: unknown layout \"x\"")
    );
}

#[test]
fn arguments_that_are_none_are_refused() {
    for (arguments, expected) in [
        (&["coco", "a"][..], "--fps"),
        (&["coco", "a", "--fps", "0"], "frames a second, 0.1 to 1000"),
        (
            &["coco", "a", "--fps", "30", "--picture", "640"],
            "WIDTHxHEIGHT",
        ),
        (&["bvh", "a", "--scale", "0"], "metres in one unit"),
        (&["bvh", "a", "--bodies", "17"], "1..=16"),
    ] {
        let line = [&["import"], arguments, &["--out", "out"]].concat();
        let message = command()
            .try_get_matches_from(line)
            .expect_err(expected)
            .to_string();
        assert!(message.contains(expected), "{message}");
    }
}
