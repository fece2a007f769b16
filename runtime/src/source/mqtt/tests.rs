use super::*;
use crate::queue::{Bounds, Came, Receiver, WhenFull, queue};
use crate::source::Item;
use crate::source::format::Format;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_secs(20);

/// Subscribes to `rooms/+` of a broker.
fn subscribed(at: SocketAddr) -> Receiver<Item> {
    let bounds = Bounds {
        room: 100,
        when_full: WhenFull::Wait,
    };
    let (mut senders, items) = queue(&[bounds]);
    let manner = Manner {
        format: Format::Auto,
        fps: None,
        live_since: Some(Instant::now()),
        source: String::new(),
    };
    let broker = Mqtt {
        host: at.ip().to_string(),
        port: at.port(),
        filter: "rooms/+".into(),
        credentials: None,
    };
    tokio::spawn(subscribe(broker, Feed::new(manner, senders.remove(0))));
    items
}

/// Time and source of the next frame.
fn next(items: &Receiver<Item>) -> (f64, String) {
    loop {
        match tokio::task::block_in_place(|| items.next(PATIENCE)) {
            Came::Item(_, item) => {
                let frame = item.frame.expect("a frame");
                return (frame.t, frame.source);
            }
            Came::Notice(..) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Reads a packet of less than 128 bytes: its first byte, and what follows the length.
async fn packet(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let kind = stream.read_u8().await.expect("a packet");
    let length = stream.read_u8().await.expect("a length");
    let mut rest = vec![0; length.into()];
    stream.read_exact(&mut rest).await.expect("the rest");
    (kind >> 4, rest)
}

/// Serves one subscriber with one message of QoS 0, by the letter of MQTT 3.1.1. The
/// broker is gone when what it gives back is dropped.
async fn serve(listener: &TcpListener, topic: &str, payload: &str) -> TcpStream {
    let (mut stream, _) = listener.accept().await.expect("a client");
    assert_eq!(packet(&mut stream).await.0, 1, "CONNECT");
    stream.write_all(&[0x20, 2, 0, 0]).await.expect("CONNACK");
    let (kind, rest) = packet(&mut stream).await;
    assert_eq!(kind, 8, "SUBSCRIBE");
    assert_eq!(&rest[2..], [&[0, 7][..], b"rooms/+", &[1]].concat());
    stream
        .write_all(&[0x90, 3, rest[0], rest[1], 1])
        .await
        .expect("SUBACK");
    let length = 2 + topic.len() + payload.len();
    let head = [0x30, length as u8, 0, topic.len() as u8];
    let message = [&head[..], topic.as_bytes(), payload.as_bytes()].concat();
    stream.write_all(&message).await.expect("PUBLISH");
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_topic_is_the_source_and_a_broker_that_goes_is_called_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let items = subscribed(listener.local_addr().expect("an address"));
    let lines = "{\"t\":1,\"people\":[]}\n{\"t\":2,\"people\":[]}";
    let broker = serve(&listener, "rooms/kitchen", lines).await;
    assert_eq!([next(&items).0, next(&items).0], [1.0, 2.0]);
    drop(broker);
    let broker = serve(&listener, "rooms/hall", "{\"t\":1,\"people\":[]}").await;
    assert_eq!(next(&items), (1.0, "rooms/hall".into()));
    let named = "{\"t\":9,\"source\":\"cam\",\"people\":[]}";
    drop(broker);
    let _broker = serve(&listener, "rooms/hall", named).await;
    assert_eq!(next(&items), (9.0, "cam".into()));
}

struct Broker(Child);

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_broker() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let at = free.local_addr().expect("an address");
    drop(free);
    let mut command = Command::new("mosquitto");
    let command = command.args(["-p", &at.port().to_string()]);
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(broker) = command.spawn() else {
        eprintln!("skipped: there is no mosquitto");
        return;
    };
    let _broker = Broker(broker);
    let items = subscribed(at);
    let options = MqttOptions::new("camera", at.ip().to_string(), at.port());
    let (client, mut events) = AsyncClient::new(options, REQUESTS);
    tokio::spawn(async move {
        loop {
            if events.poll().await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    });
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
