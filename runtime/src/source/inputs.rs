//! All inputs of a run: what each address names is opened, and feeds its lane of the queue.

use super::address::Address;
use super::decode::Manner;
use super::file::{self, Opened};
use super::format::Format;
use super::pace::Pace;
use super::server::{Limits, Listener, Server, Speech, Visits};
use super::{Item, client, folder, mqtt};
use crate::event::Clients;
use crate::net::{self, Access, ListenError};
use crate::queue::{Bounds, Closed, Notice, Receiver, Sender, WhenFull, lock, queue};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::runtime::Runtime;

/// Frames that may wait where the source can: with more, the time that they wait would be all that
/// latency shows.
const WAITING: usize = 2;

/// Frames that may wait where the source can't: about a second of one camera.
const LIVE: usize = 32;

/// How long network threads may take to end.
const FAREWELL: Duration = Duration::from_millis(200);

/// How inputs are taken.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The form of all of them.
    pub format: Format,
    /// Frames a second, for forms that have no time.
    pub fps: Option<f64>,
    /// What has come to its end may go on.
    pub follow: bool,
    /// Recordings are played so many times as fast as they were; as fast as it goes where it is
    /// not said.
    pub speed: Option<f64>,
    /// What happens when a lane is full; by default what suits the input.
    pub when_full: Option<WhenFull>,
    /// Frames of an input that may wait; by default what suits the input.
    pub queue: Option<usize>,
    /// Who may connect to servers.
    pub access: Access,
}

/// An input can't be opened.
#[derive(Debug, Error)]
pub enum InputError {
    /// It is not there, or the system refuses it.
    #[error("{input}: {source}")]
    Io {
        /// The address.
        input: String,
        /// Why.
        source: io::Error,
    },
    /// It would be open to everybody.
    #[error("{input}: {source}")]
    Open {
        /// The address.
        input: String,
        /// Why, and what to do.
        source: net::Open,
    },
    /// Options that don't go with it.
    #[error("{input}: {reason}")]
    Option {
        /// The address.
        input: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

/// An input of a run.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its address.
    pub name: String,
    /// Its items arrive when they arrive; those of a recording when it is their turn.
    pub live: bool,
    /// Where a server listens.
    pub listens: Option<SocketAddr>,
}

/// All inputs of a run. They come to an end with it.
pub struct Inputs {
    /// In the order of the queue's lanes.
    pub inputs: Vec<Input>,
    /// What they give.
    pub items: Receiver<Item>,
    visits: Option<Visits>,
    network: Option<Runtime>,
}

/// Why the thread or task of an input ends before its input does.
pub(super) enum Ended {
    /// Nobody takes anything any more.
    Closed,
    /// Something is wrong with the input.
    Failed(String),
}

impl From<Closed> for Ended {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Where an input's items go, and how they are made.
pub(super) struct Feed {
    pub(super) manner: Manner,
    pub(super) sender: Sender<Item>,
    pace: Option<Pace>,
}

impl Feed {
    /// Items as they come.
    pub(super) fn new(manner: Manner, sender: Sender<Item>) -> Self {
        Self {
            manner,
            sender,
            pace: None,
        }
    }

    /// Sends an item from a thread, when its time has come.
    pub(super) fn send(&mut self, mut item: Item) -> Result<(), Closed> {
        if let (Some(pace), Ok(frame)) = (&mut self.pace, &item.frame) {
            pace.wait_for(&frame.source, frame.t, &self.sender)?;
            item.arrived = Instant::now();
        }
        self.sender.send(item)
    }

    /// Runs the input's thread to its end.
    fn spawn(self, read: impl FnOnce(Self) -> Result<(), Ended> + Send + 'static) {
        let sender = self.sender.clone();
        thread::spawn(move || {
            if let Err(Ended::Failed(reason)) = read(self) {
                sender.tell(Notice::Failed(reason));
            }
        });
    }
}

impl Inputs {
    /// Opens all of them.
    ///
    /// # Errors
    /// One can't be opened, or its options don't go together.
    pub fn open(addresses: &[Address], options: &Options) -> Result<Self, InputError> {
        let bounds = |address: &Address| match address.is_network() {
            true => Bounds {
                room: options.queue.unwrap_or(LIVE).max(1),
                when_full: options.when_full.unwrap_or(WhenFull::DropOldest),
            },
            false => Bounds {
                room: options.queue.unwrap_or(WAITING).max(1),
                when_full: options.when_full.unwrap_or(WhenFull::Wait),
            },
        };
        let lanes: Vec<Bounds> = addresses.iter().map(bounds).collect();
        let (senders, items) = queue(&lanes);
        let mut all = Self {
            inputs: Vec::new(),
            items,
            visits: None,
            network: None,
        };
        let since = Instant::now();
        for (address, sender) in addresses.iter().zip(senders) {
            let source = match addresses.len() {
                1 => String::new(),
                _ => address.to_string(),
            };
            let manner = Manner {
                format: options.format,
                fps: options.fps,
                live_since: address.is_network().then_some(since),
                source,
            };
            let input = all.start(address, Feed::new(manner, sender), options)?;
            all.inputs.push(input);
        }
        Ok(all)
    }

    /// Who connected so far; `None` where nobody can.
    pub fn clients(&self) -> Option<Clients> {
        let visits = self.visits.as_ref()?;
        Some(*lock(visits))
    }

    /// How many frames of each wait for recognition, by name.
    pub fn waiting(&self) -> BTreeMap<String, usize> {
        let mut waiting = BTreeMap::new();
        for (input, count) in self.inputs.iter().zip(self.items.waiting()) {
            *waiting.entry(input.name.clone()).or_default() += count;
        }
        waiting
    }

    /// True where one of them comes when it comes.
    pub fn are_live(&self) -> bool {
        self.inputs.iter().any(|input| input.live)
    }

    /// Says where clients may connect, a line for each place.
    pub fn greet(&self, say: impl Fn(&str)) {
        for input in &self.inputs {
            if let Some(at) = input.listens {
                say(&format!("{}: listening on {at}", input.name));
            }
        }
    }

    /// The names of all of them, for messages.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.inputs.iter().map(|input| &input.name[..]).collect();
        names.join(", ")
    }

    fn start(
        &mut self,
        address: &Address,
        mut feed: Feed,
        options: &Options,
    ) -> Result<Input, InputError> {
        let input = address.to_string();
        let io = |source| InputError::Io {
            input: address.to_string(),
            source,
        };
        let refuse = |reason: String| InputError::Option {
            input: address.to_string(),
            reason,
        };
        let (format, follow) = (options.format, options.follow);
        let mut started = Input {
            name: input,
            live: true,
            listens: None,
        };
        if !format.is_by_frame() && (follow || !matches!(address, Address::Path(_))) {
            let name = format.name();
            let reason = format!("--format {name} is read from whole files alone");
            return Err(refuse(reason));
        }
        if !address.is_network() {
            feed.pace = options.speed.map(Pace::new);
            started.live = options.speed.is_some() || follow || *address == Address::Stdin;
        }
        match address.clone() {
            Address::Stdin => feed.spawn(|feed| file::lines(io::stdin(), feed)),
            Address::Path(path) => match file::open(&path, format, follow).map_err(io)? {
                Opened::Folder(path) => {
                    if format != Format::Native && options.fps.is_none() && format != Format::Auto {
                        return Err(refuse(super::decode::no_time(format)));
                    }
                    feed.spawn(move |feed| folder::read(&path, follow, feed));
                }
                Opened::Whole(path, told) => {
                    feed.spawn(move |feed| file::whole(&path, told, feed));
                }
                Opened::Lines(open) if follow => {
                    feed.spawn(move |feed| file::follow(&path, open, feed));
                }
                Opened::Lines(open) => feed.spawn(|feed| file::lines(open, feed)),
            },
            Address::Tcp(at) => {
                self.network()
                    .map_err(io)?
                    .spawn(client::tcp(at, follow, feed));
            }
            Address::Ws(url) => {
                self.network()
                    .map_err(io)?
                    .spawn(client::websocket(url, feed));
            }
            Address::Mqtt(broker) => {
                self.network()
                    .map_err(io)?
                    .spawn(mqtt::subscribe(broker, feed));
            }
            Address::TcpListen(at) | Address::WsListen(at) => {
                let network = self.network().map_err(io)?;
                let listening = network.block_on(net::listen(&at, &options.access));
                let listener = listening.map_err(|error| match error {
                    ListenError::Bind { error, .. } => io(error),
                    ListenError::Open(source) => InputError::Open {
                        input: address.to_string(),
                        source,
                    },
                })?;
                started.listens = Some(listener.local_addr().map_err(io)?);
                let speech = match address {
                    Address::WsListen(_) => Speech::WebSocket,
                    _ => Speech::Lines,
                };
                self.serve(Listener::Tcp(listener), speech, feed, options)
                    .map_err(io)?;
            }
            Address::Unix(path) => {
                let network = self.network().map_err(io)?;
                let listener = network.block_on(Listener::unix(path)).map_err(io)?;
                self.serve(listener, Speech::Lines, feed, options)
                    .map_err(io)?;
            }
        }
        Ok(started)
    }

    fn serve(
        &mut self,
        listener: Listener,
        speech: Speech,
        feed: Feed,
        options: &Options,
    ) -> io::Result<()> {
        let server = Server {
            speech,
            access: options.access.clone(),
            limits: Limits::default(),
            feed,
            visits: self.visits.get_or_insert_default().clone(),
        };
        self.network()?.spawn(server.serve(listener));
        Ok(())
    }

    fn network(&mut self) -> io::Result<&Runtime> {
        if self.network.is_none() {
            self.network = Some(net::start()?);
        }
        self.network
            .as_ref()
            .ok_or_else(|| io::Error::other("no thread"))
    }
}

impl Drop for Inputs {
    fn drop(&mut self) {
        if let Some(network) = self.network.take() {
            // Sockets in the file system go with their servers.
            network.shutdown_timeout(FAREWELL);
        }
    }
}

#[cfg(test)]
mod tests;
