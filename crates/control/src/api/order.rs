//! `disconnect` and `refresh`: what backends have done with the clients of a user.
use base::Object;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::app::App;
use crate::{DataPlane, Order, Whom};

use super::error::ApiError;
use super::lenient::or_default;
use super::subscribe::json;

/// What a close frame has room for beside the code.
const REASON_BYTES_MAX: usize = 123;

/// `force disconnect`.
const FORCED: u16 = 3_503;

/// `connection expired`.
const EXPIRED: u16 = 3_005;

/// Disconnects clients of a user.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Disconnect {
    #[serde(default, deserialize_with = "or_default")]
    user: String,
    #[serde(default, deserialize_with = "or_default")]
    client: String,
    #[serde(default, deserialize_with = "or_default")]
    session: String,
    /// Ids of clients that stay.
    #[serde(default, deserialize_with = "or_default")]
    whitelist: Vec<String>,
    disconnect: Option<Object<Close>>,
}

/// Changes until when the connections of a user last.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Refresh {
    #[serde(default, deserialize_with = "or_default")]
    user: String,
    #[serde(default, deserialize_with = "or_default")]
    client: String,
    #[serde(default, deserialize_with = "or_default")]
    session: String,
    /// They end at once (3005).
    #[serde(default, deserialize_with = "or_default")]
    expired: bool,
    /// In seconds since 1970; 0: never.
    #[serde(default, deserialize_with = "or_default")]
    expire_at: i64,
    info: Option<Box<RawValue>>,
}

#[derive(Debug, Default, Deserialize)]
struct Close {
    /// 0: [`FORCED`]. A code that can't be in a close frame ends WebSockets without one.
    #[serde(default, deserialize_with = "or_default")]
    code: u32,
    #[serde(default, deserialize_with = "or_default")]
    reason: String,
}

/// Nothing more to say.
#[derive(Debug, Serialize)]
pub(crate) struct Done {}

impl Disconnect {
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Result<Done, ApiError> {
        let Self { user, client, session, whitelist, disconnect } = self;
        let Close { code, reason } = disconnect.map(|Object(close)| close).unwrap_or_default();
        let Ok(code) = u16::try_from(code) else {
            return Err(ApiError::bad_request(
                "a code of a disconnect is below 65536: no close frame has room for more",
            ));
        };
        let code = if code == 0 { FORCED } else { code };
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
