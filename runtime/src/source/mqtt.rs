//! Subscribing to topics of an MQTT broker.

use super::Intake;
use super::address::Mqtt;
use super::client::{LONGEST_WAIT, Trouble};
use super::decode::{Decoder, Manner};
use super::inputs::Feed;
use super::server::pour;
use crate::net::Backoff;
use crate::queue::{Closed, Notice};
use aimclr_skeleton::frame::MAX_LINE;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, Publish, QoS};
use std::collections::HashMap;
use std::time::Duration;

/// How often the broker hears of us where nothing else is said.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Most topics whose lines are read each by its own reader; more sources than these are not taken.
const MOST_TOPICS: usize = 256;

/// Requests that may wait to be sent.
const REQUESTS: usize = 16;

/// Reads what is published, at most once or at least once as its publisher has it. Connects again
/// when the broker is not there or goes.
pub(super) async fn subscribe(broker: Mqtt, feed: Feed) {
    // The broker gives a name: one of ours might be another's, whom it would then send away.
    let mut options = MqttOptions::new("", broker.host.clone(), broker.port);
    // A topic takes at most 64 KiB.
    options.set_max_packet_size(MAX_LINE + (1 << 16), 1 << 16);
    options.set_keep_alive(KEEP_ALIVE);
    if let Some((user, password)) = &broker.credentials {
        options.set_credentials(user, password);
    }
    let (client, mut events) = AsyncClient::new(options, REQUESTS);
    let (mut backoff, mut trouble) = (Backoff::new(LONGEST_WAIT), Trouble::default());
    let mut topics = HashMap::new();
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                trouble.is_over(&feed.sender);
                backoff.reset();
                if let Err(error) = client.try_subscribe(&broker.filter, QoS::AtLeastOnce) {
                    let reason = format!("topic filter \"{}\": {error}", broker.filter);
                    feed.sender.tell(Notice::Failed(reason));
                    return;
                }
            }
            Ok(Event::Incoming(Packet::Publish(message))) => {
                if take(&message, &mut topics, &feed).await.is_err() {
                    return;
                }
            }
            Ok(_) => {}
            Err(error) => {
                trouble.tell(&feed.sender, error.to_string());
                backoff.wait().await;
            }
        }
    }
}

async fn take(
    message: &Publish,
    topics: &mut HashMap<String, Intake>,
    feed: &Feed,
) -> Result<(), Closed> {
    if topics.len() >= MOST_TOPICS && !topics.contains_key(&message.topic) {
        topics.clear();
    }
    let topic = topics.entry(message.topic.clone());
    let intake = topic.or_insert_with(|| {
        Intake::new(Decoder::new(Manner {
            source: message.topic.clone(),
            ..feed.manner.clone()
        }))
    });
    pour(&feed.sender, intake, &message.payload).await?;
    match intake.end() {
        Some(item) => feed.sender.send_from_task(item).await,
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
