//! What the threads of a run tell each other: counters that one thread writes and others read.
use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hdrhistogram::Histogram;
use rustix::event::{EventfdFlags, eventfd};

use crate::LoadError;

/// Shortest latency told apart: 1 µs. Longest: 10 minutes. Three digits.
const LATENCY_NANOS: (u64, u64) = (1_000, 600_000_000_000);

/// A histogram of nanoseconds.
pub(crate) fn histogram() -> Histogram<u64> {
    let made = Histogram::new_with_bounds(LATENCY_NANOS.0, LATENCY_NANOS.1, 3);
    made.expect("constant bounds: low is over 0, high over twice low, three digits of at most five")
}

/// Counters of one flock, written by its thread alone; a cache line pair each, so that no two threads share one.
#[derive(Default, Debug)]
#[repr(align(128))]
pub(crate) struct Post {
    /// Subscribers open at the moment.
    pub(crate) connected: AtomicU64,
    /// Subscribers that gave up connecting.
    pub(crate) failed: AtomicU64,
    /// Subscribers that the server closed.
    pub(crate) dropped: AtomicU64,
    /// Connections made, with those made again.
    pub(crate) opened: AtomicU64,
    /// Messages received, new and unchanged.
    pub(crate) received: AtomicU64,
    /// Bytes received after the handshakes, with frame headers.
    pub(crate) bytes: AtomicU64,
    /// Messages lost so far, as far as it shows.
    pub(crate) lost: AtomicU64,
}

/// Counters of one publisher.
#[derive(Default, Debug)]
#[repr(align(128))]
pub(crate) struct Desk {
    /// Messages given to the socket's buffer.
    pub(crate) sent: AtomicU64,
    /// Messages that the server confirmed.
    pub(crate) confirmed: AtomicU64,
    /// True when the schedule is done, or the connection is broken.
    pub(crate) done: AtomicBool,
}

/// The board of one run.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) posts: Box<[Post]>,
    pub(crate) desks: Box<[Desk]>,
    /// Everybody stops.
    pub(crate) stop: AtomicBool,
    /// Messages intended from here on are measured, in monotonic nanoseconds; none before it is set.
    pub(crate) window_from: AtomicU64,
    /// Messages intended from here on are not measured any more.
    pub(crate) window_until: AtomicU64,
    /// Clients that speak begin here, in monotonic nanoseconds; not before it is set.
    pub(crate) talk_from: AtomicU64,
    /// Churners close and open from here on.
    pub(crate) churning: AtomicBool,
    /// How many subscribers may be open: raised in steps.
    pub(crate) wanted: AtomicU64,
    /// Latencies of the last moments, for the progress line and the series: taken away by the reader.
    pub(crate) recent: Mutex<Histogram<u64>>,
    /// Why the first subscriber failed.
    pub(crate) first_failure: Mutex<Option<String>>,
    /// Deliveries so far, in a run with a window of outstanding messages.
    pub(crate) delivered: AtomicU64,
    /// Rung when a message has reached all subscribers, in such a run.
    pub(crate) bell: OwnedFd,
}

impl Board {
    pub(crate) fn new(flocks: usize, publishers: usize) -> Result<Self, LoadError> {
        Ok(Self {
            posts: (0..flocks).map(|_| Post::default()).collect(),
            desks: (0..publishers).map(|_| Desk::default()).collect(),
            stop: AtomicBool::new(false),
            window_from: AtomicU64::new(u64::MAX),
            window_until: AtomicU64::new(u64::MAX),
            talk_from: AtomicU64::new(u64::MAX),
            churning: AtomicBool::new(false),
            wanted: AtomicU64::new(0),
            recent: Mutex::new(histogram()),
            first_failure: Mutex::new(None),
            delivered: AtomicU64::new(0),
            bell: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).map_err(LoadError::os("eventfd"))?,
        })
    }

    /// The sum of one counter over all flocks.
    pub(crate) fn sum(&self, counter: impl Fn(&Post) -> &AtomicU64) -> u64 {
        self.posts.iter().map(|post| counter(post).load(Ordering::Relaxed)).sum()
    }

    /// Messages sent by all publishers.
    pub(crate) fn sent(&self) -> u64 {
        self.desks.iter().map(|desk| desk.sent.load(Ordering::Relaxed)).sum()
    }

    /// Messages confirmed to all publishers.
    pub(crate) fn confirmed(&self) -> u64 {
        self.desks.iter().map(|desk| desk.confirmed.load(Ordering::Relaxed)).sum()
    }

    /// True if no publisher has anything left to send.
    pub(crate) fn publishers_are_done(&self) -> bool {
        self.desks.iter().all(|desk| desk.done.load(Ordering::Acquire))
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Ends the run: threads notice within [`crate::swarm::WAIT_NANOS_MAX`].
    pub(crate) fn end(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Remembers why a subscriber failed, if it is the first.
    pub(crate) fn note_failure(&self, cause: impl FnOnce() -> String) {
        if let Ok(mut first) = self.first_failure.lock()
            && first.is_none()
        {
            *first = Some(cause());
        }
    }
}
