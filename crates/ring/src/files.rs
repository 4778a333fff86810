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
    // - a descriptor that is opened later means nothing to other threads, and must reach them through a `Courier` only. The
    //   types can't say so (an `OwnedFd` is `Send`); it holds because the server calls this first of all on a shard's thread,
    //   and whatever the shard opens from then on it keeps in its own `World`, which never leaves the thread.
    let unshared = unsafe { libc::unshare(libc::CLONE_FILES) };
    checked(unshared).map(drop)
}
