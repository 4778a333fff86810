//! Why io_uring can't be used here, and what to type.
use std::fmt;
use std::fs;
use std::io;

use io_uring::IoUring;

use crate::Ring;
use crate::features::Features;

/// What stands in the way. The message says the cause and the command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Obstacle {
    /// The kernel was built without io_uring, or something answers in its place (gVisor, WSL 1).
    Absent,
    /// `kernel.io_uring_disabled` is 2: for nobody.
    DisabledForAll,
    /// `kernel.io_uring_disabled` is 1: only for a group, and for whoever has CAP_SYS_ADMIN.
    DisabledForUnprivileged {
        /// `kernel.io_uring_group`; -1: no group.
        group: i64,
    },
    /// The sysctl allows it, but a seccomp filter or a security module does not: a container's, or a service manager's.
    Filtered,
    /// The kernel is older than 6.1.
    OldKernel {
        /// Its release, as `uname -r` says.
        release: String,
        /// What it lacks first.
        lacks: &'static str,
    },
    /// Too little memory may be locked.
    Memlock {
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// The process's, or the system's, table of open files is full.
    Descriptors,
    /// Something else.
    Unknown {
        /// `errno`.
        errno: i32,
    },
}

/// What glommio asks for before it starts an executor: it checks for this limit, and then registers [`LOCKED_BYTES_PER_SHARD`].
pub(crate) const MEMLOCK_BYTES_MIN: u64 = 512 * 1_024;

/// 64 KiB of buffers, registered with three rings.
pub(crate) const LOCKED_BYTES_PER_SHARD: u64 = 3 * 64 * 1_024;

/// The memory of a shard's rings: 324 KiB of [`Ring`], and 40 of its sender's and glommio's. Kernels from 6.14 on count it as
/// locked (seen on 6.18; on 6.1 and 6.12 it is free).
pub(crate) const RING_BYTES_PER_SHARD: u64 = 384 * 1_024;

/// Really makes a ring, enables it and drops it.
///
/// # Errors
/// What stands in the way of a server with one shard.
pub fn probe() -> Result<Features, Obstacle> {
    let mut ring = Ring::new()?;
    ring.enable().map_err(|error| Obstacle::of(&error))?;
    match memlock_limit_bytes() {
        Some(limit_bytes) if limit_bytes < MEMLOCK_BYTES_MIN => Err(Obstacle::Memlock { limit_bytes }),
        Some(_) | None => Ok(ring.features()),
    }
}

impl Obstacle {
    /// The memory that a server of so many shards locks, in bytes; with that of its rings if `rings_count`, as they do from kernel
    /// 6.14 on. Then the ring of a [`probe`] counts too: the kernel takes its time to let it go.
    #[must_use]
    pub fn locked_bytes(shards: u16, rings_count: bool) -> u64 {
        let shards = u64::from(shards);
        let rings = if rings_count { (shards + 1) * RING_BYTES_PER_SHARD } else { 0 };
        (shards * LOCKED_BYTES_PER_SHARD + rings).max(MEMLOCK_BYTES_MIN)
    }

    /// What the error of setting a ring up means.
    #[must_use]
    pub fn of(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ENOSYS) => Self::Absent,
            Some(libc::EPERM | libc::EACCES) => Self::forbidden(sysctl("io_uring_disabled"), sysctl("io_uring_group")),
            Some(libc::EINVAL) => Self::OldKernel { release: release(), lacks: first_lack() },
            Some(libc::ENOMEM) => Self::Memlock { limit_bytes: memlock_limit_bytes().unwrap_or(0) },
            Some(libc::EMFILE | libc::ENFILE) => Self::Descriptors,
            other => Self::Unknown { errno: other.unwrap_or(0) },
        }
    }

    fn forbidden(disabled: Option<i64>, group: Option<i64>) -> Self {
        match disabled {
            Some(1) => Self::DisabledForUnprivileged { group: group.unwrap_or(-1) },
            Some(2) => Self::DisabledForAll,
            Some(_) | None => Self::Filtered,
        }
    }
}

/// A setting of /proc/sys/kernel; none if the kernel does not have it.
fn sysctl(name: &str) -> Option<i64> {
    fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok()?.trim().parse().ok()
}

fn release() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").map_or_else(|_| "unknown".into(), |text| text.trim().into())
}

/// The limit in bytes; none if it is unlimited or can't be read.
fn memlock_limit_bytes() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Asks for one thing after the other, in the order in which kernels learned them.
fn first_lack() -> &'static str {
    let refuses = |ask: fn(&mut io_uring::Builder) -> &mut io_uring::Builder| {
        let mut builder = IoUring::builder();
        ask(&mut builder);
        builder.build(4).is_err()
    };
    if refuses(|builder| builder.setup_submit_all()) {
        "SUBMIT_ALL (5.18)"
    } else if refuses(|builder| builder.setup_coop_taskrun().setup_taskrun_flag()) {
        "COOP_TASKRUN (5.19)"
    } else if refuses(|builder| builder.setup_single_issuer()) {
        "SINGLE_ISSUER (6.0)"
    } else {
        "DEFER_TASKRUN (6.1)"
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => write!(
                out,
                "this kernel has no io_uring (ENOSYS): it was built without CONFIG_IO_URING, or a sandbox such as gVisor stands \
                 in its place. Run on a Linux kernel of 6.1 or later: grep IO_URING /boot/config-$(uname -r)"
            ),
            Self::DisabledForAll => write!(
                out,
                "io_uring is switched off for everyone (kernel.io_uring_disabled = 2). Switch it on: \
                 sysctl -w kernel.io_uring_disabled=0"
            ),
            Self::DisabledForUnprivileged { group } if *group < 0 => write!(
                out,
                "io_uring is for administrators only (kernel.io_uring_disabled = 1, no kernel.io_uring_group). Allow it to the \
                 server's group: sysctl -w kernel.io_uring_group=$(id -g), or to all: sysctl -w kernel.io_uring_disabled=0"
            ),
            Self::DisabledForUnprivileged { group } => write!(
                out,
                "io_uring is for group {group} only (kernel.io_uring_disabled = 1). Add the server's user: usermod -aG \
                 \"$(getent group {group} | cut -d: -f1)\" \"$(id -un)\", or allow it to all: sysctl -w kernel.io_uring_disabled=0"
            ),
            Self::Filtered => write!(
                out,
                "io_uring is forbidden (EPERM) though kernel.io_uring_disabled is 0: a seccomp filter or a security module \
                 forbids it, in a container most often. Docker or Podman: run with --security-opt seccomp=PROFILE.json that allows \
                 io_uring_setup, io_uring_enter and io_uring_register (to try it: seccomp=unconfined); Kubernetes: \
                 securityContext.seccompProfile; systemd: SystemCallFilter=@system-service (io_uring is in its @aio)"
            ),
            Self::OldKernel { release, lacks } => write!(
                out,
                "this kernel ({release}) is too old: it lacks {lacks}. The oldest supported is 6.1; on Debian 11: apt install \
                 -t bullseye-backports linux-image-amd64, or upgrade to Debian 12"
            ),
            Self::Memlock { limit_bytes } => write!(
                out,
                "too little memory may be locked: the limit is {} KiB. A server takes {} KiB at least and {} KiB a shard; where \
                 the kernel counts the rings (6.14 and later) {} KiB, and {} KiB a shard. Raise it: ulimit -l unlimited, or \
                 LimitMEMLOCK=infinity in the systemd unit, or docker run --ulimit memlock=-1",
                limit_bytes / 1_024,
                MEMLOCK_BYTES_MIN / 1_024,
                LOCKED_BYTES_PER_SHARD / 1_024,
                RING_BYTES_PER_SHARD / 1_024,
                (LOCKED_BYTES_PER_SHARD + RING_BYTES_PER_SHARD) / 1_024
            ),
            Self::Descriptors => write!(
                out,
                "no file descriptor is left for a ring. Raise the limits: ulimit -n 1048576, sysctl -w fs.file-max=9223372036854775807"
            ),
            Self::Unknown { errno } => {
                write!(out, "a ring can't be set up: {}", io::Error::from_raw_os_error(*errno))
            }
        }
    }
}

impl std::error::Error for Obstacle {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_what_the_tests_need() {
        probe().unwrap();
        assert!(Ring::new().unwrap().enable().is_ok());
    }

    #[test]
    fn each_refusal_names_what_to_type() {
        for (disabled, command) in [
            (Some(2), "sysctl -w kernel.io_uring_disabled=0"),
            (Some(1), "sysctl -w kernel.io_uring_group="),
            (Some(0), "--security-opt seccomp="),
            (None, "--security-opt seccomp="),
        ] {
            let text = Obstacle::forbidden(disabled, Some(-1)).to_string();
            assert!(text.contains(command), "{text}");
        }
        for (errno, words) in [
            (libc::ENOSYS, "CONFIG_IO_URING"),
            (libc::EINVAL, "The oldest supported is 6.1"),
            (libc::ENOMEM, "ulimit -l unlimited"),
            (libc::EMFILE, "ulimit -n"),
        ] {
            let text = Obstacle::of(&io::Error::from_raw_os_error(errno)).to_string();
            assert!(text.contains(words), "{text}");
        }
    }
}
