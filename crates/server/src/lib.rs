//! `server`: the assembly. Shards on pinned glommio executors, rings, listeners, mailboxes, the control plane beside them.
//!
//! Owns: threads, sockets, the turn loop ([`turn`](self)), the clock and the entropy, settings, start and drain.
//! Never touches: what bytes mean. It hands inputs to a shard and does what the shard asks.
//! Driven by: `main`, through [`run()`].
//!
//! A turn, in `turn`: completions become inputs · queued reads · mailboxes · commands · timers · the shard flushes · doorbells · one
//! system call submits and sleeps.
//!
//! Invariants:
//! - Nothing on a message's way takes a lock or waits: not for another shard, not for the control plane.
//! - A shard that has nothing to do and no timer uses no CPU at all.
//! - Time comes in at `clock`, randomness at `entropy`, and nowhere else.
#![warn(clippy::cast_possible_truncation)]

mod accept;
mod announce;
mod asks;
mod ban;
mod bans;
mod clock;
mod desk;
mod entropy;
mod error;
mod hand_over;
mod history;
mod hook_metrics;
mod hooks;
mod host;
mod key_fetch;
mod listing;
mod mesh;
mod order;
mod pid_file;
mod plane;
mod plane_thread;
mod port;
mod presence;
mod rate;
mod reload;
mod roster;
mod run;
mod seat;
pub mod settings;
mod shard_config;
mod slots;
mod tally;
mod tokens;
mod turn;
mod word;
mod world;

pub use clock::unix_seconds;
pub use error::StartError;
pub use host::{Guest, GuestList, Guests};
pub use key_fetch::verifiers_now;
pub use run::{Running, run, run_with};
pub use settings::Settings;

/// Most shards of a server.
pub const SHARDS_MAX: u16 = base::ShardId::COUNT_MAX;
pub use tally::Tally;
