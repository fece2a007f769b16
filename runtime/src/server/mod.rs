//! The server: events for whoever subscribes, and how the run goes for whoever watches over it.
//!
//! `docs/sinks.md` has the endpoints.

mod board;
mod hub;
mod metrics;

pub use board::{About, Board};
pub use hub::Hub;

use crate::net::{Access, Open, bearer};
use crate::sink::tally::Tally;
use axum::Json;
use axum::Router;
use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, Request, State};
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use futures_util::stream::{self, StreamExt};
use hub::{Filter, Subscription};
use serde::Deserialize;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long a client may take none of what was sent before its connection is cut; tests wait for it.
#[cfg(target_os = "linux")]
const UNREAD: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 10 });

/// Longest message that a client may send; none is expected.
const LONGEST: usize = 4096;

/// A server that can't start.
#[derive(Debug, Error)]
pub enum ServerError {
    /// It would be open to everybody.
    #[error("--listen: {0}")]
    Open(#[from] Open),
    /// The address is taken, or not this machine's.
    #[error("--listen: {0}: {1}; expected an address of this machine with a free port")]
    Bind(SocketAddr, io::Error),
}

/// A server that runs.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Those who subscribed.
    pub hub: Arc<Hub>,
    /// How the run goes.
    pub board: Arc<Board>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// What every endpoint sees.
#[derive(Clone)]
struct Shared {
    hub: Arc<Hub>,
    board: Arc<Board>,
    access: Arc<Access>,
}

impl Server {
    /// Starts to listen. `tallies` are those of the other sinks.
    ///
    /// # Errors
    /// The address can't be listened at, or would be open to everybody.
    pub fn start(
        network: &Handle,
        address: SocketAddr,
        access: Access,
        about: About,
        mut tallies: Vec<Arc<Tally>>,
    ) -> Result<Self, ServerError> {
        access.allows(address)?;
        let bind = |error| ServerError::Bind(address, error);
        let listener = network.block_on(TcpListener::bind(address)).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let hub = Arc::new(Hub::new(format!("http://{address}")));
        tallies.push(hub.tally.clone());
        let board = Arc::new(Board::new(about, tallies));
        let shared = Shared {
            hub: hub.clone(),
            board: board.clone(),
            access: Arc::new(access),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let task = network.spawn(async move {
            let serving = axum::serve(listener.tap_io(prepare), router(shared));
            let stopped = async { stopped.await.unwrap_or_default() };
            // Only the listener can fail, and it was asked for above.
            let _ = serving.with_graceful_shutdown(stopped).await;
        });
        Ok(Self {
            address,
            hub,
            board,
            stop,
            task,
        })
    }

    /// Ends all subscriptions and stops, within `time`.
    pub fn stop(self, network: &Runtime, time: Duration) {
        self.hub.close();
        let _ = self.stop.send(());
        let _ = network.block_on(async { tokio::time::timeout(time, self.task).await });
    }
}

/// An event is small and wanted at once; a client that reads nothing is not waited for.
fn prepare(stream: &mut TcpStream) {
    // Both only make it better: a connection works without.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(&*stream).set_tcp_user_timeout(Some(UNREAD));
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/events", get(events))
        .route("/ws", get(socket))
        .route("/metrics", get(figures))
        .layer(from_fn_with_state(shared.clone(), admit))
        // Who starts a service asks these, and knows no token.
        .route("/health", get(health))
        .route("/ready", get(ready))
        .with_state(shared)
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
}

/// Lets in who may come in.
async fn admit(
    State(shared): State<Shared>,
    Query(Token { token }): Query<Token>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    if !shared.access.admits(bearer(headers).or(token.as_deref())) {
        let said = "a token is wanted: Authorization: Bearer TOKEN, or ?token=TOKEN\n";
        return (StatusCode::UNAUTHORIZED, said).into_response();
    }
    // Else a page of any site, open in a browser on this machine, could listen: browsers let
    // every page open a WebSocket. Where a token is wanted, who comes this far has it.
    let elsewhere = text(headers, ORIGIN)
        .and_then(|origin| origin.split_once("://"))
        .is_some_and(|(_, origin)| Some(origin) != text(headers, HOST));
    if elsewhere && shared.access.admits(None) {
        let said =
            "a page of another site is let in where a token is set, AIMCLR_TOKEN, and known\n";
        return (StatusCode::FORBIDDEN, said).into_response();
    }
    next.run(request).await
}

fn text(headers: &HeaderMap, name: axum::http::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn full() -> Response {
    let said = format!("{} subscribers are there, no more have room\n", hub::MOST);
    (StatusCode::SERVICE_UNAVAILABLE, said).into_response()
}

/// Server-sent events.
async fn events(State(shared): State<Shared>, Query(filter): Query<Filter>) -> Response {
    let Some(mut subscription) = shared.hub.subscribe(filter) else {
        return full();
    };
    let messages = stream::poll_fn(move |context| subscription.poll(context));
    let events = messages.map(|message| Ok::<_, Infallible>(Event::default().data(&message.json)));
    let alive = KeepAlive::default();
    Sse::new(events).keep_alive(alive).into_response()
}

/// A WebSocket; what the client says is passed over.
async fn socket(
    State(shared): State<Shared>,
    Query(filter): Query<Filter>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Some(subscription) = shared.hub.subscribe(filter) else {
        return full();
    };
    let upgrade = upgrade.max_message_size(LONGEST);
    upgrade.on_upgrade(move |socket| follow(socket, subscription))
}

async fn follow(mut socket: WebSocket, mut subscription: Subscription) {
    loop {
        tokio::select! {
            message = poll_fn(|context| subscription.poll(context)) => match message {
                Some(message) => {
                    let frame = Frame::Text(message.json.as_str().into());
                    if socket.send(frame).await.is_err() {
                        return;
                    }
                }
                None => {
                    let _ = socket.send(Frame::Close(None)).await;
                    return;
                }
            },
            said = socket.recv() => match said {
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
}

async fn figures(State(shared): State<Shared>) -> impl IntoResponse {
    let text = metrics::text(&shared.board, shared.hub.subscribers());
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text)
}

async fn health(State(shared): State<Shared>) -> impl IntoResponse {
    Json(shared.board.health())
}

async fn ready(State(shared): State<Shared>) -> (StatusCode, &'static str) {
    match shared.board.ready() {
        true => (StatusCode::OK, "ready\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "no frame has come\n"),
    }
}

#[cfg(test)]
mod tests;
