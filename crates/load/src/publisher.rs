//! Publishers: each a thread with one connection that sends what its schedule says is due.
//!
//! Open loop: the schedule doesn't wait for the server. When the socket is full, messages leave late, but their latency counts from the
//! time at which they should have left, so a slow server can't hide (coordinated omission).
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::thread::JoinHandle;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::LoadError;
use crate::address::Addresses;
use crate::board::{Board, Desk, histogram};
use crate::dialect::{Host, Mark, SUBJECT_BYTES, Via, subject};
use crate::handshake::{self, Key};
use crate::schedule::{Arrivals, Schedule};
use crate::stamp::{Filler, STAMP_BYTES, Stamp};
use crate::swarm::settle_thread;

mod line;
mod replies;

use line::Line;

/// How long a server may take to answer the publisher's handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes that wait for the socket before no more messages are made: about one socket buffer's worth.
const QUEUE_BYTES_MAX: usize = 256 * base::units::KIB;

/// A publisher looks at the board at least this often.
const WAIT_NANOS_MAX: u64 = 20_000_000;

/// What all publishers of a run do.
#[derive(Clone, Debug)]
pub(crate) struct PublishPlan {
    /// True to ask for confirmations on the publish stream.
    pub(crate) ack: bool,
    pub(crate) addresses: Addresses,
    pub(crate) api_key: String,
    pub(crate) clients: u32,
    /// Cores to pin publishers to, in turn; empty: none.
    pub(crate) cpus: Vec<usize>,
    pub(crate) pace: Pacing,
    pub(crate) publishers: u16,
    pub(crate) seed: u64,
    pub(crate) size_bytes: usize,
    /// The last part of each wait is spent spinning, for exact send times at the price of CPU.
    pub(crate) spin_nanos: u64,
    pub(crate) subjects: u32,
    /// Messages due within a tick leave in one write.
    pub(crate) tick_nanos: u64,
    /// Connection token of a publisher that is a Centrifugo client; empty: none.
    pub(crate) token: String,
    pub(crate) via: Via,
}

/// When to send.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pacing {
    /// So many messages of all publishers within the span, whatever happens.
    Scheduled { arrivals: Arrivals, start_nanos: u64, span_nanos: u64, count: u64 },
    /// A message whenever fewer than `outstanding` are on their way to all clients, until the time is over.
    Windowed { start_nanos: u64, until_nanos: u64, outstanding: u64 },
}

/// What a publisher found.
#[derive(Debug)]
pub(crate) struct Published {
    /// Messages sent to each subject.
    pub(crate) sequences: Vec<u32>,
    /// How late messages left this process: if this is large, the load was the bottleneck, not the server.
    pub(crate) lag: Histogram<u64>,
    /// Why the connection ended early, if it did.
    pub(crate) failure: Option<String>,
}

/// The running threads.
#[derive(Debug)]
pub(crate) struct Publishers {
    threads: Vec<JoinHandle<Result<Published, LoadError>>>,
}

impl Publishers {
    /// Connects and starts the publishers.
    pub(crate) fn start(plan: &Arc<PublishPlan>, board: &Arc<Board>) -> Result<Self, LoadError> {
        let mut threads = Vec::new();
        for number in 0..plan.publishers {
            let publisher = Publisher::connect(plan, board, number)?;
            let cpus = plan.cpus.clone();
            let run = move || {
                settle_thread(&cpus, usize::from(number))?;
                publisher.run()
            };
            let thread = std::thread::Builder::new().name(format!("publisher-{number}"));
            threads.push(thread.spawn(run).map_err(LoadError::io("starting a publisher thread"))?);
        }
        Ok(Self { threads })
    }

    /// Waits for the threads, which the board has told to stop.
    pub(crate) fn join(self) -> Result<Published, LoadError> {
        let mut whole = Published { sequences: Vec::new(), lag: histogram(), failure: None };
        for thread in self.threads {
            let part = thread.join().map_err(|_| LoadError::Publisher("a publisher thread panicked".to_owned()))??;
            whole.sequences.resize(part.sequences.len(), 0);
            for (sum, sequence) in whole.sequences.iter_mut().zip(&part.sequences) {
                *sum += sequence;
            }
            // Histograms of equal bounds always add up.
            let _ = whole.lag.add(&part.lag);
            whole.failure = whole.failure.or(part.failure);
        }
        Ok(whole)
    }
}

#[derive(Debug)]
struct Publisher {
    plan: Arc<PublishPlan>,
    board: Arc<Board>,
    number: u16,
    line: Line,
    schedule: Option<Schedule>,
    sequences: Vec<u32>,
    random: base::Prng,
    filler: Filler,
    payload: Vec<u8>,
    sent: u64,
    lag: Histogram<u64>,
}

impl Publisher {
    fn connect(plan: &Arc<PublishPlan>, board: &Arc<Board>, number: u16) -> Result<Self, LoadError> {
        let (stream, rest) = open(plan, number)?;
        let line = Line::new(stream, &rest, plan.via)?;
        let filler = Filler::new(plan.size_bytes);
        let seed = plan.seed ^ u64::from(number) << 48;
        let schedule = match plan.pace {
            Pacing::Scheduled { arrivals, start_nanos, span_nanos, count } => {
                let publishers = u64::from(plan.publishers);
                let share = count / publishers + u64::from(u64::from(number) < count % publishers);
                Some(Schedule::new(arrivals, start_nanos, span_nanos, share, seed))
            }
            Pacing::Windowed { .. } => None,
        };
        Ok(Self {
            number,
            line,
            schedule,
            sequences: vec![0; plan.subjects as usize],
            random: base::Prng::new(seed, "publisher"),
            payload: vec![0; filler.message_bytes()],
            filler,
            sent: 0,
            lag: histogram(),
            plan: Arc::clone(plan),
            board: Arc::clone(board),
        })
    }

    fn run(mut self) -> Result<Published, LoadError> {
        let failure = self.drive().err();
        self.desk().done.store(true, Release);
        Ok(Published { sequences: self.sequences, lag: self.lag, failure })
    }

    /// Publishes until the board says stop; an error is why the connection ended before.
    fn drive(&mut self) -> Result<(), String> {
        while !self.board.is_stopped() {
            let now_nanos = crate::clock::now().as_nanos();
            let turned = self.turn(now_nanos);
            let desk = self.desk();
            desk.sent.store(self.sent, Relaxed);
            desk.confirmed.store(self.line.confirmed(), Relaxed);
            desk.done.store(turned?, Release);
            self.wait(now_nanos)?;
        }
        Ok(())
    }

    fn desk(&self) -> &Desk {
        &self.board.desks[usize::from(self.number)]
    }

    /// Sends what is due; true if nothing is left to send.
    fn turn(&mut self, now_nanos: u64) -> Result<bool, String> {
        while self.line.queued() < QUEUE_BYTES_MAX {
            let Some(intended_nanos) = self.due(now_nanos) else { break };
            self.make(intended_nanos);
            if let Some(schedule) = &mut self.schedule {
                self.lag.saturating_record(now_nanos.saturating_sub(intended_nanos));
                schedule.advance();
            }
        }
        self.line.flush()?;
        let over = match self.plan.pace {
            Pacing::Scheduled { .. } => self.schedule.as_ref().is_none_or(|schedule| schedule.peek().is_none()),
            Pacing::Windowed { until_nanos, .. } => now_nanos >= until_nanos,
        };
        Ok(over && self.line.queued() == 0)
    }

    /// The intended time of the next message, if it is to be sent at `now_nanos`.
    fn due(&self, now_nanos: u64) -> Option<u64> {
        match self.plan.pace {
            Pacing::Scheduled { .. } => self.schedule.as_ref()?.peek().filter(|intended| *intended <= now_nanos),
            Pacing::Windowed { start_nanos, until_nanos, outstanding } => {
                let complete = self.board.delivered.load(Relaxed) / u64::from(self.plan.clients.max(1));
                let may = self.sent.saturating_sub(complete) < outstanding;
                (may && now_nanos >= start_nanos && now_nanos < until_nanos).then_some(now_nanos)
            }
        }
    }

    /// Queues a message to a random subject of this publisher's: those whose number leaves its number as remainder.
    fn make(&mut self, intended_nanos: u64) {
        let (subjects, publishers) = (u64::from(self.plan.subjects), u64::from(self.plan.publishers));
        let mine = (subjects + publishers - 1 - u64::from(self.number)) / publishers;
        let number = (self.random.below(mine) * publishers + u64::from(self.number)) as u32;
        let sequence = &mut self.sequences[number as usize];
        let stamp = Stamp { intended_nanos, sequence: *sequence, subject: number, publisher: self.number };
        *sequence += 1;
        self.sent += 1;
        stamp.write(&mut self.payload);
        self.payload[STAMP_BYTES..].copy_from_slice(self.filler.of(&stamp));
        let mark = Mark { id: self.sent, key: self.random.next_u64() as u32 };
        let host = Host { name: &self.plan.addresses.host, api_key: &self.plan.api_key };
        self.plan.via.publish(self.line.queue(), &host, &subject(number), &self.payload, mark);
    }

    /// Waits until something is due, the socket has room again or something to read, or a subscriber rings the bell.
    fn wait(&mut self, now_nanos: u64) -> Result<(), String> {
        let next = match self.plan.pace {
            Pacing::Scheduled { .. } => self.schedule.as_ref().and_then(Schedule::peek),
            Pacing::Windowed { start_nanos, .. } => (now_nanos < start_nanos).then_some(start_nanos),
        };
        let idle_until = now_nanos + WAIT_NANOS_MAX;
        let until = match next {
            // A full socket rings when it has room.
            Some(_) if self.line.is_blocked() => idle_until,
            Some(next) => next.max(now_nanos + self.plan.tick_nanos).min(idle_until),
            None => idle_until,
        };
        let bell = matches!(self.plan.pace, Pacing::Windowed { .. }).then_some(&self.board.bell);
        self.line.wait(until, self.plan.spin_nanos, bell)
    }
}

/// Connects and shakes hands, blocking; also gives the bytes that came after the server's answer.
fn open(plan: &PublishPlan, number: u16) -> Result<(TcpStream, Vec<u8>), LoadError> {
    let target = plan.addresses.target(u32::from(number));
    let refused = |cause: String| LoadError::Publisher(format!("publisher: {target}: {cause}"));
    let failed = |error: std::io::Error| refused(error.to_string());
    let mut stream = TcpStream::connect_timeout(&target, HANDSHAKE_TIMEOUT).map_err(failed)?;
    stream.set_nodelay(true).map_err(LoadError::io("TCP_NODELAY"))?;
    let Some(path) = plan.via.path(plan.ack) else { return Ok((stream, Vec::new())) };
    stream.set_read_timeout(Some(HANDSHAKE_TIMEOUT)).map_err(LoadError::io("SO_RCVTIMEO"))?;
    let key = Key::new(plan.seed, 1 << 63 | u64::from(number));
    let host = Host { name: &plan.addresses.host, api_key: &plan.api_key };
    let mut out = Vec::new();
    handshake::request(&mut out, &host, path, key);
    stream.write_all(&out).map_err(failed)?;
    let mut answer = Vec::new();
    let head = loop {
        let mut chunk = [0; 1_024];
        let count = stream.read(&mut chunk).map_err(failed)?;
        answer.extend_from_slice(&chunk[..count]);
        if count == 0 {
            return Err(refused(format!("{path}: closed during the handshake")));
        }
        if let Some(head) = handshake::verify(&answer, key).map_err(|error| refused(format!("{path}: {error}")))? {
            break head;
        }
    };
    out.clear();
    plan.via.greet(&mut out, &plan.token);
    stream.write_all(&out).map_err(failed)?;
    Ok((stream, answer.split_off(head)))
}

const _: () = assert!(SUBJECT_BYTES < 256, "the publish stream gives a subject's length in one byte");
