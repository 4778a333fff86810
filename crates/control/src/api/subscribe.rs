//! `subscribe` and `unsubscribe`: what backends have clients listen to.
use base::Object;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::app::App;
use crate::{Changes, DataPlane, Order, Subscription, Whom};

use super::error::ApiError;
use super::lenient::or_default;

/// Subscribes clients of a user.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Subscribe {
    #[serde(default, deserialize_with = "or_default")]
    channel: String,
    #[serde(default, deserialize_with = "or_default")]
    user: String,
    #[serde(default, deserialize_with = "or_default")]
    client: String,
    #[serde(default, deserialize_with = "or_default")]
    session: String,
    info: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "or_default")]
    b64info: String,
    data: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "or_default")]
    b64data: String,
    /// In seconds since 1970; 0: never.
    #[serde(default, deserialize_with = "or_default")]
    expire_at: i64,
    recover_since: Option<Object<Since>>,
    #[serde(rename = "override")]
    changes: Option<Object<Override>>,
}

#[derive(Debug, Default, Deserialize)]
struct Since {
    #[serde(default, deserialize_with = "or_default")]
    offset: u64,
    #[serde(default, deserialize_with = "or_default")]
    epoch: String,
}

#[derive(Debug, Default, Deserialize)]
struct Override {
    presence: Option<Object<Flag>>,
    join_leave: Option<Object<Flag>>,
    force_push_join_leave: Option<Object<Flag>>,
    force_positioning: Option<Object<Flag>>,
    force_recovery: Option<Object<Flag>>,
}

#[derive(Debug, Default, Deserialize)]
struct Flag {
    #[serde(default, deserialize_with = "or_default")]
    value: bool,
}

/// Unsubscribes clients of a user.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Unsubscribe {
    #[serde(default, deserialize_with = "or_default")]
    channel: String,
    #[serde(default, deserialize_with = "or_default")]
    user: String,
    #[serde(default, deserialize_with = "or_default")]
    client: String,
    #[serde(default, deserialize_with = "or_default")]
    session: String,
}

/// Nothing more to say.
#[derive(Debug, Serialize)]
pub(crate) struct Done {}

impl Subscribe {
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Result<Done, ApiError> {
        if self.channel.is_empty() {
            return Err(ApiError::missing("channel"));
        }
        let whom = Whom { user: self.user, client: self.client, session: self.session };
        let subscription = Subscription {
            subject: self.channel,
            info: json(self.info, &self.b64info)?,
            data: bytes(self.data, &self.b64data)?,
            expire_at: (self.expire_at > 0).then_some(self.expire_at),
            since: self.recover_since.map(|Object(since)| (since.offset, since.epoch)),
            changes: self.changes.map(|Object(changes)| changes.into()).unwrap_or_default(),
        };
        app.plane.order(whom, Order::Subscribe(subscription)).await?;
        Ok(Done {})
    }
}

impl Unsubscribe {
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Result<Done, ApiError> {
        // Nobody is subscribed to a channel without a name.
        if self.channel.is_empty() {
            return Ok(Done {});
        }
        let whom = Whom { user: self.user, client: self.client, session: self.session };
        app.plane.order(whom, Order::Unsubscribe { subject: self.channel }).await?;
        Ok(Done {})
    }
}

impl From<Override> for Changes {
    fn from(said: Override) -> Self {
        let value = |flag: Option<Object<Flag>>| flag.map(|Object(flag)| flag.value);
        Self {
            presence: value(said.presence),
            join_leave: value(said.join_leave),
            force_push_join_leave: value(said.force_push_join_leave),
            force_positioning: value(said.force_positioning),
            force_recovery: value(said.force_recovery),
        }
    }
}

/// What is told to others; it has to be JSON, or clients that speak it could not be told.
pub(crate) fn json(info: Option<Box<RawValue>>, b64info: &str) -> Result<Vec<u8>, ApiError> {
    let info = bytes(info, b64info)?;
    let is_json = info.is_empty() || serde_json::from_slice::<&RawValue>(&info).is_ok();
    if is_json { Ok(info) } else { Err(ApiError::bad_request("'b64info' is not JSON in base64")) }
}

fn bytes(data: Option<Box<RawValue>>, b64data: &str) -> Result<Vec<u8>, ApiError> {
    if b64data.is_empty() {
        Ok(data.map(|json| String::from(Box::<str>::from(json)).into_bytes()).unwrap_or_default())
    } else {
        STANDARD.decode(b64data).map_err(|_| ApiError::bad_request("'b64data' or 'b64info' is not base64"))
    }
}
