//! The signals of a thread.
use std::io;
use std::mem::MaybeUninit;

/// Signals that say something of the thread itself: a fault, an abort. They are never blocked.
const FAULTS: [libc::c_int; 6] =
    [libc::SIGABRT, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGSEGV, libc::SIGTRAP];

/// Has all signals but faults delivered to other threads.
///
/// A handler that was made for the process may write to a descriptor, and in a thread with a file table of its own that number
/// may be a client's socket.
///
/// # Errors
/// What the kernel says; there is no reason known.
pub fn block_signals() -> io::Result<()> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the pointer must be valid for a write of a `sigset_t`.
    // - it points at `set`, a local of that type.
    let filled = unsafe { libc::sigfillset(set.as_mut_ptr()) };
    debug_assert_eq!(filled, 0, "filling a set can't fail");
    for fault in FAULTS {
        // SAFETY: the pointer must be valid for reads and writes of an initialised `sigset_t`.
        // - it points at `set`, which was filled above.
        let removed = unsafe { libc::sigdelset(set.as_mut_ptr(), fault) };
        debug_assert_eq!(removed, 0, "{fault} is a signal");
    }
    // SAFETY: the set must be initialised for reading; the old mask is not asked for.
    // - it was filled above, and lives until the call returns.
    let errno = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut()) };
    if errno == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(errno)) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_thread_without_signals_has_them_blocked_but_for_faults() {
        let status = std::thread::spawn(|| {
            super::block_signals().unwrap();
            std::fs::read_to_string("/proc/thread-self/status").unwrap()
        });
        let status = status.join().unwrap();
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:\t")).unwrap();
        let blocked = u64::from_str_radix(blocked, 16).unwrap();
        let bit = |signal: i32| blocked >> (signal - 1) & 1;
        assert_eq!((bit(libc::SIGTERM), bit(libc::SIGINT), bit(libc::SIGSEGV)), (1, 1, 0));
    }
}
