//! `ring`: what glommio lacks of io_uring, and the few system calls on sockets that have no safe name elsewhere.
//!
//! Owns: one core's [`Ring`] (accept, poll, doorbell, wait), the [`Token`] that a completion carries, the calls on
//! [`Socket`]s, the file table of a thread, the [`Courier`] that hands descriptors to another thread, the [`probe`] that
//! says why io_uring can't be used here; and what a thread or the process has to be told of signals and pages.
//! Never touches: time, rows, bytes' meaning. It decides nothing.
//! Driven by: server; doctor asks [`probe`].
//!
//! The only room with `unsafe`: one kernel object a file, one unsafe operation a block, each with its proof. What is common
//! to all of them: a system call that takes no pointer can't break memory, whatever its numbers; a wrong descriptor is a
//! wrong connection, and that is the caller's invariant (server/src/world.rs keeps it).
//!
//! Invariant: nothing here that is in flight between two calls points into our memory. Accept, poll and doorbell entries carry
//! numbers only, and a [`Sender`]'s batch is over when its call returns, so a ring may be dropped at any time.
#![allow(unsafe_code, reason = "this is the room for it")]
#![warn(clippy::cast_possible_truncation)]

mod courier;
mod doorbell;
mod errno;
mod eventfd;
mod features;
mod files;
mod listener;
mod memory;
mod message;
mod obstacle;
mod rings;
mod sender;
mod signals;
mod sockets;
mod token;

pub use courier::{COURIER_BYTES_MAX, Courier, Delivered, courier};
pub use doorbell::{Doorbell, RingAddress};
pub use eventfd::EventFd;
pub use features::Features;
pub use files::unshare;
pub use listener::{ListenerOptions, claim, listen};
pub use memory::refuse_huge_pages;
pub use obstacle::{Obstacle, probe};
pub use rings::{Batch, Completion, Ring, Wait};
pub use sender::{BATCH_MAX, Sender};
pub use signals::block_signals;
pub use sockets::{Received, SEND_PIECES_MAX, Socket, Written};
pub use token::{Kind, Token};
