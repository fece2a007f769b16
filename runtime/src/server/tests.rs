use super::*;
use crate::net;
use crate::pipeline::Pipeline;
use crate::pipeline::tests::{HighHead, card, frame, person};
use crate::settings::Settings;
use crate::sink::{self, Options, Sinks, WAITING};
use aimclr_engine::Engine;
use futures_util::Stream;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::pin::Pin;
use std::time::Instant;
use tokio_tungstenite::tungstenite;

/// How long something may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

struct Bench {
    sinks: Sinks,
    board: Arc<Board>,
    address: SocketAddr,
}

impl Bench {
    fn new(token: Option<&str>) -> Self {
        let mut sinks = Sinks::open(&[], Options::default()).expect("no sinks");
        let access = Access::new(token.map(String::from));
        let board = sinks.listen("127.0.0.1:0", access, about());
        let board = board.expect("a port");
        board.loaded("test");
        let address = sinks.listens_at().expect("a server");
        Self {
            sinks,
            board,
            address,
        }
    }

    fn send(&self, source: &str, person: u64, json: impl Into<String>) {
        let message = sink::Message {
            source: source.into(),
            person,
            json: json.into(),
        };
        self.sinks
            .send(&Arc::new(message))
            .expect("no sink that ends a run");
    }

    /// Asks and gives the answer from behind its head on, with its status.
    fn ask(&self, path: &str, headers: &str) -> (u16, BufReader<std::net::TcpStream>) {
        let mut stream = std::net::TcpStream::connect(self.address).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let address = self.address;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n"
        )
        .expect("sent");
        let mut answer = BufReader::new(stream);
        let mut line = String::new();
        answer.read_line(&mut line).expect("an answer");
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        while line != "\r\n" {
            line.clear();
            answer.read_line(&mut line).expect("a head");
        }
        (status.expect("a status"), answer)
    }

    fn get(&self, path: &str, headers: &str) -> (u16, String) {
        let headers = format!("connection: close\r\n{headers}");
        let (status, mut answer) = self.ask(path, &headers);
        let mut body = String::new();
        answer.read_to_string(&mut body).expect("a body");
        (status, body)
    }

    fn lost(&self) -> Vec<(String, u64)> {
        let (_, report) = self.sinks.report().pop_first().expect("the server");
        report.dropped.into_iter().collect()
    }
}

fn about() -> About {
    About {
        model: "m.onnx".into(),
        backend: "tract".into(),
    }
}

/// The data of the next event.
fn next(answer: &mut BufReader<std::net::TcpStream>) -> String {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(answer.read_line(&mut line).expect("a line") > 0, "the end");
        if let Some(data) = line.strip_prefix("data: ") {
            return data.trim_end().into();
        }
    }
}

/// The next text, past signs of life.
async fn said(
    socket: &mut (impl Stream<Item = tungstenite::Result<tungstenite::Message>> + Unpin),
) -> String {
    loop {
        let read = poll_fn(|context| Pin::new(&mut *socket).poll_next(context));
        let frame = tokio::time::timeout(PATIENCE, read).await;
        match frame.expect("in time").expect("open").expect("a frame") {
            tungstenite::Message::Text(text) => return text.as_str().into(),
            tungstenite::Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn every_subscriber_gets_every_event_it_wants() {
    let bench = Bench::new(None);
    let (status, mut all) = bench.ask("/events", "");
    assert_eq!(status, 200);
    let (_, mut one) = bench.ask("/events?source=cam%201&person=3", "");
    let url = format!("ws://{}/ws?person=3", bench.address);
    let network = net::start().expect("threads");
    let connecting = tokio_tungstenite::connect_async(url);
    let (mut socket, _) = network.block_on(connecting).expect("a WebSocket");
    for n in 0..500u64 {
        let source = if n % 2 == 0 { "cam 1" } else { "cam 2" };
        bench.send(source, n % 5, format!("{{\"n\":{n}}}"));
    }
    let number = |data: &str| {
        let event: Value = serde_json::from_str(data).expect("JSON");
        event["n"].as_u64().expect("a number")
    };
    for n in 0..500 {
        assert_eq!(number(&next(&mut all)), n);
    }
    for n in (0..500).filter(|n| n % 2 == 0 && n % 5 == 3) {
        assert_eq!(number(&next(&mut one)), n);
    }
    for n in (0..500).filter(|n| n % 5 == 3) {
        assert_eq!(number(&network.block_on(said(&mut socket))), n);
    }
    assert_eq!(bench.lost(), []);
    bench.sinks.flush().expect("flushed");
    bench.sinks.leave();
    // The end of a stream in chunks: all was sent.
    let mut rest = String::new();
    all.read_to_string(&mut rest).expect("the end");
    assert!(rest.ends_with("0\r\n\r\n"), "{rest:?}");
    let read = poll_fn(|context| Pin::new(&mut socket).poll_next(context));
    let frame = network.block_on(read).expect("open").expect("a frame");
    assert!(matches!(frame, tungstenite::Message::Close(_)));
}

#[test]
fn a_subscriber_that_does_not_read_is_dropped_and_the_others_go_on() {
    let bench = Bench::new(None);
    let (_, _asleep) = bench.ask("/events", "");
    let (_, mut awake) = bench.ask("/events", "");
    let mut sent = 0;
    // The system's buffers take several megabytes before the queue fills.
    while bench.lost().is_empty() {
        sent += 1;
        assert!(sent < 20 * WAITING, "not dropped");
        let event = format!("{{\"n\":{sent},\"_\":\"{}\"}}", "x".repeat(16_000));
        bench.send("", 0, event);
        let data = next(&mut awake);
        assert!(data.starts_with(&format!("{{\"n\":{sent},")), "{sent}");
    }
    bench.send("", 0, "{\"last\":true}");
    assert_eq!(next(&mut awake), "{\"last\":true}");
    if cfg!(target_os = "linux") {
        // Its connection is cut, and nothing is left open.
        let began = Instant::now();
        while !bench
            .get("/metrics", "")
            .1
            .contains("aimclr_subscribers 1\n")
        {
            assert!(began.elapsed() < PATIENCE, "still there");
            std::thread::sleep(Duration::from_millis(50));
        }
        let (_, report) = bench.sinks.report().pop_first().expect("the server");
        let lost: u64 = report.dropped.values().sum();
        assert_eq!(report.seen, report.delivered + lost, "{report:?}");
        assert!(lost > 1 && lost <= WAITING as u64 + 1, "{report:?}");
    }
}

#[test]
fn no_more_than_so_many_have_room() {
    let bench = Bench::new(None);
    let mut here: Vec<_> = (0..hub::MOST).map(|_| bench.ask("/events", "")).collect();
    assert!(here.iter().all(|(status, _)| *status == 200));
    let (status, said) = bench.get("/events", "");
    assert_eq!(status, 503);
    assert!(said.contains("64"), "{said}");
    let text = bench.get("/metrics", "").1;
    assert!(text.contains("aimclr_subscribers 64\n"), "{text}");
    assert!(
        text.contains("aimclr_subscribers_refused_total 1\n"),
        "{text}"
    );
    // Who leaves makes room; that shows when the connection's end has come through.
    here.pop();
    let began = Instant::now();
    while bench.ask("/events", "").0 != 200 {
        assert!(began.elapsed() < PATIENCE, "no room");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn who_says_nothing_is_cut_off_and_who_listens_to_nothing_is_not() {
    let bench = Bench::new(None);
    let (_, mut events) = bench.ask("/events", "");
    let network = net::start().expect("threads");
    let connecting = tokio_tungstenite::connect_async(format!("ws://{}/ws", bench.address));
    let (mut socket, _) = network.block_on(connecting).expect("a WebSocket");
    // All who find a place say nothing; who comes next waits until they are cut off.
    let connect = |_| std::net::TcpStream::connect(bench.address).expect("connected");
    let began = Instant::now();
    let silent: Vec<_> = (0..door::MOST + 20).map(connect).collect();
    assert_eq!(bench.get("/health", "").0, 200);
    assert!(began.elapsed() >= door::IDLE, "{:?}", began.elapsed());
    for mut client in &silent[..door::MOST / 2] {
        client.set_read_timeout(Some(PATIENCE)).expect("a socket");
        assert_eq!(client.read(&mut [0]).expect("an end"), 0);
    }
    std::thread::sleep(door::IDLE);
    bench.send("", 0, "{\"late\":true}");
    assert_eq!(next(&mut events), "{\"late\":true}");
    let text = network.block_on(said(&mut socket));
    assert_eq!(text, "{\"late\":true}");
}

#[test]
fn only_who_knows_the_token_comes_in() {
    let bench = Bench::new(Some("secret"));
    for path in ["/events", "/ws", "/metrics"] {
        let (status, said) = bench.get(path, "");
        assert_eq!(status, 401, "{path}");
        assert!(said.contains("Bearer"), "{said}");
    }
    assert_eq!(bench.get("/metrics?token=wrong", "").0, 401);
    assert_eq!(bench.get("/metrics?token=secret", "").0, 200);
    let bearer = "authorization: Bearer secret\r\n";
    assert_eq!(bench.get("/metrics", bearer).0, 200);
    assert_eq!(bench.ask("/events", bearer).0, 200);
    assert_eq!(bench.get("/health", "").0, 200);
    assert_eq!(bench.get("/ready", "").0, 503);
    let mut sinks = Sinks::open(&[], Options::default()).expect("no sinks");
    let error = sinks.listen("0.0.0.0:0", Access::new(None), about());
    let error = error.expect_err("open").to_string();
    assert!(
        error.contains("--listen") && error.contains("AIMCLR_TOKEN"),
        "{error}"
    );
}

#[test]
fn pages_of_other_sites_do_not_listen() {
    let bench = Bench::new(None);
    let own = format!("origin: http://{}\r\n", bench.address);
    assert_eq!(bench.get("/metrics", &own).0, 200);
    let foreign = "origin: http://elsewhere.example\r\n";
    assert_eq!(bench.get("/events", foreign).0, 403);
    assert_eq!(bench.get("/events?token=any", foreign).0, 403);
    let bench = Bench::new(Some("secret"));
    assert_eq!(bench.get("/metrics?token=secret", foreign).0, 200);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let bench = Bench::new(None);
    let mut sinks = Sinks::open(&[], Options::default()).expect("no sinks");
    let address = bench.address.to_string();
    let error = sinks.listen(&address, Access::new(None), about());
    let error = error.expect_err("taken").to_string();
    assert!(error.contains(&address), "{error}");
}

#[test]
fn while_the_model_is_loaded_the_server_is_there_and_not_ready() {
    let mut sinks = Sinks::default();
    let board = sinks.listen("localhost:0", Access::default(), about());
    let board = board.expect("a port");
    let address = sinks.listens_at().expect("a server");
    let bench = Bench {
        sinks,
        board,
        address,
    };
    assert_eq!(
        bench.get("/ready", ""),
        (503, "the model is being loaded\n".into())
    );
    let (status, health) = bench.get("/health", "");
    assert_eq!(status, 200);
    assert!(
        health.contains("\"provider\":null,\"ready\":false"),
        "{health}"
    );
    assert_eq!(bench.get("/metrics", "").0, 200);
    bench.board.loaded("test");
    assert_eq!(bench.get("/ready", ""), (503, "no frame has come\n".into()));
}

#[test]
fn health_and_metrics_follow_the_pipeline() {
    let bench = Bench::new(None);
    let health = |bench: &Bench| -> Value {
        serde_json::from_str(&bench.get("/health", "").1).expect("JSON")
    };
    let before = health(&bench);
    assert_eq!(before["provider"], "test");
    assert_eq!(
        (&before["ready"], &before["last_frame_seconds"]),
        (&false.into(), &Value::Null)
    );
    let engine: Box<dyn Engine> = Box::new(HighHead::default());
    let mut pipeline = Pipeline::new(card(), engine, Settings::of(&card()));
    let mut events = Vec::new();
    for j in 0..60 {
        let frame = frame(f64::from(j) / 30.0, vec![person(Some(4), 0.0, 0.8)]);
        pipeline
            .take(Ok(frame), None, &mut events)
            .expect("it runs");
    }
    let again = frame(0.1, Vec::new());
    pipeline
        .take(Ok(again), None, &mut events)
        .expect("it runs");
    let waiting = [("tcp://cam:80".into(), 3)].into();
    bench.board.show(&pipeline, waiting);
    assert_eq!(bench.get("/ready", "").0, 200);
    assert!(health(&bench)["last_frame_seconds"].as_f64().is_some());
    let text = bench.get("/metrics", "").1;
    for line in [
        "aimclr_info{model=\"m.onnx\",backend=\"tract\",provider=\"test\"} 1",
        "aimclr_frames_in_total 61",
        "aimclr_frames_used_total 60",
        "aimclr_frames_dropped_total{reason=\"time\"} 1",
        "aimclr_events_total{kind=\"start\"} 1",
        "aimclr_people 1",
        "aimclr_queue_frames{input=\"tcp://cam:80\"} 3",
        &format!("aimclr_windows_total {}", events.len()),
        &format!("aimclr_inference_seconds_count {}", events.len()),
        &format!(
            "aimclr_sink_events_total{{sink=\"http://{}\"}} 0",
            bench.address
        ),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}
