//! Texts as kernels of several hosts print them.
use super::*;

const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max processes             96365                96365                processes 
Max open files            1024                 1048576              files     
Max locked memory         8388608              unlimited            bytes     
Max nice priority         0                    0                    
";

const MEMINFO: &str = "\
MemTotal:       24684092 kB
MemFree:        24174700 kB
MemAvailable:   24209924 kB
HugePages_Total:       0
";

const STATUS: &str = "\
Name:\tringcast
CapEff:\t000001fffeffffff
NoNewPrivs:\t0
Seccomp:\t2
Seccomp_filters:\t1
Cpus_allowed:\tfff
Cpus_allowed_list:\t0-5,12-17
";

#[test]
fn versions() {
    let expected = [
        ("6.18.44-fc-v657", Some((6, 18))),
        ("6.1.0-18-amd64", Some((6, 1))),
        ("6.12-rc3", Some((6, 12))),
        ("5.14.0-362.8.1.el9_3.x86_64", Some((5, 14))),
        ("5.15.167.4-microsoft-standard-WSL2", Some((5, 15))),
        ("", None),
        ("linux", None),
        ("6", None),
    ];
    for (release, parts) in expected {
        let parsed = version(release).map(|found| (found.major, found.minor));
        assert_eq!(parsed, parts, "{release:?}");
    }
    assert!(version("6.10").unwrap() > version("6.9").unwrap());
}

#[test]
fn limits_have_a_soft_and_a_hard_value() {
    assert_eq!(limit(LIMITS, "Max open files"), Some((1024, 1_048_576)));
    assert_eq!(limit(LIMITS, "Max locked memory"), Some((8_388_608, u64::MAX)));
    assert_eq!(limit(LIMITS, "Max cpu time"), Some((u64::MAX, u64::MAX)));
    assert_eq!(limit(LIMITS, "Max dreams"), None);
    assert_eq!(limit("Max open files   many", "Max open files"), None);
}

#[test]
fn fields() {
    assert_eq!(field(STATUS, "Seccomp"), Some("2"));
    assert_eq!(field(STATUS, "Cpus_allowed"), Some("fff"));
    assert_eq!(kilobytes(MEMINFO, "MemTotal"), Some(24_684_092 * 1024));
    assert_eq!(kilobytes(MEMINFO, "HugePages_Total"), None);
    assert_eq!(kilobytes(MEMINFO, "MemLost"), None);
}

#[test]
fn tuples_have_exactly_their_length() {
    assert_eq!(numbers::<3>("287901\t383868\t575802"), Some([287_901, 383_868, 575_802]));
    assert_eq!(numbers::<2>("32768\t60999"), Some([32_768, 60_999]));
    assert_eq!(numbers::<3>("1 2"), None);
    assert_eq!(numbers::<3>("1 2 3 4"), None);
    assert_eq!(number("9223372036854775807"), Some(i64::MAX as u64));
    assert_eq!(number("18446744073709551615"), Some(u64::MAX));
    assert_eq!(magnitude("-262144"), Some(262_144));
}

#[test]
fn processor_lists() {
    assert_eq!(processors("0-1"), Some(2));
    assert_eq!(processors("0-5,12-17"), Some(12));
    assert_eq!(processors("3"), Some(1));
    assert_eq!(processors("3-1"), None);
    assert_eq!(processors(""), None);
    assert!(any_in_mask("00000000,00000fff"));
    assert!(!any_in_mask("00000000,00000000"));
}

#[test]
fn groups_of_memory() {
    let second = "0::/system.slice/ringcast.service";
    assert_eq!(memory_group(second), Some(("/system.slice/ringcast.service", true)));
    let first = "9:name=systemd:/\n4:memory:/docker/84da\n1:cpu,cpuacct:/\n0::/";
    assert_eq!(memory_group(first), Some(("/docker/84da", false)));
    assert_eq!(memory_group("0::/"), Some(("/", true)));
    assert_eq!(memory_group(""), None);
    assert_eq!(quota_thousandths("max 100000"), None);
    assert_eq!(quota_thousandths("150000 100000"), Some(1500));
    assert_eq!(quota_thousandths("150000 0"), None);
}

#[test]
fn odds_and_ends() {
    assert_eq!(chosen("always [madvise] never"), Some("madvise"));
    assert_eq!(chosen("tsc"), None);
    let sockstat = "sockets: used 14\nTCP: inuse 7 orphan 0 tw 5 alloc 9 mem 285\nUDP: inuse 0 mem 0";
    assert_eq!(connections(sockstat), Some(7));
    assert_eq!(has_capability("000001fffeffffff", 14), Some(true));
    assert_eq!(has_capability("000001fffeffffff", 24), Some(false));
    assert_eq!(has_capability("many", 1), None);
}
