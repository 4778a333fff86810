//! The stub's thread: its connections, its epoll, its loop.
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::Relaxed;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send, sockopt};

use super::register::{Heard, Register};
use super::request::{self, Request, Wish};
use super::{Answer, Ledger};
use crate::LoadError;
use crate::board::Board;
use crate::clock;
use crate::swarm::WAIT_NANOS_MAX;

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 256;

/// Bytes read at once: many requests of a pipelined connection, or one.
const SCRATCH_BYTES: usize = 128 * base::units::KIB;

/// Between two merges of latencies into the board.
const MERGE_NANOS: u64 = 200_000_000;

/// The listener's number among the events.
const LISTENER: u64 = u64::MAX;

const ACCEPTED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
const NOTHING: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n";
const UNKNOWN: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

/// One connection of the server.
#[derive(Debug)]
struct Conn {
    socket: OwnedFd,
    /// Bytes of a request that is not complete.
    kept: Vec<u8>,
    /// Bytes of answers that the socket has not taken.
    unsent: Vec<u8>,
}

/// The thread's state.
#[derive(Debug)]
pub(super) struct Serving {
    listener: OwnedFd,
    epoll: OwnedFd,
    conns: Vec<Option<Conn>>,
    free: Vec<u32>,
    register: Register,
    scratch: Box<[u8]>,
    /// Answers to what was read at once.
    answers: Vec<u8>,
    connections_max: u64,
    merged_nanos: u64,
}

impl Serving {
    pub(super) fn new(listener: OwnedFd, register: Register) -> Result<Self, LoadError> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(LoadError::os("epoll_create"))?;
        let data = EventData::new_u64(LISTENER);
        epoll::add(&epoll, &listener, data, EventFlags::IN | EventFlags::ET).map_err(LoadError::os("epoll_ctl"))?;
        Ok(Self {
            listener,
            epoll,
            conns: Vec::new(),
            free: Vec::new(),
            register,
            scratch: vec![0; SCRATCH_BYTES].into(),
            answers: Vec::new(),
            connections_max: 0,
            merged_nanos: 0,
        })
    }

    /// Serves until it is told to stop.
    pub(super) fn run(mut self, ledger: &Ledger, board: &Board) -> Result<Heard, LoadError> {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        while !ledger.stop.load(Relaxed) {
            self.post(ledger, board);
            let timeout = clock::timespec(WAIT_NANOS_MAX);
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(LoadError::os("epoll_wait")(error)),
            }
            for event in events.drain(..) {
                let (data, flags) = (event.data, event.flags);
                match data.u64() {
                    LISTENER => self.accept(),
                    number => self.on_event(number as usize, flags),
                }
            }
        }
        self.post(ledger, board);
        Ok(self.register.finish(self.connections_max))
    }

    /// Takes all connections that wait. One that can't be had, for want of descriptors, waits for the next to come.
    fn accept(&mut self) {
        while let Ok(socket) = accept_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            // Answers are small, and must not wait for the peer's acknowledgement.
            let _ = sockopt::set_tcp_nodelay(&socket, true);
            let number = self.free.pop().unwrap_or_else(|| {
                self.conns.push(None);
                (self.conns.len() - 1) as u32
            });
            let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            if epoll::add(&self.epoll, &socket, EventData::new_u64(u64::from(number)), flags).is_ok() {
                self.conns[number as usize] = Some(Conn { socket, kept: Vec::new(), unsent: Vec::new() });
            } else {
                self.free.push(number);
            }
        }
        self.connections_max = self.connections_max.max((self.conns.len() - self.free.len()) as u64);
    }

    fn on_event(&mut self, number: usize, flags: EventFlags) {
        let Some(mut conn) = self.conns.get_mut(number).and_then(Option::take) else { return };
        let has_ended = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        let mut is_open = true;
        if flags.contains(EventFlags::OUT) && !conn.unsent.is_empty() {
            let unsent = std::mem::take(&mut conn.unsent);
            is_open = give(&mut conn, &unsent);
        }
        if is_open && (has_ended || flags.contains(EventFlags::IN)) {
            is_open = self.receive(&mut conn, has_ended);
        }
        if is_open {
            self.conns[number] = Some(conn);
        } else {
            self.free.push(number as u32);
        }
    }

    /// Reads what is there; false if the connection is over.
    fn receive(&mut self, conn: &mut Conn, to_the_end: bool) -> bool {
        loop {
            let held = conn.kept.len();
            let Some(room) = self.scratch.len().checked_sub(held).filter(|room| *room > 0) else { return false };
            self.scratch[..held].copy_from_slice(&conn.kept);
            match recv(&conn.socket, &mut self.scratch[held..], RecvFlags::empty()) {
                Ok((_, 0)) => return false,
                Ok((_, count)) => {
                    if !self.digest(conn, held + count) {
                        return false;
                    }
                    if count < room && !to_the_end {
                        return true;
                    }
                }
                Err(Errno::AGAIN) => return true,
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }

    /// Answers all requests in the first `length` bytes of the scratch buffer; false if one can't be read.
    fn digest(&mut self, conn: &mut Conn, length: usize) -> bool {
        let now_nanos = clock::now().as_nanos();
        let mut at = 0;
        self.answers.clear();
        while let Ok(Some(request)) = request::read(&self.scratch[at..length]) {
            at += self.answer(at, &request, now_nanos);
        }
        conn.kept.clear();
        conn.kept.extend_from_slice(&self.scratch[at..length]);
        let can_be_read = at == length || request::read(&conn.kept).is_ok();
        if conn.unsent.is_empty() {
            give(conn, &self.answers) && can_be_read
        } else {
            conn.unsent.extend_from_slice(&self.answers);
            can_be_read
        }
    }

    /// Answers the request that begins at `at`; its length.
    fn answer(&mut self, at: usize, request: &Request, now_nanos: u64) -> usize {
        let body = &self.scratch[at..][request.body.clone()];
        let is_known = self.register.note(request.wish, request.client, body, now_nanos);
        match (request.wish, self.register.answer) {
            _ if !is_known => self.answers.extend_from_slice(UNKNOWN),
            (Wish::Message, Answer::Echo) => {
                // Writing to a vector never fails.
                let _ = write!(
                    self.answers,
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                self.answers.extend_from_slice(body);
            }
            (Wish::Message, Answer::Empty) => self.answers.extend_from_slice(NOTHING),
            (Wish::Connect | Wish::End | Wish::Other, _) => self.answers.extend_from_slice(ACCEPTED),
        }
        request.body.end
    }

    /// Writes the counters, and reads the window.
    fn post(&mut self, ledger: &Ledger, board: &Board) {
        ledger.asked.store(self.register.asked, Relaxed);
        ledger.ended.store(self.register.ended, Relaxed);
        self.register.window_nanos = (board.window_from.load(Relaxed), board.window_until.load(Relaxed));
        // What is answered counts where the answers arrive.
        let counts = self.register.answer == Answer::Empty;
        let post = board.posts.last().filter(|_| counts);
        if let Some(post) = post {
            post.received.store(self.register.said, Relaxed);
            post.bytes.store(self.register.bytes, Relaxed);
        }
        let now_nanos = clock::now().as_nanos();
        if now_nanos < self.merged_nanos + MERGE_NANOS {
            return;
        }
        self.merged_nanos = now_nanos;
        if let Some(post) = post {
            post.lost.store(self.register.lost(), Relaxed);
        }
        self.register.merge(|recent| {
            if let (true, Ok(mut board)) = (counts, board.recent.lock()) {
                let _ = board.add(recent);
            }
        });
    }
}

/// Gives bytes to the socket, and keeps what it does not take; false if it is broken.
fn give(conn: &mut Conn, bytes: &[u8]) -> bool {
    let mut at = 0;
    while at < bytes.len() {
        match send(&conn.socket, &bytes[at..], SendFlags::NOSIGNAL) {
            Ok(count) => at += count,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                conn.unsent.extend_from_slice(&bytes[at..]);
                return true;
            }
            Err(_) => return false,
        }
    }
    true
}
