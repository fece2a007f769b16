use super::*;
use crate::mosquitto::Mosquitto;
use crate::net;
use crate::sink::queue::tests::message;
use crate::sink::queue::{Policy, Queue, WAITING};
use crate::sink::settle;
use std::sync::mpsc;
use std::thread;
use tokio::runtime::Runtime;

/// How long something may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

fn broker(port: u16) -> Broker {
    Broker {
        host: "127.0.0.1".into(),
        port,
        prefix: "home".into(),
    }
}

/// What a client that wants everything below the prefix is given: topic, payload, retained.
fn listen(network: &Runtime, port: u16) -> mpsc::Receiver<(String, String, bool)> {
    let options = MqttOptions::new(format!("test-{:x}", random()), "127.0.0.1", port);
    let (client, mut connection) = AsyncClient::new(options, 8);
    let (sender, receiver) = mpsc::channel();
    let (ready, subscribed) = mpsc::channel();
    network.spawn(async move {
        loop {
            match connection.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    let _ = client.try_subscribe("home/#", QoS::AtLeastOnce);
                }
                Ok(Event::Incoming(Packet::SubAck(_))) => {
                    let _ = ready.send(());
                }
                Ok(Event::Incoming(Packet::Publish(p))) => {
                    let text = String::from_utf8_lossy(&p.payload).into_owned();
                    if sender.send((p.topic, text, p.retain)).is_err() {
                        return;
                    }
                }
                Ok(_) => {}
                // The broker may still be starting.
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    });
    subscribed.recv_timeout(PATIENCE).expect("a broker");
    receiver
}

fn sink(network: &Runtime, port: u16) -> Queue {
    let handle = network.handle().clone();
    Queue::with("mqtt".into(), Policy::Drop, move |queue, shared| {
        broker(port).work(&handle, queue, &shared);
    })
}

/// The next message on a topic that ends so; others are passed over.
fn next(received: &mpsc::Receiver<(String, String, bool)>, topic: &str) -> (String, bool) {
    loop {
        let (found, text, retained) = received.recv_timeout(PATIENCE).expect(topic);
        if found.ends_with(topic) {
            return (text, retained);
        }
    }
}

#[test]
fn events_arrive_in_order_and_the_status_says_who_is_there() {
    let Some(mosquitto) = Mosquitto::start() else {
        return;
    };
    let port = mosquitto.port;
    let network = net::start().expect("threads");
    let received = listen(&network, port);
    let mut queue = sink(&network, port);
    assert_eq!(next(&received, "home/status").0, "online");
    for n in 0..300 {
        queue.send(message(n)).expect("no failure");
    }
    for n in 0..300 {
        let (text, retained) = next(&received, "home/cam0/7/event");
        assert_eq!((text, retained), (format!("{{\"n\":{n}}}"), false));
    }
    settle(&queue.shared.tally, None);
    assert_eq!(queue.shared.tally.report().delivered, 300);
    let late = listen(&network, port);
    assert_eq!(next(&late, "home/status"), ("online".into(), true));
    queue.close();
    assert_eq!(next(&received, "home/status").0, "offline");
    assert_eq!(
        next(&listen(&network, port), "home/status"),
        ("offline".into(), true)
    );
}

#[test]
fn whoever_vanishes_is_said_to_be_offline() {
    let Some(mosquitto) = Mosquitto::start() else {
        return;
    };
    let port = mosquitto.port;
    let network = net::start().expect("threads");
    let received = listen(&network, port);
    let (_client, mut connection) = AsyncClient::new(broker(port).options(), 1);
    let connected = network.block_on(connection.poll()).expect("a connection");
    assert!(matches!(connected, Event::Incoming(Packet::ConnAck(_))));
    // No word of leaving: the socket closes.
    drop(connection);
    assert_eq!(next(&received, "home/status").0, "offline");
}

#[test]
fn without_a_broker_some_events_wait_and_the_others_are_counted() {
    let Some(first) = Mosquitto::start() else {
        return;
    };
    let port = first.port;
    let network = net::start().expect("threads");
    let received = listen(&network, port);
    let queue = sink(&network, port);
    queue.send(message(0)).expect("no failure");
    next(&received, "event");
    settle(&queue.shared.tally, None);
    drop(first);
    while queue.news().is_empty() {
        thread::sleep(Duration::from_millis(10));
    }
    let sent = 2 * WAITING;
    for n in 1..=sent {
        queue.send(message(n)).expect("no failure");
    }
    let report = queue.shared.tally.report();
    assert_eq!(report.dropped["full"] as usize, sent - WAITING);
    let _second = Mosquitto::at(port).expect("mosquitto");
    settle(&queue.shared.tally, None);
    let report = queue.shared.tally.report();
    assert_eq!(report.delivered as usize, 1 + WAITING);
    // The test's own client connects again, too.
    assert_eq!(
        next(&listen(&network, port), "home/status"),
        ("online".into(), true)
    );
    assert!(queue.news()[0].contains("again"));
}

#[test]
fn a_source_is_one_level_of_a_topic() {
    assert_eq!(level("hall/cam+1#"), "hall_cam_1_");
    assert_eq!(level(""), "-");
}
