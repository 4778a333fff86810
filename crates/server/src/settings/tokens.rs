//! How the tokens of clients are verified: the keys, and what happens when tokens expire.
use std::sync::Arc;
use std::time::Duration;

use auth::{KeyError, KeySets, Keys, Verifier};

use super::SettingsError;
use super::values::Values;

/// How tokens are verified, and how long what they allowed outlasts them.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// The keys of connection tokens, as they were configured.
    pub keys: Keys,
    /// Those of subscription tokens, where they have keys of their own.
    pub subscription_keys: Option<Keys>,
    /// How long a connection outlasts its token.
    pub connection_grace: Duration,
    /// How long a subscription outlasts its token.
    pub subscription_grace: Duration,
}

/// Who verifies connection tokens, and who subscription tokens; none without a key.
#[derive(Clone, Default, Debug)]
pub struct Verifiers {
    /// Of connection tokens.
    pub connection: Option<Arc<Verifier>>,
    /// Of subscription tokens.
    pub subscription: Option<Arc<Verifier>>,
}

impl TokenSettings {
    /// The verifiers. `published` are the keys that are fetched.
    #[must_use]
    pub fn verifiers(&self, published: &Arc<KeySets>) -> Verifiers {
        // Without a key there is nobody to ask; that the keys are some was seen when they were read.
        let of = |keys: &Keys| (!keys.is_empty()).then(|| Verifier::new(keys, published).ok().map(Arc::new)).flatten();
        let connection = of(&self.keys);
        let subscription = self.subscription_keys.as_ref().map_or_else(|| connection.clone(), of);
        Verifiers { connection, subscription }
    }
}

impl Verifiers {
    /// The addresses of published keys that are known before any token has come.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        let verifiers = [&self.connection, &self.subscription];
        let mut endpoints: Vec<_> =
            verifiers.into_iter().flatten().filter_map(|verifier| verifier.endpoint().map(str::to_owned)).collect();
        endpoints.dedup();
        endpoints
    }
}

pub(super) fn build(values: &Values) -> Result<TokenSettings, SettingsError> {
    let has_own = values.flag("client.subscription_token.enabled");
    Ok(TokenSettings {
        keys: keys(values, "client.token")?,
        subscription_keys: has_own.then(|| keys(values, "client.subscription_token")).transpose()?,
        connection_grace: values.time("client.expired_close_delay"),
        subscription_grace: values.time("client.expired_sub_close_delay"),
    })
}

/// The keys of a section, checked.
fn keys(values: &Values, section: &str) -> Result<Keys, SettingsError> {
    let text = |key: &str| values.text(&format!("{section}.{key}"));
    let keys = Keys {
        hmac_secret: text("hmac_secret_key"),
        hmac_previous: text("hmac_previous_secret_key"),
        hmac_previous_until: values.number(&format!("{section}.hmac_previous_secret_key_valid_until")),
        rsa_public: text("rsa_public_key"),
        ecdsa_public: text("ecdsa_public_key"),
        endpoint: text("jwks_public_endpoint"),
        audience: text("audience"),
        issuer: text("issuer"),
        audience_pattern: text("audience_regex"),
        issuer_pattern: text("issuer_regex"),
        user_claim: text("user_id_claim"),
        skip_signature: values.flag("client.insecure_skip_token_signature_verify"),
    };
    let malformed = |key: &str, reason: String| values.malformed(&format!("{section}.{key}"), reason);
    Verifier::new(&keys, &Arc::new(KeySets::new(|_| ()))).map_err(|error| {
        let key = match error {
            KeyError::Rsa(_) => "rsa_public_key",
            KeyError::Ecdsa(_) => "ecdsa_public_key",
            KeyError::Endpoint(_) => "jwks_public_endpoint",
            KeyError::AudiencePattern(_) => "audience_regex",
            KeyError::IssuerPattern(_) => "issuer_regex",
        };
        malformed(key, error.to_string())
    })?;
    let expected = ["audience", "issuer", "audience_regex", "issuer_regex", "hmac_previous_secret_key"];
    if let Some(key) = expected.into_iter().find(|key| keys.is_empty() && !text(key).is_empty()) {
        return Err(malformed(key, "there is no key to verify tokens with".into()));
    }
    Ok(keys)
}
