//! `hook`: back ends. What happens on connections becomes HTTP requests to them, and their answers go back.
//!
//! Owns: the HTTP client and its pools, the order of each connection's requests, what waits for a back end, the ends that back ends have not
//! heard of yet.
//! Never touches: shards and sockets of clients. It takes [`Event`]s from a queue, and gives [`Reply`]s to whoever implements [`Shards`].
//! Driven by: [`Engine::serve`], a future for each shard's queue, on the control plane's runtime.
//!
//! Invariants:
//! - Each [`Event::Connect`] has one verdict and each [`Event::Message`] one outcome, within the time-outs.
//! - Of one connection, at most [`Settings::in_flight`] messages are in requests at a time, begun in their order, and its end is told after the last
//!   of them.
//! - Whatever waits is counted and bounded: messages by the shards and by [`Settings::waiting_max`], ends by [`Settings::ends_max`].
//! - A back end that is taken to be down is asked by one request at a time, now and then, until it answers.
//! - A client's bytes become a path's end, header values or a body, and nothing else: no line of a head, no other path, no other host.
#![forbid(unsafe_code)]

mod ask;
mod back_end;
mod circuit;
mod client;
mod engine;
mod event;
mod exchange;
mod figures;
mod governor;
mod grpc;
mod lanes;
mod line;
mod pool;
mod proxy;
mod settings;
mod shown;
mod strict;
mod target;
mod tls;
mod told;

pub use ask::{About, Ask};
pub use engine::{Condition, Engine, Shards};
pub use event::{End, Event, Message, Of, Outcome, Payload, Reply, Verdict};
pub use figures::{Figures, Meter};
pub use grpc::speaks_grpc;
pub use proxy::{ProxySettings, StatusMeans};
pub use settings::{Choice, CircuitSettings, OnFailure, OnFlood, OnOpen, Protocol, Settings, SettingsError};
pub use tls::{Identity, TlsSettings};
pub use told::{Granted, GrantedSub, KEY_BYTES_MAX, Said, Told};
