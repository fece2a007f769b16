use super::*;
use crate::dataset::Dataset;
use crate::import::{Options, Report, import};
use crate::sequence::Sequence;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// A line of a skeleton file: each body has all joints at one place, or is absent.
fn line(bodies: [Option<[f32; 3]>; 2]) -> String {
    let numbers = bodies.iter().flat_map(|body| {
        let place = body.unwrap_or_default();
        (0..25).flat_map(move |_| place)
    });
    numbers.map(|x| format!("{x:?} ")).collect::<String>() + "\r\n"
}

/// A folder as it is unpacked: three recordings of 10 frames, in which x counts frames from 1.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("folder");
    for name in ["PKU_Skeleton", "Label", "Split"] {
        fs::create_dir(folder.path().join(name)).expect("made");
    }
    for name in ["0002-L", "0002-M", "0003-R"] {
        let lines = (0..10).map(|t| line([Some([t as f32 + 1.0, 0.5, 2.0]), None]));
        write(
            folder.path(),
            &format!("PKU_Skeleton/{name}.txt"),
            &lines.collect::<String>(),
        );
        let labels = "3,2,4,2\r\n51,6,12,1\n\n";
        write(folder.path(), &format!("Label/{name}.txt"), labels);
    }
    let titles = ["Training videos: ", "Validataion videos: "];
    let subject = format!(
        "{}\n0002-L, 0002-M, 0009-L\n\n{}\n0003-R, \n",
        titles[0], titles[1]
    );
    write(folder.path(), "Split/cross-subject.txt", &subject);
    let view = format!("{}\n0002-M, 0003-R\n{}\n0002-L\n", titles[0], titles[1]);
    write(folder.path(), "Split/cross-view.txt", &view);
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("written");
}

fn bring(folder: &Path, out: &Path, skip_bad: bool) -> Result<Report, ImportError> {
    let source = PkuMmd::open(Folders::find(folder, None, None)?, Bodies::Released)?;
    let options = Options {
        skip_bad,
        ..Options::default()
    };
    import(&source, out, &options, &AtomicBool::new(false), &mut |_| {})
}

#[test]
fn recordings_are_cut_into_actions() {
    let (folder, out) = (folder(), tempfile::tempdir().expect("out"));
    let report = bring(folder.path(), out.path(), false).expect("imported");
    let dataset = Dataset::open(out.path()).expect("opened");
    assert_eq!(dataset.meta().name, "PKU-MMD, part I");
    assert_eq!(dataset.meta().classes.len(), 51);
    let names: Vec<_> = dataset.samples().iter().map(|s| s.name.as_str()).collect();
    let expected = [
        "0002-L-001",
        "0002-L-002",
        "0002-M-001",
        "0002-M-002",
        "0003-R-001",
        "0003-R-002",
    ];
    assert_eq!(names, expected);
    let first = &dataset.samples()[0];
    assert_eq!((first.label, first.frames), (2, 3));
    let columns = [
        ("video", "0002"),
        ("view", "L"),
        ("xsub", "train"),
        ("xview", "test"),
    ];
    assert_eq!(
        first.columns,
        columns.map(|(c, v)| (c.to_string(), v.to_string())).into()
    );
    let x = |sample: usize, t: usize| dataset.sequence(sample).expect("finite").joint(t, 0, 7)[0];
    assert_eq!([x(0, 0), x(0, 2)], [2.0, 4.0]);
    // Frames 6 to 12 of 10 are 6 to 10.
    let second = &dataset.samples()[1];
    assert_eq!(
        (second.label, second.frames, x(1, 0), x(1, 4)),
        (50, 5, 6.0, 10.0)
    );
    let counts: Vec<_> = report
        .splits
        .iter()
        .map(|s| (&*s.split, s.train, s.test))
        .collect();
    assert_eq!(counts, [("xsub", 4, 2), ("xview", 4, 2)]);
    assert_eq!(report.splits[0].official, Some((18_841, 2_704)));
    assert!(report.splits[0].unconfirmed);
    assert_eq!(report.splits[1].official, Some((14_357, 7_188)));
}

#[test]
fn facts_are_whole() {
    let classes = classes();
    assert_eq!(classes.len(), 51);
    // Those of two people, as the authors number them from 1.
    for (number, name) in [
        (12, "giving something to other person"),
        (14, "handshaking"),
        (16, "hugging other person"),
        (18, "kicking other person"),
        (21, "pat on back of other person"),
        (24, "point finger at the other person"),
        (26, "punching/slapping other person"),
        (27, "pushing other person"),
    ] {
        assert_eq!(classes[number - 1], name);
    }
}

#[test]
fn part_two_is_told_by_its_names() {
    let (folder, out) = (
        tempfile::tempdir().expect("a"),
        tempfile::tempdir().expect("b"),
    );
    fs::create_dir(folder.path().join("labels")).expect("made");
    for name in ["A01N01-L", "A02N01-R"] {
        write(
            folder.path(),
            &format!("{name}.txt"),
            &line([Some([1.0; 3]), None]),
        );
        write(folder.path(), &format!("labels/{name}.txt"), "8,1,1,1\n");
    }
    let split = "Training videos:\nA01N01-L\nTesting videos:\nA02N01-R\n";
    write(folder.path(), "cross_subject_v2.txt", split);
    let report = bring(folder.path(), out.path(), false).expect("imported");
    assert_eq!(report.samples, 2);
    assert_eq!(report.splits[0].official, None);
    let dataset = Dataset::open(out.path()).expect("opened");
    assert_eq!(dataset.meta().name, "PKU-MMD, part II");
    write(folder.path(), "0002-L.txt", &line([None, None]));
    let error = bring(folder.path(), &out.path().join("new"), false).expect_err("both");
    assert!(error.to_string().contains("one part at a time"), "{error}");
}

#[test]
fn what_is_not_listed_is_left_out() {
    let (folder, out) = (folder(), tempfile::tempdir().expect("out"));
    write(
        folder.path(),
        "PKU_Skeleton/0004-L.txt",
        &line([None, None]),
    );
    let report = bring(folder.path(), out.path(), false).expect("imported");
    assert_eq!((report.samples, report.left_out.len()), (6, 1));
    assert!(report.left_out[0].item.ends_with("0004-L.txt"));
    assert!(report.left_out[0].reason.starts_with("not listed in "));
}

#[test]
fn bad_files_are_named() {
    let good = line([Some([1.0; 3]), None]);
    for (file, text, expected) in [
        (
            "PKU_Skeleton/0002-L.txt",
            format!("{good}1 2 3\n"),
            "PKU_Skeleton/0002-L.txt: line 2: frame: expected 150 numbers, found 3",
        ),
        (
            "PKU_Skeleton/0002-L.txt",
            good.replacen("1.0", "one", 1),
            "line 1: body 0, joint 0, x: expected a finite number, found \"one\"",
        ),
        (
            "PKU_Skeleton/0002-M.txt",
            good.replace("0.0", "NaN"),
            "0002-M.txt: line 1: body 1, joint 0, x: expected a finite number, found \"NaN\"",
        ),
        (
            "PKU_Skeleton/0002-L.txt",
            String::new(),
            "Label/0002-L.txt: line 1: start: expected a whole number from 1 to 0, found \"2\"",
        ),
        (
            "Label/0002-L.txt",
            "52,1,2,1".into(),
            "Label/0002-L.txt: line 1: class: expected a whole number from 1 to 51, found \"52\"",
        ),
        (
            "Label/0002-L.txt",
            "1,1,2,1\n0,1,2,1".into(),
            "line 2: class: expected",
        ),
        (
            "Label/0002-L.txt",
            "1,0,2,1".into(),
            "start: expected a whole number from 1 to 10",
        ),
        (
            "Label/0002-L.txt",
            "1,11,12,1".into(),
            "start: expected a whole number from 1 to 10",
        ),
        (
            "Label/0002-L.txt",
            "1,5,4,1".into(),
            "end: expected a whole number from 5",
        ),
        (
            "Label/0002-L.txt",
            "\n".into(),
            "Label/0002-L.txt: actions: expected at least one, found none",
        ),
        (
            "Label/0002-L.txt",
            "1,1,9,1\n".repeat(3),
            "line 3: actions: expected at most 10000, together at most 2 times as long",
        ),
        (
            "Label/0002-L.txt",
            "1,5".into(),
            "action: expected class,start,end,confidence, found 2 fields",
        ),
        (
            "Split/cross-view.txt",
            "0002-L\n".into(),
            "cross-view.txt: line 1: expected \"Training videos:\" first, found \"0002-L\"",
        ),
        (
            "Split/cross-view.txt",
            "Other videos:\n".into(),
            "line 1: title: expected",
        ),
        (
            "Split/cross-view.txt",
            "Training videos:\na\nTest videos:\na\n".into(),
            "line 4: name: \"a\" is in both parts",
        ),
        (
            "Split/cross-view.txt",
            "Training videos:\na\n".into(),
            "expected names of recordings to test on",
        ),
    ] {
        let (folder, out) = (folder(), tempfile::tempdir().expect("out"));
        write(folder.path(), file, &text);
        let out = out.path().join("new");
        let error = bring(folder.path(), &out, false)
            .expect_err("refused")
            .to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!out.exists());
    }
}

#[test]
fn a_missing_file_or_folder_is_named() {
    let out = tempfile::tempdir().expect("out");
    for (removed, expected) in [
        ("Label", "--labels names another"),
        ("Split", "--splits names another folder"),
        (
            "PKU_Skeleton",
            "expected skeleton files such as 0002-L.txt, found none",
        ),
    ] {
        let folder = folder();
        fs::remove_dir_all(folder.path().join(removed)).expect("removed");
        let error = bring(folder.path(), out.path(), false)
            .expect_err("refused")
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
    let folder = folder();
    fs::remove_file(folder.path().join("Label/0002-M.txt")).expect("removed");
    let error = bring(folder.path(), out.path(), false)
        .expect_err("refused")
        .to_string();
    assert!(
        error.contains("0002-M.txt: labels: expected 0002-M.txt in "),
        "{error}"
    );
    let report = bring(folder.path(), out.path(), true).expect("imported");
    assert_eq!((report.samples, report.left_out.len()), (4, 1));
    fs::create_dir(folder.path().join("Label_v2")).expect("made");
    let error = bring(folder.path(), &out.path().join("new"), false).expect_err("two");
    assert!(
        error
            .to_string()
            .contains("one part of the data set at a time"),
        "{error}"
    );
}

#[test]
fn tracked_bodies_stay_in_their_places() {
    // Two people cross the room; the sensor changes their order, and one is away for a while.
    let walk = |t: usize| ([0.1 * t as f32, 0.0, 2.0], [3.0 - 0.1 * t as f32, 0.0, 3.0]);
    let mut sequence = Sequence::zeros(12, 2, 25);
    for t in 0..12 {
        let (a, b) = walk(t);
        let bodies = match t {
            0..=3 => [Some(a), Some(b)],
            4..=6 => [Some(b), Some(a)],
            7..=8 => [Some(b), None],
            _ => [Some(b), Some(a)],
        };
        for (m, body) in bodies.into_iter().enumerate() {
            (0..25).for_each(|v| sequence.set_joint(t, m, v, body.unwrap_or_default()));
        }
    }
    let tracked = video::tracked(sequence.view());
    for t in 0..12 {
        let (a, b) = walk(t);
        let a = if (7..=8).contains(&t) { [0.0; 3] } else { a };
        assert_eq!(
            (tracked.joint(t, 0, 3), tracked.joint(t, 1, 3)),
            (a, b),
            "frame {t}"
        );
    }
}
