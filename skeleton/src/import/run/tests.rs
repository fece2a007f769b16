use super::*;
use crate::dataset::{Dataset, FORMAT, Meta, Sample, Split};
use crate::import::Official;
use crate::sequence::Sequence;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;

/// Items of 0 to 2 clips each; some may be bad.
struct Made {
    meta: Meta,
    items: usize,
    bad: Vec<usize>,
    settings: Value,
    read: AtomicUsize,
}

impl Made {
    fn new(items: usize) -> Self {
        Self {
            meta: Meta {
                format: FORMAT.into(),
                name: "made".into(),
                license: "CC0-1.0".into(),
                citation: String::new(),
                units: "metre".into(),
                fps: 30.0,
                layout: "ntu25".into(),
                bodies: 1,
                classes: vec!["wave".into(), "bow".into()],
                splits: [("xsub".to_string(), Split::by_test("subject", [2]))].into(),
            },
            items,
            bad: Vec::new(),
            settings: Value::Null,
            read: AtomicUsize::new(0),
        }
    }
}

fn clip(item: usize, part: usize) -> Clip {
    let mut joints = Sequence::zeros(1 + item % 4, 1, 25);
    let value = |n: usize| (item * 1000 + part * 500 + n % 500) as f32;
    joints
        .data
        .iter_mut()
        .enumerate()
        .for_each(|(n, x)| *x = value(n));
    Clip {
        sample: Sample {
            name: format!("{item}-{part}"),
            frames: joints.frames,
            label: item % 2,
            columns: [("subject".to_string(), (item % 3).to_string())].into(),
        },
        joints,
    }
}

impl Source for Made {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn len(&self) -> usize {
        self.items
    }

    fn name(&self, item: usize) -> String {
        format!("item {item}")
    }

    fn read_within(&self, item: usize, _: &Room<'_>) -> Result<Vec<Clip>, ImportError> {
        self.read.fetch_add(1, Ordering::Relaxed);
        if self.bad.contains(&item) {
            return Err(ImportError::at(
                self.name(item),
                "line 3",
                "x: expected a number",
            ));
        }
        Ok((0..item % 3).map(|part| clip(item, part)).collect())
    }

    fn settings(&self) -> Value {
        self.settings.clone()
    }

    fn official(&self) -> &[Official] {
        &[Official {
            split: "xsub",
            train: 5,
            test: 6,
            confirmed: true,
        }]
    }
}

fn options(threads: usize) -> Options {
    Options {
        threads: Some(threads),
        ..Options::default()
    }
}

/// Imports until `until` items are done.
fn bring(
    source: &dyn Source,
    out: &Path,
    options: &Options,
    until: usize,
) -> Result<Report, ImportError> {
    let stop = AtomicBool::new(false);
    import(source, out, options, &stop, &mut |done| {
        if done >= until {
            stop.store(true, Ordering::Relaxed);
        }
    })
}

fn whole(source: &dyn Source, out: &Path, options: &Options) -> Result<Report, ImportError> {
    bring(source, out, options, usize::MAX)
}

fn files(out: &Path) -> Vec<Vec<u8>> {
    let names: Vec<_> = fs::read_dir(out).expect("folder").collect();
    assert_eq!(names.len(), FILES.len());
    FILES
        .map(|name| fs::read(out.join(name)).expect("there"))
        .into()
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("out");
    (folder, out)
}

#[test]
fn samples_are_in_the_items_order_whatever_the_threads() {
    let (_kept, out) = folder();
    let report = whole(&Made::new(300), &out, &options(7)).expect("imported");
    let dataset = Dataset::open(&out).expect("opened");
    let expected: Vec<Clip> = (0..300)
        .flat_map(|item| (0..item % 3).map(move |part| clip(item, part)))
        .collect();
    assert_eq!(dataset.samples().len(), expected.len());
    for (i, Clip { sample, joints }) in expected.iter().enumerate() {
        assert_eq!(&dataset.samples()[i], sample);
        assert_eq!(&dataset.sequence(i).expect("finite").to_owned(), joints);
    }
    let frames: usize = expected.iter().map(|clip| clip.sample.frames).sum();
    assert_eq!((report.samples, report.frames), (expected.len(), frames));
    let test = expected
        .iter()
        .filter(|c| c.sample.columns["subject"] == "2")
        .count();
    let split = SplitCount {
        split: "xsub".into(),
        train: expected.len() - test,
        test,
        official: Some((5, 6)),
        unconfirmed: false,
    };
    assert_eq!(report.splits, [split]);
    let (_kept, alone) = folder();
    whole(&Made::new(300), &alone, &options(1)).expect("imported");
    assert_eq!(files(&out), files(&alone));
}

#[test]
fn what_was_stopped_goes_on_to_the_same_bytes() {
    let (_kept, unbroken) = folder();
    let mut source = Made::new(200);
    source.bad = vec![40, 90];
    let skipping = Options {
        skip_bad: true,
        ..options(3)
    };
    let report = whole(&source, &unbroken, &skipping).expect("imported");
    let (_kept, out) = folder();
    for until in [1, 50, 51, 150] {
        let error = bring(&source, &out, &skipping, until).expect_err("stopped");
        let expected =
            format!("stopped after {until} of 200 items; the same command goes on from there");
        assert_eq!(error.to_string(), expected);
        assert!(Dataset::open(&out).is_err());
    }
    source.read.store(0, Ordering::Relaxed);
    assert_eq!(whole(&source, &out, &skipping).expect("imported"), report);
    assert_eq!(source.read.load(Ordering::Relaxed), 50);
    assert_eq!(files(&out), files(&unbroken));
}

#[test]
fn a_crash_costs_only_what_was_not_on_the_disk() {
    let (_kept, unbroken) = folder();
    let source = Made::new(100);
    whole(&source, &unbroken, &options(2)).expect("imported");
    // What each crash leaves of the two files.
    let cuts: [fn(&Path); 4] = [
        |p| cut(&p.join("journal.jsonl"), 7),
        |p| cut(&p.join("joints.npy"), 1000),
        |p| fs::remove_file(p.join("joints.npy")).expect("removed"),
        |p| append(&p.join("joints.npy")),
    ];
    for crash in cuts {
        let (_kept, out) = folder();
        bring(&source, &out, &options(2), 60).expect_err("stopped");
        crash(&out.join(".import"));
        whole(&source, &out, &options(2)).expect("imported");
        assert_eq!(files(&out), files(&unbroken));
    }
}

fn cut(path: &Path, bytes: u64) {
    let file = fs::OpenOptions::new()
        .write(true)
        .open(path)
        .expect("opened");
    let length = file.metadata().expect("length").len();
    file.set_len(length - bytes).expect("cut");
}

fn append(path: &Path) {
    use std::io::Write;
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(path)
        .expect("opened");
    file.write_all(&[0xFF; 999]).expect("written");
}

#[test]
fn another_import_is_refused_until_forced() {
    let (_kept, out) = folder();
    bring(&Made::new(50), &out, &options(2), 20).expect_err("stopped");
    let mut other = Made::new(60);
    let refused = |other: &Made, options: &Options| {
        whole(other, &out, options)
            .expect_err("another")
            .to_string()
    };
    let error = refused(&other, &options(2));
    for part in ["and differs in recordings;", "--force begins anew"] {
        assert!(error.contains(part), "{error}");
    }
    other.items = 50;
    other.meta.fps = 25.0;
    other.meta.classes[1] = "stand".into();
    let skipping = Options {
        skip_bad: true,
        ..options(2)
    };
    let error = refused(&other, &skipping);
    let expected =
        "differs in classes, fps (30.0 then, 25.0 now), skip-bad (false then, true now);";
    assert!(error.contains(expected), "{error}");
    other = Made::new(50);
    other.settings = json!({"bodies": "tracked", "list": checksum(["a"])});
    let error = refused(&other, &options(2));
    assert!(error.contains("differs in settings;"), "{error}");
    other.settings = Value::Null;
    bring(&other, &out, &options(2), 30).expect_err("stopped");
    other.settings = json!({"bodies": "tracked"});
    let forced = Options {
        force: true,
        ..options(2)
    };
    // Forced or not, the same command goes on.
    bring(&other, &out, &forced, 10).expect_err("stopped");
    other.read.store(0, Ordering::Relaxed);
    whole(&other, &out, &forced).expect("imported");
    assert_eq!(other.read.load(Ordering::Relaxed), 40);
    let (_kept, unbroken) = folder();
    whole(&other, &unbroken, &options(2)).expect("imported");
    assert_eq!(files(&out), files(&unbroken));
}

#[test]
fn a_data_set_is_replaced_only_by_force() {
    let (_kept, out) = folder();
    whole(&Made::new(10), &out, &options(2)).expect("imported");
    let before = files(&out);
    let error = whole(&Made::new(20), &out, &options(2))
        .expect_err("there")
        .to_string();
    assert!(
        error.ends_with("dataset.toml: is already there; --force replaces it"),
        "{error}"
    );
    assert_eq!(files(&out), before);
    let forced = Options {
        force: true,
        ..options(2)
    };
    whole(&Made::new(20), &out, &forced).expect("imported");
    assert_ne!(files(&out), before);
}

#[test]
fn a_bad_item_leaves_nothing_behind() {
    let (_kept, out) = folder();
    let mut source = Made::new(50);
    source.bad = vec![30, 31];
    let error = whole(&source, &out, &options(4))
        .expect_err("bad")
        .to_string();
    assert_eq!(error, "item 30: line 3: x: expected a number");
    assert!(!out.exists());
    // A folder that was there stays, with what is in it.
    fs::create_dir(&out).expect("made");
    fs::write(out.join("note"), "mine").expect("written");
    whole(&source, &out, &options(4)).expect_err("bad");
    assert_eq!(fs::read_dir(&out).expect("there").count(), 1);
}

#[test]
fn bad_items_are_skipped_counted_and_listed() {
    let (_kept, out) = folder();
    let mut source = Made::new(50);
    source.bad = vec![31, 30];
    let skipping = Options {
        skip_bad: true,
        ..options(4)
    };
    let report = whole(&source, &out, &skipping).expect("imported");
    let left_out = ["item 30: line 3", "item 31: line 3"].map(|item| LeftOut {
        item: item.into(),
        reason: "x: expected a number".into(),
    });
    assert_eq!(report.left_out, left_out);
    // Item 30 has no clips, 31 one.
    assert_eq!(report.samples, (0..50).map(|i| i % 3).sum::<usize>() - 1);
}

#[test]
fn nothing_left_is_an_error() {
    let (_kept, out) = folder();
    let mut source = Made::new(3);
    source.bad = vec![0, 1, 2];
    let skipping = Options {
        skip_bad: true,
        ..options(2)
    };
    for (source, expected) in [
        (
            Made::new(0),
            "nothing is left to write: 0 items, 0 left out",
        ),
        (
            source,
            "nothing is left to write: 3 items, 3 left out; the first: item 0: line 3: x",
        ),
    ] {
        let error = whole(&source, &out, &skipping)
            .expect_err("nothing")
            .to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!out.exists());
    }
}

/// One item of given clips.
struct Given(Made, Vec<Vec<Clip>>);

impl Source for Given {
    fn meta(&self) -> &Meta {
        &self.0.meta
    }

    fn len(&self) -> usize {
        self.1.len()
    }

    fn name(&self, item: usize) -> String {
        format!("item {item}")
    }

    fn read_within(&self, item: usize, _: &Room<'_>) -> Result<Vec<Clip>, ImportError> {
        Ok(self.1[item].clone())
    }

    fn settings(&self) -> Value {
        Value::Null
    }
}

type Change = fn(&mut Clip);

#[test]
fn clips_that_no_data_set_takes_are_named() {
    let refused = |change: Change| {
        let mut clip = clip(1, 0);
        change(&mut clip);
        let (_kept, out) = folder();
        let source = Given(Made::new(1), vec![vec![clip]]);
        let error = whole(&source, &out, &options(1)).expect_err("refused");
        assert!(!out.exists());
        error.to_string()
    };
    let cases: [(Change, &str); 5] = [
        (|c| c.sample.label = 2, "label: expected 0 to 1, found 2"),
        (
            |c| c.sample.frames = 0,
            "frames: expected at least 1, found 0",
        ),
        (
            |c| c.sample.frames = 3,
            "joints: expected (frames, bodies, joints) (3, 1, 25), found (2, 1, 25)",
        ),
        (
            |c| c.sample.columns.clear(),
            "column \"subject\" is missing, which the split xsub needs",
        ),
        (
            |c| c.joints.data[75 + 4 * 3] = f32::NAN,
            "frame 1, body 0, joint \"left shoulder\": expected a finite number, found NaN",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(
            refused(change),
            format!("item 0: sample \"1-0\": {expected}")
        );
    }
}

#[test]
fn two_samples_of_one_name_are_refused() {
    let (_kept, out) = folder();
    let items = vec![vec![clip(1, 0)], vec![clip(2, 0)], vec![clip(1, 0)]];
    let source = Given(Made::new(1), items);
    let error = whole(&source, &out, &options(2))
        .expect_err("twice")
        .to_string();
    let expected = "item 2: sample \"1-0\": two samples of one name: item 0 has it, too";
    assert_eq!(error, expected);
    let skipping = Options {
        skip_bad: true,
        ..options(2)
    };
    let report = whole(&source, &out, &skipping).expect("imported");
    assert_eq!((report.samples, report.left_out.len()), (2, 1));
    let (_kept, out) = folder();
    let source = Given(Made::new(1), vec![vec![clip(1, 0), clip(1, 0)]]);
    assert!(whole(&source, &out, &options(2)).is_err());
}

#[test]
fn two_imports_into_one_folder_are_refused() {
    let (_kept, out) = folder();
    let source = Made::new(20);
    let mut second = None;
    import(
        &source,
        &out,
        &options(1),
        &AtomicBool::new(false),
        &mut |done| {
            if done == 10 {
                second = Some(whole(&source, &out, &options(1)));
            }
        },
    )
    .expect("imported");
    let error = second.expect("tried").expect_err("refused").to_string();
    assert!(
        error.ends_with("another import is writing into it"),
        "{error}"
    );
}
