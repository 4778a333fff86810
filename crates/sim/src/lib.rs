//! `sim`: several shards, a virtual network and a virtual clock; everything that happens follows from a seed.
//!
//! Owns: the order in which inputs reach the shards, the sockets and mailboxes around them, clients that speak real bytes,
//! and the model that says what must be true.
//! Never touches: the server, real sockets, threads, real time.
//! Driven by: its tests, and by hand: `cargo run -p ringcast-sim -- --seed N`.
//!
//! What is checked, in every run:
//! - A subscriber sees a subject's publications in the order of its owner, none missing and none twice, unless an outbox
//!   policy lets it; a resumed one goes on where it stopped or is told that it can't.
//! - Whoever is told that a publication was accepted can rely on it; a publication stands at one place.
//! - When all have left and every deadline has passed, nothing is left: no row, subscription, subject, history, frame or
//!   parcel.
//! - The shard asks nothing for a connection that is gone, and sends nothing after FIN or into a full socket.
mod back_end;
mod client;
mod cluster;
mod feed;
mod model;
mod plan;
mod run;
mod socket;
mod trace;
mod world;

pub use model::Tally;
pub use run::{Options, Outcome, run};
