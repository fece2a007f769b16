//! Those who subscribed to events.

use crate::queue::lock;
use crate::sink::tally::{Loss, Tally};
use crate::sink::{Message, WAITING};
use serde::Deserialize;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Most subscribers at a time.
pub(super) const MOST: usize = 64;

/// Which events somebody wants.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    /// Of this source only.
    pub source: Option<String>,
    /// Of this person only.
    pub person: Option<u64>,
}

impl Filter {
    fn wants(&self, message: &Message) -> bool {
        self.source
            .as_ref()
            .is_none_or(|source| *source == message.source)
            && self.person.is_none_or(|person| person == message.person)
    }
}

/// Gives events to those who subscribed, and never waits for them.
#[derive(Debug)]
pub struct Hub {
    /// What became of the events, over all subscribers.
    pub tally: Arc<Tally>,
    /// None once nothing more will come.
    subscribers: Mutex<Option<Vec<Subscriber>>>,
    /// Those who are connected, be they given events or dropped.
    connected: Arc<AtomicUsize>,
    refused: AtomicU64,
}

#[derive(Debug)]
struct Subscriber {
    sender: Sender<Arc<Message>>,
    filter: Filter,
}

impl Hub {
    /// A hub of this name that nobody subscribed to yet.
    pub(super) fn new(name: String) -> Self {
        Self {
            tally: Arc::new(Tally::new(name)),
            subscribers: Mutex::new(Some(Vec::new())),
            connected: Arc::default(),
            refused: AtomicU64::new(0),
        }
    }

    /// Events from now on; None where nobody more has room, or nothing more will come.
    pub(super) fn subscribe(&self, filter: Filter) -> Option<Subscription> {
        let mut subscribers = lock(&self.subscribers);
        let subscribers = subscribers.as_mut()?;
        subscribers.retain(|subscriber| !subscriber.sender.is_closed());
        if self.subscribers() >= MOST {
            self.refused.fetch_add(1, Relaxed);
            return None;
        }
        let (sender, receiver) = channel(WAITING);
        subscribers.push(Subscriber { sender, filter });
        self.connected.fetch_add(1, Relaxed);
        Some(Subscription {
            receiver,
            tally: self.tally.clone(),
            connected: self.connected.clone(),
        })
    }

    /// How many are connected.
    pub(super) fn subscribers(&self) -> usize {
        self.connected.load(Relaxed)
    }

    /// How many found no room.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Gives an event to all who want it. Who has left too many unread gets no more, and what
    /// waits for it is dropped when its connection ends.
    pub fn send(&self, message: &Arc<Message>) {
        let mut subscribers = lock(&self.subscribers);
        let Some(subscribers) = subscribers.as_mut() else {
            return;
        };
        subscribers.retain(|subscriber| {
            if !subscriber.filter.wants(message) {
                return true;
            }
            match subscriber.sender.try_send(message.clone()) {
                Ok(()) => {
                    self.tally.offer();
                    true
                }
                Err(TrySendError::Full(_)) => {
                    self.tally.offer();
                    self.tally.lose(Loss::Full, 1);
                    false
                }
                Err(TrySendError::Closed(_)) => false,
            }
        });
    }

    /// Nothing more will come: subscriptions end with what waits for them.
    pub(super) fn close(&self) {
        *lock(&self.subscribers) = None;
    }
}

/// What waits for a subscriber.
pub(super) struct Subscription {
    receiver: Receiver<Arc<Message>>,
    tally: Arc<Tally>,
    connected: Arc<AtomicUsize>,
}

impl Subscription {
    /// The next event; None when there won't be any more.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Arc<Message>>> {
        let next = self.receiver.poll_recv(context);
        if let Poll::Ready(Some(_)) = &next {
            self.tally.deliver(1);
        }
        next
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.receiver.close();
        self.tally.lose(Loss::Gone, self.receiver.len());
        self.connected.fetch_sub(1, Relaxed);
    }
}
