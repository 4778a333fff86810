//! What the kernel says about the process.
use procfs::process::{LimitValue, Process};

use crate::metric::{self, Metric, Sample};

/// The process's own samples; those that the kernel does not tell are left out.
pub(crate) fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut add = |metric: &'static Metric, value: f64| samples.push(Sample { metric, labels: Vec::new(), value });
    let Ok(process) = Process::myself() else { return samples };
    if let Ok(stat) = process.stat() {
        let ticks_per_sec = procfs::ticks_per_second();
        add(&metric::PROCESS_CPU, real(stat.utime + stat.stime) / real(ticks_per_sec));
        add(&metric::PROCESS_RESIDENT, real(stat.rss * procfs::page_size()));
        add(&metric::PROCESS_VIRTUAL, real(stat.vsize));
        if let Ok(boot_secs) = procfs::boot_time_secs() {
            add(&metric::PROCESS_START, real(boot_secs) + real(stat.starttime) / real(ticks_per_sec));
        }
    }
    // The directory's size is the count of descriptors (kernel 6.2); counting them one by one would take milliseconds.
    if let Ok(fds) = std::fs::metadata("/proc/self/fd")
        && fds.len() > 0
    {
        add(&metric::PROCESS_FDS, real(fds.len()));
    }
    if let Ok(limits) = process.limits()
        && let LimitValue::Value(fds_max) = limits.max_open_files.soft_limit
    {
        add(&metric::PROCESS_FDS_MAX, real(fds_max));
    }
    samples
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, and none of these gets there")]
fn real(whole: u64) -> f64 {
    whole as f64
}
