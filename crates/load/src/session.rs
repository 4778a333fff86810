//! One run from its first connection to its result.
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::address::Addresses;
use crate::board::Board;
use crate::outcome::{Connect, Latency, Memory, Outcome, Traffic, slope};
use crate::probe::{self, KernelSample, ProcessSample};
use crate::publisher::{Pacing, PublishPlan, Publishers};
use crate::settings::{Kind, Settings};
use crate::swarm::{IsolateFiles, Plan, Swarm, Tally};
use crate::watch::{OnProgress, Stage, Watch};
use crate::{LoadError, clock};

mod capacity;

pub(crate) use capacity::files_max;

/// Quiet time after the last connection: the server's and the kernel's deferred work is done, memory can be looked at.
const SETTLE: Duration = Duration::from_millis(500);

/// Between starting the publishers and their first message.
const LEAD: Duration = Duration::from_millis(200);

/// Without a new message for so long, what is missing is lost.
const STRAGGLER_PATIENCE: Duration = Duration::from_secs(3);

/// Without a new connection for so long, connecting has failed.
const CONNECT_PATIENCE: Duration = Duration::from_secs(30);

/// Runs `settings` to the end and says what was found. `isolate_files` gives a thread its own file table.
///
/// # Errors
/// Whatever keeps the run from being made; faults of the server are in the outcome.
pub fn run(
    settings: &Settings,
    isolate_files: IsolateFiles,
    on_progress: OnProgress<'_>,
) -> Result<Outcome, LoadError> {
    match settings.kind {
        Kind::Churn => {
            let calm = Settings { churn_rate: 0.0, churners: 0, ..settings.clone() };
            let before = Session::new(&calm, isolate_files)?.run(on_progress)?;
            let mut outcome = Session::new(settings, isolate_files)?.run(on_progress)?;
            outcome.undisturbed = before.traffic;
            Ok(outcome)
        }
        Kind::Connect | Kind::Fanout | Kind::Idle | Kind::Pub | Kind::Seed | Kind::Sub => {
            Session::new(settings, isolate_files)?.run(on_progress)
        }
    }
}

struct Session<'s> {
    settings: &'s Settings,
    addresses: Addresses,
    plan: Arc<Plan>,
    board: Arc<Board>,
    notes: Vec<String>,
    memory_steps: Vec<(u64, u64)>,
    idle_cpu_percent: Option<f64>,
}

/// The server and the kernel at one moment.
#[derive(Clone, Copy)]
struct Look {
    process: Option<ProcessSample>,
    kernel: Option<KernelSample>,
}

impl<'s> Session<'s> {
    fn new(settings: &'s Settings, isolate_files: IsolateFiles) -> Result<Self, LoadError> {
        // Subjects and arrivals are the scenario's; keys and source addresses must not be the last run's.
        let run_seed = settings.seed ^ clock::now().as_nanos();
        let addresses = Addresses::new(&settings.targets, &settings.sources, run_seed)?;
        let threads = match settings.kind {
            Kind::Pub => 0,
            Kind::Churn | Kind::Connect | Kind::Fanout | Kind::Idle | Kind::Seed | Kind::Sub => {
                capacity::threads(settings.clients, settings.threads)?
            }
        };
        let publishers = match settings.kind {
            Kind::Connect | Kind::Idle | Kind::Sub => 0,
            Kind::Churn | Kind::Fanout | Kind::Pub | Kind::Seed => settings.publishers,
        };
        let wanted = if settings.kind == Kind::Idle { 0 } else { u64::from(settings.clients) };
        let plan = Plan {
            addresses: addresses.clone(),
            api_key: settings.key.clone(),
            churners: if settings.kind == Kind::Churn { settings.churners } else { 0 },
            churn_rate: settings.churn_rate,
            clients: settings.clients,
            connect_rate: settings.connect_rate,
            connecting_max: settings.connecting,
            cpus: settings.cpu.clone(),
            dialect: settings.dialect,
            from_start: settings.kind != Kind::Sub,
            isolate_files,
            is_windowed: settings.kind == Kind::Fanout,
            publishers: settings.publishers,
            seed: run_seed,
            size_bytes: settings.size,
            subjects: settings.subjects(),
            threads,
        };
        Ok(Self {
            settings,
            addresses,
            board: Arc::new(Board::new(threads as usize, usize::from(publishers), wanted)?),
            plan: Arc::new(plan),
            notes: Vec::new(),
            memory_steps: Vec::new(),
            idle_cpu_percent: None,
        })
    }

    fn run(mut self, on_progress: OnProgress<'_>) -> Result<Outcome, LoadError> {
        let board = Arc::clone(&self.board);
        let mut watch = Watch::new(&board, u64::from(self.settings.clients), on_progress);
        let before = self.look();
        if self.settings.server_pid.is_some() && before.process.is_none() {
            return Err(LoadError::Argument("--server-pid: no such process".to_owned()));
        }
        let swarm = Swarm::start(&self.plan, &board)?;
        let connected = self.connect(&swarm, &mut watch, before);
        let (connect, publishing) = match connected {
            Ok(connect) => (connect, self.publish(&mut watch)),
            Err(error) => (Connect::default(), Err(error)),
        };
        let after = self.look();
        board.end();
        let tally = swarm.join();
        let (mut traffic, published) = publishing?;
        let mut tally = tally?;
        tally.settle(&published);
        if let Some(traffic) = &mut traffic {
            traffic.faults = tally.faults;
            traffic.latency = Latency::of(&tally.latency);
            let recorded = tally.latency.iter_recorded();
            traffic.histogram =
                recorded.map(|bar| (bar.value_iterated_to() as f64 / 1e3, bar.count_since_last_iteration())).collect();
        }
        Ok(self.outcome(connect, traffic, &tally, before, after))
    }

    fn look(&self) -> Look {
        Look { process: self.settings.server_pid.and_then(probe::process), kernel: probe::kernel() }
    }

    fn outcome(
        self,
        mut connect: Connect,
        traffic: Option<Traffic>,
        tally: &Tally,
        before: Look,
        after: Look,
    ) -> Outcome {
        let clients = u64::from(self.settings.clients);
        connect.latency = Latency::of(&tally.connect_latency);
        connect.dropped = self.board.sum(|post| &post.dropped);
        connect.opened = self.board.sum(|post| &post.opened);
        let kernels = before.kernel.zip(after.kernel).filter(|_| self.addresses.are_local());
        let memory = Memory {
            user_bytes_per_conn: slope(&self.memory_steps),
            kernel: kernels.and_then(|(before, after)| before.cost(&after, clients)),
            steps: self.memory_steps,
            swarm_bytes_per_conn: tally.memory_bytes as f64 / clients as f64,
        };
        let has_swarm = self.settings.kind != Kind::Pub;
        Outcome {
            machine: probe::machine(),
            commit: crate::outcome::built_commit().to_owned(),
            command: std::env::args().collect::<Vec<_>>().join(" "),
            settings: self.settings.clone(),
            connect: has_swarm.then_some(connect),
            traffic,
            undisturbed: None,
            memory: has_swarm.then_some(memory),
            idle_cpu_percent: self.idle_cpu_percent,
            notes: self.notes,
        }
    }

    /// Opens the subscribers, in steps if the run is about their cost.
    fn connect(&mut self, swarm: &Swarm, watch: &mut Watch<'_>, before: Look) -> Result<Connect, LoadError> {
        let clients = u64::from(self.settings.clients);
        let steps = if self.settings.kind == Kind::Idle { u64::from(self.settings.steps) } else { 1 };
        if let Some(process) = before.process {
            self.memory_steps.push((0, process.rss_bytes));
        }
        let mut connect = Connect::default();
        if self.settings.kind == Kind::Pub {
            return Ok(connect);
        }
        let mut cpu_nanos = 0;
        for step in 1..=steps {
            let wanted = clients * step / steps;
            let start = self.look();
            let from_nanos = clock::now().as_nanos();
            self.board.wanted.store(wanted, Relaxed);
            self.wait_connected(swarm, watch, wanted)?;
            connect.secs += (clock::now().as_nanos() - from_nanos) as f64 / 1e9;
            watch.rest(Stage::Resting, (clock::now() + SETTLE).as_nanos())?;
            let end = self.look();
            if let (Some(start), Some(end)) = (start.process, end.process) {
                cpu_nanos += end.cpu_nanos.saturating_sub(start.cpu_nanos);
                self.memory_steps.push((wanted, end.rss_bytes));
            }
        }
        connect.connected = self.board.sum(|post| &post.connected);
        connect.failed = self.board.sum(|post| &post.failed);
        connect.per_sec = connect.connected as f64 / connect.secs.max(1e-9);
        if before.process.is_some() {
            connect.server_cpu_us = Some(cpu_nanos as f64 / 1e3 / connect.connected.max(1) as f64);
        }
        Ok(connect)
    }

    fn wait_connected(&self, swarm: &Swarm, watch: &mut Watch<'_>, wanted: u64) -> Result<(), LoadError> {
        let mut best = 0;
        let mut since_nanos = clock::now().as_nanos();
        loop {
            let connected = self.board.sum(|post| &post.connected);
            let failed = self.board.sum(|post| &post.failed);
            if connected >= wanted {
                return Ok(());
            }
            let now_nanos = clock::now().as_nanos();
            if connected > best {
                (best, since_nanos) = (connected, now_nanos);
            }
            let stalled = now_nanos - since_nanos > CONNECT_PATIENCE.as_nanos() as u64;
            if swarm.has_ended() || stalled || connected + failed >= wanted {
                let first = self.board.first_failure.lock().ok().and_then(|first| first.clone());
                let cause = first.unwrap_or_else(|| "no answer".to_owned());
                return Err(LoadError::Connect { failed: wanted - connected, clients: self.settings.clients, cause });
            }
            // The end of connecting is timed, so look closely.
            watch.look(Stage::Connecting, connected as f64 / wanted.max(1) as f64, now_nanos + 5_000_000)?;
        }
    }

    /// Lets messages flow, if the run has any; what was found and how many went to each subject.
    fn publish(&mut self, watch: &mut Watch<'_>) -> Result<(Option<Traffic>, Vec<u32>), LoadError> {
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
            via: settings.via(),
        }
    }

    /// Measures between two moments.
    fn measure(&self, watch: &mut Watch<'_>, from_nanos: u64, until_nanos: u64) -> Result<Traffic, LoadError> {
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
        let cpu = first.process.zip(last.process).map(|(first, last)| {
            let cpu_nanos = last.cpu_nanos.saturating_sub(first.cpu_nanos) as f64;
            (
                cpu_nanos * 100.0 / (last.at_nanos - first.at_nanos).max(1) as f64,
                cpu_nanos / 1e3 / messages.max(1) as f64,
            )
        });
        Ok(Traffic {
            received: last.received,
            secs,
            per_sec: messages as f64 / secs,
            gbps: (last.bytes - first.bytes) as f64 * 8.0 / secs / 1e9,
            server_cpu_percent: cpu.map(|cpu| cpu.0),
            server_cpu_us: cpu.map(|cpu| cpu.1),
            series: watch.series.clone(),
            ..Traffic::default()
        })
    }

    fn count(&self) -> Count {
        Count {
            process: self.settings.server_pid.and_then(probe::process),
            at_nanos: clock::now().as_nanos(),
            received: self.board.sum(|post| &post.received),
            sent: self.board.sent(),
            bytes: self.board.sum(|post| &post.bytes),
        }
    }

    /// Waits until the publishers are done and what they sent has arrived, or nothing arrives any more.
    fn drain(&self, watch: &mut Watch<'_>) -> Result<(), LoadError> {
        let deliveries = match self.settings.kind {
            Kind::Pub => 0,
            Kind::Churn | Kind::Connect | Kind::Fanout | Kind::Idle | Kind::Seed | Kind::Sub => {
                u64::from(self.settings.clients / self.settings.subjects())
            }
        };
        let mut best = 0;
        let mut patience_until = clock::now() + STRAGGLER_PATIENCE;
        loop {
            let sent = self.board.sent();
            let received = self.board.sum(|post| &post.received);
            if self.board.publishers_are_done() && received >= sent * deliveries {
                return Ok(());
            }
            if received + sent > best {
                best = received + sent;
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
    at_nanos: u64,
    received: u64,
    sent: u64,
    bytes: u64,
}
