//! `info`.
use serde::{Deserialize, Serialize};

use crate::DataPlane;
use crate::app::App;
use crate::metric::{self, Metric, Sample};

use super::error::ApiError;

/// Tells of the nodes: of this one.
#[derive(Debug, Deserialize)]
pub(crate) struct Info {}

#[derive(Debug, Serialize)]
pub(crate) struct Nodes {
    nodes: [Node; 1],
}

#[derive(Debug, Serialize)]
struct Node {
    uid: String,
    name: String,
    version: &'static str,
    /// Connections of all dialects that stay open, not those between two HTTP requests.
    num_clients: u64,
    num_users: u64,
    num_subs: u64,
    num_channels: u64,
    /// In seconds.
    uptime: u64,
}

impl Info {
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Result<Nodes, ApiError> {
        let num_users = app.plane.users().await.ok_or(ApiError::INTERNAL)?;
        let taken = app.snapshots.take(app).await;
        let stays = |sample: &Sample| sample.labels.iter().all(|(name, value)| *name != "transport" || value != "http");
        let sum = |metric: &'static Metric| {
            let samples = taken.samples.iter().filter(|sample| std::ptr::eq(sample.metric, metric) && stays(sample));
            whole(samples.map(|sample| sample.value).sum())
        };
        let node = Node {
            uid: app.settings.uid.clone(),
            name: match app.settings.node_name.as_str() {
                "" => format!("{}_{}", app.host, app.settings.data_address.port()),
                name => name.to_owned(),
            },
            version: crate::VERSION,
            num_clients: sum(&metric::CONNECTIONS),
            num_users,
            num_subs: sum(&metric::SUBSCRIPTIONS),
            num_channels: sum(&metric::SUBSCRIBED),
            uptime: app.clock.now().as_millis() / 1_000,
        };
        Ok(Nodes { nodes: [node] })
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts: not negative, and below 2^53")]
fn whole(count: f64) -> u64 {
    count as u64
}
