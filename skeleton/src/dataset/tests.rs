use super::*;
use crate::sequence::Sequence;
use std::fs;

fn meta() -> Meta {
    Meta {
        format: FORMAT.into(),
        name: "test".into(),
        license: "CC0-1.0".into(),
        citation: String::new(),
        units: "metre".into(),
        fps: 30.0,
        layout: "ntu25".into(),
        bodies: 1,
        classes: vec!["wave".into(), "bow".into()],
        splits: [("xsub".to_string(), Split::by_test("subject", [2]))].into(),
    }
}

fn sample(i: usize) -> (Sample, Sequence) {
    let mut joints = Sequence::zeros(3 + i, 1, 25);
    joints
        .data
        .iter_mut()
        .enumerate()
        .for_each(|(n, x)| *x = (n + 100 * i) as f32);
    let columns = [("subject".to_string(), (i + 1).to_string())].into();
    let sample = Sample {
        name: format!("s{i}"),
        frames: joints.frames,
        label: i % 2,
        columns,
    };
    (sample, joints)
}

fn written() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("folder");
    let mut writer = Writer::create(folder.path(), meta()).expect("created");
    for i in 0..4 {
        let (sample, joints) = sample(i);
        writer.push(&sample, joints.view()).expect("pushed");
    }
    writer.finish().expect("finished");
    folder
}

/// Opens a good folder after `change`, and gives the error's text.
fn refused(change: impl FnOnce(&Path)) -> String {
    let folder = written();
    change(folder.path());
    let dataset = match Dataset::open(folder.path()) {
        Err(error) => return error.to_string(),
        Ok(dataset) => dataset,
    };
    let broken = (0..dataset.samples().len()).find_map(|i| dataset.sequence(i).err());
    broken.expect("an error").to_string()
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("text");
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).expect("written");
}

#[test]
fn what_was_written_is_read() {
    let folder = written();
    let dataset = Dataset::open(folder.path()).expect("opened");
    assert_eq!(dataset.meta(), &meta());
    for i in 0..4 {
        let (sample, joints) = sample(i);
        assert_eq!(dataset.samples()[i], sample);
        assert_eq!(dataset.sequence(i).expect("finite").to_owned(), joints);
    }
    assert_eq!(dataset.part("xsub", Part::Test).expect("split"), [1]);
    assert_eq!(dataset.part("xsub", Part::Train).expect("split"), [0, 2, 3]);
    assert!(
        dataset
            .part("xview", Part::Test)
            .expect_err("no")
            .to_string()
            .contains("xsub")
    );
}

#[test]
fn a_writer_that_does_not_finish_leaves_no_data_set() {
    let folder = tempfile::tempdir().expect("folder");
    let mut writer = Writer::create(folder.path(), meta()).expect("created");
    let (sample, joints) = sample(0);
    writer.push(&sample, joints.view()).expect("pushed");
    drop(writer);
    assert_eq!(fs::read_dir(folder.path()).expect("folder").count(), 0);
}

#[test]
fn bad_metadata_is_named() {
    let change = |from: &'static str, to: &'static str| {
        refused(move |folder| edit(&folder.join("dataset.toml"), from, to))
    };
    for (message, expected) in [
        (change("ntu25", "ntu24"), "unknown layout \"ntu24\""),
        (
            change("ntu25", "coco17"),
            "units: expected \"pixel\" for layout \"coco17\", found \"metre\"",
        ),
        (
            change("skeleton-dataset/1", "skeleton-dataset/9"),
            "skeleton-dataset/1",
        ),
        (change("fps = 30.0", "fps = 0.0"), "fps"),
        (change("bodies = 1", "bodies = 2"), "shape"),
        (
            change("column = \"subject\"", "column = \"camera\""),
            "camera",
        ),
        (
            change("test = [2]", "test = [2]\ntrain = [1]"),
            "splits.xsub",
        ),
        (change("name = ", "nmae = "), "nmae"),
        (change("\"bow\"", "\"wave\""), "found \"wave\" twice"),
        (
            change("\"bow\"", "\" \""),
            "classes: class 1 has an empty name",
        ),
    ] {
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn bad_rows_are_named() {
    let change = |from: &'static str, to: &'static str| {
        refused(move |folder| edit(&folder.join("samples.csv"), from, to))
    };
    for (message, expected) in [
        (change("s1,4,1", "s1,4,2"), "line 3: label: 2 is unknown"),
        (
            change("s1,4,1", "s1,four,1"),
            "line 3: frames: expected a whole number",
        ),
        (change("s1,4,1", "s1,5,1"), "expected [19, 1, 25, 3]"),
        (change("s1,4,1", "s0,4,1"), "occurs twice"),
        (change("s1,4,1", "s1,0,1"), "at least 1"),
        (
            change("name,frames", "name,length"),
            "\"frames\" is missing",
        ),
        (change("s1,4,1", "s1,18446744073709551615,1"), "shape"),
    ] {
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn bad_arrays_are_named() {
    let bytes = |change: fn(&mut Vec<u8>)| {
        refused(move |folder| {
            let path = folder.join("joints.npy");
            let mut bytes = fs::read(&path).expect("bytes");
            change(&mut bytes);
            fs::write(&path, bytes).expect("written");
        })
    };
    let nan = |b: &mut Vec<u8>| {
        let at = 192 + (3 * 75 + 75 + 4 * 3) * 4;
        b[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    };
    assert!(bytes(|b| b.truncate(5)).contains("not a .npy file"));
    assert!(bytes(|b| b.truncate(2000)).contains("found 1808"));
    let f8 = bytes(|b| {
        let at = b.windows(3).position(|w| w == b"<f4").expect("there");
        b[at..at + 3].copy_from_slice(b"<f8");
    });
    assert!(f8.contains("expected '<f4'"), "{f8}");
    let fortran = bytes(|b| {
        let at = b.windows(5).position(|w| w == b"False").expect("there");
        b[at..at + 5].copy_from_slice(b"True ");
    });
    assert!(fortran.contains("Fortran"), "{fortran}");
    let message = bytes(nan);
    for part in ["\"s1\"", "frame 1", "left shoulder", "NaN"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_missing_file_is_named() {
    for file in ["dataset.toml", "samples.csv", "joints.npy"] {
        let message = refused(|folder| fs::remove_file(folder.join(file)).expect("removed"));
        assert!(message.contains(file), "{message}");
    }
}
