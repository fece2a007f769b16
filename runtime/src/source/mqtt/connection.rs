//! A connection to a broker by MQTT 3.1.1, over which packets of bounded length come.
//!
//! A message that is too long is passed over as it comes. Whoever hangs up instead, as rumqttc's own
//! loop does, is sent a retained one again with each new connection, for ever.

use crate::net;
use crate::source::address::Mqtt;
use crate::source::client::CONNECT;
use aimclr_skeleton::frame::MAX_LINE;
use bytes::{Buf, Bytes, BytesMut};
use rumqttc::{
    Connect, ConnectReturnCode, Error, Login, Packet, PubAck, Publish, QoS, Subscribe,
    SubscribeReasonCode, Unsubscribe,
};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep_until, timeout};

/// How often the broker hears of us where nothing else is said.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Longest packet that is held, bytes: a line, and a topic, which takes at most 64 KiB.
const LONGEST: usize = MAX_LINE + (1 << 16);

const CHUNK: usize = 1 << 16;

/// Kind of a packet, the upper half of its first byte: PUBLISH, and all that brokers send to those
/// who only subscribe.
const PUBLISH: u8 = 3;
const EXPECTED: [u8; 5] = [2, PUBLISH, 9, 11, 13];

/// Something that was published.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) topic: String,
    /// What it says, or how many bytes it has where those are too many.
    pub(super) payload: Result<Bytes, u64>,
    /// Under which the broker waits for an acknowledgement; 0 where it doesn't.
    number: u16,
}

impl From<Publish> for Message {
    fn from(publish: Publish) -> Self {
        Self {
            topic: publish.topic,
            payload: Ok(publish.payload),
            number: publish.pkid,
        }
    }
}

/// Why there is no connection, or none any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("this is no MQTT 3.1.1: {0}")]
    Protocol(#[from] Error),
    #[error("the broker refuses the connection: {0:?}")]
    Refused(ConnectReturnCode),
    #[error("the broker refuses the subscription")]
    Unwanted,
    #[error("the broker has ended the connection")]
    Ended,
    #[error("the broker says nothing")]
    Silent,
}

impl From<Elapsed> for Lost {
    fn from(_: Elapsed) -> Self {
        Self::Silent
    }
}

enum Received {
    Packet(Packet),
    TooLong(Message),
}

pub(super) struct Connection {
    wire: TcpStream,
    received: BytesMut,
    /// A message that is too long, and how many bytes of it are still to come.
    passing: Option<(Message, usize)>,
    /// When the broker is to hear of us.
    ping: Instant,
    /// It has not answered the last ping.
    unanswered: bool,
    number: u16,
}

impl Connection {
    pub(super) async fn open(broker: &Mqtt) -> Result<Self, Lost> {
        let at = format!("{}:{}", broker.host, broker.port);
        let mut connection = Self {
            wire: timeout(CONNECT, TcpStream::connect(at)).await??,
            received: BytesMut::new(),
            passing: None,
            ping: Instant::now() + KEEP_ALIVE,
            unanswered: false,
            number: 0,
        };
        // The broker gives a name: one of ours might be another's, whom it would then send away.
        let mut connect = Connect::new("");
        connect.keep_alive = KEEP_ALIVE.as_secs() as u16;
        let credentials = broker.credentials.clone().or_else(net::mqtt_credentials);
        connect.login = credentials.map(|(user, password)| Login::new(user, password));
        connection.send(Packet::Connect(connect)).await?;
        let until = Instant::now() + CONNECT;
        match connection.receive(Some(until)).await? {
            Some(Received::Packet(Packet::ConnAck(answer))) => match answer.code {
                ConnectReturnCode::Success => Ok(connection),
                code => Err(Lost::Refused(code)),
            },
            Some(_) => Err(Error::IncorrectPacketFormat.into()),
            None => Err(Lost::Silent),
        }
    }

    pub(super) async fn subscribe(&mut self, filter: &str) -> Result<(), Lost> {
        let mut subscribe = Subscribe::new(filter, QoS::AtLeastOnce);
        subscribe.pkid = self.next_number();
        self.send(Packet::Subscribe(subscribe)).await
    }

    pub(super) async fn unsubscribe(&mut self, filter: &str) -> Result<(), Lost> {
        let mut unsubscribe = Unsubscribe::new(filter);
        unsubscribe.pkid = self.next_number();
        self.send(Packet::Unsubscribe(unsubscribe)).await
    }

    /// Tells the broker that a message has arrived, where it waits for that.
    pub(super) async fn acknowledge(&mut self, message: &Message) -> Result<(), Lost> {
        match message.number {
            0 => Ok(()),
            number => self.send(Packet::PubAck(PubAck::new(number))).await,
        }
    }

    /// The next message; `None` if none has come `until` then.
    pub(super) async fn next(&mut self, until: Option<Instant>) -> Result<Option<Message>, Lost> {
        loop {
            match self.receive(until).await? {
                None => return Ok(None),
                Some(Received::TooLong(message)) => return Ok(Some(message)),
                Some(Received::Packet(Packet::Publish(publish))) => {
                    return Ok(Some(publish.into()));
                }
                Some(Received::Packet(Packet::PingResp)) => self.unanswered = false,
                Some(Received::Packet(Packet::SubAck(answer)))
                    if answer.return_codes.contains(&SubscribeReasonCode::Failure) =>
                {
                    return Err(Lost::Unwanted);
                }
                Some(Received::Packet(_)) => {}
            }
        }
    }

    async fn receive(&mut self, until: Option<Instant>) -> Result<Option<Received>, Lost> {
        loop {
            if let Some(received) = self.split_off()? {
                return Ok(Some(received));
            }
            self.received.reserve(CHUNK);
            let wake = until.map_or(self.ping, |until| until.min(self.ping));
            tokio::select! {
                count = self.wire.read_buf(&mut self.received) => if count? == 0 {
                    return Err(Lost::Ended);
                },
                () = sleep_until(wake) => {
                    if until.is_some_and(|until| until <= wake) {
                        return Ok(None);
                    }
                    if std::mem::replace(&mut self.unanswered, true) {
                        return Err(Lost::Silent);
                    }
                    self.send(Packet::PingReq).await?;
                }
            }
        }
    }

    /// Takes what is whole off the front of what was received.
    fn split_off(&mut self) -> Result<Option<Received>, Lost> {
        if let Some((message, left)) = self.passing.take() {
            let here = left.min(self.received.len());
            self.received.advance(here);
            if here == left {
                return Ok(Some(Received::TooLong(message)));
            }
            self.passing = Some((message, left - here));
            return Ok(None);
        }
        let Some(first) = self.received.first() else {
            return Ok(None);
        };
        if !EXPECTED.contains(&(first >> 4)) {
            return Err(Error::IncorrectPacketFormat.into());
        }
        match Packet::read(&mut self.received, LONGEST) {
            Ok(packet) => Ok(Some(Received::Packet(packet))),
            Err(Error::InsufficientBytes(_)) => Ok(None),
            Err(Error::PayloadSizeLimitExceeded(length)) => self.pass_over(length),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the head of a message that is too long, of so many bytes behind the fixed header.
    fn pass_over(&mut self, length: usize) -> Result<Option<Received>, Lost> {
        let first = self.received[0];
        if first >> 4 != PUBLISH {
            return Err(Error::PayloadSizeLimitExceeded(length).into());
        }
        let continued = self.received[1..].iter().take_while(|b| **b & 0x80 != 0);
        let fixed = 2 + continued.count();
        let counted = |at: usize| {
            let bytes = self.received.get(at..at + 2)?;
            Some(u16::from_be_bytes([bytes[0], bytes[1]]))
        };
        let Some(topic) = counted(fixed) else {
            return Ok(None);
        };
        let end = fixed + 2 + usize::from(topic);
        let acknowledged = first & 0b110 != 0;
        let number = match acknowledged {
            true => counted(end),
            false => Some(0),
        };
        let (Some(name), Some(number)) = (self.received.get(fixed + 2..end), number) else {
            return Ok(None);
        };
        let head = end + if acknowledged { 2 } else { 0 };
        // A head is far shorter than what is too long.
        let left = length - (head - fixed);
        let message = Message {
            topic: String::from_utf8_lossy(name).into_owned(),
            payload: Err(left as u64),
            number,
        };
        self.received.advance(head);
        self.passing = Some((message, left));
        self.split_off()
    }

    async fn send(&mut self, packet: Packet) -> Result<(), Lost> {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, LONGEST)?;
        timeout(CONNECT, self.wire.write_all(&bytes)).await??;
        self.ping = Instant::now() + KEEP_ALIVE;
        Ok(())
    }

    /// Packets that wait for an answer have numbers from 1 on.
    fn next_number(&mut self) -> u16 {
        self.number = self.number.wrapping_add(1).max(1);
        self.number
    }
}
