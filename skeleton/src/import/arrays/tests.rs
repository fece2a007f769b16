use super::ctr_gcn::CtrGcn;
use super::pyskl::Pyskl;
use super::released::Released;
use super::*;
use crate::dataset::{Dataset, Part};
use crate::import::{Clip, Options, Source, import};
use crate::npy::tests::file as npy_file;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use zip::write::SimpleFileOptions;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/arrays")
}

/// The number that make.py puts there.
fn number(m: usize, t: usize, v: usize, c: usize) -> f32 {
    (1 + 256 * m + 32 * t + v) as f32 + c as f32 / 4.0
}

/// Bodies in, and length of, the three clips of make.py.
const CLIPS: [(usize, usize); 3] = [(2, 3), (1, 4), (1, 2)];
const LABELS: [usize; 3] = [0, 59, 2];
const NAMES: [&str; 3] = [
    "S001C002P003R001A001",
    "S017C001P020R002A060",
    "S001C001P001R001A003",
];

fn check(clip: &Clip, bodies: usize, frames: usize) {
    let joints = &clip.joints;
    assert_eq!(clip.sample.frames, frames);
    assert_eq!(
        (joints.frames, joints.bodies, joints.joints),
        (frames, 2, 25)
    );
    for t in 0..frames {
        for m in 0..2 {
            for v in 0..25 {
                let expected = [0, 1, 2].map(|c| if m < bodies { number(m, t, v, c) } else { 0.0 });
                assert_eq!(joints.joint(t, m, v), expected);
            }
        }
    }
}

fn clips(source: &dyn Source) -> Vec<Clip> {
    let read = (0..source.len()).flat_map(|item| source.read(item).expect("a sound item"));
    read.collect()
}

/// Checks the three clips, and that they become a data set.
fn check_all(source: &dyn Source, names: [&str; 3]) -> (tempfile::TempDir, Dataset) {
    let all = clips(source);
    assert_eq!(all.len(), 3);
    for (i, clip) in all.iter().enumerate() {
        check(clip, CLIPS[i].0, CLIPS[i].1);
        assert_eq!(clip.sample.label, LABELS[i]);
        assert_eq!(clip.sample.name, names[i]);
        assert!(!source.name(i).is_empty());
    }
    assert_eq!(source.meta().classes.len(), 60);
    assert_eq!(source.meta().classes[59], "class 59");
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let report = import(
        source,
        &out,
        &Options::default(),
        &AtomicBool::new(false),
        &mut |_| {},
    );
    assert_eq!(report.expect("imported").samples, 3);
    let dataset = Dataset::open(&out).expect("opened");
    for (i, clip) in all.iter().enumerate() {
        assert_eq!(dataset.sequence(i).expect("finite").to_owned(), clip.joints);
    }
    (folder, dataset)
}

#[test]
fn aimclrs_own_arrays_are_read() {
    let source = Released::open(&fixtures(), &About::default()).expect("opened");
    let (_folder, dataset) = check_all(&source, NAMES);
    assert_eq!(
        dataset.part("released", Part::Train).expect("split"),
        [0, 1]
    );
    assert_eq!(dataset.part("released", Part::Test).expect("split"), [2]);
    let columns = &dataset.samples()[1].columns;
    for (column, value) in [
        ("setup", "17"),
        ("camera", "1"),
        ("subject", "20"),
        ("replication", "2"),
        ("action", "60"),
        ("part", "train"),
    ] {
        assert_eq!(columns[column], value);
    }
}

#[test]
fn ctr_gcns_arrays_are_read_packed_or_not() {
    for file in ["ctr.npz", "ctr_packed.npz"] {
        let source = CtrGcn::open(&fixtures().join(file), &About::default()).expect("opened");
        let names = ["train_000000", "train_000001", "test_000000"];
        let (_folder, dataset) = check_all(&source, names);
        assert_eq!(dataset.part("released", Part::Test).expect("split"), [2]);
    }
}

#[test]
fn pyskls_annotations_are_read() {
    for protocol in [2, 4] {
        let path = fixtures().join(format!("pyskl_three.{protocol}.pkl"));
        let source = Pyskl::open(&path, &About::default(), None).expect("opened");
        let (_folder, dataset) = check_all(&source, NAMES);
        let splits: Vec<&String> = dataset.meta().splits.keys().collect();
        // `some` leaves samples on no side.
        assert_eq!(splits, ["xsub", "xview"]);
        assert_eq!(dataset.part("xsub", Part::Test).expect("split"), [2]);
        assert_eq!(dataset.part("xview", Part::Test).expect("split"), [0]);
        let columns = &dataset.samples()[0].columns;
        assert_eq!(
            (&*columns["split_xsub"], &*columns["split_xview"]),
            ("train", "val")
        );
        assert_eq!(
            (&*columns["split_some"], &*columns["subject"]),
            ("train", "3")
        );
    }
}

#[test]
fn keypoints_of_two_numbers_get_their_score_beside_them() {
    for protocol in [2, 4] {
        let path = fixtures().join(format!("pyskl_two.{protocol}.pkl"));
        let source = Pyskl::open(&path, &About::default(), None).expect("opened");
        let meta = source.meta();
        assert_eq!(
            (&*meta.layout, &*meta.units, meta.bodies),
            ("coco17", "pixel", 2)
        );
        assert_eq!(meta.splits.keys().collect::<Vec<_>>(), ["released"]);
        let clips = clips(&source);
        assert_eq!(clips.len(), 2);
        for clip in clips {
            for (t, m, v) in [(0, 0, 0), (1, 1, 16), (0, 1, 3), (1, 0, 9)] {
                let [x, y, score] = clip.joints.joint(t, m, v);
                assert_eq!([x, y], [0, 1].map(|c| number(m, t, v, c)));
                assert_eq!(score, number(m, t, v, 0) / 1024.0);
            }
        }
        let source = Pyskl::open(&path, &About::default(), Some(3)).expect("opened");
        assert_eq!(source.meta().bodies, 3);
        let clip = source.read(0).expect("read").remove(0);
        assert_eq!(clip.joints.joint(1, 2, 16)[0], number(2, 1, 16, 0));
    }
}

#[test]
fn classes_are_named_by_the_caller() {
    let about = |n: usize| About {
        classes: Some((0..n).map(|i| format!("c{i}")).collect()),
        ..About::default()
    };
    let source = Released::open(&fixtures(), &about(60)).expect("opened");
    assert_eq!(source.meta().classes[59], "c59");
    let message = Released::open(&fixtures(), &about(59))
        .map(|_| ())
        .expect_err("too few");
    let expected = "labels reach to 59, but only 59 classes are named";
    assert!(message.to_string().ends_with(expected), "{message}");
}

/// A folder with the good arrays, changed; gives what is said of it.
fn released(change: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().expect("folder");
    for part in released::PARTS {
        for file in [format!("{part}_position.npy"), format!("{part}_label.pkl")] {
            fs::copy(fixtures().join(&file), folder.path().join(&file)).expect("copied");
        }
    }
    change(folder.path());
    let source = match Released::open(folder.path(), &About::default()) {
        Err(error) => return error.to_string(),
        Ok(source) => source,
    };
    let bad = (0..source.len()).find_map(|item| source.read(item).err());
    bad.map_or("sound".into(), |error| error.to_string())
}

#[test]
fn bad_arrays_are_named() {
    let positions = |bytes: Vec<u8>| {
        released(|folder| fs::write(folder.join("train_position.npy"), bytes).expect("written"))
    };
    let good = fs::read(fixtures().join("train_position.npy")).expect("bytes");
    let numbers = vec![0; 2 * 3 * 4 * 25 * 2 * 4];
    let of = |descr, fortran, shape| npy_file(descr, fortran, shape, &numbers);
    for (bytes, expected) in [
        (
            of("<f4", true, "(2, 3, 4, 25, 2)"),
            "expected C order, found Fortran order",
        ),
        (
            of("<f8", false, "(1, 3, 4, 25, 2)"),
            "dtype: expected '<f4', found F64",
        ),
        (of(">f4", false, "(2, 3, 4, 25, 2)"), "found '>f4'"),
        (
            of("<f4", false, "(2, 3, 5, 20, 2)"),
            "expected (samples, 3, frames, 25, 1 to 16 bodies), found [2, 3, 5, 20, 2]",
        ),
        (of("<f4", false, "(2, 3, 4, 50)"), "found [2, 3, 4, 50]"),
        (
            of("<f4", false, "(1000000000, 3, 300, 25, 2)"),
            "expected 180000000000000 bytes",
        ),
        (
            good[..good.len() - 1].to_vec(),
            "bytes of numbers after the header",
        ),
        (
            of("<f4", false, "(1, 3, 8, 25, 2)"),
            "1 samples, but train_label.pkl names 2",
        ),
        (
            of("<f4", false, "(2, 3, 8, 25, 1)"),
            "room for different numbers of bodies",
        ),
        (
            of("<f4", false, "(2, 3, 4, 25, 2)"),
            "sample \"S001C002P003R001A001\": nobody is in it",
        ),
        (Vec::new(), "not a .npy file"),
    ] {
        let message = positions(bytes);
        assert!(message.contains(expected), "{expected}: {message}");
        assert!(message.contains("train_position.npy"), "{message}");
    }
    let empty = tempfile::tempdir().expect("folder");
    let error = Released::open(empty.path(), &About::default())
        .map(|_| ())
        .expect_err("empty");
    assert!(error.to_string().contains("found neither"), "{error}");
}

#[test]
fn bad_labels_are_named() {
    let labels = |pickle: &[u8]| {
        released(|folder| fs::write(folder.join("train_label.pkl"), pickle).expect("written"))
    };
    for (pickle, expected) in [
        (
            &b"](X\x01\0\0\0aX\x01\0\0\0be](K\x00J\xff\xff\xff\xffe\x86."[..],
            "sample 1: label: expected 0 to 99999, found -1",
        ),
        (
            b"](X\x01\0\0\0aX\x01\0\0\0be](K\x00J\xff\xff\xff\x7fe\x86.",
            "found 2147483647",
        ),
        (
            b"](X\x01\0\0\0aK\x01e](K\x00K\x01e\x86.",
            "sample 1: name: expected a text, found 1",
        ),
        (
            b"](X\x01\0\0\0aX\x01\0\0\0be](K\x00e\x86.",
            "2 names, but 1 labels",
        ),
        (
            b"](X\x01\0\0\0aX\x01\0\0\0be](K\x00Ne\x86.",
            "expected a whole number, found None",
        ),
        (b"K\x05.", "expected a pair of names and labels, found 5"),
        (b"](", "the pickle ends in the middle of"),
        (
            b"cos\nsystem\n(S'touch PWNED'\ntR.",
            "asks to call `os.system`",
        ),
    ] {
        let message = labels(pickle);
        assert!(message.contains(expected), "{expected}: {message}");
        assert!(message.contains("train_label.pkl"), "{message}");
    }
    let missing =
        released(|folder| fs::remove_file(folder.join("val_label.pkl")).expect("removed"));
    assert!(missing.contains("val_label.pkl"), "{missing}");
}

/// Writes an archive and gives what is said of it.
fn ctr_gcn(members: &[(&str, Vec<u8>)], packed: bool) -> String {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("x.npz");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).expect("created"));
    let method = match packed {
        true => zip::CompressionMethod::Deflated,
        false => zip::CompressionMethod::Stored,
    };
    for (name, bytes) in members {
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(format!("{name}.npy"), options)
            .expect("started");
        zip.write_all(bytes).expect("written");
    }
    zip.finish().expect("finished");
    let source = match CtrGcn::open(&path, &About::default()) {
        Err(error) => return error.to_string(),
        Ok(source) => source,
    };
    let bad = (0..source.len()).find_map(|item| source.read(item).err());
    bad.map_or("sound".into(), |error| error.to_string())
}

#[test]
fn bad_archives_are_named() {
    let ones = |n: usize| 1f32.to_le_bytes().repeat(n);
    let x = || npy_file("<f4", false, "(1, 2, 150)", &ones(300));
    let y = |row: [f32; 2]| {
        let numbers: Vec<u8> = row.iter().flat_map(|x| x.to_le_bytes()).collect();
        npy_file("<f4", false, "(1, 2)", &numbers)
    };
    let right = || y([0.0, 1.0]);
    let all = |x_test: Vec<u8>, y_test: Vec<u8>| {
        let members = [
            ("x_train", x()),
            ("y_train", right()),
            ("x_test", x_test),
            ("y_test", y_test),
        ];
        ctr_gcn(&members, false)
    };
    assert_eq!(all(x(), right()), "sound");
    for (message, expected) in [
        (
            all(x(), y([1.0, 1.0])),
            "y_test: row 0: label: expected one 1 and else zeros",
        ),
        (all(x(), y([0.0, 2.0])), "y_test: row 0: label"),
        (all(x(), y([f32::NAN, 0.0])), "y_test: row 0: label"),
        (
            all(x(), npy_file("<f4", false, "(2, 1)", &ones(2))),
            "y_test: shape: expected (1, classes), one-hot, found [2, 1]",
        ),
        (
            all(x(), npy_file("<f4", false, "(1, 3)", &ones(3))),
            "y_test: shape: expected a last size of 2 as in train's, found 3",
        ),
        (
            all(npy_file("<f4", false, "(1, 4, 75)", &ones(300)), right()),
            "x_test: shape: expected a last size of 150",
        ),
        (
            all(npy_file("<f4", false, "(1, 2, 144)", &ones(288)), right()),
            "x_test: shape: expected (samples, frames, bodies·25·3), found [1, 2, 144]",
        ),
        (
            all(npy_file("<f8", false, "(1, 1, 150)", &ones(300)), right()),
            "x_test: dtype: expected '<f4', found F64",
        ),
        (
            all(npy_file("<f4", true, "(1, 2, 150)", &ones(300)), right()),
            "x_test: order: expected C order",
        ),
        (
            all(npy_file("<f4", false, "(1, 2, 150)", &[0; 1200]), right()),
            "x_test: row 0: nobody is in it",
        ),
        (
            ctr_gcn(&[("a", vec![])], false),
            "x_train: is missing; there are a.npy",
        ),
    ] {
        assert!(message.contains(expected), "{expected}: {message}");
    }
}

#[test]
fn a_packed_bomb_is_refused() {
    let zeros = npy_file("<f4", false, "(100, 300, 150)", &vec![0; 18_000_000]);
    let message = ctr_gcn(&[("x_train", zeros)], true);
    assert!(message.contains("x_train: 18000"), "{message}");
    assert!(message.contains("no array of skeletons"), "{message}");
}

/// What is said of a pickle of annotations.
fn pyskl(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("x.pkl");
    fs::write(&path, bytes).expect("written");
    let source = match Pyskl::open(&path, &About::default(), None) {
        Err(error) => return error.to_string(),
        Ok(source) => source,
    };
    let bad = (0..source.len()).find_map(|item| source.read(item).err());
    bad.map_or("sound".into(), |error| error.to_string())
}

#[test]
fn bad_annotations_are_named() {
    let good = fs::read(fixtures().join("pyskl_two.4.pkl")).expect("bytes");
    let changed = |from: &[u8], to: &[u8]| {
        let at = good
            .windows(from.len())
            .position(|w| w == from)
            .expect("there");
        let mut bytes = good.clone();
        bytes[at..at + from.len()].copy_from_slice(to);
        pyskl(&bytes)
    };
    assert_eq!(pyskl(&good), "sound");
    for (message, expected) in [
        (
            changed(b"annotations", b"annotationz"),
            "annotations: expected an entry of that name, found a dict of 2",
        ),
        (
            changed(b"frame_dir", b"frame_dyr"),
            "annotation 0: frame_dir is missing",
        ),
        (
            changed(b"total_frames\x94K\x02", b"total_frames\x94K\x03"),
            "annotation 0: total_frames: expected 2 as keypoint has, found 3",
        ),
        (
            changed(b"keypoint_score", b"keypoint_scor_"),
            "expected keypoint_score beside keypoints of two numbers, found none",
        ),
        (changed(b"label\x94K\x00", b"label\x94N0"), "x.pkl"),
        (
            changed(b"K\x03K\x02K\x11K\x02t", b"K\x03K\x02K\x10K\x02t"),
            "expected 25 joints of 3 numbers or 17 of 2, found 16 of 2",
        ),
        (
            changed(b"K\x03K\x02K\x11K\x02t", b"K\x02K\x02K\x11K\x02t"),
            "expected an array of shape [2, 2, 17, 2], found 408 bytes",
        ),
        (
            pyskl(&good[..good.len() / 2]),
            "the pickle ends in the middle of",
        ),
        (pyskl(b"}."), "split: expected an entry of that name"),
        (
            pyskl(b"}(X\x05\0\0\0split}X\x0b\0\0\0annotations]u."),
            "annotations: expected at least one",
        ),
    ] {
        assert!(message.contains(expected), "{expected}: {message}");
        assert!(message.contains("x.pkl"), "{message}");
    }
}

#[test]
fn hostile_pickles_are_refused_and_nothing_runs() {
    for (file, call) in [
        ("system.pkl", "`os.system`"),
        ("eval.pkl", "`builtins.eval`"),
    ] {
        let path = fixtures().join("../../../tests/attacks").join(file);
        let error = Pyskl::open(&path, &About::default(), None)
            .map(|_| ())
            .expect_err("refused");
        let message = error.to_string();
        for part in [
            file,
            "the pickle asks to call",
            call,
            "only arrays and tensors are read",
        ] {
            assert!(message.contains(part), "{message}");
        }
        let message = released(|folder| {
            fs::copy(&path, folder.join("train_label.pkl")).expect("copied");
        });
        assert!(message.contains(call), "{message}");
    }
    assert!(!Path::new("PWNED").exists());
}

/// Good and bad rows of one source: what is read, and what is said of the others.
fn sorted(source: &dyn Source) -> (Vec<String>, Vec<String>) {
    let (mut names, mut messages) = (Vec::new(), Vec::new());
    for item in 0..source.len() {
        match source.read(item) {
            Ok(clips) => names.extend(clips.into_iter().map(|clip| clip.sample.name)),
            Err(error) => messages.push(error.to_string()),
        }
    }
    (names, messages)
}

#[test]
fn one_bad_row_leaves_the_others_good() {
    let folder = tempfile::tempdir().expect("folder");
    let ones = 1f32.to_le_bytes().repeat(3 * 3 * 25);
    let array = npy_file("<f4", false, "(3, 3, 1, 25, 1)", &ones);
    fs::write(folder.path().join("train_position.npy"), array).expect("written");
    // (["a", "b", "c"], [1, -1, "x"]), as text.
    let labels = b"((lVa\naVb\naVc\na(lI1\naI-1\naVx\nat.";
    fs::write(folder.path().join("train_label.pkl"), labels).expect("written");
    let source = Released::open(folder.path(), &About::default()).expect("opened");
    assert_eq!(source.meta().classes.len(), 2);
    let (names, messages) = sorted(&source);
    assert_eq!(names, ["a"]);
    let expected = [
        "train_label.pkl: sample 1: label: expected 0 to 99999, found -1",
        "train_label.pkl: sample 2: label: expected a whole number, found \"x\"",
    ];
    assert_eq!(messages.len(), 2);
    for (message, expected) in messages.iter().zip(expected) {
        assert!(message.ends_with(expected), "{message}");
    }

    let good = fs::read(fixtures().join("pyskl_two.4.pkl")).expect("bytes");
    let from = b"total_frames\x94K\x02";
    let at = good.windows(from.len()).position(|w| w == from);
    let mut bytes = good.clone();
    bytes[at.expect("there") + from.len() - 1] = 9;
    let path = folder.path().join("x.pkl");
    fs::write(&path, bytes).expect("written");
    let whole = Pyskl::open(&fixtures().join("pyskl_two.4.pkl"), &About::default(), None);
    let source = Pyskl::open(&path, &About::default(), None).expect("opened");
    assert_eq!(source.len(), whole.expect("opened").len());
    let (names, messages) = sorted(&source);
    assert_eq!((names.len(), messages.len()), (source.len() - 1, 1));
    assert!(
        messages[0].contains("annotation 0: total_frames"),
        "{messages:?}"
    );
    assert!(source.name(0).ends_with("x.pkl: annotation 0"));
}

#[test]
fn a_text_is_no_pickle() {
    let message = pyskl(b"hello");
    assert!(message.contains("byte 0: this is no pickle"), "{message}");
}
