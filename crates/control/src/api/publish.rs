//! `publish` and `broadcast`.
use std::mem;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Accepted, DataPlane, PayloadKind};

use super::error::ApiError;

/// Publications of one broadcast that are on their way at a time.
const BROADCAST_AHEAD: usize = 64;

/// Longest idempotency key in bytes, as in the `Idempotency-Key` of `POST /pub`: shards remember keys.
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

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
    #[serde(default)]
    channel: String,
    /// For [`Broadcast`].
    #[serde(default)]
    channels: Vec<String>,
    data: Option<Box<RawValue>>,
    #[serde(default)]
    b64data: String,
    #[serde(default)]
    idempotency_key: String,
    /// `delta` is a wish that needs not be granted; these change what subscribers get, so they aren't passed over.
    tags: Option<IgnoredAny>,
    version: Option<u64>,
    skip_history: Option<bool>,
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
    pub(crate) async fn run(self, plane: &impl DataPlane) -> Result<Published, ApiError> {
        let Self(mut params) = self;
        let channel = mem::take(&mut params.channel);
        params.check()?.publish_to(channel, plane).await
    }
}

impl Broadcast {
    pub(crate) async fn run(self, plane: &impl DataPlane) -> Result<Broadcasted, ApiError> {
        let Self(mut params) = self;
        let channels = mem::take(&mut params.channels);
        if channels.is_empty() {
            return Err(ApiError::bad_request("'channels' is empty"));
        }
        let ready = params.check()?;
        let responses = stream::iter(channels)
            .map(|channel| ready.publish_to(channel, plane))
            .buffered(BROADCAST_AHEAD)
            .map(|outcome| outcome.map_or_else(Response::Error, Response::Result))
            .collect()
            .await;
        Ok(Broadcasted { responses })
    }
}

impl Params {
    fn check(self) -> Result<Ready, ApiError> {
        if self.tags.is_some() {
            return Err(ApiError::not_available("'tags'"));
        }
        if self.version.is_some_and(|version| version > 0) {
            return Err(ApiError::not_available("'version'"));
        }
        if self.skip_history == Some(true) {
            return Err(ApiError::not_available("'skip_history'"));
        }
        if self.idempotency_key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
            return Err(ApiError::bad_request("'idempotency_key' is longer than 255 bytes"));
        }
        let idempotency_key = Some(self.idempotency_key).filter(|key| !key.is_empty());
        let bytes = if self.b64data.is_empty() {
            let data = self.data.ok_or_else(|| ApiError::missing("data"))?;
            String::from(Box::<str>::from(data)).into_bytes()
        } else {
            STANDARD.decode(self.b64data).map_err(|_| ApiError::bad_request("'b64data' is not base64"))?
        };
        let is_text = str::from_utf8(&bytes).is_ok();
        let kind = if is_text { PayloadKind::Text } else { PayloadKind::Binary };
        Ok(Ready { bytes, kind, idempotency_key })
    }
}

/// A payload that may be published.
struct Ready {
    bytes: Vec<u8>,
    kind: PayloadKind,
    idempotency_key: Option<String>,
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
            idempotency_key: self.idempotency_key.clone(),
        };
        let Accepted { offset, epoch, position: _ } = plane.publish(request).await?;
        Ok(Published { offset, epoch })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(offset: &u64) -> bool {
    *offset == 0
}
