//! `channels`.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::DataPlane;
use crate::app::App;

use super::error::ApiError;
use super::lenient::or_default;

/// Lists the subjects that have subscribers.
#[derive(Debug, Deserialize)]
pub(crate) struct Channels {
    /// A glob; empty: all.
    #[serde(default, deserialize_with = "or_default")]
    pattern: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    channels: BTreeMap<String, Channel>,
}

#[derive(Debug, Serialize)]
struct Channel {
    num_clients: u64,
}

impl Channels {
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Result<Listed, ApiError> {
        let subjects = app.plane.subjects(self.pattern).await?;
        let channels = subjects.into_iter().map(|(name, num_clients)| (name, Channel { num_clients })).collect();
        Ok(Listed { channels })
    }
}
