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
    /// The answer's text is not UTF-8.
    BadText,
    /// It was not made: too many wait.
    Flood,
    /// It was not made: the back end is taken to be down.
    Open,
}

impl Ended {
    pub(crate) const ALL: [Self; 11] = [
        Self::Ok,
        Self::Status,
        Self::Busy,
        Self::Unreachable,
        Self::Broken,
        Self::TimedOut,
        Self::TooLarge,
        Self::Redirected,
        Self::BadText,
        Self::Flood,
        Self::Open,
    ];

    const fn name(self) -> &'static str {
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
}

/// Purposes there are.
pub(crate) const PURPOSES: usize = 6;

impl Purpose {
    const ALL: [Self; PURPOSES] = [Self::Connect, Self::Message, Self::End, Self::Subscribe, Self::Publish, Self::Rpc];

    const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Message => "message",
            Self::End => "end",
            Self::Subscribe => "subscribe",
            Self::Publish => "publish",
            Self::Rpc => "rpc",
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
}

impl Figures {
    pub(crate) fn count(&self, purpose: Purpose, ended: Ended, took: Duration) {
        self.ended[purpose as usize][ended as usize].add(1);
        self.micros[purpose as usize].add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
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
    pub fn seconds(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        let seconds = |purpose: Purpose| Duration::from_micros(self.micros[purpose as usize].read()).as_secs_f64();
        Purpose::ALL.into_iter().map(move |purpose| (purpose.name(), seconds(purpose)))
    }
}
