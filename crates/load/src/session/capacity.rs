//! How many connections this process may have, and over how many threads they must be spread.
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::LoadError;

/// Descriptors of a thread that are not connections: standard streams, epolls, the publishers, the binary's own.
const FILES_RESERVED: u64 = 200;

/// Raises the soft limit of open files to the hard one and says what it is.
pub(crate) fn files_max() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    if let Some(hard) = limit.maximum {
        // Without the right to do so the soft limit stays.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(hard), maximum: Some(hard) });
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Connections that one file table holds.
pub(crate) fn conns_per_thread() -> u64 {
    files_max().saturating_sub(FILES_RESERVED).max(1)
}

/// Threads for `clients` connections: as many as `wanted`, or as the file tables need.
pub(super) fn threads(clients: u32, wanted: Option<u32>) -> Result<u32, LoadError> {
    let needed = u64::from(clients).div_ceil(conns_per_thread());
    let needed = u32::try_from(needed).unwrap_or(u32::MAX);
    match wanted {
        None => Ok(needed),
        Some(0) => Err(LoadError::Argument("--threads: at least 1".to_owned())),
        Some(threads) if threads < needed => Err(LoadError::Argument(format!(
            "--threads {threads}: {clients} connections need {needed} (a thread's file table holds {})",
            conns_per_thread()
        ))),
        Some(threads) => Ok(threads.min(clients)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_threads_than_needed_are_taken_and_fewer_refused() {
        let most = u32::try_from(conns_per_thread().min(u64::from(u32::MAX / 2))).unwrap();
        assert_eq!(threads(1, None).unwrap(), 1);
        assert_eq!(threads(10, Some(3)).unwrap(), 3);
        assert_eq!(threads(most + 1, None).unwrap(), 2);
        assert!(threads(most + 1, Some(1)).is_err());
        assert!(threads(1, Some(0)).is_err());
    }
}
