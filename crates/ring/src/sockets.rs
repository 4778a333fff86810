//! A connection's system calls. None blocks: sockets come non-blocking from accept.
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::os::fd::RawFd;
use std::ptr;

use libc::c_int;

use crate::errno::counted;
use crate::message::empty_message;

/// Most pieces of one send.
pub const SEND_PIECES_MAX: usize = 128;

/// A connected socket by its number in the calling thread's file table. A copy is the same socket: who closes it must know
/// that it is the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Socket(RawFd);

/// What a receive brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// So many bytes, at least one.
    Bytes(usize),
    /// Nothing yet.
    Nothing,
    /// The peer's FIN: nothing more will come.
    End,
    /// The connection is broken.
    Broken,
}

/// What a send did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    /// The kernel took so many bytes, perhaps none.
    Bytes(usize),
    /// The connection is broken.
    Broken,
}

impl Socket {
    /// The socket with descriptor `fd`; `None` if that is no descriptor.
    #[must_use]
    pub fn from_slot(fd: u32) -> Option<Self> {
        RawFd::try_from(fd).ok().map(Self)
    }

    /// Its descriptor.
    #[must_use]
    pub fn fd(self) -> RawFd {
        self.0
    }

    /// Receives into `scratch`.
    pub fn receive(self, scratch: &mut [u8]) -> Received {
        loop {
            // SAFETY: the kernel writes at most the given number of bytes at the pointer, during the call.
            // - pointer and length are those of `scratch`, borrowed mutably for the call.
            let received =
                unsafe { libc::recv(self.0, scratch.as_mut_ptr().cast(), scratch.len(), libc::MSG_DONTWAIT) };
            match counted(received) {
                Ok(0) => return Received::End,
                Ok(count) => return Received::Bytes(count),
                Err(error) => match error.raw_os_error() {
                    Some(libc::EINTR) => {}
                    Some(libc::EAGAIN) => return Received::Nothing,
                    _ => return Received::Broken,
                },
            }
        }
    }

    /// Sends one piece as far as it goes.
    #[must_use]
    pub fn send(self, piece: &[u8]) -> Written {
        loop {
            // SAFETY: the kernel reads the given number of bytes at the pointer, during the call.
            // - pointer and length are those of `piece`, borrowed for the call.
            let sent = unsafe { libc::send(self.0, piece.as_ptr().cast(), piece.len(), FLAGS) };
            if let Some(written) = outcome(counted(sent)) {
                return written;
            }
        }
    }

    /// Sends several pieces, one after the other, as far as they go.
    ///
    /// # Panics
    /// With more than [`SEND_PIECES_MAX`] pieces.
    #[must_use]
    pub fn send_pieces(self, pieces: &[&[u8]]) -> Written {
        if let [piece] = pieces {
            return self.send(piece);
        }
        let mut vectors = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; SEND_PIECES_MAX];
        let vectors = &mut vectors[..pieces.len()];
        for (vector, piece) in vectors.iter_mut().zip(pieces) {
            *vector = libc::iovec { iov_base: piece.as_ptr().cast_mut().cast(), iov_len: piece.len() };
        }
        let mut message = empty_message();
        message.msg_iov = vectors.as_mut_ptr();
        message.msg_iovlen = vectors.len() as _;
        loop {
            // SAFETY: the kernel reads `message`, its vectors, and the bytes that they point at, during the call; it writes
            // nothing there.
            // - `message` and `vectors` are locals; each vector is pointer and length of a piece that is borrowed for the call.
            let sent = unsafe { libc::sendmsg(self.0, &raw const message, FLAGS) };
            if let Some(written) = outcome(counted(sent)) {
                return written;
            }
        }
    }

    /// Ends one direction, or both. Both makes every poll of the socket complete. Says nothing about a connection that is gone
    /// already.
    pub fn shutdown(self, how: Shutdown) {
        let how = match how {
            Shutdown::Read => libc::SHUT_RD,
            Shutdown::Write => libc::SHUT_WR,
            Shutdown::Both => libc::SHUT_RDWR,
        };
        // SAFETY: the call takes no pointer.
        let _gone_already = unsafe { libc::shutdown(self.0, how) };
    }

    /// Breaks the connection: the peer gets a reset, what was not sent is forgotten, and every poll of the socket completes.
    pub fn reset(self) {
        let nowhere = libc::sockaddr { sa_family: UNSPECIFIED, sa_data: [0; 14] };
        // SAFETY: the kernel reads the given number of bytes at the pointer, during the call.
        // - it points at `nowhere`, of exactly that size, which lives until the call returns.
        let _gone_already = unsafe { libc::connect(self.0, &raw const nowhere, LENGTH) };
    }

    /// The address of the other end; an IPv4 address as one, even on a socket for both.
    #[must_use]
    pub fn peer(self) -> Option<IpAddr> {
        self.name(libc::getpeername).map(|name| name.ip())
    }

    /// The address and the port of this end, likewise.
    #[must_use]
    pub fn local(self) -> Option<SocketAddr> {
        self.name(libc::getsockname)
    }

    fn name(self, of: NameOf) -> Option<SocketAddr> {
        let mut name = libc::sockaddr_in6 {
            sin6_family: 0,
            sin6_port: 0,
            sin6_flowinfo: 0,
            sin6_addr: libc::in6_addr { s6_addr: [0; 16] },
            sin6_scope_id: 0,
        };
        let mut length = NAME_LENGTH;
        // SAFETY: the kernel writes at most `length` bytes at the first pointer, and how many they would be at the second, during the call.
        // - `name` is a local of exactly `length` bytes, and `length` another local.
        let done = unsafe { of(self.0, (&raw mut name).cast(), &raw mut length) };
        let ip = match (done, libc::c_int::from(name.sin6_family)) {
            (0, libc::AF_INET6) => IpAddr::from(name.sin6_addr.s6_addr).to_canonical(),
            // An IPv4 address is where the flow is in the larger form.
            (0, libc::AF_INET) => IpAddr::from(name.sin6_flowinfo.to_ne_bytes()),
            _ => return None,
        };
        Some(SocketAddr::new(ip, u16::from_be(name.sin6_port)))
    }

    /// Closes the descriptor, whose number the kernel may give away again at once: nothing may be in flight for it.
    pub fn close(self) {
        // SAFETY: the call takes no pointer.
        let _nothing_to_do_about_it = unsafe { libc::close(self.0) };
    }
}

/// No signal when the peer is gone, no waiting when it is slow.
pub(crate) const FLAGS: c_int = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;

/// One of two calls that tell a socket's name, of one end or the other.
type NameOf = unsafe extern "C" fn(c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> c_int;

#[expect(clippy::cast_possible_truncation, reason = "28")]
const NAME_LENGTH: libc::socklen_t = size_of::<libc::sockaddr_in6>() as libc::socklen_t;

#[expect(clippy::cast_possible_truncation, reason = "0")]
const UNSPECIFIED: libc::sa_family_t = libc::AF_UNSPEC as libc::sa_family_t;

#[expect(clippy::cast_possible_truncation, reason = "16")]
const LENGTH: libc::socklen_t = size_of::<libc::sockaddr>() as libc::socklen_t;

/// `None`: interrupted, ask again. Out of memory counts as full: the connection waits for room like any slow one.
fn outcome(sent: io::Result<usize>) -> Option<Written> {
    match sent {
        Ok(count) => Some(Written::Bytes(count)),
        Err(error) => match error.raw_os_error() {
            Some(libc::EINTR) => None,
            Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => Some(Written::Bytes(0)),
            _ => Some(Written::Broken),
        },
    }
}
