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

/// How long a connection to a back end may lie idle: below what servers commonly allow.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long one connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

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
    pub(crate) fn new(idle_max: usize, speaks_tls: bool) -> Result<Self, SettingsError> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.enforce_http(!speaks_tls);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_TIMEOUT).pool_max_idle_per_host(idle_max);
        if !speaks_tls {
            return Ok(Self::Plain(builder.build(connector)));
        }
        let roots = HttpsConnectorBuilder::new().with_native_roots();
        let roots = roots.map_err(|error| SettingsError::Certificates(error.to_string()))?;
        Ok(Self::Tls(builder.build(roots.https_or_http().enable_all_versions().wrap_connector(connector))))
    }

    /// Sends a request; resolves with the head of the answer.
    pub(crate) async fn request(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, legacy::Error> {
        match self {
            Self::Plain(client) => client.request(request).await,
            Self::Tls(client) => client.request(request).await,
        }
    }
}
