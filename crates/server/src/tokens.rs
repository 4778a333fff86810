//! The shards' verifier: keys from the settings, and the time of day.
use std::sync::Arc;
use std::time::Duration;

use shard::{Token, TokenError, TokenKind, TokenVerifier, Tokens};

use crate::clock;
use crate::settings::TokenSettings;

/// What a shard is told about tokens.
pub(crate) fn tokens(settings: &TokenSettings) -> Tokens {
    let verifier = settings.verifier.clone().map(|verifier| Arc::new(Gate(verifier)) as Arc<dyn TokenVerifier>);
    Tokens { verifier, connection_grace: settings.connection_grace, subscription_grace: settings.subscription_grace }
}

/// Shared by all shards: it is only read.
#[derive(Debug)]
struct Gate(Arc<auth::Verifier>);

impl TokenVerifier for Gate {
    fn verify(&self, kind: TokenKind, token: &str) -> Result<Token, TokenError> {
        let now = clock::unix_seconds();
        let verified = match kind {
            TokenKind::Connection => self.0.connection(token, now),
            TokenKind::Subscription => self.0.subscription(token, now),
        };
        let auth::Token { user, channel, info, expires } = verified.map_err(|error| match error {
            auth::TokenError::Expired => TokenError::Expired,
            auth::TokenError::Invalid(_) => TokenError::Invalid,
        })?;
        Ok(Token {
            user: user.into(),
            channel: channel.unwrap_or_default().into(),
            info: info.into_bytes().into(),
            left: expires.map(|at| Duration::from_secs(u64::try_from(at.saturating_sub(now)).unwrap_or(0))),
        })
    }
}
