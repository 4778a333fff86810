//! What tokens are checked with.
use std::fmt;

/// Keys and expectations as they were configured; what is empty is not set. Each is Centrifugo's option of a similar name.
#[derive(Clone, Default)]
pub struct Keys {
    /// The shared secret of HS256, HS384 and HS512.
    pub hmac_secret: String,
    /// The secret before it, for tokens that were signed earlier.
    pub hmac_previous: String,
    /// Until when that one is good, in seconds since 1970; 0: for ever.
    pub hmac_previous_until: i64,
    /// The public key of RS256, RS384 and RS512, as PEM.
    pub rsa_public: String,
    /// The public key of ES256 (curve P-256), ES384 (P-384) or ES512 (P-521), as PEM.
    pub ecdsa_public: String,
    /// Where the public keys are published (RFC 7517); with it the other keys are not used. `{{name}}` is what the group of this name
    /// caught in [`Keys::audience_pattern`] or [`Keys::issuer_pattern`].
    pub endpoint: String,
    /// What `aud` must contain.
    pub audience: String,
    /// What `iss` must be.
    pub issuer: String,
    /// A regular expression that one of `aud` must fit.
    pub audience_pattern: String,
    /// A regular expression that `iss` must fit.
    pub issuer_pattern: String,
    /// The claim that names the user, instead of `sub`; points lead into objects.
    pub user_claim: String,
    /// Signatures are not looked at: for tests only.
    pub skip_signature: bool,
}

/// A key or an expectation that is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyError {
    /// [`Keys::rsa_public`].
    Rsa(String),
    /// [`Keys::ecdsa_public`].
    Ecdsa(String),
    /// [`Keys::endpoint`]: it is no HTTP address, or has a `{{name}}` that nothing catches.
    Endpoint(String),
    /// [`Keys::audience_pattern`].
    AudiencePattern(String),
    /// [`Keys::issuer_pattern`].
    IssuerPattern(String),
}

impl Keys {
    /// True if there is no key: no token can be valid.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let keys = [&self.hmac_secret, &self.rsa_public, &self.ecdsa_public, &self.endpoint];
        !self.skip_signature && keys.iter().all(|key| key.is_empty())
    }
}

// A secret is not for logs.
impl fmt::Debug for Keys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Keys")
            .field("endpoint", &self.endpoint)
            .field("audience", &self.audience)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(reason) => write!(out, "not an RSA public key in PEM: {reason}"),
            Self::Ecdsa(reason) => write!(out, "not a public key in PEM of the curve P-256, P-384 or P-521: {reason}"),
            Self::Endpoint(reason) | Self::AudiencePattern(reason) | Self::IssuerPattern(reason) => {
                out.write_str(reason)
            }
        }
    }
}

impl std::error::Error for KeyError {}
