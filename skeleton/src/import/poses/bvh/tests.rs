use super::*;
use crate::dataset::Dataset;
use crate::import::said::Said;
use crate::import::{Options, Source, import};
use std::fs;
use std::sync::atomic::AtomicBool;

const BANDAI: &str = include_str!("../../../../fixtures/bvh/bandai.bvh");
const EXPECTED: &str = include_str!("../../../../fixtures/bvh/bandai.csv");

fn about(fps: f64) -> About {
    About {
        said: Said {
            fps,
            ..Said::default()
        },
        bodies: 1,
    }
}

fn centimetres() -> Take {
    Take {
        scale: 0.01,
        ..Take::default()
    }
}

fn folder(text: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("folder");
    fs::create_dir(root.path().join("walk")).expect("made");
    fs::write(root.path().join("walk/a.bvh"), text).expect("written");
    root
}

fn expected() -> Vec<f32> {
    let numbers = EXPECTED.split([',', '\n']).filter(|n| !n.is_empty());
    numbers.map(|n| n.parse().expect("a number")).collect()
}

#[test]
fn joints_are_where_another_computation_has_them() {
    let root = folder(BANDAI);
    let out = tempfile::tempdir().expect("folder");
    let source = open(root.path(), about(30.0), centimetres()).expect("opened");
    let stop = AtomicBool::new(false);
    let report = import(&source, out.path(), &Options::default(), &stop, &mut |_| ());
    assert_eq!(report.expect("imported").frames, 4);
    let dataset = Dataset::open(out.path()).expect("a data set");
    assert_eq!(dataset.meta().layout, "ntu25");
    assert_eq!(dataset.meta().classes, ["walk"]);
    let clip = dataset.sequence(0).expect("finite");
    assert_eq!(clip.data.len(), expected().len());
    for (i, (found, expected)) in clip.data.iter().zip(expected()).enumerate() {
        assert!(
            (found - expected).abs() < 1e-5,
            "{i}: {found} and {expected}"
        );
    }
}

#[test]
fn another_frame_rate_and_prefixes_make_no_difference() {
    let renamed = BANDAI.replace("JOINT ", "JOINT actor1:").to_uppercase();
    let renamed = renamed
        .replace("END SITE", "End Site")
        .replace("FRAMES", "Frames")
        .replace("FRAME TIME", "Frame Time")
        .replace("POSITION", "position")
        .replace("ROTATION", "rotation");
    let root = folder(&renamed);
    let source = open(root.path(), about(15.0), centimetres()).expect("opened");
    let clip = &source.read(0).expect("read")[0];
    assert_eq!(clip.joints.frames, 2);
    let all = expected();
    let half = (all[0] + all[75]) / 2.0;
    assert!((clip.joints.joint(0, 0, 0)[0] - half).abs() < 1e-5);
}

#[test]
fn a_file_with_z_up_is_stood_on_its_feet() {
    // x, y, z of a file with y up are x, −z, y of one with z up: only offsets, no turns.
    let mut turned = String::new();
    for line in BANDAI.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        turned += &match words[..] {
            ["OFFSET", x, y, z] => format!("OFFSET {x} -{z} {y}").replace("--", ""),
            ["CHANNELS", ..] => "CHANNELS 0".into(),
            _ => line.to_string(),
        };
        turned.push('\n');
        if line.starts_with("Frame Time") {
            break;
        }
    }
    let one = turned.replace("Frames: 4", "Frames: 1");
    // A file whose joints have no channels has lines without numbers, which are none.
    let moved = one.replacen("CHANNELS 0", "CHANNELS 1 Xposition", 1) + "0\n";
    let root = folder(&moved);
    let take = Take {
        up: Up::Z,
        ..centimetres()
    };
    let source = open(root.path(), about(30.0), take).expect("opened");
    let clip = source.read(0).expect("read").remove(0).joints;
    let (head, hips, toes) = (
        clip.joint(0, 0, 3),
        clip.joint(0, 0, 0),
        clip.joint(0, 0, 15),
    );
    assert!((hips[1] - 0.92).abs() < 1e-5 && head[1] > hips[1] + 0.5);
    assert!(toes[2] < hips[2], "feet point to the camera");
    let (left, right) = (clip.joint(0, 0, 4), clip.joint(0, 0, 8));
    assert!(
        right[0] > left[0],
        "who faces the camera has the right at larger x"
    );
}

#[test]
fn every_scheme_names_a_whole_body() {
    let schemes = Schemes::new(&Layout::ntu25(), None).expect("built in");
    let cmu = "Hips LHipJoint LeftUpLeg LeftLeg LeftFoot LeftToeBase LeftToeBase.end RHipJoint \
               RightUpLeg RightLeg RightFoot RightToeBase LowerBack Spine Spine1 Neck Neck1 Head \
               Head.end LeftShoulder LeftArm LeftForeArm LeftHand LeftFingerBase LeftHandIndex1 \
               LeftHandIndex1.end LThumb LThumb.end RightShoulder RightArm RightForeArm RightHand \
               RightFingerBase RightHandIndex1 RightHandIndex1.end RThumb RThumb.end";
    let lafan1 = "Hips LeftUpLeg LeftLeg LeftFoot LeftToe LeftToe.end RightUpLeg RightLeg RightFoot \
                  RightToe Spine Spine1 Spine2 Neck Head Head.end LeftShoulder LeftArm LeftForeArm \
                  LeftHand LeftHand.end RightShoulder RightArm RightForeArm RightHand";
    let mixamo = "mixamorig:Hips mixamorig:Spine mixamorig:Spine1 mixamorig:Spine2 mixamorig:Neck \
                  mixamorig:Head mixamorig:HeadTop_End mixamorig:LeftShoulder mixamorig:LeftArm \
                  mixamorig:LeftForeArm mixamorig:LeftHand mixamorig:RightArm \
                  mixamorig:RightForeArm mixamorig:RightHand mixamorig:LeftUpLeg \
                  mixamorig:LeftLeg mixamorig:LeftFoot mixamorig:LeftToeBase \
                  mixamorig:RightUpLeg mixamorig:RightLeg mixamorig:RightFoot \
                  mixamorig:RightToeBase";
    let leafless = mixamo.replace("HeadTop_End", "Head.end");
    // Joint 7 is the left hand, 15 the left foot, 3 the head, in the middle of two.
    for (text, foot, head) in [
        (cmu, "LeftToeBase", ["Head", "Head.end"]),
        (lafan1, "LeftToe", ["Head", "Head.end"]),
        (
            mixamo,
            "mixamorig:LeftToeBase",
            ["mixamorig:Head", "mixamorig:HeadTop_End"],
        ),
        (
            leafless.as_str(),
            "mixamorig:LeftToeBase",
            ["mixamorig:Head", "mixamorig:Head.end"],
        ),
    ] {
        let names: Vec<String> = text.split_whitespace().map(String::from).collect();
        let scheme = schemes.fit("a.bvh", &names).expect("fits");
        // Joint i of the file at (i, 0, 0).
        let places: Vec<[f64; 3]> = (0..names.len()).map(|i| [i as f64, 0.0, 0.0]).collect();
        let place = |name: &str| names.iter().position(|n| n == name).expect("there") as f64;
        let body = scheme.body(&places);
        assert_eq!(body[15][0], place(foot));
        assert_eq!(body[3][0], head.map(place).iter().sum::<f64>() / 2.0);
        assert!(body[7][0] > body[6][0], "beyond the wrist: {text}");
    }
}

#[test]
fn names_of_ones_own_come_first_and_are_checked() {
    let own = BANDAI
        .replace("Toes_L", "Zehen_L")
        .replace("Toes_R", "Zehen_R");
    let root = folder(&own);
    let read = |map: Option<&str>| {
        let path = root.path().join("names.toml");
        let map = map.map(|text| {
            fs::write(&path, text).expect("written");
            path.clone()
        });
        let take = Take {
            map,
            ..centimetres()
        };
        open(root.path(), about(30.0), take)?.read(0)
    };
    let message = read(None).expect_err("unknown").to_string();
    for part in [
        "a.bvh: joint names",
        "bandai has Toes_L",
        "Zehen_R",
        "--map gives a file of names",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let built_in = include_str!("../../../../layouts/bvh.toml");
    let start = built_in.find("[bandai]").expect("there");
    let end = built_in[start..].find("\n\n").expect("there") + start;
    let scheme = built_in[start..end]
        .replace("Toes_", "Zehen_")
        .replace("[bandai]", "[mine]");
    let clip = read(Some(&scheme)).expect("read").remove(0).joints;
    assert!((clip.joint(3, 0, 15)[1] - expected()[3 * 75 + 46]).abs() < 1e-5);
    for (broken, expected) in [
        (
            scheme.replace("\"left knee\"", "\"left nee\""),
            "[mine]: unknown joint \"left nee\"",
        ),
        (
            scheme.replace("\"left knee\" = \"LowerLeg_L\"\n", ""),
            "joint \"left knee\" is missing",
        ),
        (
            scheme.replace("\"LowerLeg_L\"", "[]"),
            "\"left knee\": expected a name",
        ),
        (scheme.replace("\"LowerLeg_L\"", "3"), "left knee"),
    ] {
        let message = read(Some(&broken)).expect_err(expected).to_string();
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("names.toml"), "{message}");
    }
}

#[test]
fn damage_is_named_by_file_line_and_field() {
    let lines: Vec<&str> = BANDAI.lines().collect();
    let motion = lines.iter().position(|l| *l == "MOTION").expect("there");
    let last = lines.len();
    let change = |at: usize, to: &str| {
        let mut lines = lines.clone();
        lines[at] = to;
        lines.join("\n")
    };
    let cut = |at: usize| lines[..at].join("\n");
    let long = format!("{} 1.0", lines[last - 1]);
    let text = lines[last - 1].replacen(' ', " x ", 1);
    let nan = lines[last - 1].replacen(' ', " nan ", 1);
    let deep = format!("HIERARCHY ROOT a {{ {}", "JOINT b { ".repeat(400));
    let two = BANDAI.replace("MOTION", "ROOT b { } MOTION");
    for (text, expected) in [
        (
            change(0, "HIERARCHIE"),
            "line 1: expected HIERARCHY, found \"HIERARCHIE\"".into(),
        ),
        (
            change(3, "OFFSET 1 2"),
            "line 4: OFFSET: expected three numbers".into(),
        ),
        (
            change(4, "CHANNELS 3 Xposition"),
            "line 5: CHANNELS: expected a count".into(),
        ),
        (
            change(4, "CHANNELS 1 Wposition"),
            "line 5: CHANNELS: expected a count".into(),
        ),
        (
            cut(motion),
            format!("line {motion}: expected MOTION, found the end"),
        ),
        (
            change(motion + 1, "Frames: many"),
            "expected \"Frames:\" and a whole number".into(),
        ),
        (
            change(motion + 2, "Frame Time: 0"),
            "expected \"Frame Time:\" and seconds above 0".into(),
        ),
        (
            cut(last - 1),
            format!(
                "line {}: Frames: expected 4 lines of motion, found 3",
                last - 1
            ),
        ),
        (
            change(motion + 1, "Frames: 3"),
            format!("line {last}: Frames: expected 3 lines"),
        ),
        (
            change(last - 1, &long),
            format!("line {last}: expected 72 numbers"),
        ),
        (
            change(last - 1, &text),
            "number 2: expected a finite number, found \"x\"".into(),
        ),
        (
            change(last - 1, &nan),
            "number 2: expected a finite number, found \"nan\"".into(),
        ),
        (deep, "256 in a chain".into()),
        (two, "expected one ROOT".into()),
        (String::new(), "expected MOTION, found the end".into()),
    ] {
        let root = folder(&text);
        let source = open(root.path(), about(30.0), centimetres()).expect("opened");
        let message = source.read(0).expect_err(&expected).to_string();
        assert!(message.contains("a.bvh: "), "{message}");
        assert!(
            message.contains(&expected),
            "{message}, expected {expected}"
        );
    }
}

#[test]
fn units_that_give_a_giant_are_noticed() {
    let root = folder(BANDAI);
    let take = Take {
        scale: 1.0,
        ..Take::default()
    };
    let source = open(root.path(), about(30.0), take).expect("opened");
    let message = source.read(0).expect_err("a giant").to_string();
    for part in [
        "a.bvh: frame 0: the torso is",
        "0.2 to 1 m",
        "0.01 for centimetres",
    ] {
        assert!(message.contains(part), "{message}");
    }
}
