//! `/openapi.yaml`: the API for tools. `/`: in dev mode a page to watch the server, and to subscribe and publish by hand; else a few words and links.
mod stats;

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use axum::routing::get;

use crate::DataPlane;
use crate::app::App;

const DEV: &str = include_str!("page/dev.html");
const PLAIN: &str = include_str!("page/plain.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");
/// What docs/API.md says, for tools.
const OPENAPI: &str = include_str!("../../../docs/openapi.yaml");
const ICON: &str = include_str!("page/icon.svg");

/// The paths of the page and what it loads. Everything comes from here: the page works offline.
pub(crate) fn routes<P: DataPlane>(dev: bool) -> Router<Arc<App<P>>> {
    let routes = Router::new()
        // RFC 9512.
        .route("/openapi.yaml", get(|| asset("application/yaml", OPENAPI)))
        .route("/page/style.css", get(|| asset("text/css; charset=utf-8", STYLE)))
        .route("/page/icon.svg", get(|| asset("image/svg+xml", ICON)));
    if dev {
        routes
            .route("/", get(|| async { Html(DEV) }))
            .route("/page/script.js", get(|| asset("text/javascript; charset=utf-8", SCRIPT)))
            .route("/stats", get(stats::stats::<P>))
    } else {
        routes.route("/", get(|| async { Html(PLAIN) }))
    }
}

async fn asset(content_type: &'static str, content: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, content_type)], content)
}
