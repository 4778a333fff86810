//! The load's only clocks.
use base::Instant;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Monotonic time since boot. Every process of one host reads the same clock, so a stamp made by a publisher process
/// can be compared in a subscriber process.
#[must_use]
pub fn now() -> Instant {
    let read = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(read.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(read.tv_nsec).unwrap_or(0);
    Instant::from_nanos(seconds * 1_000_000_000 + nanos)
}

/// `nanos` as the kernel's wait calls take it.
pub(crate) fn timespec(nanos: u64) -> Timespec {
    let seconds = i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX);
    let rest = i64::try_from(nanos % 1_000_000_000).unwrap_or(0);
    Timespec { tv_sec: seconds, tv_nsec: rest }
}
