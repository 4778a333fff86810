//! One connection that was handed over.
use std::future::{Future as _, poll_fn};
use std::io::Cursor;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::half_close::{Answering, Line, Patient};

/// A peer that does not take what it asked for (a window shut for so long) is dropped by the kernel.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Bound on the kernel's send buffer in bytes (it doubles the figure): left alone it would take megabytes for a peer that
/// asks and does not read.
const SEND_BUFFER_BYTES: usize = 64 * base::units::KIB;

/// Largest request head, and pipelined bytes behind it, in bytes.
const HEAD_BYTES_MAX: usize = 64 * base::units::KIB;

const TURNED_AWAY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 53\r\n\
    Retry-After: 1\r\nConnection: close\r\n\r\n{\"error\":\"too many connections to the control plane\"}";

/// Makes a tokio stream of the socket.
///
/// # Errors
/// The descriptor is no socket, or the runtime's poller takes no more.
pub(crate) fn adopt(socket: OwnedFd) -> std::io::Result<TcpStream> {
    let millis = u32::try_from(UNREAD_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(&socket, millis)?;
    sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER_BYTES)?;
    let stream = std::net::TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}

/// Answers 503 as far as the socket takes it at once, and closes.
pub(crate) fn turn_away(stream: TcpStream) {
    if let Ok(stream) = stream.into_std() {
        let _ = std::io::Write::write(&mut &stream, TURNED_AWAY);
    }
}

/// Serves requests until either side has had enough. `head` comes first, then what the socket brings.
pub(crate) async fn run(
    stream: TcpStream,
    head: Vec<u8>,
    router: Router,
    head_timeout: Duration,
    mut draining: watch::Receiver<bool>,
) {
    let (read, write) = stream.into_split();
    let line = Line::default();
    let io = Patient::new(tokio::io::join(Cursor::new(head).chain(read), write), line.clone());
    let io = TokioIo::new(io);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_timeout).max_buf_size(HEAD_BYTES_MAX);
    let mut served = pin!(http.serve_connection(io, Answering::new(router, line)).with_upgrades());
    let told = draining.clone();
    let mut drained = pin!(draining.wait_for(|draining| *draining));
    let ended = poll_fn(|context| {
        // The value is looked at too, since notifications reach one connection after the other: a request that ends while the
        // drain begins is told that the connection closes.
        if *told.borrow() || drained.as_mut().poll(context).is_ready() {
            return Poll::Ready(false);
        }
        served.as_mut().poll(context).map(|_| true)
    });
    // How a connection ends is the peer's business: hyper has answered what could be answered.
    if ended.await {
        return;
    }
    served.as_mut().graceful_shutdown();
    let _ = served.await;
}
