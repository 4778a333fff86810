//! Which path is answered where.
use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::answer::{method_not_allowed, not_found};
use crate::health::{healthz, readyz};
use crate::{ControlSettings, DataPlane};

/// What every handler may use.
pub(crate) struct App<P> {
    pub(crate) plane: P,
    pub(crate) settings: ControlSettings,
}

/// The table of paths.
pub(crate) fn router<P: DataPlane>(app: Arc<App<P>>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz::<P>))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app)
}
