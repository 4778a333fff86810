//! How the tokens of clients are verified: the keys, and what happens when tokens expire.
use std::sync::Arc;
use std::time::Duration;

use auth::{KeyError, Keys, Verifier};

use super::SettingsError;
use super::values::Values;

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

pub(super) fn build(values: &Values) -> Result<TokenSettings, SettingsError> {
    let text = |key: &str| values.text(&format!("client.token.{key}"));
    let keys = Keys {
        hmac_secret: text("hmac_secret_key"),
        rsa_public: text("rsa_public_key"),
        ecdsa_public: text("ecdsa_public_key"),
        audience: text("audience"),
        issuer: text("issuer"),
    };
    let malformed = |key: &str, reason: String| values.malformed(&format!("client.token.{key}"), reason);
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
        connection_grace: values.time("client.expired_close_delay"),
        subscription_grace: values.time("client.expired_sub_close_delay"),
    })
}
