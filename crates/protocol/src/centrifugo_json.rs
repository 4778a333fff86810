//! Centrifugo's client protocol in JSON: a message holds commands, or replies and pushes, a line each.
//!
//! [`commands`] reads; every encoder appends one line without its line feed. Replies that leave together are joined by
//! one `\n`, with none after the last.
mod decode;
mod filter;
mod line;
mod push;
mod reply;
mod uplink;

pub use decode::{Commands, DecodeError, commands, connect_request};
pub use push::{
    PING, push_disconnect, push_join, push_leave, push_publication, push_refresh, push_subscribe, push_unsubscribe,
};
pub use reply::{
    reply_connect, reply_error, reply_history, reply_presence, reply_presence_stats, reply_publish, reply_refresh,
    reply_rpc, reply_sub_refresh, reply_subscribe, reply_told_error, reply_unsubscribe,
};
pub use uplink::uplink;
