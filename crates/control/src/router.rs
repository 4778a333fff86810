//! Which path is answered where.
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CONNECTION, TRANSFER_ENCODING};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, map_response, map_response_with_state};
use axum::response::Response;
use axum::routing::get;
use tokio::sync::{Semaphore, watch};

use crate::answer::{harden, method_not_allowed, not_found, refuse};
use crate::clock::Clock;
use crate::health::{health, healthz, readyz};
use crate::metric::{self, Metric, Sample};
use crate::metrics::{Snapshots, metrics};
use crate::proxy::Proxy;
use crate::{ControlSettings, DataPlane, State, api, page, proxy};

/// What every handler may use.
#[derive(Debug)]
pub(crate) struct App<P> {
    pub(crate) plane: P,
    pub(crate) settings: ControlSettings,
    pub(crate) clock: Clock,
    pub(crate) proxy: Proxy,
    pub(crate) snapshots: Snapshots,
    /// Whether the server drains.
    pub(crate) draining: watch::Receiver<bool>,
    /// Room for connections.
    pub(crate) room: Arc<Semaphore>,
    /// Connections that there was no room for.
    pub(crate) turned_away: AtomicU64,
    /// Answers given, by status from 100 on.
    answers: [AtomicU64; 500],
    /// The kernel's release, for the metrics.
    kernel: String,
    /// The host's name, for the API.
    pub(crate) host: String,
}

impl<P: DataPlane> App<P> {
    pub(crate) fn new(plane: P, settings: ControlSettings, draining: watch::Receiver<bool>) -> Self {
        Self {
            plane,
            clock: Clock::new(),
            proxy: Proxy::new(settings.connections_max),
            snapshots: Snapshots::default(),
            draining,
            room: Arc::new(Semaphore::new(settings.connections_max)),
            turned_away: AtomicU64::new(0),
            answers: [const { AtomicU64::new(0) }; 500],
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            settings,
        }
    }

    /// The control plane's own samples.
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
    pub(crate) fn samples(&self) -> Vec<Sample> {
        let mode = if self.settings.dev { "dev" } else { "normal" };
        let build = vec![
            ("version", Cow::Borrowed(crate::VERSION)),
            ("kernel", Cow::Owned(self.kernel.clone())),
            ("mode", Cow::Borrowed(mode)),
        ];
        let ready = self.plane.state() == State::Ready;
        let open = self.settings.connections_max - self.room.available_permits();
        let plain = |metric: &'static Metric, value| Sample { metric, labels: Vec::new(), value };
        let mut samples = vec![
            Sample { metric: &metric::BUILD, labels: build, value: 1.0 },
            plain(&metric::READY, f64::from(u8::from(ready))),
            plain(&metric::CONTROL_CONNECTIONS, open as f64),
            plain(&metric::CONTROL_TURNED_AWAY, self.turned_away.load(Ordering::Relaxed) as f64),
        ];
        for (status, count) in (100_u16..).zip(&self.answers) {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                let labels = vec![("status", Cow::Owned(status.to_string()))];
                samples.push(Sample { metric: &metric::CONTROL_ANSWERS, labels, value: count as f64 });
            }
        }
        samples
    }
}

/// Closes a connection behind its answer where half of the room is taken: who lies idle shall not shut others out, a probe of
/// `/healthz` least of all.
async fn make_room<P: DataPlane>(app: axum::extract::State<Arc<App<P>>>, mut answer: Response) -> Response {
    if app.room.available_permits() * 2 < app.settings.connections_max {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Refuses a transfer coding that is not `chunked`, once, as shards do: two readers could see the body's end in two places. Nothing more is read then. A length
/// beside a coding is none to hyper, which ends the connection behind such a request.
async fn refuse_other_codings(request: Request, next: Next) -> Response {
    let mut codings = request.headers().get_all(TRANSFER_ENCODING).iter();
    let is_known = match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    };
    if is_known {
        return next.run(request).await;
    }
    let mut answer = refuse(StatusCode::NOT_IMPLEMENTED, "the transfer coding is not supported");
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// Counts an answer of ours.
async fn count<P: DataPlane>(app: axum::extract::State<Arc<App<P>>>, answer: Response) -> Response {
    let status = usize::from(answer.status().as_u16());
    if let Some(count) = status.checked_sub(100).and_then(|index| app.answers.get(index)) {
        count.fetch_add(1, Ordering::Relaxed);
    }
    answer
}

/// The table of paths.
pub(crate) fn router<P: DataPlane>(app: &Arc<App<P>>) -> Router {
    let paths = &app.settings.paths;
    let empty = [&paths.health, &paths.init].into_iter().flatten();
    let empty = empty.fold(Router::new(), |router, path| router.route(path, get(health)));
    let api = paths.api.as_ref().map_or_else(Router::new, |path| api::routes(app, path));
    let ours = empty
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz::<P>))
        .route(&paths.metrics, get(metrics::<P>))
        .merge(page::routes(app.settings.dev))
        .merge(api)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(map_response(harden))
        .layer(map_response_with_state(Arc::clone(app), make_room::<P>))
        .layer(map_response_with_state(Arc::clone(app), count::<P>));
    // What is passed on stays as the data plane has answered it.
    let all = ours.merge(proxy::routes(&app.settings.data_paths)).layer(from_fn(refuse_other_codings));
    all.with_state(Arc::clone(app))
}
