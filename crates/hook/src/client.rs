//! The HTTP client: connections are kept and used again, and TLS is there for those who want it.
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::SettingsError;
use crate::figures::Ended;
use crate::settings::Protocol;

/// How long a connection to a back end may lie idle: below what servers commonly allow.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long one connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that is silent while requests are under way is asked for a sign of life, over HTTP/2, and given up without one.
const H2_PING_EVERY: Duration = Duration::from_secs(15);
const H2_PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends requests with a whole body. TLS only where a back end wants it, so that a host without certificates has no use for any.
#[derive(Clone, Debug)]
pub(crate) enum Client {
    /// To back ends without TLS.
    Plain(legacy::Client<HttpConnector, Full<Bytes>>),
    /// To back ends of which some have it.
    Tls(legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Client {
    /// A client that keeps at most so many idle connections to a host.
    pub(crate) fn new(idle_max: usize, speaks_tls: bool, protocol: Protocol) -> Result<Self, SettingsError> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.enforce_http(!speaks_tls);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_TIMEOUT).pool_max_idle_per_host(idle_max);
        builder.timer(TokioTimer::new()).http2_only(protocol == Protocol::H2).http2_adaptive_window(true);
        builder.http2_keep_alive_interval(H2_PING_EVERY).http2_keep_alive_timeout(H2_PING_TIMEOUT);
        if !speaks_tls {
            return Ok(Self::Plain(builder.build(connector)));
        }
        let roots = HttpsConnectorBuilder::new().with_native_roots();
        let roots = roots.map_err(|error| SettingsError::Certificates(error.to_string()))?;
        let roots = roots.https_or_http();
        let connector = match protocol {
            Protocol::Agreed => roots.enable_all_versions().wrap_connector(connector),
            Protocol::Http1 => roots.enable_http1().wrap_connector(connector),
            Protocol::H2 => roots.enable_http2().wrap_connector(connector),
        };
        Ok(Self::Tls(builder.build(connector)))
    }

    /// Sends a request; resolves with the head of the answer.
    pub(crate) async fn request(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Ended> {
        let asked = match self {
            Self::Plain(client) => client.request(request).await,
            Self::Tls(client) => client.request(request).await,
        };
        asked.map_err(|error| if error.is_connect() { Ended::Unreachable } else { Ended::Broken })
    }
}
