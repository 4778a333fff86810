//! The engine against back ends of a few lines, a module a topic.
#![allow(clippy::unwrap_used, reason = "these are tests, and so are their helpers")]

mod engine;
mod grpc;
mod proxy;
mod strict_time;
