//! An eventfd: a counter that a ring writes and a file read takes.
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use crate::errno::{checked, counted};

/// An eventfd of this thread's file table.
#[derive(Debug)]
pub struct EventFd(OwnedFd);

impl EventFd {
    /// Makes one, at zero. Reads block, so that an asynchronous read waits instead of failing.
    ///
    /// # Errors
    /// Out of descriptors or memory.
    pub fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointer.
        let made = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
        let fd = checked(made)?;
        // SAFETY: `fd` must be open and nobody else's.
        // - the kernel made it in the line above, and it has not been given away.
        let owned = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self(owned))
    }

    /// Another descriptor of the same counter.
    ///
    /// # Errors
    /// Out of descriptors.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Adds 1 to the counter, which wakes whoever reads it.
    ///
    /// # Errors
    /// What the kernel says. It waits only if the counter is at 2^64 - 2.
    pub fn notify(&self) -> io::Result<()> {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: the kernel reads the given number of bytes at the pointer, during the call.
        // - pointer and length are those of `one`, a local.
        let written = unsafe { libc::write(self.as_raw_fd(), one.as_ptr().cast(), one.len()) };
        counted(written).map(drop)
    }

    /// Gives the descriptor to a file type of another library.
    #[must_use]
    pub fn into_file<F: FromRawFd>(self) -> F {
        let fd = self.0.into_raw_fd();
        // SAFETY: `fd` must be open and nobody else's.
        // - it was owned by `self`, and `into_raw_fd` gave the ownership up.
        unsafe { F::from_raw_fd(fd) }
    }
}

impl AsRawFd for EventFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
