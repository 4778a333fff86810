//! What is counted of each back end.
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that many threads change.
#[derive(Default, Debug)]
pub struct Meter(AtomicU64);

impl Meter {
    /// Its value.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn take(&self, count: u64) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }

    /// Counts one for as long as the guard lives.
    pub(crate) fn hold(&self) -> Held<'_> {
        self.add(1);
        Held(self)
    }
}

/// One that is counted now.
#[derive(Debug)]
pub(crate) struct Held<'m>(&'m Meter);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.take(1);
    }
}

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Ended {
    /// With an answer of use.
    Ok,
    /// With another status than was wanted.
    Status,
    /// With 503: the back end has too much to do.
    Busy,
    /// Nobody listens there, or the connection could not be made.
    Unreachable,
    /// The connection broke.
    Broken,
    /// It took too long.
    TimedOut,
    /// The answer was larger than it may be.
    TooLarge,
    /// It led elsewhere, or too often.
    Redirected,
    /// The answer's text is not UTF-8, or no answer of the form that is wanted.
    BadText,
    /// It is an answer of something that does not speak GRPC.
    ContentType,
    /// The answer ended without saying how the call went.
    NoStatus,
    /// The answer is compressed as nobody has asked for.
    Compressed,
    /// It was not made: too many wait.
    Flood,
    /// It was not made: the back end is taken to be down.
    Open,
}

impl Ended {
    pub(crate) const ALL: [Self; 14] = [
        Self::Ok,
        Self::Status,
        Self::Busy,
        Self::Unreachable,
        Self::Broken,
        Self::TimedOut,
        Self::TooLarge,
        Self::Redirected,
        Self::BadText,
        Self::ContentType,
        Self::NoStatus,
        Self::Compressed,
        Self::Flood,
        Self::Open,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Status => "status",
            Self::Busy => "busy",
            Self::Unreachable => "unreachable",
            Self::Broken => "broken",
            Self::TimedOut => "timed_out",
            Self::TooLarge => "too_large",
            Self::Redirected => "redirected",
            Self::BadText => "bad_text",
            Self::ContentType => "content_type",
            Self::NoStatus => "no_status",
            Self::Compressed => "compressed",
            Self::Flood => "flood",
            Self::Open => "open",
        }
    }
}

/// What a request is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Purpose {
    Connect,
    Message,
    End,
    Subscribe,
    Publish,
    Rpc,
    Refresh,
    SubRefresh,
}

/// Purposes there are.
pub(crate) const PURPOSES: usize = 8;

impl Purpose {
    const ALL: [Self; PURPOSES] = [
        Self::Connect,
        Self::Message,
        Self::End,
        Self::Subscribe,
        Self::Publish,
        Self::Rpc,
        Self::Refresh,
        Self::SubRefresh,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Message => "message",
            Self::End => "end",
            Self::Subscribe => "subscribe",
            Self::Publish => "publish",
            Self::Rpc => "rpc",
            Self::Refresh => "refresh",
            Self::SubRefresh => "sub_refresh",
        }
    }
}

/// The figures of one back end.
#[derive(Default, Debug)]
pub struct Figures {
    /// Requests under way.
    pub in_flight: Meter,
    /// Requests that wait for their turn.
    pub waiting: Meter,
    ended: [[Meter; Ended::ALL.len()]; PURPOSES],
    micros: [Meter; PURPOSES],
    latencies: [[Meter; BOUNDS_MS.len() + 1]; PURPOSES],
}

/// Bounds between which latencies are counted, in milliseconds.
const BOUNDS_MS: [u32; 13] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

impl Figures {
    pub(crate) fn count(&self, purpose: Purpose, ended: Ended, took: Duration) {
        self.ended[purpose as usize][ended as usize].add(1);
        self.micros[purpose as usize].add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        let is_within = |bound: &u32| took <= Duration::from_millis(u64::from(*bound));
        let bucket = BOUNDS_MS.iter().position(is_within).unwrap_or(BOUNDS_MS.len());
        self.latencies[purpose as usize][bucket].add(1);
    }

    /// Their latencies, by purpose: upper bounds in seconds, of which the last is `f64::INFINITY`, and how many are between each and the one before; and all of them together.
    pub fn latencies(&self) -> impl Iterator<Item = (&'static str, Vec<(f64, u64)>, f64)> + '_ {
        let bounds = || BOUNDS_MS.into_iter().map(|bound| f64::from(bound) / 1_000.0).chain([f64::INFINITY]);
        let of =
            move |purpose: Purpose| bounds().zip(self.latencies[purpose as usize].iter().map(Meter::read)).collect();
        self.seconds().zip(Purpose::ALL).map(move |((name, seconds), purpose)| (name, of(purpose), seconds))
    }

    /// Requests that have ended, by purpose and outcome, those that there were.
    pub fn ended(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> + '_ {
        let of = move |purpose: Purpose| {
            Ended::ALL
                .into_iter()
                .map(move |ended| (purpose.name(), ended.name(), self.ended[purpose as usize][ended as usize].read()))
        };
        Purpose::ALL.into_iter().flat_map(of).filter(|(_, _, count)| *count > 0)
    }

    /// How long they took together, by purpose, in seconds.
    fn seconds(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        let seconds = |purpose: Purpose| Duration::from_micros(self.micros[purpose as usize].read()).as_secs_f64();
        Purpose::ALL.into_iter().map(move |purpose| (purpose.name(), seconds(purpose)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_within_the_first_bound_that_it_is_not_over() {
        let figures = Figures::default();
        for millis in [0, 1, 2, 3, 10_000, 10_001, 1_000_000] {
            figures.count(Purpose::Message, Ended::Ok, Duration::from_millis(millis));
        }
        let all: Vec<_> = figures.latencies().collect();
        let (name, buckets, sum) = &all[Purpose::Message as usize];
        let counts: Vec<_> = buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!((*name, counts), ("message", vec![2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]));
        assert_eq!((buckets[2].0, buckets[13].0, sum.round()), (0.005, f64::INFINITY, 1_020.0));
    }
}
