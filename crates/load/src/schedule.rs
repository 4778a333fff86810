//! When each message should be sent: decided before, and whatever the server does.
use base::Prng;

/// How arrivals are spread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// Independent of each other, as from many sources.
    #[default]
    Poisson,
    /// At equal distances.
    Fixed,
}

/// The intended send times of a known number of messages within a span.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    arrivals: Arrivals,
    start_nanos: u64,
    span_nanos: f64,
    count: u64,
    sent: u64,
    /// The next time, in nanoseconds after the start.
    next: f64,
    random: Prng,
}

impl Schedule {
    /// `count` messages between `start_nanos` and `span_nanos` later.
    pub(crate) fn new(arrivals: Arrivals, start_nanos: u64, span_nanos: u64, count: u64, seed: u64) -> Self {
        let mut schedule = Self {
            arrivals,
            start_nanos,
            span_nanos: span_nanos as f64,
            count,
            sent: 0,
            next: 0.0,
            random: Prng::new(seed, "arrivals"),
        };
        schedule.next = schedule.after(0.0);
        schedule
    }

    /// The next intended time, if a message is left.
    pub(crate) fn peek(&self) -> Option<u64> {
        (self.sent < self.count).then_some(self.start_nanos + self.next as u64)
    }

    /// Goes on to the message after the next.
    pub(crate) fn advance(&mut self) {
        debug_assert!(self.sent < self.count, "nothing is left to send");
        self.sent += 1;
        if self.sent < self.count {
            self.next = self.after(self.next);
        }
    }

    /// The time of message `sent`, the one before it being at `last`.
    fn after(&mut self, last: f64) -> f64 {
        match self.arrivals {
            Arrivals::Fixed => self.span_nanos * self.sent as f64 / self.count.max(1) as f64,
            // A Poisson process of which exactly `count` arrivals fall into the span is `count` uniform points in order.
            // The first of the n that are left, in the span that is left, lies at 1 - u^(1/n) of it.
            Arrivals::Poisson => {
                let left = self.count.saturating_sub(self.sent).max(1) as f64;
                let uniform = (self.random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
                last + (self.span_nanos - last) * (1.0 - uniform.powf(1.0 / left))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(arrivals: Arrivals, count: u64) -> Vec<u64> {
        let mut schedule = Schedule::new(arrivals, 1_000, 1_000_000_000, count, 7);
        let mut times = Vec::new();
        while let Some(time) = schedule.peek() {
            times.push(time);
            schedule.advance();
        }
        times
    }

    #[test]
    fn fixed_arrivals_are_equally_far_apart() {
        assert_eq!(times(Arrivals::Fixed, 4), [1_000, 250_001_000, 500_001_000, 750_001_000]);
    }

    #[test]
    fn poisson_arrivals_are_the_promised_number_in_order_and_fill_the_span() {
        let times = times(Arrivals::Poisson, 100_000);
        assert_eq!(times.len(), 100_000);
        assert!(times.is_sorted());
        assert!(*times.last().unwrap() <= 1_000_001_000);
        let first_half = times.partition_point(|time| *time < 500_001_000);
        assert!((49_000..51_000).contains(&first_half), "{first_half}");
        // The gaps of a Poisson process have a standard deviation as large as their mean.
        let gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let deviation = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
        assert!((0.97..1.03).contains(&(deviation / mean)), "{}", deviation / mean);
    }

    #[test]
    fn nothing_to_send_is_nothing_to_wait_for() {
        assert_eq!(Schedule::new(Arrivals::Poisson, 0, 1, 0, 1).peek(), None);
    }
}
