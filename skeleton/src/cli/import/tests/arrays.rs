use super::super::*;
use crate::import::Source;
use clap::Command;

/// Parses the arguments of one kind of source.
fn parsed<A: clap::Args>(args: &[&str]) -> A {
    let command = A::augment_args(Command::new("import").no_binary_name(true));
    command.clone().debug_assert();
    let matches = command.try_get_matches_from(args).expect("right usage");
    A::from_arg_matches(&matches).expect("right usage")
}

#[test]
fn every_kind_is_opened_from_its_arguments() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/arrays");
    let file = |name: &str| format!("{folder}/{name}");
    let names = tempfile::NamedTempFile::new().expect("file");
    let text: String = (0..60).map(|i| format!("action {i}\n\n")).collect();
    std::fs::write(names.path(), text).expect("written");
    let names = names.path().to_str().expect("text");
    let about = [
        "--name",
        "mine",
        "--license",
        "MIT",
        "--fps",
        "25",
        "--classes",
        names,
    ];

    let meta = |source: &dyn Source| {
        let meta = source.meta();
        assert_eq!(
            (&*meta.name, &*meta.license, meta.fps),
            ("mine", "MIT", 25.0)
        );
        assert_eq!(meta.classes[59], "action 59");
    };
    let released: aimclr_npy::Args = parsed(&[&[folder][..], &about].concat());
    meta(&released.open().expect("opened"));
    let path = file("ctr.npz");
    let ctr: ctr_gcn_npz::Args = parsed(&[&[&*path][..], &about].concat());
    meta(&ctr.open().expect("opened"));
    let path = file("pyskl_three.4.pkl");
    let pyskl: pyskl::Args = parsed(&[&[&*path, "--bodies", "1"][..], &about].concat());
    let source = pyskl.open().expect("opened");
    assert_eq!(source.meta().bodies, 1);
    meta(&source);

    let missing: aimclr_npy::Args = parsed(&[folder, "--classes", "nowhere.txt"]);
    let error = missing.open().map(|_| ()).expect_err("no names");
    assert!(error.to_string().contains("nowhere.txt"), "{error}");
}
