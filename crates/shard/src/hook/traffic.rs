//! What an accepted client says, and what the back end answers.
use base::{ConnId, Instant};
use hub::Kind;
use wire::frame::Opcode;

use super::{HookConn, HookEvent, HookReply, Outcome, Overflow, address_parts};
use crate::border::Effects;
use crate::conn::{Flags, Phase};
use crate::encode::message;
use crate::report::Refusal;
use crate::shard::Shard;

/// The frame's opcode for a payload.
pub(crate) fn opcode(kind: Kind) -> Opcode {
    match kind {
        Kind::Text => Opcode::Text,
        Kind::Binary => Opcode::Binary,
    }
}

impl Shard {
    /// A message of a client.
    pub(crate) fn on_hook_message(&mut self, conn: ConnId, kind: wire::frame::Kind, payload: &[u8], now: Instant) {
        let of = self.hook_conn(conn);
        let Some(row) = self.hooks.rows.find(conn) else {
            return;
        };
        let Some(hook) = self.config.hooks.get(address_parts(&row.address).0) else {
            return;
        };
        if hook.strict && kind == wire::frame::Kind::Binary {
            self.report.hook_dropped += 1;
            return;
        }
        if row.messages >= hook.messages {
            match hook.overflow {
                Overflow::Close => {
                    self.report.refuse(Refusal::Flood);
                    self.close_websocket(conn, 1013, "more messages than the back end answers", now);
                }
                Overflow::Wait | Overflow::Drop => self.report.hook_dropped += 1,
            }
            return;
        }
        row.messages += 1;
        let is_full = hook.overflow == Overflow::Wait && row.messages == hook.messages;
        let kind = match kind {
            wire::frame::Kind::Text => Kind::Text,
            wire::frame::Kind::Binary => Kind::Binary,
        };
        let address = row.address.clone();
        self.report.hook_messages += 1;
        self.hooks.tell(HookEvent::Message { of, address, kind, payload: payload.into() });
        if is_full {
            self.conns[conn].flags.set(Flags::STALLED, true);
        } else if self.hooks.is_over_bound() {
            self.stall_until_room(conn);
        }
    }

    /// Largest message of a client.
    pub(crate) fn hook_message_bytes(&self, conn: ConnId) -> usize {
        let address = self.hooks.rows.address(conn);
        self.config.hooks.get(address_parts(address).0).map_or(0, |hook| hook.message_bytes)
    }

    /// Whether the connection has to wait for an answer before it says more.
    pub(crate) fn awaits_back_end(&mut self, conn: ConnId) -> bool {
        let Some(row) = self.hooks.rows.find(conn) else {
            return false;
        };
        let hook = self.config.hooks.get(address_parts(&row.address).0);
        hook.is_some_and(|hook| hook.overflow == Overflow::Wait && row.messages >= hook.messages)
    }

    /// The engine says something.
    pub(crate) fn on_hook_reply(&mut self, reply: HookReply, now: Instant, world: &mut impl Effects) {
        match reply {
            HookReply::Verdict { of, address, verdict } => self.on_verdict(of, address, verdict, now, world),
            HookReply::Told { of, number, told } => self.back_end_told(of, (number, told), now, world),
            HookReply::Answer { of, outcome } => self.on_outcome(of, outcome, now, world),
        }
    }

    fn on_outcome(&mut self, of: HookConn, outcome: Outcome, now: Instant, world: &mut impl Effects) {
        let HookConn { conn, generation } = of;
        let is_open = self.conns.find(conn, generation).is_some_and(|row| row.phase() == Phase::Open);
        let Some(row) = self.hooks.rows.find(conn).filter(|_| is_open) else {
            return;
        };
        row.messages = row.messages.saturating_sub(1);
        match outcome {
            Outcome::Nothing => {}
            Outcome::Reply { kind, payload } => {
                self.conns[conn].note_active(now);
                self.report.hook_answers += 1;
                self.queue_own(conn, message(opcode(kind), &payload));
                self.stall_if_full(conn, world);
            }
            Outcome::Close { code, reason } => {
                self.report.refuse(Refusal::BackEnd);
                self.close_websocket(conn, code, &reason, now);
                return;
            }
        }
        self.unstall(conn);
    }
}
