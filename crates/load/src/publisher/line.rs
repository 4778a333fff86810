//! A publisher's connection: a queue of bytes on their way out, and what comes back.
use std::net::TcpStream;
use std::os::fd::OwnedFd;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::replies::Replies;
use crate::LoadError;
use crate::clock;
use crate::dialect::Via;

const SOCKET: u64 = 0;
const BELL: u64 = 1;

/// One connection, not blocking.
#[derive(Debug)]
pub(super) struct Line {
    socket: OwnedFd,
    epoll: OwnedFd,
    queue: Vec<u8>,
    /// Bytes of the queue that the socket has taken.
    taken: usize,
    is_blocked: bool,
    has_bell: bool,
    replies: Replies,
    scratch: Box<[u8]>,
}

impl Line {
    /// Takes over a connection on which the server has already said `rest`.
    pub(super) fn new(stream: TcpStream, rest: &[u8], via: Via) -> Result<Self, LoadError> {
        stream.set_nonblocking(true).map_err(LoadError::io("O_NONBLOCK"))?;
        let socket = OwnedFd::from(stream);
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(LoadError::os("epoll_create"))?;
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&epoll, &socket, EventData::new_u64(SOCKET), flags).map_err(LoadError::os("epoll_ctl"))?;
        let (mut queue, mut replies) = (Vec::new(), Replies::new(via));
        replies.read(rest, &mut queue).map_err(LoadError::Publisher)?;
        Ok(Self {
            socket,
            epoll,
            queue,
            taken: 0,
            is_blocked: false,
            has_bell: false,
            replies,
            scratch: vec![0; 64 * base::units::KIB].into(),
        })
    }

    /// Where messages are appended.
    pub(super) fn queue(&mut self) -> &mut Vec<u8> {
        &mut self.queue
    }

    /// Bytes that the socket has not taken.
    pub(super) fn queued(&self) -> usize {
        self.queue.len() - self.taken
    }

    /// True if the socket has no room.
    pub(super) fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// Publications that the server confirmed.
    pub(super) fn confirmed(&self) -> u64 {
        self.replies.confirmed()
    }

    /// Gives the queue to the socket, as far as it takes it.
    pub(super) fn flush(&mut self) -> Result<(), String> {
        while !self.is_blocked && self.taken < self.queue.len() {
            match send(&self.socket, &self.queue[self.taken..], SendFlags::NOSIGNAL) {
                Ok(count) => self.taken += count,
                Err(Errno::AGAIN) => self.is_blocked = true,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        if self.taken == self.queue.len() {
            self.queue.clear();
            self.taken = 0;
        } else if self.taken > self.queue.len() / 2 {
            self.queue.drain(..self.taken);
            self.taken = 0;
        }
        Ok(())
    }

    /// Sleeps until `until_nanos` less `spin_nanos`, then spins; returns early if the socket or the bell has something.
    pub(super) fn wait(&mut self, until_nanos: u64, spin_nanos: u64, bell: Option<&OwnedFd>) -> Result<(), String> {
        if let (Some(bell), false) = (bell, self.has_bell) {
            let flags = EventFlags::IN | EventFlags::ET;
            epoll::add(&self.epoll, bell, EventData::new_u64(BELL), flags).map_err(|error| error.to_string())?;
            self.has_bell = true;
        }
        let span_nanos = until_nanos.saturating_sub(clock::now().as_nanos()).saturating_sub(spin_nanos);
        let mut events = Vec::with_capacity(4);
        match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&clock::timespec(span_nanos))) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.to_string()),
        }
        for event in events.drain(..) {
            let data = event.data;
            if data.u64() != SOCKET {
                return Ok(());
            }
            let flags = event.flags;
            if flags.contains(EventFlags::OUT) {
                self.is_blocked = false;
            }
            if flags.intersects(EventFlags::IN | EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR) {
                return self.read();
            }
        }
        while spin_nanos > 0 && !self.is_blocked && clock::now().as_nanos() < until_nanos {
            std::hint::spin_loop();
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), String> {
        loop {
            match recv(&self.socket, &mut self.scratch[..], RecvFlags::empty()) {
                Ok((_, 0)) => return Err("the server closed the publisher's connection".to_owned()),
                Ok((_, count)) => self.replies.read(&self.scratch[..count], &mut self.queue)?,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}
