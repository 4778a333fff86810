//! Whole hosts: what the doctor predicts, and what it says first.

use crate::fake_host::{CONTAINER, FakeHost, TUNED, VIRTUAL, tuned};
use doctor::capacity::Resource;
use doctor::cli::DoctorError;
use doctor::report::Verdict;
use doctor::{Args, cost};

#[test]
fn a_machine_with_few_descriptors() {
    let report = FakeHost::new(VIRTUAL).examine(None);
    let first = report.capacity.first().unwrap();
    // Two shards of (20,000 − 64) descriptors, less a seventeenth for the uneven spread.
    assert_eq!((first.resource, first.connections), (Resource::OpenFiles, 37_526));
    assert_eq!(report.findings[0].check, "nofile");
    assert_eq!(report.findings[0].verdict, Verdict::Warn, "no target was asked for");
    assert_eq!(report.exit_code(), 0);
    assert_eq!(FakeHost::new(VIRTUAL).examine(Some(1_000_000)).exit_code(), 1);
    assert_eq!(FakeHost::new(VIRTUAL).examine(Some(37_526)).exit_code(), 0);
}

#[test]
fn a_machine_of_96_gigabytes_holds_twenty_two_million() {
    let report = tuned().examine(None);
    let first = report.capacity.first().unwrap();
    assert_eq!(first.resource, Resource::Memory);
    assert!((21_500_000..22_500_000).contains(&first.connections), "{}", first.connections);
    assert_eq!(report.target, first.connections);
}

#[test]
fn a_container_is_bounded_by_its_group() {
    let report = FakeHost::new(CONTAINER).examine(None);
    let by_group = report.capacity.by(Resource::GroupMemory).unwrap();
    assert_eq!(by_group, (4_294_967_296 - 268_435_456) / (cost::CONNECTION_BYTES + cost::CONNTRACK_BYTES));
    assert_eq!(report.capacity.first().unwrap().resource, Resource::Conntrack);
    let warned: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.verdict != Verdict::Pass)
        .map(|finding| finding.check)
        .collect();
    for check in ["conntrack", "cgroup cpu", "huge pages", "tcp_wmem"] {
        assert!(warned.contains(&check), "{check} in {warned:?}");
    }
    assert_eq!(report.findings[0].check, "conntrack");
}

#[test]
fn open_connections_are_no_lost_memory() {
    let idle = tuned().examine(None).capacity.by(Resource::Memory).unwrap();
    let busy = tuned();
    let open = 10_000_000;
    let taken = open * cost::CONNECTION_BYTES / 1024;
    busy.change("/proc/meminfo", "97100000", &(97_100_000 - taken).to_string());
    busy.change("/proc/net/sockstat", "inuse 9", &format!("inuse {open}"));
    busy.change("/proc/sys/fs/file-nr", "2112", &(open + 2_112).to_string());
    let held = busy.examine(None).capacity.by(Resource::Memory).unwrap();
    assert!(held.abs_diff(idle) < 20, "{held} and {idle}");
}

#[test]
fn more_shards_are_more_file_tables() {
    let host = FakeHost::new(VIRTUAL);
    let two = host.examine(None).capacity.by(Resource::OpenFiles).unwrap();
    host.change("/proc/self/status", "Cpus_allowed_list:\t0-1", "Cpus_allowed_list:\t0-3");
    let four = host.examine(None).capacity.by(Resource::OpenFiles).unwrap();
    assert!(four.abs_diff(two * 2) <= 1, "rounded down once, not twice: {four} and {two}");
}

#[test]
fn the_report_reads_well_and_is_json() {
    let report = FakeHost::new(VIRTUAL).examine(Some(12_000_000));
    let text = report.to_string();
    for part in [
        "Linux 6.18.44-fc-v657, 2 processors, 2 shards",
        "judged for 12,000,000 connections (asked for)",
        "FAIL  nofile",
        "fix  sysctl -w fs.nr_open=6422528 && ulimit -Hn 6422528",
        "This host holds 37,526 idle subscribed connections; first bites: open files of the shards (nofile).",
        "4,334 bytes: 3,828 kernel socket, 256 kernel poll, 250 user space.",
        "no limit  ports:",
    ] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
    let json: serde_json::Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    assert_eq!(json["capacity"]["bounds"][0]["resource"], "open_files");
    assert_eq!(json["findings"][0]["verdict"], "fail");
    assert_eq!(json["target"], 12_000_000);
}

#[test]
fn nothing_to_read_is_an_error_and_little_to_read_is_no_panic() {
    let empty = FakeHost::new(&[]);
    drop(empty);
    let nowhere = Args { target: None, shards: None, pid: None, json: false, root: "/nonexistent".into() };
    assert_eq!(doctor::run(&nowhere).unwrap_err(), DoctorError::NoProc("/nonexistent".into()));

    let bare = FakeHost::new(&TUNED[..1]);
    for target in [None, Some(1), Some(1_000_000_000)] {
        let report = bare.examine(target);
        assert!(report.findings.iter().all(|finding| finding.verdict == Verdict::Pass || finding.fix.is_some()));
        assert!(!report.to_string().is_empty());
    }
}

/// Each file of a host replaced by rubbish: a report all the same, and every complaint with a line to type.
#[test]
fn rubbish_is_no_panic() {
    const LARGEST: &str = "18446744073709551615";
    let (two, three) = ([LARGEST; 2].join(" "), [LARGEST; 3].join(" "));
    let host = tuned();
    for rubbish in ["\u{0}", "-1", LARGEST, &two, &three, "999999999999999999999", "[always", "0-99999999999999999999"]
    {
        for (path, text) in TUNED {
            host.set(path, rubbish);
            for target in [None, Some(1_000_000_000)] {
                let report = host.examine(target);
                let is_complete =
                    report.findings.iter().all(|finding| finding.verdict == Verdict::Pass || finding.fix.is_some());
                assert!(is_complete, "{path}: {rubbish:?}");
                assert!(report.to_string().contains("judged for"), "{path}: {rubbish:?}");
            }
            host.set(path, text);
        }
    }
}

/// This very machine, with a ring really opened.
#[test]
fn this_machine_has_a_report() {
    let here = Args { target: Some(1_000), shards: None, pid: None, json: false, root: "/".into() };
    let report = doctor::run(&here).unwrap();
    assert!(report.capacity.first().is_some());
    let ring = report.findings.iter().find(|finding| finding.check == "io_uring").unwrap();
    assert!(ring.fix.is_some() || ring.found.starts_with("works"), "{ring:?}");
}
