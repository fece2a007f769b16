//! What everything that talks over a network shares: the threads that do it, and who may come in.

use std::io;
use std::net::SocketAddr;
use thiserror::Error;
use tokio::runtime::{Builder, Runtime};

/// Threads that wait for sockets. Recognition has its own, and never waits for one of these.
const THREADS: usize = 1;

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
