//! `disconnect` and `refresh`: what backends have done with the clients of a user.
use base::Object;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::router::App;
use crate::{DataPlane, Order, Whom};

use super::error::ApiError;
use super::subscribe::json;

/// Codes that a WebSocket may be closed with and that are none of its own (RFC 6455 section 7.4.2).
const CODES: std::ops::RangeInclusive<u16> = 3_000..=4_999;

/// What a close frame has room for beside the code.
const REASON_BYTES_MAX: usize = 123;

/// `force disconnect`.
const FORCED: u16 = 3_503;

/// `connection expired`.
const EXPIRED: u16 = 3_005;

const fn forced() -> u16 {
    FORCED
}

/// Disconnects clients of a user.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Disconnect {
    user: String,
    client: String,
    session: String,
    /// Ids of clients that stay.
    whitelist: Vec<String>,
    disconnect: Option<Object<Close>>,
}

/// Changes until when the connections of a user last.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Refresh {
    user: String,
    client: String,
    session: String,
    /// They end at once (3005).
    expired: bool,
    /// In seconds since 1970; 0: never.
    expire_at: i64,
    info: Option<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
struct Close {
    #[serde(default = "forced")]
    code: u16,
    #[serde(default)]
    reason: String,
}

/// Nothing more to say.
#[derive(Debug, Serialize)]
pub(crate) struct Done {}

impl Disconnect {
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Result<Done, ApiError> {
        let Self { user, client, session, whitelist, disconnect } = self;
        let Close { code, reason } =
            disconnect.map_or(Close { code: FORCED, reason: String::new() }, |Object(close)| close);
        if !CODES.contains(&code) {
            return Err(ApiError::bad_request("a code is from 3000 to 4999"));
        }
        if reason.len() > REASON_BYTES_MAX {
            return Err(ApiError::bad_request("a reason has at most 123 bytes"));
        }
        // SDKs of an older protocol would take it for what they were told in JSON, and not look at the code.
        if serde_json::from_str::<serde::de::IgnoredAny>(&reason).is_ok() {
            return Err(ApiError::bad_request("a reason that is JSON is misunderstood by clients"));
        }
        app.plane.order(Whom { user, client, session }, Order::Disconnect { code, reason, spared: whitelist }).await?;
        Ok(Done {})
    }
}

impl Refresh {
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Result<Done, ApiError> {
        let Self { user, client, session, expired, expire_at, info } = self;
        let order = if expired {
            Order::Disconnect { code: EXPIRED, reason: String::new(), spared: Vec::new() }
        } else {
            let info = info.map(|info| json(Some(info), "")).transpose()?;
            Order::Refresh { expire_at: (expire_at > 0).then_some(expire_at), info }
        };
        app.plane.order(Whom { user, client, session }, order).await?;
        Ok(Done {})
    }
}
