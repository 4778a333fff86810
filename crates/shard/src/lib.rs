//! `shard`: one core's whole machine, without the world.
//!
//! Owns: connections and what is lent to them, sessions, outboxes, this core's ends of the mailboxes, timers.
//! Never touches: syscalls, threads, a clock, entropy, keys, `async`. It asks the world through [`Effects`].
//! Driven by: `server` with the ring, `sim` with a virtual network. Hand in [`Input`]s with [`Shard::handle`], in any number;
//! call [`Shard::handle_timeout`] when [`Shard::next_timeout`] has come; end the turn with [`Shard::finish_turn`].
//!
//! A publication's way, a file a verb: *accept* `shard` · *handshake* `handshake`, `request` · *decode* `decode` · *route*
//! `route` · *hop* `hop`, `parcel` · *encode* `encode` · *send* `send`. Off that corridor are the rooms of those who
//! publish (`publisher`), listen (`listen`) and speak Centrifugo (`centrifugo`, how: `dialect`, compressed: `deflate`, over what but a WebSocket: `stream` and `uplink`, one way only: `uni`, and who they are: `credentials`, `identity`, `session`, `presence`, `join_leave`, `server_side`, `claim`), and of those whose life a back end decides about (`hook`); `heartbeat` and `closing` are everyone's.
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

mod ban;
mod border;
mod caps;
mod centrifugo;
mod claim;
mod closing;
mod command;
mod config;
mod conn;
mod connect;
mod credentials;
mod decode;
mod deflate;
mod delta;
mod dialect;
mod encode;
mod endpoints;
mod excerpt;
mod fields;
mod filters;
mod flush;
mod gate;
mod handshake;
mod heartbeat;
mod hook;
mod hop;
mod identity;
mod join_leave;
pub mod limits;
mod listen;
mod meter;
mod order;
mod overrides;
mod pace;
mod parcel;
mod permission;
mod presence;
mod proxy;
mod publisher;
mod rates;
mod refusal_codes;
mod report;
mod request;
mod roster;
mod route;
mod run;
mod send;
mod server_side;
mod session;
mod shard;
mod stream;
mod token;
mod uni;
mod uplink;
mod wildcard;

pub use ban::Blocks;
pub use border::{Close, Effects, End, Frame, Input, Sent};
pub use command::{Answer, Command, Ticket};
pub use config::{Admission, Compression, Heartbeat, Limits, Outbox, Personal, ShardConfig};
pub use dialect::Dialect;
pub use endpoints::{Endpoint, Endpoints, Farewell, Origins};
pub use excerpt::epoch_of;
pub use gate::Gate;
pub use hook::{
    Duplicates, EndedBy, Ending, FORWARDED_FOR, Holder, Hook, HookConn, HookDelivery, HookEvent, HookReply,
    HookRequest, Outcome, Overflow, Pushed, Verdict, address_parts,
};
pub use meter::{BUCKETS_MAX, BUCKETS_MIN, EMISSION_MIN, INTERVAL_MAX, Meter, Rate};
pub use order::{Order, Subscription, Whom};
pub use overrides::Overrides;
pub use parcel::{Lane, Parcel, Receipt, Recovery, Waiter};
pub use permission::to_carry as may_carry;
pub use presence::{PresenceError, Roll};
pub use proxy::{About, Ask, Calls, Field, Granted, Methods, Proxies, ProxyName, Said, Told};
pub use rates::{BUCKETS_OF_COMMAND_MAX, Layer, Metered, Rates, Whose};
pub use refusal_codes::{CodeToDisconnect, CodeToStatus, RefusalCodes};
pub use report::{Holdings, Refusal, Report, Transport};
pub use roster::{Roster, TimeOfDay};
pub use shard::Shard;
pub use token::{Token, TokenError, TokenKind, TokenSub, TokenVerifier, Tokens};
