//! The only place where time comes in.
use std::sync::OnceLock;
use std::time::Duration;

use base::Instant;
use rustix::thread::ClockId;

/// The monotonic clock, from an origin that all threads of the process share.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub(crate) fn now() -> Instant {
    static ORIGIN: OnceLock<std::time::Instant> = OnceLock::new();
    let origin = *ORIGIN.get_or_init(std::time::Instant::now);
    Instant::ORIGIN + origin.elapsed()
}

/// CPU time that the calling thread has used, in user space and kernel.
pub(crate) fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The time of day, in milliseconds since 1970: what clients are told.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub(crate) fn unix_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The time of day, in seconds since 1970: tokens are dated in it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub fn unix_seconds() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
