//! Plain transports: what needs no SDK. `GET /sub/…` listens, `/pub` publishes.
mod listen;
mod publisher;

pub(crate) use listen::Listener;
pub(crate) use publisher::{Counts, Publisher};
