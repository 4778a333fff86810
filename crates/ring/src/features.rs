//! What the kernel offers beyond the oldest one that is supported (6.1).
use std::fmt;

use io_uring::Parameters;

/// What a ring got from this kernel. Each absence has a fallback; none changes what is delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Features {
    /// Entries are taken in order, without an index (6.6). Else: the index is filled once.
    pub no_index: bool,
    /// A wait can collect a batch (6.12). Else: the batch wait is off.
    pub batch_wait: bool,
    /// A wait need not count as waiting for a disk (6.15). Else: `top` shows iowait while the server is idle.
    pub no_iowait: bool,
}

impl Features {
    pub(crate) fn of(params: &Parameters, no_index: bool) -> Self {
        Self { no_index, batch_wait: params.is_feature_min_timeout(), no_iowait: params.is_feature_no_iowait() }
    }
}

impl fmt::Display for Features {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("deferred task work, multishot accept, ring messages")?;
        for (has, name, since) in [
            (self.no_index, "no submission index", "6.6"),
            (self.batch_wait, "batch wait", "6.12"),
            (self.no_iowait, "no iowait", "6.15"),
        ] {
            if has {
                write!(out, ", {name}")?;
            } else {
                write!(out, ", not \"{name}\" (kernel {since})")?;
            }
        }
        Ok(())
    }
}
