//! How busy the core is, and whether collecting a batch before waking pays.
use std::time::Duration;

use base::Instant;
use ring::Batch;

/// Time constant of the average.
const MEMORY: Duration = Duration::from_millis(5);

/// Below so many messages in a window too little is gained for what a message has to wait.
const MESSAGES_PER_WINDOW_MIN: f64 = 4.0;

/// So many completions end a window early.
const BATCH_COMPLETIONS: u32 = 32;

/// A weighted average of a rate. Events come in lumps, one a turn, so it is a shot noise filter: each event adds `1 / MEMORY`, and
/// the sum decays with the time constant `MEMORY`.
#[derive(Debug)]
pub(crate) struct Rate {
    per_second: f64,
    at: Instant,
}

impl Rate {
    pub(crate) fn new(now: Instant) -> Self {
        Self { per_second: 0.0, at: now }
    }

    /// `count` messages were handled in the turn that began at `now`.
    pub(crate) fn count(&mut self, count: u64, now: Instant) {
        let elapsed = now.since(self.at).as_secs_f64() / MEMORY.as_secs_f64();
        self.at = now;
        #[expect(clippy::cast_precision_loss, reason = "a count of messages in one turn")]
        let added = count as f64 / MEMORY.as_secs_f64();
        // The first terms of `exp`, whose tables a turn that handles one message would find in no cache.
        self.per_second = self.per_second / (1.0 + elapsed + elapsed * elapsed / 2.0) + added;
    }

    /// The batch to wait for, if one pays with windows of this length; zero turns it off.
    pub(crate) fn batch(&self, window: Duration) -> Option<Batch> {
        let expected = self.per_second * window.as_secs_f64();
        (expected >= MESSAGES_PER_WINDOW_MIN).then_some(Batch { completions: BATCH_COMPLETIONS, window })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The estimate after a second of `per_second` messages, evenly spaced.
    fn settled(per_second: u64) -> Rate {
        let mut rate = Rate::new(Instant::ORIGIN);
        for number in 1..=per_second {
            rate.count(1, Instant::from_nanos(number * 1_000_000_000 / per_second));
        }
        rate
    }

    #[test]
    fn the_estimate_follows_the_rate() {
        for per_second in [1_000_u32, 10_000, 30_000, 100_000] {
            let found = settled(u64::from(per_second)).per_second / f64::from(per_second);
            assert!((0.9..1.15).contains(&found), "{per_second} a second: {found} of it");
        }
    }

    #[test]
    fn a_batch_pays_from_four_messages_a_window() {
        let window = Duration::from_micros(200);
        assert!(settled(16_000).batch(window).is_none());
        assert!(settled(25_000).batch(window).is_some());
        assert!(settled(100_000).batch(Duration::ZERO).is_none());
        let mut quiet = settled(60_000);
        quiet.count(1, Instant::from_nanos(1_100_000_000));
        assert!(quiet.batch(window).is_none());
    }
}
