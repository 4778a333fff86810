//! Waking a shard from a thread that has no ring: the control plane's.
use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::sync::{Mutex, PoisonError};

use io_uring::types::Fd;
use io_uring::{IoUring, opcode, squeue};

use crate::{Kind, Obstacle, Token};

/// Where a ring can be rung: its descriptor, which is in every file table that was copied since the ring was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RingAddress(RawFd);

impl RingAddress {
    pub(crate) fn new(fd: RawFd) -> Self {
        Self(fd)
    }

    pub(crate) fn fd(self) -> RawFd {
        self.0
    }
}

/// A ring of four entries behind a lock, from which any thread may ring a shard's doorbell. For the control plane's rates.
pub struct Doorbell(Mutex<IoUring>);

impl Doorbell {
    /// Makes one.
    ///
    /// # Errors
    /// What forbids it, with advice.
    pub fn new() -> Result<Self, Obstacle> {
        let uring = IoUring::builder().setup_submit_all().build(4).map_err(|error| Obstacle::of(&error))?;
        Ok(Self(Mutex::new(uring)))
    }

    /// Rings: the ring at `to` gets a completion of [`Kind::Doorbell`] with slot `u32::MAX`.
    ///
    /// # Errors
    /// What the kernel says; the ring may be gone.
    pub fn ring(&self, to: RingAddress) -> io::Result<()> {
        // A poisoned ring is a whole ring: each use leaves its queues as it found them.
        let mut uring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let message = Token::new(Kind::Doorbell, u32::MAX).bits();
        let entry = opcode::MsgRingData::new(Fd(to.fd()), 0, message, None).build().flags(squeue::Flags::SKIP_SUCCESS);
        // SAFETY: the entry must stay valid until it completes.
        // - it carries a descriptor and numbers, and no pointer.
        let pushed = unsafe { uring.submission().push(&entry) };
        pushed.map_err(|_full| io::ErrorKind::WouldBlock)?;
        uring.submit()?;
        match uring.completion().next() {
            Some(refused) if refused.result() < 0 => Err(io::Error::from_raw_os_error(-refused.result())),
            Some(_) | None => Ok(()),
        }
    }
}

impl fmt::Debug for Doorbell {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Doorbell")
    }
}
