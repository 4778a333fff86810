//! Centrifugo's client protocol in Protobuf: a message holds commands, or replies and pushes, each behind its length.
//!
//! [`commands`] reads, by prost. What leaves is written by hand, straight from borrowed parts into the buffer it is sent
//! from: prost writes only from messages that own all they say, so every payload would be copied twice. Tests hold both
//! against each other.
mod decode;
mod filter;
pub mod message;
mod push;
mod reply;
mod uplink;
mod writer;

pub use decode::{Commands, DecodeError, commands};
pub use push::{
    PING, push_disconnect, push_join, push_leave, push_publication, push_refresh, push_subscribe, push_unsubscribe,
};
pub use reply::{
    reply_connect, reply_error, reply_history, reply_presence, reply_presence_stats, reply_publish, reply_refresh,
    reply_rpc, reply_sub_refresh, reply_subscribe, reply_told_error, reply_unsubscribe,
};
pub use uplink::uplink;
