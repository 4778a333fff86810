//! A client that speaks either encoding, so that a script is run in both: what it says and hears are JSON values. The Protobuf side is a codec of
//! its own, by the numbers of the protocol page (section 2), that shares nothing with the one that is tested.
use base::ConnId;
use serde_json::{Map, Value};

use crate::desk::{Desk, frame};
use Kind::{Bytes, Flag, List, MapOf, Message, Number, Text};

/// The type of a field.
pub(crate) enum Kind {
    Number,
    Flag,
    Text,
    /// JSON text within JSON; in Protobuf any bytes.
    Bytes,
    Message(&'static Fields),
    List(&'static Kind),
    MapOf(&'static Kind),
}

/// The fields of a message: number, name, type.
pub(crate) type Fields = [(u64, &'static str, Kind)];

static NOTHING: &Fields = &[];
static CHANNEL: &Fields = &[(1, "channel", Text)];
/// It names itself, so it is no reference.
static FILTER: [(u64, &str, Kind); 6] = [
    (1, "op", Text),
    (2, "key", Text),
    (3, "cmp", Text),
    (4, "val", Text),
    (5, "vals", List(&Text)),
    (6, "nodes", List(&Message(&FILTER))),
];
static SUBSCRIBE: &Fields = &[
    (1, "channel", Text),
    (2, "token", Text),
    (3, "recover", Flag),
    (6, "epoch", Text),
    (7, "offset", Number),
    (8, "data", Bytes),
    (9, "positioned", Flag),
    (10, "recoverable", Flag),
    (11, "join_leave", Flag),
    (12, "delta", Text),
    (13, "tf", Message(&FILTER)),
    (14, "flag", Number),
    (15, "type", Number),
];
static CONNECT: &Fields = &[
    (1, "token", Text),
    (2, "data", Bytes),
    (3, "subs", MapOf(&Message(SUBSCRIBE))),
    (4, "name", Text),
    (5, "version", Text),
    (6, "headers", MapOf(&Text)),
    (7, "flag", Number),
];
static HISTORY: &Fields = &[
    (1, "channel", Text),
    (7, "limit", Number),
    (8, "since", Message(&[(1, "offset", Number), (2, "epoch", Text)])),
    (9, "reverse", Flag),
];
static COMMAND: &Fields = &[
    (1, "id", Number),
    (4, "connect", Message(CONNECT)),
    (5, "subscribe", Message(SUBSCRIBE)),
    (6, "unsubscribe", Message(CHANNEL)),
    (7, "publish", Message(&[(1, "channel", Text), (2, "data", Bytes)])),
    (8, "presence", Message(CHANNEL)),
    (9, "presence_stats", Message(CHANNEL)),
    (10, "history", Message(HISTORY)),
    (11, "ping", Message(NOTHING)),
    (12, "send", Message(&[(1, "data", Bytes)])),
    (13, "rpc", Message(&[(1, "data", Bytes), (2, "method", Text)])),
    (14, "refresh", Message(&[(1, "token", Text)])),
    (15, "sub_refresh", Message(&[(1, "channel", Text), (2, "token", Text)])),
];
static INFO: &Fields = &[(1, "user", Text), (2, "client", Text), (3, "conn_info", Bytes), (4, "chan_info", Bytes)];
static PUBLICATION: &Fields = &[
    (4, "data", Bytes),
    (5, "info", Message(INFO)),
    (6, "offset", Number),
    (7, "tags", MapOf(&Text)),
    (8, "delta", Flag),
    (10, "channel", Text),
    (14, "epoch", Text),
    (16, "version", Number),
];
static SUBSCRIBED: &Fields = &[
    (1, "expires", Flag),
    (2, "ttl", Number),
    (3, "recoverable", Flag),
    (6, "epoch", Text),
    (7, "publications", List(&Message(PUBLICATION))),
    (8, "recovered", Flag),
    (9, "offset", Number),
    (10, "positioned", Flag),
    (11, "data", Bytes),
    (12, "was_recovering", Flag),
    (13, "delta", Flag),
];
static CONNECTED: &Fields = &[
    (1, "client", Text),
    (2, "version", Text),
    (3, "expires", Flag),
    (4, "ttl", Number),
    (5, "data", Bytes),
    (6, "subs", MapOf(&Message(SUBSCRIBED))),
    (7, "ping", Number),
    (8, "pong", Flag),
    (9, "session", Text),
    (10, "node", Text),
    (11, "time", Number),
];
static PUSH: &Fields = &[
    (2, "channel", Text),
    (4, "pub", Message(PUBLICATION)),
    (5, "join", Message(&[(1, "info", Message(INFO))])),
    (6, "leave", Message(&[(1, "info", Message(INFO))])),
    (7, "unsubscribe", Message(&[(2, "code", Number), (3, "reason", Text)])),
    (
        9,
        "subscribe",
        Message(&[
            (1, "recoverable", Flag),
            (4, "epoch", Text),
            (5, "offset", Number),
            (6, "positioned", Flag),
            (7, "data", Bytes),
        ]),
    ),
    (11, "disconnect", Message(&[(1, "code", Number), (2, "reason", Text)])),
    (12, "refresh", Message(&[(1, "expires", Flag), (2, "ttl", Number)])),
];
static REPLY: &Fields = &[
    (1, "id", Number),
    (2, "error", Message(&[(1, "code", Number), (2, "message", Text), (3, "temporary", Flag)])),
    (4, "push", Message(PUSH)),
    (5, "connect", Message(CONNECTED)),
    (6, "subscribe", Message(SUBSCRIBED)),
    (7, "unsubscribe", Message(NOTHING)),
    (8, "publish", Message(NOTHING)),
    (9, "presence", Message(&[(1, "presence", MapOf(&Message(INFO)))])),
    (10, "presence_stats", Message(&[(1, "num_clients", Number), (2, "num_users", Number)])),
    (
        11,
        "history",
        Message(&[(1, "publications", List(&Message(PUBLICATION))), (2, "epoch", Text), (3, "offset", Number)]),
    ),
    (13, "rpc", Message(&[(1, "data", Bytes)])),
    (14, "refresh", Message(&[(3, "expires", Flag), (4, "ttl", Number)])),
    (15, "sub_refresh", Message(&[(1, "expires", Flag), (2, "ttl", Number)])),
];

/// What a client speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Spoken {
    Json,
    Protobuf,
}

/// Both of them.
pub(crate) const BOTH: [Spoken; 2] = [Spoken::Json, Spoken::Protobuf];

impl Spoken {
    /// A WebSocket that has not connected yet.
    pub(crate) fn open(self, desk: &mut Desk) -> ConnId {
        desk.open(match self {
            Self::Json => "/connection/websocket",
            Self::Protobuf => "/connection/websocket?format=protobuf",
        })
    }

    /// These commands in one frame; what comes back.
    pub(crate) fn say(self, desk: &mut Desk, conn: ConnId, commands: &[Value]) -> Vec<Value> {
        let heard = desk.say(conn, self.frame(commands));
        self.heard(&heard)
    }

    /// One command; the one reply to it. Pushes beside it are dropped.
    pub(crate) fn ask(self, desk: &mut Desk, conn: ConnId, command: Value) -> Value {
        let id = command["id"].clone();
        let mut replies = self.say(desk, conn, &[command]);
        replies.retain(|reply| reply.get("id") == Some(&id));
        assert_eq!(replies.len(), 1, "{self:?} {replies:?}");
        replies.remove(0)
    }

    /// These commands as one frame.
    pub(crate) fn frame(self, commands: &[Value]) -> Vec<u8> {
        match self {
            Self::Json => frame(0x81, commands.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")),
            Self::Protobuf => {
                frame(0x82, commands.iter().flat_map(|command| delimited(COMMAND, command)).collect::<Vec<_>>())
            }
        }
    }

    /// What has come over the connection since the last time.
    pub(crate) fn hear(self, desk: &mut Desk, conn: ConnId) -> Vec<Value> {
        let heard = desk.hear(conn);
        self.heard(&heard)
    }

    /// All replies in these frames; a close frame is `{"close": code, "reason": text}`.
    pub(crate) fn heard(self, mut bytes: &[u8]) -> Vec<Value> {
        let mut all = Vec::new();
        while let [first, length, ..] = *bytes {
            let (start, length) = match length {
                126 => (4, usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
                short => (2, usize::from(short)),
            };
            let payload = &bytes[start..start + length];
            bytes = &bytes[start + length..];
            match (first, self) {
                (0x88, _) => {
                    let code = u16::from_be_bytes([payload[0], payload[1]]);
                    all.push(serde_json::json!({ "close": code, "reason": String::from_utf8_lossy(&payload[2..]) }));
                }
                (0x81, Self::Json) => {
                    let lines = core::str::from_utf8(payload).unwrap().split('\n');
                    all.extend(lines.map(|line| serde_json::from_str::<Value>(line).unwrap()));
                }
                (0x82, Self::Protobuf) => {
                    let mut rest = payload;
                    while !rest.is_empty() {
                        let (length, after) = varint(rest);
                        let (message, after) = after.split_at(usize::try_from(length).unwrap());
                        all.push(decode(REPLY, message));
                        rest = after;
                    }
                }
                _ => panic!("{self:?} can't be told {first:#x}"),
            }
        }
        all
    }

    /// A session; `token` as the tests read them, or empty.
    pub(crate) fn connected(self, desk: &mut Desk, token: &str) -> ConnId {
        let conn = self.open(desk);
        let reply = self.ask(desk, conn, serde_json::json!({"id": 1, "connect": {"token": token}}));
        assert_eq!(reply["connect"]["client"].as_str().map(str::len), Some(36), "{reply}");
        conn
    }
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap());
}

fn put_bytes(out: &mut Vec<u8>, tag: u64, bytes: &[u8]) {
    put(out, tag << 3 | 2);
    put(out, bytes.len() as u64);
    out.extend(bytes);
}

/// A message behind its length.
pub(crate) fn delimited(fields: &Fields, value: &Value) -> Vec<u8> {
    let message = encode(fields, value);
    let mut out = Vec::new();
    put(&mut out, message.len() as u64);
    out.extend(message);
    out
}

fn encode(fields: &Fields, value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in value.as_object().unwrap() {
        let (tag, _, kind) = fields.iter().find(|field| field.1 == name).unwrap_or_else(|| panic!("no field {name}"));
        encode_one(&mut out, *tag, kind, value);
    }
    out
}

fn encode_one(out: &mut Vec<u8>, tag: u64, kind: &Kind, value: &Value) {
    match kind {
        Number | Flag => {
            let number = value.as_bool().map_or_else(|| value.as_i64().unwrap().cast_unsigned(), u64::from);
            put(out, tag << 3);
            put(out, number);
        }
        Text => put_bytes(out, tag, value.as_str().unwrap().as_bytes()),
        Bytes => put_bytes(out, tag, value.to_string().as_bytes()),
        Message(fields) => put_bytes(out, tag, &encode(fields, value)),
        List(kind) => value.as_array().unwrap().iter().for_each(|one| encode_one(out, tag, kind, one)),
        MapOf(kind) => {
            for (key, value) in value.as_object().unwrap() {
                let mut entry = Vec::new();
                put_bytes(&mut entry, 1, key.as_bytes());
                encode_one(&mut entry, 2, kind, value);
                put_bytes(out, tag, &entry);
            }
        }
    }
}

fn varint(bytes: &[u8]) -> (u64, &[u8]) {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let number = bytes[..length].iter().rev().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f));
    (number, &bytes[length..])
}

fn decode(fields: &Fields, mut bytes: &[u8]) -> Value {
    let mut all = Map::new();
    while !bytes.is_empty() {
        let (key, after) = varint(bytes);
        let (_, name, kind) =
            fields.iter().find(|field| field.0 == key >> 3).unwrap_or_else(|| panic!("no field {}", key >> 3));
        let name = (*name).to_owned();
        if key & 7 == 0 {
            let (number, after) = varint(after);
            bytes = after;
            all.insert(name, if matches!(kind, Flag) { (number == 1).into() } else { number.into() });
            continue;
        }
        let (length, after) = varint(after);
        let (field, after) = after.split_at(usize::try_from(length).unwrap());
        bytes = after;
        match kind {
            List(kind) => {
                let Value::Array(list) = all.entry(name).or_insert_with(|| Value::Array(Vec::new())) else {
                    unreachable!("a list");
                };
                list.push(decode_one(kind, field));
            }
            MapOf(kind) => {
                let (length, rest) = varint(&field[1..]);
                let (key, rest) = rest.split_at(usize::try_from(length).unwrap());
                let value = if rest.is_empty() { &[][..] } else { varint(&rest[1..]).1 };
                all.entry(name).or_insert_with(|| Value::Object(Map::new()))[&String::from_utf8_lossy(key)[..]] =
                    decode_one(kind, value);
            }
            Number | Flag | Text | Bytes | Message(_) => {
                all.insert(name, decode_one(kind, field));
            }
        }
    }
    Value::Object(all)
}

fn decode_one(kind: &Kind, field: &[u8]) -> Value {
    match kind {
        Text => core::str::from_utf8(field).unwrap().into(),
        // Bytes that are no JSON are told as numbers.
        Bytes => serde_json::from_slice(field).unwrap_or_else(|_| field.into()),
        Message(fields) => decode(fields, field),
        Number | Flag | List(_) | MapOf(_) => unreachable!("no field by itself"),
    }
}
