//! What a back end posts to a client's address: on whatever connection of whatever shard. The address's owner says who has it, the shard of each
//! holder puts the message into its outbox, and then the POST is answered.
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use base::{ConnId, Instant, ShardId, SubjectName};
use hub::Kind;

use super::strict::NO_TEXT;
use super::traffic::opcode;
use super::{Holder, HookConn, HookDelivery, HookRequest, address_parts};
use crate::border::Effects;
use crate::conn::{Phase, State};
use crate::encode::message;
use crate::handshake::Response;
use crate::hop::{Parcel, Waiter};
use crate::report::Refusal;
use crate::request::Denied;
use crate::shard::Shard;

/// A `POST` to an address, before its body.
#[derive(Debug)]
pub(crate) struct Push {
    pub(crate) address: SubjectName,
    pub(crate) kind: Kind,
}

/// A `POST` that waits for its answer.
#[derive(Debug)]
pub(crate) struct Pushing {
    address: SubjectName,
    kind: Kind,
    payload: Arc<[u8]>,
    keep_alive: bool,
    /// Who is still to get it.
    left: Vec<Holder>,
    queued: bool,
    full: bool,
    /// The owner has been asked again, since who had the address was gone.
    again: bool,
}

/// What became of a message for a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pushed {
    /// It is in the outbox.
    Queued,
    /// The outbox is full.
    Full,
    /// The client is gone.
    Gone,
}

impl Shard {
    /// The whole body has come.
    pub(crate) fn begin_push(
        &mut self,
        conn: ConnId,
        push: Push,
        bytes: Vec<u8>,
        keep_alive: bool,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let Push { address, kind } = push;
        let is_strict = self.config.hooks.get(address_parts(&address).0).is_some_and(|hook| hook.strict);
        if kind == Kind::Text && !is_strict && simdutf8::basic::from_utf8(&bytes).is_err() {
            let reason = "the body is not valid UTF-8: send other bytes as application/octet-stream";
            self.deny(conn, &Denied::new(400, Refusal::BadText, reason), now, world);
            return;
        }
        self.disarm(conn);
        self.conns[conn].enter(Phase::Asked);
        let pushing = Pushing {
            address,
            kind,
            payload: bytes.into(),
            keep_alive,
            left: Vec::new(),
            queued: false,
            full: false,
            again: false,
        };
        self.conns.lend(conn).state = State::Push(Box::new(pushing));
        self.locate(conn, now, world);
        self.stall_if_backlogged(conn);
    }

    fn pushing(&mut self, conn: ConnId) -> Option<&mut Pushing> {
        match self.conns.lent(conn).map(|lent| &mut lent.state) {
            Some(State::Push(pushing)) => Some(pushing),
            Some(_) | None => None,
        }
    }

    fn locate(&mut self, conn: ConnId, now: Instant, world: &mut impl Effects) {
        let Some(pushing) = self.pushing(conn) else {
            return;
        };
        let address = pushing.address.clone();
        let waiter = self.conns.waiter(conn);
        let owner = self.owner(&address);
        if owner == self.config.shard {
            let holders = self.hooks.directory.holders(&self.config.key, &address);
            self.located(waiter, holders, now, world);
        } else {
            self.mail.send(owner, Parcel::HookRequest(HookRequest::Locate { address, waiter }), world);
        }
    }

    fn waits(&mut self, waiter: Waiter) -> Option<ConnId> {
        let Waiter::Conn { conn, generation } = waiter else {
            return None;
        };
        self.conns.find(conn, generation).is_some().then_some(conn)
    }

    /// The owner's end: another shard asks who has an address.
    pub(super) fn on_hook_locate(&mut self, from: ShardId, address: &str, waiter: Waiter, world: &mut impl Effects) {
        let holders = self.hooks.directory.holders(&self.config.key, address);
        self.mail.send(from, Parcel::HookDelivery(HookDelivery::Located { waiter, holders }), world);
    }

    /// The owner has said who has the address.
    pub(super) fn located(&mut self, waiter: Waiter, holders: Vec<Holder>, now: Instant, world: &mut impl Effects) {
        let Some(conn) = self.waits(waiter) else {
            return;
        };
        if let Some(pushing) = self.pushing(conn) {
            pushing.left = holders;
            self.go_on_with_push(conn, now, world);
        }
    }

    /// A holder's shard has answered.
    pub(super) fn pushed(&mut self, waiter: Waiter, pushed: Pushed, now: Instant, world: &mut impl Effects) {
        let Some(conn) = self.waits(waiter) else {
            return;
        };
        if let Some(pushing) = self.pushing(conn) {
            pushing.queued |= pushed == Pushed::Queued;
            pushing.full |= pushed == Pushed::Full;
            let is_lost = pushed == Pushed::Gone && !pushing.again && !pushing.queued && pushing.left.is_empty();
            if is_lost {
                // A newer connection may have the address by now.
                pushing.again = true;
                self.locate(conn, now, world);
            } else {
                self.go_on_with_push(conn, now, world);
            }
        }
    }

    fn go_on_with_push(&mut self, conn: ConnId, now: Instant, world: &mut impl Effects) {
        let waiter = self.conns.waiter(conn);
        if let Some(pushing) = self.pushing(conn) {
            let Some(Holder { shard, of }) = pushing.left.pop() else {
                self.answer_push(conn, now, world);
                return;
            };
            let (kind, payload) = (pushing.kind, Arc::clone(&pushing.payload));
            if shard == self.config.shard {
                let pushed = self.push(of, kind, &payload, now, world);
                self.pushed(waiter, pushed, now, world);
            } else {
                self.mail.send(shard, Parcel::HookRequest(HookRequest::Push { of, kind, payload, waiter }), world);
            }
        }
    }

    fn answer_push(&mut self, conn: ConnId, now: Instant, world: &mut impl Effects) {
        let State::Push(pushing) = self.conns.take_state(conn) else {
            return;
        };
        let Pushing { keep_alive, queued, full, .. } = *pushing;
        let text = ("Content-Type", "text/plain; charset=utf-8");
        let (status, body, fields): (_, &[u8], &[_]) = match (queued, full) {
            (true, _) => (200, b"ok", &[text]),
            (false, true) => (503, b"the client reads too slowly", &[text, ("Retry-After", "1")]),
            (false, false) => (404, b"not found", &[text]),
        };
        self.respond(conn, &Response { status, fields, body }, keep_alive, now, world);
    }

    /// The holder's end: another shard has a message for a client of this one.
    pub(super) fn on_hook_push(
        &mut self,
        from: ShardId,
        (of, kind, payload): (HookConn, Kind, &[u8]),
        waiter: Waiter,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let pushed = self.push(of, kind, payload, now, world);
        self.mail.send(from, Parcel::HookDelivery(HookDelivery::Pushed { waiter, pushed }), world);
    }

    fn push(&mut self, of: HookConn, kind: Kind, payload: &[u8], now: Instant, world: &mut impl Effects) -> Pushed {
        let HookConn { conn, generation } = of;
        let is_open = self.conns.find(conn, generation).is_some_and(|row| row.phase() == Phase::Open);
        if !is_open || self.hooks.rows.find(conn).is_none() {
            return Pushed::Gone;
        }
        if self.is_strict(conn) && simdutf8::basic::from_utf8(payload).is_err() {
            self.close_websocket(conn, NO_TEXT, "a message for the client is no text", now);
            return Pushed::Queued;
        }
        let frame = message(opcode(kind), payload);
        let bytes_max = self.config.outbox.bytes;
        let is_over = |shard: &Self| {
            let outbox = &shard.conns[conn].outbox;
            !outbox.is_empty() && outbox.bytes as usize + frame.len() > bytes_max
        };
        if is_over(self) {
            self.flush(conn, world);
        }
        if is_over(self) {
            self.report.hook_full += 1;
            return Pushed::Full;
        }
        self.conns[conn].note_active(now);
        self.report.hook_pushes += 1;
        self.queue_own(conn, frame);
        Pushed::Queued
    }
}
