//! How many subscribers this host takes beside the server, and what decided.
use std::fmt;

use crate::probe::memory_available_bytes;
use crate::session::files_max;

/// Memory of one connection, both ends: two sockets of 3.8 KB, and what server and swarm keep for it.
const CONN_BYTES: u64 = 9_000;

/// Share of the available memory that a demo takes: one half.
const MEMORY_SHARE: u64 = 2;

/// Descriptors of a shard that are not connections.
const FILES_RESERVED: u64 = 200;

/// The number of subscribers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Size {
    pub(super) clients: u32,
    decided_by: Limit,
}

/// What keeps the number down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Limit {
    /// Nothing: it is what was asked for.
    Asked,
    /// Open files of a process, for each shard's table.
    Files(u64),
    /// Open files of the host.
    HostFiles(u64),
    /// Memory.
    Memory(u64),
}

/// What the host has.
#[derive(Clone, Copy, Debug)]
struct Host {
    files_max: u64,
    cores: u64,
    host_files_free: u64,
    memory_bytes: u64,
}

/// As many of `wanted` subscribers as fit.
pub(super) fn fit(wanted: u32) -> Size {
    let file_nr = std::fs::read_to_string("/proc/sys/fs/file-nr").unwrap_or_default();
    let numbers: Vec<u64> = file_nr.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let host_files_free = match numbers[..] {
        [used, _, all] => all.saturating_sub(used),
        _ => u64::MAX,
    };
    fit_host(
        wanted,
        Host {
            files_max: files_max(),
            cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64),
            host_files_free,
            memory_bytes: memory_available_bytes(),
        },
    )
}

fn fit_host(wanted: u32, host: Host) -> Size {
    // Connections spread over the shards by chance. A shard is fuller than the mean by five times the root of it once in some million runs.
    let of_shard = host.files_max.saturating_sub(FILES_RESERVED);
    let spread = if host.cores > 1 { of_shard.isqrt() * 5 } else { 0 };
    let by_files = of_shard.saturating_sub(spread).saturating_mul(host.cores);
    let limits = [
        (u64::from(wanted), Limit::Asked),
        (by_files, Limit::Files(host.files_max)),
        (host.host_files_free / 2, Limit::HostFiles(host.host_files_free)),
        (host.memory_bytes / MEMORY_SHARE / CONN_BYTES, Limit::Memory(host.memory_bytes)),
    ];
    let (clients, decided_by) = limits.into_iter().min_by_key(|limit| limit.0).unwrap_or((1, Limit::Asked));
    Size { clients: u32::try_from(clients).unwrap_or(u32::MAX).max(1), decided_by }
}

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::report::table::count;
        write!(out, "{} subscribers", count(u64::from(self.clients)))?;
        match self.decided_by {
            Limit::Asked => Ok(()),
            Limit::Files(limit) => write!(out, " (limited by open files: ulimit -n is {})", count(limit)),
            Limit::HostFiles(free) => write!(out, " (limited by fs.file-max: {} files are free)", count(free)),
            Limit::Memory(free) => write!(out, " (limited by memory: {} MiB are free)", count(free >> 20)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMY: Host = Host { files_max: 1 << 20, cores: 2, host_files_free: u64::MAX, memory_bytes: 24 << 30 };

    #[test]
    fn the_smallest_limit_decides_and_is_named() {
        assert_eq!(fit_host(20_000, ROOMY).to_string(), "20,000 subscribers");
        let size = fit_host(20_000, Host { files_max: 1_024, ..ROOMY });
        assert_eq!((size.clients, size.decided_by), (1_368, Limit::Files(1_024)));
        assert!(size.to_string().contains("ulimit -n is 1,024"));
        let size = fit_host(20_000, Host { memory_bytes: 180_000_000, ..ROOMY });
        assert_eq!((size.clients, size.decided_by), (10_000, Limit::Memory(180_000_000)));
        assert_eq!(fit_host(20_000, Host { host_files_free: 100, ..ROOMY }).clients, 50);
    }
}
