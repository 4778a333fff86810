//! Start, serve, leave.
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use auth::KeySets;
use base::ShardId;
use control::ApiAccess;
use crossbeam_channel::bounded;
use hook::Engine;
use ring::{Doorbell, Ring};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::announce::announce;
use crate::bans::Bans;
use crate::desk::Desk;
use crate::error::StartError;
use crate::host::GuestList;
use crate::mesh::{Beds, meshes};
use crate::pid_file::PidFile;
use crate::plane::Plane;
use crate::plane_thread::Control;
use crate::reload::{self, Listeners, Published};
use crate::seat::{Common, Seat};
use crate::settings::Settings;
use crate::shard_config::shard_config;
use crate::{clock, entropy, hooks, plane_thread, port};

/// Commands of the control plane that may wait for one shard.
const COMMANDS_MAX: usize = 4_096;

/// A server that is up.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    leave: UnboundedSender<()>,
    control: thread::JoinHandle<Result<(), StartError>>,
    /// Gone with the server.
    _pid_file: Option<PidFile>,
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
    let pid_file = settings.pid_file.clone().map(PidFile::write).transpose();
    let pid_file = pid_file.map_err(StartError::system("write pid_file"))?;
    let doors = claim_doors(address, &settings)?;
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
    let engine = engine(&settings)?;
    let settings = Arc::new(settings);
    let (published, wants) = published();
    let verifiers = settings.tokens.verifiers(&published.sets);
    // They are fetched as soon as somebody is there to do it.
    verifiers.endpoints().into_iter().for_each(|endpoint| drop(published.wanted.send(endpoint)));
    let (ready, readies) = bounded(usize::from(shards));
    let (word, go) = bounded(usize::from(shards));
    let (alive, ended) = mpsc::channel(1);
    // Before the shards' threads: what wakes the runtime is a descriptor, and an answer wakes it from a shard's thread, whose
    // file table is a copy of what is open by then.
    let runtime = plane_thread::runtime()?;
    let (senders, queues) = hooks::queues(shards, settings.has_back_ends());
    let common = Common {
        doors,
        settings: Arc::clone(&settings),
        beds,
        courier,
        desk: Arc::clone(&desk),
        guests,
        ready,
        go,
        alive,
    };
    let parts = rings.into_iter().zip(meshes(shards)).zip(receivers).zip(senders);
    for (id, (((ring, mesh), commands), events)) in (0..shards).map(ShardId).zip(parts) {
        let seed = entropy::seed().map_err(StartError::system("read entropy"))?;
        let config = shard_config(&settings, id, shards, seed, key, &verifiers, &bans);
        let core = cores[id.index() % cores.len()];
        let seat = Seat { id, core, config, ring, mesh, events, commands, common: common.clone() };
        let thread = thread::Builder::new().name(format!("shard-{}", id.0));
        thread.spawn(move || seat.run()).map_err(StartError::system("start a thread"))?;
    }
    // From here on only the shards have it: when they have ended, that is seen.
    drop(common);
    for _ in 0..shards {
        readies.recv().unwrap_or(Err(StartError::ShardLost))?;
    }
    for _ in 0..shards {
        word.send(()).map_err(|_| StartError::ShardLost)?;
    }
    announce(&settings, address, shards, &cores, features);

    let plane = Plane::new(desk, key, uid, &settings, engine, bans);
    let (leave, left) = mpsc::unbounded_channel();
    let listeners = Listeners { plane, access: ApiAccess::new(reload::rules(&settings.api)), published };
    let control = Control { listeners, queues, delivered, settings, wants, address, left, ended, signals };
    let thread = thread::Builder::new().name("control".into());
    let control = thread.spawn(move || control.run(runtime)).map_err(StartError::system("start a thread"))?;
    Ok(Running { address, leave, control, _pid_file: pid_file })
}

/// Where it listens: at its own address, and where hooks have others.
fn claim_doors(own: SocketAddr, settings: &Settings) -> Result<Arc<[SocketAddr]>, StartError> {
    [Ok(own)].into_iter().chain(settings.doors().map(port::claim)).collect()
}

/// What asks back ends.
fn engine(settings: &Settings) -> Result<Engine, StartError> {
    let hooks: Vec<_> = settings.hooks.iter().map(|hook| hook.engine.clone()).collect();
    let engine = Engine::new(&hooks, &settings.proxies.engine, &settings.endpoints.node, clock::unix_seconds);
    engine.map_err(StartError::back_ends)
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
