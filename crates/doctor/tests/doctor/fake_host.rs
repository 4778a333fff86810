//! Hosts made of files: a directory with `proc` and `sys` in it, filled with what kernels print.
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use doctor::{Args, Report};

/// A directory that is a host, gone when dropped.
pub(crate) struct FakeHost {
    root: PathBuf,
}

impl FakeHost {
    /// From pairs of path and text.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ringcast-doctor-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let host = Self { root: std::env::temp_dir().join(name) };
        for (path, text) in files {
            host.set(path, text);
        }
        host
    }

    /// Writes a file, whatever was there.
    pub(crate) fn set(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
    }

    /// Replaces a part of a file; it must be there.
    pub(crate) fn change(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(from), "{path} has no {from:?}");
        self.set(path, text.trim_end().replace(from, to).as_str());
    }

    /// Takes a file away.
    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
    }

    /// The directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Asks the doctor.
    pub(crate) fn examine(&self, target: Option<u64>) -> Report {
        let args = Args { target, shards: None, pid: None, json: false, root: self.root.clone() };
        doctor::run(&args).unwrap()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(Path::new(path.trim_start_matches('/')))
    }
}

impl Drop for FakeHost {
    fn drop(&mut self) {
        // What is left in the temporary directory harms nobody.
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// A virtual machine with 2 processors and 24 GB, kernel 6.18, control groups of version 1, as captured.
pub(crate) const VIRTUAL: &[(&str, &str)] = &[
    ("/proc/sys/kernel/osrelease", "6.18.44-fc-v657"),
    ("/proc/sys/kernel/io_uring_disabled", "0"),
    ("/proc/sys/fs/file-max", "2466177"),
    ("/proc/sys/fs/nr_open", "1048576"),
    ("/proc/sys/fs/file-nr", "520\t0\t2466177"),
    ("/proc/sys/net/ipv4/tcp_mem", "287901\t383868\t575802"),
    ("/proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t33554432"),
    ("/proc/sys/net/ipv4/tcp_wmem", "4096\t16384\t4194304"),
    ("/proc/sys/net/core/somaxconn", "4096"),
    ("/proc/sys/net/ipv4/tcp_max_syn_backlog", "2048"),
    ("/proc/sys/net/ipv4/tcp_syncookies", "1"),
    ("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999"),
    ("/proc/sys/net/ipv4/tcp_ehash_entries", "262144"),
    ("/proc/sys/net/netfilter/nf_conntrack_max", "262144"),
    ("/proc/sys/net/netfilter/nf_conntrack_count", "0"),
    ("/proc/sys/vm/swappiness", "60"),
    ("/proc/net/sockstat", "sockets: used 14\nTCP: inuse 1 orphan 0 tw 5 alloc 1 mem 285\nUDP: inuse 0 mem 0"),
    (
        "/proc/meminfo",
        "MemTotal:       24684092 kB\nMemFree:        24174700 kB\nMemAvailable:   24209924 kB\nSwapTotal:             0 kB",
    ),
    (
        "/proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n\
         Max processes             96365                96365                processes \n\
         Max open files            20000                20000                files     \n\
         Max locked memory         8388608              8388608              bytes     ",
    ),
    (
        "/proc/self/status",
        "Name:\tringcast\nCapEff:\t000001fffeffffff\nNoNewPrivs:\t0\nSeccomp:\t0\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1",
    ),
    ("/proc/self/cgroup", "9:name=systemd:/\n8:pids:/\n4:memory:/guest/84da26\n3:cpuset:/\n1:cpu:/\n0::/"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712"),
    ("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never"),
    ("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc"),
    ("/sys/class/net/lo/queues/rx-0/rps_cpus", "0"),
    ("/sys/class/net/eth0/queues/rx-0/rps_cpus", "0"),
];

/// A server of the R610 class: 12 cores, 96 GB, a card of 12 queues, kernel 6.12, control groups of version 2, after `tuning/apply`.
pub(crate) const TUNED: &[(&str, &str)] = &[
    ("/proc/sys/kernel/osrelease", "6.12.48+deb13-amd64"),
    ("/proc/sys/kernel/io_uring_disabled", "0"),
    ("/proc/sys/kernel/io_uring_group", "-1"),
    ("/proc/sys/fs/file-max", "9223372036854775807"),
    ("/proc/sys/fs/nr_open", "2097152"),
    ("/proc/sys/fs/file-nr", "2112\t0\t9223372036854775807"),
    ("/proc/sys/net/ipv4/tcp_mem", "1048576\t1572864\t2097152"),
    ("/proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t1048576"),
    ("/proc/sys/net/ipv4/tcp_wmem", "4096\t16384\t262144"),
    ("/proc/sys/net/core/somaxconn", "65535"),
    ("/proc/sys/net/ipv4/tcp_max_syn_backlog", "65535"),
    ("/proc/sys/net/ipv4/tcp_syncookies", "1"),
    ("/proc/sys/net/ipv4/ip_local_port_range", "1024\t65535"),
    ("/proc/sys/net/ipv4/tcp_ehash_entries", "16777216"),
    ("/proc/sys/vm/swappiness", "1"),
    ("/proc/net/sockstat", "sockets: used 301\nTCP: inuse 9 orphan 0 tw 2 alloc 12 mem 3\nUDP: inuse 3 mem 1"),
    (
        "/proc/meminfo",
        "MemTotal:       98914240 kB\nMemFree:        96800000 kB\nMemAvailable:   97100000 kB\nSwapTotal:       8388604 kB",
    ),
    (
        "/proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n\
         Max processes             385934               385934               processes \n\
         Max open files            2097152              2097152              files     \n\
         Max locked memory         unlimited            unlimited            bytes     ",
    ),
    (
        "/proc/self/status",
        "Name:\tringcast\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\nCpus_allowed:\tfff\nCpus_allowed_list:\t0-11",
    ),
    ("/proc/self/cgroup", "0::/system.slice/ringcast.service"),
    ("/sys/fs/cgroup/system.slice/ringcast.service/memory.max", "max"),
    ("/sys/fs/cgroup/system.slice/ringcast.service/cpu.max", "max 100000"),
    ("/sys/fs/cgroup/system.slice/memory.max", "max"),
    ("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never"),
    ("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc"),
    ("/sys/class/net/lo/queues/rx-0/rps_cpus", "000"),
];

/// [`TUNED`] with its network card: 12 queues, an interrupt each on a processor of its own, and one of the card.
pub(crate) fn tuned() -> FakeHost {
    let host = FakeHost::new(TUNED);
    card(&host, 12, &|queue| queue);
    host
}

/// Gives the host a card `eth0` with so many queues, the interrupt of queue `i` on the processor `place(i)`.
pub(crate) fn card(host: &FakeHost, queues: u64, place: &dyn Fn(u64) -> u64) {
    for queue in 0..queues {
        host.set(&format!("/sys/class/net/eth0/queues/rx-{queue}/rps_cpus"), "000");
        host.set(&format!("/sys/class/net/eth0/queues/tx-{queue}/xps_cpus"), "000");
        host.set(&format!("/sys/class/net/eth0/device/msi_irqs/{}", 60 + queue), "msix");
        host.set(&format!("/proc/irq/{}/effective_affinity_list", 60 + queue), &place(queue).to_string());
    }
}

/// A container on Debian 12: kernel 6.1, 8 processors, 4 GiB and 1.5 processors' time for it, Docker's default limits.
pub(crate) const CONTAINER: &[(&str, &str)] = &[
    ("/proc/sys/kernel/osrelease", "6.1.0-18-amd64"),
    ("/proc/sys/fs/file-max", "9223372036854775807"),
    ("/proc/sys/fs/nr_open", "1048576"),
    ("/proc/sys/fs/file-nr", "1824\t0\t9223372036854775807"),
    ("/proc/sys/net/ipv4/tcp_mem", "379728\t506307\t759456"),
    ("/proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456"),
    ("/proc/sys/net/ipv4/tcp_wmem", "4096\t16384\t4194304"),
    ("/proc/sys/net/core/somaxconn", "4096"),
    ("/proc/sys/net/ipv4/tcp_max_syn_backlog", "4096"),
    ("/proc/sys/net/ipv4/tcp_syncookies", "1"),
    ("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999"),
    ("/proc/sys/net/ipv4/tcp_ehash_entries", "-262144"),
    ("/proc/sys/net/netfilter/nf_conntrack_max", "262144"),
    ("/proc/sys/net/netfilter/nf_conntrack_count", "37"),
    ("/proc/sys/vm/swappiness", "60"),
    ("/proc/net/sockstat", "sockets: used 4\nTCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0"),
    (
        "/proc/meminfo",
        "MemTotal:       32761896 kB\nMemFree:        20174700 kB\nMemAvailable:   28209924 kB\nSwapTotal:             0 kB",
    ),
    (
        "/proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n\
         Max open files            1048576              1048576              files     \n\
         Max locked memory         8388608              8388608              bytes     ",
    ),
    (
        "/proc/self/status",
        "Name:\tringcast\nCapEff:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7",
    ),
    ("/proc/self/cgroup", "0::/"),
    ("/sys/fs/cgroup/memory.max", "4294967296"),
    ("/sys/fs/cgroup/memory.current", "20971520"),
    ("/sys/fs/cgroup/cpu.max", "150000 100000"),
    ("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never"),
    ("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc"),
    ("/sys/class/net/eth0/queues/rx-0/rps_cpus", "00"),
];
