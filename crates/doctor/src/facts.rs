//! Everything the checks look at, at one moment.
use ring::{Features, Obstacle};

use crate::host::Host;
use crate::parse::{self, Version};

/// The numbers of a host. `None` is what could not be read, or is not there, as the field says.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Shards the host is judged for: descriptors and locked memory are needed for each.
    pub shards: u64,
    /// The kernel's release, as `uname -r` prints it.
    pub release: String,
    /// Its version; `None` if the release is not understood.
    pub version: Option<Version>,
    /// What came of opening a ring; `None` if the host is not the one this program runs on.
    pub ring: Option<Result<Features, Obstacle>>,
    /// `kernel.io_uring_disabled`: absent before 6.6.
    pub io_uring_disabled: Option<u64>,
    /// `kernel.io_uring_group`; -1: none.
    pub io_uring_group: Option<i64>,
    /// Processors this process may run on.
    pub processors: u64,
    /// Processors' worth of time its control group allows, in thousandths; `None`: not bounded.
    pub quota_thousandths: Option<u64>,
    /// What the process may do.
    pub process: Process,
    /// System-wide bounds on files.
    pub files: Files,
    /// Memory of the host and of the control group.
    pub memory: Memory,
    /// TCP's settings.
    pub tcp: Tcp,
    /// Connection tracking; `None` if the kernel has none, or has not loaded it.
    pub conntrack: Option<Conntrack>,
    /// Physical network interfaces.
    pub interfaces: Vec<Interface>,
    /// The clock source in use.
    pub clock_source: Option<String>,
}

/// Limits and rights of the process.
#[derive(Clone, Default, Debug)]
pub struct Process {
    /// Soft and hard limit of descriptors, of each file table.
    pub open_files: Option<(u64, u64)>,
    /// Soft and hard limit of locked memory in bytes.
    pub locked_bytes: Option<(u64, u64)>,
    /// It may lock as much as it likes (`CAP_IPC_LOCK`).
    pub locks_freely: bool,
    /// It may do nearly anything (`CAP_SYS_ADMIN`).
    pub is_admin: bool,
    /// A filter of system calls is in force.
    pub is_filtered: bool,
}

/// System-wide bounds on files.
#[derive(Clone, Default, Debug)]
pub struct Files {
    /// `fs.nr_open`: most descriptors that a limit may be raised to.
    pub per_table_max: Option<u64>,
    /// `fs.file-max`: most open files of the system.
    pub system_max: Option<u64>,
    /// Open files of the system.
    pub system_open: Option<u64>,
}

/// Memory, in bytes.
#[derive(Clone, Default, Debug)]
pub struct Memory {
    /// Of the host.
    pub total: Option<u64>,
    /// What can be had without swapping.
    pub available: Option<u64>,
    /// Swap space.
    pub swap: Option<u64>,
    /// `vm.swappiness`.
    pub swappiness: Option<u64>,
    /// Smallest bound of the control group and those above it; `None`: not bounded.
    pub group_max: Option<u64>,
    /// What the group with that bound holds.
    pub group_used: Option<u64>,
    /// The file that sets that bound.
    pub group_file: Option<String>,
    /// `always`, `madvise` or `never`; `None`: the kernel has no transparent huge pages.
    pub huge_pages: Option<String>,
    /// Bytes of a page.
    pub page: u64,
}

/// TCP's settings.
#[derive(Clone, Default, Debug)]
pub struct Tcp {
    /// `tcp_mem`: low, pressure, max, in pages.
    pub memory_pages: Option<[u64; 3]>,
    /// `tcp_rmem`: min, default, max, in bytes.
    pub receive_bytes: Option<[u64; 3]>,
    /// `tcp_wmem`: min, default, max, in bytes.
    pub send_bytes: Option<[u64; 3]>,
    /// `somaxconn`.
    pub accept_backlog: Option<u64>,
    /// `tcp_max_syn_backlog`.
    pub syn_backlog: Option<u64>,
    /// `tcp_syncookies`.
    pub syn_cookies: Option<u64>,
    /// `ip_local_port_range`, both ends included.
    pub ports: Option<[u64; 2]>,
    /// Buckets of the hash of connections.
    pub hash_buckets: Option<u64>,
    /// Connections now.
    pub connections: Option<u64>,
}

/// Connection tracking.
#[derive(Clone, Copy, Debug)]
pub struct Conntrack {
    /// Most entries.
    pub max: u64,
    /// Entries now; none at all means that no rule has asked for tracking.
    pub count: u64,
}

/// A network interface with hardware behind it.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Receive queues.
    pub queues: u64,
    /// Receive queues whose packets are spread on by software (RPS).
    pub spread_queues: u64,
    /// Interrupts of it.
    pub interrupts: u64,
    /// Different processors that take them.
    pub interrupt_processors: u64,
}

impl Facts {
    /// Reads a host. `shards` is what the server will run, one per processor unless given; `ring` what came of opening a ring.
    #[must_use]
    pub fn read(host: &Host, shards: Option<u64>, ring: Option<Result<Features, Obstacle>>) -> Self {
        let status = host.process("status").unwrap_or_default();
        let processors = parse::field(&status, "Cpus_allowed_list").and_then(parse::processors).unwrap_or(1);
        let release = host.sysctl("kernel.osrelease").unwrap_or_default();
        let numeric = |name: &str| host.sysctl(name).as_deref().and_then(parse::number);
        Self {
            shards: shards.unwrap_or(processors).max(1),
            version: parse::version(&release),
            release,
            ring,
            io_uring_disabled: numeric("kernel.io_uring_disabled"),
            io_uring_group: host.sysctl("kernel.io_uring_group").and_then(|text| text.parse().ok()),
            processors,
            quota_thousandths: quota(host),
            process: process(host, &status),
            files: Files {
                per_table_max: numeric("fs.nr_open"),
                system_max: numeric("fs.file-max"),
                system_open: host.sysctl("fs.file-nr").and_then(|text| Some(parse::numbers::<3>(&text)?[0])),
            },
            memory: memory(host),
            tcp: tcp(host),
            conntrack: numeric("net.netfilter.nf_conntrack_max")
                .map(|max| Conntrack { max, count: numeric("net.netfilter.nf_conntrack_count").unwrap_or(max) }),
            interfaces: interfaces(host),
            clock_source: host.read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        }
    }
}

fn process(host: &Host, status: &str) -> Process {
    /// `CAP_IPC_LOCK` and `CAP_SYS_ADMIN` in capabilities(7).
    const IPC_LOCK: u32 = 14;
    const SYS_ADMIN: u32 = 21;
    let limits = host.process("limits").unwrap_or_default();
    let may = |bit| {
        let mask = parse::field(status, "CapEff");
        mask.and_then(|mask| parse::has_capability(mask, bit)).unwrap_or(false)
    };
    Process {
        open_files: parse::limit(&limits, "Max open files"),
        locked_bytes: parse::limit(&limits, "Max locked memory"),
        locks_freely: may(IPC_LOCK),
        is_admin: may(SYS_ADMIN),
        // 0: none, 1: strict, 2: filter.
        is_filtered: parse::field(status, "Seccomp").is_some_and(|mode| mode != "0"),
    }
}

fn tcp(host: &Host) -> Tcp {
    let text = |name: &str| host.sysctl(name);
    let numeric = |name: &str| text(name).as_deref().and_then(parse::number);
    let three = |name: &str| text(name).as_deref().and_then(parse::numbers::<3>);
    Tcp {
        memory_pages: three("net.ipv4.tcp_mem"),
        receive_bytes: three("net.ipv4.tcp_rmem"),
        send_bytes: three("net.ipv4.tcp_wmem"),
        accept_backlog: numeric("net.core.somaxconn"),
        syn_backlog: numeric("net.ipv4.tcp_max_syn_backlog"),
        syn_cookies: numeric("net.ipv4.tcp_syncookies"),
        ports: text("net.ipv4.ip_local_port_range").as_deref().and_then(parse::numbers::<2>),
        hash_buckets: text("net.ipv4.tcp_ehash_entries").as_deref().and_then(parse::magnitude),
        connections: host.read("/proc/net/sockstat").as_deref().and_then(parse::connections),
    }
}

fn memory(host: &Host) -> Memory {
    let meminfo = host.read("/proc/meminfo").unwrap_or_default();
    let mut memory = Memory {
        total: parse::kilobytes(&meminfo, "MemTotal"),
        available: parse::kilobytes(&meminfo, "MemAvailable"),
        swap: parse::kilobytes(&meminfo, "SwapTotal"),
        swappiness: host.sysctl("vm.swappiness").as_deref().and_then(parse::number),
        huge_pages: host
            .read("/sys/kernel/mm/transparent_hugepage/enabled")
            .as_deref()
            .and_then(parse::chosen)
            .map(str::to_owned),
        page: rustix::param::page_size() as u64,
        ..Memory::default()
    };
    let cgroup = host.process("cgroup").unwrap_or_default();
    if let Some((path, is_second)) = parse::memory_group(&cgroup) {
        bound_by_group(host, path, is_second, &mut memory);
    }
    memory
}

/// A bound of any group above holds too. Inside a container the path may name what only the host sees: then the mount's root is
/// the container's own group.
fn bound_by_group(host: &Host, path: &str, is_second: bool, memory: &mut Memory) {
    let (mount, limit, used) = if is_second {
        ("/sys/fs/cgroup", "memory.max", "memory.current")
    } else {
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes")
    };
    for group in groups_above(path) {
        let file = format!("{mount}{group}/{limit}");
        let Some(bound) = host.read(&file).as_deref().and_then(parse::number) else { continue };
        // Version 1 writes "not bounded" as the largest multiple of a page.
        let is_bound = bound < i64::MAX as u64 / 2;
        if is_bound && memory.group_max.is_none_or(|smallest| bound < smallest) {
            memory.group_max = Some(bound);
            memory.group_used = host.read(&format!("{mount}{group}/{used}")).as_deref().and_then(parse::number);
            memory.group_file = Some(file);
        }
    }
}

/// `/a/b` is `/a/b`, `/a` and the root, written as nothing.
fn groups_above(path: &str) -> Vec<&str> {
    let mut groups = Vec::new();
    let mut rest = path.trim_end_matches('/');
    while let Some((above, _)) = rest.rsplit_once('/') {
        groups.push(rest);
        rest = above;
    }
    groups.push("");
    groups
}

fn quota(host: &Host) -> Option<u64> {
    let cgroup = host.process("cgroup")?;
    let path = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
    groups_above(path)
        .into_iter()
        .filter_map(|group| {
            let text = host.read(&format!("/sys/fs/cgroup{group}/cpu.max"))?;
            parse::quota_thousandths(&text)
        })
        .min()
}

fn interfaces(host: &Host) -> Vec<Interface> {
    const NET: &str = "/sys/class/net";
    let physical = |name: &String| host.has(&format!("{NET}/{name}/device"));
    host.names(NET).into_iter().filter(physical).map(|name| interface(host, NET, name)).collect()
}

fn interface(host: &Host, net: &str, name: String) -> Interface {
    let queues: Vec<String> =
        host.names(&format!("{net}/{name}/queues")).into_iter().filter(|queue| queue.starts_with("rx-")).collect();
    let spread_queues = queues
        .iter()
        .filter_map(|queue| host.read(&format!("{net}/{name}/queues/{queue}/rps_cpus")))
        .filter(|mask| parse::any_in_mask(mask))
        .count();
    // A virtio device is one step below the PCI function that owns the interrupts.
    let interrupts: Vec<String> = ["device/msi_irqs", "device/../msi_irqs"]
        .iter()
        .map(|place| host.names(&format!("{net}/{name}/{place}")))
        .find(|names| !names.is_empty())
        .unwrap_or_default();
    let mut processors: Vec<String> = interrupts
        .iter()
        .filter_map(|number| host.read(&format!("/proc/irq/{number}/effective_affinity_list")))
        .filter(|list| !list.is_empty())
        .collect();
    processors.sort();
    processors.dedup();
    Interface {
        queues: queues.len() as u64,
        spread_queues: spread_queues as u64,
        interrupts: interrupts.len() as u64,
        interrupt_processors: processors.len() as u64,
        name,
    }
}
