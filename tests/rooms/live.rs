//! Live recognition: what came over the network and was recorded is recognised again, and two people
//! who are near each other are one window.

use crate::bad_input::{Bench, clean_stream, good_model};
use crate::binaries::{command, run, signal};
use crate::conformance;
use aimclr_engine::{Backend, Options, Windows};
use aimclr_model::onnx::ModelFile;
use aimclr_model::plan::Pooled;
use aimclr_runtime::host::Host;
use aimclr_runtime::{Event, Pipeline, Settings};
use aimclr_skeleton::frame::Joint;
use aimclr_skeleton::motions::{self, ACTIONS, Subject};
use aimclr_skeleton::{Frame, Person, Sequence, Stream, resize};
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A stream that listens for frames; it ends with the test.
struct Listening {
    child: Child,
    /// What it says on standard error.
    told: Lines<BufReader<ChildStderr>>,
    sender: TcpStream,
}

impl Listening {
    fn start(model: &str, more: &[&str]) -> Self {
        let mut command = command("aimclr-run");
        command.args(["stream", "--model", model, "--when-full", "wait"]);
        command
            .args(["--input", "tcp-listen://127.0.0.1:0"])
            .args(more);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut told = BufReader::new(child.stderr.take().expect("piped")).lines();
        let place = told.find_map(|line| {
            let line = line.expect("UTF-8");
            Some(line.split_once("listening on ")?.1.to_string())
        });
        let sender = TcpStream::connect(place.expect("an address")).expect("connected");
        Self {
            child,
            told,
            sender,
        }
    }

    fn send(&mut self, lines: &[String]) {
        writeln!(self.sender, "{}", lines.join("\n")).expect("sent");
    }

    /// The next line on standard error with `word` in it.
    fn says(&mut self, word: &str) -> String {
        let said = self.told.by_ref().map(|line| line.expect("UTF-8"));
        said.into_iter()
            .find(|line| line.contains(word))
            .expect(word)
    }

    /// Ends it; gives what it wrote.
    fn end(mut self) -> String {
        signal(&self.child, "-TERM");
        let mut said = String::new();
        let mut out = self.child.stdout.take().expect("piped");
        out.read_to_string(&mut said).expect("UTF-8");
        said
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits, a minute at most.
fn wait_until(done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "it takes too long");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The lines of a run without its summary and without the times that it took.
fn events(text: &str) -> Vec<String> {
    let plain = |line: &str| {
        let mut event: Event = serde_json::from_str(line).ok()?;
        event.latency_ms = None;
        serde_json::to_string(&event).ok()
    };
    text.lines().filter_map(plain).collect()
}

#[test]
fn what_was_recorded_live_is_recognised_again_byte_for_byte() {
    let bench = Bench::new();
    let model = bench.file("model.onnx", good_model());
    let recorded = bench.text("recorded.ndjson");
    let windows = ["--window", "0.5", "--window", "1", "--hop", "0.1"];
    let mut stream = Listening::start(&model, &[&windows[..], &["--record", &recorded]].concat());
    let mut lines = clean_stream();
    // Numbers that have no short decimal form, and a line that is none.
    for (i, line) in lines.iter_mut().enumerate() {
        let mut frame = Frame::parse(line).expect("a frame");
        frame.t = 1e9 + (i as f64 + 0.5) / 29.97;
        *line = frame.to_line();
    }
    lines.insert(7, "{\"t\":".into());
    stream.send(&lines);
    // Everything has gone through when the last frame is in the file.
    let frames = || std::fs::read_to_string(&recorded).map_or(0, |text| text.lines().count());
    wait_until(|| frames() == lines.len() - 1);
    let live = stream.end();
    let live = events(&live);
    assert!(live.len() > 8, "{live:?}");

    let again = |file: &str| {
        let stream = ["stream", "--model", &model, "--input", file];
        run("aimclr-run", &[&stream[..], &windows].concat())
    };
    let is_event = |line: &&str| !line.contains("\"summary\"");
    let [first, second] = [again(&recorded), again(&recorded)];
    let bytes =
        |text: &str| -> Vec<String> { text.lines().filter(is_event).map(String::from).collect() };
    assert_eq!(bytes(&first), bytes(&second));
    assert_eq!(bytes(&first), live);
    // `record` makes the same file of it, for it is native already.
    let copy = bench.text("copy.ndjson");
    run(
        "aimclr-run",
        &["record", "--input", &recorded, "--out", &copy],
    );
    let read = |file: &str| std::fs::read(file).expect("a file");
    assert_eq!(read(&recorded), read(&copy));
}

#[test]
fn a_model_that_is_replaced_takes_over_unless_it_is_broken() {
    let bench = Bench::new();
    let model = bench.file("model.onnx", good_model());
    let mut stream = Listening::start(&model, &["--hop", "0.2", "--threshold", "0"]);
    let lines = clean_stream();
    stream.send(&lines[..30]);
    bench.file("model.onnx", b"not a model");
    signal(&stream.child, "-HUP");
    let said = stream.says("SIGHUP");
    assert!(
        said.contains("model.onnx: not a whole .onnx file"),
        "{said}"
    );
    stream.send(&lines[30..]);
    let mut weights = conformance::weights(Stream::Joint, 1, Pooled::Last, false);
    let card = weights.card.as_mut().expect("a card");
    card.window = 1.0;
    card.classes = (0..card.classes.len())
        .map(|c| format!("new {c}"))
        .collect();
    conformance::export(weights, Path::new(&model));
    signal(&stream.child, "-HUP");
    let said = stream.says("SIGHUP");
    assert!(said.contains("everybody begins anew"), "{said}");
    let later = lines.iter().map(|line| {
        let mut frame = Frame::parse(line).expect("a frame");
        frame.t += 10.0;
        frame.to_line()
    });
    // What is unusable comes last, and is told of when the rest has gone through.
    stream.send(&later.chain(["the end".to_string()]).collect::<Vec<_>>());
    stream.says("line 97");
    let said = stream.end();
    let summary = said.lines().last().expect("a summary");
    assert!(
        summary.contains(r#""reloads":{"done":1,"failed":1}"#),
        "{summary}"
    );
    let actions: Vec<(f64, String)> = events(&said)
        .iter()
        .map(|line| serde_json::from_str::<Event>(line).expect("an event"))
        .map(|event| (event.t, event.action))
        .collect();
    let (before, after): (Vec<_>, Vec<_>) = actions.iter().partition(|(t, _)| *t < 10.0);
    assert!(before.len() > 4 && after.len() > 4, "{actions:?}");
    assert!(
        before.iter().any(|(t, _)| *t > 30.5 / 16.0),
        "the old one went on"
    );
    assert!(before.iter().all(|(_, action)| action.starts_with("class")));
    assert!(after.iter().all(|(_, action)| action.starts_with("new")));
}

/// Somebody of a motion who is moved aside by `x` metres.
fn recording(subject: u32, action: usize, x: f32) -> Sequence {
    let mut body = motions::recording(&Subject::new(5, subject), ACTIONS[action], 1, 3.0, 20.0);
    for t in 0..body.frames {
        for v in 0..body.joints {
            let [at, y, z] = body.joint(t, 0, v);
            body.set_joint(t, 0, v, [at + x, y, z]);
        }
    }
    body
}

#[test]
fn partners_are_one_window_of_two_bodies() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("model.onnx");
    let mut weights = conformance::weights(Stream::Joint, 2, Pooled::Last, true);
    weights.card.as_mut().expect("a card").window = 2.0;
    conformance::export(weights, &path);
    let model = ModelFile::read(&path).expect("read");
    let options = Options {
        backend: Backend::OnnxRuntime,
        ..Options::default()
    };
    let people = [
        recording(1, 3, 0.0),
        recording(2, 5, 1.0),
        recording(3, 8, 5.0),
    ];
    let mut settings = Settings::of(&model.card);
    settings.smoothing = 0.0;
    let host = Host::open(&model, options).expect("opened");
    let mut pipeline = Pipeline::new(model.card.clone(), host, settings);
    let mut events = Vec::new();
    for t in 0..people[0].frames {
        let person = |(id, body): (usize, &Sequence)| Person {
            id: Some(id as u64),
            joints: (0..body.joints)
                .map(|v| Joint::at(body.joint(t, 0, v)))
                .collect(),
        };
        let frame = Frame {
            t: (t as f64 + 0.5) / 20.0,
            source: String::new(),
            layout: None,
            people: people.iter().enumerate().map(person).collect(),
        };
        let fault = pipeline.take(Ok(frame), None, &mut events);
        assert!(fault.expect("the engine runs").is_none());
    }
    let mut engine = aimclr_engine::open(&model, options).expect("opened");
    for (who, bodies) in [(0, vec![0, 1]), (1, vec![1, 0]), (2, vec![2])] {
        let event = events.iter().find(|event| event.person == who);
        let event = event.expect("looked at");
        // Which of the frames it was, and the two seconds before.
        let end = (event.t * 20.0).round() as usize;
        let window = |at: &usize| {
            let body = people[*at].view();
            resize::linear(body.slice(end - 40..end), model.card.frames).data
        };
        let data: Vec<f32> = bodies.iter().flat_map(window).collect();
        let m = bodies.len();
        let output = engine
            .run(Windows {
                n: 1,
                m,
                data: &data,
            })
            .expect("run");
        let probabilities = output.probabilities_of(0);
        for (name, said) in &event.top {
            let class = (0..probabilities.len()).find(|c| model.card.class(*c) == *name);
            let expected = f64::from(probabilities[class.expect("a class")]);
            assert!((said - expected).abs() < 2e-4, "{who}: {said} {expected}");
        }
    }
}
