//! The control plane on tokio: HTTP API, page, metrics, health.
