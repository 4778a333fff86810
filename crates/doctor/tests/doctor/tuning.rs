//! `tuning/apply` on hosts made of files: it shows, changes what the doctor complains of, and takes all of it back.
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use doctor::report::Verdict;

use crate::fake_host::{self, FakeHost, TUNED};

/// Runs the script on a host; the text it prints.
fn apply(host: &FakeHost, tools: Option<&Path>, arguments: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tuning/apply");
    let mut command = Command::new("sh");
    command.arg(script).args(arguments).arg("--root").arg(host.root());
    if let Some(tools) = tools {
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", tools.display()));
    }
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

/// Every file of a host with its text, `/var` apart.
fn files(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                found.insert(path.display().to_string(), fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// [`TUNED`] with the settings of a fresh installation.
fn fresh() -> FakeHost {
    let host = FakeHost::new(TUNED);
    for (name, value) in [
        ("fs/nr_open", "1048576"),
        ("net/core/somaxconn", "4096"),
        ("net/core/netdev_max_backlog", "1000"),
        ("net/ipv4/tcp_max_syn_backlog", "2048"),
        ("net/ipv4/tcp_rmem", "4096\t131072\t6291456"),
        ("net/ipv4/tcp_wmem", "4096\t16384\t4194304"),
        ("net/ipv4/tcp_slow_start_after_idle", "1"),
        ("net/ipv4/tcp_max_orphans", "262144"),
        ("net/ipv4/ip_local_port_range", "32768\t60999"),
        ("net/ipv4/ip_local_reserved_ports", ""),
        ("vm/swappiness", "60"),
        ("kernel/io_uring_disabled", "2"),
    ] {
        host.set(&format!("/proc/sys/{name}"), value);
    }
    host.set("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never");
    host.set("/etc/sysctl.d/90-ringcast.conf", "# an older one");
    host
}

#[test]
fn it_shows_and_changes_nothing_unless_told() {
    let host = fresh();
    let before = files(host.root());
    let text = apply(&host, None, &[]);
    assert!(text.contains("/proc/sys/fs/nr_open"), "{text}");
    assert!(text.contains("1048576 -> 2097152"), "{text}");
    assert!(text.contains("always -> madvise"), "{text}");
    assert!(text.contains("nothing was changed"), "{text}");
    assert_eq!(files(host.root()), before);
}

#[test]
fn what_it_changes_is_what_the_doctor_asks_for_and_all_of_it_comes_back() {
    let host = fresh();
    let before = files(host.root());
    let complaints = |host: &FakeHost| {
        let report = host.examine(Some(20_000_000));
        report.findings.into_iter().filter(|finding| finding.verdict != Verdict::Pass).count()
    };
    assert!(complaints(&host) >= 7);
    apply(&host, None, &["--yes"]);
    assert_eq!(complaints(&host), 0, "{}", host.examine(Some(20_000_000)));
    assert!(host.root().join("etc/systemd/system/ringcast.service").exists());

    let again = apply(&host, None, &["--yes"]);
    assert!(again.contains("nothing to change"), "{again}");
    // A value changed by hand in between is set again, and yet the first one is what comes back.
    host.set("/proc/sys/vm/swappiness", "30");
    apply(&host, None, &["--yes"]);

    apply(&host, None, &["--undo"]);
    let after = files(host.root());
    assert_eq!(after.len(), before.len(), "{:?}", after.keys());
    for (path, text) in before {
        // The brackets of a choice are the kernel's, not in what is written; white space is the kernel's too.
        let words = |text: &str| {
            text.replace("[always] madvise never", "always").split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words(&after[&path]), words(&text), "{path}");
    }
    assert!(apply(&host, None, &["--undo"]).contains("nothing to undo"));
}

#[test]
fn one_part_alone() {
    let host = fresh();
    let before = files(host.root());
    apply(&host, None, &["--yes", "--only", "unit"]);
    let changed: Vec<_> = files(host.root()).into_keys().filter(|path| !before.contains_key(path)).collect();
    assert!(changed.iter().all(|path| path.contains("/systemd/system/") || path.contains("/var/")), "{changed:?}");
}

#[test]
fn limits_that_would_lock_users_out_are_left_out() {
    let host = fresh();
    let text = apply(&host, None, &["--yes", "--only", "limits"]);
    assert!(text.contains("logins would fail"), "{text}");
    assert!(!host.root().join("etc/security").exists());
}

/// A card of 8 queues at most for 12 cores, as its driver's tool prints it.
const ETHTOOL: &str = r#"#!/bin/sh
echo "$@" >>"$(dirname "$0")/calls"
case $1 in
    -l) printf 'Channel parameters for eth0:\nPre-set maximums:\nRX:\t\tn/a\nCombined:\t8\nCurrent hardware settings:\nRX:\t\tn/a\nCombined:\t4\n' ;;
    -g) printf 'Ring parameters for eth0:\nPre-set maximums:\nRX:\t\t4096\nRX Mini:\tn/a\nTX:\t\t4096\nCurrent hardware settings:\nRX:\t\t512\nTX:\t\t512\n' ;;
    -c) printf 'Coalesce parameters for eth0:\nAdaptive RX: off  TX: off\nrx-usecs:\t1\ntx-usecs:\t0\n' ;;
esac
"#;

#[test]
fn a_network_card_is_spread_over_all_cores() {
    let host = fresh();
    fake_host::card(&host, 8, &|_| 0);
    for interrupt in 60..68 {
        host.set(&format!("/proc/irq/{interrupt}/smp_affinity_list"), "0");
    }
    let processors: String = (0..12).map(|core| format!("processor\t: {core}\n\n")).collect();
    host.set("/proc/cpuinfo", &processors);
    host.set("/tools/ethtool", ETHTOOL);
    let tools = host.root().join("tools");
    fs::set_permissions(tools.join("ethtool"), fs::Permissions::from_mode(0o755)).unwrap();

    apply(&host, Some(&tools), &["--yes", "--only", "nic", "--nic", "eth0"]);
    let read = |path: &str| fs::read_to_string(host.root().join(path)).unwrap().trim().to_owned();
    assert_eq!(read("proc/irq/67/smp_affinity_list"), "7");
    assert_eq!(read("sys/class/net/eth0/queues/tx-5/xps_cpus"), "20");
    assert_eq!(read("sys/class/net/eth0/queues/rx-5/rps_cpus"), "00000fff", "8 queues for 12 cores: RPS");
    let calls = read("tools/calls");
    for call in ["-L eth0 combined 8", "-G eth0 rx 4096", "-G eth0 tx 4096", "-C eth0 rx-usecs 50"] {
        assert!(calls.contains(call), "{call} in {calls}");
    }

    apply(&host, Some(&tools), &["--undo"]);
    assert_eq!(read("proc/irq/67/smp_affinity_list"), "0");
    assert_eq!(read("sys/class/net/eth0/queues/rx-5/rps_cpus"), "000");
    let calls = read("tools/calls");
    for call in ["-L eth0 combined 4", "-G eth0 rx 512", "-C eth0 rx-usecs 1"] {
        assert!(calls.ends_with(call) || calls.contains(&format!("{call}\n")), "{call} in {calls}");
    }
}
