//! Subscribing to topics of an MQTT broker, always or in the stead of another runtime.

mod connection;

use super::Intake;
use super::address::Mqtt;
use super::client::{LONGEST_WAIT, Trouble};
use super::decode::{Decoder, Manner};
use super::inputs::Feed;
use super::server::pour;
use crate::fault::Fault;
use crate::net::{Backoff, OFFLINE, ONLINE};
use crate::queue::{Closed, Notice};
use connection::{Connection, Lost, Message};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// So long after connecting, a runtime that nothing was heard of is not there.
const UNHEARD: Duration = Duration::from_secs(5);

/// Most topics whose lines are read each by its own reader; more sources than these are not taken.
const MOST_TOPICS: usize = 256;

/// Reads what is published, at most once or at least once as its publisher has it. Connects again
/// when the broker is not there or goes.
pub(super) async fn subscribe(broker: Mqtt, feed: Feed) {
    let (mut backoff, mut trouble) = (Backoff::new(LONGEST_WAIT), Trouble::default());
    let mut topics = Topics {
        feed,
        intakes: HashMap::new(),
    };
    loop {
        let lost = match Connection::open(&broker).await {
            Err(lost) => lost,
            Ok(connection) => {
                trouble.is_over(&topics.feed.sender);
                backoff.reset();
                let mut subscription = Subscription {
                    broker: &broker,
                    connection,
                    topics: &mut topics,
                    takes: false,
                    until: None,
                };
                match subscription.follow().await {
                    Err(lost) => lost,
                    Ok(Closed) => return,
                }
            }
        };
        if let Lost::Unwanted = lost {
            let reason = format!("topic filter \"{}\": {lost}", broker.filter);
            topics.feed.sender.tell(Notice::Failed(reason));
            return;
        }
        trouble.tell(&topics.feed.sender, lost.to_string());
        backoff.wait().await;
    }
}

/// What is taken over one connection.
struct Subscription<'a> {
    broker: &'a Mqtt,
    connection: Connection,
    topics: &'a mut Topics,
    /// Whether frames are.
    takes: bool,
    /// When the other runtime counts as not there if nothing is heard of it.
    until: Option<Instant>,
}

impl Subscription<'_> {
    /// Goes on until the connection is lost, or nobody takes frames any more.
    async fn follow(&mut self) -> Result<Closed, Lost> {
        let Mqtt { filter, unless, .. } = self.broker;
        match unless {
            None => {
                self.takes = true;
                self.connection.subscribe(filter).await?;
            }
            Some(status) => {
                self.until = Some(Instant::now() + UNHEARD);
                self.connection.subscribe(status).await?;
            }
        }
        loop {
            let Some(message) = self.connection.next(self.until).await? else {
                self.switch(true, "nothing").await?;
                continue;
            };
            if unless.as_ref() == Some(&message.topic) {
                match message.payload.as_deref() {
                    // Who takes a retained message off a broker publishes an empty one.
                    Ok(b"") => self.switch(true, "nothing").await?,
                    Ok(said) if said == OFFLINE.as_bytes() => self.switch(true, OFFLINE).await?,
                    Ok(said) if said == ONLINE.as_bytes() => self.switch(false, ONLINE).await?,
                    _ => {}
                }
            } else if self.takes && self.topics.take(&message).await.is_err() {
                return Ok(Closed);
            }
            // Only now, since a broker sends again what was not acknowledged.
            self.connection.acknowledge(&message).await?;
        }
    }

    /// Begins or ends to take frames, by what the other runtime says of itself.
    async fn switch(&mut self, takes: bool, said: &str) -> Result<(), Lost> {
        self.until = None;
        if std::mem::replace(&mut self.takes, takes) == takes {
            return Ok(());
        }
        let Mqtt { filter, unless, .. } = self.broker;
        let does = match takes {
            true => "taking over",
            false => "giving back",
        };
        let status = unless.as_deref().unwrap_or_default();
        let note = format!("{does}: {status} says {said}");
        self.topics.feed.sender.tell(Notice::Note(note));
        match takes {
            true => self.connection.subscribe(filter).await,
            false => self.connection.unsubscribe(filter).await,
        }
    }
}

/// Makes items of messages, by topic.
struct Topics {
    feed: Feed,
    intakes: HashMap<String, Intake>,
}

impl Topics {
    async fn take(&mut self, message: &Message) -> Result<(), Closed> {
        if self.intakes.len() >= MOST_TOPICS && !self.intakes.contains_key(&message.topic) {
            self.intakes.clear();
        }
        let manner = || Manner {
            source: message.topic.clone(),
            ..self.feed.manner.clone()
        };
        let topic = self.intakes.entry(message.topic.clone());
        let intake = topic.or_insert_with(|| Intake::new(Decoder::new(manner())));
        let last = match message.payload {
            Err(bytes) => Some(intake.fault(Fault::TooLong { bytes })),
            Ok(ref payload) => {
                pour(&self.feed.sender, intake, payload).await?;
                intake.end()
            }
        };
        match last {
            Some(item) => self.feed.sender.send_from_task(item).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
