//! One run from its first connection to its result.
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::address::Addresses;
use crate::board::Board;
use crate::outcome::{Connect, Latency, Memory, Outcome, Traffic, bars, slope};
use crate::probe::{self, KernelSample, ProcessSample};
use crate::settings::{Kind, Settings};
use crate::swarm::{IsolateFiles, Plan, Swarm, Tally};
use crate::watch::{OnProgress, Stage, Watch};
use crate::{LoadError, clock};

mod capacity;
mod talk;
mod traffic;

pub(crate) use capacity::files_max;

/// Quiet time after the last connection: the server's and the kernel's deferred work is done, memory can be looked at.
const SETTLE: Duration = Duration::from_millis(500);

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
        Kind::Connect | Kind::Fanout | Kind::Idle | Kind::Pub | Kind::Seed | Kind::Sub | Kind::Ws2api => {
            Session::new(settings, isolate_files)?.run(on_progress)
        }
    }
}

struct Session<'s> {
    settings: &'s Settings,
    addresses: Addresses,
    plan: Arc<Plan>,
    board: Arc<Board>,
    isolate_files: IsolateFiles,
    notes: Vec<String>,
    memory_steps: Vec<(u64, u64)>,
    idle_cpu_percent: Option<f64>,
}

/// Memory for each connection. What the first connections woke up in the server is no connection's, so the look before them
/// counts only if there is but one after.
fn slope_of_steps(steps: &[(u64, u64)]) -> Option<f64> {
    slope(if steps.len() > 2 { &steps[1..] } else { steps })
}

/// How this process was called, without where its binary lies.
fn command_line() -> String {
    let mut words = std::env::args();
    let binary = words.next().unwrap_or_default();
    let name = binary.rsplit('/').next().unwrap_or_default().to_owned();
    words.fold(name, |line, word| line + " " + &word)
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
            Kind::Churn | Kind::Connect | Kind::Fanout | Kind::Idle | Kind::Seed | Kind::Sub | Kind::Ws2api => {
                capacity::threads(settings.clients, settings.threads)?
            }
        };
        let publishers = match settings.kind {
            Kind::Connect | Kind::Idle | Kind::Sub | Kind::Ws2api => 0,
            Kind::Churn | Kind::Fanout | Kind::Pub | Kind::Seed => settings.publishers,
        };
        // Clients that speak have a desk a flock, and the back end a post of its own.
        let (posts, desks) = match settings.kind {
            Kind::Ws2api => (threads as usize + 1, threads as usize),
            Kind::Churn | Kind::Connect | Kind::Fanout | Kind::Idle | Kind::Pub | Kind::Seed | Kind::Sub => {
                (threads as usize, usize::from(publishers))
            }
        };
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
            delays_acks: settings.delay_acks,
            is_awake: settings.awake,
            isolate_files,
            is_windowed: settings.kind == Kind::Fanout,
            prefix: (settings.kind == Kind::Ws2api).then(|| settings.prefix.clone()),
            publishers: settings.publishers,
            seed: run_seed,
            size_bytes: settings.size,
            subjects: settings.subjects(),
            talk: talk::talk_plan(settings),
            threads,
            token: settings.token.clone(),
        };
        Ok(Self {
            settings,
            addresses,
            board: Arc::new(Board::new(posts, desks)?),
            isolate_files,
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
        let back_end = self.open_back_end(self.isolate_files)?;
        let swarm = Swarm::start(&self.plan, &board)?;
        let connected = self.connect(&swarm, &mut watch, before);
        let (connect, publishing) = match connected {
            Ok(connect) => (connect, self.publish(&mut watch)),
            Err(error) => (Connect::default(), Err(error)),
        };
        let after = self.look();
        board.end();
        let tally = swarm.join();
        let heard = back_end.map(|back_end| Self::close_back_end(back_end, &mut watch)).transpose();
        let (mut traffic, published) = publishing?;
        let (mut tally, heard) = (tally?, heard?);
        tally.settle(&published);
        let told = traffic.as_mut().zip(heard).map(|(traffic, heard)| self.settle_talk(traffic, &mut tally, heard));
        if let Some(traffic) = &mut traffic {
            traffic.faults = tally.faults;
            traffic.latency = Latency::of(&tally.latency);
            traffic.histogram = bars(&tally.latency);
        }
        let mut outcome = self.outcome(connect, traffic, &tally, before, after);
        outcome.back_end = told;
        Ok(outcome)
    }

    fn look(&self) -> Look {
        Look { process: self.settings.server_pid.and_then(probe::process), kernel: probe::kernel() }
    }

    fn outcome(
        mut self,
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
        if let Some(cause) = self.board.first_failure.lock().ok().and_then(|first| first.clone()) {
            self.notes.push(format!("the first connection that failed: {cause}"));
        }
        let kernels = before.kernel.zip(after.kernel).filter(|_| self.addresses.are_local());
        if kernels.is_some_and(|(_, after)| !after.counts_requests) {
            self.notes
                .push("this kernel does not tell what io_uring's waiting requests take: it is missing".to_owned());
        }
        let memory = Memory {
            user_bytes_per_conn: slope_of_steps(&self.memory_steps),
            kernel: kernels.and_then(|(before, after)| before.cost(&after, clients)),
            steps: self.memory_steps,
            swarm_bytes_per_conn: tally.memory_bytes as f64 / clients as f64,
        };
        let has_swarm = self.settings.kind != Kind::Pub;
        Outcome {
            machine: probe::machine(),
            commit: crate::outcome::built_commit().to_owned(),
            command: command_line(),
            settings: self.settings.clone(),
            connect: has_swarm.then_some(connect),
            traffic,
            undisturbed: None,
            back_end: None,
            memory: has_swarm.then_some(memory),
            idle_cpu_percent: self.idle_cpu_percent,
            notes: self.notes,
        }
    }

    /// Opens the subscribers, in steps if the run is about their cost.
    fn connect(&mut self, swarm: &Swarm, watch: &mut Watch<'_>, before: Look) -> Result<Connect, LoadError> {
        let clients = u64::from(self.settings.clients);
        let steps = u64::from(self.settings.steps);
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
}
