use super::*;
use crate::mosquitto::Mosquitto;
use crate::queue::{Bounds, Came, Receiver, WhenFull, queue};
use crate::source::Item;
use crate::source::format::Format;
use rumqttc::{AsyncClient, MqttOptions, QoS};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

const ONE: &str = "{\"t\":1,\"people\":[]}";
const TWO: &str = "{\"t\":2,\"people\":[]}";

/// Subscribes to `rooms/+` of a broker.
fn subscribed(at: SocketAddr, unless: Option<&str>) -> Receiver<Item> {
    let bounds = Bounds {
        room: 100,
        when_full: WhenFull::Wait,
    };
    let (mut senders, items) = queue(&[bounds]);
    let manner = Manner {
        format: Format::Auto,
        fps: None,
        live_since: Some(std::time::Instant::now()),
        source: String::new(),
    };
    let broker = Mqtt {
        host: at.ip().to_string(),
        port: at.port(),
        filter: "rooms/+".into(),
        credentials: None,
        unless: unless.map(String::from),
    };
    tokio::spawn(subscribe(broker, Feed::new(manner, senders.remove(0))));
    items
}

fn came(items: &Receiver<Item>, patience: Duration) -> Came<Item> {
    tokio::task::block_in_place(|| items.next(patience))
}

/// Time and source of the next frame.
fn next(items: &Receiver<Item>) -> (f64, String) {
    loop {
        match came(items, PATIENCE) {
            Came::Item(_, item) => {
                let frame = item.frame.expect("a frame");
                return (frame.t, frame.source);
            }
            Came::Notice(..) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// What is told next, before any other frame.
fn note(items: &Receiver<Item>) -> String {
    match came(items, PATIENCE) {
        Came::Notice(_, Notice::Note(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// A broker's end of a connection, by the letter of MQTT 3.1.1. The broker is gone when it is
/// dropped.
struct Broker(TcpStream);

impl Broker {
    async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut broker = Self(stream);
        assert_eq!(broker.packet().await.0, 1, "CONNECT");
        broker.write(&[0x20, 2, 0, 0]).await;
        broker
    }

    /// Reads a packet of less than 128 bytes: its kind, and what follows the length.
    async fn packet(&mut self) -> (u8, Vec<u8>) {
        let read = async {
            let kind = self.0.read_u8().await.expect("a packet");
            let length = self.0.read_u8().await.expect("a length");
            let mut rest = vec![0; length.into()];
            self.0.read_exact(&mut rest).await.expect("the rest");
            (kind >> 4, rest)
        };
        timeout(PATIENCE, read).await.expect("a packet in time")
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("sent");
    }

    /// Waits until the client asks for this; grants it or doesn't.
    async fn grants(&mut self, filter: &str, code: u8) {
        let (kind, rest) = self.packet().await;
        assert_eq!(kind, 8, "SUBSCRIBE");
        let length = filter.len() as u8;
        let asked = [&[0, length][..], filter.as_bytes(), &[1]].concat();
        assert_eq!(rest[2..], asked);
        self.write(&[0x90, 3, rest[0], rest[1], code]).await;
    }

    /// Sends a message, with a number at QoS 1 and without one at QoS 0.
    async fn publish(&mut self, topic: &str, number: Option<u8>, payload: &[u8]) {
        let number = number.map(|number| [0, number]);
        let number = number.as_ref().map_or(&[][..], |number| &number[..]);
        let rest = [&[0, topic.len() as u8], topic.as_bytes(), number, payload].concat();
        let mut head = vec![if number.is_empty() { 0x30 } else { 0x32 }];
        let mut length = rest.len();
        while length >= 128 {
            head.push(length as u8 | 128);
            length /= 128;
        }
        head.push(length as u8);
        self.write(&head).await;
        self.write(&rest).await;
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let at = listener.local_addr().expect("an address");
    (listener, at)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_topic_is_the_source_and_a_broker_that_goes_is_called_again() {
    let (listener, at) = listener().await;
    let items = subscribed(at, None);
    let named = "{\"t\":9,\"source\":\"cam\",\"people\":[]}";
    for (topic, payload, frames) in [
        (
            "rooms/kitchen",
            format!("{ONE}\n{TWO}"),
            &[(1.0, "rooms/kitchen"), (2.0, "rooms/kitchen")][..],
        ),
        ("rooms/hall", ONE.into(), &[(1.0, "rooms/hall")]),
        ("rooms/hall", named.into(), &[(9.0, "cam")]),
    ] {
        let mut broker = Broker::accept(&listener).await;
        broker.grants("rooms/+", 1).await;
        broker.publish(topic, None, payload.as_bytes()).await;
        for (t, source) in frames {
            assert_eq!(next(&items), (*t, source.to_string()));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_too_long_is_counted_and_the_next_one_read() {
    let (listener, at) = listener().await;
    let items = subscribed(at, None);
    let mut broker = Broker::accept(&listener).await;
    broker.grants("rooms/+", 1).await;
    for (number, length) in [(Some(5), 50_000_000), (None, 3_000_000)] {
        let long = vec![b'x'; length];
        broker.publish("rooms/attic", number, &long).await;
        let Came::Item(_, item) = came(&items, PATIENCE) else {
            panic!("no item");
        };
        let fault = item.frame.expect_err("too long");
        assert!(matches!(fault, Fault::TooLong { bytes } if bytes == length as u64));
    }
    assert_eq!(broker.packet().await, (4, vec![0, 5]), "PUBACK");
    broker.publish("rooms/attic", Some(6), ONE.as_bytes()).await;
    assert_eq!(next(&items), (1.0, "rooms/attic".into()));
    assert_eq!(broker.packet().await, (4, vec![0, 6]), "PUBACK");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_refuses_or_is_none_is_named() {
    let (listener, at) = listener().await;
    let items = subscribed(at, None);
    let (mut stranger, _) = listener.accept().await.expect("a client");
    stranger
        .write_all(b"HTTP/1.1 400 Bad Request\r\n")
        .await
        .expect("sent");
    let told = note(&items);
    assert!(told.contains("no MQTT 3.1.1"), "{told}");
    let mut broker = Broker::accept(&listener).await;
    broker.grants("rooms/+", 0x80).await;
    assert_eq!(note(&items), "connected");
    match came(&items, PATIENCE) {
        Came::Notice(_, Notice::Failed(why)) => {
            assert!(why.contains("rooms/+") && why.contains("refuses"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(came(&items, PATIENCE), Came::End));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_are_taken_while_the_other_runtime_is_offline() {
    let (listener, at) = listener().await;
    let status = "fleet/a/status";
    let items = subscribed(at, Some(status));
    let mut broker = Broker::accept(&listener).await;
    broker.grants(status, 1).await;
    broker.publish(status, None, b"online").await;
    // Not asked for; a broker may send what it had on its way.
    broker.publish("rooms/hall", None, ONE.as_bytes()).await;
    broker.publish(status, Some(1), b"offline").await;
    broker.grants("rooms/+", 1).await;
    assert_eq!(broker.packet().await, (4, vec![0, 1]), "PUBACK");
    assert_eq!(note(&items), "taking over: fleet/a/status says offline");
    broker.publish("rooms/hall", None, TWO.as_bytes()).await;
    assert_eq!(next(&items), (2.0, "rooms/hall".into()));
    for _ in 0..2 {
        // Said twice, done once.
        broker.publish(status, None, b"online").await;
    }
    let (kind, rest) = broker.packet().await;
    assert_eq!((kind, &rest[4..]), (10, &b"rooms/+"[..]), "UNSUBSCRIBE");
    assert_eq!(note(&items), "giving back: fleet/a/status says online");
    broker.publish("rooms/hall", None, ONE.as_bytes()).await;
    let nothing = came(&items, Duration::from_millis(300));
    assert!(matches!(nothing, Came::NothingYet), "{nothing:?}");
    broker.publish(status, None, b"what?").await;
    broker.publish(status, None, b"").await;
    assert_eq!(note(&items), "taking over: fleet/a/status says nothing");
    broker.grants("rooms/+", 1).await;
    // With each connection anew.
    drop(broker);
    let mut broker = Broker::accept(&listener).await;
    broker.grants(status, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runtime_that_nothing_is_heard_of_is_not_there() {
    let (listener, at) = listener().await;
    let items = subscribed(at, Some("fleet/a/status"));
    let mut broker = Broker::accept(&listener).await;
    broker.grants("fleet/a/status", 1).await;
    let began = Instant::now();
    broker.grants("rooms/+", 1).await;
    assert!(began.elapsed() > UNHEARD / 2, "{:?}", began.elapsed());
    assert_eq!(note(&items), "taking over: fleet/a/status says nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_broker() {
    let Some(broker) = tokio::task::block_in_place(Mosquitto::start) else {
        return;
    };
    let at = broker.address();
    let items = subscribed(at, None);
    let options = MqttOptions::new("camera", at.ip().to_string(), at.port());
    let (client, mut events) = AsyncClient::new(options, 16);
    tokio::spawn(async move { while events.poll().await.is_ok() {} });
    let sending = tokio::spawn(async move {
        // Who subscribes late misses what was published before.
        for t in 1.. {
            let line = format!("{{\"t\":{t},\"people\":[]}}");
            let sent = client.publish("rooms/attic", QoS::AtLeastOnce, false, line);
            sent.await.expect("sent");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let [a, b] = [next(&items), next(&items)];
    sending.abort();
    assert!(a.0 < b.0);
    assert_eq!(a.1, "rooms/attic");
}
