//! `presence` and `presence_stats`.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::app::App;
use crate::{DataPlane, Headcount, Present};

use super::error::ApiError;
use super::lenient::or_default;

/// Tells which clients are subscribed.
#[derive(Debug, Deserialize)]
pub(crate) struct Presence {
    #[serde(default, deserialize_with = "or_default")]
    channel: String,
}

/// Tells how many are.
#[derive(Debug, Deserialize)]
pub(crate) struct PresenceStats {
    #[serde(default, deserialize_with = "or_default")]
    channel: String,
}

/// Clients by their ids.
#[derive(Debug, Serialize)]
pub(crate) struct Roll {
    presence: BTreeMap<String, Info>,
}

/// A client.
#[derive(Debug, Serialize)]
pub(crate) struct Info {
    user: String,
    client: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    conn_info: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chan_info: Option<Box<RawValue>>,
}

/// Both members are there even if nobody is.
#[derive(Debug, Serialize)]
pub(crate) struct Stats {
    num_clients: u32,
    num_users: u32,
}

impl Presence {
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Result<Roll, ApiError> {
        if self.channel.is_empty() {
            return Err(ApiError::missing("channel"));
        }
        let clients = app.plane.presence(self.channel).await?;
        Ok(Roll { presence: clients.into_iter().map(|client| (client.client.clone(), Info::of(client))).collect() })
    }
}

impl PresenceStats {
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Result<Stats, ApiError> {
        if self.channel.is_empty() {
            return Err(ApiError::missing("channel"));
        }
        let Headcount { clients, users } = app.plane.headcount(self.channel).await?;
        Ok(Stats { num_clients: clients, num_users: users })
    }
}

impl Info {
    pub(crate) fn of(client: Present) -> Self {
        let Present { client, user, conn_info, chan_info } = client;
        Self { user, client, conn_info: json(conn_info), chan_info: json(chan_info) }
    }
}

/// Was read from a token as JSON.
fn json(info: Vec<u8>) -> Option<Box<RawValue>> {
    RawValue::from_string(String::from_utf8(info).ok()?).ok()
}
