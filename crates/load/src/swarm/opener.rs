//! Which subscriber is opened next, and when: bounded in rate and in handshakes under way.
use std::collections::VecDeque;

/// Attempts before a subscriber gives up.
pub(super) const ATTEMPTS_MAX: u8 = 5;

/// How long opening rests after a failed attempt.
const REST_NANOS: u64 = 50_000_000;

/// An even pace.
#[derive(Debug)]
pub(super) struct Pace {
    /// Nanoseconds between two; 0: no pace.
    gap_nanos: f64,
    next_nanos: f64,
}

impl Pace {
    /// `rate` a second from `now_nanos` on; 0: without bound.
    pub(super) fn new(rate: f64, now_nanos: u64) -> Self {
        let gap_nanos = if rate > 0.0 { 1e9 / rate } else { 0.0 };
        Self { gap_nanos, next_nanos: now_nanos as f64 }
    }

    /// True if one is due at `now_nanos`; it is taken.
    pub(super) fn take(&mut self, now_nanos: u64) -> bool {
        if self.gap_nanos == 0.0 {
            return true;
        }
        let now = now_nanos as f64;
        if self.next_nanos > now {
            return false;
        }
        // What a stall has missed is caught up for a tenth of a second, no more.
        self.next_nanos = (self.next_nanos + self.gap_nanos).max(now - 1e8);
        true
    }

    /// When the next one is due.
    pub(super) fn next_nanos(&self) -> u64 {
        self.next_nanos as u64
    }
}

/// The queue of subscribers without a connection.
#[derive(Debug)]
pub(super) struct Opener {
    /// Rows from here on were never opened.
    fresh: u32,
    again: VecDeque<u32>,
    pace: Pace,
    /// Handshakes under way.
    pub(super) connecting: u32,
    connecting_max: u32,
    resting_until_nanos: u64,
}

impl Opener {
    pub(super) fn new(pace: Pace, connecting_max: u32) -> Self {
        let connecting_max = connecting_max.max(1);
        Self { fresh: 0, again: VecDeque::new(), pace, connecting: 0, connecting_max, resting_until_nanos: 0 }
    }

    /// The next row to open, of the first `wanted`, if one may be opened at `now_nanos`.
    pub(super) fn next(&mut self, wanted: u32, now_nanos: u64) -> Option<u32> {
        let nothing_waits = self.again.is_empty() && self.fresh >= wanted;
        if nothing_waits || self.connecting >= self.connecting_max || now_nanos < self.resting_until_nanos {
            return None;
        }
        if !self.pace.take(now_nanos) {
            return None;
        }
        self.connecting += 1;
        self.again.pop_front().or_else(|| {
            self.fresh += 1;
            Some(self.fresh - 1)
        })
    }

    /// When to ask again, if time alone can change the answer.
    pub(super) fn next_nanos(&self, wanted: u32) -> Option<u64> {
        let nothing_waits = self.again.is_empty() && self.fresh >= wanted;
        if nothing_waits || self.connecting >= self.connecting_max {
            return None;
        }
        Some(self.pace.next_nanos().max(self.resting_until_nanos))
    }

    /// A handshake under way has ended, well or not.
    pub(super) fn settle(&mut self) {
        debug_assert!(self.connecting > 0, "only what was opened ends");
        self.connecting = self.connecting.saturating_sub(1);
    }

    /// Opens `row` again, after a rest if it `failed`.
    pub(super) fn reopen(&mut self, row: u32, failed: bool, now_nanos: u64) {
        self.again.push_back(row);
        if failed {
            self.resting_until_nanos = now_nanos + REST_NANOS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_opened_in_order_within_the_bound() {
        let mut opener = Opener::new(Pace::new(0.0, 0), 2);
        assert_eq!((opener.next(3, 1), opener.next(3, 1), opener.next(3, 1)), (Some(0), Some(1), None));
        opener.settle();
        assert_eq!(opener.next(3, 1), Some(2));
        opener.settle();
        assert_eq!(opener.next(3, 1), None);
        opener.reopen(1, true, 1);
        assert_eq!(opener.next(3, 2), None);
        assert_eq!(opener.next(3, 1 + REST_NANOS), Some(1));
    }

    #[test]
    fn the_pace_is_kept() {
        let mut pace = Pace::new(1_000.0, 0);
        let taken = (0..1_000_000_000_u64).step_by(100_000).filter(|now| pace.take(*now)).count();
        assert_eq!(taken, 1_000);
    }
}
