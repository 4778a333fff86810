//! One live line, hidden if nobody looks.
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::table::{count, micros};
use crate::watch::{Snapshot, Stage};

/// Steps of the bar.
const STEPS: u64 = 1_000;

/// The progress line of a run.
#[derive(Debug)]
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// A line on standard error; indicatif hides it if that is no terminal.
    pub(crate) fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(10) };
        let bar = ProgressBar::with_draw_target(Some(STEPS), target);
        let style = ProgressStyle::with_template("  {prefix:<11} {bar:24.cyan/black.bright} {msg}");
        bar.set_style(style.expect("a constant template that names only fields of indicatif").progress_chars("━━╌"));
        Self(bar)
    }

    /// Shows a snapshot.
    pub(crate) fn show(&self, snapshot: &Snapshot) {
        self.0.set_position((snapshot.part * STEPS as f64) as u64);
        let stage = match snapshot.stage {
            Stage::Connecting => "connecting",
            Stage::Resting => "resting",
            Stage::Warming => "warming up",
            Stage::Measuring => "measuring",
            Stage::Draining => "draining",
        };
        self.0.set_prefix(stage);
        let connected = format!("{} of {} connected", count(snapshot.connected), count(snapshot.clients));
        let flow = format!(
            " · {} sent · {} received · {}/s · p50 {} · p99 {} · {} lost",
            count(snapshot.sent),
            count(snapshot.received),
            count(snapshot.per_sec as u64),
            micros(snapshot.p50_us),
            micros(snapshot.p99_us),
            count(snapshot.lost),
        );
        self.0.set_message(if snapshot.sent + snapshot.received > 0 { connected + &flow } else { connected });
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}
