//! An MQTT broker: an event a message, and whether anybody is there to send some.
//!
//! Two tasks: one talks with the broker, the other knows which events it has not acknowledged.
//! After a lost connection those are sent again, so each gets there at least once.

use super::queue::{Message, Shared};
use crate::net::{self, Backoff, OFFLINE, ONLINE};
use rumqttc::{AsyncClient, Event, EventLoop, LastWill, MqttOptions, Outgoing, Packet, QoS};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// Events that the broker has not acknowledged; more wait in the queue.
const UNACKNOWLEDGED: usize = 64;

/// Longest event that is sent, bytes.
const LONGEST: usize = 1 << 20;

/// How long a broker may be silent before it counts as gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// From one try to connect to the next, at last.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// How often is looked for an end where nothing is sent.
const TICK: Duration = Duration::from_millis(50);

/// Time to say that it leaves.
const FAREWELL: Duration = Duration::from_millis(700);

/// Who publishes where.
#[derive(Debug, Clone)]
pub(super) struct Broker {
    pub host: String,
    pub port: u16,
    pub prefix: String,
}

/// What the broker's task tells the other one.
enum Signal {
    Connected,
    Acknowledged,
    /// Why, and whom to tell that nothing more will be sent on this connection.
    Lost(String, oneshot::Sender<()>),
    Left,
}

impl Broker {
    fn status(&self) -> String {
        format!("{}/status", self.prefix)
    }

    fn topic(&self, message: &Message) -> String {
        format!(
            "{}/{}/{}/event",
            self.prefix,
            level(&message.source),
            message.person
        )
    }

    fn options(&self) -> MqttOptions {
        let id = format!("aimclr-{}-{:08x}", std::process::id(), random());
        let mut options = MqttOptions::new(id, &self.host, self.port);
        options
            .set_keep_alive(KEEP_ALIVE)
            .set_max_packet_size(LONGEST, LONGEST)
            .set_last_will(LastWill::new(
                self.status(),
                OFFLINE,
                QoS::AtLeastOnce,
                true,
            ));
        if let Some((user, password)) = net::mqtt_credentials() {
            options.set_credentials(user, password);
        }
        options
    }

    /// Publishes what comes until nothing more can, and then says that it leaves.
    pub(super) fn work(self, network: &Handle, queue: Receiver<Arc<Message>>, shared: &Shared) {
        let room = 2 * UNACKNOWLEDGED;
        let (client, connection) = AsyncClient::new(self.options(), room);
        let (signals, told) = unbounded_channel();
        let talk = network.spawn(talk(connection, signals));
        let publisher = Publisher {
            broker: self,
            client,
            connected: false,
            unacknowledged: VecDeque::new(),
        };
        network.block_on(publisher.run(queue, told, shared));
        talk.abort();
    }
}

/// A level of a topic: what has a meaning there is replaced, and none is empty.
fn level(source: &str) -> String {
    match source.is_empty() {
        true => "-".into(),
        false => source.replace(['/', '+', '#', '\0'], "_"),
    }
}

/// Tells processes on different machines apart, which may have the same number.
fn random() -> u32 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish() as u32
}

/// Talks with the broker, and connects again where it has to.
async fn talk(mut connection: EventLoop, signals: UnboundedSender<Signal>) {
    let mut backoff = Backoff::new(LONGEST_WAIT);
    loop {
        let signal = match connection.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                backoff.reset();
                Signal::Connected
            }
            Ok(Event::Incoming(Packet::PubAck(_))) => Signal::Acknowledged,
            Ok(Event::Outgoing(Outgoing::Disconnect)) => Signal::Left,
            Ok(_) => continue,
            Err(error) => {
                let (sender, heard) = oneshot::channel();
                if signals
                    .send(Signal::Lost(error.to_string(), sender))
                    .is_err()
                {
                    return;
                }
                let _ = heard.await;
                // What it still holds is sent again by the other task, in order.
                connection.clean();
                connection.pending.clear();
                backoff.wait().await;
                continue;
            }
        };
        if signals.send(signal).is_err() {
            return;
        }
    }
}

struct Publisher {
    broker: Broker,
    client: AsyncClient,
    connected: bool,
    /// In the order of sending, in which a broker acknowledges; None is a status.
    unacknowledged: VecDeque<Option<Arc<Message>>>,
}

impl Publisher {
    async fn run(
        mut self,
        mut queue: Receiver<Arc<Message>>,
        mut told: UnboundedReceiver<Signal>,
        shared: &Shared,
    ) {
        let mut well = true;
        let mut open = true;
        while open {
            let takes = self.connected && self.unacknowledged.len() < UNACKNOWLEDGED;
            tokio::select! {
                signal = told.recv() => match signal {
                    Some(Signal::Connected) => {
                        if !well {
                            shared.tell("the broker is there again");
                        }
                        well = true;
                        self.resume();
                    }
                    Some(Signal::Acknowledged) => self.acknowledged(shared),
                    Some(Signal::Lost(error, heard)) => {
                        self.connected = false;
                        self.unacknowledged.retain(Option::is_some);
                        if well {
                            shared.tell(format_args!("{error}; connecting again"));
                        }
                        well = false;
                        let _ = heard.send(());
                    }
                    Some(Signal::Left) | None => return,
                },
                message = queue.recv(), if takes => match message {
                    Some(message) => {
                        self.publish(&message);
                        self.unacknowledged.push_back(Some(message));
                    }
                    None => open = false,
                },
                // An end has to be heard without a connection, too; what waits is counted by then.
                () = sleep(TICK), if !takes => open = !queue.is_closed(),
            }
        }
        if self.connected {
            let _ = timeout(FAREWELL, self.leave(told, shared)).await;
        }
    }

    /// Says that nobody is there any more. Who just hangs up has this said by the broker.
    async fn leave(&mut self, mut told: UnboundedReceiver<Signal>, shared: &Shared) {
        self.say(OFFLINE);
        while !self.unacknowledged.is_empty() {
            match told.recv().await {
                Some(Signal::Acknowledged) => self.acknowledged(shared),
                _ => return,
            }
        }
        if self.client.try_disconnect().is_ok() {
            while !matches!(
                told.recv().await,
                Some(Signal::Left | Signal::Lost(..)) | None
            ) {}
        }
    }

    fn acknowledged(&mut self, shared: &Shared) {
        if let Some(Some(_)) = self.unacknowledged.pop_front() {
            shared.tally.deliver(1);
        }
    }

    /// A new connection: says so, and sends again what the last one left open.
    fn resume(&mut self) {
        self.connected = true;
        let open = std::mem::take(&mut self.unacknowledged);
        self.say(ONLINE);
        for message in open.iter().flatten() {
            self.publish(message);
        }
        self.unacknowledged.extend(open);
    }

    fn say(&mut self, status: &str) {
        let topic = self.broker.status();
        let _ = self
            .client
            .try_publish(topic, QoS::AtLeastOnce, true, status);
        self.unacknowledged.push_back(None);
    }

    /// There is always room: for twice as many as may be unacknowledged.
    fn publish(&self, message: &Message) {
        let (topic, event) = (self.broker.topic(message), message.json.as_str());
        let _ = self
            .client
            .try_publish(topic, QoS::AtLeastOnce, false, event);
    }
}

#[cfg(test)]
mod tests;
