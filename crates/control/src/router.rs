//! Which path is answered where.
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CONNECTION, TRANSFER_ENCODING};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, map_response, map_response_with_state};
use axum::response::Response;
use axum::routing::get;

use crate::answer::{harden, method_not_allowed, not_found, refuse};
use crate::app::App;
use crate::health::{health, healthz, readyz};
use crate::metrics::metrics;
use crate::{DataPlane, api, page, proxy};

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
    app.count(answer.status());
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
