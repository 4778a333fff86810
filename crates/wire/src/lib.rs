//! `wire`: bytes in, events out, and back.
//!
//! Owns: RFC 6455 frames ([`frame`]), compressed or not ([`deflate`]), and upgrades ([`upgrade`]), HTTP/1.1 request heads and bodies ([`head`]), responses
//! ([`response`]) and bodies without a length ([`chunks`]), event-stream lines ([`sse`]).
//! Never touches: sockets, time, sessions, subjects. What a message means is its dialect's affair.
//! Driven by: `shard` for the server's side, `load` for the client's.
//!
//! Invariants:
//! - Where the bytes are split between two calls changes nothing: not the events, not the error, not where it comes.
//! - Hostile bytes give an error, never a panic, and never hold more memory than arrived, or twice that while growing.
//! - Between two messages a decoder holds nothing on the heap.
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::cast_possible_truncation)]
extern crate alloc;

pub mod chunks;
pub mod deflate;
pub mod frame;
pub mod head;
pub mod response;
pub mod sse;
pub mod upgrade;
