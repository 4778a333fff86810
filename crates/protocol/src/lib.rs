//! `protocol`: the client dialects. Payload to command, and reply and push to payload.
//!
//! Owns: the words of Centrifugo v6's client protocol ([`centrifugo`]), their encodings ([`centrifugo_json`],
//! [`centrifugo_protobuf`]) and one name for both ([`Encoding`]);
//! deltas of payloads ([`fossil`]); filters by tags ([`filter`]); the plain transports' bodies, positions and publish frames ([`plain`]); what an epoch looks like ([`epoch`]).
//! Never touches: frames and HTTP heads (`wire`), subjects and subscriptions (`hub`), time, I/O.
//! Driven by: `shard`, which hands in one message's payload and gets commands; encoders append to its buffer.
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::cast_possible_truncation)]
extern crate alloc;

pub mod centrifugo;
pub mod centrifugo_json;
pub mod centrifugo_protobuf;
mod commands;
mod encoding;
pub mod epoch;
pub mod filter;
pub mod fossil;
mod json;
pub mod plain;

pub use encoding::{Commands, DecodeError, Encoding};
pub use json::is_json;
