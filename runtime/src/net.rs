//! What everything that talks over a network shares: the threads that do it, and who may come in.

use axum::extract::Query;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Uri};
use serde::Deserialize;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

/// Threads that wait for sockets. Recognition has its own, and never waits for one of these.
const THREADS: usize = 1;

/// Port of an MQTT broker that names none.
pub(crate) const MQTT_PORT: u16 = 1883;

/// What an MQTT sink says of itself under its status topic; the second one is its last will.
pub(crate) const ONLINE: &str = "online";
pub(crate) const OFFLINE: &str = "offline";

/// Environment variable with the token that clients of servers have to know.
const TOKEN: &str = "AIMCLR_TOKEN";

/// From one try to connect to the next, at first.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Over a connection that is quiet for so long, the other side is asked whether it is there, and so
/// often again until it counts as gone.
const QUIET: Duration = Duration::from_secs(15);
const ASK_AGAIN: Duration = Duration::from_secs(5);
const ASK: u32 = 3;

/// Starts the threads for sources and sinks that talk over a network.
///
/// # Errors
/// The system gives no thread.
pub fn start() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("network")
        .enable_all()
        .build()
}

/// User and password for brokers, as `AIMCLR_MQTT_USER` and `AIMCLR_MQTT_PASSWORD` have them.
pub(crate) fn mqtt_credentials() -> Option<(String, String)> {
    let user = std::env::var("AIMCLR_MQTT_USER").ok()?;
    let password = std::env::var("AIMCLR_MQTT_PASSWORD").unwrap_or_default();
    Some((user, password))
}

/// Waits twice as long from try to try to connect.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// Nothing was tried yet; it never waits longer than `longest`.
    pub(crate) fn new(longest: Duration) -> Self {
        Self {
            next: FIRST_WAIT,
            longest,
        }
    }

    pub(crate) async fn wait(&mut self) {
        sleep(self.next).await;
        self.next = (2 * self.next).min(self.longest);
    }

    /// It worked: the next time begins anew.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST_WAIT;
    }
}

/// Has the system find out that the other side of a quiet connection has vanished without a word.
pub(crate) fn keep_alive(stream: &TcpStream) {
    let alive = TcpKeepalive::new()
        .with_time(QUIET)
        .with_interval(ASK_AGAIN)
        .with_retries(ASK);
    // It only makes it better: a connection works without.
    let _ = SockRef::from(stream).set_tcp_keepalive(&alive);
}

/// Nobody can come in at an address.
#[derive(Debug, Error)]
pub enum ListenError {
    /// Everybody could.
    #[error(transparent)]
    Open(#[from] Open),
    /// It is taken, not this machine's, or none at all.
    #[error("{at}: {error}; expected an address of this machine with a free port")]
    Bind {
        /// The address as it was named.
        at: String,
        /// Why.
        error: io::Error,
    },
}

/// Listens at `host:port`; where a name has several addresses, at the first that can be had.
pub(crate) async fn listen(at: &str, access: &Access) -> Result<TcpListener, ListenError> {
    let bind = |error| ListenError::Bind {
        at: at.into(),
        error,
    };
    let mut refused = None;
    for address in lookup_host(at).await.map_err(bind)? {
        access.allows(address)?;
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    let nowhere = || io::Error::other("the name has no address");
    Err(bind(refused.unwrap_or_else(nowhere)))
}

/// Checks that a text has the form `host:port`.
pub(crate) fn host_and_port(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.into()),
        _ => Err(format!("\"{text}\" is no host:port")),
    }
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
}

/// The token that a client says, as `Authorization: Bearer TOKEN` or as `?token=TOKEN`.
pub(crate) fn token_of(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let said = headers
        .get(AUTHORIZATION)
        .and_then(|said| said.to_str().ok());
    if let Some(token) = said.and_then(|said| said.strip_prefix("Bearer ")) {
        return Some(token.trim().into());
    }
    let Query(Token { token }) = Query::try_from_uri(uri).ok()?;
    token
}

/// Who may come in.
#[derive(Debug, Clone, Default)]
pub struct Access {
    token: Option<String>,
}

/// A server that would be open to everybody.
#[derive(Debug, Error)]
#[error(
    "{address} can be reached from other machines; set a token that clients have to know \
     (AIMCLR_TOKEN), or listen on 127.0.0.1"
)]
pub struct Open {
    /// Where it would listen.
    pub address: SocketAddr,
}

impl Access {
    /// Those who know the token; everybody where there is none.
    pub fn new(token: Option<String>) -> Self {
        Self {
            token: token.filter(|token| !token.is_empty()),
        }
    }

    /// As `AIMCLR_TOKEN` has it.
    pub fn of_environment() -> Self {
        Self::new(std::env::var(TOKEN).ok())
    }

    /// Whether a server may listen there.
    ///
    /// # Errors
    /// Other machines reach it, and there is no token.
    pub fn allows(&self, address: SocketAddr) -> Result<(), Open> {
        match address.ip().is_loopback() || self.token.is_some() {
            true => Ok(()),
            false => Err(Open { address }),
        }
    }

    /// Whether somebody who says this comes in. Takes as long for a wrong token as for the right one.
    pub fn admits(&self, said: Option<&str>) -> bool {
        let Some(token) = &self.token else {
            return true;
        };
        let said = said.unwrap_or_default().as_bytes();
        let differs = |(i, byte): (usize, u8)| byte ^ said.get(i).copied().unwrap_or_default();
        let apart = token.bytes().enumerate().map(differs);
        apart.fold(0, |all, one| all | one) == 0 && said.len() == token.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_said_in_the_head_or_in_the_query() {
        let mut headers = HeaderMap::new();
        let said =
            |headers: &HeaderMap, uri: &'static str| token_of(headers, &Uri::from_static(uri));
        assert_eq!(said(&headers, "/ws?a=b"), None);
        let odd = said(&headers, "/ws?person=7&token=a%2Fb%26c%3D+d");
        assert_eq!(odd.as_deref(), Some("a/b&c= d"));
        headers.insert(AUTHORIZATION, "Bearer secret".parse().expect("a header"));
        assert_eq!(said(&headers, "/ws?token=x").as_deref(), Some("secret"));
    }

    #[tokio::test]
    async fn a_name_will_do_to_listen_at_and_who_vanishes_is_asked_for() {
        let nobody = Access::default();
        let listener = listen("localhost:0", &nobody).await.expect("listening");
        let at = listener.local_addr().expect("an address");
        assert!(at.ip().is_loopback() && at.port() > 0, "{at}");
        let taken = listen(&at.to_string(), &nobody).await.expect_err("taken");
        assert!(taken.to_string().contains(&at.to_string()), "{taken}");
        let open = listen("0.0.0.0:0", &nobody).await.expect_err("open");
        assert!(matches!(open, ListenError::Open(_)), "{open}");
        let none = listen("no.such.host.invalid:80", &nobody)
            .await
            .expect_err("none");
        assert!(
            none.to_string().contains("no.such.host.invalid:80: "),
            "{none}"
        );
        let stream = TcpStream::connect(at).await.expect("connected");
        keep_alive(&stream);
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().expect("an option"));
        assert_eq!(socket.tcp_keepalive_time().expect("an option"), QUIET);
    }

    #[test]
    fn beyond_loopback_a_token_is_wanted() {
        let [near, far]: [SocketAddr; 2] =
            ["127.0.0.1:80", "0.0.0.0:80"].map(|a| a.parse().expect("an address"));
        let nobody = Access::new(Some(String::new()));
        assert!(nobody.allows(near).is_ok());
        let error = nobody.allows(far).expect_err("open").to_string();
        assert!(
            error.contains("0.0.0.0:80") && error.contains("token"),
            "{error}"
        );
        let known = Access::new(Some("secret".into()));
        assert!(known.allows(far).is_ok());
        for (said, admitted) in [
            (Some("secret"), true),
            (Some("secre"), false),
            (Some("secrets"), false),
            (Some("sfcret"), false),
            (None, false),
        ] {
            assert_eq!(known.admits(said), admitted, "{said:?}");
        }
        assert!(nobody.admits(None));
    }
}
