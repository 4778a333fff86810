//! Connections over HTTP/1.1 without TLS, kept between requests.
//!
//! A message of a client is a request, so this is the way of a message. A connection here is no task of its own, as in a client library for all: the
//! task that asks drives it too, from the request's first byte to the answer's last. That saves four changes of tasks a message, and the channels
//! between them; hyper is still what speaks HTTP.
use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::header::{HOST, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Uri, http::uri::PathAndQuery};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tower_service::Service as _;

use crate::client::{IDLE_TIMEOUT, read};
use crate::exchange::Answer;
use crate::figures::Ended;

type Body = Full<Bytes>;

/// One connection.
#[derive(Debug)]
struct Conn {
    sender: SendRequest<Body>,
    /// What reads and writes; `None` once it is over.
    driver: Option<Connection<TokioIo<TcpStream>, Body>>,
}

/// Why there is no answer.
#[expect(clippy::large_enum_variant, reason = "there is one of them at a time, and boxing it would cost every message")]
enum Failed {
    /// The connection was over before anything of the request was sent: here it is again.
    Unsent(Box<Request<Body>>),
    Ended(Ended),
}

/// One connection that nobody uses.
#[derive(Debug)]
struct Idle {
    authority: Authority,
    since: Instant,
    conn: Box<Conn>,
}

/// The connections that nobody uses, the one used last at the end.
#[derive(Default, Debug)]
struct Shelf {
    idle: Vec<Idle>,
    /// Whether somebody looks after those that lie too long.
    is_watched: bool,
}

/// Keeps connections to back ends. A clone is a handle to the same.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    connector: HttpConnector,
    idle_max: usize,
    shelf: Arc<Mutex<Shelf>>,
}

impl Pool {
    /// Keeps at most `idle_max` connections that nobody uses, to all back ends together.
    pub(crate) fn new(connector: HttpConnector, idle_max: usize) -> Self {
        Self { connector, idle_max, shelf: Arc::default() }
    }

    /// Sends a request with an absolute URL; resolves with the whole answer, of at most `bytes_max`.
    pub(crate) async fn ask(&self, mut request: Request<Body>, bytes_max: usize) -> Result<Answer, Ended> {
        let uri = std::mem::take(request.uri_mut());
        let authority = uri.authority().cloned().ok_or(Ended::Unreachable)?;
        *request.uri_mut() = uri.path_and_query().cloned().map_or_else(Uri::default, |path: PathAndQuery| path.into());
        if let Ok(host) = HeaderValue::from_str(host(&authority)) {
            request.headers_mut().insert(HOST, host);
        }
        loop {
            let kept = self.take(&authority).await;
            let is_kept = kept.is_some();
            let mut conn = match kept {
                Some(conn) => conn,
                None => self.connect(uri.clone()).await?,
            };
            match conn.exchange(request, bytes_max).await {
                Ok(answer) => {
                    if conn.is_ready() {
                        self.keep(authority, conn);
                    }
                    return Ok(answer);
                }
                // The back end has closed it meanwhile, as it may: nothing was sent, so it is asked on another one.
                Err(Failed::Unsent(same)) if is_kept => request = *same,
                Err(Failed::Unsent(_)) => return Err(Ended::Broken),
                Err(Failed::Ended(ended)) => return Err(ended),
            }
        }
    }

    async fn connect(&self, uri: Uri) -> Result<Box<Conn>, Ended> {
        let stream = self.connector.clone().call(uri).await.map_err(|_| Ended::Unreachable)?;
        let (sender, driver) = http1::handshake(stream).await.map_err(|_| Ended::Unreachable)?;
        Ok(Box::new(Conn { sender, driver: Some(driver) }))
    }

    /// The connection that was used last, so that what is not needed grows old; those that are over are thrown away.
    async fn take(&self, authority: &Authority) -> Option<Box<Conn>> {
        loop {
            let mut conn = {
                let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
                let at = shelf.idle.iter().rposition(|idle| idle.authority == *authority)?;
                shelf.idle.remove(at).conn
            };
            poll_fn(|context| {
                conn.drive(context);
                Poll::Ready(())
            })
            .await;
            if conn.is_ready() {
                return Some(conn);
            }
        }
    }

    fn keep(&self, authority: Authority, conn: Box<Conn>) {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if shelf.idle.len() >= self.idle_max {
            return;
        }
        shelf.idle.push(Idle { authority, since: Instant::now(), conn });
        if !shelf.is_watched {
            shelf.is_watched = true;
            tokio::spawn(watch(Arc::downgrade(&self.shelf)));
        }
    }
}

/// Closes what has lain too long, until nothing lies there.
async fn watch(shelf: Weak<Mutex<Shelf>>) {
    loop {
        tokio::time::sleep(IDLE_TIMEOUT / 2).await;
        let Some(shelf) = shelf.upgrade() else { return };
        let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.idle.retain(|idle| idle.since.elapsed() < IDLE_TIMEOUT);
        if shelf.idle.is_empty() {
            shelf.is_watched = false;
            return;
        }
    }
}

impl Conn {
    /// Reads and writes what can be now.
    fn drive(&mut self, context: &mut Context<'_>) {
        drive(&mut self.driver, context);
    }

    fn is_ready(&self) -> bool {
        self.driver.is_some() && self.sender.is_ready()
    }

    /// One request and its whole answer.
    async fn exchange(&mut self, request: Request<Body>, bytes_max: usize) -> Result<Answer, Failed> {
        let Self { sender, driver } = self;
        let mut asked = pin!(async {
            let sent = sender.try_send_request(request).await;
            let response = sent.map_err(|mut error| match error.take_message() {
                Some(request) => Failed::Unsent(Box::new(request)),
                None => Failed::Ended(Ended::Broken),
            })?;
            read(response, bytes_max).await.map_err(Failed::Ended)
        });
        poll_fn(|context| {
            let mut polled = asked.as_mut().poll(context);
            if polled.is_pending() {
                drive(driver, context);
                polled = asked.as_mut().poll(context);
            }
            if polled.is_ready() {
                // It sees that the answer is over, and is ready for the next.
                drive(driver, context);
            }
            polled
        })
        .await
    }
}

/// A connection that is over lets go of its ends of the channels, and so ends what waits for an answer.
fn drive(driver: &mut Option<Connection<TokioIo<TcpStream>, Body>>, context: &mut Context<'_>) {
    if driver.as_mut().is_some_and(|driver| Pin::new(driver).poll(context).is_ready()) {
        *driver = None;
    }
}

/// The `Host` field: without the port if it is the usual one.
fn host(authority: &Authority) -> &str {
    let text = authority.as_str();
    text.strip_suffix(":80").unwrap_or(text)
}

#[cfg(test)]
mod tests;
