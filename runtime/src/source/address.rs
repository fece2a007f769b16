//! Where frames come from, as the command line has it.

use crate::net::{self, MQTT_PORT};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;

/// Where frames come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Standard input.
    Stdin,
    /// A file, or a folder of files.
    Path(PathBuf),
    /// Connects to `host:port`, which sends lines.
    Tcp(String),
    /// Listens at `host:port` for those who send lines.
    TcpListen(String),
    /// Listens at a Unix socket for those who send lines.
    Unix(PathBuf),
    /// Connects to a WebSocket, by its URL.
    Ws(String),
    /// Listens at `host:port` for WebSockets.
    WsListen(String),
    /// Subscribes to topics of a broker.
    Mqtt(Mqtt),
}

/// Topics of a broker.
#[derive(Clone, PartialEq, Eq)]
pub struct Mqtt {
    /// The broker's name or number.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Topic filter.
    pub filter: String,
    /// User and password.
    pub credentials: Option<(String, String)>,
    /// Topic of another runtime's status: frames are taken only while it is not online.
    pub unless: Option<String>,
}

/// An address that is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{reason}; expected -, FILE, FOLDER, tcp://host:port, tcp-listen://host:port, unix:PATH, \
     ws://host:port/path, ws-listen://host:port or mqtt://host[:port]/topic/filter[?unless=TOPIC]"
)]
pub struct NoAddress {
    reason: String,
}

fn no(reason: impl Into<String>) -> NoAddress {
    NoAddress {
        reason: reason.into(),
    }
}

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        if text.is_empty() {
            return Err(no("an address is empty"));
        }
        if text == "-" {
            return Ok(Self::Stdin);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path.is_empty() {
                true => Err(no("unix: has no path")),
                false => Ok(Self::Unix(path.into())),
            };
        }
        match text.split_once("://") {
            None => Ok(Self::Path(text.into())),
            Some(("tcp", rest)) => host_and_port(rest).map(Self::Tcp),
            Some(("tcp-listen", rest)) => host_and_port(rest).map(Self::TcpListen),
            Some(("ws", "")) => Err(no("ws:// has no host")),
            Some(("ws", _)) => Ok(Self::Ws(text.into())),
            Some(("ws-listen", rest)) => host_and_port(rest).map(Self::WsListen),
            Some(("mqtt", rest)) => mqtt(rest).map(Self::Mqtt),
            Some((scheme, _)) => Err(no(format!("{scheme}:// is not known"))),
        }
    }
}

fn host_and_port(rest: &str) -> Result<String, NoAddress> {
    net::host_and_port(rest.strip_suffix('/').unwrap_or(rest)).map_err(no)
}

fn mqtt(rest: &str) -> Result<Mqtt, NoAddress> {
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (rest, None),
    };
    let (broker, filter) = match rest.split_once('/') {
        Some((broker, filter)) if !filter.is_empty() => (broker, filter),
        _ => return Err(no("mqtt:// has no topic")),
    };
    if filter.starts_with("$share/") {
        return Err(no(
            "$share/ spreads the single messages of a camera over the runtimes, which tears tracks \
             apart; give each runtime a filter of its own, and ?unless=TOPIC for the other's",
        ));
    }
    if !rumqttc::valid_filter(filter) || filter.len() > usize::from(u16::MAX) {
        return Err(no(format!("\"{filter}\" is no topic filter")));
    }
    let (user, broker) = match broker.rsplit_once('@') {
        Some((user, broker)) => (Some(user), broker),
        None => (None, broker),
    };
    let (host, port) = match broker.rsplit_once(':') {
        None => (broker, MQTT_PORT),
        Some((host, port)) => {
            let port = port.parse();
            (
                host,
                port.map_err(|_| no(format!("\"{broker}\" is no host:port")))?,
            )
        }
    };
    if host.is_empty() {
        return Err(no("mqtt:// has no host"));
    }
    let credentials = user.map(|user| {
        let (user, password) = user.split_once(':').unwrap_or((user, ""));
        (user.into(), password.into())
    });
    Ok(Mqtt {
        host: host.into(),
        port,
        filter: filter.into(),
        credentials,
        unless: query.map(unless).transpose()?,
    })
}

/// The topic of a status, which is all that may be asked for behind a filter.
fn unless(query: &str) -> Result<String, NoAddress> {
    let topic = match query.split_once('=') {
        Some(("unless", topic)) if !topic.contains('&') => topic,
        _ => {
            return Err(no(format!(
                "\"?{query}\" is not known, only ?unless=TOPIC is"
            )));
        }
    };
    match topic.is_empty() || topic.contains(['+', '#']) {
        true => Err(no(format!(
            "unless=\"{topic}\" names no single topic, such as fleet/a/status"
        ))),
        false => Ok(topic.into()),
    }
}

impl Address {
    /// True where frames come when they come, and nobody waits for recognition to be done.
    pub fn is_network(&self) -> bool {
        !matches!(self, Self::Stdin | Self::Path(_))
    }
}

/// As it was given, but without a password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Tcp(at) => write!(f, "tcp://{at}"),
            Self::TcpListen(at) => write!(f, "tcp-listen://{at}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Ws(url) => {
                let plain = url.split(['?', '#']).next().unwrap_or_default();
                match plain.rsplit_once('@') {
                    None => f.write_str(plain),
                    Some((_, rest)) => write!(f, "ws://{rest}"),
                }
            }
            Self::WsListen(at) => write!(f, "ws-listen://{at}"),
            Self::Mqtt(mqtt) => write!(f, "mqtt://{}:{}/{}", mqtt.host, mqtt.port, mqtt.filter),
        }
    }
}

impl fmt::Debug for Mqtt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.host, self.port, self.filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_by_their_scheme() {
        for (text, shown) in [
            ("-", "standard input"),
            ("day.ndjson", "day.ndjson"),
            ("tcp://[::1]:7000", "tcp://[::1]:7000"),
            ("tcp-listen://127.0.0.1:0", "tcp-listen://127.0.0.1:0"),
            ("unix:/run/poses", "unix:/run/poses"),
            ("unix:///run/poses", "unix:/run/poses"),
            ("ws://u:secret@cam:81/poses?token=x", "ws://cam:81/poses"),
            ("ws-listen://0.0.0.0:80/", "ws-listen://0.0.0.0:80"),
            ("mqtt://me:secret@hub/poses/#", "mqtt://hub:1883/poses/#"),
            ("mqtt://hub:99/+/poses", "mqtt://hub:99/+/poses"),
            (
                "mqtt://hub/a/+?unless=fleet/b/status",
                "mqtt://hub:1883/a/+",
            ),
        ] {
            let address: Address = text.parse().expect(text);
            assert_eq!(address.to_string(), shown);
            assert!(
                !format!("{:?}", address.clone()).contains("secret") || text.starts_with("ws:")
            );
            let local = ["-", "day.ndjson"].contains(&text);
            assert_eq!(address.is_network(), !local, "{text}");
        }
    }

    #[test]
    fn a_broker_may_be_asked_for_frames_unless_another_runtime_is_there() {
        let unless = |text: &str| match text.parse().expect(text) {
            Address::Mqtt(Mqtt { filter, unless, .. }) => (filter, unless),
            other => panic!("{other:?}"),
        };
        let (filter, topic) = unless("mqtt://hub/cameras/a/+?unless=fleet/a/status");
        assert_eq!(filter, "cameras/a/+");
        assert_eq!(topic.as_deref(), Some("fleet/a/status"));
        assert_eq!(unless("mqtt://hub/cameras/#").1, None);
    }

    #[test]
    fn what_is_no_address_is_refused_with_those_that_are_known() {
        for (text, reason) in [
            ("", "empty"),
            ("http://cam", "http:// is not known"),
            ("tcp://cam", "\"cam\" is no host:port"),
            ("tcp-listen://:80", "\":80\" is no host:port"),
            ("ws-listen://cam:99999", "\"cam:99999\" is no host:port"),
            ("mqtt://hub", "no topic"),
            ("mqtt://hub:x/poses", "\"hub:x\" is no host:port"),
            ("mqtt://hub/poses/#/a", "\"poses/#/a\" is no topic filter"),
            ("unix:", "no path"),
            ("mqtt://hub?unless=a", "no topic"),
            ("mqtt://hub/a?qos=2", "only ?unless=TOPIC is"),
            (
                "mqtt://hub/a?unless=b/status&qos=2",
                "only ?unless=TOPIC is",
            ),
            ("mqtt://hub/a?unless", "only ?unless=TOPIC is"),
            ("mqtt://hub/a?unless=", "no single topic"),
            ("mqtt://hub/a?unless=fleet/+/status", "no single topic"),
            ("mqtt://hub/$share/all/a/+", "tears tracks apart"),
        ] {
            let message = text.parse::<Address>().expect_err(text).to_string();
            assert!(message.contains(reason), "{message}");
            assert!(message.contains("tcp-listen://host:port"), "{message}");
        }
    }
}
