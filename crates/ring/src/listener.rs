//! Listening sockets.
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use libc::{c_int, socklen_t};

use crate::errno::checked;

/// How a listener, and every connection that it accepts, behaves: the kernel copies the options to what is accepted.
#[derive(Clone, Copy, Debug)]
pub struct ListenerOptions {
    /// Several listeners share the port, one a shard, and the kernel spreads new connections over them.
    pub shared: bool,
    /// Connections that may wait to be accepted; `net.core.somaxconn` cuts it down silently.
    pub backlog: u16,
    /// How long sent bytes may stay unconfirmed before the kernel gives the connection up; zero: the system's, many minutes.
    pub user_timeout: Duration,
    /// Bound on the kernel's send buffer of a connection, in bytes; zero: the system's (`net.ipv4.tcp_wmem`).
    pub send_buffer_bytes: usize,
}

/// Opens a listener, non-blocking and closed on exec. Accepted connections have Nagle's delay off.
///
/// # Errors
/// What the kernel says; `AddrInUse` if the port is taken.
pub fn listen(address: SocketAddr, options: ListenerOptions) -> io::Result<OwnedFd> {
    let socket = open(address)?;
    set(&socket, libc::SOL_SOCKET, libc::SO_REUSEPORT, c_int::from(options.shared))?;
    set(&socket, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
    if !options.user_timeout.is_zero() {
        let millis = c_int::try_from(options.user_timeout.as_millis()).unwrap_or(c_int::MAX);
        set(&socket, libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, millis)?;
    }
    if options.send_buffer_bytes > 0 {
        // The kernel doubles the number, for its own bookkeeping (socket(7)).
        let half = c_int::try_from(options.send_buffer_bytes / 2).unwrap_or(c_int::MAX);
        set(&socket, libc::SOL_SOCKET, libc::SO_SNDBUF, half)?;
    }
    bind(&socket, address)?;
    // SAFETY: the call takes no pointer.
    let listening = unsafe { libc::listen(socket.as_raw_fd(), c_int::from(options.backlog)) };
    checked(listening)?;
    Ok(socket)
}

/// Finds out whether nobody listens at `address`, shared or not, and with port 0 chooses a port. Nothing is held on return: a
/// port that is free is not kept free.
///
/// # Errors
/// What the kernel says; `AddrInUse` if somebody listens there.
pub fn claim(address: SocketAddr) -> io::Result<SocketAddr> {
    let socket = open(address)?;
    bind(&socket, address)?;
    std::net::TcpListener::from(socket).local_addr()
}

/// A socket that may take the place of connections that are closing.
fn open(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    // SAFETY: the call takes no pointer.
    let made = unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0) };
    let fd = checked(made)?;
    // SAFETY: `fd` must be open and nobody else's.
    // - the kernel made it above, and it has not been given away.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    set(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    Ok(socket)
}

pub(crate) fn set(socket: &OwnedFd, level: c_int, option: c_int, value: c_int) -> io::Result<()> {
    // SAFETY: the kernel reads `size_of::<c_int>()` bytes at the pointer, during the call.
    // - it points at `value`, a `c_int` that lives until the call returns.
    let set = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), LENGTH_OF_INT) };
    checked(set).map(drop)
}

#[expect(clippy::cast_possible_truncation, reason = "4")]
const LENGTH_OF_INT: socklen_t = size_of::<c_int>() as socklen_t;

#[expect(clippy::cast_possible_truncation, reason = "16")]
const LENGTH_OF_V4: socklen_t = size_of::<libc::sockaddr_in>() as socklen_t;

#[expect(clippy::cast_possible_truncation, reason = "28")]
const LENGTH_OF_V6: socklen_t = size_of::<libc::sockaddr_in6>() as socklen_t;

#[expect(clippy::cast_possible_truncation, reason = "2 and 10")]
const FAMILY_V4: libc::sa_family_t = libc::AF_INET as libc::sa_family_t;

#[expect(clippy::cast_possible_truncation, reason = "2 and 10")]
const FAMILY_V6: libc::sa_family_t = libc::AF_INET6 as libc::sa_family_t;

fn bind(socket: &OwnedFd, address: SocketAddr) -> io::Result<()> {
    let bound = match address {
        SocketAddr::V4(v4) => {
            let name = libc::sockaddr_in {
                sin_family: FAMILY_V4,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                sin_zero: [0; 8],
            };
            // SAFETY: the kernel reads the given number of bytes at the pointer, during the call.
            // - it points at `name`, of exactly that size, which lives until the call returns.
            unsafe { libc::bind(socket.as_raw_fd(), (&raw const name).cast(), LENGTH_OF_V4) }
        }
        SocketAddr::V6(v6) => {
            let name = libc::sockaddr_in6 {
                sin6_family: FAMILY_V6,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            // SAFETY: the kernel reads the given number of bytes at the pointer, during the call.
            // - it points at `name`, of exactly that size, which lives until the call returns.
            unsafe { libc::bind(socket.as_raw_fd(), (&raw const name).cast(), LENGTH_OF_V6) }
        }
    };
    checked(bound).map(drop)
}

const _: () = assert!(mem::size_of::<libc::sockaddr_in>() == 16 && mem::size_of::<libc::sockaddr_in6>() == 28);
