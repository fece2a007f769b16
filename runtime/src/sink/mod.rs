//! Where events go: any number of sinks at once, none of which holds up recognition.
//!
//! Before every sink stands a bounded [`queue`]; `docs/sinks.md` says what is dropped when.

pub mod address;
mod lines;
mod mqtt;
mod queue;
pub mod tally;
mod webhook;

pub use address::Address;
pub(crate) use lines::Lines;
pub use lines::Rotation;
pub use queue::{Message, WAITING};

use crate::event::{Delivery, Summary};
use crate::net::{self, Access};
use crate::server::{About, Board, Server, ServerError};
use lines::Stdout;
use mqtt::Broker;
use queue::{Policy, Queue};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tally::{Loss, Tally};
use thiserror::Error;
use tokio::runtime::{Handle, Runtime};
use webhook::Webhook;

/// How long sinks may take at the end for what still waits.
const LAST: Duration = Duration::from_secs(5);

/// How long a sink may take to say that it leaves.
const FAREWELL: Duration = Duration::from_secs(1);

/// How often is looked whether everything has gone out.
const GLANCE: Duration = Duration::from_millis(2);

/// How sinks are opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// True where events come when they come: then lines that nobody takes are dropped instead of
    /// holding up the stream.
    pub live: bool,
    /// For files.
    pub rotation: Option<Rotation>,
}

/// A sink that can't be opened.
#[derive(Debug, Error)]
pub enum SinkError {
    /// Two sinks of one name could not be told apart.
    #[error("--out: {0} is named twice; expected each sink once")]
    Twice(String),
    /// The file can't be written.
    #[error("{0}: {1}")]
    File(String, io::Error),
    /// Nobody can come in.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// No thread for the network.
    #[error("no thread for the network: {0}")]
    Network(io::Error),
}

/// All sinks.
#[derive(Default)]
pub struct Sinks {
    queues: Vec<Line>,
    /// For sinks that wait for sockets; None where there is none.
    network: Option<Runtime>,
    server: Option<Server>,
}

struct Line {
    queue: Queue,
    /// True where the summary goes, too.
    summary: bool,
}

impl Sinks {
    /// Opens all sinks. What a network is needed for connects later, by itself.
    ///
    /// # Errors
    /// A file can't be written, or an address stands there twice.
    pub fn open(addresses: &[Address], options: Options) -> Result<Self, SinkError> {
        let mut sinks = Self::default();
        sinks.add(addresses, options)?;
        Ok(sinks)
    }

    /// Opens more of them, likewise.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn add(&mut self, addresses: &[Address], options: Options) -> Result<(), SinkError> {
        for address in addresses {
            let name = address.to_string();
            if self.tallies().any(|tally| tally.name == name) {
                return Err(SinkError::Twice(name));
            }
            let queue = self.queue(address, name, options)?;
            let summary = matches!(address, Address::Stdout | Address::File(_));
            self.queues.push(Line { queue, summary });
        }
        self.show_tallies();
        Ok(())
    }

    fn show_tallies(&self) {
        if let Some(server) = &self.server {
            server.board.show_sinks(self.tallies().cloned().collect());
        }
    }

    fn queue(
        &mut self,
        address: &Address,
        name: String,
        options: Options,
    ) -> Result<Queue, SinkError> {
        let policy = |live| if options.live { live } else { Policy::Wait };
        Ok(match address {
            Address::Stdout => Queue::new(name, policy(Policy::DropUntilFailure), Stdout),
            Address::File(path) => {
                let file = Lines::create(path, options.rotation)
                    .map_err(|error| SinkError::File(name.clone(), error))?;
                Queue::new(name, policy(Policy::Drop), file)
            }
            Address::Webhook(to) => Queue::new(name, Policy::Drop, Webhook::new(to.clone())),
            Address::Mqtt { host, port, prefix } => {
                let broker = Broker {
                    host: host.clone(),
                    port: *port,
                    prefix: prefix.clone(),
                };
                let network = self.network()?;
                Queue::with(name, Policy::Drop, move |queue, shared| {
                    broker.work(&network, queue, &shared);
                })
            }
        })
    }

    fn network(&mut self) -> Result<Handle, SinkError> {
        let network = match self.network.take() {
            Some(network) => network,
            None => net::start().map_err(SinkError::Network)?,
        };
        Ok(self.network.insert(network).handle().clone())
    }

    /// Lets clients subscribe at `host:port`, and ask how it goes. Gives what they are told of the
    /// run.
    ///
    /// # Errors
    /// The address can't be listened at, or would be open to everybody.
    pub fn listen(
        &mut self,
        at: &str,
        access: Access,
        about: About,
    ) -> Result<Arc<Board>, SinkError> {
        let server = Server::start(&self.network()?, at, access, about)?;
        let board = server.board.clone();
        self.server = Some(server);
        self.show_tallies();
        Ok(board)
    }

    /// Where clients come in.
    pub fn listens_at(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(|server| server.address)
    }

    /// The counts of every sink.
    pub fn tallies(&self) -> impl Iterator<Item = &Arc<Tally>> {
        let queues = self.queues.iter().map(|line| &line.queue.shared.tally);
        queues.chain(self.server.as_ref().map(|server| &server.hub.tally))
    }

    /// Sends an event to every sink.
    ///
    /// # Errors
    /// One of them has failed, and that ends the run: standard output, or a file for a recording.
    pub fn send(&self, message: &Arc<Message>) -> io::Result<()> {
        if let Some(server) = &self.server {
            server.hub.send(message);
        }
        let sent = self
            .queues
            .iter()
            .map(|line| line.queue.send(message.clone()));
        sent.fold(Ok(()), Result::and)
    }

    /// Lines for standard error that came up since this was asked last.
    pub fn news(&self) -> Vec<String> {
        self.queues
            .iter()
            .flat_map(|line| line.queue.news())
            .collect()
    }

    /// Waits until everything has gone out: as long as it takes where nothing may be lost, and up
    /// to a deadline elsewhere; what waits then counts as dropped.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn flush(&self) -> io::Result<()> {
        let until = Instant::now() + LAST;
        for Line { queue, .. } in &self.queues {
            settle(
                &queue.shared.tally,
                (queue.policy != Policy::Wait).then_some(until),
            );
        }
        if let Some(server) = &self.server {
            settle(&server.hub.tally, Some(until));
        }
        let mut failures = self.queues.iter().map(|line| line.queue.failure());
        failures.find(Result::is_err).unwrap_or(Ok(()))
    }

    /// What became of the events, by sink.
    pub fn report(&self) -> BTreeMap<String, Delivery> {
        let report = |tally: &Arc<Tally>| (tally.name.clone(), tally.report());
        self.tallies().map(report).collect()
    }

    /// Writes the summary where lines go, and takes leave of everybody.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn finish(self, summary: &Summary) -> io::Result<()> {
        let json = serde_json::to_string(summary)?;
        let message = Arc::new(Message {
            source: String::new(),
            person: 0,
            json,
        });
        for line in self.queues.iter().filter(|line| line.summary) {
            line.queue.send(message.clone())?;
        }
        self.flush()?;
        self.leave();
        Ok(())
    }

    /// Takes leave of everybody.
    pub fn leave(mut self) {
        self.queues.iter_mut().for_each(|line| line.queue.close());
        let until = Instant::now() + FAREWELL;
        if let (Some(server), Some(network)) = (self.server.take(), &self.network) {
            server.stop(network, FAREWELL);
        }
        while !self.queues.iter().all(|line| line.queue.ended()) && Instant::now() < until {
            thread::sleep(GLANCE);
        }
        if let Some(network) = self.network {
            network.shutdown_background();
        }
    }
}

/// Waits until nothing waits any more, and counts as dropped what does at the deadline.
pub(crate) fn settle(tally: &Tally, until: Option<Instant>) {
    while tally.waiting() > 0 {
        if until.is_some_and(|until| Instant::now() >= until) {
            tally.lose(Loss::Gone, tally.waiting() as usize);
            return;
        }
        thread::sleep(GLANCE);
    }
}

#[cfg(test)]
mod tests;
