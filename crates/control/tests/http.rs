//! The control plane over real sockets, a module a topic.
#![allow(clippy::unwrap_used, reason = "these are tests, and so are their helpers")]

mod api;
mod ban;
mod batch;
mod half_close;
mod health;
mod history;
mod nodes;
mod order;
mod presence;
mod proxy;
mod support;
