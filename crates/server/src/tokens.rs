//! The shards' verifier: keys from the settings, and the time of day.
use std::sync::Arc;
use std::time::Duration;

use shard::{Token, TokenError, TokenKind, TokenVerifier, Tokens};

use crate::clock;
use crate::settings::{TokenSettings, Verifiers};

/// What a shard is told about tokens.
pub(crate) fn tokens(settings: &TokenSettings, verifiers: &Verifiers) -> Tokens {
    let is_any = verifiers.connection.is_some() || verifiers.subscription.is_some();
    let verifier = is_any.then(|| Arc::new(Gate(verifiers.clone())) as Arc<dyn TokenVerifier>);
    Tokens { verifier, connection_grace: settings.connection_grace, subscription_grace: settings.subscription_grace }
}

/// Shared by all shards: it is only read.
#[derive(Debug)]
struct Gate(Verifiers);

impl TokenVerifier for Gate {
    fn verify(&self, kind: TokenKind, token: &str) -> Result<Token, TokenError> {
        let now = clock::unix_seconds();
        let verified = match kind {
            TokenKind::Connection => self.0.connection.as_ref().map(|verifier| verifier.connection(token, now)),
            TokenKind::Subscription => self.0.subscription.as_ref().map(|verifier| verifier.subscription(token, now)),
        };
        let verified = verified.ok_or(TokenError::Invalid)?;
        let auth::Token { user, channel, info, expires } = verified.map_err(|error| match error {
            auth::TokenError::Expired => TokenError::Expired,
            auth::TokenError::Invalid(_) => TokenError::Invalid,
            auth::TokenError::Later => TokenError::Later,
        })?;
        Ok(Token {
            user: user.into(),
            channel: channel.unwrap_or_default().into(),
            info: info.into_bytes().into(),
            left: expires.map(|at| Duration::from_secs(u64::try_from(at.saturating_sub(now)).unwrap_or(0))),
        })
    }
}
