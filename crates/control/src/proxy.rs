//! Passes requests for the data plane on to it.
//!
//! They come here only on a connection that a shard gave away earlier, for a request that was not the data plane's:
//! browsers and HTTP clients keep connections alive and put the next request on any of them. Nothing is buffered whole
//! in either direction.
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, Version, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use hyper::upgrade::OnUpgrade;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::Semaphore;

use crate::DataPlane;
use crate::answer::{not_found, refuse};
use crate::app::App;
use crate::half_close::Line;

/// How long a loopback connection may lie idle. Short: an idle connection is a row of a shard.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Most idle loopback connections.
const IDLE_MAX: usize = 32;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What this hop calls itself in `Via` (RFC 9110 section 7.6.3).
const VIA: HeaderValue = HeaderValue::from_static("1.1 ringcast-control");

/// Fields that concern one hop only (RFC 9110 section 7.6.1), beside those that `Connection` names.
const HOP_BY_HOP: [&str; 7] =
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

/// The way to the data plane.
#[derive(Debug)]
pub(crate) struct Proxy {
    client: Client<HttpConnector, Body>,
    /// Room for upgraded connections, which outlive their request.
    tunnels: Arc<Semaphore>,
    tunnels_max: u32,
}

/// The data plane's paths: those that shards don't give away.
pub(crate) fn routes<P: DataPlane>(paths: &[String]) -> Router<Arc<App<P>>> {
    let fixed = Router::new()
        .route("/sub/{*subjects}", any(pass_on::<P>))
        .route("/pub", any(pass_on::<P>))
        .route("/pub/{*subject}", any(pass_on::<P>))
        .route("/echo", any(pass_on::<P>));
    paths.iter().fold(fixed, |router, path| router.route(path, any(pass_on::<P>)))
}

impl Proxy {
    pub(crate) fn new(tunnels_max: usize) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_MAX)
            .build(connector);
        let tunnels_max = u32::try_from(tunnels_max).unwrap_or(u32::MAX);
        Self { client, tunnels: Arc::new(Semaphore::new(tunnels_max as usize)), tunnels_max }
    }

    /// Resolves once no upgraded connection is open; no further one opens from now on.
    pub(crate) async fn drained(&self) {
        // Fails only if the semaphore is closed, and nobody closes it.
        let _ = self.tunnels.acquire_many(self.tunnels_max).await;
    }
}

async fn pass_on<P: DataPlane>(State(app): State<Arc<App<P>>>, mut request: Request) -> Response {
    if request.headers().get_all(header::VIA).iter().any(|via| via == VIA) {
        // A shard has given away what was passed on to it: the path is not the data plane's after all. The loopback connection
        // is ours now at both ends, so nothing that follows on it would reach the data plane: it must not be kept.
        return ([(header::CONNECTION, "close")], not_found().await).into_response();
    }
    if let Some(line) = request.extensions().get::<Line>() {
        line.pass_on();
    }
    let upgrade = request.headers().get(header::UPGRADE).cloned();
    let ours = request.extensions_mut().remove::<OnUpgrade>();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let Ok(uri) = format!("http://{}{path}", app.settings.data_address).parse::<Uri>() else {
        return refuse(StatusCode::BAD_REQUEST, "the request's target can't be passed on");
    };
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_11;
    drop_hop_by_hop(request.headers_mut());
    request.headers_mut().append(header::VIA, VIA);
    if let Some(protocol) = upgrade {
        restore_upgrade(request.headers_mut(), protocol);
    }
    match app.proxy.client.request(request).await {
        Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => tunnel(&app.proxy, ours, response),
        Ok(mut response) => {
            drop_hop_by_hop(response.headers_mut());
            response.into_response()
        }
        Err(_) => refuse(StatusCode::BAD_GATEWAY, "the data plane did not answer"),
    }
}

/// Joins both upgraded connections, each of which is handed out once its 101 has gone through.
fn tunnel(proxy: &Proxy, ours: Option<OnUpgrade>, mut answer: hyper::Response<hyper::body::Incoming>) -> Response {
    let theirs = hyper::upgrade::on(&mut answer);
    let (Some(ours), Ok(room)) = (ours, Arc::clone(&proxy.tunnels).try_acquire_owned()) else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "no more connections can be upgraded here; use a new one");
    };
    tokio::spawn(async move {
        if let Ok((ours, theirs)) = tokio::try_join!(ours, theirs) {
            // An error is one side's reset: dropping both tells the other.
            let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(ours), &mut TokioIo::new(theirs)).await;
        }
        drop(room);
    });
    let protocol = answer.headers().get(header::UPGRADE).cloned();
    drop_hop_by_hop(answer.headers_mut());
    if let Some(protocol) = protocol {
        restore_upgrade(answer.headers_mut(), protocol);
    }
    answer.into_response()
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    for name in HOP_BY_HOP.into_iter().chain(named.iter().map(String::as_str)) {
        headers.remove(name);
    }
}

fn restore_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(header::UPGRADE, protocol);
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
}
