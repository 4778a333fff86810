//! The control plane's only clock.
use base::Instant;

/// Reads monotonic time, from an origin that is the first call.
#[derive(Debug)]
pub(crate) struct Clock(tokio::time::Instant);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(tokio::time::Instant::now())
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::ORIGIN + self.0.elapsed()
    }
}
