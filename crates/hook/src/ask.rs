//! What a back end is asked about Centrifugo clients, and what it answers: the JSON of the event proxy (protocol page, section 6).
use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Of;

/// A question about a client.
#[derive(Debug)]
pub struct Ask {
    /// Which connection.
    pub of: Of,
    /// Which of the proxies, as an index.
    pub proxy: usize,
    /// The client's id.
    pub client: String,
    /// Over what it is connected, in Centrifugo's words.
    pub transport: &'static str,
    /// How it is spoken to: `json` or `protobuf`.
    pub protocol: &'static str,
    /// Its user; `None` before it has one.
    pub user: Option<String>,
    /// What is asked.
    pub about: About,
    /// What the client says beside; empty: nothing.
    pub data: Vec<u8>,
    /// Header fields of its request that may be passed on.
    pub fields: Vec<(Box<str>, Box<[u8]>)>,
}

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum About {
    /// Whether it may connect, and as whom.
    Connect {
        /// The client's name.
        name: String,
        /// Its version.
        version: String,
        /// Channels that it wants to be subscribed to.
        channels: Vec<String>,
    },
    /// To call something.
    Rpc {
        /// What.
        method: String,
    },
    /// Whether it may subscribe.
    Subscribe {
        /// To what.
        channel: String,
    },
    /// Whether it may publish.
    Publish {
        /// Where.
        channel: String,
    },
}

/// What a back end says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// This; all of it empty if it said nothing.
    Result(Box<Granted>),
    /// An error, for the client.
    Error {
        /// Its code.
        code: u32,
        /// Its message.
        message: String,
        /// Whether the client may try again.
        temporary: bool,
    },
    /// The client's connection is to end.
    Disconnect {
        /// The code.
        code: u16,
        /// Why.
        reason: String,
    },
    /// Nothing of use, or not in time.
    Failed,
}

/// What a back end grants.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Granted {
    /// Whether it granted anything: a `connect` without a result lets nobody in.
    pub is_there: bool,
    /// The user.
    pub user: String,
    /// For how long; zero: it is over already.
    pub left: Option<Duration>,
    /// JSON text that others are told; empty without any.
    pub info: Vec<u8>,
    /// What the client is told, or what is published instead; `None`: nothing is said.
    pub data: Option<Vec<u8>>,
    /// What is otherwise than the namespace says, as in [`GrantedSub::changes`].
    pub changes: [Option<bool>; 5],
    /// Channels that the client is subscribed to.
    pub channels: Vec<GrantedSub>,
    /// What a publication is about.
    pub tags: BTreeMap<String, String>,
    /// Whether it is kept out of the history.
    pub skip_history: bool,
    /// Whether it may be told as a delta.
    pub delta: bool,
    /// Under which key it is published once.
    pub idempotency_key: String,
    /// Which state it is.
    pub version: u64,
    /// Of which row of states.
    pub version_epoch: String,
}

/// A channel that a back end subscribes the client to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct GrantedSub {
    /// The channel.
    pub channel: String,
    /// JSON text that others are told.
    pub info: Vec<u8>,
    /// What the client is told.
    pub data: Vec<u8>,
    /// What is otherwise than the namespace says, in the order `presence`, `join_leave`, `force_push_join_leave`, `force_positioning`,
    /// `force_recovery`.
    pub changes: [Option<bool>; 5],
}

#[derive(Serialize)]
struct Body<'a> {
    client: &'a str,
    transport: &'static str,
    protocol: &'static str,
    encoding: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    channel: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    channels: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    b64data: Option<String>,
}

impl Ask {
    /// The body of the request; `None` if the client's data can't be said as JSON, and `is_binary` does not say it otherwise.
    pub(crate) fn body(&self, is_binary: bool) -> Option<Bytes> {
        let mut body = Body {
            client: &self.client,
            transport: self.transport,
            protocol: self.protocol,
            encoding: if is_binary { "binary" } else { "json" },
            user: self.user.as_deref(),
            channel: "",
            method: None,
            name: "",
            version: "",
            channels: &[],
            data: None,
            b64data: None,
        };
        match &self.about {
            About::Connect { name, version, channels } => {
                (body.name, body.version, body.channels) = (name, version, channels);
            }
            About::Rpc { method } => body.method = Some(method),
            About::Subscribe { channel } | About::Publish { channel } => body.channel = channel,
        }
        if is_binary {
            body.b64data = Some(STANDARD.encode(&self.data)).filter(|data| !data.is_empty());
        } else if !self.data.is_empty() {
            body.data = Some(serde_json::from_slice(&self.data).ok()?);
        }
        serde_json::to_vec(&body).ok().map(Into::into)
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    result: Option<Result<'a>>,
    error: Option<ErrorBody>,
    disconnect: Option<DisconnectBody>,
}

#[derive(Deserialize)]
struct ErrorBody {
    #[serde(default)]
    code: u32,
    #[serde(default)]
    message: String,
    #[serde(default)]
    temporary: bool,
}

#[derive(Deserialize)]
struct DisconnectBody {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    reason: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Result<'a> {
    user: String,
    expire_at: i64,
    #[serde(borrow)]
    info: Option<&'a RawValue>,
    b64info: String,
    data: Option<&'a RawValue>,
    b64data: String,
    channels: Option<Vec<String>>,
    subs: Option<BTreeMap<String, Sub<'a>>>,
    tags: Option<BTreeMap<String, String>>,
    skip_history: bool,
    delta: bool,
    idempotency_key: String,
    version: u64,
    version_epoch: String,
    #[serde(rename = "override")]
    changes: Option<Changes>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Sub<'a> {
    #[serde(borrow)]
    info: Option<&'a RawValue>,
    b64info: String,
    data: Option<&'a RawValue>,
    b64data: String,
    #[serde(rename = "override")]
    changes: Option<Changes>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Changes {
    presence: Option<Flag>,
    join_leave: Option<Flag>,
    force_push_join_leave: Option<Flag>,
    force_positioning: Option<Flag>,
    force_recovery: Option<Flag>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Flag {
    value: bool,
}

impl Changes {
    fn flags(self) -> [Option<bool>; 5] {
        let Self { presence, join_leave, force_push_join_leave, force_positioning, force_recovery } = self;
        let flags = [presence, join_leave, force_push_join_leave, force_positioning, force_recovery];
        flags.map(|flag| flag.map(|flag| flag.value))
    }
}

/// What is said as JSON, or as bytes in base64, which wins. `null` is nothing.
fn said(json: Option<&RawValue>, base64: &str) -> Option<Option<Vec<u8>>> {
    if !base64.is_empty() {
        return STANDARD.decode(base64).ok().map(Some);
    }
    Some(json.map(RawValue::get).filter(|text| *text != "null").map(|text| text.as_bytes().to_vec()))
}

impl Told {
    /// Reads the answer; `now_s` is the time of day.
    pub(crate) fn read(body: &[u8], now_s: i64) -> Self {
        Self::try_read(body, now_s).unwrap_or(Self::Failed)
    }

    fn try_read(body: &[u8], now_s: i64) -> Option<Self> {
        let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
        if let Some(DisconnectBody { code, reason }) = answer.disconnect {
            return Some(Self::Disconnect { code, reason });
        }
        if let Some(ErrorBody { code, message, temporary }) = answer.error {
            return Some(Self::Error { code, message, temporary });
        }
        let is_there = answer.result.is_some();
        let result = answer.result.unwrap_or_default();
        let mut channels: Vec<_> = result
            .channels
            .unwrap_or_default()
            .into_iter()
            .map(|channel| GrantedSub { channel, ..GrantedSub::default() })
            .collect();
        for (channel, sub) in result.subs.unwrap_or_default() {
            channels.retain(|known| known.channel != channel);
            channels.push(GrantedSub {
                channel,
                info: said(sub.info, &sub.b64info)?.unwrap_or_default(),
                data: said(sub.data, &sub.b64data)?.unwrap_or_default(),
                changes: sub.changes.unwrap_or_default().flags(),
            });
        }
        let left = (result.expire_at > 0)
            .then(|| Duration::from_secs(u64::try_from(result.expire_at.saturating_sub(now_s)).unwrap_or(0)));
        Some(Self::Result(Box::new(Granted {
            is_there,
            user: result.user,
            left,
            info: said(result.info, &result.b64info)?.unwrap_or_default(),
            data: said(result.data, &result.b64data)?,
            changes: result.changes.unwrap_or_default().flags(),
            channels,
            tags: result.tags.unwrap_or_default(),
            skip_history: result.skip_history,
            delta: result.delta,
            idempotency_key: result.idempotency_key,
            version: result.version,
            version_epoch: result.version_epoch,
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(about: About, data: &str) -> Ask {
        let of = Of { shard: 0, conn: 1, generation: 1 };
        let user = Some("ann".into());
        let fields = Vec::new();
        Ask {
            of,
            proxy: 0,
            client: "c".into(),
            transport: "websocket",
            protocol: "json",
            user,
            about,
            data: data.into(),
            fields,
        }
    }

    #[test]
    fn a_question_is_centrifugos() {
        let about = About::Rpc { method: "greet".into() };
        let body = ask(about.clone(), "{\"a\":1}").body(false).unwrap();
        let wanted = "{\"client\":\"c\",\"transport\":\"websocket\",\"protocol\":\"json\",\"encoding\":\"json\",\"user\":\"ann\",\
                      \"method\":\"greet\",\"data\":{\"a\":1}}";
        assert_eq!(body, wanted);
        assert!(ask(about.clone(), "no json").body(false).is_none());
        let body = ask(about, "\u{1}").body(true).unwrap();
        assert!(
            body.ends_with(b"\"encoding\":\"binary\",\"user\":\"ann\",\"method\":\"greet\",\"b64data\":\"AQ==\"}"),
            "{body:?}"
        );
    }

    #[test]
    fn an_answer_is_read() {
        let answer = "{\"result\":{\"user\":\"ann\",\"expire_at\":1010,\"b64info\":\"e30=\",\"data\":{\"x\":[1, 2]},\"channels\":[\"a\",\"b\"],\
                      \"subs\":{\"b\":{\"override\":{\"presence\":{\"value\":true}}}},\"caps\":null}}";
        let Told::Result(granted) = Told::read(answer.as_bytes(), 1_000) else { panic!() };
        assert!(granted.is_there && granted.user == "ann" && granted.left == Some(Duration::from_secs(10)));
        assert_eq!((&granted.info[..], granted.data.as_deref()), (&b"{}"[..], Some(&b"{\"x\":[1, 2]}"[..])));
        let names: Vec<_> = granted.channels.iter().map(|sub| sub.channel.as_str()).collect();
        assert_eq!((names, granted.channels[1].changes[0]), (vec!["a", "b"], Some(true)));
        let both = "{\"error\":{\"code\":1000},\"disconnect\":{\"code\":4500,\"reason\":\"no\"}}";
        assert_eq!(Told::read(both.as_bytes(), 0), Told::Disconnect { code: 4500, reason: "no".into() });
        let error = "{\"error\":{\"code\":1000,\"message\":\"m\",\"temporary\":true}}";
        assert_eq!(Told::read(error.as_bytes(), 0), Told::Error { code: 1000, message: "m".into(), temporary: true });
        assert!(matches!(Told::read(b"{}", 0), Told::Result(granted) if *granted == Granted::default()));
        for bad in ["", "[]", "{\"result\":1}", "{\"result\":{\"b64data\":\"*\"}}", "{\"result\":{}} x"] {
            assert_eq!(Told::read(bad.as_bytes(), 0), Told::Failed, "{bad}");
        }
        assert!(
            matches!(Told::read(b"{\"result\":{\"expire_at\":5}}", 10), Told::Result(granted) if granted.left == Some(Duration::ZERO))
        );
    }
}
