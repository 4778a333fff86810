//! Byte scripts: what a peer says, what it hears, and when; a file a topic.
#![allow(clippy::unwrap_used, reason = "these are tests, and so are the helpers")]
mod acks;
mod backlog;
mod close;
mod delivery;
mod desk;
mod drain;
mod event_stream;
mod flush;
mod heartbeat;
mod history;
mod keys;
mod limits;
mod listing;
mod long_poll;
mod order;
mod permissions;
mod pipeline;
mod policy;
mod presence;
mod protobuf;
mod publish;
mod request;
mod run;
mod session;
mod token;
