//! Servers whose clients send frames: lines over TCP or a Unix socket, and WebSockets.

use super::client::{Over, frames_limit, messages};
use super::decode::Decoder;
use super::inputs::Feed;
use super::{Intake, Item};
use crate::event::Clients;
use crate::net::{self, Access};
use crate::queue::{Closed, Sender, lock};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;

/// Longest first line with a token, bytes.
const HELLO: usize = 4096;

/// What comes before a token in the first line.
const TOKEN: &[u8] = b"token ";

/// How long to wait for the next client when the system refuses one, such as for want of files.
const RECOVER: Duration = Duration::from_millis(100);

/// How long somebody who is sent away may take to hear it.
const FAREWELL: Duration = Duration::from_secs(1);

const CHUNK: usize = 1 << 16;

/// Who connected to all servers of a run.
pub(super) type Visits = Arc<Mutex<Clients>>;

/// What a server puts up with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Clients at a time.
    pub(super) clients: usize,
    /// How long somebody who has connected may say nothing.
    pub(super) silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            clients: 64,
            silence: Duration::from_secs(30),
        }
    }
}

/// How clients speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech {
    Lines,
    WebSocket,
}

/// Bytes to and from a client.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// Where clients connect.
pub(super) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(tokio::net::UnixListener, PathBuf),
}

impl Listener {
    /// A socket that somebody left behind is replaced, one that somebody listens at is not.
    #[cfg(unix)]
    pub(super) async fn unix(path: PathBuf) -> io::Result<Self> {
        use std::os::unix::net::UnixStream;
        let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        if UnixStream::connect(&path).is_err_and(refused) {
            std::fs::remove_file(&path)?;
        }
        let listener = tokio::net::UnixListener::bind(&path)?;
        Ok(Self::Unix(listener, path))
    }

    #[cfg(not(unix))]
    pub(super) async fn unix(_: PathBuf) -> io::Result<Self> {
        Err(io::Error::other("there are no Unix sockets here"))
    }

    async fn accept(&self) -> io::Result<Box<dyn Wire>> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                net::keep_alive(&stream);
                Box::new(stream)
            }
            #[cfg(unix)]
            Self::Unix(listener, _) => Box::new(listener.accept().await?.0),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Self::Unix(_, path) = self {
            // It may be gone already.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A server of one input.
pub(super) struct Server {
    pub(super) speech: Speech,
    pub(super) access: Access,
    pub(super) limits: Limits,
    pub(super) feed: Feed,
    pub(super) visits: Visits,
}

/// A client's place among those of its server, until it has gone.
struct Place {
    taken: Arc<Mutex<Vec<bool>>>,
    number: usize,
}

impl Place {
    fn take(taken: &Arc<Mutex<Vec<bool>>>) -> Option<Self> {
        let mut places = lock(taken);
        let number = places.iter().position(|taken| !taken)?;
        places[number] = true;
        Some(Self {
            taken: taken.clone(),
            number,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = lock(&self.taken);
        places[self.number] = false;
    }
}

/// Why a client is sent away.
enum Farewell {
    Full,
    Stranger,
    Silent,
}

impl Farewell {
    fn words(&self, limits: &Limits) -> String {
        match self {
            Self::Full => format!(
                "{} clients are here already; come back later",
                limits.clients
            ),
            Self::Stranger => "wrong token; the first line has to be: token THE-TOKEN".into(),
            Self::Silent => format!("nothing came for {:.0} s", limits.silence.as_secs_f64()),
        }
    }
}

impl Server {
    /// Takes clients until nobody takes their frames any more.
    pub(super) async fn serve(self, listener: Listener) {
        let server = Arc::new(self);
        let places = Arc::new(Mutex::new(vec![false; server.limits.clients]));
        loop {
            let Ok(wire) = listener.accept().await else {
                sleep(RECOVER).await;
                continue;
            };
            let server = server.clone();
            match Place::take(&places) {
                None => {
                    server.count(|all| &mut all.refused);
                    tokio::spawn(async move { server.send_away(wire, &Farewell::Full).await });
                }
                Some(place) => {
                    tokio::spawn(async move { server.welcome(wire, place).await });
                }
            }
        }
    }

    fn count(&self, of: impl Fn(&mut Clients) -> &mut u64) {
        let mut visits = lock(&self.visits);
        *of(&mut visits) += 1;
    }

    async fn welcome(&self, wire: Box<dyn Wire>, place: Place) {
        let mut manner = self.feed.manner.clone();
        if place.number > 0 {
            // Their clocks have nothing to do with one another.
            manner.source = format!("{}#{}", manner.source, place.number);
        }
        let intake = Intake::new(Decoder::new(manner));
        let over = match self.speech {
            Speech::Lines => self.lines(wire, intake).await,
            Speech::WebSocket => self.websocket(wire, intake).await,
        };
        match over {
            Ok(Over::Silent) => self.count(|all| &mut all.silent),
            Ok(Over::Broken(_)) => self.count(|all| &mut all.broken),
            // When nobody takes frames any more the connection just ends.
            Ok(Over::Ended) | Err(Closed) => {}
        }
    }

    async fn lines(&self, mut wire: Box<dyn Wire>, mut intake: Intake) -> Result<Over, Closed> {
        let Ok(said) = timeout(self.limits.silence, hello(&mut wire)).await else {
            self.send_away(wire, &Farewell::Silent).await;
            return Ok(Over::Silent);
        };
        let (token, rest) = match said {
            Ok(said) => said,
            Err(error) => return Ok(Over::Broken(error.to_string())),
        };
        let token = token.as_deref().map(String::from_utf8_lossy);
        if !self.access.admits(token.as_deref()) {
            self.count(|all| &mut all.strangers);
            self.send_away(wire, &Farewell::Stranger).await;
            return Ok(Over::Ended);
        }
        self.count(|all| &mut all.admitted);
        pour(&self.feed.sender, &mut intake, &rest).await?;
        pump(wire, &mut intake, &self.feed.sender).await
    }

    async fn websocket(&self, wire: Box<dyn Wire>, mut intake: Intake) -> Result<Over, Closed> {
        let mut known = true;
        #[allow(clippy::result_large_err)] // The library asks for it.
        let admit = |request: &Request, response: Response| {
            let said = net::token_of(request.headers(), request.uri());
            known = self.access.admits(said.as_deref());
            if known {
                return Ok(response);
            }
            let words =
                "wrong token; expected Authorization: Bearer THE-TOKEN, or ?token=THE-TOKEN";
            let mut refusal = ErrorResponse::new(Some(words.into()));
            *refusal.status_mut() = StatusCode::UNAUTHORIZED;
            Err(refusal)
        };
        let handshake = accept_hdr_async_with_config(wire, admit, Some(frames_limit()));
        let socket = match timeout(self.limits.silence, handshake).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) if known => return Ok(Over::Broken(error.to_string())),
            Ok(Err(_)) => {
                self.count(|all| &mut all.strangers);
                return Ok(Over::Ended);
            }
            Err(_) => return Ok(Over::Silent),
        };
        self.count(|all| &mut all.admitted);
        let silence = Some(self.limits.silence);
        messages(socket, &mut intake, &self.feed.sender, silence).await
    }

    /// Says why, in the client's own language, and hears out what it still says, since otherwise
    /// the system may throw away the words.
    async fn send_away(&self, mut wire: Box<dyn Wire>, why: &Farewell) {
        let words = why.words(&self.limits);
        let text = match self.speech {
            Speech::Lines => format!("error: {words}\n"),
            Speech::WebSocket => format!(
                "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: \
                 text/plain\r\nContent-Length: {}\r\n\r\n{words}",
                words.len()
            ),
        };
        let farewell = async {
            wire.write_all(text.as_bytes()).await?;
            wire.shutdown().await?;
            let mut rest = [0; 4096];
            while wire.read(&mut rest).await? > 0 {}
            io::Result::Ok(())
        };
        // Somebody who does not listen misses it.
        let _ = timeout(FAREWELL, farewell).await;
    }
}

/// The token of the first line, if there is one, and what followed. Waits for the first words.
async fn hello(wire: &mut Box<dyn Wire>) -> io::Result<(Option<Vec<u8>>, Vec<u8>)> {
    let mut said = Vec::new();
    loop {
        if wire.read_buf(&mut said).await? == 0 {
            return Ok((None, said));
        }
        let common = said.len().min(TOKEN.len());
        if said[..common] != TOKEN[..common] {
            return Ok((None, said));
        }
        let end = said.iter().position(|byte| *byte == b'\n');
        if let Some(end) = end {
            let token = said.get(TOKEN.len()..end).unwrap_or_default();
            let token = token.trim_ascii().to_vec();
            return Ok((Some(token), said[end + 1..].to_vec()));
        }
        if said.len() > HELLO {
            return Ok((Some(Vec::new()), Vec::new()));
        }
    }
}

/// Sends on what is in `bytes`.
pub(super) async fn pour(
    sender: &Sender<Item>,
    intake: &mut Intake,
    mut bytes: &[u8],
) -> Result<(), Closed> {
    while let Some(item) = intake.take(&mut bytes) {
        sender.send_from_task(item).await?;
    }
    Ok(())
}

/// Sends on what comes over a wire until it ends or breaks.
pub(super) async fn pump(
    mut wire: impl AsyncRead + Unpin,
    intake: &mut Intake,
    sender: &Sender<Item>,
) -> Result<Over, Closed> {
    let mut buffer = vec![0; CHUNK];
    let over = loop {
        match wire.read(&mut buffer).await {
            Ok(count @ 1..) => pour(sender, intake, &buffer[..count]).await?,
            Ok(_) => break Over::Ended,
            Err(error) => break Over::Broken(error.to_string()),
        }
    };
    if let Some(item) = intake.end() {
        sender.send_from_task(item).await?;
    }
    Ok(over)
}

#[cfg(test)]
mod tests;
