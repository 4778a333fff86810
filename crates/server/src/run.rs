//! Start, serve, leave.
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use auth::KeySets;
use base::{ShardId, SubjectKey};
use control::{ApiAccess, ControlSettings, State};
use crossbeam_channel::{Receiver, Sender, bounded};
use glommio::{LocalExecutor, LocalExecutorBuilder, Placement};
use hook::Engine;
use ring::{Courier, Delivered, Doorbell, Features, ListenerOptions, Ring};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use shard::{Admission, Blocks, Command, Shard, ShardConfig, Ticket};
use tokio::signal::unix::SignalKind;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;

use crate::accept::Acceptor;
use crate::bans::Bans;
use crate::desk::{Desk, TRIES};
use crate::error::StartError;
use crate::hooks::{self, Events};
use crate::host::{self, Guests};
use crate::mesh::{Beds, Mesh, meshes};
use crate::plane::Plane;
use crate::reload::{self, Listeners, Published};
use crate::settings::{LogLevel, Settings, Verifiers};
use crate::tokens::tokens;
use crate::turn::Core;
use crate::word::{self, Word};
use crate::world::{Parts, World};
use crate::{clock, entropy, hand_over, key_fetch, port};

/// Commands of the control plane that may wait for one shard.
const COMMANDS_MAX: usize = 4_096;

/// Connections that may wait for the control plane, besides those in the socket between.
const HANDED_OVER_MAX: usize = 1_024;

/// Threads of the control plane.
const CONTROL_THREADS: usize = 2;

/// Entries of glommio's rings: it serves rare guests.
const EXECUTOR_RING_DEPTH: usize = 32;

/// Buffers that glommio registers, the least that it takes.
const EXECUTOR_MEMORY_BYTES: usize = 64 << 10;

/// What else runs on the shards' executors: called once on each, before its shard starts.
pub type GuestList = Arc<dyn Fn(ShardId, &Guests) + Send + Sync>;

/// A server that is up.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    leave: UnboundedSender<()>,
    control: thread::JoinHandle<Result<(), StartError>>,
}

/// Serves until SIGTERM or SIGINT, then leaves as the settings say; a second signal ends it at once.
///
/// # Errors
/// Why it does not start.
pub fn run(settings: Settings) -> Result<(), StartError> {
    start(settings, true, Arc::new(|_, _| ()))?.wait()
}

/// Starts a server in this process, which leaves when it is told to.
///
/// # Errors
/// Why it does not start.
pub fn run_with(settings: Settings, guests: GuestList) -> Result<Running, StartError> {
    start(settings, false, guests)
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells it to leave; the second time, at once.
    pub fn leave(&self) {
        // It may have left already.
        let _ = self.leave.send(());
    }

    /// Waits until it has left.
    ///
    /// # Errors
    /// If it ended by itself.
    pub fn wait(self) -> Result<(), StartError> {
        self.control.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// What a shard's thread gets.
struct Seat {
    id: ShardId,
    core: usize,
    address: SocketAddr,
    settings: Arc<Settings>,
    config: ShardConfig,
    ring: Ring,
    mesh: Mesh,
    beds: Beds,
    courier: Arc<Courier>,
    desk: Arc<Desk>,
    events: Option<Events>,
    commands: Receiver<(Ticket, Command)>,
    guests: GuestList,
    /// Tells how the start went.
    ready: Sender<Result<(), StartError>>,
    /// Gives the word to start; closed if another shard could not.
    go: Receiver<()>,
    /// Closed when the thread ends.
    _alive: mpsc::Sender<()>,
}

fn start(mut settings: Settings, signals: bool, guests: GuestList) -> Result<Running, StartError> {
    ring::probe()?;
    raise_descriptors();
    if !settings.huge_pages {
        // A kernel without them has nothing to refuse.
        let _ = ring::refuse_huge_pages();
    }
    let uid = entropy::seed().map_err(StartError::system("read entropy"))?;
    // Clients hear the name that the API tells.
    settings.endpoints.node = format!("{uid:016x}").into();
    let address = port::claim(settings.address)?;
    let cores = cores();
    let shards = settings.shards.map_or_else(|| u16::try_from(cores.len()).unwrap_or(ShardId::COUNT_MAX), Into::into);
    let shards = shards.clamp(1, ShardId::COUNT_MAX);
    let key = entropy::subject_key().map_err(StartError::system("read entropy"))?;
    let rings = (0..shards).map(|_| Ring::new()).collect::<Result<Vec<_>, _>>()?;
    let features = rings[0].features();
    let beds = Beds::new(rings.iter().map(Ring::address));
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..shards).map(|_| bounded(COMMANDS_MAX)).unzip();
    let desk = Arc::new(Desk::new(senders, beds.clone(), Doorbell::new()?));
    let (courier, delivered) = ring::courier().map_err(StartError::system("make a socket pair"))?;
    let courier = Arc::new(courier);
    let bans = Bans::new(settings.bans_file.clone(), settings.bans_max).map(Arc::new).map_err(StartError::Bans)?;
    let hooks: Vec<_> = settings.hooks.iter().map(|hook| hook.engine.clone()).collect();
    let engine = Engine::new(&hooks, &settings.proxies.engine, &settings.endpoints.node, clock::unix_seconds);
    let engine = engine.map_err(StartError::back_ends)?;
    let settings = Arc::new(settings);
    let (published, wants) = published();
    let verifiers = settings.tokens.verifiers(&published.sets);
    // They are fetched as soon as somebody is there to do it.
    verifiers.endpoints().into_iter().for_each(|endpoint| drop(published.wanted.send(endpoint)));
    let (ready, readies) = bounded(usize::from(shards));
    let (go, word) = bounded(usize::from(shards));
    let (alive, ended) = mpsc::channel(1);
    // Before the shards' threads: what wakes the runtime is a descriptor, and an answer wakes it from a shard's thread, whose
    // file table is a copy of what is open by then.
    let runtime = runtime()?;
    let (senders, queues) = hooks::queues(shards, settings.has_back_ends());
    let parts = rings.into_iter().zip(meshes(shards)).zip(receivers).zip(senders);
    for (id, (((ring, mesh), commands), events)) in (0..shards).map(ShardId).zip(parts) {
        let seed = entropy::seed().map_err(StartError::system("read entropy"))?;
        let seat = Seat {
            id,
            core: cores[id.index() % cores.len()],
            address,
            config: shard_config(&settings, id, shards, seed, key, &verifiers, &bans),
            settings: Arc::clone(&settings),
            ring,
            mesh,
            beds: beds.clone(),
            courier: Arc::clone(&courier),
            desk: Arc::clone(&desk),
            events,
            commands,
            guests: Arc::clone(&guests),
            ready: ready.clone(),
            go: word.clone(),
            _alive: alive.clone(),
        };
        let thread = thread::Builder::new().name(format!("shard-{}", id.0));
        thread.spawn(move || seat.run()).map_err(StartError::system("start a thread"))?;
    }
    for _ in 0..shards {
        readies.recv().unwrap_or(Err(StartError::ShardLost))?;
    }
    for _ in 0..shards {
        go.send(()).map_err(|_| StartError::ShardLost)?;
    }
    announce(&settings, address, shards, &cores, features);

    let plane = Plane::new(desk, key, uid, &settings, engine, bans);
    let (leave, left) = mpsc::unbounded_channel();
    let listeners = Listeners { plane, access: ApiAccess::new(reload::rules(&settings.api)), published };
    let control = Control { listeners, queues, delivered, settings, wants, address, left, ended, signals };
    let thread = thread::Builder::new().name("control".into());
    let control = thread.spawn(move || control.run(runtime)).map_err(StartError::system("start a thread"))?;
    Ok(Running { address, leave, control })
}

/// As many descriptors as the process may ask for: the soft limit is for programs that use `select`.
fn raise_descriptors() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // If it is refused the server runs with what there is, and doctor says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// The cores that this process may use.
fn cores() -> Vec<usize> {
    let ids = core_affinity::get_core_ids().unwrap_or_default();
    if ids.is_empty() { vec![0] } else { ids.into_iter().map(|core| core.id).collect() }
}

/// Published keys of tokens: none yet, and where it comes in which ones are wanted.
fn published() -> (Published, UnboundedReceiver<String>) {
    let (wanted, wants) = mpsc::unbounded_channel();
    let ask = wanted.clone();
    // Whoever fetches may have ended with the server.
    let sets = KeySets::new(move |address| drop(ask.send(address.to_owned())));
    (Published { sets: Arc::new(sets), wanted }, wants)
}

/// The control plane's.
fn runtime() -> Result<tokio::runtime::Runtime, StartError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let built = builder.worker_threads(CONTROL_THREADS).thread_name("control").enable_all().build();
    built.map_err(StartError::system("start the control plane"))
}

/// What one of `shards` shards is told.
pub(crate) fn shard_config(
    settings: &Settings,
    shard: ShardId,
    shards: u16,
    seed: u64,
    key: SubjectKey,
    verifiers: &Verifiers,
    bans: &Arc<Bans>,
) -> ShardConfig {
    let blocks: Arc<dyn Blocks> = Arc::clone(bans) as _;
    let mut limits = settings.limits;
    limits.history_bytes /= usize::from(shards);
    ShardConfig {
        shard,
        shards,
        seed,
        key,
        dev: settings.dev,
        anonymous: settings.anonymous,
        endpoints: settings.endpoints.clone(),
        tokens: tokens(&settings.tokens, verifiers, bans),
        api_keys: settings.api.keys.clone(),
        admission: Admission { blocks: Some(blocks), ..settings.admission.clone() },
        namespaces: settings.namespaces.clone(),
        limits,
        heartbeat: settings.heartbeat,
        outbox: settings.outbox,
        compression: settings.compression,
        proxies: Arc::clone(&settings.proxies.shard),
        hooks: settings.hooks.iter().map(|hook| hook.shard.clone()).collect(),
    }
}

fn announce(settings: &Settings, address: SocketAddr, shards: u16, cores: &[usize], features: Features) {
    for warning in settings.warnings.iter().filter(|_| settings.log_level >= LogLevel::Warn) {
        eprintln!("ringcast: warning: {warning}");
    }
    if settings.admission.insecure && settings.log_level >= LogLevel::Warn {
        eprintln!("client.insecure: every client may subscribe and publish to every channel that has a namespace");
    }
    if settings.log_level >= LogLevel::Info {
        introduce(address, shards, cores, features);
    }
    for hook in settings.hooks.iter().filter(|hook| hook.shard.open) {
        let prefix = &hook.shard.prefix;
        eprintln!("ws2api {prefix}: INSECURE: everybody who reaches {address} may push to its clients");
    }
    // Whatever is logged: that everything is open is nothing to be quiet about.
    if settings.dev {
        eprintln!("DEVELOPMENT MODE: everybody who reaches {address} may publish and subscribe to everything");
    }
}

/// Where and how it serves.
fn introduce(address: SocketAddr, shards: u16, cores: &[usize], features: Features) {
    let kernel = rustix::system::uname();
    eprintln!(
        "ringcast {} serves on http://{address}: {shards} {} on {} {}",
        env!("CARGO_PKG_VERSION"),
        if shards == 1 { "shard" } else { "shards" },
        usize::from(shards).min(cores.len()),
        if shards.min(u16::try_from(cores.len()).unwrap_or(u16::MAX)) == 1 { "core" } else { "cores" },
    );
    eprintln!("kernel {}: {features}", kernel.release().to_string_lossy());
}

impl Seat {
    /// The life of a shard's thread.
    fn run(mut self) {
        let (executor, acceptor, sender) = match self.take() {
            Ok(made) => {
                let _ = self.ready.send(Ok(()));
                made
            }
            Err(error) => return drop(self.ready.send(Err(error))),
        };
        if self.go.recv().is_err() {
            return;
        }
        let guests = Guests::default();
        let shard = Shard::new(self.config, clock::now());
        let world = World::new(Parts {
            me: self.id,
            ring: self.ring,
            sender,
            mesh: self.mesh,
            beds: self.beds,
            acceptor,
            courier: self.courier,
            desk: self.desk,
            connections_max: self.settings.connections_max,
            events: self.events,
        });
        let core = Core::new(shard, world, self.commands, self.settings.batch_window);
        executor.run(async {
            (self.guests)(self.id, &guests);
            if let Err(error) = host::run(core, guests.clone()).await {
                eprintln!("ringcast: shard {} cannot run: {error}", self.id.0);
            }
        });
    }

    /// Takes the core, a file table, a ring and the port.
    fn take(&mut self) -> Result<(LocalExecutor, Acceptor, ring::Sender), StartError> {
        ring::unshare().map_err(StartError::system("give a thread its own file table"))?;
        ring::block_signals().map_err(StartError::system("block signals in a thread"))?;
        let executor = LocalExecutorBuilder::new(Placement::Fixed(self.core))
            .name(&format!("shard-{}", self.id.0))
            .io_memory(EXECUTOR_MEMORY_BYTES)
            .ring_depth(EXECUTOR_RING_DEPTH)
            .make()
            .map_err(StartError::executor)?;
        self.ring.enable().map_err(StartError::system("enable a ring"))?;
        let options = ListenerOptions {
            shared: true,
            backlog: self.settings.backlog,
            user_timeout: self.settings.user_timeout,
            send_buffer_bytes: self.settings.send_buffer_bytes,
        };
        let listener =
            ring::listen(self.address, options).map_err(|error| StartError::listening(self.address, error))?;
        Ok((executor, Acceptor::new(listener), ring::Sender::new()?))
    }
}

/// The control plane's thread: the runtime, the signals, the end.
struct Control {
    listeners: Listeners,
    /// Events of shards for back ends.
    queues: Vec<tokio::sync::mpsc::Receiver<hook::Event>>,
    delivered: Delivered,
    settings: Arc<Settings>,
    /// Addresses of published keys that are wanted.
    wants: UnboundedReceiver<String>,
    address: SocketAddr,
    left: UnboundedReceiver<()>,
    /// Closed when all shards have ended.
    ended: mpsc::Receiver<()>,
    signals: bool,
}

impl Control {
    fn run(self, runtime: tokio::runtime::Runtime) -> Result<(), StartError> {
        let result = runtime.block_on(self.serve());
        // Who has not finished by now is cut off.
        runtime.shutdown_background();
        result
    }

    async fn serve(mut self) -> Result<(), StartError> {
        let plane = self.listeners.plane.clone();
        let mut word = Word::new(self.left, self.signals)?;
        let mut hangup = if self.signals { Some(word::listen(SignalKind::hangup())?) } else { None };
        tokio::spawn(key_fetch::run(Arc::clone(&self.listeners.published.sets), self.wants));
        let (handed, received) = mpsc::channel(HANDED_OVER_MAX);
        tokio::spawn(hand_over::receive(self.delivered, handed));
        let (drain, mut draining) = watch::channel(false);
        let settings = ControlSettings {
            dev: self.settings.dev,
            uid: format!("{:016x}", plane.uid),
            access: self.listeners.access.clone(),
            paths: self.settings.paths.clone(),
            node_name: self.settings.node_name.clone(),
            data_address: reachable(self.address),
            data_paths: data_paths(&self.settings),
            head_timeout: self.settings.limits.head_timeout,
            drain_timeout: self.settings.drain_deadline,
            ..ControlSettings::default()
        };
        let stop = async move {
            let _ = draining.wait_for(|draining| *draining).await;
        };
        let served = tokio::spawn(control::serve(received, plane.clone(), settings, stop));
        let served_events = hooks::serve(&plane.engine, &plane.desk, std::mem::take(&mut self.queues));
        plane.desk.set_state(State::Ready);

        let started = Arc::clone(&self.settings);
        loop {
            tokio::select! {
                () = word.said() => break,
                () = word::again(&mut hangup) => {}
                _ = self.ended.recv() => return Err(StartError::ShardLost),
            }
            // Shards that are behind take their time: meanwhile it may be told to leave.
            self.settings = tokio::select! {
                settings = self.listeners.reload(&self.settings, &started) => settings,
                () = word.said() => break,
                _ = self.ended.recv() => return Err(StartError::ShardLost),
            };
        }
        plane.desk.set_state(State::Draining);
        drain.send_replace(true);
        let spread = self.settings.drain_spread;
        let all_gone = async {
            // Who is not told goes down with the process.
            for shard in plane.desk.tell_all(TRIES, |_| Command::Drain { spread }).await {
                eprintln!("ringcast: shard {} is behind and could not be told to leave", shard.0);
            }
            self.ended.recv().await;
            let _ = served.await;
            // Whoever is told of ends hears of the last ones too, if the time is enough.
            for served in served_events {
                let _ = served.await;
            }
            plane.engine.settled().await;
        };
        tokio::select! {
            () = all_gone => {}
            () = word.said() => {}
            () = tokio::time::sleep(self.settings.drain_deadline) => {}
        }
        Ok(())
    }
}

/// What is the data plane's besides what always is.
fn data_paths(settings: &Settings) -> Vec<String> {
    let prefixes = settings.hooks.iter().map(|hook| format!("{}{{*id}}", hook.shard.prefix));
    settings.endpoints.paths().map(str::to_owned).chain(prefixes).collect()
}

/// The listener's address as one reaches it from this host.
fn reachable(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
