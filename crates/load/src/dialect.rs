//! What the load says to a server and what it understands of the answer: Ringcast's plain transport, or Centrifugo's protocol, in JSON or Protobuf.
use serde::{Deserialize, Serialize};

use crate::frame::{self, Opcode};

mod protobuf;

/// Bytes of a benchmark subject's name.
pub const SUBJECT_BYTES: usize = 16;

/// What subscribers speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// `GET /sub/<subject>` upgraded; a frame is a payload.
    #[default]
    Plain,
    /// `/connection/websocket`, JSON.
    Centrifugo,
    /// `/connection/websocket`, Protobuf.
    Protobuf,
}

/// How messages are published.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// The publish stream: `GET /pub` upgraded.
    Stream,
    /// `publish` commands of a Centrifugo client, JSON.
    Client,
    /// The same, Protobuf.
    Protobuf,
    /// `POST /api/publish`, Centrifugo's HTTP API.
    Api,
    /// `POST /pub/<subject>`.
    Post,
}

impl Via {
    /// True if publishing is WebSocket frames, false if it is HTTP requests.
    pub(crate) fn is_websocket(self) -> bool {
        match self {
            Self::Stream | Self::Client | Self::Protobuf => true,
            Self::Api | Self::Post => false,
        }
    }
}

/// Writes the name of subject `number`: "load." and eleven digits.
pub(crate) fn subject(number: u32) -> [u8; SUBJECT_BYTES] {
    let mut name = *b"load.00000000000";
    let mut rest = number;
    for digit in name[5..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    name
}

/// The name of subject `number` as text.
pub(crate) fn subject_text(number: u32) -> String {
    String::from_utf8_lossy(&subject(number)).into_owned()
}

impl Dialect {
    /// The path that a subscriber of subject `number` asks for.
    pub(crate) fn path(self, number: u32) -> String {
        match self {
            Self::Plain => format!("/sub/{}", subject_text(number)),
            Self::Centrifugo => "/connection/websocket".to_owned(),
            Self::Protobuf => PROTOBUF_PATH.to_owned(),
        }
    }

    /// True if an upgraded connection is not subscribed yet: it has to say [`Dialect::greet`] and wait for the reply.
    pub(crate) fn has_greeting(self) -> bool {
        match self {
            Self::Plain => false,
            Self::Centrifugo | Self::Protobuf => true,
        }
    }

    /// Appends the frame that connects and subscribes: both commands in one frame, in order.
    pub(crate) fn greet(self, out: &mut Vec<u8>, token: &str, number: u32, key: u32) {
        match self {
            Self::Plain => {}
            Self::Centrifugo => {
                let connect = json_connect(token);
                let text =
                    format!("{connect}\n{{\"id\":2,\"subscribe\":{{\"channel\":\"{}\"}}}}", subject_text(number));
                write_frame(out, Opcode::Text, key, text.as_bytes());
            }
            Self::Protobuf => {
                let commands = [protobuf::connect(token), protobuf::subscribe(&subject(number))].concat();
                write_frame(out, Opcode::Binary, key, &commands);
            }
        }
    }

    /// Appends the frame that answers the dialect's own ping.
    pub(crate) fn pong(self, out: &mut Vec<u8>, key: u32) {
        match self {
            Self::Plain => {}
            Self::Centrifugo => write_frame(out, Opcode::Text, key, JSON_PONG),
            Self::Protobuf => write_frame(out, Opcode::Binary, key, protobuf::PONG),
        }
    }

    /// Hands what a data frame carries to `each`, in order.
    #[inline]
    pub(crate) fn read<'a>(self, payload: &'a [u8], mut each: impl FnMut(Heard<'a>)) {
        match self {
            Self::Plain => each(Heard::Message(payload)),
            Self::Centrifugo => {
                for line in payload.split(|byte| *byte == b'\n') {
                    each(hear_json(line));
                }
            }
            Self::Protobuf => protobuf::read(payload, each),
        }
    }
}

/// One thing that a server said in a data frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heard<'a> {
    /// A publication's payload.
    Message(&'a [u8]),
    /// The dialect's own ping, to be answered by [`Dialect::pong`].
    Ping,
    /// The subscription is active.
    Subscribed,
    /// A publication is accepted.
    Published,
    /// A command was refused.
    Refused,
    /// Another reply, of no interest here.
    Other,
}

/// What asks for Protobuf.
const PROTOBUF_PATH: &str = "/connection/websocket?format=protobuf";

/// An empty command, which answers a ping.
const JSON_PONG: &[u8] = b"{}";

/// The command that connects, with a token unless it is empty. A token has no character that JSON would escape.
fn json_connect(token: &str) -> String {
    if token.is_empty() {
        "{\"id\":1,\"connect\":{}}".to_owned()
    } else {
        format!("{{\"id\":1,\"connect\":{{\"token\":\"{token}\"}}}}")
    }
}

fn write_frame(out: &mut Vec<u8>, opcode: Opcode, key: u32, payload: &[u8]) {
    frame::write(out, opcode, key, payload.len(), |out| out.extend_from_slice(payload));
}

fn hear_json(line: &[u8]) -> Heard<'_> {
    if line == b"{}" {
        return Heard::Ping;
    }
    // A publication's payload is alphanumeric here, so it ends at the next quote and no escape has to be undone.
    if line.starts_with(b"{\"push\"") {
        return match find(line, b"\"data\":\"") {
            Some(start) => {
                let text = &line[start..];
                Heard::Message(text.split(|byte| *byte == b'"').next().unwrap_or_default())
            }
            None => Heard::Other,
        };
    }
    if find(line, b"\"error\":").is_some() {
        return Heard::Refused;
    }
    if find(line, b"\"id\":2").is_some() && find(line, b"\"subscribe\":").is_some() {
        return Heard::Subscribed;
    }
    if find(line, b"\"publish\":").is_some() {
        return Heard::Published;
    }
    Heard::Other
}

/// Where the text after the first `needle` starts.
fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle).map(|at| at + needle.len())
}

impl Via {
    /// The path of the connection that is published over, if it is a WebSocket.
    pub(crate) fn path(self, ack: bool) -> Option<&'static str> {
        match self {
            Self::Stream if ack => Some("/pub?ack=1"),
            Self::Stream => Some("/pub"),
            Self::Client => Some("/connection/websocket"),
            Self::Protobuf => Some(PROTOBUF_PATH),
            Self::Api | Self::Post => None,
        }
    }

    /// The dialect that commands are in, if publishing is by commands.
    pub(crate) fn dialect(self) -> Option<Dialect> {
        match self {
            Self::Client => Some(Dialect::Centrifugo),
            Self::Protobuf => Some(Dialect::Protobuf),
            Self::Stream | Self::Api | Self::Post => None,
        }
    }

    /// Appends what has to be said before anything can be published.
    pub(crate) fn greet(self, out: &mut Vec<u8>, token: &str) {
        match self {
            Self::Client => write_frame(out, Opcode::Text, 1, json_connect(token).as_bytes()),
            Self::Protobuf => write_frame(out, Opcode::Binary, 1, &protobuf::connect(token)),
            Self::Stream | Self::Api | Self::Post => {}
        }
    }

    /// Appends one publication. `id` numbers commands, `key` masks.
    pub(crate) fn publish(
        self,
        out: &mut Vec<u8>,
        host: &Host<'_>,
        subject: &[u8; SUBJECT_BYTES],
        payload: &[u8],
        mark: Mark,
    ) {
        match self {
            Self::Stream => frame::write(out, Opcode::Binary, mark.key, 1 + SUBJECT_BYTES + payload.len(), |out| {
                out.push(SUBJECT_BYTES as u8);
                out.extend_from_slice(subject);
                out.extend_from_slice(payload);
            }),
            Self::Client => {
                let head = format!("{{\"id\":{},\"publish\":{{\"channel\":\"", mark.id);
                let length = head.len() + SUBJECT_BYTES + JSON_MIDDLE.len() + payload.len() + CLIENT_END.len();
                frame::write(out, Opcode::Text, mark.key, length, |out| {
                    for piece in [head.as_bytes(), subject, JSON_MIDDLE, payload, CLIENT_END] {
                        out.extend_from_slice(piece);
                    }
                });
            }
            Self::Protobuf => {
                write_frame(out, Opcode::Binary, mark.key, &protobuf::publish(mark.id, subject, payload));
            }
            Self::Api => {
                let length = API_START.len() + SUBJECT_BYTES + JSON_MIDDLE.len() + payload.len() + API_END.len();
                host.post(out, "/api/publish", "application/json", length);
                for piece in [API_START, subject, JSON_MIDDLE, payload, API_END] {
                    out.extend_from_slice(piece);
                }
            }
            Self::Post => {
                let path = format!("/pub/{}", String::from_utf8_lossy(subject));
                host.post(out, &path, "text/plain", payload.len());
                out.extend_from_slice(payload);
            }
        }
    }
}

const JSON_MIDDLE: &[u8] = b"\",\"data\":\"";
const CLIENT_END: &[u8] = b"\"}}";
const API_START: &[u8] = b"{\"channel\":\"";
const API_END: &[u8] = b"\"}";

/// What tells one publication from the next on the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    /// The command's number, from 1.
    pub(crate) id: u64,
    /// The frame's mask.
    pub(crate) key: u32,
}

/// Whom HTTP requests are addressed to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host<'a> {
    /// The `Host` field.
    pub(crate) name: &'a str,
    /// The `X-API-Key` field; empty: none.
    pub(crate) api_key: &'a str,
}

impl Host<'_> {
    /// Appends the head of a POST request with a body of `length` bytes.
    pub(crate) fn post(&self, out: &mut Vec<u8>, path: &str, content_type: &str, length: usize) {
        let key = if self.api_key.is_empty() { String::new() } else { format!("X-API-Key: {}\r\n", self.api_key) };
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\n{key}Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n",
            self.name
        );
        out.extend_from_slice(head.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(payload: &[u8]) -> Vec<Heard<'_>> {
        let mut all = Vec::new();
        Dialect::Centrifugo.read(payload, |heard| all.push(heard));
        all
    }

    #[test]
    fn a_subject_is_sixteen_bytes() {
        assert_eq!(&subject(0), b"load.00000000000");
        assert_eq!(subject_text(19_000), "load.00000019000");
        assert_eq!(subject_text(u32::MAX), "load.04294967295");
    }

    #[test]
    fn centrifugo_replies_and_pushes_are_told_apart() {
        let connected = br#"{"id":1,"connect":{"client":"x","version":"6","ping":25,"pong":true}}"#;
        let subscribed = br#"{"id":2,"subscribe":{"recoverable":true}}"#;
        assert_eq!(heard(&[&connected[..], subscribed].join(&b'\n')), [Heard::Other, Heard::Subscribed]);
        assert_eq!(heard(b"{}"), [Heard::Ping]);
        assert_eq!(heard(br#"{"id":2,"error":{"code":103,"message":"permission denied"}}"#), [Heard::Refused]);
        let push = br#"{"push":{"channel":"load.00000000001","pub":{"data":"abc123","offset":4}}}"#;
        assert_eq!(heard(push), [Heard::Message(b"abc123")]);
        assert_eq!(heard(br#"{"push":{"channel":"x","join":{}}}"#), [Heard::Other]);
    }

    #[test]
    fn what_is_published_is_valid_json() {
        let mark = Mark { id: 7, key: 0 };
        let host = Host { name: "h", api_key: "secret" };
        let mut out = Vec::new();
        Via::Client.publish(&mut out, &host, &subject(3), b"abc", mark);
        let json: serde_json::Value = serde_json::from_slice(&out[6..]).unwrap();
        assert_eq!(json, serde_json::json!({"id": 7, "publish": {"channel": "load.00000000003", "data": "abc"}}));
        out.clear();
        Via::Api.publish(&mut out, &host, &subject(3), b"abc", mark);
        let text = String::from_utf8(out).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("X-API-Key: secret\r\n"));
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
