//! The HTTP client: connections are kept and used again, and TLS is there for those who want it.
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::SettingsError;
use crate::exchange::Answer;
use crate::figures::Ended;
use crate::pool::{IDLE_TIMEOUT, Pool};
use crate::settings::Protocol;
use crate::tls::TlsSettings;

/// How long one connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that is silent while requests are under way is asked for a sign of life, over HTTP/2, and given up without one.
const H2_PING_EVERY: Duration = Duration::from_secs(15);
const H2_PING_TIMEOUT: Duration = Duration::from_secs(10);

/// What of an answer is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Most bytes of its body.
    pub(crate) bytes_max: usize,
    /// Whether the body is wanted at all where the status is this one; else it is not read.
    pub(crate) is_read: fn(StatusCode) -> bool,
}

/// Why there is no whole answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failed {
    /// The connection broke before the answer began, so the request may have been heard or not.
    Unanswered,
    Ended(Ended),
}

/// Sends requests with a whole body. TLS only where a back end wants it, so that a host without certificates has no use for any.
#[derive(Clone, Debug)]
pub(crate) enum Client {
    /// To back ends without TLS, over HTTP/1.1.
    Plain(Pool),
    /// To back ends without TLS, over HTTP/2.
    Shared(legacy::Client<HttpConnector, Full<Bytes>>),
    /// To back ends of which some have TLS.
    Tls(legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Client {
    /// A client that keeps at most so many idle connections to a host.
    pub(crate) fn new(idle_max: usize, tls: Option<&TlsSettings>, protocol: Protocol) -> Result<Self, SettingsError> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.enforce_http(tls.is_none());
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        if tls.is_none() && protocol != Protocol::H2 {
            return Ok(Self::Plain(Pool::new(connector, idle_max)));
        }
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_TIMEOUT).pool_max_idle_per_host(idle_max);
        builder.timer(TokioTimer::new()).http2_only(protocol == Protocol::H2).http2_adaptive_window(true);
        builder.http2_keep_alive_interval(H2_PING_EVERY).http2_keep_alive_timeout(H2_PING_TIMEOUT);
        match tls {
            None => Ok(Self::Shared(builder.build(connector))),
            Some(tls) => Ok(Self::Tls(builder.build(tls.wrap(connector, protocol)?))),
        }
    }

    /// Sends a request; resolves with the answer. One that changes nothing is made again, once, if there is none: a connection that was kept may be closed
    /// under the request.
    pub(crate) async fn ask(&self, request: Request<Full<Bytes>>, wanted: Wanted) -> Result<Answer, Ended> {
        let again = (request.method() == Method::GET).then(|| request.clone());
        let mut asked = self.ask_once(request, wanted).await;
        if let (Err(Failed::Unanswered), Some(again)) = (&asked, again) {
            asked = self.ask_once(again, wanted).await;
        }
        asked.map_err(|failed| match failed {
            Failed::Unanswered => Ended::Broken,
            Failed::Ended(ended) => ended,
        })
    }

    async fn ask_once(&self, request: Request<Full<Bytes>>, wanted: Wanted) -> Result<Answer, Failed> {
        let asked = match self {
            Self::Plain(pool) => return pool.ask(request, wanted).await,
            Self::Shared(client) => client.request(request).await,
            Self::Tls(client) => client.request(request).await,
        };
        match asked {
            Ok(response) => read(response, wanted).await.map_err(Failed::Ended),
            Err(error) if error.is_connect() => Err(Failed::Ended(Ended::Unreachable)),
            Err(_) => Err(Failed::Unanswered),
        }
    }
}

/// Reads of an answer what is wanted.
pub(crate) async fn read(response: Response<Incoming>, wanted: Wanted) -> Result<Answer, Ended> {
    let (head, body) = response.into_parts();
    let (body, trailers) = if (wanted.is_read)(head.status) {
        match Limited::new(body, wanted.bytes_max).collect().await {
            Ok(body) => {
                let trailers = body.trailers().cloned();
                (body.to_bytes(), trailers)
            }
            Err(error) if error.is::<LengthLimitError>() => return Err(Ended::TooLarge),
            Err(_) => return Err(Ended::Broken),
        }
    } else {
        (Bytes::new(), None)
    };
    Ok(Answer { status: head.status, fields: head.headers, body, trailers })
}
