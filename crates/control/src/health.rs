//! `/healthz` and `/readyz`, for whoever restarts processes and whoever routes traffic.
use std::sync::Arc;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::answer::refuse;
use crate::app::App;
use crate::{DataPlane, State};

/// Alive: the control plane answers.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Alive, as Centrifugo says it.
pub(crate) async fn health() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], "{}").into_response()
}

/// Ready: 503 while starting and while draining.
pub(crate) async fn readyz<P: DataPlane>(app: axum::extract::State<Arc<App<P>>>) -> Response {
    match app.plane.state() {
        State::Ready => "ready\n".into_response(),
        other @ (State::Starting | State::Draining) => refuse(StatusCode::SERVICE_UNAVAILABLE, other.name()),
    }
}
