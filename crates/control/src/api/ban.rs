//! `block_user`, `unblock_user`, `revoke_token` and `invalidate_user_tokens`: keeping users and tokens out.
use serde::Deserialize;

use crate::app::App;
use crate::{Ban, DataPlane};

use super::error::ApiError;
use super::lenient::or_default;
use super::order::Done;

/// Disconnects a user and keeps him out.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BlockUser {
    user: Option<String>,
    /// In seconds since 1970; 0: never.
    #[serde(deserialize_with = "or_default")]
    expire_at: i64,
}

/// Lets him come again.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UnblockUser {
    user: Option<String>,
}

/// Makes a token worth nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RevokeToken {
    /// The token's `jti`.
    #[serde(deserialize_with = "or_default")]
    uid: String,
    #[serde(deserialize_with = "or_default")]
    expire_at: i64,
}

/// Makes older tokens of a user worth nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InvalidateUserTokens {
    user: Option<String>,
    #[serde(deserialize_with = "or_default")]
    channel: String,
    /// In seconds since 1970; 0: now.
    #[serde(deserialize_with = "or_default")]
    issued_before: i64,
    #[serde(deserialize_with = "or_default")]
    expire_at: i64,
}

/// A time that may be left out. One before 1970 is over.
fn time(seconds: i64) -> Option<i64> {
    (seconds != 0).then_some(seconds)
}

impl BlockUser {
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Result<Done, ApiError> {
        let user = self.user.ok_or_else(|| ApiError::missing("user"))?;
        app.plane.ban(Ban::Block { user, expire_at: time(self.expire_at) }).await?;
        Ok(Done {})
    }
}

impl UnblockUser {
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Result<Done, ApiError> {
        let user = self.user.ok_or_else(|| ApiError::missing("user"))?;
        app.plane.ban(Ban::Unblock { user }).await?;
        Ok(Done {})
    }
}

impl RevokeToken {
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Result<Done, ApiError> {
        if self.uid.is_empty() {
            return Err(ApiError::missing("uid"));
        }
        app.plane.ban(Ban::Revoke { token: self.uid, expire_at: time(self.expire_at) }).await?;
        Ok(Done {})
    }
}

impl InvalidateUserTokens {
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Result<Done, ApiError> {
        let Self { user, channel, issued_before, expire_at } = self;
        let user = user.ok_or_else(|| ApiError::missing("user"))?;
        let ban = Ban::Invalidate {
            user,
            channel: Some(channel).filter(|channel| !channel.is_empty()),
            issued_before: time(issued_before),
            expire_at: time(expire_at),
        };
        app.plane.ban(ban).await?;
        Ok(Done {})
    }
}
