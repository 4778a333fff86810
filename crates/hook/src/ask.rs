//! What a back end is asked about Centrifugo clients: the JSON of the event proxies (protocol page, section 6).
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::Of;
use crate::figures::Purpose;

/// A question about a client.
#[derive(Debug)]
pub struct Ask {
    /// Which connection.
    pub of: Of,
    /// The proxy's name.
    pub proxy: Arc<str>,
    /// Tells the question from others about the connection: the reply has it too.
    pub number: u32,
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
    /// What it has said in its `connect` in place of some.
    pub emulated: Vec<(Box<str>, Box<[u8]>)>,
    /// Its meta, JSON text, if it has one.
    pub meta: Option<Arc<[u8]>>,
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
    /// Whether it may stay connected, its time being over.
    Refresh,
    /// Whether it may stay subscribed, its time there being over.
    SubRefresh {
        /// To what.
        channel: String,
    },
    /// Whether it may publish.
    Publish {
        /// Where.
        channel: String,
    },
}

#[derive(Serialize)]
struct Body<'a> {
    client: &'a str,
    transport: &'static str,
    protocol: &'static str,
    encoding: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<&'a RawValue>,
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

impl About {
    /// What the request is for, in the figures.
    pub(crate) const fn purpose(&self) -> Purpose {
        match self {
            Self::Connect { .. } => Purpose::Connect,
            Self::Subscribe { .. } => Purpose::Subscribe,
            Self::Publish { .. } => Purpose::Publish,
            Self::Rpc { .. } => Purpose::Rpc,
            Self::Refresh => Purpose::Refresh,
            Self::SubRefresh { .. } => Purpose::SubRefresh,
        }
    }
}

impl Ask {
    /// The body of the request, with the client's meta if that is wanted; `None` if the client's data can't be said as JSON, and
    /// `is_binary` does not say it otherwise.
    pub(crate) fn body(&self, is_binary: bool, wants_meta: bool) -> Option<Bytes> {
        let meta = self.meta.as_deref().filter(|_| wants_meta);
        let mut body = Body {
            client: &self.client,
            transport: self.transport,
            protocol: self.protocol,
            encoding: if is_binary { "binary" } else { "json" },
            user: self.user.as_deref(),
            meta: meta.and_then(|meta| serde_json::from_slice(meta).ok()),
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
            About::Refresh => {}
            About::Subscribe { channel } | About::Publish { channel } | About::SubRefresh { channel } => {
                body.channel = channel;
            }
        }
        if is_binary {
            body.b64data = Some(STANDARD.encode(&self.data)).filter(|data| !data.is_empty());
        } else if !self.data.is_empty() {
            body.data = Some(serde_json::from_slice(&self.data).ok()?);
        }
        serde_json::to_vec(&body).ok().map(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(about: About, data: &str) -> Ask {
        let of = Of { shard: 0, conn: 1, generation: 1 };
        let user = Some("ann".into());
        let meta = Some(Arc::from(*b"{\"m\": 1}"));
        Ask {
            of,
            proxy: "p".into(),
            number: 0,
            client: "c".into(),
            transport: "websocket",
            protocol: "json",
            user,
            about,
            data: data.into(),
            fields: Vec::new(),
            emulated: Vec::new(),
            meta,
        }
    }

    #[test]
    fn a_question_is_centrifugos() {
        let about = About::Rpc { method: "greet".into() };
        let body = ask(about.clone(), "{\"a\":1}").body(false, false).unwrap();
        let wanted = "{\"client\":\"c\",\"transport\":\"websocket\",\"protocol\":\"json\",\"encoding\":\"json\",\"user\":\"ann\",\
                      \"method\":\"greet\",\"data\":{\"a\":1}}";
        assert_eq!(body, wanted);
        assert!(ask(about.clone(), "no json").body(false, false).is_none());
        let body = ask(about, "\u{1}").body(true, true).unwrap();
        assert!(
            body.ends_with(b"\"encoding\":\"binary\",\"user\":\"ann\",\"meta\":{\"m\": 1},\"method\":\"greet\",\"b64data\":\"AQ==\"}"),
            "{body:?}"
        );
    }
}
