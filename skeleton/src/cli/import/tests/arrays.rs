use super::super::*;
use crate::import::Source;

fn opened(kind: &str, source: &str, more: &[&str]) -> Opened {
    let line = [&["import", kind, source, "--out", "out"], more].concat();
    super::parsed(&line).kind.open().1
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
    meta(&*opened("aimclr-npy", folder, &about).expect("opened"));
    meta(&*opened("ctr-gcn-npz", &file("ctr.npz"), &about).expect("opened"));
    let path = file("pyskl_three.4.pkl");
    let source = opened("pyskl", &path, &[&["--bodies", "1"][..], &about].concat());
    let source = source.expect("opened");
    assert_eq!(source.meta().bodies, 1);
    meta(&*source);

    let ntu120 = opened("aimclr-npy", folder, &["--classes", "ntu120"]).expect("opened");
    assert_eq!(
        ntu120.meta().classes[119],
        "finger-guessing game (playing rock-paper-scissors)"
    );
    let missing = opened("aimclr-npy", folder, &["--classes", "nowhere.txt"]);
    let error = missing.map(|_| ()).expect_err("no names").to_string();
    for part in ["nowhere.txt", "ntu60|ntu120|pku-mmd|FILE"] {
        assert!(error.contains(part), "{error}");
    }
}
