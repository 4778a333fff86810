//! From a message to its commands.
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use prost::Message as _;

use crate::centrifugo::{self, Command, Request};
use crate::centrifugo_protobuf::message;

/// What is wrong with a message; all are answered by disconnect 3501.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// A message without a command.
    Nothing,
    /// A length that is none, or is of more than there is.
    Length,
    /// Not a command: a field of another type, text that is not UTF-8, nesting without end.
    Malformed,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Nothing => "a message without a command",
            Self::Length => "a command longer than its message",
            Self::Malformed => "not a command",
        })
    }
}

impl core::error::Error for DecodeError {}

/// The commands of one message, in order. After an error there are no more.
///
/// A command may have to wait for another core. [`Commands::rest`] is then what to keep, and to give to [`commands`]
/// later, unless it is empty. Memory is at most that of the message, whatever lengths it claims.
#[derive(Clone, Debug)]
pub struct Commands<'a> {
    message: &'a [u8],
    /// Bytes of `message` that the commands so far took, with their lengths.
    consumed: usize,
    ended: bool,
}

/// The commands of `message`, a WebSocket message's payload.
#[must_use]
pub fn commands(message: &[u8]) -> Commands<'_> {
    Commands { message, consumed: 0, ended: false }
}

impl<'a> Commands<'a> {
    /// Bytes of the message that the commands so far took, lengths included.
    #[must_use]
    pub fn consumed(&self) -> usize {
        self.consumed
    }

    /// What comes after the commands so far; empty after the last one.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        &self.message[self.consumed..]
    }

    fn read(&mut self) -> Result<Command<'static>, DecodeError> {
        let mut rest = self.rest();
        if rest.is_empty() {
            return Err(DecodeError::Nothing);
        }
        let length = prost::decode_length_delimiter(&mut rest).map_err(|_| DecodeError::Length)?;
        let command = rest.get(..length).ok_or(DecodeError::Length)?;
        self.consumed = self.message.len() - rest.len() + length;
        message::Command::decode(command).map(Command::from).map_err(|_| DecodeError::Malformed)
    }
}

impl Iterator for Commands<'_> {
    type Item = Result<Command<'static>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended || (self.rest().is_empty() && self.consumed > 0) {
            return None;
        }
        let command = self.read();
        self.ended = command.is_err();
        Some(command)
    }
}

fn text(text: String) -> Cow<'static, str> {
    Cow::Owned(text)
}

fn data(data: Vec<u8>) -> Cow<'static, [u8]> {
    Cow::Owned(data)
}

impl From<message::Command> for Command<'static> {
    fn from(command: message::Command) -> Self {
        Self { id: command.id, request: request(command) }
    }
}

/// The first request that is there, in the reference server's order.
fn request(command: message::Command) -> Request<'static> {
    if command.id == 0 && command.send.is_none() {
        Request::Pong
    } else if let Some(connect) = command.connect {
        Request::Connect(connect.into())
    } else if command.ping.is_some() {
        Request::Ping
    } else if let Some(subscribe) = command.subscribe {
        Request::Subscribe(subscribe.into())
    } else if let Some(message::ChannelRequest { channel }) = command.unsubscribe {
        Request::Unsubscribe(centrifugo::Unsubscribe { channel: text(channel) })
    } else if let Some(publish) = command.publish {
        Request::Publish(centrifugo::Publish { channel: text(publish.channel), data: data(publish.data) })
    } else if let Some(message::ChannelRequest { channel }) = command.presence {
        Request::Presence(centrifugo::Presence { channel: text(channel) })
    } else if let Some(message::ChannelRequest { channel }) = command.presence_stats {
        Request::PresenceStats(centrifugo::PresenceStats { channel: text(channel) })
    } else if let Some(history) = command.history {
        Request::History(history.into())
    } else if let Some(rpc) = command.rpc {
        Request::Rpc(centrifugo::Rpc { method: text(rpc.method), data: data(rpc.data) })
    } else if let Some(send) = command.send {
        Request::Send(centrifugo::Send { data: data(send.data) })
    } else if let Some(refresh) = command.refresh {
        Request::Refresh(centrifugo::Refresh { token: text(refresh.token) })
    } else if let Some(refresh) = command.sub_refresh {
        Request::SubRefresh(centrifugo::SubRefresh { channel: text(refresh.channel), token: text(refresh.token) })
    } else {
        Request::Empty
    }
}

impl From<message::ConnectRequest> for centrifugo::Connect<'static> {
    fn from(wire: message::ConnectRequest) -> Self {
        Self { token: text(wire.token), data: data(wire.data), name: text(wire.name), version: text(wire.version) }
    }
}

impl From<message::SubscribeRequest> for centrifugo::Subscribe<'static> {
    fn from(wire: message::SubscribeRequest) -> Self {
        Self {
            channel: text(wire.channel),
            token: text(wire.token),
            recover: wire.recover,
            epoch: text(wire.epoch),
            offset: wire.offset,
            data: data(wire.data),
            positioned: wire.positioned,
            recoverable: wire.recoverable,
            join_leave: wire.join_leave,
            delta: text(wire.delta),
            flag: wire.flag,
            kind: wire.kind,
        }
    }
}

impl From<message::HistoryRequest> for centrifugo::History<'static> {
    fn from(wire: message::HistoryRequest) -> Self {
        let since = wire.since.map(|since| centrifugo::Since { offset: since.offset, epoch: text(since.epoch) });
        Self { channel: text(wire.channel), limit: wire.limit, since, reverse: wire.reverse }
    }
}

#[cfg(test)]
mod tests;
