//! The real binary, over loopback, with clients that are not ours: tungstenite, and bytes written by hand.
mod abuse;
mod house;
mod plain;
mod refusals;
mod server;
