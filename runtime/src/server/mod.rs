//! The server: events for whoever subscribes, and how the run goes for whoever watches over it.
//!
//! `docs/sinks.md` has the endpoints.

mod board;
mod door;
mod hub;
mod metrics;

pub use board::{About, Board};
pub use hub::Hub;

use crate::net::{self, Access, ListenError};
use axum::Json;
use axum::Router;
use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, Request, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use door::{Door, IDLE};
use futures_util::stream::{self, StreamExt};
use hub::{Filter, Subscription};
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval_at};

/// How long a client may take none of what was sent before its connection is cut; tests wait for it.
#[cfg(target_os = "linux")]
const UNREAD: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 10 });

/// How often subscribers are sent a sign of life where there are no events.
const ALIVE: Duration = IDLE.checked_div(2).expect("two is not zero");

/// Longest message that a client may send; none is expected.
const LONGEST: usize = 4096;

/// A server that can't start.
#[derive(Debug, Error)]
#[error("--listen: {0}")]
pub struct ServerError(#[from] ListenError);

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
    /// Starts to listen at `host:port`.
    ///
    /// # Errors
    /// The address can't be listened at, or would be open to everybody.
    pub fn start(
        network: &Handle,
        at: &str,
        access: Access,
        about: About,
    ) -> Result<Self, ServerError> {
        let listener = network.block_on(net::listen(at, &access))?;
        let address = listener.local_addr().map_err(|error| ListenError::Bind {
            at: at.into(),
            error,
        })?;
        let hub = Arc::new(Hub::new(format!("http://{address}")));
        let board = Arc::new(Board::new(about));
        let shared = Shared {
            hub: hub.clone(),
            board: board.clone(),
            access: Arc::new(access),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let task = network.spawn(async move {
            let serving = axum::serve(Door::new(listener), router(shared));
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
fn prepare(stream: &TcpStream) {
    // Both only make it better: a connection works without.
    let _ = stream.set_nodelay(true);
    net::keep_alive(stream);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(UNREAD));
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

/// Lets in who may come in.
async fn admit(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let said = net::token_of(headers, request.uri());
    if !shared.access.admits(said.as_deref()) {
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
    // Whoever has no room leaves the place at the door to others.
    let close = [(CONNECTION, "close")];
    (StatusCode::SERVICE_UNAVAILABLE, close, said).into_response()
}

/// Server-sent events.
async fn events(State(shared): State<Shared>, Query(filter): Query<Filter>) -> Response {
    let Some(mut subscription) = shared.hub.subscribe(filter) else {
        return full();
    };
    let messages = stream::poll_fn(move |context| subscription.poll(context));
    let events = messages.map(|message| Ok::<_, Infallible>(Event::default().data(&message.json)));
    let alive = KeepAlive::default().interval(ALIVE);
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
    let mut alive = interval_at(Instant::now() + ALIVE, ALIVE);
    loop {
        tokio::select! {
            _ = alive.tick() => if socket.send(Frame::Ping(Default::default())).await.is_err() {
                return;
            },
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
    let text = metrics::text(&shared.board, &shared.hub);
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text)
}

async fn health(State(shared): State<Shared>) -> impl IntoResponse {
    Json(shared.board.health())
}

async fn ready(State(shared): State<Shared>) -> (StatusCode, &'static str) {
    match shared.board.lacks() {
        None => (StatusCode::OK, "ready\n"),
        Some(what) => (StatusCode::SERVICE_UNAVAILABLE, what),
    }
}

#[cfg(test)]
mod tests;
