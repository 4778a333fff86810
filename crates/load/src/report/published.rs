//! The 12-million benchmark of MigratoryData (2013): one Dell PowerEdge R610 with 12 cores and 96 GB as server, 14 machines as load,
//! a subject each, 512-byte messages.

/// One column of its table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) clients: u32,
    pub(crate) per_sec: u32,
    pub(crate) mean_ms: u32,
    pub(crate) deviation_ms: u32,
    pub(crate) max_ms: u32,
    pub(crate) gbps: f64,
    /// Of 12 cores.
    pub(crate) cpu_percent: u32,
}

/// Its four columns.
pub(crate) const COLUMNS: [Column; 4] = [
    Column {
        clients: 3_000_000,
        per_sec: 50_000,
        mean_ms: 5,
        deviation_ms: 36,
        max_ms: 640,
        gbps: 0.254,
        cpu_percent: 14,
    },
    Column {
        clients: 6_000_000,
        per_sec: 100_000,
        mean_ms: 35,
        deviation_ms: 123,
        max_ms: 951,
        gbps: 0.507,
        cpu_percent: 24,
    },
    Column {
        clients: 9_000_000,
        per_sec: 150_000,
        mean_ms: 92,
        deviation_ms: 263,
        max_ms: 1_292,
        gbps: 0.767,
        cpu_percent: 39,
    },
    Column {
        clients: 12_000_000,
        per_sec: 200_000,
        mean_ms: 268,
        deviation_ms: 424,
        max_ms: 2_024,
        gbps: 1.015,
        cpu_percent: 57,
    },
];

/// Cores of its server.
pub(crate) const CORES: u32 = 12;

/// User memory it was given: 54 GB of Java heap, at 12 million clients.
pub(crate) const USER_BYTES_PER_CONN: u32 = 4_500;

/// Kernel memory of its sockets: about 36 GB at 12 million clients.
pub(crate) const KERNEL_BYTES_PER_CONN: u32 = 3_000;

impl Column {
    /// CPU of all cores for one message, in microseconds.
    pub(crate) fn cpu_us(&self) -> f64 {
        f64::from(self.cpu_percent) / 100.0 * f64::from(CORES) * 1e6 / f64::from(self.per_sec)
    }
}
