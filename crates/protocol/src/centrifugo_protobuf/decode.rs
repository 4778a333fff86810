//! From a message to its commands.
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use prost::Message as _;

use crate::centrifugo::{self, Command, Request};
use crate::centrifugo_protobuf::filter::filter;
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

/// The commands of one message, each behind its length. Memory is at most that of the message, whatever lengths it claims.
pub type Commands<'a> = crate::commands::Commands<'a, DecodeError>;

/// The commands of `message`, a WebSocket message's payload.
#[must_use]
pub fn commands(message: &[u8]) -> Commands<'_> {
    Commands::new(message, read)
}

fn read(message: &[u8]) -> (usize, Result<Command<'_>, DecodeError>) {
    if message.is_empty() {
        return (0, Err(DecodeError::Nothing));
    }
    let mut rest = message;
    let length = prost::decode_length_delimiter(&mut rest);
    let Some(command) = length.ok().and_then(|length| rest.get(..length)) else {
        return (0, Err(DecodeError::Length));
    };
    let taken = message.len() - rest.len() + command.len();
    let command = message::Command::decode(command)
        .and_then(|command| Ok(Command { id: command.id, request: request(command)? }));
    (taken, command.map_err(|_| DecodeError::Malformed))
}

fn text(text: String) -> Cow<'static, str> {
    Cow::Owned(text)
}

fn data(data: Vec<u8>) -> Cow<'static, [u8]> {
    Cow::Owned(data)
}

/// The first request that is there, in the reference server's order.
fn request(command: message::Command) -> Result<Request<'static>, prost::DecodeError> {
    Ok(if command.id == 0 && command.send.is_none() {
        Request::Pong
    } else if let Some(connect) = command.connect {
        Request::Connect(connect.try_into()?)
    } else if command.ping.is_some() {
        Request::Ping
    } else if let Some(subscribe) = command.subscribe {
        Request::Subscribe(subscribe.try_into()?)
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
    })
}

impl TryFrom<message::ConnectRequest> for centrifugo::Connect<'static> {
    type Error = prost::DecodeError;

    fn try_from(wire: message::ConnectRequest) -> Result<Self, Self::Error> {
        let sub = |(channel, sub)| {
            centrifugo::Subscribe::try_from(sub).map(|sub| centrifugo::Subscribe { channel: text(channel), ..sub })
        };
        Ok(Self {
            token: text(wire.token),
            data: data(wire.data),
            name: text(wire.name),
            version: text(wire.version),
            subs: wire.subs.into_iter().map(sub).collect::<Result<_, _>>()?,
            headers: wire.headers.into_iter().map(|(name, value)| (text(name), text(value))).collect(),
        })
    }
}

impl TryFrom<message::SubscribeRequest> for centrifugo::Subscribe<'static> {
    type Error = prost::DecodeError;

    fn try_from(wire: message::SubscribeRequest) -> Result<Self, Self::Error> {
        Ok(Self {
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
            filter: wire.filter.map(|bytes| filter(&bytes).map(Box::new)).transpose()?,
            flag: wire.flag,
            kind: wire.kind,
        })
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
