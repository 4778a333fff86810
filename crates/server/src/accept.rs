//! Taking connections in, and pausing when there is nothing to take them with.
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use base::{ConnId, Instant};
use ring::{Completion, Ring, Socket};
use rustix::io::Errno;

/// How long accepting rests when descriptors or memory ran out, unless a connection ends earlier.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Before the start.
    Idle,
    /// An accept is in flight.
    Accepting,
    /// Out of descriptors or memory: new clients wait in the kernel's backlog.
    Paused { until: Instant },
    /// The server is leaving.
    Stopped,
}

/// A shard's listener.
#[derive(Debug)]
pub(crate) struct Acceptor {
    listener: Option<OwnedFd>,
    /// Names its completions.
    number: u32,
    phase: Phase,
}

/// What an accept brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Accepted {
    /// A connection.
    Conn(ConnId),
    /// Nothing, and accepting goes on.
    Nothing,
    /// Nothing, and accepting pauses.
    Paused,
}

impl Acceptor {
    pub(crate) fn new(listener: OwnedFd, number: u32) -> Self {
        Self { listener: Some(listener), number, phase: Phase::Idle }
    }

    /// Starts, or goes on after a pause.
    pub(crate) fn start(&mut self, ring: &mut Ring) {
        if let Some(listener) = &self.listener {
            ring.accept(listener.as_raw_fd(), self.number);
            self.phase = Phase::Accepting;
        }
    }

    /// Closes the listener. New clients get a reset, or another process.
    pub(crate) fn stop(&mut self) {
        self.phase = Phase::Stopped;
        let Some(listener) = self.listener.take() else { return };
        // The accept in flight holds the kernel's socket, and ends by this.
        if let Some(socket) = u32::try_from(listener.as_raw_fd()).ok().and_then(Socket::from_slot) {
            socket.shutdown(Shutdown::Read);
        }
    }

    /// An accept completed.
    pub(crate) fn completed(&mut self, completion: Completion, ring: &mut Ring, now: Instant) -> Accepted {
        let accepted = match u32::try_from(completion.result) {
            Ok(fd) => Accepted::Conn(ConnId(fd)),
            // EMFILE, ENFILE, ENOMEM, ENOBUFS, and whatever else would come again at once.
            Err(_) if !completion.more && !passes(-completion.result) => Accepted::Paused,
            Err(_) => Accepted::Nothing,
        };
        if !completion.more && self.phase == Phase::Accepting {
            match accepted {
                Accepted::Conn(_) | Accepted::Nothing => self.start(ring),
                Accepted::Paused => self.phase = Phase::Paused { until: now + PAUSE },
            }
        }
        accepted
    }

    /// Goes on if the pause is over, or if `released` something that may be of use.
    pub(crate) fn resume(&mut self, ring: &mut Ring, now: Instant, released: bool) {
        if let Phase::Paused { until } = self.phase
            && (released || now >= until)
        {
            self.start(ring);
        }
    }

    /// When [`Acceptor::resume`] has to be called at the latest.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Paused { until } => Some(until),
            Phase::Idle | Phase::Accepting | Phase::Stopped => None,
        }
    }
}

/// Errors of the one connection that was to be accepted, not of the listener (accept(2)), and those by which an accept merely
/// ends.
fn passes(errno: i32) -> bool {
    matches!(
        Errno::from_raw_os_error(errno),
        Errno::AGAIN
            | Errno::CANCELED
            | Errno::CONNABORTED
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::INTR
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::NONET
            | Errno::NOPROTOOPT
            | Errno::OPNOTSUPP
            | Errno::PERM
            | Errno::PROTO
    )
}
