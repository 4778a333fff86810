//! `load`: the client side of Ringcast. The swarm and publishers behind `ringcast bench` and `ringcast demo`, and the command
//! line clients `ringcast pub` and `ringcast sub`.
//!
//! Owns: its own sockets, threads and epoll; the schedule, the stamps and the checks; samples of a server's CPU and memory;
//! results as table, JSON and SVG.
//! Never touches: the server's rooms. It reads frames with a reader of its own, and drives any server that speaks a
//! dialect it knows.
//! Driven by: `main.rs`, which dispatches the arguments of [`cli`] and hands in how a thread gets its own file table.
//! Rules: open loop; latency counts from the intended send time; every message is checked.
#![forbid(unsafe_code)]

mod address;
mod back_end;
mod bench;
mod board;
mod check;
pub mod cli;
pub mod clock;
mod demo;
mod dialect;
mod error;
mod frame;
mod handshake;
mod http;
mod outcome;
mod probe;
mod publish;
mod publisher;
mod report;
mod schedule;
mod session;
mod settings;
mod stamp;
mod subscribe;
mod swarm;
mod watch;

pub use back_end::Answer;
pub use bench::bench;
pub use check::Faults;
pub use demo::{demo, end_with_parent};
pub use dialect::{Dialect, SUBJECT_BYTES, Via};
pub use error::LoadError;
pub use outcome::{BackEnd, Connect, Cpu, Latency, Memory, Outcome, Point, Traffic};
pub use probe::{KernelCost, Machine, SlabCache};
pub use publish::publish;
pub use schedule::Arrivals;
pub use session::run;
pub use settings::{Expect, Kind, Settings};
pub use stamp::{Filler, STAMP_BYTES, Stamp};
pub use subscribe::subscribe;
pub use swarm::IsolateFiles;
pub use watch::{OnProgress, Snapshot, Stage};
