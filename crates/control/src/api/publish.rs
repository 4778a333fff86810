//! `publish` and `broadcast`.
use std::collections::BTreeMap;
use std::mem;

use base::KEY_BYTES_MAX;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::app::App;
use crate::{Accepted, DataPlane, Extra, PayloadKind};

use super::error::ApiError;
use super::lenient::{even_null, or_default};

/// Publications of one broadcast that are on their way at a time.
const BROADCAST_AHEAD: usize = 64;

/// Publishes to one subject.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Publish(Params);

/// Publishes the same to many subjects.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Broadcast(Params);

#[derive(Debug, Deserialize)]
struct Params {
    /// For [`Publish`].
    #[serde(default, deserialize_with = "or_default")]
    channel: String,
    /// For [`Broadcast`].
    #[serde(default, deserialize_with = "or_default")]
    channels: Vec<String>,
    /// `null` is a payload as any other.
    #[serde(default, deserialize_with = "even_null")]
    data: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "or_default")]
    b64data: String,
    #[serde(default, deserialize_with = "or_default")]
    idempotency_key: String,
    tags: Option<BTreeMap<String, String>>,
    #[serde(default, deserialize_with = "or_default")]
    version: u64,
    #[serde(default, deserialize_with = "or_default")]
    version_epoch: String,
    #[serde(default, deserialize_with = "or_default")]
    skip_history: bool,
    #[serde(default, deserialize_with = "or_default")]
    delta: bool,
}

/// Where the publication stands; empty if its subject keeps no positions.
#[derive(Debug, Serialize)]
pub(crate) struct Published {
    #[serde(skip_serializing_if = "is_zero")]
    offset: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    epoch: String,
}

/// An answer a subject, in the order asked.
#[derive(Debug, Serialize)]
pub(crate) struct Broadcasted {
    responses: Vec<Response>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Response {
    Result(Published),
    Error(ApiError),
}

impl Publish {
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Result<Published, ApiError> {
        let Self(mut params) = self;
        let channel = mem::take(&mut params.channel);
        params.check()?.publish_to(channel, &app.plane).await
    }
}

impl Broadcast {
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Result<Broadcasted, ApiError> {
        let Self(mut params) = self;
        let channels = mem::take(&mut params.channels);
        if channels.is_empty() {
            return Err(ApiError::bad_request("'channels' is empty"));
        }
        // What is wrong with the publication is told for each channel, as what is wrong with a channel is.
        let ready = &params.check();
        let responses = stream::iter(channels)
            .map(|channel| async { ready.as_ref().map_err(ApiError::clone)?.publish_to(channel, &app.plane).await })
            .buffered(BROADCAST_AHEAD)
            .map(|outcome| outcome.map_or_else(Response::Error, Response::Result))
            .collect()
            .await;
        Ok(Broadcasted { responses })
    }
}

impl Params {
    fn check(self) -> Result<Ready, ApiError> {
        for (key, text) in [("idempotency_key", &self.idempotency_key), ("version_epoch", &self.version_epoch)] {
            if text.len() > KEY_BYTES_MAX {
                return Err(ApiError::bad_request(&format!("'{key}' is longer than {KEY_BYTES_MAX} bytes")));
            }
        }
        let extra = Extra {
            idempotency_key: Some(self.idempotency_key).filter(|key| !key.is_empty()),
            tags: self.tags.unwrap_or_default(),
            version: self.version,
            version_epoch: self.version_epoch,
            skip_history: self.skip_history,
            delta: self.delta,
        };
        let bytes = if self.b64data.is_empty() {
            let data = self.data.ok_or_else(|| ApiError::missing("data"))?;
            String::from(Box::<str>::from(data)).into_bytes()
        } else {
            STANDARD.decode(self.b64data).map_err(|_| ApiError::bad_request("'b64data' is not base64"))?
        };
        let is_text = str::from_utf8(&bytes).is_ok();
        let kind = if is_text { PayloadKind::Text } else { PayloadKind::Binary };
        Ok(Ready { bytes, kind, extra })
    }
}

/// A payload that may be published.
struct Ready {
    bytes: Vec<u8>,
    kind: PayloadKind,
    extra: Extra,
}

impl Ready {
    async fn publish_to(&self, channel: String, plane: &impl DataPlane) -> Result<Published, ApiError> {
        if channel.is_empty() {
            return Err(ApiError::missing("channel"));
        }
        let request = crate::Publish {
            subject: channel,
            payload: self.bytes.clone(),
            kind: self.kind,
            extra: self.extra.clone(),
        };
        let Accepted { offset, epoch, kept, position: _ } = plane.publish(request).await?;
        // What is not kept has no place that anybody could come back to: none is told, as in Centrifugo.
        if !kept {
            return Ok(Published { offset: 0, epoch: String::new() });
        }
        Ok(Published { offset, epoch })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(offset: &u64) -> bool {
    *offset == 0
}
