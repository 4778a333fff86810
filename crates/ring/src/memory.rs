//! How the kernel backs the process's memory.
use std::io;

use libc::c_ulong;

use crate::errno::checked;

/// Has the kernel back the whole process with small pages from now on, also where an allocator asks for huge ones.
///
/// # Errors
/// What the kernel says; there is no reason known.
pub fn refuse_huge_pages() -> io::Result<()> {
    const ON: c_ulong = 1;
    const UNUSED: c_ulong = 0;
    // SAFETY: with this option the call takes no pointer.
    let set = unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, ON, UNUSED, UNUSED, UNUSED) };
    checked(set).map(drop)
}
