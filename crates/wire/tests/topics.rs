//! What the RFCs demand, as scripts of bytes in and events out. One module a topic.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod body;
mod chunks;
mod close;
mod control;
mod deflate;
mod event_stream;
mod feed;
mod fragments;
mod framing;
mod head;
mod memory;
mod naive;
mod response;
mod tungstenite;
mod twin;
mod upgrade;
mod utf8;
