//! TCP: memory in flight, buffers, queues of new connections, the hash of all of them.
use crate::capacity::{Capacity, Resource};
use crate::cost;
use crate::facts::Facts;
use crate::report::{Finding, Verdict, bytes, grouped};

use super::Goal;

/// What the kernel gives a listener since 5.4; too little only when millions come at once.
const BACKLOG_MIN: u64 = 4_096;
/// A storm's worth: at 40,000 connections a second, a listener may be away for a second and a half.
const BACKLOG_STORM: u64 = 65_535;
/// From here on a restart brings a storm.
const STORM_CONNECTIONS: u64 = 1_000_000;

pub(super) fn all(facts: &Facts, capacity: &Capacity, goal: Goal) -> [Finding; 7] {
    [
        memory(facts, capacity, goal),
        send_buffer(facts),
        receive_buffer(facts),
        backlog("somaxconn", "net.core.somaxconn", facts.tcp.accept_backlog, goal),
        backlog("SYN backlog", "net.ipv4.tcp_max_syn_backlog", facts.tcp.syn_backlog, goal),
        cookies(facts),
        hash(facts, goal),
    ]
}

fn memory(facts: &Facts, capacity: &Capacity, goal: Goal) -> Finding {
    const CHECK: &str = "tcp_mem";
    let (Some([_, pressure, max]), Some(connections)) = (facts.tcp.memory_pages, capacity.by(Resource::TcpMemory))
    else {
        return Finding::unreadable(CHECK, "/proc/sys/net/ipv4/tcp_mem");
    };
    let page = facts.memory.page;
    let found = format!("pressure {}, max {}", bytes(pressure.saturating_mul(page)), bytes(max.saturating_mul(page)));
    match goal.verdict(connections) {
        Verdict::Pass => {
            let why = "a page for each of one in 20 connections with data in flight; idle ones take none";
            Finding::pass(CHECK, found, why).at(Some(connections))
        }
        verdict @ (Verdict::Warn | Verdict::Fail) => {
            let pages = goal.connections.div_ceil(cost::BUSY_DIVISOR);
            let why = format!(
                "a connection with data in flight takes a page at least; with one in {} busy, {} pages are needed. At \
                 the maximum the kernel drops data and resets connections",
                cost::BUSY_DIVISOR,
                grouped(pages)
            );
            let fix = format!("sysctl -w net.ipv4.tcp_mem='{} {} {pages}'", pages / 2, pages / 4 * 3);
            Finding::wrong(CHECK, verdict, found, why, fix).at(Some(connections))
        }
    }
}

fn send_buffer(facts: &Facts) -> Finding {
    const CHECK: &str = "tcp_wmem";
    let Some([_, _, max]) = facts.tcp.send_bytes else {
        return Finding::unreadable(CHECK, "/proc/sys/net/ipv4/tcp_wmem");
    };
    let found = format!("up to {} a connection", bytes(max));
    if max <= cost::SEND_BUFFER_BYTES_MAX {
        return Finding::pass(CHECK, found, "a reader that stops holds little of the kernel's memory");
    }
    let why = "the kernel takes that much for each reader that has stopped, before the outbox's policy sees it: a \
               thousand of them take gigabytes";
    Finding::wrong(CHECK, Verdict::Warn, found, why, "sysctl -w net.ipv4.tcp_wmem='4096 16384 262144'")
}

fn receive_buffer(facts: &Facts) -> Finding {
    const CHECK: &str = "tcp_rmem";
    let Some([_, _, max]) = facts.tcp.receive_bytes else {
        return Finding::unreadable(CHECK, "/proc/sys/net/ipv4/tcp_rmem");
    };
    let found = format!("up to {} a connection", bytes(max));
    if max <= cost::RECEIVE_BUFFER_BYTES_MAX {
        return Finding::pass(CHECK, found, "a publisher that is pushed back holds little of the kernel's memory");
    }
    let why = "the kernel takes up to that much for each publisher that the server pushes back";
    Finding::wrong(CHECK, Verdict::Warn, found, why, "sysctl -w net.ipv4.tcp_rmem='4096 131072 1048576'")
}

fn backlog(check: &'static str, name: &str, value: Option<u64>, goal: Goal) -> Finding {
    let Some(value) = value else {
        return Finding::unreadable(check, &format!("/proc/sys/{}", name.replace('.', "/")));
    };
    let storm = goal.connections >= STORM_CONNECTIONS;
    // The kernel sizes the SYN backlog by memory: 2,048 or 4,096 there, with cookies behind it.
    let usual = if check == "somaxconn" { BACKLOG_MIN } else { BACKLOG_MIN / 4 };
    let needed = if goal.is_given && storm { BACKLOG_STORM } else { usual };
    let found = grouped(value);
    if value >= needed {
        return Finding::pass(check, found, "connections that come at once wait, and are not dropped");
    }
    let why = "what comes while it is full is dropped, and the client tries again after 1, 3 and 7 s: the long tail of \
               a restart";
    Finding::wrong(check, Verdict::Warn, found, why, format!("sysctl -w {name}={BACKLOG_STORM}"))
}

fn cookies(facts: &Facts) -> Finding {
    const CHECK: &str = "SYN cookies";
    match facts.tcp.syn_cookies {
        Some(0) => {
            let why = "a flood of SYNs, or every client at once, fills the queue, and nobody gets in";
            Finding::wrong(CHECK, Verdict::Warn, "off", why, "sysctl -w net.ipv4.tcp_syncookies=1")
        }
        Some(_) => Finding::pass(CHECK, "on", "a full queue of SYNs locks nobody out"),
        None => Finding::unreadable(CHECK, "/proc/sys/net/ipv4/tcp_syncookies"),
    }
}

/// The table is made at boot and never grows: 8 bytes a bucket, and by default no more than 524,288 buckets.
fn hash(facts: &Facts, goal: Goal) -> Finding {
    const CHECK: &str = "connection hash";
    /// Connections in a bucket, on average, up to which the walk costs less than the rest of a packet.
    const CHAIN_MAX: u64 = 4;
    let Some(buckets) = facts.tcp.hash_buckets.filter(|buckets| *buckets > 0) else {
        let why = "it can't be judged: kernels before 6.1 tell it only at boot";
        let fix = "dmesg | grep 'TCP established hash'";
        return Finding::wrong(CHECK, Verdict::Warn, "not readable", why, fix);
    };
    let found = format!("{} buckets", grouped(buckets));
    let chain = goal.connections / buckets;
    if chain < CHAIN_MAX {
        return Finding::pass(CHECK, found, "a packet finds its connection at once");
    }
    let recommended = (goal.connections / 2).next_power_of_two();
    let why = format!(
        "{chain} connections share a bucket at the target, and each packet walks half of them, a cache miss each; only \
         the kernel command line changes it"
    );
    let fix = format!(
        "echo 'GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX thash_entries={recommended}\"' >> /etc/default/grub && update-grub && reboot"
    );
    Finding::wrong(CHECK, Verdict::Warn, found, why, fix)
}
