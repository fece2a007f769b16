use super::people::{released, tracked};
use super::skeleton::tests::{position, text};
use super::*;
use crate::dataset::{Dataset, Part};
use crate::import::{Options, Report, import};
use std::fs;
use std::io::Write;
use std::sync::atomic::AtomicBool;
use zip::write::SimpleFileOptions;

fn recording(frames: &[&[(u64, f64)]]) -> Recording {
    Recording::parse("a", text(frames, "\n").as_bytes()).expect("sound")
}

fn write(folder: &Path, name: &str, frames: &[&[(u64, f64)]]) {
    let path = folder.join(format!("{name}.skeleton"));
    fs::write(path, text(frames, "\r\n")).expect("written");
}

fn bring(sources: &[PathBuf], settings: Settings, out: &Path) -> Result<Report, ImportError> {
    let source = Ntu::open(sources, settings)?;
    let options = Options::default();
    import(&source, out, &options, &AtomicBool::new(false), &mut |_| {})
}

#[test]
fn released_bodies_are_the_first_two_of_each_frame() {
    let recording = recording(&[
        &[(1, 0.0)],
        &[],
        &[(2, 0.5), (1, 0.25), (3, 0.75)],
        &[(3, 1.0), (2, 1.5)],
    ]);
    let sequence = released(&recording, 300);
    assert_eq!(
        (sequence.frames, sequence.bodies, sequence.joints),
        (4, 2, 25)
    );
    let shifts = [
        [Some(0.0), None],
        [None, None],
        [Some(0.5), Some(0.25)],
        [Some(1.0), Some(1.5)],
    ];
    for (t, bodies) in shifts.iter().enumerate() {
        for (m, shift) in bodies.iter().enumerate() {
            for v in 0..25 {
                let expected = shift.map_or([0.0; 3], |shift| position(shift, v));
                assert_eq!(sequence.joint(t, m, v), expected);
            }
        }
    }
    assert_eq!(
        released(&recording, 3),
        sequence.view().slice(0..3).to_owned()
    );
}

/// The shift of a body at a place, or nothing where it is absent.
fn shift(sequence: &crate::Sequence, t: usize, m: usize) -> Option<f32> {
    let [x, ..] = sequence.joint(t, m, 0);
    (!sequence.view().is_absent(t, m)).then(|| ((x - 0.001) * 100.0).round() / 100.0)
}

#[test]
fn tracked_bodies_keep_their_places_and_the_one_who_moves_most_is_first() {
    // 1 stands still, 2 walks, 3 walks less; who comes first in the file changes.
    let frames: Vec<Vec<(u64, f64)>> = (0..20)
        .map(|t| {
            let step = f64::from(t);
            let mut bodies = vec![(1, 3.0), (2, 0.5 * step), (3, 0.1 * step)];
            bodies.rotate_left(t as usize % 3);
            bodies.retain(|(id, _)| !(*id == 2 && t == 7));
            bodies
        })
        .collect();
    let frames: Vec<&[(u64, f64)]> = frames.iter().map(Vec::as_slice).collect();
    let sequence = tracked(&recording(&frames));
    assert_eq!(sequence.frames, 20);
    for t in 0..20 {
        let walks = (t != 7).then_some(0.5 * t as f32);
        assert_eq!(shift(&sequence, t, 0), walks, "frame {t}");
        assert_eq!(
            shift(&sequence, t, 1),
            Some((10.0 * t as f32).round() / 100.0)
        );
    }
}

#[test]
fn noise_is_dropped_and_empty_ends_are_cut() {
    // 9 jumps about for 11 frames only; nobody is there in the first two frames and the last.
    let frames: Vec<Vec<(u64, f64)>> = (0..30)
        .map(|t| match t {
            0 | 1 | 29 => vec![],
            2..=12 => vec![(9, 5.0 * f64::from(t)), (4, 0.0)],
            _ => vec![(4, 0.25)],
        })
        .collect();
    let frames: Vec<&[(u64, f64)]> = frames.iter().map(Vec::as_slice).collect();
    let sequence = tracked(&recording(&frames));
    assert_eq!(sequence.frames, 27);
    assert_eq!(shift(&sequence, 0, 0), Some(0.0));
    assert_eq!(shift(&sequence, 26, 0), Some(0.25));
    assert!((0..27).all(|t| sequence.view().is_absent(t, 1)));
    // Where all are brief, none is noise.
    let brief = tracked(&recording(&[&[(9, 1.0)], &[(9, 2.0)]]));
    assert_eq!((brief.frames, shift(&brief, 1, 0)), (2, Some(2.0)));
}

#[test]
fn what_is_wider_than_a_person_is_dropped() {
    // A sofa of 1.2 m by 0.6 m, which the sensor moves more than the person beside it.
    let lines: Vec<String> = (0..20)
        .flat_map(|t| {
            let body = |id: u64, width: f64, height: f64, x: f64| {
                let head = format!("{id} 0 1 1 1 1 0 0 0 2\n25");
                let joints = (0..25).map(move |v| {
                    let (x, y) = (x + width * (v % 5) as f64 / 4.0, height * v as f64 / 24.0);
                    format!("{x} {y} 2 0 0 0 0 0 0 0 0 2")
                });
                std::iter::once(head).chain(joints).collect::<Vec<_>>()
            };
            let mut frame = vec!["2".to_string()];
            frame.extend(body(8, 1.2, 0.6, f64::from(t % 2)));
            frame.extend(body(3, 0.5, 1.7, 3.0 + 0.01 * f64::from(t)));
            frame
        })
        .collect();
    let text = format!("20\n{}\n", lines.join("\n"));
    let sequence = tracked(&Recording::parse("a", text.as_bytes()).expect("sound"));
    assert_eq!(sequence.joint(0, 0, 0), [3.0, 0.0, 2.0]);
    assert!((0..20).all(|t| sequence.view().is_absent(t, 1)));
}

#[test]
fn a_folder_becomes_a_data_set() {
    let (folder, out) = (
        tempfile::tempdir().expect("a"),
        tempfile::tempdir().expect("b"),
    );
    fs::create_dir(folder.path().join("deeper")).expect("made");
    let one: &[&[(u64, f64)]] = &[&[(7, 0.0)], &[]];
    write(folder.path(), "S001C001P002R001A060", one);
    write(&folder.path().join("deeper"), "S001C002P003R002A001", one);
    write(folder.path(), "S001C003P038R001A007", one);
    // One of those that the authors list.
    write(folder.path(), "S001C002P005R002A008", one);
    fs::write(folder.path().join("readme.txt"), "no skeleton").expect("written");
    let out = out.path().join("new");
    let report = bring(&[folder.path().into()], Settings::default(), &out).expect("imported");
    assert_eq!(
        (report.samples, report.frames, report.left_out.len()),
        (3, 6, 1)
    );
    assert!(
        report.left_out[0]
            .item
            .ends_with("S001C002P005R002A008.skeleton")
    );
    assert_eq!(
        report.left_out[0].reason,
        "listed as a sample with a missing skeleton"
    );
    let counts: Vec<_> = report
        .splits
        .iter()
        .map(|s| (s.split.as_str(), s.train, s.test, s.official))
        .collect();
    let xview = ("xview", 2, 1, Some((37_646, 18_932)));
    assert_eq!(counts, [("xsub", 2, 1, Some((40_091, 16_487))), xview]);
    let dataset = Dataset::open(&out).expect("opened");
    assert_eq!(dataset.meta().name, "NTU RGB+D");
    assert_eq!(dataset.meta().classes.len(), 60);
    let names: Vec<_> = dataset
        .samples()
        .iter()
        .map(|s| (&*s.name, s.label))
        .collect();
    let first = ("S001C001P002R001A060", 59);
    let rest = [("S001C002P003R002A001", 0), ("S001C003P038R001A007", 6)];
    assert_eq!(names, [first, rest[0], rest[1]]);
    let columns: Vec<_> = dataset.samples()[1].columns.iter().collect();
    let columns: Vec<_> = columns
        .iter()
        .map(|(c, v)| (c.as_str(), v.as_str()))
        .collect();
    let expected = [
        ("action", "1"),
        ("camera", "2"),
        ("replication", "2"),
        ("setup", "1"),
    ];
    assert_eq!(columns[..4], expected);
    assert_eq!(columns[4], ("subject", "3"));
    let sequence = dataset.sequence(0).expect("finite");
    assert_eq!(sequence.joint(0, 0, 24), position(0.0, 24));
    assert!(sequence.is_absent(1, 0));
    assert!(!out.join(".import").exists());
}

#[test]
fn an_action_of_no_edition_is_a_bad_file() {
    let (folder, out) = (
        tempfile::tempdir().expect("folder"),
        tempfile::tempdir().expect("out"),
    );
    let one: &[&[(u64, f64)]] = &[&[(7, 0.0)]];
    write(folder.path(), "S001C001P001R001A121", one);
    write(folder.path(), "S001C001P001R001A001", one);
    let settings = Settings {
        missing: Missing::Nothing,
        ..Settings::default()
    };
    let source = Ntu::open(&[folder.path().into()], settings).expect("opened");
    assert!(source.left_out().is_empty());
    let bring = |skip_bad| {
        let options = Options {
            skip_bad,
            ..Options::default()
        };
        let stop = AtomicBool::new(false);
        import(&source, &out.path().join("x"), &options, &stop, &mut |_| {})
    };
    let message = bring(false).expect_err("refused").to_string();
    let expected = "A121.skeleton: action: expected 1 to 120, found 121";
    assert!(message.ends_with(expected), "{message}");
    let report = bring(true).expect("imported");
    assert_eq!((report.samples, report.left_out.len()), (1, 1));
}

#[test]
fn an_action_above_60_makes_it_ntu_120_unless_told() {
    let (folder, out) = (
        tempfile::tempdir().expect("a"),
        tempfile::tempdir().expect("b"),
    );
    let one: &[&[(u64, f64)]] = &[&[(7, 0.0)]];
    write(folder.path(), "S018C001P041R001A061", one);
    write(folder.path(), "S017C001P045R001A001", one);
    write(folder.path(), "S020C001P103R001A120", one);
    let sources = [folder.path().to_path_buf()];
    let all = out.path().join("120");
    let report = bring(&sources, Settings::default(), &all).expect("imported");
    let counts: Vec<_> = report
        .splits
        .iter()
        .map(|s| (s.split.as_str(), s.train, s.test, s.official))
        .collect();
    let xset = ("xset", 2, 1, Some((54_468, 59_477)));
    assert_eq!(counts, [xset, ("xsub", 2, 1, Some((63_026, 50_919)))]);
    let dataset = Dataset::open(&all).expect("opened");
    assert_eq!(dataset.part("xset", Part::Test).expect("split"), [0]);
    assert_eq!(dataset.meta().classes.len(), 120);
    let settings = Settings {
        edition: Some(Edition::Ntu60),
        ..Settings::default()
    };
    let report = bring(&sources, settings, &out.path().join("60")).expect("imported");
    assert_eq!((report.samples, report.left_out.len()), (1, 2));
    assert_eq!(report.left_out[0].reason, "not one of the 60 classes");
}

#[test]
fn facts_are_whole() {
    assert_eq!(Edition::Ntu120.classes().len(), 120);
    assert_eq!(
        Edition::Ntu60.classes()[59],
        "walking apart from each other"
    );
    assert_eq!(Edition::Ntu60.classes()[0], "drink water");
    let missing: Vec<_> = Edition::missing().collect();
    let names = missing
        .iter()
        .map(|name| Name::parse(name).expect("a name"));
    let of_60 = names.filter(|name| name.action <= 60).count();
    assert_eq!((missing.len(), of_60), (535, 302));
    let distinct: HashSet<_> = missing.iter().collect();
    assert_eq!(distinct.len(), 535);
}

#[test]
fn the_list_of_missing_samples_is_replaced() {
    let (folder, out) = (
        tempfile::tempdir().expect("a"),
        tempfile::tempdir().expect("b"),
    );
    for name in [
        "S001C002P005R002A008",
        "S001C001P001R001A001",
        "S001C001P001R001A002",
    ] {
        write(folder.path(), name, &[&[(7, 0.0)]]);
    }
    let list = out.path().join("list.txt");
    let left = |missing: Missing, name: &str| {
        let settings = Settings {
            missing,
            ..Settings::default()
        };
        let report = bring(&[folder.path().into()], settings, &out.path().join(name));
        report.map(|report| report.left_out.len())
    };
    assert_eq!(left(Missing::Nothing, "none").expect("imported"), 0);
    let header = "Two samples.\nIgnore them.\n\n";
    for (i, header) in ["", header].into_iter().enumerate() {
        let names = "S001C001P001R001A001\r\nS001C001P001R001A002.skeleton\n";
        fs::write(&list, format!("{header}{names}")).expect("written");
        let missing = Missing::File(list.clone());
        assert_eq!(left(missing, &i.to_string()).expect("imported"), 2);
    }
    fs::write(&list, "S001C001P001R001A001\nS001\n").expect("written");
    let error = left(Missing::File(list.clone()), "bad")
        .expect_err("bad")
        .to_string();
    assert!(
        error.ends_with("list.txt: line 2: name: expected SsssCcccPpppRrrrAaaa, found \"S001\"")
    );
    fs::write(&list, "nothing\n").expect("written");
    let error = left(Missing::File(list.clone()), "bad")
        .expect_err("bad")
        .to_string();
    assert!(error.contains("found none"), "{error}");
}

#[test]
fn long_clips_are_cut() {
    let (folder, out) = (
        tempfile::tempdir().expect("a"),
        tempfile::tempdir().expect("b"),
    );
    let frames: Vec<&[(u64, f64)]> = vec![&[(7, 0.0)]; 310];
    write(folder.path(), "S001C001P001R001A001", &frames);
    let frames = |bodies, max_frames| {
        let settings = Settings {
            bodies,
            max_frames,
            ..Settings::default()
        };
        let out = out.path().join(format!("{bodies:?}{max_frames:?}"));
        let report = bring(&[folder.path().into()], settings, &out);
        report.expect("imported").frames
    };
    assert_eq!(frames(Bodies::Released, None), 300);
    assert_eq!(frames(Bodies::Released, Some(1000)), 310);
    assert_eq!(frames(Bodies::Tracked, None), 310);
    assert_eq!(frames(Bodies::Tracked, Some(20)), 20);
}

fn zipped(path: &Path, files: &[(&str, &[u8])]) {
    let mut zip = zip::ZipWriter::new(fs::File::create(path).expect("created"));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default())
            .expect("begun");
        zip.write_all(bytes).expect("written");
    }
    zip.finish().expect("finished");
}

#[test]
fn an_archive_gives_the_same_as_a_folder() {
    let (folder, out) = (
        tempfile::tempdir().expect("a"),
        tempfile::tempdir().expect("b"),
    );
    let mut files = Vec::new();
    for action in 1..=20 {
        let name = format!("S001C001P001R001A{action:03}");
        write(folder.path(), &name, &[&[(7, f64::from(action))], &[]]);
        let bytes = fs::read(folder.path().join(format!("{name}.skeleton"))).expect("read");
        files.push((format!("nturgb+d_skeletons/{name}.skeleton"), bytes));
    }
    let mut files: Vec<_> = files
        .iter()
        .map(|(n, b)| (n.as_str(), b.as_slice()))
        .collect();
    files.reverse();
    files.push(("__MACOSX/._S001C001P001R001A001.skeleton", b"junk"));
    files.push(("readme.txt", b"text"));
    let archives = [out.path().join("a.zip"), out.path().join("b.zip")];
    zipped(&archives[0], &files[..7]);
    zipped(&archives[1], &files[7..]);
    let (a, b) = (out.path().join("folder"), out.path().join("zip"));
    bring(&[folder.path().into()], Settings::default(), &a).expect("imported");
    bring(&archives, Settings::default(), &b).expect("imported");
    for file in ["dataset.toml", "samples.csv", "joints.npy"] {
        assert_eq!(
            fs::read(a.join(file)).expect("a"),
            fs::read(b.join(file)).expect("b")
        );
    }
}

#[test]
fn bad_archives_are_named() {
    let out = tempfile::tempdir().expect("folder");
    let path = out.path().join("a.zip");
    let name = "S001C001P001R001A001.skeleton";
    let zeros = vec![b'0'; 1 << 20];
    let target = out.path().join("new");
    let refused = |path: &Path| {
        let error = bring(&[path.into()], Settings::default(), &target).expect_err("refused");
        assert!(!target.exists());
        error.to_string()
    };
    zipped(&path, &[(name, &zeros)]);
    let whole = fs::read(&path).expect("read");
    // The size stands in the member's header and in the directory.
    let resized = |size: u32| {
        let mut bytes = whole.clone();
        let old = (zeros.len() as u32).to_le_bytes();
        for at in 0..bytes.len() - 4 {
            if bytes[at..at + 4] == old {
                bytes[at..at + 4].copy_from_slice(&size.to_le_bytes());
            }
        }
        fs::write(&path, bytes).expect("written");
    };
    resized(10);
    let bomb = refused(&path);
    assert!(bomb.contains(&format!("a.zip: {name}: ")), "{bomb}");
    assert!(bomb.ends_with("size: expected 10 bytes as the archive's directory says, found more"));
    resized(u32::MAX / 2);
    let large = refused(&path);
    assert!(
        large.ends_with("size: expected at most 67108864 bytes, found 2147483647"),
        "{large}"
    );
    fs::write(&path, &whole[..whole.len() / 2]).expect("written");
    let cut = refused(&path);
    assert!(
        cut.contains("a.zip: expected a folder or a whole zip archive"),
        "{cut}"
    );
    let mut broken = whole.clone();
    let at = whole.len() / 3;
    broken[at..at + 40].fill(0xA5);
    fs::write(&path, &broken).expect("written");
    let broken = refused(&path);
    assert!(broken.contains(&format!("a.zip: {name}: ")), "{broken}");
    zipped(&path, &[("readme.txt", b"text")]);
    assert!(refused(&path).ends_with("a.zip: expected *.skeleton files, found none"));
}

#[test]
fn bad_sources_are_named() {
    let (folder, out) = (
        tempfile::tempdir().expect("a"),
        tempfile::tempdir().expect("b"),
    );
    let target = out.path().join("new");
    let refused = |source: &Path| {
        let error = bring(&[source.into()], Settings::default(), &target).expect_err("refused");
        assert!(!target.exists());
        error.to_string()
    };
    let empty = refused(folder.path());
    assert!(
        empty.ends_with(": expected *.skeleton files, found none"),
        "{empty}"
    );
    assert!(refused(&out.path().join("nowhere")).contains("nowhere"));
    write(folder.path(), "S001C001P001R001A001", &[&[(7, 0.0)]]);
    write(folder.path(), "take1", &[&[(7, 0.0)]]);
    let name = refused(folder.path());
    assert!(name.ends_with(
        "take1.skeleton: name: expected SsssCcccPpppRrrrAaaa with numbers from 1, found \"take1\""
    ));
    fs::remove_file(folder.path().join("take1.skeleton")).expect("removed");
    write(folder.path(), "S001C001P001R001A002", &[&[], &[]]);
    let nobody = refused(folder.path());
    assert!(
        nobody.ends_with("A002.skeleton: bodies: none in any frame"),
        "{nobody}"
    );
    fs::remove_file(folder.path().join("S001C001P001R001A002.skeleton")).expect("removed");
    fs::create_dir(folder.path().join("copy")).expect("made");
    write(
        &folder.path().join("copy"),
        "S001C001P001R001A001",
        &[&[(7, 0.0)]],
    );
    let twice = refused(folder.path());
    for part in [
        "copy",
        "sample \"S001C001P001R001A001\": two samples of one name",
        "has it, too",
    ] {
        assert!(twice.contains(part), "{twice}");
    }
}
