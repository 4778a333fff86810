//! What tokens are checked with.
use std::fmt;

/// Keys and expectations as they were configured; what is empty is not set.
#[derive(Clone, Default)]
pub struct Keys {
    /// The shared secret of HS256, HS384 and HS512.
    pub hmac_secret: String,
    /// The public key of RS256, RS384 and RS512, as PEM.
    pub rsa_public: String,
    /// The public key of ES256 (curve P-256) or ES384 (P-384), as PEM.
    pub ecdsa_public: String,
    /// What `aud` must contain.
    pub audience: String,
    /// What `iss` must be.
    pub issuer: String,
}

/// A key that is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyError {
    /// [`Keys::rsa_public`].
    Rsa(String),
    /// [`Keys::ecdsa_public`].
    Ecdsa(String),
}

impl Keys {
    /// True if there is no key: no token can be valid.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hmac_secret.is_empty() && self.rsa_public.is_empty() && self.ecdsa_public.is_empty()
    }
}

// A secret is not for logs.
impl fmt::Debug for Keys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Keys").field("audience", &self.audience).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(reason) => write!(out, "not an RSA public key in PEM: {reason}"),
            Self::Ecdsa(reason) => write!(out, "not a public key in PEM of the curve P-256 or P-384: {reason}"),
        }
    }
}

impl std::error::Error for KeyError {}
