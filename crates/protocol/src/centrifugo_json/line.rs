//! One line: serde's view of a command, and what it says in ours.
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use base::Object;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::centrifugo::{self, Command, Request};
use crate::centrifugo_json::DecodeError;
use crate::centrifugo_json::filter::filter;
use crate::filter::FilterNode;

pub(super) fn command(line: &[u8]) -> Result<Command<'_>, DecodeError> {
    let Object(command) = serde_json::from_slice::<Object<WireCommand<'_>>>(line)
        .map_err(|error| DecodeError::Malformed { column: error.column() })?;
    Ok(Command { id: command.id.unwrap_or(0), request: command.request() })
}

pub(super) fn connect(message: &[u8]) -> Result<centrifugo::Connect<'_>, DecodeError> {
    let connect = serde_json::from_slice::<Option<Object<WireConnect<'_>>>>(message)
        .map_err(|error| DecodeError::Malformed { column: error.column() })?;
    Ok(connect.map(|Object(connect)| connect.into()).unwrap_or_default())
}

/// A text that is borrowed unless it had escapes; `null` is empty.
#[derive(Default)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'a> Text<'a> {
    /// The text's bytes.
    pub(super) fn bytes(self) -> Cow<'a, [u8]> {
        match self.0 {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Characters;

        impl<'de> Visitor<'de> for Characters {
            type Value = Text<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.into())))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Text::default())
            }
        }

        from.deserialize_any(Characters)
    }
}

/// What is given, be it `null`: in a publication that is a value like any other.
fn given<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

fn raw(data: Option<&RawValue>) -> Cow<'_, [u8]> {
    Cow::Borrowed(data.map_or(&[], |json| json.get().as_bytes()))
}

#[derive(Deserialize)]
struct WireCommand<'a> {
    id: Option<u32>,
    #[serde(borrow)]
    connect: Option<Object<WireConnect<'a>>>,
    ping: Option<Object<WireNothing>>,
    #[serde(borrow)]
    subscribe: Option<Object<WireSubscribe<'a>>>,
    #[serde(borrow)]
    unsubscribe: Option<Object<WireChannel<'a>>>,
    #[serde(borrow)]
    publish: Option<Object<WirePublish<'a>>>,
    #[serde(borrow)]
    presence: Option<Object<WireChannel<'a>>>,
    #[serde(borrow)]
    presence_stats: Option<Object<WireChannel<'a>>>,
    #[serde(borrow)]
    history: Option<Object<WireHistory<'a>>>,
    #[serde(borrow)]
    rpc: Option<Object<WireRpc<'a>>>,
    #[serde(borrow)]
    send: Option<Object<WireSend<'a>>>,
    #[serde(borrow)]
    refresh: Option<Object<WireToken<'a>>>,
    #[serde(borrow)]
    sub_refresh: Option<Object<WireToken<'a>>>,
}

#[derive(Deserialize)]
struct WireNothing {}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireConnect<'a> {
    #[serde(borrow)]
    token: Text<'a>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    version: Text<'a>,
    #[serde(borrow)]
    subs: Option<Members<'a, Option<Object<WireSubscribe<'a>>>>>,
    #[serde(borrow)]
    headers: Option<Members<'a, Text<'a>>>,
}

/// The members of an object, in their order.
struct Members<'a, T>(Vec<(Text<'a>, T)>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Members<'a, T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct All<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for All<T> {
            type Value = Members<'de, T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(member) = members.next_entry()? {
                    all.push(member);
                }
                Ok(Members(all))
            }
        }

        from.deserialize_map(All(PhantomData))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireSubscribe<'a> {
    #[serde(borrow)]
    channel: Text<'a>,
    #[serde(borrow)]
    token: Text<'a>,
    recover: Option<bool>,
    #[serde(borrow)]
    epoch: Text<'a>,
    offset: Option<u64>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    positioned: Option<bool>,
    recoverable: Option<bool>,
    join_leave: Option<bool>,
    #[serde(borrow)]
    delta: Text<'a>,
    #[serde(deserialize_with = "filter")]
    tf: Option<Box<FilterNode>>,
    flag: Option<i64>,
    #[serde(rename = "type")]
    kind: Option<i32>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireChannel<'a> {
    #[serde(borrow)]
    channel: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WirePublish<'a> {
    #[serde(borrow)]
    channel: Text<'a>,
    #[serde(borrow, deserialize_with = "given")]
    data: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireHistory<'a> {
    #[serde(borrow)]
    channel: Text<'a>,
    limit: Option<i32>,
    #[serde(borrow)]
    since: Option<Object<WireSince<'a>>>,
    reverse: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireSince<'a> {
    offset: Option<u64>,
    #[serde(borrow)]
    epoch: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireRpc<'a> {
    #[serde(borrow)]
    method: Text<'a>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireSend<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireToken<'a> {
    #[serde(borrow)]
    channel: Text<'a>,
    #[serde(borrow)]
    token: Text<'a>,
}

impl<'a> WireCommand<'a> {
    /// The first request that is there, in the reference server's order.
    fn request(self) -> Request<'a> {
        if self.id.unwrap_or(0) == 0 && self.send.is_none() {
            Request::Pong
        } else if let Some(Object(connect)) = self.connect {
            Request::Connect(connect.into())
        } else if self.ping.is_some() {
            Request::Ping
        } else if let Some(Object(subscribe)) = self.subscribe {
            Request::Subscribe(subscribe.into())
        } else if let Some(Object(WireChannel { channel })) = self.unsubscribe {
            Request::Unsubscribe(centrifugo::Unsubscribe { channel: channel.0 })
        } else if let Some(Object(publish)) = self.publish {
            Request::Publish(centrifugo::Publish { channel: publish.channel.0, data: raw(publish.data) })
        } else if let Some(Object(WireChannel { channel })) = self.presence {
            Request::Presence(centrifugo::Presence { channel: channel.0 })
        } else if let Some(Object(WireChannel { channel })) = self.presence_stats {
            Request::PresenceStats(centrifugo::PresenceStats { channel: channel.0 })
        } else if let Some(Object(history)) = self.history {
            Request::History(history.into())
        } else if let Some(Object(rpc)) = self.rpc {
            Request::Rpc(centrifugo::Rpc { method: rpc.method.0, data: raw(rpc.data) })
        } else if let Some(Object(send)) = self.send {
            Request::Send(centrifugo::Send { data: raw(send.data) })
        } else if let Some(Object(refresh)) = self.refresh {
            Request::Refresh(centrifugo::Refresh { token: refresh.token.0 })
        } else if let Some(Object(refresh)) = self.sub_refresh {
            Request::SubRefresh(centrifugo::SubRefresh { channel: refresh.channel.0, token: refresh.token.0 })
        } else {
            Request::Empty
        }
    }
}

impl<'a> From<WireConnect<'a>> for centrifugo::Connect<'a> {
    fn from(wire: WireConnect<'a>) -> Self {
        let sub = |(channel, sub): (Text<'a>, Option<Object<WireSubscribe<'a>>>)| centrifugo::Subscribe {
            channel: channel.0,
            ..sub.map(|Object(sub)| sub).unwrap_or_default().into()
        };
        Self {
            token: wire.token.0,
            data: raw(wire.data),
            name: wire.name.0,
            version: wire.version.0,
            subs: wire.subs.map(|Members(subs)| subs.into_iter().map(sub).collect()).unwrap_or_default(),
            headers: wire
                .headers
                .map(|Members(headers)| headers.into_iter().map(|(name, value)| (name.0, value.0)).collect())
                .unwrap_or_default(),
        }
    }
}

impl<'a> From<WireSubscribe<'a>> for centrifugo::Subscribe<'a> {
    fn from(wire: WireSubscribe<'a>) -> Self {
        Self {
            channel: wire.channel.0,
            token: wire.token.0,
            recover: wire.recover.unwrap_or(false),
            epoch: wire.epoch.0,
            offset: wire.offset.unwrap_or(0),
            data: raw(wire.data),
            positioned: wire.positioned.unwrap_or(false),
            recoverable: wire.recoverable.unwrap_or(false),
            join_leave: wire.join_leave.unwrap_or(false),
            delta: wire.delta.0,
            filter: wire.tf,
            flag: wire.flag.unwrap_or(0),
            kind: wire.kind.unwrap_or(0),
        }
    }
}

impl<'a> From<WireHistory<'a>> for centrifugo::History<'a> {
    fn from(wire: WireHistory<'a>) -> Self {
        let since = wire
            .since
            .map(|Object(since)| centrifugo::Since { offset: since.offset.unwrap_or(0), epoch: since.epoch.0 });
        Self { channel: wire.channel.0, limit: wire.limit.unwrap_or(0), since, reverse: wire.reverse.unwrap_or(false) }
    }
}
