//! What a run found, as it is written to JSON.
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::Faults;
use crate::probe::{KernelCost, Machine, ProcessSample};
use crate::settings::Settings;

/// The result of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Where it was measured.
    pub machine: Machine,
    /// The commit of this binary; "unknown" outside of a repository.
    pub commit: String,
    /// The command line.
    pub command: String,
    /// What was to be done.
    pub settings: Settings,
    /// How the subscribers connected.
    pub connect: Option<Connect>,
    /// What messages did.
    pub traffic: Option<Traffic>,
    /// The same without churn, in a churn run.
    pub undisturbed: Option<Traffic>,
    /// What the back end was told, in a run that has one.
    pub back_end: Option<BackEnd>,
    /// What connections cost.
    pub memory: Option<Memory>,
    /// The server's CPU with connections open and nothing going on, in percent of one core.
    pub idle_cpu_percent: Option<f64>,
    /// What was worth a remark.
    pub notes: Vec<String>,
}

/// How the subscribers connected.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Connect {
    /// Subscribers open at the end.
    pub connected: u64,
    /// Connections made, with those made again.
    pub opened: u64,
    /// Subscribers that gave up.
    pub failed: u64,
    /// Subscribers that the server closed.
    pub dropped: u64,
    /// Seconds until all were there.
    pub secs: f64,
    /// Connections a second meanwhile.
    pub per_sec: f64,
    /// Server CPU for one, in microseconds.
    pub server_cpu_us: Option<f64>,
    /// From `connect` to subscribed.
    pub latency: Latency,
}

/// What messages did, within the measured window unless said otherwise.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Traffic {
    /// Messages published in all, with the warm-up.
    pub published: u64,
    /// Messages that the server confirmed, if it was asked to.
    pub confirmed: u64,
    /// Messages received in all, with the warm-up.
    pub received: u64,
    /// What was wrong in all.
    pub faults: Faults,
    /// Length of the window.
    pub secs: f64,
    /// Messages received a second.
    pub per_sec: f64,
    /// Bits received a second, payload and frame header, without TCP/IP.
    pub gbps: f64,
    /// From the intended send time to the subscriber.
    pub latency: Latency,
    /// How late messages left the publisher.
    pub lag: Latency,
    /// The server's CPU.
    pub server_cpu: Option<Cpu>,
    /// The CPU of the load itself: if its threads have no core to spare, they measure themselves.
    pub load_cpu: Option<Cpu>,
    /// Second by second.
    pub series: Vec<Point>,
    /// The whole latency histogram: [microseconds, count].
    pub histogram: Vec<(f64, u64)>,
}

/// What the back end was told, in all but for its latency, which is the window's.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BackEnd {
    /// Clients that it let in, each time.
    pub asked: u64,
    /// Messages that came, new and unchanged.
    pub said: u64,
    /// Ends that it heard of.
    pub ended: u64,
    /// Clients of whom it heard fewer ends than it had let them in.
    pub ends_missing: u64,
    /// Clients of whom it heard more.
    pub ends_extra: u64,
    /// Requests that named no client of this run.
    pub stray: u64,
    /// Most connections that the server had to it at a time.
    pub connections_max: u64,
    /// What was wrong with the messages on their way to it.
    pub faults: Faults,
    /// From the intended send time to the back end.
    pub latency: Latency,
    /// The whole of it: [microseconds, count].
    pub histogram: Vec<(f64, u64)>,
}

/// What a process used of the processor.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cpu {
    /// Percent of one core.
    pub percent: f64,
    /// Microseconds for one message received.
    pub us_per_message: f64,
}

impl Cpu {
    /// What was used between two looks at a process, in which `messages` were received.
    pub(crate) fn between(before: ProcessSample, after: ProcessSample, messages: u64) -> Option<Self> {
        let cpu_nanos = after.cpu_nanos.checked_sub(before.cpu_nanos)? as f64;
        let span_nanos = after.at_nanos.checked_sub(before.at_nanos)?.max(1) as f64;
        Some(Self { percent: cpu_nanos * 100.0 / span_nanos, us_per_message: cpu_nanos / 1e3 / messages.max(1) as f64 })
    }
}

/// One second of the window.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Point {
    /// Seconds since the start of the load.
    pub at_secs: f64,
    /// Messages received a second.
    pub per_sec: f64,
    /// Median latency, microseconds.
    pub p50_us: f64,
    /// 99th percentile, microseconds.
    pub p99_us: f64,
}

/// A distribution, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Latency {
    /// How many were measured.
    pub count: u64,
    /// Mean.
    pub mean_us: f64,
    /// Standard deviation.
    pub deviation_us: f64,
    /// Median.
    pub p50_us: f64,
    /// 90th percentile.
    pub p90_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// 99.9th percentile.
    pub p999_us: f64,
    /// Largest.
    pub max_us: f64,
}

impl Latency {
    /// Sums up a histogram of nanoseconds.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            count: histogram.len(),
            mean_us: histogram.mean() / 1e3,
            deviation_us: histogram.stdev() / 1e3,
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: histogram.max() as f64 / 1e3,
        }
    }
}

/// The bars of a histogram of nanoseconds: [microseconds, count].
pub(crate) fn bars(histogram: &Histogram<u64>) -> Vec<(f64, u64)> {
    let bars = histogram.iter_recorded();
    bars.map(|bar| (bar.value_iterated_to() as f64 / 1e3, bar.count_since_last_iteration())).collect()
}

/// What connections cost, from before the first to after the last.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Memory {
    /// Connections at each look, and the server's resident bytes.
    pub steps: Vec<(u64, u64)>,
    /// User memory of the server for each connection: the slope over the steps.
    pub user_bytes_per_conn: Option<f64>,
    /// Kernel memory for the server's end of each connection.
    pub kernel: Option<KernelCost>,
    /// User memory of the swarm for each connection.
    pub swarm_bytes_per_conn: f64,
}

/// The slope of the least squares line through points.
pub(crate) fn slope(points: &[(u64, u64)]) -> Option<f64> {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|point| point.0 as f64).sum::<f64>() / count;
    let mean_y = points.iter().map(|point| point.1 as f64).sum::<f64>() / count;
    let spread: f64 = points.iter().map(|point| (point.0 as f64 - mean_x).powi(2)).sum();
    let together: f64 = points.iter().map(|point| (point.0 as f64 - mean_x) * (point.1 as f64 - mean_y)).sum();
    (spread > 0.0).then(|| together / spread)
}

/// The commit that this binary was built from.
pub(crate) fn built_commit() -> &'static str {
    option_env!("RINGCAST_COMMIT").unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_the_least_squares_line() {
        assert_eq!(slope(&[(0, 1_000), (10, 2_000), (20, 3_000)]), Some(100.0));
        assert_eq!(slope(&[(5, 1), (5, 9)]), None);
        assert_eq!(slope(&[]), None);
    }

    #[test]
    fn an_empty_histogram_is_all_zero() {
        assert_eq!(Latency::of(&crate::board::histogram()).count, 0);
        let mut one = crate::board::histogram();
        one.saturating_record(250_000);
        let latency = Latency::of(&one);
        assert!((latency.p50_us - 250.0).abs() < 0.5 && (latency.max_us - 250.0).abs() < 0.5);
    }
}
