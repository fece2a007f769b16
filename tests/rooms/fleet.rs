//! Runtimes that share cameras over one broker, a real one where it is installed.

use crate::bad_input::{Bench, clean_stream, good_model};
use crate::binaries::{command, signal};
use crate::mosquitto::Mosquitto;
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use std::fs::{self, File};
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long something may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// From one frame of a camera to the next.
const INTERVAL: Duration = Duration::from_millis(1000 / 16);

/// A client of the broker, which goes on when the broker comes back.
fn client(port: u16, name: &str, told: Option<Sender<(String, Value)>>) -> Client {
    let options = MqttOptions::new(name, "127.0.0.1", port);
    let (client, mut connection) = Client::new(options, 64);
    let subscriber = client.clone();
    thread::spawn(move || {
        for event in connection.iter() {
            match event {
                Ok(Event::Incoming(Packet::ConnAck(_))) if told.is_some() => {
                    let _ = subscriber.try_subscribe("fleet/#", QoS::AtLeastOnce);
                }
                Ok(Event::Incoming(Packet::Publish(message))) => {
                    let text = String::from_utf8_lossy(&message.payload).into_owned();
                    let said = serde_json::from_str(&text).unwrap_or(Value::String(text));
                    if let Some(told) = &told
                        && told.send((message.topic, said)).is_err()
                    {
                        return;
                    }
                }
                Ok(_) => {}
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    });
    client
}

/// Somebody before each camera, at QoS 1 and for as long as the test goes on.
fn film(port: u16, cameras: &'static [&'static str]) {
    let client = client(port, "cameras", None);
    thread::spawn(move || {
        let lines: Vec<Value> = clean_stream()
            .iter()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        for (n, line) in lines.iter().cycle().enumerate() {
            let mut frame = line.clone();
            frame["t"] = (n as f64 * INTERVAL.as_secs_f64()).into();
            for camera in cameras {
                // Without a broker nobody sees it.
                let _ = client.try_publish(*camera, QoS::AtLeastOnce, false, frame.to_string());
            }
            thread::sleep(INTERVAL);
        }
    });
}

/// What the runtimes say over the broker.
struct Said(Receiver<(String, Value)>);

impl Said {
    fn new(port: u16) -> Self {
        let (sender, receiver) = channel();
        client(port, "observer", Some(sender));
        Self(receiver)
    }

    /// The next on a topic that will do; others are passed over.
    fn next(&self, topic: &str, will_do: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.0.recv_timeout(left) {
                Ok((found, said)) if found == topic && will_do(&said) => return said,
                Ok(_) => {}
                Err(error) => panic!("{topic}: {error}"),
            }
        }
    }

    /// All that comes for so long.
    fn all(&self, time: Duration) -> Vec<(String, Value)> {
        let until = Instant::now() + time;
        let next = || match self
            .0
            .recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            Ok(said) => Some(said),
            Err(RecvTimeoutError::Timeout) => None,
            Err(error) => panic!("{error}"),
        };
        std::iter::from_fn(next).collect()
    }
}

fn is(kind: &'static str) -> impl Fn(&Value) -> bool {
    move |said| said["event"] == kind
}

/// A runtime of the fleet.
struct Runtime {
    child: Child,
    notes: String,
    events: String,
}

impl Runtime {
    /// Recognises what comes under `inputs`, and says so under `fleet/NAME`.
    fn start(bench: &Bench, port: u16, name: &str, inputs: &[&str]) -> Self {
        let model = bench.file("model.onnx", good_model());
        let [notes, events] = ["txt", "ndjson"].map(|end| bench.text(&format!("{name}.{end}")));
        let mut run = command("aimclr-run");
        run.args([
            "stream", "--model", &model, "--hop", "0.5", "--out", &events,
        ]);
        run.args(["--out", &format!("mqtt://127.0.0.1:{port}/fleet/{name}")]);
        for input in inputs {
            run.args(["--input", &format!("mqtt://127.0.0.1:{port}/{input}")]);
        }
        let stderr = File::create(&notes).expect("made");
        Self {
            child: run.stderr(stderr).spawn().expect("it starts"),
            notes,
            events,
        }
    }

    fn notes(&self) -> String {
        fs::read_to_string(&self.notes).expect("notes")
    }

    fn wait_for(&self, note: &str) {
        let began = Instant::now();
        while !self.notes().contains(note) {
            assert!(began.elapsed() < PATIENCE, "no {note} in {}", self.notes());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// As a power cut would.
    fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }

    /// As a service manager does; gives the summary.
    fn stop(mut self) -> Value {
        signal(&self.child, "-TERM");
        let status = self.child.wait().expect("ended");
        assert!(status.success(), "{}", self.notes());
        let text = fs::read_to_string(&self.events).expect("events");
        let summary = text.lines().last().expect("a summary");
        serde_json::from_str(summary).expect("JSON")
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Nothing went missing without being counted.
fn adds_up(counts: &Value, arrived: &str) {
    let dropped = counts["dropped"].as_object().expect("reasons");
    let dropped: u64 = dropped.values().filter_map(Value::as_u64).sum();
    let sum = counts[arrived].as_u64().expect("a count") + dropped;
    assert_eq!(counts["in"], sum, "{counts}");
}

fn all_adds_up(summary: &Value) {
    adds_up(&summary["frames"], "used");
    assert!(summary["frames"]["used"].as_u64() > Some(0), "{summary}");
    assert_eq!(summary["events"]["start"], summary["events"]["end"]);
    for sink in summary["sinks"].as_object().expect("sinks").values() {
        adds_up(sink, "out");
    }
}

#[test]
fn frames_come_in_and_events_go_out_over_a_broker() {
    let Some(broker) = Mosquitto::start() else {
        return;
    };
    let bench = Bench::new();
    let said = Said::new(broker.port);
    film(broker.port, &["cameras/a/hall", "cameras/a/attic"]);
    let runtime = Runtime::start(&bench, broker.port, "a", &["cameras/a/+"]);
    said.next("fleet/a/status", |said| said == "online");
    for camera in ["hall", "attic"] {
        let topic = format!("fleet/a/cameras_a_{camera}/1/event");
        let event = said.next(&topic, is("update"));
        assert_eq!(event["source"], format!("cameras/a/{camera}"));
    }
    let summary = runtime.stop();
    said.next("fleet/a/status", |said| said == "offline");
    all_adds_up(&summary);
    let name = format!("mqtt://127.0.0.1:{}/fleet/a", broker.port);
    let sink = &summary["sinks"][&name];
    assert_eq!(sink["in"], sink["out"], "{summary}");
}

#[test]
fn who_is_killed_is_stood_in_for_until_it_comes_back() {
    let Some(broker) = Mosquitto::start() else {
        return;
    };
    let (bench, port) = (Bench::new(), broker.port);
    let said = Said::new(port);
    film(port, &["cameras/a/hall", "cameras/b/yard"]);
    let start = |own: &str, other: &str| {
        let stands_in = format!("cameras/{other}/+?unless=fleet/{other}/status");
        Runtime::start(
            &bench,
            port,
            own,
            &[&format!("cameras/{own}/+"), &stands_in],
        )
    };
    let (a, b) = (start("a", "b"), start("b", "a"));
    let (own, stood_in) = (
        "fleet/b/cameras_b_yard/1/event",
        "fleet/a/cameras_b_yard/1/event",
    );
    said.next("fleet/a/cameras_a_hall/1/event", is("update"));
    said.next(own, is("update"));

    let began = Instant::now();
    b.kill();
    said.next("fleet/b/status", |said| said == "offline");
    a.wait_for("taking over: fleet/b/status says offline");
    let taken = began.elapsed();
    let start_event = said.next(stood_in, is("start"));
    assert_eq!(start_event["source"], "cameras/b/yard");
    eprintln!(
        "subscribed after {taken:?}, first event after {:?}",
        began.elapsed()
    );

    let b = start("b", "a");
    let began = Instant::now();
    said.next("fleet/b/status", |said| said == "online");
    a.wait_for("giving back: fleet/b/status says online");
    said.next(own, is("start"));
    eprintln!("first event of its own after {:?}", began.elapsed());
    // Whoever was there has not left; this runtime has just no longer heard of them.
    said.next(stood_in, is("end"));
    said.next(own, is("update"));
    let later = said.all(Duration::from_secs(2));
    assert!(later.iter().any(|(topic, _)| topic == own), "{later:?}");
    assert!(
        later.iter().all(|(topic, _)| topic != stood_in),
        "{later:?}"
    );
    for runtime in [a, b] {
        all_adds_up(&runtime.stop());
    }
}

#[test]
fn a_broker_that_is_started_anew_costs_what_was_on_its_way() {
    let Some(broker) = Mosquitto::start() else {
        return;
    };
    let (bench, port) = (Bench::new(), broker.port);
    let said = Said::new(port);
    film(port, &["cameras/a/hall"]);
    let runtime = Runtime::start(&bench, port, "a", &["cameras/a/+"]);
    let topic = "fleet/a/cameras_a_hall/1/event";
    said.next(topic, is("update"));
    drop(broker);
    runtime.wait_for("trying again");
    runtime.wait_for("connecting again");
    let _broker = Mosquitto::at(port).expect("mosquitto");
    let began = Instant::now();
    runtime.wait_for("connected");
    runtime.wait_for("the broker is there again");
    said.next("fleet/a/status", |said| said == "online");
    said.all(Duration::from_millis(500));
    let late = said.next(topic, |_| true);
    eprintln!("the first event after {:?}", began.elapsed());
    assert!(late["t"].as_f64() > Some(0.0), "{late}");
    all_adds_up(&runtime.stop());
}
