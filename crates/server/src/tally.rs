//! What the world counts of one shard: its loop, its system calls, its refusals.
use std::time::Duration;

use base::Instant;

/// How long a longest turn is remembered at least; at most twice as long.
const LONGEST_KEPT: Duration = Duration::from_secs(10);

/// Counters of one shard's world. They only grow, but `longest`.
#[derive(Clone, Default, Debug)]
pub struct Tally {
    /// Turns of the loop.
    pub turns: u64,
    /// Time spent in turns: its rate is the shard's load, 1 at most.
    pub turn_time: Duration,
    /// The longest turn of the last 10 to 20 seconds: how long a ready connection may have waited.
    pub longest: Duration,
    /// Waits in which the thread may have slept.
    pub sleeps: u64,
    /// Doorbells of other shards that were rung.
    pub doorbells: u64,
    /// Calls of `io_uring_enter`.
    pub enters: u64,
    /// Calls of `recv`.
    pub receives: u64,
    /// Calls of `send` and `sendmsg`.
    pub sends: u64,
    /// Connections refused because there were too many.
    pub refused: u64,
    /// Times that accepting paused for want of descriptors or memory.
    pub accept_pauses: u64,
    /// Connections that the control plane had no room for.
    pub handed_over_lost: u64,
    /// Bytes held for the connections' slots.
    pub slot_bytes: u64,
    /// CPU time of the shard's thread.
    pub cpu: Duration,
}

/// Measures turns.
#[derive(Debug)]
pub(crate) struct Lag {
    /// Longest turn of this period, and of the one before.
    longest: [Duration; 2],
    since: Instant,
}

impl Lag {
    pub(crate) fn new(now: Instant) -> Self {
        Self { longest: [Duration::ZERO; 2], since: now }
    }

    /// A turn lasted from `began` to `ended`.
    pub(crate) fn count(&mut self, tally: &mut Tally, began: Instant, ended: Instant) {
        let turn = ended.since(began);
        tally.turns += 1;
        tally.turn_time += turn;
        if ended.since(self.since) >= LONGEST_KEPT {
            let idle = ended.since(self.since) >= 2 * LONGEST_KEPT;
            self.longest = [Duration::ZERO, if idle { Duration::ZERO } else { self.longest[0] }];
            self.since = ended;
        }
        self.longest[0] = self.longest[0].max(turn);
        tally.longest = self.longest[0].max(self.longest[1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_turn_is_forgotten_after_a_while() {
        let at = |millis: u64| Instant::from_nanos(millis * 1_000_000);
        let (mut lag, mut tally) = (Lag::new(Instant::ORIGIN), Tally::default());
        lag.count(&mut tally, at(1_000), at(1_080));
        assert_eq!(tally.longest, Duration::from_millis(80));
        lag.count(&mut tally, at(12_000), at(12_001));
        assert_eq!(tally.longest, Duration::from_millis(80));
        lag.count(&mut tally, at(23_000), at(23_001));
        assert_eq!(tally.longest, Duration::from_millis(1));
        lag.count(&mut tally, at(90_000), at(90_002));
        assert_eq!((tally.longest, tally.turns), (Duration::from_millis(2), 4));
    }
}
