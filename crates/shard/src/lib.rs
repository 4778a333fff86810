//! `shard`: one core's whole machine, without the world.
//!
//! Owns: connections and what is lent to them, sessions, outboxes, this core's ends of the mailboxes, timers.
//! Never touches: syscalls, threads, a clock, entropy, keys, `async`. It asks the world through [`Effects`].
//! Driven by: `server` with the ring, `sim` with a virtual network. Hand in [`Input`]s with [`Shard::handle`], in any number;
//! call [`Shard::handle_timeout`] when [`Shard::next_timeout`] has come; end the turn with [`Shard::finish_turn`].
//!
//! A publication's way, a file a verb: *accept* `shard` · *handshake* `handshake` · *decode* `decode` · *route* `route` · *hop* `hop` ·
//! *encode* `encode` · *send* `send`; what only one verb needs is in its folder. Off that corridor, a folder each:
//! - `request`: what a request's head asks for.
//! - `conn`: the life of a connection, from its row to its end.
//! - `plain`: those who publish and listen without an SDK.
//! - `centrifugo`: sessions of Centrifugo's protocol, their commands and what is asked for them.
//! - `client`: who these clients are, and what they may; `admission`: how many of them, and how often.
//! - `proxy`: back ends that are asked about them; `hook`: connections whose life is a back end's.
//!
//! Invariants:
//! - A quiet connection is its row, its subscription and its subject, and nothing else.
//! - Per subject and subscriber, publications leave in the order of their offsets; between the answer to a join and the end
//!   of the subscription none is missing, unless an outbox policy dropped it and counted it.
//! - Whatever can't be handled yet is kept at most once, and the peer is not read meanwhile.
//! - A shard that is over its bound of waiting parcels takes no request; deliveries it always takes.
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::cast_possible_truncation)]
extern crate alloc;

mod admission;
mod border;
mod centrifugo;
mod client;
mod command;
mod config;
mod conn;
mod decode;
mod encode;
mod handshake;
mod hook;
mod hop;
pub mod limits;
mod plain;
mod proxy;
mod report;
mod request;
mod route;
mod send;
mod shard;

pub use admission::{
    BUCKETS_MAX, BUCKETS_MIN, BUCKETS_OF_COMMAND_MAX, EMISSION_MIN, Gate, INTERVAL_MAX, Layer, Meter, Metered,
    Overrides, Rate, Rates, Roster, TimeOfDay, Whose,
};
pub use border::{Close, Effects, End, Frame, Input, Sent};
pub use centrifugo::{
    CodeToDisconnect, CodeToStatus, Dialect, Endpoint, Endpoints, Farewell, Order, Origins, PresenceError,
    RefusalCodes, Roll, Subscription, Whom, epoch_of,
};
pub use client::{Blocks, Token, TokenError, TokenKind, TokenSub, TokenVerifier, Tokens, to_carry as may_carry};
pub use command::{Answer, Command, Ticket};
pub use config::{Admission, Compression, Heartbeat, Limits, Outbox, Personal, ShardConfig};
pub use conn::Transport;
pub use hook::{
    Duplicates, EndedBy, Ending, FORWARDED_FOR, Holder, Hook, HookConn, HookDelivery, HookEvent, HookReply,
    HookRequest, Outcome, Overflow, Pushed, Verdict, address_parts,
};
pub use hop::{Lane, Parcel, Receipt, Recovery, Waiter};
pub use proxy::{About, Ask, Calls, Field, Granted, Methods, Proxies, ProxyName, Said, Told};
pub use report::{Holdings, Refusal, Report};
pub use shard::Shard;
