//! Live recognition: what came over the network and was recorded is recognised again, and two people
//! who are near each other are one window.

use crate::bad_input::{Bench, clean_stream, good_model};
use crate::binaries::{command, run};
use crate::conformance;
use aimclr_engine::{Backend, Options, Windows};
use aimclr_model::onnx::ModelFile;
use aimclr_model::plan::Pooled;
use aimclr_runtime::host::Host;
use aimclr_runtime::{Event, Pipeline, Settings};
use aimclr_skeleton::frame::Joint;
use aimclr_skeleton::motions::{self, ACTIONS, Subject};
use aimclr_skeleton::{Frame, Person, Sequence, Stream, resize};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Ends the process with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
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
    let mut child = command("aimclr-run");
    child.args(["stream", "--model", &model, "--hop", "0.1", "--input"]);
    child.args(["tcp-listen://127.0.0.1:0", "--record", &recorded]);
    child.args(["--window", "0.5", "--window", "1", "--when-full", "wait"]);
    let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = Running(child.expect("it starts"));
    let mut told = BufReader::new(child.0.stderr.take().expect("piped")).lines();
    let place = told.find_map(|line| {
        let line = line.expect("UTF-8");
        Some(line.split_once("listening on ")?.1.to_string())
    });
    let mut lines = clean_stream();
    // Numbers that have no short decimal form, and a line that is none.
    for (i, line) in lines.iter_mut().enumerate() {
        let mut frame = Frame::parse(line).expect("a frame");
        frame.t = 1e9 + (i as f64 + 0.5) / 29.97;
        *line = frame.to_line();
    }
    lines.insert(7, "{\"t\":".into());
    let mut sender = TcpStream::connect(place.expect("an address")).expect("connected");
    writeln!(sender, "{}", lines.join("\n")).expect("sent");
    drop(sender);
    // Everything has gone through when the client's last frame is in the file.
    let deadline = Instant::now() + Duration::from_secs(60);
    let frames = || std::fs::read_to_string(&recorded).map_or(0, |text| text.lines().count());
    while frames() < lines.len() - 1 {
        assert!(Instant::now() < deadline, "{} frames", frames());
        thread::sleep(Duration::from_millis(20));
    }
    let pid = child.0.id().to_string();
    let kill = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(kill.expect("it starts").success());
    let mut live = String::new();
    let mut out = child.0.stdout.take().expect("piped");
    out.read_to_string(&mut live).expect("UTF-8");
    let live = events(&live);
    assert!(live.len() > 8, "{live:?}");

    let again = |file: &str| {
        let arguments = ["--window", "0.5", "--window", "1", "--hop", "0.1"];
        let stream = ["stream", "--model", &model, "--input", file];
        run("aimclr-run", &[&stream[..], &arguments].concat())
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
        let fault = pipeline.take(Ok(frame), Instant::now(), &mut events);
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
