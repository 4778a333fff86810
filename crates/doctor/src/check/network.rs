//! Ports, connection tracking, and the way of a packet from the card to a core.
use crate::capacity::{Capacity, Resource};
use crate::cost;
use crate::facts::{Facts, Interface};
use crate::report::{Finding, Verdict, bytes, grouped};

use super::Goal;

pub(super) fn all(facts: &Facts, capacity: &Capacity, goal: Goal) -> Vec<Finding> {
    let mut findings = vec![ports(facts), conntrack(facts, capacity, goal)];
    if facts.interfaces.is_empty() {
        let why = "nothing to judge: a container or a virtual network; look on the host";
        findings.push(Finding::pass("network card", "none with hardware is seen", why));
    }
    findings.extend(facts.interfaces.iter().map(|interface| spread(interface, facts.processors)));
    findings
}

/// Only what this host opens itself takes a port of the range: the load generator, a proxy.
fn ports(facts: &Facts) -> Finding {
    const CHECK: &str = "port range";
    /// Below, even one back end's connections run out when the closed ones linger for a minute.
    const PORTS_MIN: u64 = 10_000;
    let Some([first, last]) = facts.tcp.ports else {
        return Finding::unreadable(CHECK, "/proc/sys/net/ipv4/ip_local_port_range");
    };
    let count = last.saturating_sub(first).saturating_add(1);
    let found =
        format!("{first}-{last}: {} outgoing connections from one address to one address and port", grouped(count));
    if count >= PORTS_MIN {
        let why = "no limit for a server: its connections share one port and differ by the client's address and port";
        return Finding::pass(CHECK, found, why);
    }
    let why = "no limit for a server, but `ringcast bench` and proxies on this host run out of ports";
    Finding::wrong(CHECK, Verdict::Warn, found, why, "sysctl -w net.ipv4.ip_local_port_range='1024 65535'")
}

fn conntrack(facts: &Facts, capacity: &Capacity, goal: Goal) -> Finding {
    const CHECK: &str = "conntrack";
    let Some(conntrack) = facts.conntrack else {
        return Finding::pass(CHECK, "not loaded", "no connection is tracked: nothing is spent on it");
    };
    let Some(connections) = capacity.by(Resource::Conntrack) else {
        let found = format!("loaded, max {}, tracks nothing", grouped(conntrack.max));
        return Finding::pass(CHECK, found, "no firewall rule asks for it");
    };
    let found = format!("{} of {} entries in use", grouped(conntrack.count), grouped(conntrack.max));
    match goal.verdict(connections) {
        Verdict::Pass => Finding::pass(CHECK, found, "enough entries for the target").at(Some(connections)),
        verdict @ (Verdict::Warn | Verdict::Fail) => {
            let needed = (goal.connections + goal.connections / 8).next_multiple_of(65_536);
            let why = format!(
                "a firewall rule has each connection tracked; when the table is full, new ones are dropped in silence. \
                 {} more of memory; better: tuning/notrack.nft exempts the server's port",
                bytes(goal.connections.saturating_mul(cost::CONNTRACK_BYTES))
            );
            let fix = format!(
                "sysctl -w net.netfilter.nf_conntrack_max={needed} net.netfilter.nf_conntrack_buckets={}",
                needed / 4
            );
            Finding::wrong(CHECK, verdict, found, why, fix).at(Some(connections))
        }
    }
}

fn spread(interface: &Interface, processors: u64) -> Finding {
    const CHECK: &str = "network card";
    let Interface { name, queues, spread_queues, interrupts, interrupt_processors } = interface;
    let found = format!(
        "{name}: receive queues {queues}, spread on by software {spread_queues}; interrupts {interrupts}, on processors \
         {interrupt_processors}"
    );
    // A queue's interrupt beside the card's own one: with a single queue there is nothing to spread.
    let is_pinned_together = *queues > 1 && *interrupts > 1 && *interrupt_processors == 1;
    if is_pinned_together {
        let why = "all queues interrupt one processor: it is the only one that takes packets in";
        let fix = format!("tuning/apply --yes --only nic --nic {name}");
        return Finding::wrong(CHECK, Verdict::Warn, found, why, fix);
    }
    if *queues < processors && *spread_queues == 0 {
        let why = format!("packets come in on {queues} of {processors} processors: the others' shards wait for them");
        let fix =
            format!("tuning/apply --yes --only nic --nic {name}   # as many queues as the card has, the rest by RPS");
        return Finding::wrong(CHECK, Verdict::Warn, found, why, fix);
    }
    Finding::pass(CHECK, found, "packets come in on all processors")
}
