//! `history` and `history_remove`.
use std::collections::BTreeMap;

use base::Object;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::app::App;
use crate::{DataPlane, Kept, PayloadKind};

use super::error::ApiError;
use super::lenient::or_default;
use super::presence::Info;

/// Reads from a subject's history.
#[derive(Debug, Deserialize)]
pub(crate) struct History {
    #[serde(default, deserialize_with = "or_default")]
    channel: String,
    /// 0: only the position; negative: as much as one answer brings.
    #[serde(default, deserialize_with = "or_default")]
    limit: i64,
    since: Option<Object<Since>>,
    #[serde(default, deserialize_with = "or_default")]
    reverse: bool,
}

#[derive(Debug, Deserialize)]
struct Since {
    #[serde(default, deserialize_with = "or_default")]
    offset: u64,
    #[serde(default, deserialize_with = "or_default")]
    epoch: String,
}

/// All members are there even if nothing is.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    publications: Vec<Publication>,
    epoch: String,
    offset: u64,
}

#[derive(Debug, Serialize)]
struct Publication {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
    /// Instead of `data`, for bytes that are no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    b64data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<Info>,
    offset: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
}

/// Forgets a subject's publications.
#[derive(Debug, Deserialize)]
pub(crate) struct HistoryRemove {
    #[serde(default, deserialize_with = "or_default")]
    channel: String,
}

/// Nothing more to say.
#[derive(Debug, Serialize)]
pub(crate) struct Done {}

impl History {
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Result<Page, ApiError> {
        let Self { channel, limit, since, reverse } = self;
        if channel.is_empty() {
            return Err(ApiError::missing("channel"));
        }
        if reverse && since.as_ref().is_some_and(|Object(since)| since.offset == 0) {
            return Err(ApiError::bad_request("nothing is before offset 0"));
        }
        let wanted = crate::HistoryWanted {
            subject: channel,
            since: since.map(|Object(since)| (since.offset, since.epoch)),
            limit: u32::try_from(limit.max(-1)).unwrap_or(u32::MAX),
            reverse,
        };
        let crate::History { publications, epoch, offset } = app.plane.history(wanted).await?;
        let publications = publications.into_iter().map(told).collect::<Result<_, _>>()?;
        Ok(Page { publications, epoch, offset })
    }
}

impl HistoryRemove {
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Result<Done, ApiError> {
        if self.channel.is_empty() {
            return Err(ApiError::missing("channel"));
        }
        app.plane.remove_history(self.channel).await?;
        Ok(Done {})
    }
}

/// JSON goes as it is, whoever published it; other text becomes a JSON string, as subscribers of the JSON encoding get it.
fn told(kept: Kept) -> Result<Publication, ApiError> {
    let Kept { payload, kind, offset, tags, publisher } = kept;
    let (mut data, mut b64data) = (None, None);
    if let Ok(json) = serde_json::from_slice::<&RawValue>(&payload) {
        data = Some(json.to_owned());
    } else if kind == PayloadKind::Text {
        let text = String::from_utf8_lossy(&payload);
        data = Some(to_raw_value(&text).map_err(|_| ApiError::INTERNAL)?);
    } else {
        b64data = Some(STANDARD.encode(&payload));
    }
    let info = publisher.map(Info::of);
    Ok(Publication { data, b64data, info, offset, tags })
}
