use super::*;
use crate::queue::Came;
use futures_util::SinkExt;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

const PATIENCE: Duration = Duration::from_secs(20);

fn line(t: impl std::fmt::Display) -> String {
    format!("{{\"t\":{t},\"people\":[]}}\n")
}

fn open(addresses: &[String], options: &Options) -> Inputs {
    let parse = |text: &String| text.parse().expect("an address");
    let addresses: Vec<Address> = addresses.iter().map(parse).collect();
    Inputs::open(&addresses, options).expect("opened")
}

fn one(path: &Path, options: &Options) -> Inputs {
    open(&[path.display().to_string()], options)
}

fn follow() -> Options {
    Options {
        follow: true,
        ..Options::default()
    }
}

/// The time of the next frame; what is told on the way is passed over.
fn next(inputs: &Inputs) -> f64 {
    loop {
        match inputs.items.next(PATIENCE) {
            Came::Item(_, item) => return item.frame.expect("a frame").t,
            Came::Notice(_, Notice::Note(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn end(inputs: &Inputs) {
    let came = inputs.items.next(PATIENCE);
    assert!(matches!(came, Came::End), "{came:?}");
}

#[test]
fn several_inputs_have_their_own_names_and_one_that_fails_ends_no_other() {
    let folder = tempfile::tempdir().expect("folder");
    let [a, b, c] = ["a.ndjson", "b.ndjson", "c.bvh"].map(|name| folder.path().join(name));
    fs::write(&a, line(1)).expect("written");
    fs::write(&b, "{\"t\":2,\"source\":\"cam\",\"people\":[]}").expect("written");
    fs::write(&c, "HIERARCHY\nnothing\n").expect("written");
    let names = [a, b, c].map(|path| path.display().to_string());
    let inputs = open(&names, &Options::default());
    let (mut sources, mut failed) = (Vec::new(), Vec::new());
    loop {
        match inputs.items.next(PATIENCE) {
            Came::Item(lane, item) => sources.push((lane, item.frame.expect("a frame").source)),
            Came::Notice(lane, Notice::Failed(reason)) => failed.push((lane, reason)),
            Came::End => break,
            other => panic!("{other:?}"),
        }
    }
    sources.sort();
    assert_eq!(sources, [(0, names[0].clone()), (1, "cam".into())]);
    assert_eq!(failed.len(), 1);
    assert!(
        failed[0].0 == 2 && failed[0].1.contains("c.bvh"),
        "{failed:?}"
    );
    let alone = open(&names[..1], &Options::default());
    let Came::Item(_, item) = alone.items.next(PATIENCE) else {
        panic!("a frame");
    };
    assert_eq!(item.frame.expect("a frame").source, "");
    end(&alone);
}

#[test]
fn a_file_that_grows_is_followed_through_truncation_and_rotation() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("live.ndjson");
    let mut file = fs::File::create(&path).expect("made");
    write!(file, "{}{{\"t\":2,", line(1)).expect("written");
    let inputs = one(&path, &follow());
    assert_eq!(next(&inputs), 1.0);
    let nothing = inputs.items.next(Duration::from_millis(300));
    assert!(
        matches!(nothing, Came::NothingYet),
        "half a line: {nothing:?}"
    );
    write!(file, "\"people\":[]}}\n{}", line(3)).expect("written");
    assert_eq!([next(&inputs), next(&inputs)], [2.0, 3.0]);
    // Cut off, with half a line that is never to be seen, and written anew.
    write!(file, "{{\"t\":").expect("written");
    std::thread::sleep(Duration::from_millis(300));
    fs::write(&path, line(4)).expect("written");
    assert_eq!(next(&inputs), 4.0);
    // Moved away and gone on with for a moment, and another in its place.
    let mut old = fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .expect("opened");
    fs::rename(&path, folder.path().join("live.1")).expect("moved");
    write!(old, "{}", line(5)).expect("written");
    fs::write(&path, line(6)).expect("written");
    assert_eq!([next(&inputs), next(&inputs)], [5.0, 6.0]);
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .expect("opened");
    write!(file, "{}", line(7)).expect("written");
    assert_eq!(next(&inputs), 7.0);
}

#[test]
fn a_folder_gives_its_frames_by_number_and_those_that_appear() {
    let folder = tempfile::tempdir().expect("folder");
    let file = |number: u32| folder.path().join(format!("v_{number:012}_keypoints.json"));
    let nobody = r#"{"version":1.3,"people":[]}"#;
    for number in [10, 9, 100] {
        fs::write(file(number), nobody).expect("written");
    }
    fs::write(folder.path().join("notes.txt"), "none").expect("written");
    let options = Options {
        fps: Some(10.0),
        ..Options::default()
    };
    let inputs = one(folder.path(), &options);
    let times = [next(&inputs), next(&inputs), next(&inputs)];
    assert_eq!(times, [0.95, 1.05, 10.05]);
    end(&inputs);
    let followed = one(
        folder.path(),
        &Options {
            follow: true,
            ..options
        },
    );
    (0..3).for_each(|_| {
        next(&followed);
    });
    // As OpenPose does, not at once.
    fs::write(file(101), &nobody[..10]).expect("written");
    std::thread::sleep(Duration::from_millis(300));
    fs::write(file(101), nobody).expect("written");
    assert_eq!(next(&followed), 10.15);
    let empty = tempfile::tempdir().expect("folder");
    let inputs = one(empty.path(), &Options::default());
    let came = inputs.items.next(PATIENCE);
    let Came::Notice(0, Notice::Failed(reason)) = came else {
        panic!("{came:?}");
    };
    assert!(reason.contains("expected .json files"), "{reason}");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("a.csv").display().to_string();
    fs::write(&path, "").expect("written");
    let whole = Options {
        format: Format::Bvh,
        ..Options::default()
    };
    for (address, options, reason) in [
        ("-", &whole, "--format bvh is read from whole files alone"),
        (
            "tcp-listen://0.0.0.0:0",
            &Options::default(),
            "AIMCLR_TOKEN",
        ),
        (
            "nowhere.ndjson",
            &Options::default(),
            "nowhere.ndjson: No such file",
        ),
        (
            &path,
            &Options {
                follow: true,
                ..whole.clone()
            },
            "whole files alone",
        ),
    ] {
        let addresses = [address.parse().expect("an address")];
        let error = Inputs::open(&addresses, options).err().expect(address);
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn recordings_keep_their_pace_times_the_speed() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("a.ndjson");
    fs::write(&path, (0..5).map(line).collect::<String>()).expect("written");
    let begun = Instant::now();
    let options = Options {
        speed: Some(20.0),
        ..Options::default()
    };
    let inputs = one(&path, &options);
    assert!(inputs.inputs[0].live, "each arrives when its time has come");
    (0..5).for_each(|_| {
        next(&inputs);
    });
    // Four seconds of it at least; a busy machine may take longer.
    assert!(begun.elapsed() >= Duration::from_millis(190));
}

#[test]
fn overload_costs_the_oldest_or_the_newest_and_every_frame_is_counted() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("a.ndjson");
    fs::write(&path, (0..1000).map(line).collect::<String>()).expect("written");
    for (when_full, kept) in [
        (WhenFull::DropOldest, 990.0),
        (WhenFull::DropNewest, 0.0),
        (WhenFull::Wait, 0.0),
    ] {
        let options = Options {
            when_full: Some(when_full),
            queue: Some(10),
            ..Options::default()
        };
        let inputs = one(&path, &options);
        // Long enough for all of them to have come before the first is taken.
        while !matches!(when_full, WhenFull::Wait) && inputs.items.waits_for_more() {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(next(&inputs), kept);
        let mut taken = 1;
        while let Came::Item(..) = inputs.items.next(PATIENCE) {
            taken += 1;
        }
        let lost = inputs.items.dropped();
        assert_eq!(taken + lost, 1000, "{when_full:?}");
        assert_eq!(lost == 0, when_full == WhenFull::Wait);
    }
}

#[test]
fn clients_of_every_kind_are_read_and_connect_again() {
    let network = net::start().expect("threads");
    let listen = || {
        network
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a free port")
    };
    let (tcp, ws) = (listen(), listen());
    let [tcp_at, ws_at] = [&tcp, &ws].map(|l| l.local_addr().expect("an address"));
    network.spawn(async move {
        for t in 1..3 {
            let (mut stream, _) = tcp.accept().await.expect("a client");
            stream.write_all(line(t).as_bytes()).await.expect("sent");
        }
    });
    network.spawn(async move {
        for t in 1..3 {
            let (stream, _) = ws.accept().await.expect("a client");
            let mut socket = accept_async(stream).await.expect("a WebSocket");
            socket.send(Message::text(line(t))).await.expect("sent");
        }
    });
    let inputs = open(&[format!("tcp://{tcp_at}")], &Options::default());
    assert_eq!(next(&inputs), 1.0);
    end(&inputs);
    let inputs = open(&[format!("tcp://{tcp_at}")], &follow());
    assert_eq!(next(&inputs), 2.0);
    let inputs = open(&[format!("ws://{ws_at}/poses")], &Options::default());
    assert_eq!([next(&inputs), next(&inputs)], [1.0, 2.0]);
}

#[test]
fn a_server_is_an_input() {
    let inputs = open(&["tcp-listen://127.0.0.1:0".into()], &Options::default());
    let at = inputs.inputs[0].listens.expect("an address");
    let mut client = std::net::TcpStream::connect(at).expect("connected");
    client.write_all(line(5).as_bytes()).expect("sent");
    assert_eq!(next(&inputs), 5.0);
}
