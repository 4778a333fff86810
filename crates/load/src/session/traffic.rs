//! A run's messages: published, measured within a window, waited for.
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::Session;
use crate::outcome::{Cpu, Latency, Traffic};
use crate::probe::{self, ProcessSample};
use crate::publisher::{Pacing, PublishPlan, Publishers};
use crate::settings::Kind;
use crate::watch::{Stage, Watch};
use crate::{LoadError, Via, clock};

/// Between starting the publishers and their first message.
pub(super) const LEAD: Duration = Duration::from_millis(200);

/// Without a new message for so long, what is missing is lost.
const STRAGGLER_PATIENCE: Duration = Duration::from_secs(3);

impl Session<'_> {
    /// Lets messages flow, if the run has any; what was found and how many went to each subject.
    pub(super) fn publish(&mut self, watch: &mut Watch<'_>) -> Result<(Option<Traffic>, Vec<u32>), LoadError> {
        let span_nanos = (self.settings.secs * 1e9) as u64;
        match self.settings.kind {
            Kind::Connect => Ok((None, Vec::new())),
            Kind::Idle => {
                let from = self.look().process;
                watch.rest(Stage::Resting, clock::now().as_nanos() + span_nanos)?;
                if let (Some(from), Some(until)) = (from, self.look().process) {
                    let cpu_nanos = until.cpu_nanos.saturating_sub(from.cpu_nanos);
                    self.idle_cpu_percent =
                        Some(cpu_nanos as f64 * 100.0 / (until.at_nanos - from.at_nanos).max(1) as f64);
                }
                Ok((None, Vec::new()))
            }
            Kind::Sub => {
                let start_nanos = clock::now().as_nanos();
                self.board.window_from.store(start_nanos, Relaxed);
                let traffic = self.measure(watch, start_nanos, start_nanos + span_nanos)?;
                Ok((Some(traffic), Vec::new()))
            }
            Kind::Churn | Kind::Fanout | Kind::Pub | Kind::Seed => self.publish_and_measure(watch),
            Kind::Ws2api => Ok((Some(self.talk_and_measure(watch)?), Vec::new())),
        }
    }

    fn publish_and_measure(&mut self, watch: &mut Watch<'_>) -> Result<(Option<Traffic>, Vec<u32>), LoadError> {
        let start_nanos = (clock::now() + LEAD).as_nanos();
        let from_nanos = start_nanos + (self.settings.warmup_secs * 1e9) as u64;
        let until_nanos = from_nanos + (self.settings.secs * 1e9) as u64;
        let plan = Arc::new(self.publish_plan(start_nanos, until_nanos));
        let publishers = Publishers::start(&plan, &self.board)?;
        self.board.window_from.store(from_nanos, Relaxed);
        self.board.window_until.store(until_nanos, Relaxed);
        self.board.churning.store(true, Relaxed);
        watch.restart();
        let measured = self.measure(watch, from_nanos, until_nanos).and_then(|traffic| {
            self.board.churning.store(false, Relaxed);
            self.drain(watch)?;
            Ok(traffic)
        });
        self.board.end();
        let published = publishers.join()?;
        let mut traffic = measured?;
        traffic.published = published.sequences.iter().map(|count| u64::from(*count)).sum();
        traffic.confirmed = self.board.confirmed();
        traffic.received = self.board.sum(|post| &post.received);
        traffic.lag = Latency::of(&published.lag);
        if let Some(failure) = published.failure {
            self.notes.push(format!("a publisher ended early: {failure}"));
        }
        if traffic.lag.p99_us > 10_000.0 {
            self.notes
                .push("messages left late: the load, or a server that pushes back, was the bottleneck".to_owned());
        }
        // A run without subscribers of its own can't tell what arrived.
        let sequences = if self.settings.kind == Kind::Pub { Vec::new() } else { published.sequences };
        Ok((Some(traffic), sequences))
    }

    fn publish_plan(&self, start_nanos: u64, until_nanos: u64) -> PublishPlan {
        let settings = self.settings;
        let pace = if settings.kind == Kind::Fanout {
            Pacing::Windowed { start_nanos, until_nanos, outstanding: settings.outstanding }
        } else {
            let span_nanos = until_nanos - start_nanos;
            Pacing::Scheduled { arrivals: settings.arrivals, start_nanos, span_nanos, count: settings.messages() }
        };
        PublishPlan {
            ack: settings.ack,
            addresses: self.addresses.clone(),
            api_key: settings.key.clone(),
            clients: settings.clients,
            cpus: if settings.publisher_cpu.is_empty() { settings.cpu.clone() } else { settings.publisher_cpu.clone() },
            pace,
            publishers: settings.publishers,
            seed: settings.seed,
            size_bytes: settings.size,
            spin_nanos: settings.spin_us * 1_000,
            subjects: settings.subjects(),
            tick_nanos: settings.tick_us * 1_000,
            token: settings.token.clone(),
            via: settings.via(),
        }
    }

    /// Measures between two moments.
    pub(super) fn measure(
        &self,
        watch: &mut Watch<'_>,
        from_nanos: u64,
        until_nanos: u64,
    ) -> Result<Traffic, LoadError> {
        watch.rest(Stage::Warming, from_nanos)?;
        let first = self.count();
        match watch.rest(Stage::Measuring, until_nanos) {
            // Subscribers alone have no end of their own: Ctrl-C is it.
            Err(LoadError::Interrupted) if self.settings.kind == Kind::Sub => {}
            rested => rested?,
        }
        let last = self.count();
        let secs = (last.at_nanos - first.at_nanos).max(1) as f64 / 1e9;
        let received = last.received - first.received;
        // Without subscribers of its own, a run counts what it sent.
        let messages = if self.settings.kind == Kind::Pub { last.sent - first.sent } else { received };
        let cpu = |before: Option<ProcessSample>, after| Cpu::between(before?, after?, messages);
        Ok(Traffic {
            received: last.received,
            secs,
            per_sec: messages as f64 / secs,
            gbps: (last.bytes - first.bytes) as f64 * 8.0 / secs / 1e9,
            server_cpu: cpu(first.process, last.process),
            load_cpu: cpu(first.load, last.load),
            series: watch.series.clone(),
            ..Traffic::default()
        })
    }

    fn count(&self) -> Count {
        Count {
            process: self.settings.server_pid.and_then(probe::process),
            load: probe::process(std::process::id()),
            at_nanos: clock::now().as_nanos(),
            received: self.board.sum(|post| &post.received),
            sent: self.board.sent(),
            bytes: self.board.sum(|post| &post.bytes),
        }
    }

    /// True if the server tells how much it has accepted.
    fn is_confirming(&self) -> bool {
        match self.settings.via() {
            Via::Stream => self.settings.ack,
            Via::Api | Via::Client | Via::Protobuf | Via::Post => true,
        }
    }

    /// Waits until the publishers are done and what they sent has arrived, or nothing arrives any more.
    pub(super) fn drain(&self, watch: &mut Watch<'_>) -> Result<(), LoadError> {
        let deliveries = match self.settings.kind {
            Kind::Pub => 0,
            Kind::Churn | Kind::Connect | Kind::Fanout | Kind::Idle | Kind::Seed | Kind::Sub | Kind::Ws2api => {
                u64::from(self.settings.clients / self.settings.subjects())
            }
        };
        let mut best = 0;
        let mut patience_until = clock::now() + STRAGGLER_PATIENCE;
        loop {
            let sent = self.board.sent();
            let received = self.board.sum(|post| &post.received);
            let confirmed = self.board.confirmed();
            let is_confirmed = confirmed >= sent || !self.is_confirming();
            if self.board.publishers_are_done() && received >= sent * deliveries && is_confirmed {
                return Ok(());
            }
            if received + sent + confirmed > best {
                best = received + sent + confirmed;
                patience_until = clock::now() + STRAGGLER_PATIENCE;
            }
            if clock::now() >= patience_until {
                return Ok(());
            }
            watch.look(Stage::Draining, 1.0, patience_until.as_nanos())?;
        }
    }
}

/// Counters at one moment.
struct Count {
    process: Option<ProcessSample>,
    load: Option<ProcessSample>,
    at_nanos: u64,
    received: u64,
    sent: u64,
    bytes: u64,
}
