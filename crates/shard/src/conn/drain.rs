//! The drain: all connections are told to leave, evenly over a time.
use core::time::Duration;

use base::{ConnId, Instant};
use protocol::centrifugo::Disconnect;

use super::{Phase, Transport};
use crate::border::Effects;
use crate::shard::Shard;

/// A leave that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drain {
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
    /// The drain begins, unless it has begun.
    pub(crate) fn begin_drain(&mut self, spread: Duration, now: Instant) {
        let total = self.conns.open() as u64;
        self.lives.drain.get_or_insert(Drain { began: now, spread, total, told: 0, cursor: 0, next_at: now });
    }

    /// Whether a drain has begun.
    pub(crate) fn is_draining(&self) -> bool {
        self.lives.drain.is_some()
    }

    /// True once a drain has closed every connection, and back ends will hear of it.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.is_draining() && self.conns.open() == 0 && !self.hooks.has_events()
    }

    /// When the drain goes on.
    pub(crate) fn next_drain_step(&self) -> Option<Instant> {
        self.lives.drain.filter(|_| self.conns.open() > 0).map(|drain| drain.next_at)
    }

    /// Tells as many connections to come back elsewhere as are due by now: evenly over the drain's spread.
    pub(crate) fn go_on_draining(&mut self, now: Instant, world: &mut impl Effects) {
        let Some(mut drain) = self.lives.drain.filter(|drain| drain.next_at <= now) else {
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
            let conn = ConnId(drain.cursor);
            let Some(row) = self.conns.get(conn) else {
                // Those who came meanwhile are told in the next round.
                drain.cursor = 0;
                break;
            };
            drain.cursor += 1;
            if matches!(row.phase(), Phase::Vacant | Phase::Closing) {
                continue;
            }
            drain.told += 1;
            self.tell_to_leave(conn, now, world);
        }
        self.lives.drain = Some(drain);
    }

    fn tell_to_leave(&mut self, conn: ConnId, now: Instant, world: &mut impl Effects) {
        let row = &self.conns[conn];
        match (row.phase(), row.transport) {
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
