//! An import that was stopped goes on only with the same options.

use super::{command, parsed};
use crate::import::{ImportError, Options, import};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// What comes out is the same whatever these say.
const OF_NO_ACCOUNT: [&str; 5] = ["out", "force", "threads", "json", "help"];

const ABOUT: &[&[&str]] = &[
    &["--name", "mine"],
    &["--license", "MIT"],
    &["--citation", "me"],
];

/// A kind, its usual arguments, and other options, one at a time.
type Case = (
    &'static str,
    &'static [&'static str],
    &'static [&'static [&'static str]],
);

const CASES: &[Case] = &[
    (
        "ntu",
        &["ntu"],
        &[
            &["--classes", "120"],
            &["--missing", "none"],
            &["--bodies", "tracked"],
            &["--max-frames", "20"],
        ],
    ),
    (
        "pku-mmd",
        &["pku"],
        &[
            &["--bodies", "tracked"],
            &["--labels", "other-labels"],
            &["--splits", "other-splits"],
        ],
    ),
    (
        "aimclr-npy",
        &["arrays"],
        &[&["--fps", "25"], &["--classes", "names"]],
    ),
    (
        "ctr-gcn-npz",
        &["arrays/ctr.npz"],
        &[&["--fps", "25"], &["--classes", "names"]],
    ),
    (
        "pyskl",
        &["arrays/pyskl_two.4.pkl"],
        &[
            &["--fps", "25"],
            &["--classes", "names"],
            &["--bodies", "1"],
        ],
    ),
    (
        "bvh",
        &["poses"],
        &[
            &["--fps", "25"],
            &["--bodies", "2"],
            &["--scale", "1"],
            &["--up", "z"],
            &["--map", "map.toml"],
        ],
    ),
    (
        "coco",
        &["poses", "--fps", "30"],
        &[
            &["--fps", "25"],
            &["--bodies", "2"],
            &["--picture", "640x480"],
        ],
    ),
    (
        "mediapipe",
        &["poses", "--fps", "30"],
        &[
            &["--fps", "25"],
            &["--bodies", "2"],
            &["--picture", "640x480"],
            &["--layout", "ntu25"],
        ],
    ),
    (
        "ndjson",
        &["poses"],
        &[
            &["--fps", "25"],
            &["--bodies", "2"],
            &["--layout", "coco17"],
        ],
    ),
    (
        "openpose",
        &["poses", "--fps", "30"],
        &[
            &["--fps", "25"],
            &["--bodies", "2"],
            &["--picture", "640x480"],
            &["--three-d", "0.01"],
        ],
    ),
];

/// Two recordings of each kind; that they are bad is all the same here.
fn sources(root: &Path) {
    let write = |name: &str, bytes: &[u8]| {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, bytes).expect("written");
    };
    for replication in ["R001", "R002"] {
        write(&format!("ntu/S001C001P001{replication}A001.skeleton"), b"");
    }
    for (name, part) in [("0001-L", "Training"), ("0002-L", "Validation")] {
        write(&format!("pku/skeleton/{name}.txt"), b"");
        for split in ["pku/split", "other-splits"] {
            let path = root.join(split).join("cross-subject.txt");
            let mut text = fs::read_to_string(&path).unwrap_or_default();
            text += &format!("{part} videos:\n{name}\n");
            write(&format!("{split}/cross-subject.txt"), text.as_bytes());
        }
    }
    let swapped = "Training videos:\n0002-L\nValidation videos:\n0001-L\n";
    write("other-splits/cross-subject.txt", swapped.as_bytes());
    write("pku/label/0001-L.txt", b"");
    write("other-labels/0001-L.txt", b"");
    let arrays = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/arrays");
    for entry in fs::read_dir(arrays).expect("there") {
        let entry = entry.expect("listed");
        let name = entry.file_name().into_string().expect("text");
        write(
            &format!("arrays/{name}"),
            &fs::read(entry.path()).expect("read"),
        );
    }
    let names: String = (0..120).map(|i| format!("action {i}\n")).collect();
    write("names", names.as_bytes());
    for clip in ["a", "b"] {
        for ending in ["bvh", "json", "ndjson"] {
            write(&format!("poses/wave/{clip}-{ending}.{ending}"), b"");
        }
        fs::create_dir_all(root.join("poses/wave").join(clip)).expect("made");
    }
    let built_in = include_str!("../../../../layouts/bvh.toml");
    write("map.toml", built_in.replace("Hips", "Pelvis").as_bytes());
}

/// Takes one recording and stops.
fn begin(root: &Path, kind: &str, arguments: &[&str]) -> ImportError {
    let placed: Vec<String> = arguments
        .iter()
        .map(|argument| match root.join(argument) {
            path if path.exists() => path.to_str().expect("text").into(),
            _ => (*argument).to_string(),
        })
        .collect();
    let out = root.join("out").join(kind);
    let mut line = vec![
        "import",
        kind,
        "--out",
        out.to_str().expect("text"),
        "--skip-bad",
    ];
    line.extend(placed.iter().map(String::as_str));
    let args = parsed(&line);
    let (common, source) = args.kind.open();
    let source = source.unwrap_or_else(|error| panic!("{line:?}: {error}"));
    let options = Options {
        skip_bad: common.skip_bad,
        ..Options::default()
    };
    let stop = AtomicBool::new(true);
    import(&*source, &common.out, &options, &stop, &mut |_| {}).expect_err("stopped or refused")
}

#[test]
fn another_option_is_named() {
    let root = tempfile::tempdir().expect("folder");
    sources(root.path());
    for (kind, usual, others) in CASES {
        let error = begin(root.path(), kind, usual);
        assert!(
            matches!(error, ImportError::Stopped { done: 1, .. }),
            "{kind}: {error}"
        );
        let about: &[&[&str]] = if usual[0] == "ntu" || usual[0] == "pku" {
            &[]
        } else {
            ABOUT
        };
        for other in others.iter().chain(about) {
            let differing: Vec<&str> = match usual.iter().position(|a| *a == other[0]) {
                None => usual.iter().chain(*other).copied().collect(),
                Some(at) => usual[..at].iter().chain(*other).copied().collect(),
            };
            let error = begin(root.path(), kind, &differing).to_string();
            let option = &other[0][2..];
            let names = error
                .split_once(" and differs in ")
                .map_or("", |(_, names)| names);
            assert!(names.contains(option), "{kind} {other:?}: {error}");
        }
    }
}

#[test]
fn no_option_is_forgotten() {
    for (kind, _, others) in CASES {
        let command = command();
        let kind = command.find_subcommand(kind).expect("a kind");
        let taken = kind.get_arguments().filter_map(clap::Arg::get_long);
        let mut taken: BTreeSet<&str> = taken.collect();
        taken.retain(|option| !OF_NO_ACCOUNT.contains(option) && *option != "skip-bad");
        let mut tried: BTreeSet<&str> = others.iter().map(|other| &other[0][2..]).collect();
        if taken.contains("license") {
            tried.extend(ABOUT.iter().map(|other| &other[0][2..]));
        }
        assert_eq!(taken, tried, "{}", kind.get_name());
    }
    assert_eq!(CASES.len(), command().get_subcommands().count());
}
