//! Where events go, as it is said on the command line.

use crate::net::MQTT_PORT;
use axum::http::Uri;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;

/// Where events go. [`Display`](fmt::Display) is its name in the summary and in metrics, without
/// what a webhook's query may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `-`
    Stdout,
    /// A path.
    File(PathBuf),
    /// `mqtt://host[:port]/prefix`
    Mqtt {
        /// Name or number of the broker.
        host: String,
        /// Its port.
        port: u16,
        /// What every topic begins with.
        prefix: String,
    },
    /// `http://…` or `https://…`
    Webhook(Uri),
}

/// An address that is none.
#[derive(Debug, Error)]
#[error(
    "{reason}; expected -, FILE.ndjson, mqtt://host[:port]/prefix, http://host/path or \
     https://host/path"
)]
pub struct AddressError {
    reason: String,
}

fn none(reason: impl Into<String>) -> AddressError {
    let reason = reason.into();
    AddressError { reason }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return match text {
                "" => Err(none("an empty address")),
                "-" => Ok(Self::Stdout),
                path => Ok(Self::File(path.into())),
            };
        };
        if !matches!(scheme, "mqtt" | "http" | "https") {
            return Err(none(format!("unknown scheme \"{scheme}\"")));
        }
        if rest
            .split('/')
            .next()
            .is_some_and(|host| host.contains('@'))
        {
            // Arguments can be read by every user of the machine.
            return Err(none(
                "a user or password does not belong into an address (for MQTT: set \
                 AIMCLR_MQTT_USER and AIMCLR_MQTT_PASSWORD)",
            ));
        }
        let uri: Uri = text.parse().map_err(|e| none(format!("{e}")))?;
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| none("no host"))?.to_string();
        let authority = uri.authority().map_or("", |a| a.as_str());
        if authority != host && uri.port_u16().is_none() {
            return Err(none(format!("invalid port in \"{authority}\"")));
        }
        if scheme != "mqtt" {
            return Ok(Self::Webhook(uri));
        }
        let prefix = rest.split_once('/').map_or("", |(_, path)| path);
        let prefix = prefix.trim_matches('/');
        match prefix.contains(['+', '#', '?']) || prefix.is_empty() {
            true => Err(none(format!(
                "\"{prefix}\" is no prefix of topics, which is not empty and has no +, # or ?"
            ))),
            false => Ok(Self::Mqtt {
                host,
                port: uri.port_u16().unwrap_or(MQTT_PORT),
                prefix: prefix.into(),
            }),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("-"),
            Self::File(path) => path.display().fmt(f),
            Self::Mqtt { host, port, prefix } => write!(f, "mqtt://{host}:{port}/{prefix}"),
            Self::Webhook(uri) => {
                let scheme = uri.scheme_str().unwrap_or_default();
                let authority = uri.authority().map_or("", |a| a.as_str());
                write!(f, "{scheme}://{authority}{}", uri.path())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_of_which_kind_it_is() {
        for (text, name) in [
            ("-", "-"),
            ("events.ndjson", "events.ndjson"),
            (
                "mqtt://broker/home/aimclr/",
                "mqtt://broker:1883/home/aimclr",
            ),
            ("mqtt://[::1]:2883/a", "mqtt://[::1]:2883/a"),
            (
                "http://127.0.0.1:80/hook?key=secret",
                "http://127.0.0.1:80/hook",
            ),
            ("https://example.org", "https://example.org/"),
        ] {
            let address: Address = text.parse().expect(text);
            assert_eq!(address.to_string(), name);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_would_be() {
        for (text, part) in [
            ("", "empty"),
            ("ftp://host/a", "\"ftp\""),
            ("mqtt://host", "prefix"),
            ("mqtt://host/a/#", "prefix"),
            ("mqtt:///a", "invalid"),
            ("mqtt://me:secret@host/a", "AIMCLR_MQTT_PASSWORD"),
            ("http://host:99999/", "invalid"),
        ] {
            let error = text.parse::<Address>().expect_err(text).to_string();
            assert!(
                error.contains(part) && error.contains("expected -"),
                "{error}"
            );
        }
    }
}
