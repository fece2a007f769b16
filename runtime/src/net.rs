//! What everything that talks over a network shares: the threads that do it, and who may come in.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use thiserror::Error;
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

/// The token that a client says in `Authorization: Bearer TOKEN`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let said = headers.get(AUTHORIZATION)?.to_str().ok()?;
    said.strip_prefix("Bearer ")
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
