//! One thread's part of the swarm: its rows, its epoll, its loop.
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use hdrhistogram::Histogram;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::intake::{Ending, Intake};
use super::lent::Lent;
use super::opener::{Opener, Pace};
use super::{Phase, Plan, Row, Tally, WAIT_NANOS_MAX};
use crate::LoadError;
use crate::board::{Board, histogram};
use crate::check::Cursor;
use crate::clock;
use crate::handshake;

mod life;
mod talk;

use talk::Talk;
pub(crate) use talk::TalkPlan;

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 512;

/// The receiving buffer: what a socket may hold for one read; at most one frame and what follows it.
const SCRATCH_BYTES: usize = 256 * base::units::KIB;

/// Between two merges of latencies into the board.
const MERGE_NANOS: u64 = 200_000_000;

/// The thread's state.
#[derive(Debug)]
pub(super) struct Flock {
    plan: Arc<Plan>,
    board: Arc<Board>,
    number: u32,
    /// The number of the client in row 0.
    first: u32,
    rows: Vec<Row>,
    epoll: OwnedFd,
    scratch: Box<[u8]>,
    lent: Lent,
    opener: Opener,
    churn: Pace,
    random: base::Prng,
    intake: Intake,
    /// What this flock's clients say, if they do.
    talk: Option<Talk>,
    latency: Histogram<u64>,
    connect_latency: Histogram<u64>,
    merged_nanos: u64,
    connected: u64,
    failed: u64,
    dropped: u64,
    opened: u64,
}

impl Flock {
    pub(super) fn new(plan: &Arc<Plan>, board: &Arc<Board>, number: u32) -> Result<Self, LoadError> {
        let clients = plan.clients_of(number);
        let share = 1.0 / f64::from(plan.threads.max(1));
        let now_nanos = clock::now().as_nanos();
        let row = |client: u32| Row {
            cursor: if plan.from_start { Cursor::from_start(publisher_of(plan, client)) } else { Cursor::default() },
            lent: base::NONE,
            ..Row::default()
        };
        Ok(Self {
            number,
            first: clients.start,
            rows: clients.map(row).collect(),
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).map_err(LoadError::os("epoll_create"))?,
            scratch: vec![0; SCRATCH_BYTES].into(),
            lent: Lent::default(),
            opener: Opener::new(
                Pace::new(plan.connect_rate * share, now_nanos),
                plan.connecting_max / plan.threads.max(1),
            ),
            churn: Pace::new(plan.churn_rate * share, now_nanos),
            random: base::Prng::new(plan.seed ^ u64::from(number), "churn"),
            intake: Intake::new(plan, SCRATCH_BYTES / 2),
            talk: Talk::new(plan, number),
            latency: histogram(),
            connect_latency: histogram(),
            merged_nanos: now_nanos,
            connected: 0,
            failed: 0,
            dropped: 0,
            opened: 0,
            plan: Arc::clone(plan),
            board: Arc::clone(board),
        })
    }

    /// Runs until the board says stop.
    pub(super) fn run(mut self) -> Result<Tally, LoadError> {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        while !self.board.is_stopped() {
            let now_nanos = clock::now().as_nanos();
            self.open(now_nanos)?;
            self.churn(now_nanos);
            self.talk(now_nanos);
            self.post(now_nanos);
            let timeout = clock::timespec(if self.plan.is_awake { 0 } else { self.wait_nanos(now_nanos) });
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(LoadError::os("epoll_wait")(error)),
            }
            if self.plan.is_awake && events.is_empty() {
                // Publishers may be on the same core.
                std::thread::yield_now();
            }
            for event in events.drain(..) {
                let data = event.data;
                self.on_event(data.u64() as u32, event.flags);
            }
        }
        self.merge(clock::now().as_nanos());
        self.post(clock::now().as_nanos());
        Ok(self.tally())
    }

    fn wait_nanos(&self, now_nanos: u64) -> u64 {
        let mut until = now_nanos + WAIT_NANOS_MAX;
        if let Some(next) = self.opener.next_nanos(self.wanted()) {
            until = until.min(next);
        }
        if self.is_churning() {
            until = until.min(self.churn.next_nanos());
        }
        if let Some(next) = self.talk.as_ref().and_then(|talk| talk.next_nanos(now_nanos)) {
            until = until.min(next);
        }
        until.saturating_sub(now_nanos)
    }

    fn on_event(&mut self, row: u32, flags: EventFlags) {
        let phase = self.rows[row as usize].phase;
        match phase {
            Phase::Idle | Phase::Closed => return,
            Phase::Connecting => {
                if flags.intersects(EventFlags::ERR | EventFlags::HUP) {
                    let cause = self.socket_error(row);
                    return self.fail(row, || format!("connect: {cause}"));
                }
                if flags.contains(EventFlags::OUT) {
                    self.greet_http(row);
                }
                return;
            }
            Phase::Handshaking | Phase::Greeting | Phase::Open => {}
        }
        if flags.contains(EventFlags::OUT) {
            self.give_pending(row);
        }
        if flags.intersects(EventFlags::IN | EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR) {
            // Edge-triggered: an end that came together with data gives no event of its own, so read on to it.
            self.receive(row, flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR));
        }
    }

    /// Reads what is there. Bytes of an unfinished frame are put before what comes.
    fn receive(&mut self, row: u32, to_the_end: bool) {
        loop {
            let Some(socket) = &self.rows[row as usize].socket else { return };
            let lent = self.rows[row as usize].lent;
            let kept = self.lent.bytes(lent);
            let held = kept.len();
            self.scratch[..held].copy_from_slice(kept);
            let room = self.scratch.len() - held;
            match recv(socket, &mut self.scratch[held..], RecvFlags::empty()) {
                Ok((_, 0)) => return self.end(row, || "the server closed the connection".to_owned()),
                Ok((_, count)) => {
                    self.digest(row, held, held + count);
                    if count < room && !to_the_end {
                        return;
                    }
                }
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => {}
                Err(error) => return self.end(row, || error.to_string()),
            }
        }
    }

    /// Handles the first `length` bytes of the scratch buffer, of which `held` were there before.
    fn digest(&mut self, row: u32, held: usize, length: usize) {
        let now_nanos = clock::now().as_nanos();
        let mut at = 0;
        if self.rows[row as usize].phase == Phase::Handshaking {
            match handshake::verify(&self.scratch[..length], self.key(row)) {
                Ok(Some(head)) => {
                    at = head;
                    self.on_upgraded(row, now_nanos);
                }
                Ok(None) => return self.keep(row, 0, length),
                Err(error) => return self.fail(row, || format!("upgrade: {error}")),
            }
        }
        self.intake.bytes += (length - held.max(at)) as u64;
        let place = &mut self.rows[row as usize];
        let was_open = place.phase == Phase::Open;
        let read = self.intake.read(place, self.first + row, &self.scratch[at..length], now_nanos);
        if !was_open && place.phase == Phase::Open {
            self.on_open(row, now_nanos);
        }
        if !self.intake.answer.is_empty() {
            self.answer(row);
        }
        match read {
            Ok(consumed) => self.keep(row, at + consumed, length),
            Err(Ending::Closed(code)) => self.end(row, || format!("the server closed with code {code}")),
            Err(Ending::Frame(error)) => self.end(row, || format!("the server sent {error}")),
            Err(Ending::Refused) => self.end(row, || "the subscription was refused".to_owned()),
        }
    }

    /// Keeps the scratch buffer's bytes from `start` to `end` for the row, if there are any.
    fn keep(&mut self, row: u32, start: usize, end: usize) {
        let row = &mut self.rows[row as usize];
        if start < end {
            row.lent = self.lent.keep(row.lent, &self.scratch[start..end]);
        } else if row.lent != base::NONE {
            self.lent.release(row.lent);
            row.lent = base::NONE;
        }
    }

    /// Sends and empties the answer. It is small and the socket idle, so what does not fit at once is given up.
    fn answer(&mut self, row: u32) {
        if let Some(talk) = self.talk.as_mut().filter(|talk| talk.is_pending(row)) {
            talk.wait(row, &self.intake.answer);
        } else if let Some(socket) = &self.rows[row as usize].socket {
            // A broken connection shows at the next read.
            let _ = send(socket, &self.intake.answer, SendFlags::NOSIGNAL);
        }
        self.intake.answer.clear();
    }

    /// Writes the counters to the board and reads the window from it.
    fn post(&mut self, now_nanos: u64) {
        let post = &self.board.posts[self.number as usize];
        let before = post.received.swap(self.intake.received, Relaxed);
        post.connected.store(self.connected, Relaxed);
        post.failed.store(self.failed, Relaxed);
        post.dropped.store(self.dropped, Relaxed);
        post.opened.store(self.opened, Relaxed);
        post.bytes.store(self.intake.bytes, Relaxed);
        if self.plan.is_windowed {
            self.ring_bell(self.intake.received - before);
        }
        self.intake.window_nanos = (self.board.window_from.load(Relaxed), self.board.window_until.load(Relaxed));
        if now_nanos > self.merged_nanos + MERGE_NANOS {
            self.merge(now_nanos);
        }
    }

    /// Rings if these deliveries were the last of a message, as far as can be told from their sum.
    fn ring_bell(&self, deliveries: u64) {
        let clients = u64::from(self.plan.clients);
        let before = self.board.delivered.fetch_add(deliveries, Relaxed);
        if (before + deliveries) / clients > before / clients {
            // It can only be full if it has been rung 2^64 times.
            let _ = rustix::io::write(&self.board.bell, &1_u64.to_ne_bytes());
        }
    }

    fn merge(&mut self, now_nanos: u64) {
        self.merged_nanos = now_nanos;
        self.board.posts[self.number as usize].lost.store(self.intake.checker.faults().lost, Relaxed);
        if self.intake.recent.is_empty() {
            return;
        }
        // Histograms of equal bounds always add up.
        let _ = self.latency.add(&self.intake.recent);
        if let Ok(mut recent) = self.board.recent.lock() {
            let _ = recent.add(&self.intake.recent);
        }
        self.intake.recent.reset();
    }

    fn tally(self) -> Tally {
        let (said, lag) = self.talk.map_or_else(|| (Vec::new(), histogram()), Talk::finish);
        let memory_bytes = self.rows.capacity() * size_of::<Row>() + self.lent.memory_bytes();
        Tally {
            faults: self.intake.checker.faults(),
            latency: self.latency,
            connect_latency: self.connect_latency,
            stands: self.rows.iter().map(|row| row.cursor.is_started().then_some(row.cursor.next)).collect(),
            said,
            lag,
            memory_bytes,
        }
    }
}

/// Who publishes to the subject of `client`.
fn publisher_of(plan: &Plan, client: u32) -> u16 {
    (client % plan.subjects % u32::from(plan.publishers.max(1))) as u16
}
