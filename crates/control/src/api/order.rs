//! `disconnect`: what backends have done with the clients of a user.
use serde::{Deserialize, Serialize};

use crate::{DataPlane, Order, Whom};

use super::error::ApiError;

/// Codes that a WebSocket may be closed with and that are none of its own (RFC 6455 section 7.4.2).
const CODES: std::ops::RangeInclusive<u16> = 3_000..=4_999;

/// What a close frame has room for beside the code.
const REASON_BYTES_MAX: usize = 123;

/// `force disconnect`.
const FORCED: u16 = 3_503;

/// Disconnects clients of a user.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Disconnect {
    user: String,
    client: String,
    /// Ids of clients that stay.
    whitelist: Vec<String>,
    disconnect: Option<Close>,
}

#[derive(Debug, Deserialize)]
struct Close {
    code: u16,
    #[serde(default)]
    reason: String,
}

/// Nothing more to say.
#[derive(Debug, Serialize)]
pub(crate) struct Done {}

impl Disconnect {
    pub(crate) async fn run(self, plane: &impl DataPlane) -> Result<Done, ApiError> {
        let Self { user, client, whitelist, disconnect } = self;
        let Close { code, reason } = disconnect.unwrap_or(Close { code: FORCED, reason: String::new() });
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
        plane.order(Whom { user, client }, Order::Disconnect { code, reason, spared: whitelist }).await?;
        Ok(Done {})
    }
}
