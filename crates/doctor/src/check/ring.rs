//! Kernel, io_uring, locked memory: can the server start?
use ::ring::Obstacle;

use crate::cost;
use crate::facts::Facts;
use crate::parse::Version;
use crate::report::{Finding, Verdict, bytes};

/// The oldest kernel that is supported: it brought `DEFER_TASKRUN`. Debian 12's.
const OLDEST: Version = Version { major: 6, minor: 1 };

/// What newer kernels add, and what the server does without.
const NEWER: [(Version, &str); 3] = [
    (Version { major: 6, minor: 6 }, "6.6: entries without an index (NO_SQARRAY), less work a submission"),
    (Version { major: 6, minor: 12 }, "6.12: the batch wait, up to 27 % less CPU a message at middle rates"),
    (Version { major: 6, minor: 15 }, "6.15: an idle server does not show as 100 % iowait"),
];

/// From here on the kernel counts a ring's memory as locked by its user.
const RINGS_COUNT: Version = Version { major: 6, minor: 14 };

pub(super) fn kernel(facts: &Facts) -> Finding {
    const CHECK: &str = "kernel";
    let Some(version) = facts.version else {
        return Finding::unreadable(CHECK, "/proc/sys/kernel/osrelease");
    };
    if version < OLDEST {
        let why = "the oldest supported kernel is 6.1 (Debian 12, Ubuntu 24.04, RHEL 10)";
        let fix = "apt install -t \"$(lsb_release -cs)-backports\" linux-image-amd64 && reboot";
        return Finding::wrong(CHECK, Verdict::Fail, &facts.release, why, fix);
    }
    let missing: Vec<&str> = NEWER.iter().filter(|(since, _)| version < *since).map(|(_, what)| *what).collect();
    if missing.is_empty() {
        Finding::pass(CHECK, &facts.release, "everything the server can use is there")
    } else {
        let found = format!("{}; newer ones add: {}", facts.release, missing.join("; "));
        Finding::pass(CHECK, found, "supported; newer features are used where they are")
    }
}

pub(super) fn io_uring(facts: &Facts) -> Finding {
    const CHECK: &str = "io_uring";
    match &facts.ring {
        Some(Ok(features)) => Finding::pass(CHECK, format!("works: {features}"), "a ring was opened"),
        Some(Err(obstacle)) => refusal(CHECK, obstacle, facts),
        None => match expected_obstacle(facts) {
            Some(obstacle) => refusal(CHECK, &obstacle, facts),
            None => Finding::pass(CHECK, "nothing forbids it", "not tried: another process or host"),
        },
    }
}

/// What the files say when a ring can't be tried.
fn expected_obstacle(facts: &Facts) -> Option<Obstacle> {
    if facts.version.is_some_and(|version| version < OLDEST) {
        let release = facts.release.clone();
        return Some(Obstacle::OldKernel { release, lacks: "DEFER_TASKRUN (6.1)" });
    }
    match facts.io_uring_disabled {
        Some(2) => Some(Obstacle::DisabledForAll),
        Some(1) if !facts.process.is_admin => {
            Some(Obstacle::DisabledForUnprivileged { group: facts.io_uring_group.unwrap_or(-1) })
        }
        Some(_) | None => None,
    }
}

/// The cause, and the shortest line that ends it.
fn refusal(check: &'static str, obstacle: &Obstacle, facts: &Facts) -> Finding {
    let (found, fix) = match obstacle {
        Obstacle::Absent => ("the kernel has none (ENOSYS)", "grep IO_URING \"/boot/config-$(uname -r)\"".to_owned()),
        Obstacle::DisabledForAll => {
            ("forbidden by sysctl kernel.io_uring_disabled = 2", "sysctl -w kernel.io_uring_disabled=0".to_owned())
        }
        Obstacle::DisabledForUnprivileged { .. } => (
            "for a group only, by sysctl kernel.io_uring_disabled = 1",
            "sysctl -w kernel.io_uring_group=\"$(getent group ringcast | cut -d: -f3)\"".to_owned(),
        ),
        Obstacle::Filtered if facts.process.is_filtered => (
            "forbidden by a seccomp filter: Docker's default since 25.0 is one",
            "docker run --security-opt seccomp=tuning/seccomp.json IMAGE".to_owned(),
        ),
        Obstacle::Filtered => (
            "forbidden (EPERM), not by a sysctl and not by seccomp: a security module",
            "dmesg | grep -iE 'avc|apparmor|io_uring' | tail".to_owned(),
        ),
        Obstacle::OldKernel { lacks, .. } => {
            let fix = "apt install -t \"$(lsb_release -cs)-backports\" linux-image-amd64 && reboot";
            return Finding::wrong(
                check,
                Verdict::Fail,
                format!("the kernel lacks {lacks}"),
                obstacle.to_string(),
                fix,
            );
        }
        Obstacle::Memlock { .. } => ("too little memory may be locked", memlock_fix(facts)),
        Obstacle::Descriptors => ("no descriptor is left for a ring", "ulimit -n 1048576".to_owned()),
        Obstacle::Unknown { .. } => ("a ring can't be opened", "strace -e io_uring_setup ringcast doctor".to_owned()),
    };
    Finding::wrong(check, Verdict::Fail, found, obstacle.to_string(), fix)
}

pub(super) fn locked_memory(facts: &Facts) -> Finding {
    const CHECK: &str = "memlock";
    let Some((soft, _)) = facts.process.locked_bytes else {
        return Finding::unreadable(CHECK, "/proc/self/limits");
    };
    let needed = locked_bytes(facts);
    // glommio itself looks at the limit, before the kernel would wave CAP_IPC_LOCK through.
    let is_enough = soft >= needed || (facts.process.locks_freely && soft >= cost::EXECUTOR_MEMLOCK_BYTES);
    if is_enough {
        return Finding::pass(CHECK, bytes(soft), "enough for each shard's buffers, and its rings where they count");
    }
    let what = if rings_count(facts) { "buffers and rings" } else { "buffers" };
    let why = format!(
        "the {what} of each of the {} shards are locked memory; the kernel adds it up for the user: {} are needed",
        facts.shards,
        bytes(needed)
    );
    Finding::wrong(CHECK, Verdict::Fail, bytes(soft), why, memlock_fix(facts))
}

fn locked_bytes(facts: &Facts) -> u64 {
    let shards = u16::try_from(facts.shards).unwrap_or(u16::MAX);
    Obstacle::locked_bytes(shards, rings_count(facts))
}

fn rings_count(facts: &Facts) -> bool {
    facts.version.is_some_and(|version| version >= RINGS_COUNT)
}

fn memlock_fix(facts: &Facts) -> String {
    let kibibytes = locked_bytes(facts).div_ceil(1024).max(8192);
    format!("ulimit -l {kibibytes}   # under systemd: LimitMEMLOCK=infinity in the unit")
}
