//! Plain transports: what needs no SDK. `GET /sub/…` listens, `/pub` publishes.
mod events;
mod listen;
mod poll;
mod publish;
mod publish_stream;

pub(crate) use listen::Listener;
pub(crate) use publish_stream::{Acks, Publisher};
