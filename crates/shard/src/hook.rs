//! Hooks: WebSockets whose life is a back end's. The client opens `<prefix><ClientID>`; a back end is asked before the answer, is given each
//! message, and hears once that it is over; what it posts to the same address goes to the client.
//!
//! The shard makes no requests. It gives [`HookEvent`]s to the world, which has an engine on other threads, and takes [`HookReply`]s as
//! commands. It never waits: a connection with as many messages under way as it may have is not read.
//!
//! Invariants:
//! - For each [`Verdict::Accept`] that comes in, exactly one [`HookEvent::End`] goes out, whatever becomes of the connection, and whether or not
//!   it is still there when the verdict comes. It is the connection's last event.
//! - Who has an address is decided by the address's owner, the shard that its keyed hash names, and known to it before the client is told that
//!   its connection is open. A connection that goes takes only its own entry away.
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::IpAddr;

use base::SubjectName;
use compact_str::format_compact;

mod directory;
mod ending;
mod event;
mod hop;
mod knock;
mod push;
mod request;
mod rows;
mod strict;
mod traffic;

use directory::Directory;
pub use directory::Holder;
pub use event::{EndedBy, Ending, HookConn, HookEvent, HookReply, Outcome, Verdict};
pub use hop::{HookDelivery, HookRequest};
pub(crate) use knock::{Knock, Upgraded};
pub use push::Pushed;
pub(crate) use push::{Push, Pushing};
pub(crate) use request::read;
use rows::Rows;

/// Events that may wait for the world to take them before connections that make more of them are not read.
pub(crate) const EVENTS_MAX: usize = 4_096;

/// Most connections of one address where several may have it.
pub(crate) const HOLDERS_MAX: usize = 16;

/// One prefix, and what a shard has to know of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hook {
    /// By which door its clients and its back ends come: see [`crate::Effects::door`].
    pub door: u16,
    /// Whether it does as the original does: see `hook/strict.rs`.
    pub strict: bool,
    /// What the path begins with; begins and ends with a slash.
    pub prefix: Box<str>,
    /// Keys that may push; one of them is wanted unless `open`.
    pub keys: Vec<Box<str>>,
    /// Whether anybody may push.
    pub open: bool,
    /// Header fields of the client's request that the back end is told, in lower case; see [`FORWARDED_FOR`].
    pub fields: Vec<Box<str>>,
    /// Whether it is told the query.
    pub query: bool,
    /// Largest message of a client in bytes.
    pub message_bytes: usize,
    /// Largest message of a back end that is pushed, in bytes.
    pub push_bytes: usize,
    /// Messages of one connection that may be under way: those in requests, and those that wait for them. At least 1.
    pub messages: u16,
    /// What happens to one more.
    pub overflow: Overflow,
    /// What happens when an address is taken already.
    pub duplicates: Duplicates,
}

/// The field to which the client's own address is added, if it is among [`Hook::fields`].
pub const FORWARDED_FOR: &str = "x-forwarded-for";

/// What happens to a message that there is no room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overflow {
    /// It is not read yet: TCP pushes the client back.
    Wait,
    /// The connection is closed with 1013.
    Close,
    /// It is dropped, and counted.
    Drop,
}

/// What happens when a client comes with an address that another one has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Duplicates {
    /// The older one is closed with 4409, once the back end has accepted the newer one.
    Newest,
    /// The newer one is refused with 409, and the back end does not hear of it.
    Refuse,
    /// Both stay, and each push goes to both.
    Both,
    /// Both stay, and pushes go to the newer one.
    Keep,
}

/// The hook's index in [`crate::ShardConfig::hooks`], and the ClientID as the client wrote it.
#[must_use]
pub fn address_parts(address: &str) -> (usize, &str) {
    let (hook, id) = address.split_once('/').unwrap_or(("", address));
    (hook.parse().unwrap_or(usize::MAX), id)
}

/// The address of a client of a hook.
pub(crate) fn address(hook: usize, id: &str) -> SubjectName {
    format_compact!("{hook}/{id}")
}

/// All of a shard's part in hooks.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    rows: Rows,
    directory: Directory,
    /// What the world has not taken yet, in order.
    events: VecDeque<HookEvent>,
}

impl Hooks {
    /// The world is to be told of this, behind what it is to be told of already.
    pub(crate) fn tell(&mut self, event: HookEvent) {
        self.events.push_back(event);
    }

    /// True while events wait for the world.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Connections there are, addresses that somebody has, and events that wait.
    pub(crate) fn count(&self) -> [usize; 3] {
        [self.rows.len(), self.directory.len(), self.events.len()]
    }

    /// True while too many events wait.
    pub(crate) fn is_over_bound(&self) -> bool {
        self.events.len() >= EVENTS_MAX
    }

    /// True when those who were stopped may go on.
    pub(crate) fn has_room(&self) -> bool {
        self.events.len() <= EVENTS_MAX / 2
    }

    /// Bytes held, without addresses longer than 24 bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.bytes() + self.directory.bytes()
    }
}

/// What is told of where a client comes from: those before it, and its own address.
fn forwarded_for(before: Option<&[u8]>, peer: Option<IpAddr>) -> Box<[u8]> {
    let peer = peer.map(|peer| alloc::format!("{peer}")).unwrap_or_default();
    match before {
        Some(before) if peer.is_empty() => before.into(),
        Some(before) => [before, b", ", peer.as_bytes()].concat().into(),
        None => peer.into_bytes().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tells_its_parts() {
        for (hook, id) in [(0, "a"), (7, "a/b"), (65_535, "%2F%zz"), (10, "")] {
            assert_eq!(address_parts(&address(hook, id)), (hook, id));
        }
        assert_eq!(address_parts("nonsense").0, usize::MAX);
    }

    #[test]
    fn a_client_is_the_last_of_those_it_came_through() {
        let peer = Some(IpAddr::from([127, 0, 0, 9]));
        assert_eq!(&*forwarded_for(Some(b"10.1.1.1"), peer), b"10.1.1.1, 127.0.0.9");
        assert_eq!(&*forwarded_for(None, peer), b"127.0.0.9");
        assert_eq!(&*forwarded_for(Some(b"10.1.1.1"), None), b"10.1.1.1");
    }
}
