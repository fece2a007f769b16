use super::*;

fn address(text: &str) -> Address {
    text.parse().expect("an address")
}

fn send(sinks: &Sinks, events: u64) {
    for n in 0..events {
        let message = Message {
            source: "cam0".into(),
            person: 7,
            json: format!("{{\"n\":{n}}}"),
        };
        sinks.send(&Arc::new(message)).expect("sent");
    }
}

#[test]
fn a_file_gets_everything_beside_a_sink_that_is_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.ndjson");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = free.local_addr().expect("an address");
    drop(free);
    let broker = format!("mqtt://{nobody}/home");
    let addresses = [address(&path.display().to_string()), address(&broker)];
    let sinks = Sinks::open(&addresses, Options::default()).expect("open");
    let sent = 3 * WAITING as u64;
    send(&sinks, sent);
    sinks.flush().expect("flushed");
    let report = sinks.report();
    let [file, mqtt] = addresses.map(|address| report[&address.to_string()].clone());
    assert_eq!((file.seen, file.delivered), (sent, sent));
    assert!(file.dropped.is_empty());
    // What found no room, and what still waited at the end.
    assert_eq!((mqtt.seen, mqtt.delivered), (sent, 0));
    let waited = WAITING as u64;
    assert_eq!(mqtt.dropped["full"], sent - waited);
    assert_eq!(mqtt.dropped["gone"], waited);
    let text = std::fs::read_to_string(&path).expect("a file");
    let expected: String = (0..sent).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    assert!(text == expected, "every line in its place");
    sinks.leave();
}

#[test]
fn a_file_that_fails_ends_a_recording_and_not_a_live_stream() {
    if !std::path::Path::new("/dev/full").exists() {
        eprintln!("skipped: there is no /dev/full");
        return;
    }
    let full = [address("/dev/full")];
    let sinks = Sinks::open(&full, Options::default()).expect("open");
    let message = Message {
        source: String::new(),
        person: 0,
        json: "{}".into(),
    };
    let sent = sinks.send(&Arc::new(message));
    let error = sent.and_then(|()| sinks.flush()).expect_err("full");
    assert!(error.to_string().contains("/dev/full"), "{error}");
    let live = Options {
        live: true,
        ..Options::default()
    };
    let sinks = Sinks::open(&full, live).expect("open");
    send(&sinks, 5);
    sinks.flush().expect("goes on");
    assert_eq!(sinks.report()["/dev/full"].dropped["gone"], 5);
    assert!(sinks.news()[0].contains("/dev/full"));
}

#[test]
fn two_sinks_of_one_name_are_refused() {
    let twice = [address("-"), address("-")];
    let error = Sinks::open(&twice, Options::default()).map(|_| ());
    assert!(error.expect_err("twice").to_string().contains("twice"));
}
