//! `GET /stats`: what the page shows, summed over the shards.
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use crate::DataPlane;
use crate::answer::json;
use crate::app::App;
use crate::metric::{self, Metric, Sample};

#[derive(Serialize)]
struct Stats {
    version: &'static str,
    state: &'static str,
    /// When the figures were taken, in milliseconds since some moment: rates are differences over this.
    taken_ms: u64,
    shards: usize,
    connections: f64,
    connections_by_transport: BTreeMap<String, f64>,
    subscriptions: f64,
    subjects: f64,
    messages_in: f64,
    messages_out: f64,
    bytes_in: f64,
    bytes_out: f64,
    refusals: f64,
    outbox_bytes: f64,
    /// Bytes in user space that the shards account for.
    memory_bytes: f64,
    resident_bytes: f64,
    cpu_secs: f64,
    turn_longest_secs: f64,
}

pub(super) async fn stats<P: DataPlane>(State(app): State<Arc<App<P>>>) -> Response {
    let snapshot = app.snapshots.take(&app).await;
    let of = |metric| of(&snapshot.samples, metric);
    let sum = |metric| of(metric).map(|sample| sample.value).sum::<f64>();
    let stats = Stats {
        version: crate::VERSION,
        state: app.plane.state().name(),
        taken_ms: snapshot.taken.as_millis(),
        shards: of(&metric::ACCEPTED).count(),
        connections: sum(&metric::CONNECTIONS),
        connections_by_transport: by_label(of(&metric::CONNECTIONS), "transport"),
        subscriptions: sum(&metric::SUBSCRIPTIONS),
        subjects: sum(&metric::SUBJECTS),
        messages_in: sum(&metric::MESSAGES_IN),
        messages_out: sum(&metric::MESSAGES_OUT),
        bytes_in: sum(&metric::BYTES_IN),
        bytes_out: sum(&metric::BYTES_OUT),
        refusals: sum(&metric::REFUSALS),
        outbox_bytes: sum(&metric::OUTBOX_BYTES),
        memory_bytes: sum(&metric::MEMORY),
        resident_bytes: sum(&metric::PROCESS_RESIDENT),
        cpu_secs: sum(&metric::PROCESS_CPU),
        turn_longest_secs: of(&metric::TURN_LONGEST).map(|sample| sample.value).fold(0.0, f64::max),
    };
    json(StatusCode::OK, &stats)
}

fn of<'a>(samples: &'a [Sample], metric: &'static Metric) -> impl Iterator<Item = &'a Sample> {
    samples.iter().filter(move |sample| std::ptr::eq(sample.metric, metric))
}

fn by_label<'a>(samples: impl Iterator<Item = &'a Sample>, label: &str) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for sample in samples {
        if let Some((_, value)) = sample.labels.iter().find(|(name, _)| *name == label) {
            *sums.entry(value.to_string()).or_insert(0.0) += sample.value;
        }
    }
    sums
}
