//! `base`: the words every other room speaks.
//!
//! Owns: ids, the monotonic [`Instant`], the keyed [`SubjectKey`] hash, [`Sealed`] places, the seeded [`Prng`], the
//! chunked [`Table`] and [`Slab`], the timer [`Wheel`], byte units, the [`Object`] that nothing else passes for.
//! Never touches: a clock, entropy, I/O. Time and seeds come in as arguments.
//! Driven by: everyone.
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::cast_possible_truncation)]
extern crate alloc;

mod hash;
mod id;
mod object;
mod random;
mod seal;
mod table;
mod time;
pub mod units;
mod wheel;

pub use hash::{SubjectHash, SubjectKey};
pub use id::{ConnId, NONE, ShardId};
pub use object::Object;
pub use random::Prng;
pub use seal::{SealKey, Sealed};
pub use table::{Slab, Table};
pub use time::Instant;
pub use wheel::{TimerLink, Timers, Wheel};

/// A subject's name: UTF-8, at most [`SUBJECT_BYTES_MAX`] bytes; names up to 24 bytes live in the row itself.
pub type SubjectName = compact_str::CompactString;

/// Longest subject name in bytes: the publish stream gives its length in one byte.
pub const SUBJECT_BYTES_MAX: usize = 255;

/// Longest idempotency key, and longest epoch of versions, in bytes: shards remember them, whatever way they came.
pub const KEY_BYTES_MAX: usize = 255;
