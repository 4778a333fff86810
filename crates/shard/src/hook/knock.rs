//! A client that wants in: its request waits until the back end has said yes or no, and its address has an entry.
use alloc::boxed::Box;
use alloc::vec::Vec;

use base::{ConnId, Instant, SubjectName};
use protocol::plain;

use super::rows::Row;
use super::{Duplicates, EndedBy, Ending, FORWARDED_FOR, HookConn, HookEvent, Verdict, address_parts, forwarded_for};
use crate::border::Effects;
use crate::conn::{Phase, State, Transport};
use crate::handshake::Response;
use crate::report::Refusal;
use crate::request::Handshake;
use crate::shard::Shard;

/// An upgrade of a hook's path, as its head says.
#[derive(Debug)]
pub(crate) struct Upgraded {
    /// None if it can't become a WebSocket, and the back end is asked all the same: in strict mode.
    pub(crate) handshake: Option<Handshake>,
    pub(crate) address: SubjectName,
    pub(crate) query: Option<Box<str>>,
    pub(crate) fields: Vec<(Box<str>, Box<[u8]>)>,
    /// Subprotocols that the client offers.
    pub(crate) protocols: Vec<Box<[u8]>>,
    /// Whether an answer has a body: `HEAD` has none.
    pub(crate) has_body: bool,
}

/// A client that waits for its answer.
#[derive(Debug)]
pub(crate) struct Knock {
    handshake: Option<Handshake>,
    has_body: bool,
    protocols: Vec<Box<[u8]>>,
    /// What the back end is asked, until it is.
    question: Option<HookEvent>,
    /// What it chose.
    protocol: Option<Box<str>>,
}

impl Shard {
    /// A client is at the door.
    pub(crate) fn knock(&mut self, conn: ConnId, upgraded: Upgraded, world: &mut impl Effects) {
        let Upgraded { handshake, address, query, mut fields, protocols, has_body } = upgraded;
        if let Some((_, value)) = fields.iter_mut().find(|(name, _)| **name == *FORWARDED_FOR) {
            let before = (!value.is_empty()).then_some(&**value);
            *value = forwarded_for(before, world.peer(conn));
        }
        fields.retain(|(_, value)| !value.is_empty());
        let (hook, id) = address_parts(&address);
        let is_refused =
            self.config.hooks[hook].duplicates == Duplicates::Refuse && !id.is_empty() && handshake.is_some();
        self.disarm(conn);
        self.conns[conn].enter(Phase::Asked);
        self.hooks.rows.insert(conn, Row { address: address.clone(), ..Row::default() });
        let question = HookEvent::Connect {
            of: self.hook_conn(conn),
            upgrades: handshake.is_some(),
            address: address.clone(),
            query,
            fields,
        };
        let knock = Knock { handshake, has_body, protocols, question: Some(question), protocol: None };
        self.conns.lend(conn).state = State::Knock(Box::new(knock));
        if is_refused {
            self.take_address(conn, world);
        } else {
            self.ask_back_end(conn);
        }
    }

    fn ask_back_end(&mut self, conn: ConnId) {
        if let Some(State::Knock(knock)) = self.conns.lent(conn).map(|lent| &mut lent.state)
            && let Some(question) = knock.question.take()
        {
            self.hooks.tell(question);
        }
    }

    fn take_address(&mut self, conn: ConnId, world: &mut impl Effects) {
        let Some(row) = self.hooks.rows.find(conn) else {
            return;
        };
        row.entered = true;
        let address = row.address.clone();
        self.enter_hook(conn, &address, true, world);
    }

    /// The owner of the address has answered.
    pub(super) fn entered(&mut self, of: HookConn, admitted: bool, now: Instant, world: &mut impl Effects) {
        let HookConn { conn, generation } = of;
        if self.conns.find(conn, generation).is_none() {
            return;
        }
        let Some(State::Knock(knock)) = self.conns.lent(conn).map(|lent| &lent.state) else {
            return;
        };
        let asks_now = knock.question.is_some();
        if !admitted {
            if let Some(row) = self.hooks.rows.find(conn) {
                row.entered = false;
            }
            self.turn_down(conn, 409, "another connection has this ClientID", now, world);
        } else if asks_now {
            self.ask_back_end(conn);
        } else {
            self.open_hook(conn, now);
        }
    }

    /// The back end has answered. An accepted client is its own to the end, whether or not it is still there.
    pub(super) fn on_verdict(
        &mut self,
        of: HookConn,
        address: SubjectName,
        verdict: Verdict,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let HookConn { conn, generation } = of;
        let is_there = self.conns.find(conn, generation).is_some();
        let lent = if is_there { self.conns.lent(conn) } else { None };
        let Some(State::Knock(knock)) = lent.map(|lent| &mut lent.state) else {
            if matches!(verdict, Verdict::Accept { .. }) {
                let ending =
                    Ending { code: 1006, by: EndedBy::Fin, reason: "it was gone before it was accepted".into() };
                self.hooks.tell(HookEvent::End { of, address, ending });
            }
            return;
        };
        match verdict {
            Verdict::Refuse { status, reason } => self.turn_down(conn, status, &reason, now, world),
            Verdict::Accept { protocol } => {
                let offered = knock.handshake.is_some()
                    && protocol.as_ref().is_none_or(|one| knock.protocols.iter().any(|it| **it == *one.as_bytes()));
                knock.protocol = protocol;
                let Some(row) = self.hooks.rows.find(conn) else {
                    return;
                };
                row.accepted = true;
                if !offered {
                    let reason = "the back end chose a subprotocol that was not offered";
                    self.turn_down(conn, 502, reason, now, world);
                } else if row.entered {
                    self.open_hook(conn, now);
                } else {
                    self.take_address(conn, world);
                }
            }
        }
    }

    fn open_hook(&mut self, conn: ConnId, now: Instant) {
        let State::Knock(knock) = self.conns.take_state(conn) else {
            return;
        };
        let Some(handshake) = &knock.handshake else {
            return;
        };
        self.upgraded(conn, handshake, knock.protocol.as_deref(), Transport::Hook, now);
        // What it sent with its request has waited.
        self.wake(conn);
    }

    /// A client is refused; an accepted one all the same is told to have ended.
    fn turn_down(&mut self, conn: ConnId, status: u16, reason: &str, now: Instant, world: &mut impl Effects) {
        let state = self.conns.take_state(conn);
        self.note_ending(conn, 1006, EndedBy::Server, reason);
        if self.is_strict(conn) {
            let has_body = matches!(state, State::Knock(knock) if knock.has_body);
            let body = if has_body { reason.as_bytes() } else { &[] };
            if status != 200 {
                self.report.refuse(refusal(status));
            }
            let fields: &[(&str, &str)] = &[("Content-Type", "text/plain; charset=utf-8")];
            self.respond(conn, &Response { status, fields, body }, false, now, world);
            return;
        }
        self.report.refuse(refusal(status));
        let fields: &[(&str, &str)] = if status == 503 { &[("Retry-After", "2")] } else { &[] };
        let mut body = Vec::new();
        plain::write_error(&mut body, reason);
        self.respond(conn, &Response { status, fields, body: &body }, false, now, world);
    }

    /// A newer connection has the address.
    pub(crate) fn replace(&mut self, of: HookConn, now: Instant) {
        let HookConn { conn, generation } = of;
        let is_open = self.conns.find(conn, generation).is_some_and(|row| row.phase() == Phase::Open);
        if is_open && let Some(row) = self.hooks.rows.find(conn) {
            row.entered = false;
            self.report.refuse(Refusal::Duplicate);
            self.close_websocket(conn, 4409, "another connection has this ClientID", now);
        }
    }
}

fn refusal(status: u16) -> Refusal {
    match status {
        400 => Refusal::BadRequest,
        401 => Refusal::Unauthorized,
        403 => Refusal::Forbidden,
        404 => Refusal::NotFound,
        409 => Refusal::Duplicate,
        _ => Refusal::BackEnd,
    }
}
