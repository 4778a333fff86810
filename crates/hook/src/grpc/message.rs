//! The messages as prost knows them: package `centrifugal.centrifugo.proxy` of Centrifugo v6. Fields that are not here are read over, and
//! never sent. What a question about anything has is [`Common`], and the rest is written behind it: that is one message.
//! Names are the protocol's; what they mean is said in [`crate::Ask`] and [`crate::Granted`].
use std::collections::BTreeMap;

use hyper::body::Bytes;
use prost::Message;

// ---- questions ----

#[derive(Clone, PartialEq, Message)]
pub(super) struct Common {
    #[prost(string, tag = "1")]
    pub client: String,
    #[prost(string, tag = "2")]
    pub transport: String,
    #[prost(string, tag = "3")]
    pub protocol: String,
    #[prost(string, tag = "4")]
    pub encoding: String,
    /// Empty in a question about a connect, where the number is that of the data.
    #[prost(string, tag = "10")]
    pub user: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Connect {
    #[prost(bytes = "vec", tag = "10")]
    pub data: Vec<u8>,
    #[prost(string, tag = "11")]
    pub b64data: String,
    #[prost(string, tag = "12")]
    pub name: String,
    #[prost(string, tag = "13")]
    pub version: String,
    #[prost(string, repeated, tag = "14")]
    pub channels: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Refresh {
    #[prost(bytes = "vec", tag = "11")]
    pub meta: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Subscribe {
    #[prost(string, tag = "11")]
    pub channel: String,
    #[prost(bytes = "vec", tag = "13")]
    pub meta: Vec<u8>,
    #[prost(bytes = "vec", tag = "14")]
    pub data: Vec<u8>,
    #[prost(string, tag = "15")]
    pub b64data: String,
}

/// A `PublishRequest`, and an `RPCRequest`, which has the method where the channel is.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Publish {
    #[prost(string, tag = "11")]
    pub channel: String,
    #[prost(bytes = "vec", tag = "12")]
    pub data: Vec<u8>,
    #[prost(string, tag = "13")]
    pub b64data: String,
    #[prost(bytes = "vec", tag = "14")]
    pub meta: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SubRefresh {
    #[prost(string, tag = "11")]
    pub channel: String,
    #[prost(bytes = "vec", tag = "12")]
    pub meta: Vec<u8>,
}

// ---- answers ----

/// The answer to any question.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Response {
    /// A message that depends on the question.
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub result: Option<Bytes>,
    #[prost(message, optional, tag = "2")]
    pub error: Option<Error>,
    #[prost(message, optional, tag = "3")]
    pub disconnect: Option<Disconnect>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Error {
    #[prost(uint32, tag = "1")]
    pub code: u32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(bool, tag = "3")]
    pub temporary: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Disconnect {
    #[prost(uint32, tag = "1")]
    pub code: u32,
    #[prost(string, tag = "2")]
    pub reason: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ConnectResult {
    #[prost(string, tag = "1")]
    pub user: String,
    #[prost(int64, tag = "2")]
    pub expire_at: i64,
    #[prost(bytes = "vec", tag = "3")]
    pub info: Vec<u8>,
    #[prost(string, tag = "4")]
    pub b64info: String,
    #[prost(bytes = "vec", tag = "5")]
    pub data: Vec<u8>,
    #[prost(string, tag = "6")]
    pub b64data: String,
    #[prost(string, repeated, tag = "7")]
    pub channels: Vec<String>,
    #[prost(btree_map = "string, message", tag = "8")]
    pub subs: BTreeMap<String, SubscribeResult>,
    #[prost(bytes = "vec", tag = "9")]
    pub meta: Vec<u8>,
}

/// A `RefreshResult`, and a `SubRefreshResult`, which is the same without a meta.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RefreshResult {
    #[prost(bool, tag = "1")]
    pub expired: bool,
    #[prost(int64, tag = "2")]
    pub expire_at: i64,
    #[prost(bytes = "vec", tag = "3")]
    pub info: Vec<u8>,
    #[prost(string, tag = "4")]
    pub b64info: String,
    #[prost(bytes = "vec", tag = "5")]
    pub meta: Vec<u8>,
}

/// A `SubscribeResult`, and the `SubscribeOptions` of a [`ConnectResult`], which begin alike.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SubscribeResult {
    #[prost(int64, tag = "1")]
    pub expire_at: i64,
    #[prost(bytes = "vec", tag = "2")]
    pub info: Vec<u8>,
    #[prost(string, tag = "3")]
    pub b64info: String,
    #[prost(bytes = "vec", tag = "4")]
    pub data: Vec<u8>,
    #[prost(string, tag = "5")]
    pub b64data: String,
    #[prost(message, optional, tag = "6")]
    pub changes: Option<Changes>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Changes {
    #[prost(message, optional, tag = "1")]
    pub presence: Option<Flag>,
    #[prost(message, optional, tag = "2")]
    pub join_leave: Option<Flag>,
    #[prost(message, optional, tag = "3")]
    pub force_recovery: Option<Flag>,
    #[prost(message, optional, tag = "4")]
    pub force_positioning: Option<Flag>,
    #[prost(message, optional, tag = "5")]
    pub force_push_join_leave: Option<Flag>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Flag {
    #[prost(bool, tag = "1")]
    pub value: bool,
}

/// A `PublishResult`, and an `RPCResult`, which has its first two fields only.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PublishResult {
    #[prost(bytes = "vec", tag = "1")]
    pub data: Vec<u8>,
    #[prost(string, tag = "2")]
    pub b64data: String,
    #[prost(bool, tag = "3")]
    pub skip_history: bool,
    #[prost(btree_map = "string, string", tag = "4")]
    pub tags: BTreeMap<String, String>,
    #[prost(string, tag = "5")]
    pub idempotency_key: String,
    #[prost(bool, tag = "6")]
    pub delta: bool,
    #[prost(uint64, tag = "7")]
    pub version: u64,
    #[prost(string, tag = "8")]
    pub version_epoch: String,
}
