//! Ends: of a connection, by whichever side; and the drain of all of them.
use core::time::Duration;

use base::{ConnId, Instant, NONE};
use hub::OutboxPolicy;
use protocol::centrifugo::Disconnect;
use wire::frame::{Opcode, close_frame, is_close_code};

use super::heartbeat::CLOSING_TIMEOUT;
use super::{Flags, Phase, State};
use crate::border::{Close, Effects, End};
use crate::centrifugo::Farewell;
use crate::encode::message;
use crate::hook::EndedBy;
use crate::report::{Refusal, Transport};
use crate::send::{Content, Flushed, Frame};
use crate::shard::Shard;

/// A leave that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drain {
    began: Instant,
    spread: Duration,
    /// Connections that were open when it began.
    total: u64,
    told: u64,
    /// The next slot to look at.
    cursor: u32,
    /// When it goes on.
    next_at: Instant,
}

/// How often a drain goes on.
const DRAIN_STEP: Duration = Duration::from_millis(20);

impl Shard {
    // ---- queueing, and what happens when a reader is slow ----

    /// Queues a frame of `count` publications; the outbox's policy decides what happens if it is at its bound.
    pub(crate) fn queue(&mut self, conn: ConnId, frame: Frame, subject: u32, count: u32, world: &mut impl Effects) {
        let row = &self.conns.rows[conn.0];
        // Nothing comes behind a publication that a condemned connection did not get.
        if matches!(row.phase, Phase::Vacant | Phase::Closing) || row.flags.has(Flags::DOOMED) {
            return;
        }
        let bytes_max = self.config.outbox.bytes;
        let over =
            |row: &crate::conn::Conn| !row.outbox.is_empty() && row.outbox.bytes as usize + frame.len() > bytes_max;
        if over(&self.conns.rows[conn.0]) {
            // A burst within one turn is no slow reader: the socket may take it.
            self.flush(conn, world);
        }
        let flags = self.conns.rows[conn.0].flags;
        if flags.has(Flags::BLOCKED) {
            let policy = self.hub.namespace(subject).and_then(|namespace| namespace.outbox);
            let policy = policy.unwrap_or(self.config.outbox.policy);
            let row = &mut self.conns.rows[conn.0];
            let before = self.outboxes.frames();
            if policy == OutboxPolicy::Conflate {
                while let Some(dropped) = self.outboxes.drop_oldest(&mut row.outbox, Some(subject)) {
                    self.report.outbox_conflated += u64::from(dropped);
                }
            }
            while over(row) {
                let dropped = match policy {
                    OutboxPolicy::Close => None,
                    OutboxPolicy::DropOldest | OutboxPolicy::Conflate => {
                        self.outboxes.drop_oldest(&mut row.outbox, None)
                    }
                };
                let Some(dropped) = dropped else {
                    self.report.outbox_closed += 1;
                    self.doom(conn, Disconnect::Slow);
                    return;
                };
                self.report.outbox_dropped += u64::from(dropped);
            }
            if self.outboxes.frames() < before {
                self.forget_bases(conn);
            }
        }
        self.outboxes.push(&mut self.conns.rows[conn.0].outbox, frame, Content::Publications { subject, count });
        self.flush_later(conn);
    }

    /// Queues what is not a publication: it is never dropped.
    pub(crate) fn queue_own(&mut self, conn: ConnId, frame: Frame) {
        let frame = self.deflated_own(conn, frame);
        let frame = self.unchunked(conn, frame);
        self.outboxes.push(&mut self.conns.rows[conn.0].outbox, frame, Content::Own);
        self.flush_soon(conn);
    }

    /// Offers the outbox to the socket, unless it is known to be full or the response has not begun.
    pub(crate) fn flush(&mut self, conn: ConnId, world: &mut impl Effects) {
        let row = &mut self.conns.rows[conn.0];
        if row.flags.has(Flags::BLOCKED) {
            return;
        }
        let flushed = self.outboxes.flush(conn, &mut row.outbox, world);
        self.flushed(conn, flushed);
    }

    /// Takes note of what became of a connection's outbox.
    pub(crate) fn flushed(&mut self, conn: ConnId, flushed: Flushed) {
        let row = &mut self.conns.rows[conn.0];
        match flushed {
            Flushed::Empty | Flushed::Rest => {}
            Flushed::Full => row.flags.set(Flags::FULL, true),
            // `Ended` is on its way; until then nothing more is worth keeping.
            Flushed::Broken => self.outboxes.clear(&mut row.outbox),
        }
    }

    // ---- the server closes ----

    /// Closes a WebSocket with a code and a reason.
    pub(crate) fn close_websocket(&mut self, conn: ConnId, code: u16, reason: &str, now: Instant) {
        self.note_ending(conn, code, EndedBy::Server, reason);
        self.close_with(conn, message(Opcode::Close, close_frame(code, reason).payload()), now);
    }

    /// Closes a WebSocket with a close frame, which a publish stream's last count goes before.
    pub(crate) fn close_with(&mut self, conn: ConnId, frame: Frame, now: Instant) {
        if self.withholds_close(conn) {
            return;
        }
        if let Err(frame) = self.withhold_close(conn, frame, now) {
            self.report_acks(conn);
            self.queue_own(conn, frame);
            self.begin_closing(conn, now);
        }
    }

    /// Closes a Centrifugo session with one of its codes.
    pub(crate) fn disconnect(&mut self, conn: ConnId, why: Disconnect, now: Instant) {
        self.disconnect_with(conn, why.code(), why.reason(), now);
    }

    /// Closes it with any code and a reason, which is neither empty nor JSON: the SDKs would not look at the code.
    pub(crate) fn disconnect_with(&mut self, conn: ConnId, code: u16, reason: &str, now: Instant) {
        let row = &mut self.conns.rows[conn.0];
        if row.flags.has(Flags::HELD) {
            // Nobody hears publications who has had no answer to his connect.
            self.outboxes.drop_publications(&mut row.outbox);
        }
        let transport = self.conns.rows[conn.0].transport;
        let told = match (transport.is_websocket(), transport.is_uni()) {
            // To its client this end is the transport's: it shall not see a code, and comes back.
            _ if code == Disconnect::ConnectionClosed.code() => Farewell { push: false, close_frame: false },
            (true, true) => self.config.endpoints.uni_farewell,
            (true, false) => Farewell { push: false, close_frame: true },
            (false, _) => Farewell { push: true, close_frame: false },
        };
        if told.push {
            self.tell(conn, |encoding, out| encoding.push_disconnect(out, code, reason));
        }
        // A code that can't be in a close frame ends the connection without one: clients come back, as from any end without a code.
        if told.close_frame && is_close_code(code) {
            self.close_websocket(conn, code, reason, now);
        } else {
            self.begin_closing(conn, now);
        }
    }

    /// No more input from here on: what is queued goes out, then FIN, then the peer has a moment to read and close.
    pub(crate) fn begin_closing(&mut self, conn: ConnId, now: Instant) {
        self.end_body(conn);
        let row = &mut self.conns.rows[conn.0];
        row.phase = Phase::Closing;
        row.flags.set(Flags::GOODBYE, true);
        row.flags.set(Flags::HELD, false);
        self.arm(conn, now + CLOSING_TIMEOUT);
        self.flush_soon(conn);
        self.closing.push(conn);
    }

    /// The work of closing that may need the world: done at the end of the turn.
    pub(crate) fn settle_closing(&mut self, world: &mut impl Effects) {
        for conn in core::mem::take(&mut self.closing) {
            if self.conns.rows[conn.0].phase == Phase::Closing {
                self.unsubscribe_all(conn, world);
                self.end_hook(conn, world);
                self.give_back(conn);
                if self.conns.rows[conn.0].flags.has(Flags::PAUSED) {
                    self.conns.rows[conn.0].flags.set(Flags::PAUSED, false);
                    world.pause(conn, false);
                }
            }
        }
    }

    /// A connection that is closing and has nothing more to send: FIN, or the end if the peer has sent its own.
    pub(crate) fn shut_if_done(&mut self, conn: ConnId, world: &mut impl Effects) {
        let row = &mut self.conns.rows[conn.0];
        if row.phase != Phase::Closing || !row.outbox.is_empty() {
            return;
        }
        if row.flags.has(Flags::FINISHED) {
            self.close(conn, Close::Graceful, world);
        } else if !row.flags.has(Flags::SHUT) {
            row.flags.set(Flags::SHUT, true);
            world.shut(conn);
        }
    }

    /// Condemns a connection, once: it is closed at the end of the turn.
    pub(crate) fn doom(&mut self, conn: ConnId, why: Disconnect) {
        let flags = &mut self.conns.rows[conn.0].flags;
        if !flags.has(Flags::DOOMED) {
            flags.set(Flags::DOOMED, true);
            self.doomed.push((conn, why));
        }
    }

    /// Closes those whom a policy has condemned in this turn.
    pub(crate) fn close_doomed(&mut self, now: Instant) {
        for (conn, why) in core::mem::take(&mut self.doomed) {
            let row = &mut self.conns.rows[conn.0];
            // The slot may have another connection by now: that one is not condemned.
            if matches!(row.phase, Phase::Vacant | Phase::Closing) || !row.flags.has(Flags::DOOMED) {
                continue;
            }
            self.report.refuse(if why == Disconnect::Slow { Refusal::SlowConsumer } else { Refusal::BadCommand });
            self.outboxes.drop_publications(&mut row.outbox);
            if row.flags.has(Flags::HELD) && row.session == NONE {
                // The response has not begun: there is no WebSocket yet that a frame could close.
                self.begin_closing(conn, now);
                continue;
            }
            match row.transport {
                Transport::Centrifugo(_) => self.disconnect(conn, why, now),
                Transport::PlainWebSocket | Transport::PublishStream | Transport::Echo | Transport::Hook => {
                    self.close_websocket(conn, 1013, "reads too slowly: resume from the last position", now);
                }
                Transport::EventStream | Transport::LongPoll | Transport::Http => self.begin_closing(conn, now),
            }
        }
    }

    // ---- the peer ends ----

    pub(crate) fn on_ended(&mut self, conn: ConnId, end: End, now: Instant, world: &mut impl Effects) {
        let row = &mut self.conns.rows[conn.0];
        if row.phase == Phase::Vacant {
            return;
        }
        match end {
            // What it is sent now is worth more than what it would wait for.
            End::Foreseen if row.phase == Phase::Poll => self.answer_poll(conn, now, world),
            End::Foreseen => {}
            End::Broken => {
                self.note_end_of_stream(conn, EndedBy::Reset);
                self.forget(conn, world);
            }
            End::Finished => {
                row.flags.set(Flags::FINISHED, true);
                let phase = row.phase;
                self.note_end_of_stream(conn, EndedBy::Fin);
                match phase {
                    // A peer may send its request and its FIN together, and still read the answer.
                    Phase::Asked => {}
                    Phase::Closing => {
                        self.flush_soon(conn);
                    }
                    Phase::Poll => self.answer_poll(conn, now, world),
                    // Nor does it lose its last count.
                    Phase::Open if self.withholds_close(conn) => {}
                    Phase::Vacant | Phase::Head | Phase::Body | Phase::Open => {
                        self.close_after_outbox(conn, now, world);
                    }
                }
            }
        }
    }

    /// Closes, once what is queued has gone out.
    pub(crate) fn close_after_outbox(&mut self, conn: ConnId, now: Instant, world: &mut impl Effects) {
        if self.conns.rows[conn.0].outbox.is_empty() {
            self.close(conn, Close::Graceful, world);
        } else {
            self.begin_closing(conn, now);
        }
    }

    /// Closes the socket and forgets the connection.
    pub(crate) fn close(&mut self, conn: ConnId, how: Close, world: &mut impl Effects) {
        world.close(conn, how);
        self.forget(conn, world);
    }

    /// Forgets a connection whose socket is no longer this shard's.
    pub(crate) fn forget(&mut self, conn: ConnId, world: &mut impl Effects) {
        self.disarm(conn);
        self.unsubscribe_all(conn, world);
        self.end_hook(conn, world);
        self.give_back(conn);
        self.outboxes.clear(&mut self.conns.rows[conn.0].outbox);
        self.set_transport(conn, Transport::Http);
        self.report.connections[Transport::Http.index()] -= 1;
        self.report.closed += 1;
        self.conns.open -= 1;
        let generation = self.conns.rows[conn.0].generation;
        let row = &mut self.conns.rows[conn.0];
        *row = crate::conn::Conn { generation, flags: row.flags.of(Flags::LISTS), ..Default::default() };
    }

    /// Takes back everything that is lent.
    fn give_back(&mut self, conn: ConnId) {
        let row = &mut self.conns.rows[conn.0];
        if row.lent != NONE {
            let lent = self.conns.lents.remove(row.lent);
            row.lent = NONE;
            debug_assert!(!matches!(lent.state, State::Command(_)) || row.session != NONE);
        }
        self.end_session(conn);
        self.kept_fields.forget(conn);
        self.end_uplinks(conn);
    }

    // ---- drain ----

    pub(crate) fn begin_drain(&mut self, spread: Duration, now: Instant) {
        let total = self.conns.open as u64;
        self.drain.get_or_insert(Drain { began: now, spread, total, told: 0, cursor: 0, next_at: now });
    }

    /// When the drain goes on.
    pub(crate) fn next_drain_step(&self) -> Option<Instant> {
        self.drain.filter(|_| self.conns.open > 0).map(|drain| drain.next_at)
    }

    /// Tells as many connections to come back elsewhere as are due by now: evenly over the drain's spread.
    pub(crate) fn go_on_draining(&mut self, now: Instant, world: &mut impl Effects) {
        let Some(mut drain) = self.drain.filter(|drain| drain.next_at <= now) else {
            return;
        };
        drain.next_at = now + DRAIN_STEP;
        let elapsed = now.since(drain.began);
        let due = if elapsed >= drain.spread {
            u64::MAX
        } else {
            let share = elapsed.as_secs_f64() / drain.spread.as_secs_f64();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a share of a count"
            )]
            let due = (share * drain.total as f64) as u64;
            due
        };
        while drain.told < due {
            let Some(row) = self.conns.rows.get(drain.cursor) else {
                // Those who came meanwhile are told in the next round.
                drain.cursor = 0;
                break;
            };
            let conn = ConnId(drain.cursor);
            drain.cursor += 1;
            if matches!(row.phase, Phase::Vacant | Phase::Closing) {
                continue;
            }
            drain.told += 1;
            self.tell_to_leave(conn, now, world);
        }
        self.drain = Some(drain);
    }

    fn tell_to_leave(&mut self, conn: ConnId, now: Instant, world: &mut impl Effects) {
        let row = &self.conns.rows[conn.0];
        match (row.phase, row.transport) {
            (Phase::Vacant | Phase::Closing | Phase::Asked, _) => {}
            (Phase::Head | Phase::Body, _) => self.close_after_outbox(conn, now, world),
            (Phase::Poll, _) => self.answer_poll(conn, now, world),
            (Phase::Open, Transport::EventStream) => {
                let retry_ms = 1_000 + u32::try_from(self.random.below(4_000)).unwrap_or(0);
                self.end_stream(conn, retry_ms, now);
            }
            (Phase::Open, Transport::Centrifugo(_)) => self.disconnect(conn, Disconnect::Shutdown, now),
            (Phase::Open, _) => self.close_websocket(conn, 1012, "the server restarts: reconnect in a moment", now),
        }
    }
}
