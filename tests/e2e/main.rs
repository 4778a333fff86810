//! The real binary, over loopback, with clients that are not ours: tungstenite, and bytes written by hand.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test says what failed, and looks at the clock")]
mod abuse;
mod house;
mod plain;
mod refusals;
mod reload;
mod server;
mod ws2api_bench;
