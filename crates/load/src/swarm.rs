//! The swarm: many subscribers in few threads, each with an epoll of its own.
//!
//! A subscriber is a [`Row`] of 24 bytes in a flat array, and nothing else: its subject, source address and WebSocket key follow
//! from its number, bytes are received into one scratch buffer of the thread, and only an unfinished frame is lent a buffer.
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;

use hdrhistogram::Histogram;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use rustix::thread::{CpuSet, sched_setaffinity, set_current_timer_slack};

use crate::LoadError;
use crate::address::Addresses;
use crate::board::{Board, histogram};
use crate::check::{Cursor, Faults};
use crate::dialect::{Dialect, subject_text};

mod flock;
mod intake;
mod lent;
mod opener;

pub(crate) use flock::TalkPlan;

/// A thread looks at the board at least this often.
pub(crate) const WAIT_NANOS_MAX: u64 = 20_000_000;

/// What gives the calling thread a file table of its own: `unshare(CLONE_FILES)`. The load has no unsafe code, so the
/// binary hands it in.
pub type IsolateFiles = fn() -> io::Result<()>;

/// What the swarm is to do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) addresses: Addresses,
    pub(crate) api_key: String,
    /// Subscribers at the end of the numbers that close and reconnect when told so.
    pub(crate) churners: u32,
    /// Closes a second, of the whole swarm.
    pub(crate) churn_rate: f64,
    pub(crate) clients: u32,
    /// Connections a second, of the whole swarm; 0: as fast as the server takes them.
    pub(crate) connect_rate: f64,
    /// Handshakes under way at a time, of the whole swarm.
    pub(crate) connecting_max: u32,
    /// Cores to pin threads to, in turn; empty: none.
    pub(crate) cpus: Vec<usize>,
    /// True if subscribers acknowledge late.
    pub(crate) delays_acks: bool,
    pub(crate) dialect: Dialect,
    /// True if the subscribers are there before the first message.
    pub(crate) from_start: bool,
    /// True if threads look for events without sleeping.
    pub(crate) is_awake: bool,
    pub(crate) isolate_files: IsolateFiles,
    /// True if a publisher waits for deliveries: the bell is rung.
    pub(crate) is_windowed: bool,
    /// What the path is that a client's ClientID follows, if it is a back end's.
    pub(crate) prefix: Option<String>,
    pub(crate) publishers: u16,
    pub(crate) seed: u64,
    pub(crate) size_bytes: usize,
    /// Client `n` subscribes to subject `n % subjects`.
    pub(crate) subjects: u32,
    /// What clients say; `None`: they only listen.
    pub(crate) talk: Option<TalkPlan>,
    pub(crate) threads: u32,
    /// Connection token of all subscribers; empty: none.
    pub(crate) token: String,
}

/// One subscriber.
#[derive(Default, Debug)]
struct Row {
    socket: Option<OwnedFd>,
    cursor: Cursor,
    /// Its unfinished frame in [`lent::Lent`], or `base::NONE`.
    lent: u32,
    /// When it was opened, in wrapping microseconds.
    opened_micros: u32,
    phase: Phase,
    attempts: u8,
}

// The claim is 128 bytes a connection; a row, a sequence number of its subject and its end state are all there is.
const _: () = assert!(size_of::<Row>() <= 24);

/// ```text
/// Idle -> Connecting -> Handshaking -> (Greeting ->) Open -> Closed
///   ^_________|______________|____________|___________|  (a failed attempt, a churner)
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Phase {
    /// Has no socket, and will get one.
    #[default]
    Idle,
    /// TCP is connecting.
    Connecting,
    /// The upgrade request is sent.
    Handshaking,
    /// Upgraded; the dialect's subscribe command is sent.
    Greeting,
    /// Subscribed.
    Open,
    /// Gave up, or the server closed it.
    Closed,
}

/// What one thread, or the whole swarm, found.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) faults: Faults,
    pub(crate) latency: Histogram<u64>,
    /// From `connect` to subscribed.
    pub(crate) connect_latency: Histogram<u64>,
    /// For each client in order: the next sequence number, if it is known what the client should have got.
    pub(crate) stands: Vec<Option<u32>>,
    /// For each client in order: how many messages it has said, if clients speak.
    pub(crate) said: Vec<u32>,
    /// How late they left.
    pub(crate) lag: Histogram<u64>,
    /// User memory of rows and buffers.
    pub(crate) memory_bytes: usize,
}

impl Tally {
    fn nothing() -> Self {
        Self {
            faults: Faults::default(),
            latency: histogram(),
            connect_latency: histogram(),
            stands: Vec::new(),
            said: Vec::new(),
            lag: histogram(),
            memory_bytes: 0,
        }
    }

    /// Adds as lost what was published and came to nobody: `published[subject]` messages of each subject.
    pub(crate) fn settle(&mut self, published: &[u32]) {
        let subjects = published.len().max(1);
        for (client, stand) in self.stands.iter().enumerate() {
            if let (Some(next), Some(count)) = (stand, published.get(client % subjects)) {
                self.faults.lost += u64::from(count.saturating_sub(*next));
            }
        }
    }
}

/// The running threads.
#[derive(Debug)]
pub(crate) struct Swarm {
    threads: Vec<JoinHandle<Result<Tally, LoadError>>>,
}

impl Swarm {
    /// Starts the threads; they begin to connect at once.
    pub(crate) fn start(plan: &Arc<Plan>, board: &Arc<Board>) -> Result<Self, LoadError> {
        let mut threads = Vec::new();
        for number in 0..plan.threads {
            let (plan, board) = (Arc::clone(plan), Arc::clone(board));
            let run = move || {
                prepare_thread(&plan, number)?;
                flock::Flock::new(&plan, &board, number)?.run()
            };
            let thread = std::thread::Builder::new().name(format!("swarm-{number}"));
            threads.push(thread.spawn(run).map_err(LoadError::io("starting a swarm thread"))?);
        }
        Ok(Self { threads })
    }

    /// True if a thread has ended by itself: it has an error to tell.
    pub(crate) fn has_ended(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Waits for the threads, which the board has told to stop.
    pub(crate) fn join(self) -> Result<Tally, LoadError> {
        let mut whole = Tally::nothing();
        for thread in self.threads {
            let part = thread.join().map_err(|_| LoadError::Argument("a swarm thread panicked".to_owned()))??;
            whole.faults.add(part.faults);
            whole.stands.extend(part.stands);
            whole.said.extend(part.said);
            whole.memory_bytes += part.memory_bytes;
            // Histograms of equal bounds always add up.
            let _ = whole.latency.add(&part.latency);
            let _ = whole.lag.add(&part.lag);
            let _ = whole.connect_latency.add(&part.connect_latency);
        }
        Ok(whole)
    }
}

impl Plan {
    /// The clients of thread `number`.
    fn clients_of(&self, number: u32) -> Range<u32> {
        let at = |n: u32| (u64::from(self.clients) * u64::from(n) / u64::from(self.threads.max(1))) as u32;
        at(number)..at(number + 1)
    }

    /// The path that a client of subject `number` asks for.
    fn path(&self, number: u32) -> String {
        match &self.prefix {
            Some(prefix) => prefix.clone() + &subject_text(number),
            None => self.dialect.path(number),
        }
    }

    /// A plan that tests change.
    #[cfg(test)]
    fn nobody() -> Self {
        Self {
            addresses: Addresses::new(&["127.0.0.1:1".to_owned()], &[], 1).expect("an address"),
            api_key: String::new(),
            churners: 0,
            churn_rate: 0.0,
            clients: 1,
            connect_rate: 0.0,
            connecting_max: 1,
            cpus: Vec::new(),
            delays_acks: false,
            dialect: Dialect::Plain,
            from_start: true,
            isolate_files: || Ok(()),
            is_awake: false,
            is_windowed: false,
            prefix: None,
            publishers: 0,
            seed: 1,
            size_bytes: 64,
            subjects: 1,
            talk: None,
            threads: 1,
            token: String::new(),
        }
    }
}

fn prepare_thread(plan: &Plan, number: u32) -> Result<(), LoadError> {
    if plan.threads > 1 {
        (plan.isolate_files)().map_err(LoadError::io("giving a thread its own file table"))?;
    }
    settle_thread(&plan.cpus, number as usize)
}

/// Pins the calling thread to its turn among `cpus` and makes its timers exact.
pub(crate) fn settle_thread(cpus: &[usize], number: usize) -> Result<(), LoadError> {
    // The default slack lets a wake-up be 50 µs late.
    set_current_timer_slack(NonZeroU64::new(1)).map_err(LoadError::os("prctl(PR_SET_TIMERSLACK)"))?;
    if cpus.is_empty() {
        return Ok(());
    }
    let cpu = cpus[number % cpus.len()];
    if cpu >= CpuSet::MAX_CPU {
        return Err(LoadError::Argument(format!("--cpu {cpu}: no such core")));
    }
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).map_err(LoadError::os("pinning a thread (sched_setaffinity)"))
}

/// Opens a non-blocking socket and starts to connect it.
fn open_socket(source: Option<SocketAddrV4>, target: SocketAddr) -> rustix::io::Result<OwnedFd> {
    let family = if target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    if let Some(source) = source {
        bind(&socket, &source)?;
    }
    match connect(&socket, &target) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error),
    }
}
