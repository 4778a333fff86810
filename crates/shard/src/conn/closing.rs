//! The end of a connection, by whichever side.
use alloc::vec::Vec;

use base::{ConnId, Instant, NONE};
use protocol::centrifugo::Disconnect;
use wire::frame::{Opcode, close_frame, is_close_code};

use super::heartbeat::CLOSING_TIMEOUT;
use super::{Flags, Phase, State, Transport};
use crate::border::Frame;
use crate::border::{Close, Effects, End};
use crate::centrifugo::Farewell;
use crate::encode::message;
use crate::hook::EndedBy;
use crate::report::Refusal;
use crate::shard::Shard;

/// Connections whose end this turn still has to see to.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// Condemned by a policy.
    doomed: Vec<(ConnId, Disconnect)>,
    /// Closing: what they have goes back.
    closing: Vec<ConnId>,
}

impl Ends {
    pub(super) fn is_empty(&self) -> bool {
        self.doomed.is_empty() && self.closing.is_empty()
    }
}

impl Shard {
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
        if self.conns[conn].flags.has(Flags::HELD) {
            // Nobody hears publications who has had no answer to his connect.
            self.drop_publications(conn);
        }
        let transport = self.conns[conn].transport;
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
        let row = &mut self.conns[conn];
        row.enter(Phase::Closing);
        row.flags.set(Flags::GOODBYE, true);
        row.flags.set(Flags::HELD, false);
        self.arm(conn, now + CLOSING_TIMEOUT);
        self.flush_soon(conn);
        self.lives.ends.closing.push(conn);
    }

    /// The work of closing that may need the world: done at the end of the turn.
    pub(crate) fn settle_closing(&mut self, world: &mut impl Effects) {
        for conn in core::mem::take(&mut self.lives.ends.closing) {
            if self.conns[conn].phase() == Phase::Closing {
                self.unsubscribe_all(conn, world);
                self.end_hook(conn, world);
                self.give_back(conn);
                if self.conns[conn].flags.has(Flags::PAUSED) {
                    self.conns[conn].flags.set(Flags::PAUSED, false);
                    world.pause(conn, false);
                }
            }
        }
    }

    /// A connection that is closing and has nothing more to send: FIN, or the end if the peer has sent its own.
    pub(crate) fn shut_if_done(&mut self, conn: ConnId, world: &mut impl Effects) {
        let row = &mut self.conns[conn];
        if row.phase() != Phase::Closing || !row.outbox.is_empty() {
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
        let flags = &mut self.conns[conn].flags;
        if !flags.has(Flags::DOOMED) {
            flags.set(Flags::DOOMED, true);
            self.lives.ends.doomed.push((conn, why));
        }
    }

    /// Closes those whom a policy has condemned in this turn.
    pub(crate) fn close_doomed(&mut self, now: Instant) {
        for (conn, why) in core::mem::take(&mut self.lives.ends.doomed) {
            let row = &mut self.conns[conn];
            // The slot may have another connection by now: that one is not condemned.
            if matches!(row.phase(), Phase::Vacant | Phase::Closing) || !row.flags.has(Flags::DOOMED) {
                continue;
            }
            self.report.refuse(if why == Disconnect::Slow { Refusal::SlowConsumer } else { Refusal::BadCommand });
            self.drop_publications(conn);
            let row = &self.conns[conn];
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
        let row = &mut self.conns[conn];
        if row.phase() == Phase::Vacant {
            return;
        }
        match end {
            // What it is sent now is worth more than what it would wait for.
            End::Foreseen if row.phase() == Phase::Poll => self.answer_poll(conn, now, world),
            End::Foreseen => {}
            End::Broken => {
                self.note_end_of_stream(conn, EndedBy::Reset);
                self.forget(conn, world);
            }
            End::Finished => {
                row.flags.set(Flags::FINISHED, true);
                let phase = row.phase();
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
    pub(super) fn close_after_outbox(&mut self, conn: ConnId, now: Instant, world: &mut impl Effects) {
        if self.conns[conn].outbox.is_empty() {
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
        self.drop_outbox(conn);
        self.set_transport(conn, Transport::Http);
        self.report.connections[Transport::Http.index()] -= 1;
        self.report.closed += 1;
        self.conns.vacate(conn);
    }

    /// Takes back everything that is lent.
    fn give_back(&mut self, conn: ConnId) {
        let lent = self.conns.take_lent(conn);
        debug_assert!(
            !lent.is_some_and(|lent| matches!(lent.state, State::Command(_))) || self.conns[conn].session != NONE,
            "only sessions have commands"
        );
        self.end_session(conn);
        self.asking.forget_client(conn);
        self.end_uplinks(conn);
    }
}
