//! Connecting to those who serve frames.

use super::decode::Decoder;
use super::inputs::Feed;
use super::server::{pour, pump};
use super::{Intake, Item};
use crate::fault::Fault;
use crate::net::{self, Backoff};
use crate::queue::{Closed, Notice, Sender};
use aimclr_skeleton::frame::MAX_LINE;
use futures_util::StreamExt;
use std::fmt;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// From one try to connect to the next, at last.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// How long connecting may take.
pub(super) const CONNECT: Duration = Duration::from_secs(10);

/// Tells the first of several failures in a row.
#[derive(Debug, Default)]
pub(super) struct Trouble(bool);

impl Trouble {
    pub(super) fn tell(&mut self, sender: &Sender<Item>, what: String) {
        if !std::mem::replace(&mut self.0, true) {
            sender.tell(Notice::Note(format!("{what}; trying again")));
        }
    }

    pub(super) fn is_over(&mut self, sender: &Sender<Item>) {
        if std::mem::take(&mut self.0) {
            sender.tell(Notice::Note("connected".into()));
        }
    }
}

/// Why a connection is over.
#[derive(Debug)]
pub(super) enum Over {
    Ended,
    Silent,
    Broken(String),
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the connection ended"),
            Self::Silent => f.write_str("nothing came"),
            Self::Broken(error) => write!(f, "the connection broke: {error}"),
        }
    }
}

/// Reads lines from `host:port`. With `follow` it connects again when the other side is not there
/// or has ended, otherwise that is the end.
pub(super) async fn tcp(at: String, follow: bool, feed: Feed) {
    let mut intake = Intake::new(Decoder::new(feed.manner.clone()));
    let (mut backoff, mut trouble) = (Backoff::new(LONGEST_WAIT), Trouble::default());
    loop {
        let connected = timeout(CONNECT, TcpStream::connect(&at)).await;
        let connected = connected.map_err(std::io::Error::from).flatten();
        let lost = match connected {
            Ok(stream) => {
                trouble.is_over(&feed.sender);
                backoff.reset();
                net::keep_alive(&stream);
                match pump(stream, &mut intake, &feed.sender).await {
                    Ok(over) => over.to_string(),
                    Err(Closed) => return,
                }
            }
            Err(error) if !follow => {
                feed.sender.tell(Notice::Failed(error.to_string()));
                return;
            }
            Err(error) => error.to_string(),
        };
        if !follow {
            return;
        }
        trouble.tell(&feed.sender, lost);
        backoff.wait().await;
    }
}

/// Reads messages from a WebSocket, and connects again when it is not there or has ended.
pub(super) async fn websocket(url: String, feed: Feed) {
    let mut intake = Intake::new(Decoder::new(feed.manner.clone()));
    let (mut backoff, mut trouble) = (Backoff::new(LONGEST_WAIT), Trouble::default());
    loop {
        let connecting = connect_async_with_config(&url, Some(frames_limit()), true);
        let lost = match timeout(CONNECT, connecting).await {
            Ok(Ok((socket, _))) => {
                trouble.is_over(&feed.sender);
                if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
                    net::keep_alive(stream);
                }
                let begun = intake.line;
                match messages(socket, &mut intake, &feed.sender, None).await {
                    Err(Closed) => return,
                    Ok(over) => {
                        // Somebody who hangs up at once is not asked again at once.
                        if intake.line > begun {
                            backoff.reset();
                        }
                        over.to_string()
                    }
                }
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer for {} s", CONNECT.as_secs()),
        };
        trouble.tell(&feed.sender, lost);
        backoff.wait().await;
    }
}

/// No message is longer than a line may be, and somewhat more for the line's end.
pub(super) fn frames_limit() -> WebSocketConfig {
    let most = Some(MAX_LINE + 2);
    WebSocketConfig::default()
        .max_message_size(most)
        .max_frame_size(most)
}

/// Sends on the lines of all messages, each of which ends a line. Ends with the connection, or if
/// the first message does not come within `silence`.
pub(super) async fn messages<S>(
    mut socket: WebSocketStream<S>,
    intake: &mut Intake,
    sender: &Sender<Item>,
    silence: Option<Duration>,
) -> Result<Over, Closed>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let begun = Instant::now();
    let mut heard = false;
    let over = loop {
        let next = match silence.filter(|_| !heard) {
            None => socket.next().await,
            Some(silence) => {
                let left = silence.saturating_sub(begun.elapsed());
                match timeout(left, socket.next()).await {
                    Ok(next) => next,
                    Err(_) => break Over::Silent,
                }
            }
        };
        let text = match next {
            Some(Ok(Message::Text(text))) => text.into(),
            Some(Ok(Message::Binary(bytes))) => bytes,
            Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed)) | None => break Over::Ended,
            Some(Ok(_)) => continue,
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { size, .. }))) => {
                let bytes = size as u64;
                sender
                    .send_from_task(intake.fault(Fault::TooLong { bytes }))
                    .await?;
                break Over::Ended;
            }
            Some(Err(error)) => break Over::Broken(error.to_string()),
        };
        heard = true;
        pour(sender, intake, &text).await?;
        if let Some(item) = intake.end() {
            sender.send_from_task(item).await?;
        }
    };
    // The other side may be gone.
    let _ = timeout(Duration::from_secs(1), socket.close(None)).await;
    Ok(over)
}
