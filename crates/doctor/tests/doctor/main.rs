//! The doctor before hosts made of files.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod fake_host;
mod hosts;
mod knobs;
mod tuning;
