//! The gate: how many Centrifugo sessions all shards have together, and how fast they come. The protocol page, section 1.1.
//!
//! One gate for all shards, since which of them the kernel gives a connection to is chance. It is passed when a connection opens and when it
//! ends, never for a message.
use core::sync::atomic::{AtomicU64, Ordering};

use base::{ConnId, Instant};

use crate::border::Effects;
use crate::handshake::Response;
use crate::report::Refusal;
use crate::shard::Shard;

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// What the shards of a server count together.
#[derive(Default, Debug)]
pub struct Gate {
    /// Connections that were let in and are there.
    inside: AtomicU64,
    /// When the next one would be due if they came evenly, in nanoseconds of the shards' clock.
    due_ns: AtomicU64,
}

impl Gate {
    /// Lets one more in, if that makes no more than `most` (0: any number), and no more than `per_second` in a second (0: any number).
    fn pass(&self, most: u64, per_second: u64, now: Instant) -> bool {
        if most > 0 && self.inside.load(Ordering::Relaxed) >= most {
            return false;
        }
        if per_second > 0 && !self.is_due(per_second, now.as_nanos()) {
            return false;
        }
        // Others may have passed meanwhile.
        if self.inside.fetch_add(1, Ordering::Relaxed) >= most && most > 0 {
            self.leave();
            return false;
        }
        true
    }

    /// One that was let in has ended.
    pub(crate) fn leave(&self) {
        let before = self.inside.fetch_sub(1, Ordering::Relaxed);
        debug_assert!(before > 0, "who leaves has come");
    }

    /// A second's worth may come at once; after that they come evenly.
    fn is_due(&self, per_second: u64, now_ns: u64) -> bool {
        let interval = SECOND / per_second.min(SECOND);
        let next = |due: u64| {
            let due = due.max(now_ns);
            (due - now_ns <= SECOND - interval).then(|| due + interval)
        };
        self.due_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

impl Shard {
    /// Whether one more Centrifugo connection may come in. It counts from here on, until its transport is another one.
    pub(crate) fn may_enter(&mut self, now: Instant) -> bool {
        let limits = &self.config.limits;
        self.config.admission.gate.pass(limits.sessions, limits.sessions_per_second, now)
    }

    /// The answer to one too many.
    pub(crate) fn turn_away(&mut self, conn: ConnId, now: Instant, world: &mut impl Effects) {
        self.report.refuse(Refusal::Capacity);
        let fields = &[("Retry-After", "2")];
        self.respond(conn, &Response { status: 503, fields, body: &[] }, false, now, world);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn no_more_than_there_is_room_for() {
        let gate = Gate::default();
        let now = Instant::from_nanos(5);
        let passed = (0..10).filter(|_| gate.pass(3, 0, now)).count();
        assert_eq!(passed, 3);
        gate.leave();
        assert!(gate.pass(3, 0, now) && !gate.pass(3, 0, now));
        assert!(gate.pass(0, 0, now), "no bound");
    }

    #[test]
    fn a_seconds_worth_at_once_and_then_evenly() {
        let gate = Gate::default();
        let mut now = Instant::from_nanos(7 * SECOND);
        assert_eq!((0..100).filter(|_| gate.pass(0, 10, now)).count(), 10);
        // Ten in each second from here on, however often it is tried.
        for _ in 0..3 {
            let mut passed = 0;
            for _ in 0..1_000 {
                now = now + Duration::from_millis(1);
                passed += usize::from(gate.pass(0, 10, now));
            }
            assert_eq!(passed, 10);
        }
        now = now + Duration::from_secs(60);
        assert_eq!((0..100).filter(|_| gate.pass(0, 10, now)).count(), 10);
    }

    #[test]
    fn who_is_one_too_many_takes_nobodys_turn() {
        let gate = Gate::default();
        let now = Instant::from_nanos(SECOND);
        assert!(gate.pass(1, 2, now));
        for _ in 0..10 {
            assert!(!gate.pass(1, 2, now));
        }
        gate.leave();
        assert!(gate.pass(1, 2, now));
    }
}
