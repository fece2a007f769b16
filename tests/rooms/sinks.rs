//! Where `aimclr-run stream` sends its events.

use crate::bad_input::{Bench, clean_stream, good_model};
use crate::binaries::{command, refusal, run};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

fn lines(text: &str) -> Vec<Value> {
    let line = |line| serde_json::from_str(line).expect("JSON");
    text.lines().map(line).collect()
}

#[test]
fn every_sink_gets_the_same_and_the_summary_counts_it() {
    let bench = Bench::new();
    let model = bench.file("model.onnx", good_model());
    let clip = bench.file("clip.ndjson", clean_stream().join("\n"));
    let [whole, parts] = ["whole.ndjson", "parts.ndjson"].map(|name| bench.text(name));
    let said = run(
        "aimclr-run",
        &[
            "stream", "--model", &model, "--input", &clip, "--hop", "0.1", "--out", "-", "--out",
            &whole,
        ],
    );
    assert_eq!(said, std::fs::read_to_string(&whole).expect("a file"));
    let mut events = lines(&said);
    let summary = events.pop().expect("a summary");
    assert!(!events.is_empty());
    for sink in ["-", &whole] {
        let delivery = &summary["sinks"][sink];
        assert_eq!(delivery["in"], events.len(), "{summary}");
        assert_eq!(delivery["out"], events.len(), "{summary}");
    }
    run(
        "aimclr-run",
        &[
            "stream",
            "--model",
            &model,
            "--input",
            &clip,
            "--hop",
            "0.1",
            "--out",
            &parts,
            "--rotate-size",
            "0.001",
            "--rotate-keep",
            "1000",
        ],
    );
    let files = (1..).map(|n| std::fs::read_to_string(format!("{parts}.{n}")));
    let mut files: Vec<_> = files.map_while(Result::ok).collect();
    assert!(!files.is_empty(), "it was rotated");
    files.reverse();
    let mut found = lines(&files.concat());
    found.extend(lines(&std::fs::read_to_string(&parts).expect("a file")));
    assert_eq!(found.pop().expect("a summary")["event"], "summary");
    for event in events.iter_mut().chain(&mut found) {
        // The only field that differs from run to run.
        event["latency_ms"] = Value::Null;
    }
    assert_eq!(found, events);
}

#[test]
fn a_running_stream_says_how_it_goes() {
    let bench = Bench::new();
    let model = bench.file("model.onnx", good_model());
    let mut stream = command("aimclr-run")
        .args(["stream", "--model", &model, "--listen", "127.0.0.1:0"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut frames = stream.stdin.take().expect("stdin");
    // Kept to the end: who can't say what it has to say fails.
    let mut said = BufReader::new(stream.stderr.take().expect("stderr")).lines();
    let address = said.by_ref().map_while(Result::ok).find_map(|line| {
        let (address, _) = line.strip_prefix("http://")?.split_once(": /")?;
        Some(address.to_string())
    });
    let address = address.expect("where it listens");
    let health = || -> Value {
        serde_json::from_str(&run("aimclr-run", &["health", &address])).expect("JSON")
    };
    assert_eq!(
        (&health()["ready"], &health()["backend"]),
        (&false.into(), &"tract".into())
    );
    let not_yet = refusal("aimclr-run", &["health", &address, "--ready"]);
    assert!(not_yet.contains("/ready: 503"), "{not_yet}");
    writeln!(frames, "{}", clean_stream().join("\n")).expect("read");
    for _ in 0..300 {
        if health()["ready"] == true {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(
        run("aimclr-run", &["health", &address, "--ready"]),
        "ready\n"
    );
    drop(frames);
    assert!(stream.wait().expect("an end").success());
    let gone = refusal("aimclr-run", &["health", &address]);
    assert!(gone.contains("refused"), "{gone}");
}
