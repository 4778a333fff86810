//! A host that passes, and each of its knobs broken in turn: the doctor names that one, first, with a line to type.

use crate::fake_host::{FakeHost, tuned};
use doctor::Report;
use doctor::report::Verdict::{self, Fail, Pass, Warn};

const TARGET: u64 = 12_000_000;

#[test]
fn the_tuned_host_passes_for_twenty_million() {
    let report = tuned().examine(Some(20_000_000));
    let complaints: Vec<_> = report.findings.iter().filter(|finding| finding.verdict != Pass).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    assert_eq!(report.exit_code(), 0);
    assert_eq!(report.shards, 12);
}

/// Path, part, what it becomes; which check says so, how loudly, and a part of its fix.
type Knob = (&'static str, &'static str, &'static str, &'static str, Verdict, &'static str);

const KNOBS: &[Knob] = &[
    ("/proc/sys/kernel/osrelease", "6.12.48+deb13", "5.15.0-91", "kernel", Fail, "linux-image"),
    ("/proc/sys/kernel/osrelease", "6.12.48+deb13-amd64", "unknown", "kernel", Warn, "cat /proc/sys/kernel/osrelease"),
    ("/proc/sys/kernel/io_uring_disabled", "0", "2", "io_uring", Fail, "kernel.io_uring_disabled=0"),
    ("/proc/sys/kernel/io_uring_disabled", "0", "1", "io_uring", Fail, "kernel.io_uring_group="),
    (
        "/proc/self/limits",
        "Max locked memory         unlimited",
        "Max locked memory         65536",
        "memlock",
        Fail,
        "ulimit -l",
    ),
    (
        "/proc/self/limits",
        "2097152              2097152",
        "1024                 4096",
        "nofile",
        Fail,
        "LimitNOFILE=1114112",
    ),
    ("/proc/sys/fs/nr_open", "2097152", "524288", "fs.nr_open", Fail, "sysctl -w fs.nr_open="),
    ("/proc/sys/fs/file-max", "9223372036854775807", "1000000", "fs.file-max", Fail, "sysctl -w fs.file-max="),
    ("/proc/meminfo", "97100000", "4000000", "memory", Fail, "--target "),
    ("/sys/fs/cgroup/system.slice/memory.max", "max", "34359738368", "cgroup memory", Fail, "MemoryMax="),
    (
        "/sys/fs/cgroup/system.slice/ringcast.service/cpu.max",
        "max 100000",
        "400000 100000",
        "cgroup cpu",
        Warn,
        "CPUQuota=",
    ),
    (
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "always [madvise]",
        "[always] madvise",
        "huge pages",
        Warn,
        "echo madvise",
    ),
    ("/proc/sys/vm/swappiness", "1", "60", "swap", Warn, "vm.swappiness=1"),
    (
        "/sys/devices/system/clocksource/clocksource0/current_clocksource",
        "tsc",
        "hpet",
        "clock source",
        Warn,
        "echo tsc",
    ),
    ("/proc/sys/net/ipv4/tcp_mem", "2097152", "21845", "tcp_mem", Fail, "net.ipv4.tcp_mem='300000 450000 600000'"),
    ("/proc/sys/net/ipv4/tcp_wmem", "262144", "4194304", "tcp_wmem", Warn, "tcp_wmem='4096 16384 262144'"),
    ("/proc/sys/net/ipv4/tcp_rmem", "1048576", "33554432", "tcp_rmem", Warn, "tcp_rmem='4096 131072 1048576'"),
    ("/proc/sys/net/core/somaxconn", "65535", "128", "somaxconn", Warn, "net.core.somaxconn=65535"),
    ("/proc/sys/net/ipv4/tcp_max_syn_backlog", "65535", "512", "SYN backlog", Warn, "tcp_max_syn_backlog=65535"),
    ("/proc/sys/net/ipv4/tcp_syncookies", "1", "0", "SYN cookies", Warn, "tcp_syncookies=1"),
    ("/proc/sys/net/ipv4/ip_local_port_range", "1024", "60000", "port range", Warn, "1024 65535"),
    ("/proc/sys/net/ipv4/tcp_ehash_entries", "16777216", "524288", "connection hash", Warn, "thash_entries=8388608"),
];

fn assert_named_first(report: &Report, check: &str, verdict: Verdict, fix: &str) {
    let first = &report.findings[0];
    assert_eq!((first.check, first.verdict), (check, verdict), "{report}");
    let line = first.fix.as_deref().unwrap();
    assert!(line.contains(fix), "{line}");
    assert!(!line.contains('\n'), "one line: {line}");
    assert!(!first.why.is_empty());
    assert_eq!(report.exit_code(), u8::from(verdict == Fail));
}

#[test]
fn a_broken_knob_is_named_first() {
    for (path, part, broken, check, verdict, fix) in KNOBS {
        let host = tuned();
        host.change(path, part, broken);
        assert_named_first(&host.examine(Some(TARGET)), check, *verdict, fix);
    }
}

#[test]
fn eight_mebibytes_of_locked_memory_are_enough_until_the_kernel_counts_the_rings() {
    for (release, verdict) in [("6.1.0-54-amd64", Pass), ("6.12.48+deb13-amd64", Pass), ("6.18.44", Fail)] {
        let host = tuned();
        host.set("/proc/sys/kernel/osrelease", release);
        host.change("/proc/self/limits", "Max locked memory         unlimited", "Max locked memory         8388608");
        host.set("/proc/self/status", "CapEff:\t0000000000000000\nCpus_allowed:\tfffff\nCpus_allowed_list:\t0-19");
        let report = host.examine(None);
        assert_eq!(report.shards, 20);
        let memlock = report.findings.iter().find(|finding| finding.check == "memlock").unwrap();
        assert_eq!(memlock.verdict, verdict, "{release}: {report}");
        assert!(verdict == Pass || memlock.fix.as_deref().unwrap().contains("ulimit -l 11904"), "{memlock:?}");
    }
}

#[test]
fn a_knob_that_can_not_be_read_is_a_warning() {
    for (path, check) in [
        ("/proc/sys/fs/nr_open", "fs.nr_open"),
        ("/proc/sys/fs/file-max", "fs.file-max"),
        ("/proc/sys/net/core/somaxconn", "somaxconn"),
        ("/proc/sys/net/ipv4/tcp_max_syn_backlog", "SYN backlog"),
        ("/proc/sys/net/ipv4/tcp_mem", "tcp_mem"),
        ("/proc/sys/net/ipv4/tcp_wmem", "tcp_wmem"),
        ("/proc/sys/net/ipv4/tcp_rmem", "tcp_rmem"),
        ("/proc/sys/net/ipv4/tcp_syncookies", "SYN cookies"),
        ("/proc/sys/net/ipv4/ip_local_port_range", "port range"),
        ("/proc/sys/net/ipv4/tcp_ehash_entries", "connection hash"),
        ("/sys/devices/system/clocksource/clocksource0/current_clocksource", "clock source"),
    ] {
        let host = tuned();
        host.remove(path);
        assert_named_first(&host.examine(Some(TARGET)), check, Warn, "");
    }
}

#[test]
fn conntrack_counts_only_when_a_rule_uses_it() {
    let host = tuned();
    host.set("/proc/sys/net/netfilter/nf_conntrack_max", "262144");
    host.set("/proc/sys/net/netfilter/nf_conntrack_count", "0");
    assert_eq!(host.examine(Some(TARGET)).exit_code(), 0);
    host.set("/proc/sys/net/netfilter/nf_conntrack_count", "5");
    let report = host.examine(Some(TARGET));
    assert_named_first(&report, "conntrack", Fail, "net.netfilter.nf_conntrack_max=");
    assert_eq!(report.capacity.first().unwrap().connections, 262_144);
}

#[test]
fn a_card_that_leaves_processors_out_is_named() {
    let few = FakeHost::new(crate::fake_host::TUNED);
    crate::fake_host::card(&few, 4, &|queue| queue);
    assert_named_first(&few.examine(Some(TARGET)), "network card", Warn, "tuning/apply --yes --only nic --nic eth0");

    for queue in 0..4 {
        few.set(&format!("/sys/class/net/eth0/queues/rx-{queue}/rps_cpus"), "fff");
    }
    assert_eq!(few.examine(Some(TARGET)).findings[0].verdict, Pass);

    let together = FakeHost::new(crate::fake_host::TUNED);
    crate::fake_host::card(&together, 12, &|_| 0);
    assert_named_first(
        &together.examine(Some(TARGET)),
        "network card",
        Warn,
        "tuning/apply --yes --only nic --nic eth0",
    );
}

#[test]
fn of_several_failures_the_tightest_comes_first() {
    let host = tuned();
    host.change("/proc/self/limits", "2097152              2097152", "1024                 65536");
    host.change("/proc/sys/fs/file-max", "9223372036854775807", "100000");
    host.change("/proc/sys/net/ipv4/tcp_syncookies", "1", "0");
    let report = host.examine(Some(TARGET));
    let order: Vec<_> = report.findings.iter().take(3).map(|finding| finding.check).collect();
    assert_eq!(order, ["fs.file-max", "nofile", "SYN cookies"]);
    host.change("/proc/sys/kernel/io_uring_disabled", "0", "2");
    assert_eq!(host.examine(Some(TARGET)).findings[0].check, "io_uring", "what can't start comes before all");
}
