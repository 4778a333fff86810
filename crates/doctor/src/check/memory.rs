//! Memory of the host and of the control group, swap, huge pages, and the processors' time.
use crate::capacity::{Capacity, Resource, connection_bytes, reserve_bytes};
use crate::facts::Facts;
use crate::report::{Finding, Verdict, bytes, grouped};

use super::Goal;

pub(super) fn all(facts: &Facts, capacity: &Capacity, goal: Goal) -> Vec<Finding> {
    let mut findings = vec![host(facts, capacity, goal), huge_pages(facts), swap(facts)];
    findings.push(group(facts, capacity, goal));
    findings.push(quota(facts));
    findings.push(clock(facts));
    findings
}

fn host(facts: &Facts, capacity: &Capacity, goal: Goal) -> Finding {
    const CHECK: &str = "memory";
    let (Some(total), Some(available), Some(connections)) =
        (facts.memory.total, facts.memory.available, capacity.by(Resource::Memory))
    else {
        return Finding::unreadable(CHECK, "/proc/meminfo");
    };
    let found = format!("{} available of {}", bytes(available), bytes(total));
    match goal.verdict(connections) {
        Verdict::Pass => {
            Finding::pass(CHECK, found, "enough for the target, 5 % left to the rest").at(Some(connections))
        }
        verdict @ (Verdict::Warn | Verdict::Fail) => {
            let needed = goal.connections * connection_bytes(facts);
            let why = format!(
                "{} connections take {} and {} stay free for the rest",
                grouped(goal.connections),
                bytes(needed),
                bytes(reserve_bytes(total))
            );
            let fix = format!(
                "ps -eo rss,comm --sort=-rss | head   # free some, add some, or: ringcast doctor --target {connections}"
            );
            Finding::wrong(CHECK, verdict, found, why, fix).at(Some(connections))
        }
    }
}

fn group(facts: &Facts, capacity: &Capacity, goal: Goal) -> Finding {
    const CHECK: &str = "cgroup memory";
    let (Some(most), Some(connections)) = (facts.memory.group_max, capacity.by(Resource::GroupMemory)) else {
        return Finding::pass(CHECK, "not bounded", "no control group holds less than the host");
    };
    let file = facts.memory.group_file.as_deref().unwrap_or("memory.max");
    let used = facts.memory.group_used.map_or_else(String::new, |used| format!(", {} in use", bytes(used)));
    let found = format!("{}{used} ({file})", bytes(most));
    match goal.verdict(connections) {
        Verdict::Pass => Finding::pass(CHECK, found, "enough, the kernel's sockets included").at(Some(connections)),
        verdict @ (Verdict::Warn | Verdict::Fail) => {
            let needed = goal.connections * connection_bytes(facts);
            let needed = (needed + needed / 16 + reserve_bytes(needed)).next_multiple_of(1 << 20);
            let why = "the kernel's sockets, files and rings count against it, not just our memory: at the bound the \
                       server is killed, or sends stall";
            let fix =
                format!("systemctl set-property ringcast.service MemoryMax={needed}   # container: --memory={needed}");
            Finding::wrong(CHECK, verdict, found, why, fix).at(Some(connections))
        }
    }
}

fn quota(facts: &Facts) -> Finding {
    const CHECK: &str = "cgroup cpu";
    let shards = facts.shards.min(facts.processors);
    match facts.quota_thousandths {
        Some(quota) if quota < shards.saturating_mul(1000) => {
            let found = format!("{}.{:03} processors' worth of time for {shards} shards", quota / 1000, quota % 1000);
            let why = "used up, the kernel stops all shards for the rest of the period: latency of up to 100 ms";
            Finding::wrong(CHECK, Verdict::Warn, found, why, "systemctl set-property ringcast.service CPUQuota=")
        }
        Some(_) => Finding::pass(CHECK, "a quota above the shards' need", "never throttled"),
        None => {
            let found = format!("no quota, {} processors allowed", facts.processors);
            Finding::pass(CHECK, found, "never throttled")
        }
    }
}

fn huge_pages(facts: &Facts) -> Finding {
    const CHECK: &str = "huge pages";
    match facts.memory.huge_pages.as_deref() {
        Some("always") => {
            let why = "a page of 2 MiB is taken where 4 KiB are used, and khugepaged stops a shard while it copies: \
                       memory a connection grows, latency has spikes";
            let fix = "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled";
            Finding::wrong(CHECK, Verdict::Warn, "always", why, fix)
        }
        Some(mode) => Finding::pass(CHECK, mode, "only where a program asks"),
        None => Finding::pass(CHECK, "the kernel has none", "nothing to judge"),
    }
}

fn swap(facts: &Facts) -> Finding {
    const CHECK: &str = "swap";
    /// At 1 the kernel swaps only to avoid running out; above, it swaps idle rows for page cache.
    const SWAPPINESS_MAX: u64 = 1;
    let size = facts.memory.swap.unwrap_or(0);
    let swappiness = facts.memory.swappiness.unwrap_or(60);
    if size == 0 {
        return Finding::pass(CHECK, "none", "idle connections' rows stay in memory");
    }
    let found = format!("{}, vm.swappiness {swappiness}", bytes(size));
    if swappiness <= SWAPPINESS_MAX {
        return Finding::pass(CHECK, found, "used only when memory runs out");
    }
    let why = "rows of idle connections are the coldest memory of the host: they are swapped out first, and then every \
               heartbeat reads the disk";
    Finding::wrong(CHECK, Verdict::Warn, found, why, "sysctl -w vm.swappiness=1")
}

fn clock(facts: &Facts) -> Finding {
    const CHECK: &str = "clock source";
    match facts.clock_source.as_deref() {
        Some(slow @ ("hpet" | "acpi_pm" | "jiffies" | "pit" | "refined-jiffies")) => {
            let why = "reading the time is then a system call or a slow device: the server reads it every turn";
            let fix = "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource";
            Finding::wrong(CHECK, Verdict::Warn, slow, why, fix)
        }
        Some(fast) => Finding::pass(CHECK, fast, "the time is read without a system call"),
        None => {
            let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
            Finding::unreadable(CHECK, path)
        }
    }
}
