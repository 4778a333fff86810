//! A governor: how many requests a back end takes at once, learned from its latency. A back end that has no more workers makes requests wait in
//! a queue of its own, and that shows as latency; so the limit goes up while latency stays what it is without a queue, and down as it grows.
//!
//! The law is the gradient of Netflix's `concurrency-limits` (Gradient2Limit; Eran Landau, William Thurston, Tim Bozarth: "Performance Under
//! Load", 2018), after TCP Vegas (Brakmo and Peterson, 1995): `limit × tolerance × baseline / latency + √limit`, a window at a time. Departures:
//! - The baseline is the lowest latency of a window, and not a long average, which creeps after a queue that stays. Now and then it is
//!   learned anew, with a quarter of the limit for one window: at rest the limit is about twice what the back end takes, so that meets no queue, and what is
//!   measured is the back end's own latency of the day. What was learned under a queue all the same is off by less than half with each time.
//! - Latencies are compared as logarithms, each purpose with its own baseline: neither a mix that shifts nor a few slow ones move the limit.
use std::time::Duration;

use tokio::time::Instant;

use crate::figures::{Ended, PURPOSES, Purpose};

/// Least length of a window.
const WINDOW: Duration = Duration::from_millis(100);

/// Requests that a window has at least, and as many as half the limit.
const SAMPLES_MIN: u32 = 16;

/// So many times the baseline latency may be before it says that there is a queue.
const TOLERANCE: f64 = 1.5;

/// The limit falls by no more than this at a time.
const GRADIENT_MIN: f64 = 0.5;

/// What is left of it after a window with requests that the back end refused for want of room, or that timed out.
const AFTER_REFUSAL: f64 = 0.8;

/// The limit at the start, if that much is allowed: low, so that the first baseline is one without a queue. To 256 it takes 28 windows.
const LIMIT_FIRST: f64 = 4.0;

/// The lowest limit.
const LIMIT_MIN: f64 = 2.0;

/// After so many windows in which the limit counted, the baseline is learned anew.
const BASELINE_WINDOWS: u32 = 200;

/// After so many, if a purpose has come that had none: the first may have been learned under a queue.
const FIRST_WINDOWS: u32 = 10;

/// The part of the limit under which it is.
const LEARNING: f64 = 0.25;

/// Latencies of one window, by purpose: how many, and the sum of their logarithms.
#[derive(Clone, Copy, Default, Debug)]
struct Window {
    samples: [(u32, f64); PURPOSES],
    count: u32,
    /// Whether so many requests were under way that the limit counted.
    full: bool,
    refused: bool,
}

/// What is known of one back end.
#[derive(Debug)]
pub(crate) struct Governor {
    limit: f64,
    limit_max: f64,
    began: Option<Instant>,
    window: Window,
    /// The logarithm of the lowest mean latency, in seconds, by purpose.
    baseline: [Option<f64>; PURPOSES],
    /// Windows since the baseline was learned anew.
    age: u32,
    /// The limit to go back to after a window that learns the baseline anew.
    held: Option<f64>,
}

impl Governor {
    /// One that never goes beyond this many.
    pub(crate) fn new(limit_max: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "at most 65,535")]
        let limit_max = limit_max as f64;
        Self {
            limit: LIMIT_FIRST.min(limit_max),
            limit_max,
            began: None,
            window: Window::default(),
            baseline: [None; PURPOSES],
            age: 0,
            held: None,
        }
    }

    /// Requests that may be under way.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 65,535")]
    pub(crate) fn limit(&self) -> usize {
        self.limit.max(1.0) as usize
    }

    /// A request that was `sent` then has ended, and this many were under way with it.
    pub(crate) fn note(&mut self, purpose: Purpose, ended: Ended, sent: Instant, in_flight: usize, now: Instant) {
        let began = *self.began.get_or_insert(sent);
        // What began under another limit says nothing of this one.
        if sent < began {
            return;
        }
        self.window.full |= in_flight * 2 > self.limit();
        match ended {
            Ended::Ok | Ended::BadText | Ended::TooLarge => {
                let took = (now - sent).as_secs_f64().max(1e-6).ln();
                let (count, sum) = &mut self.window.samples[purpose as usize];
                (*count, *sum) = (*count + 1, *sum + took);
                self.window.count += 1;
            }
            Ended::TimedOut | Ended::Busy => self.window.refused = true,
            Ended::Status | Ended::Broken | Ended::Unreachable | Ended::Redirected | Ended::Flood | Ended::Open => {}
            Ended::ContentType | Ended::NoStatus | Ended::Compressed => {}
        }
        let enough = f64::from(self.window.count) >= f64::from(SAMPLES_MIN).max(self.limit / 2.0);
        if now - began >= WINDOW && (enough || self.window.refused) {
            self.turn();
            self.began = Some(now);
        }
    }

    /// A window is over.
    fn turn(&mut self) {
        let window = std::mem::take(&mut self.window);
        let latency = self.compare(&window);
        if let Some(held) = self.held.take() {
            self.limit = held;
            return;
        }
        if window.refused {
            self.set(self.limit * AFTER_REFUSAL);
            return;
        }
        if !window.full {
            return;
        }
        let gradient = (TOLERANCE / latency).clamp(GRADIENT_MIN, 1.0);
        self.set(self.limit * gradient + self.limit.sqrt());
        self.age += 1;
        if self.age >= BASELINE_WINDOWS {
            self.age = 0;
            self.held = Some(self.limit);
            self.set(self.limit * LEARNING);
        }
    }

    fn set(&mut self, limit: f64) {
        self.limit = limit.clamp(LIMIT_MIN.min(self.limit_max), self.limit_max);
    }

    /// The window's latency as a multiple of the baseline, which it lowers if it is below, or replaces.
    fn compare(&mut self, window: &Window) -> f64 {
        let learns = self.held.is_some();
        let mut sum = 0.0;
        for ((count, logs), baseline) in window.samples.into_iter().zip(&mut self.baseline) {
            // Of a few the mean is chance, and a baseline remembers chance.
            if count * 4 < SAMPLES_MIN {
                continue;
            }
            let mean = logs / f64::from(count);
            let lowest = baseline.filter(|_| !learns).map_or(mean, |known| known.min(mean));
            if baseline.is_none() {
                self.age = self.age.max(BASELINE_WINDOWS - FIRST_WINDOWS);
            }
            *baseline = Some(lowest);
            sum += (mean - lowest) * f64::from(count);
        }
        (sum / f64::from(window.count.max(1))).exp()
    }
}

#[cfg(test)]
mod tests;
