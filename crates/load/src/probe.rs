//! Samples of the server's process and of the kernel's memory, from /proc.
use std::fs;

use serde::Serialize;

use crate::clock;

/// Nanoseconds of one tick in /proc/PID/stat: USER_HZ is 100 on every Linux that Rust runs on.
const TICK_NANOS: u64 = 10_000_000;

const PAGE_BYTES: u64 = 4_096;

/// One look at a process.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct ProcessSample {
    pub(crate) at_nanos: u64,
    /// CPU time of all its threads, user and system.
    pub(crate) cpu_nanos: u64,
    /// Resident memory.
    pub(crate) rss_bytes: u64,
}

/// Looks at process `pid`; `None` if there is none.
pub(crate) fn process(pid: u32) -> Option<ProcessSample> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    // The scheduler's own count is in nanoseconds, but per thread; the ticks are the process's.
    let mut exact_nanos = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let schedstat = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        exact_nanos += first_number(&schedstat).unwrap_or(0);
    }
    let cpu_nanos = if exact_nanos > 0 { exact_nanos } else { stat_cpu_nanos(&stat)? };
    let rss_bytes = statm.split_whitespace().nth(1)?.parse::<u64>().ok()? * PAGE_BYTES;
    Some(ProcessSample { at_nanos: clock::now().as_nanos(), cpu_nanos, rss_bytes })
}

/// User and system time in /proc/PID/stat: fields 14 and 15. The command's name in field 2 may hold anything, so count from its
/// closing bracket.
fn stat_cpu_nanos(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) * TICK_NANOS)
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// One slab cache of the kernel.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
pub struct SlabCache {
    /// Objects in use.
    pub objects: u64,
    /// Bytes of one, with its share of the slab's padding.
    pub object_bytes: u64,
}

/// One look at what sockets cost in the kernel. All of the host's sockets: both ends, if swarm and server share it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct KernelSample {
    pub(crate) sockets: SlabCache,
    pub(crate) inodes: SlabCache,
    pub(crate) dentries: SlabCache,
    pub(crate) files: SlabCache,
    /// io_uring requests that wait.
    pub(crate) requests: SlabCache,
    /// False where they share a cache with objects of the same size and can't be told apart (seen on 6.1): then they are missing.
    pub(crate) counts_requests: bool,
    /// Entries of epoll.
    pub(crate) entries: SlabCache,
    /// Bytes of socket buffers, from /proc/net/sockstat.
    pub(crate) buffer_bytes: u64,
}

/// Looks at the kernel; `None` without the right to read /proc/slabinfo.
pub(crate) fn kernel() -> Option<KernelSample> {
    let slabs = fs::read_to_string("/proc/slabinfo").ok()?;
    let sockstat = fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    Some(sample(&slabs, &sockstat))
}

fn sample(slabs: &str, sockstat: &str) -> KernelSample {
    let requests = slab(slabs, "io_kiocb");
    KernelSample {
        sockets: slab(slabs, "TCP"),
        inodes: slab(slabs, "sock_inode_cache"),
        dentries: slab(slabs, "dentry"),
        files: slab(slabs, "filp"),
        requests,
        counts_requests: requests.object_bytes > 0,
        entries: slab(slabs, "eventpoll_epi"),
        buffer_bytes: sockstat_buffer_bytes(sockstat),
    }
}

/// The line of cache `name` in /proc/slabinfo version 2.1: name, active, all, bytes, objects a slab, pages a slab.
fn slab(slabs: &str, name: &str) -> SlabCache {
    let line = slabs.lines().find(|line| line.split_whitespace().next() == Some(name));
    let fields = line.unwrap_or_default().split_whitespace().skip(1).take(5);
    let numbers: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
    match numbers[..] {
        [objects, _, _, per_slab, pages] if per_slab > 0 => {
            SlabCache { objects, object_bytes: pages * PAGE_BYTES / per_slab }
        }
        _ => SlabCache::default(),
    }
}

/// Pages of socket buffers in `TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 205`, in bytes.
fn sockstat_buffer_bytes(sockstat: &str) -> u64 {
    let line = sockstat.lines().find(|line| line.starts_with("TCP:")).unwrap_or_default();
    let mut fields = line.split_whitespace().skip_while(|field| *field != "mem");
    fields.nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * PAGE_BYTES
}

/// What one connection costs in the kernel, on the server's end.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct KernelCost {
    /// Socket, inode, dentry and file.
    pub socket_bytes: f64,
    /// What waits for its input: an io_uring request, or an entry of epoll and its wait queue.
    pub waiting_bytes: f64,
    /// Socket buffers.
    pub buffer_bytes: f64,
}

/// Bytes of epoll's wait queue entry, beside each entry.
const WAIT_QUEUE_BYTES: f64 = 80.0;

impl KernelSample {
    /// The cost of each of `conns` connections that came after `self` and before `later`, whose both ends are on this
    /// host, the clients' in the swarm's epoll.
    pub(crate) fn cost(&self, later: &Self, conns: u64) -> Option<KernelCost> {
        let conns_counted = conns as f64;
        let grown = |before: SlabCache, after: SlabCache| after.objects as f64 - before.objects as f64;
        let ends = grown(self.sockets, later.sockets);
        if conns == 0 || ends < conns_counted {
            return None;
        }
        // Dentries and files come and go with everything else on the host; each socket has exactly one of each.
        let one = [later.sockets, later.inodes, later.dentries, later.files];
        let requests = grown(self.requests, later.requests).max(0.0) * later.requests.object_bytes as f64;
        let server_entries = (grown(self.entries, later.entries) - conns_counted).max(0.0);
        let entries = server_entries * (later.entries.object_bytes as f64 + WAIT_QUEUE_BYTES);
        Some(KernelCost {
            socket_bytes: one.iter().map(|cache| cache.object_bytes as f64).sum(),
            waiting_bytes: (requests + entries) / conns_counted,
            buffer_bytes: (later.buffer_bytes as f64 - self.buffer_bytes as f64).max(0.0) / ends,
        })
    }
}

/// The machine a result was measured on.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Processor model.
    pub processor: String,
    /// Cores online.
    pub cores: usize,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Kernel release.
    pub kernel: String,
}

/// Describes this machine.
pub(crate) fn machine() -> Machine {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    Machine {
        processor: model.map_or("unknown", |(_, name)| name.trim()).to_owned(),
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        memory_bytes: meminfo_bytes(&meminfo, "MemTotal:"),
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
    }
}

/// Memory that can be taken without swapping, in bytes.
pub(crate) fn memory_available_bytes() -> u64 {
    meminfo_bytes(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemAvailable:")
}

fn meminfo_bytes(meminfo: &str, name: &str) -> u64 {
    let kib = meminfo.lines().find_map(|line| first_number(line.strip_prefix(name)?));
    kib.unwrap_or(0) * 1_024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_any_name() {
        let stat = "4242 (a) b (c) S 1 4242 4242 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 5 0 100 1000 10 1844";
        assert_eq!(stat_cpu_nanos(stat), Some(3_000_000_000));
        assert_eq!(stat_cpu_nanos("4242 (short) S 1"), None);
    }

    #[test]
    fn slabs_and_sockstat_are_read() {
        let slabs = "slabinfo - version: 2.1\n\
            TCPv6                 13     13   2496   13    8 : tunables    0    0    0 : slabdata      1      1      0\n\
            TCP                   52    117   2368   13    8 : tunables    0    0    0 : slabdata      9      9      0\n";
        assert_eq!(slab(slabs, "TCP"), SlabCache { objects: 52, object_bytes: 2_520 });
        assert_eq!(slab(slabs, "nothing"), SlabCache::default());
        assert!(!sample(slabs, "").counts_requests, "a cache without a line is not an empty one");
        assert!(sample("io_kiocb 0 0 256 16 1 : tunables 0 0 0 : slabdata 0 0 0", "").counts_requests);
        assert_eq!(
            sockstat_buffer_bytes("sockets: used 14\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 205\n"),
            205 * 4_096
        );
        assert_eq!(sockstat_buffer_bytes(""), 0);
    }

    #[test]
    fn the_kernel_cost_of_a_connection_is_the_servers_end() {
        let cache = |objects, object_bytes| SlabCache { objects, object_bytes };
        let before = KernelSample { entries: cache(10, 128), requests: cache(0, 256), ..KernelSample::default() };
        let later = KernelSample {
            sockets: cache(2_000, 2_520),
            inodes: cache(2_000, 862),
            dentries: cache(90_000, 195),
            files: cache(2_000, 195),
            requests: cache(1_000, 256),
            counts_requests: true,
            entries: cache(1_010, 128),
            buffer_bytes: 0,
        };
        let cost = before.cost(&later, 1_000).unwrap();
        assert_eq!((cost.socket_bytes, cost.waiting_bytes, cost.buffer_bytes), (3_772.0, 256.0, 0.0));
        assert!(before.cost(&later, 3_000).is_none());
    }

    #[test]
    fn this_process_and_machine_can_be_looked_at() {
        let sample = process(std::process::id()).unwrap();
        assert!(sample.rss_bytes > 0);
        assert!(process(u32::MAX).is_none());
        assert!(machine().cores > 0);
        assert!(memory_available_bytes() > 0);
    }
}
