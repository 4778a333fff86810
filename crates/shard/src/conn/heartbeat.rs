//! Signs of life, and every other deadline of a connection: one timer a row, what it is for is the row's phase.
use base::{ConnId, Instant};
use core::time::Duration;
use protocol::centrifugo::Disconnect;
use wire::frame::Opcode;
use wire::sse;

use super::{Flags, Phase, State, Transport};
use crate::border::{Close, Effects, Frame};
use crate::centrifugo::PerDialect;
use crate::encode::message;
use crate::report::Refusal;
use crate::request::Denied;
use crate::send::chunk;
use crate::shard::Shard;

/// How long a peer may take to read the last bytes and close.
pub(crate) const CLOSING_TIMEOUT: Duration = Duration::from_secs(5);

/// The second that `now` is in.
pub(crate) fn second(now: Instant) -> u32 {
    u32::try_from(now.as_millis() / 1_000).unwrap_or(u32::MAX)
}

/// Frames that are always the same.
#[derive(Debug, Default)]
pub(super) struct Constant {
    ping: Option<Frame>,
    centrifugo_ping: PerDialect<Frame>,
    comment: Option<Frame>,
}

impl Shard {
    /// Has the connection's timer fire then, and not when it was to.
    pub(crate) fn arm(&mut self, conn: ConnId, at: Instant) {
        self.lives.wheel.arm(&mut self.conns, conn.0, at);
    }

    /// The connection has no timer.
    pub(crate) fn disarm(&mut self, conn: ConnId) {
        self.lives.wheel.disarm(&mut self.conns, conn.0);
    }

    /// Arms the timer of a connection that has just opened. The first ping comes at a random time in the second half of the
    /// interval: clients that came together are not pinged together for ever.
    pub(crate) fn arm_first_heartbeat(&mut self, conn: ConnId, now: Instant) {
        let row = &self.conns[conn];
        if row.transport.dialect().is_some() && row.session == base::NONE {
            self.arm(conn, now + self.config.limits.connect_timeout);
            return;
        }
        let interval = self.config.heartbeat.ping_interval;
        if interval.is_zero() {
            self.arm_idle(conn, now);
            return;
        }
        let half_ms = u64::try_from(interval.as_millis() / 2).unwrap_or(u64::MAX);
        let wait = interval / 2 + Duration::from_millis(self.random.below(half_ms));
        self.arm(conn, now + wait);
    }

    /// Without pings, a timer is needed only to find connections that have been idle too long.
    fn arm_idle(&mut self, conn: ConnId, now: Instant) {
        let idle = self.config.heartbeat.idle_close;
        if idle.is_zero() {
            self.disarm(conn);
        } else {
            let quiet = second(now).saturating_sub(self.conns[conn].active_s);
            let left = idle.saturating_sub(Duration::from_secs(quiet.into())).max(Duration::from_secs(1));
            self.arm(conn, now + left);
        }
    }

    /// Fires the timers that are due.
    pub(crate) fn fire_timers(&mut self, now: Instant, world: &mut impl Effects) {
        while let Some(row) = self.lives.wheel.expire(&mut self.conns, now) {
            self.on_timer(ConnId(row), now, world);
        }
    }

    /// A connection's timer has fired.
    fn on_timer(&mut self, conn: ConnId, now: Instant, world: &mut impl Effects) {
        let row = &self.conns[conn];
        match row.phase() {
            Phase::Vacant => {}
            // A session that waits for an owner still lives, and must be pinged; other transports have no timer here.
            Phase::Asked if row.session != base::NONE => self.on_heartbeat(conn, now),
            Phase::Asked => {}
            Phase::Head => self.on_head_timer(conn, now, world),
            Phase::Body => {
                let cors =
                    if let State::Body(body) = self.conns.take_state(conn) { body.purpose.into_cors() } else { None };
                let denied = Denied::new(408, Refusal::HeadTooSlow, "the body did not arrive in time").with(cors);
                self.deny(conn, &denied, now, world);
            }
            Phase::Poll => self.answer_poll(conn, now, world),
            Phase::Closing => {
                let how = if row.outbox.is_empty() { Close::Graceful } else { Close::Abort };
                self.close(conn, how, world);
            }
            Phase::Open if row.transport.dialect().is_some() && row.session == base::NONE => {
                self.report.refuse(Refusal::HeadTooSlow);
                self.disconnect(conn, Disconnect::Stale, now);
            }
            Phase::Open if self.withholds_close(conn) => self.say_goodbye(conn, now),
            Phase::Open => self.on_heartbeat(conn, now),
        }
    }

    /// A request that is begun and not finished deserves an answer; a connection that is quiet just ends, and if it has had its
    /// answers already that is no refusal.
    fn on_head_timer(&mut self, conn: ConnId, now: Instant, world: &mut impl Effects) {
        let begun = self.conns.lent(conn).is_some_and(|lent| !lent.unread.is_empty());
        if begun {
            let denied = Denied::new(408, Refusal::HeadTooSlow, "the request did not arrive in time");
            self.deny(conn, &denied, now, world);
        } else {
            if !self.conns[conn].flags.has(Flags::SERVED) {
                self.report.refuse(Refusal::HeadTooSlow);
            }
            self.close(conn, Close::Graceful, world);
        }
    }

    fn on_heartbeat(&mut self, conn: ConnId, now: Instant) {
        let heartbeat = self.config.heartbeat;
        let row = &mut self.conns[conn];
        let quiet = Duration::from_secs(second(now).saturating_sub(row.active_s).into());
        if !heartbeat.idle_close.is_zero() && quiet >= heartbeat.idle_close {
            self.report.refuse(Refusal::Idle);
            self.close_idle(conn, now);
            return;
        }
        if heartbeat.ping_interval.is_zero() {
            self.arm_idle(conn, now);
        } else if row.flags.has(Flags::PAUSED) && row.flags.has(Flags::PINGED) && row.outbox.is_empty() {
            // It is we who don't read: the answer may be there.
            self.arm(conn, now + heartbeat.pong_timeout);
        } else if row.flags.has(Flags::PONG_DUE) {
            row.flags.set(Flags::PONG_DUE, false);
            if row.flags.has(Flags::PINGED) {
                self.on_no_pong(conn, now);
            } else {
                self.arm(conn, now + heartbeat.ping_interval.saturating_sub(heartbeat.pong_timeout));
            }
        } else {
            self.ping(conn, now);
        }
    }

    /// What a session is told of pings: their interval in seconds (0: none come that it would see), and whether it must answer.
    pub(crate) fn ping_terms(&self, conn: ConnId) -> (u32, bool) {
        let heartbeat = self.config.heartbeat;
        let row = &self.conns[conn];
        let is_uni = row.transport.is_uni();
        if heartbeat.ping_interval.is_zero() || row.flags.has(Flags::FRAME_PINGS) && !is_uni {
            return (0, false);
        }
        let ping_s = u32::try_from(heartbeat.ping_interval.as_secs()).unwrap_or(0);
        (ping_s, !is_uni && !heartbeat.pong_timeout.is_zero())
    }

    /// A pong frame: of a session that is pinged by frames it is the sign of life, and the only one.
    pub(crate) fn on_pong_frame(&mut self, conn: ConnId) {
        let flags = &mut self.conns[conn].flags;
        if flags.has(Flags::FRAME_PINGS) {
            flags.set(Flags::PINGED, false);
        }
    }

    fn ping(&mut self, conn: ConnId, now: Instant) {
        let heartbeat = self.config.heartbeat;
        if let Some(dialect) = self.conns[conn].transport.dialect()
            && dialect.is_uni()
        {
            // What an application sees; nobody answers it. A WebSocket is pinged besides.
            self.queue_own(conn, dialect.frame(dialect.encoding().ping()));
            if !dialect.is_websocket() {
                self.arm(conn, now + heartbeat.ping_interval);
                return;
            }
        }
        let frame = match self.conns[conn].transport {
            Transport::EventStream => {
                // Nobody answers a comment: TCP_USER_TIMEOUT finds the dead.
                let comment = self.lives.constant.comment.get_or_insert_with(|| {
                    let mut bytes = alloc::vec::Vec::new();
                    sse::write_comment(&mut bytes, "");
                    chunk(&[&bytes])
                });
                let comment = alloc::rc::Rc::clone(comment);
                self.queue_own(conn, comment);
                self.arm(conn, now + heartbeat.ping_interval);
                return;
            }
            Transport::Centrifugo(dialect) if !self.conns[conn].flags.has(Flags::FRAME_PINGS) => {
                let ping = || dialect.frame(dialect.encoding().ping());
                self.lives.constant.centrifugo_ping.get_or_insert_with(dialect, ping)
            }
            Transport::PlainWebSocket
            | Transport::PublishStream
            | Transport::Echo
            | Transport::Hook
            | Transport::Http
            | Transport::LongPoll
            | Transport::Centrifugo(_) => self.lives.constant.ping.get_or_insert_with(|| message(Opcode::Ping, &[])),
        };
        let frame = alloc::rc::Rc::clone(frame);
        self.queue_own(conn, frame);
        let flags = &mut self.conns[conn].flags;
        flags.set(Flags::PINGED, true);
        if heartbeat.pong_timeout.is_zero() {
            self.arm(conn, now + heartbeat.ping_interval);
        } else {
            flags.set(Flags::PONG_DUE, true);
            self.arm(conn, now + heartbeat.pong_timeout);
        }
    }

    fn on_no_pong(&mut self, conn: ConnId, now: Instant) {
        self.report.refuse(Refusal::NoPong);
        if self.conns[conn].transport.dialect().is_some() {
            self.disconnect(conn, Disconnect::NoPong, now);
        } else {
            self.close_websocket(conn, 1001, "no answer to a ping", now);
        }
    }

    fn close_idle(&mut self, conn: ConnId, now: Instant) {
        match self.conns[conn].transport {
            Transport::EventStream => self.begin_closing(conn, now),
            Transport::Centrifugo(_) => self.disconnect(conn, Disconnect::ForceReconnect, now),
            Transport::PlainWebSocket
            | Transport::PublishStream
            | Transport::Echo
            | Transport::Hook
            | Transport::Http
            | Transport::LongPoll => self.close_websocket(conn, 1000, "idle for too long", now),
        }
    }
}
