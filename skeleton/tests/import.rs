//! `aimclr-data import` as it is typed: what it prints and how it ends.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output};

/// A recording of one person in two frames, and of nobody in a third.
fn recording() -> String {
    let mut text = String::from("3\r\n");
    for t in 0..2 {
        text += "1\r\n72057594037944738 0 1 1 1 1 0 0 0 2\r\n25\r\n";
        for v in 0..25 {
            let line = writeln!(text, "0.{v} {t}.5 3.25 1 2 3 4 0 0 0 1 2\r");
            line.expect("a string takes everything");
        }
    }
    text + "0\r\n"
}

fn folder(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("folder");
    for name in names {
        let path = folder.path().join(format!("{name}.skeleton"));
        std::fs::write(path, recording()).expect("written");
    }
    folder
}

fn run(source: &Path, out: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aimclr-data"));
    command
        .args(["import", "ntu"])
        .arg(source)
        .arg("--out")
        .arg(out);
    command.args(more).output().expect("ran")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn the_report_stands_on_standard_output() {
    let names = [
        "S001C001P001R001A001",
        "S001C002P003R001A001",
        "S001C002P005R002A008",
    ];
    let folder = folder(&names);
    let out = folder.path().join("out");
    let output = run(folder.path(), &out, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    let report = text(&output.stdout);
    for part in [
        "2 samples, 6 frames",
        "xsub       1     1          40,091         16,487",
        "xview      1     1          37,646         18,932",
        "left out 1: listed as a sample with a missing skeleton",
        "S001C002P005R002A008.skeleton",
    ] {
        assert!(report.contains(part), "{report}");
    }
    let output = run(
        folder.path(),
        &out,
        &["--force", "--json", "--bodies", "tracked"],
    );
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["samples"], 2);
    assert_eq!(report["frames"], 4);
    let xview = serde_json::json!({
        "split": "xview", "train": 1, "test": 1, "official": [37_646, 18_932],
    });
    assert_eq!(report["splits"][1], xview);
    assert_eq!(report["left_out"].as_array().map(Vec::len), Some(1));
}

#[test]
fn what_is_wrong_is_one_line_and_an_exit_code() {
    let folder = folder(&["S001C001P001R001A001"]);
    let bad = folder.path().join("S001C001P001R001A002.skeleton");
    std::fs::write(&bad, recording().replacen("\r\n25\r\n", "\r\n24\r\n", 1)).expect("written");
    let out = folder.path().join("out");
    let output = run(folder.path(), &out, &[]);
    assert_eq!(output.status.code(), Some(1));
    let reason = "line 4: number of joints: expected 25, found \"24\"";
    let expected = format!("error: {}: {reason}\n", bad.display());
    assert_eq!(text(&output.stderr), expected);
    assert!(!out.exists());
    let output = run(folder.path(), &out, &["--skip-bad"]);
    assert_eq!(output.status.code(), Some(0));
    let report = text(&output.stdout);
    assert!(
        report.contains("left out 1: number of joints: expected 25, found \"24\""),
        "{report}"
    );
    let output = run(folder.path(), &out, &["--classes", "61"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("expected 60 or 120"));
    let output = run(folder.path(), &out, &["--skip-bad"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("--force replaces it"));
}
