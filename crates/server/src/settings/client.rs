//! The section `client`: the keys of tokens, under Centrifugo's names, and what happens when tokens expire.
use std::sync::Arc;
use std::time::Duration;

use auth::{KeyError, Keys, Verifier};
use serde::{Deserialize, Serialize};

use super::SettingsError;
use super::file::{DAY_MS, millis, time};

/// How tokens are verified, and how long what they allowed outlasts them.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// The keys as they were configured.
    pub keys: Keys,
    /// Verifies with them; none without a key.
    pub verifier: Option<Arc<Verifier>>,
    /// How long a connection outlasts its token.
    pub connection_grace: Duration,
    /// How long a subscription outlasts its token.
    pub subscription_grace: Duration,
}

#[derive(Clone, Serialize, Deserialize, Debug)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Client {
    token: TokenKeys,
    pub(super) allowed_origins: Vec<String>,
    expired_close_delay_ms: u64,
    expired_sub_close_delay_ms: u64,
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TokenKeys {
    hmac_secret_key: String,
    rsa_public_key: String,
    ecdsa_public_key: String,
    audience: String,
    issuer: String,
}

// Secrets are not for logs.
impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("TokenKeys").finish_non_exhaustive()
    }
}

impl Default for Client {
    fn default() -> Self {
        let tokens = shard::Tokens::default();
        Self {
            token: TokenKeys::default(),
            allowed_origins: Vec::new(),
            expired_close_delay_ms: millis(tokens.connection_grace),
            expired_sub_close_delay_ms: millis(tokens.subscription_grace),
        }
    }
}

impl Client {
    pub(super) fn check(self) -> Result<TokenSettings, SettingsError> {
        let TokenKeys { hmac_secret_key, rsa_public_key, ecdsa_public_key, audience, issuer } = self.token;
        let keys = Keys {
            hmac_secret: hmac_secret_key,
            rsa_public: rsa_public_key,
            ecdsa_public: ecdsa_public_key,
            audience,
            issuer,
        };
        let malformed =
            |key: &str, reason: String| SettingsError::Malformed { key: format!("client.token.{key}"), reason };
        let verifier = Verifier::new(&keys).map_err(|error| {
            let key = match error {
                KeyError::Rsa(_) => "rsa_public_key",
                KeyError::Ecdsa(_) => "ecdsa_public_key",
            };
            malformed(key, error.to_string())
        })?;
        if keys.is_empty() && !(keys.audience.is_empty() && keys.issuer.is_empty()) {
            let key = if keys.audience.is_empty() { "issuer" } else { "audience" };
            return Err(malformed(key, "there is no key to verify tokens with".into()));
        }
        Ok(TokenSettings {
            verifier: (!keys.is_empty()).then(|| Arc::new(verifier)),
            keys,
            connection_grace: time("client.expired_close_delay_ms", self.expired_close_delay_ms, 0, DAY_MS)?,
            subscription_grace: time("client.expired_sub_close_delay_ms", self.expired_sub_close_delay_ms, 0, DAY_MS)?,
        })
    }
}
