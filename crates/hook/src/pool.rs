//! Connections over HTTP/1.1 without TLS, kept between requests.
//!
//! A message of a client is a request, so this is the way of a message. A connection here is no task of its own, as in a client library for all: the
//! task that asks drives it too, from the request's first byte to the answer's last. That saves four changes of tasks a message, and the channels
//! between them; hyper is still what speaks HTTP.
//!
//! Whose connection it is:
//! - while it is used, the task's that asks: dropped, as by a time-out, it drops the connection too, and nobody gets an answer that was another's;
//! - in between, the [`Shelf`]'s, where it is read too: one that the back end closes, or on which it says what nobody asked, is closed here at once.
use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Context;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::header::{HOST, HeaderValue};
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::{Request, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service as _;

use crate::client::{Failed, Wanted, read};
use crate::exchange::Answer;
use crate::figures::Ended;
pub(crate) use shelf::IDLE_TIMEOUT;
use shelf::{Bell, Shelf};

mod shelf;

type Body = Full<Bytes>;

/// Keeps connections to back ends. A clone is a handle to the same.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    connector: HttpConnector,
    shelf: Arc<Shelf>,
}

/// One connection.
#[derive(Debug)]
struct Conn {
    sender: SendRequest<Body>,
    /// What reads and writes; `None` once it is over.
    driver: Option<Connection<TokioIo<TcpStream>, Body>>,
    bell: Bell,
}

/// Why a connection gave no answer.
enum Unanswered {
    /// It was over before anything of the request was sent: here it is again.
    Unsent(Box<Request<Body>>),
    Failed(Failed),
}

impl Pool {
    /// Keeps at most `idle_max` connections to a host that nobody uses.
    pub(crate) fn new(connector: HttpConnector, idle_max: usize) -> Self {
        Self { connector, shelf: Arc::new(Shelf::new(idle_max)) }
    }

    /// Sends a request with an absolute URL; resolves with the answer.
    pub(crate) async fn ask(&self, mut request: Request<Body>, wanted: Wanted) -> Result<Answer, Failed> {
        let uri = std::mem::take(request.uri_mut());
        let authority = uri.authority().cloned().ok_or(Failed::Ended(Ended::Unreachable))?;
        *request.uri_mut() = uri.path_and_query().cloned().map_or_else(Uri::default, |path: PathAndQuery| path.into());
        if let Ok(host) = HeaderValue::from_str(host(&authority)) {
            request.headers_mut().insert(HOST, host);
        }
        loop {
            let kept = self.shelf.take(&authority);
            let is_kept = kept.is_some();
            let mut conn = match kept {
                Some(conn) => conn,
                None => self.connect(uri.clone()).await?,
            };
            match conn.exchange(request, wanted).await {
                Ok(answer) => {
                    Shelf::keep(&self.shelf, &authority, conn);
                    return Ok(answer);
                }
                // The back end has closed it meanwhile, as it may: nothing was sent, so it is asked on another one.
                Err(Unanswered::Unsent(same)) if is_kept => request = *same,
                Err(Unanswered::Unsent(_)) => return Err(Failed::Unanswered),
                Err(Unanswered::Failed(failed)) => return Err(failed),
            }
        }
    }

    async fn connect(&self, uri: Uri) -> Result<Box<Conn>, Failed> {
        let unreachable = Failed::Ended(Ended::Unreachable);
        let stream = self.connector.clone().call(uri).await.map_err(|_| unreachable)?;
        let (sender, driver) = http1::handshake(stream).await.map_err(|_| unreachable)?;
        Ok(Box::new(Conn { sender, driver: Some(driver), bell: self.shelf.bell() }))
    }
}

impl Conn {
    /// Reads and writes what can be now.
    fn drive(&mut self, context: &mut Context<'_>) {
        drive(&mut self.driver, context);
    }

    /// Whether it may be used for a request, as far as it has been driven.
    fn is_ready(&self) -> bool {
        self.driver.is_some() && self.sender.is_ready()
    }

    /// One request and its whole answer. What has come since it was driven last is read first: if that is its end, nothing is sent.
    async fn exchange(&mut self, request: Request<Body>, wanted: Wanted) -> Result<Answer, Unanswered> {
        let Self { sender, driver, .. } = self;
        let mut asked = pin!(async {
            let sent = sender.try_send_request(request).await;
            let response = sent.map_err(|mut error| match error.take_message() {
                Some(request) => Unanswered::Unsent(Box::new(request)),
                None => Unanswered::Failed(Failed::Unanswered),
            })?;
            read(response, wanted).await.map_err(|ended| Unanswered::Failed(Failed::Ended(ended)))
        });
        poll_fn(|context| {
            let polled = asked.as_mut().poll(context);
            if polled.is_ready() {
                return polled;
            }
            drive(driver, context);
            asked.as_mut().poll(context)
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
