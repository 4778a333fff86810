//! The file table of a thread.
use std::io;

use crate::errno::checked;

/// Gives the calling thread a file table of its own: a copy of the process's, so that what is open stays open under its
/// number, and what is opened from now on is this thread's alone. The limit on open files then holds for each shard, not
/// for all of them together, and the kernel's lock on the table is not shared.
///
/// # Errors
/// Out of memory.
pub fn unshare() -> io::Result<()> {
    // SAFETY: the call takes no pointer. It changes what descriptors mean for this thread from now on:
    // - every descriptor that is open keeps its meaning, so none that this thread holds goes wrong;
    // - a descriptor that moves between threads later must go through a `Courier`, and nothing in this crate that holds one
    //   is `Send` but `Ring` and `Courier`, which are made before.
    let unshared = unsafe { libc::unshare(libc::CLONE_FILES) };
    checked(unshared).map(drop)
}
