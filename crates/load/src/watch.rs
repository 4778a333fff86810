//! Live progress of a run: what the board says, a few times a second.
use std::ops::ControlFlow;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::LoadError;
use crate::board::{Board, histogram};
use crate::clock;
use crate::outcome::Point;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

const SECOND_NANOS: u64 = 1_000_000_000;

/// Where a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Subscribers connect.
    Connecting,
    /// Nothing goes on, so that what is idle can be measured.
    Resting,
    /// Messages flow and are not measured yet.
    Warming,
    /// Messages flow and are measured.
    Measuring,
    /// The last messages arrive.
    Draining,
}

/// A live look at a run.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    /// Where it is.
    pub stage: Stage,
    /// How far this stage is, 0 to 1.
    pub part: f64,
    /// Subscribers wanted.
    pub clients: u64,
    /// Subscribers open.
    pub connected: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages received.
    pub received: u64,
    /// Messages known to be lost.
    pub lost: u64,
    /// Messages received a second, in the last second.
    pub per_sec: f64,
    /// Median latency of the last second, microseconds.
    pub p50_us: f64,
    /// 99th percentile of the last second, microseconds.
    pub p99_us: f64,
}

/// Who watches a run; breaking ends it early.
pub type OnProgress<'a> = &'a mut dyn FnMut(&Snapshot) -> ControlFlow<()>;

/// Looks at the board and tells the watcher.
pub(crate) struct Watch<'a> {
    board: &'a Board,
    clients: u64,
    on_progress: OnProgress<'a>,
    started_nanos: u64,
    second: Histogram<u64>,
    second_started_nanos: u64,
    second_received: u64,
    last: Point,
    pub(crate) series: Vec<Point>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(board: &'a Board, clients: u64, on_progress: OnProgress<'a>) -> Self {
        let now_nanos = clock::now().as_nanos();
        Self {
            board,
            clients,
            on_progress,
            started_nanos: now_nanos,
            second: histogram(),
            second_started_nanos: now_nanos,
            second_received: 0,
            last: Point::default(),
            series: Vec::new(),
        }
    }

    /// Starts the series anew: the load begins.
    pub(crate) fn restart(&mut self) {
        self.started_nanos = clock::now().as_nanos();
        self.second_started_nanos = self.started_nanos;
        self.second_received = self.board.sum(|post| &post.received);
        self.series.clear();
    }

    /// Sleeps for one look; `until_nanos` cuts it short.
    ///
    /// # Errors
    /// [`LoadError::Interrupted`] if the watcher breaks.
    pub(crate) fn look(&mut self, stage: Stage, part: f64, until_nanos: u64) -> Result<(), LoadError> {
        let left = Duration::from_nanos(until_nanos.saturating_sub(clock::now().as_nanos()));
        std::thread::sleep(left.min(LOOK));
        let now_nanos = clock::now().as_nanos();
        if let Ok(mut recent) = self.board.recent.lock() {
            // Histograms of equal bounds always add up.
            let _ = self.second.add(&*recent);
            recent.reset();
        }
        let received = self.board.sum(|post| &post.received);
        let span_nanos = now_nanos - self.second_started_nanos;
        if span_nanos >= SECOND_NANOS {
            self.last = Point {
                at_secs: (now_nanos - self.started_nanos) as f64 / 1e9,
                per_sec: received.saturating_sub(self.second_received) as f64 * 1e9 / span_nanos as f64,
                p50_us: self.second.value_at_quantile(0.5) as f64 / 1e3,
                p99_us: self.second.value_at_quantile(0.99) as f64 / 1e3,
            };
            self.series.push(self.last);
            self.second.reset();
            self.second_started_nanos = now_nanos;
            self.second_received = received;
        }
        let snapshot = Snapshot {
            stage,
            part: part.clamp(0.0, 1.0),
            clients: self.clients,
            connected: self.board.sum(|post| &post.connected),
            sent: self.board.sent(),
            received,
            lost: self.board.posts.iter().map(|post| post.lost.load(Relaxed)).sum(),
            per_sec: self.last.per_sec,
            p50_us: self.last.p50_us,
            p99_us: self.last.p99_us,
        };
        match (self.on_progress)(&snapshot) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(LoadError::Interrupted),
        }
    }

    /// Looks until `until_nanos`.
    ///
    /// # Errors
    /// [`LoadError::Interrupted`] if the watcher breaks.
    pub(crate) fn rest(&mut self, stage: Stage, until_nanos: u64) -> Result<(), LoadError> {
        let from_nanos = clock::now().as_nanos();
        loop {
            let now_nanos = clock::now().as_nanos();
            if now_nanos >= until_nanos {
                return Ok(());
            }
            let part = (now_nanos - from_nanos) as f64 / (until_nanos - from_nanos) as f64;
            self.look(stage, part, until_nanos)?;
        }
    }
}
