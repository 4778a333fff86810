//! Verifying a token: signature first, then what it says.
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;

use crate::claims::Claims;
use crate::expectation::Expectation;
use crate::fault::{Fault, TokenError};
use crate::key_sets::{Found, KeySets};
use crate::keys::{KeyError, Keys};
use crate::public_key::{PublicKey, Signed};
use crate::token::{Token, within};

/// Largest token in bytes. A token is a few hundred; what is larger is not worth the time of hashing it.
pub const TOKEN_BYTES_MAX: usize = 64 << 10;

/// Verifies tokens with the keys it was made with, and with published ones.
pub struct Verifier {
    hmac: Option<PublicKey>,
    /// The secret before, and until when it is good.
    previous: Option<(PublicKey, i64)>,
    rsa: Option<PublicKey>,
    ecdsa: Option<PublicKey>,
    published: Arc<KeySets>,
    expectation: Expectation,
    user_claim: String,
    skip_signature: bool,
}

impl Verifier {
    /// Reads the keys. `published` are those of [`Keys::endpoint`], as far as they are known.
    ///
    /// # Errors
    /// A public key, an address or a regular expression that is none.
    pub fn new(keys: &Keys, published: &Arc<KeySets>) -> Result<Self, KeyError> {
        let set = |key: &String| (!key.is_empty()).then(|| key.clone());
        let secret =
            |key: &String| set(key).map(|secret| PublicKey::Library(DecodingKey::from_secret(secret.as_bytes())));
        let rsa = set(&keys.rsa_public).map(|pem| DecodingKey::from_rsa_pem(pem.as_bytes())).transpose();
        let rsa = rsa.map_err(|error| KeyError::Rsa(error.to_string()))?;
        let ecdsa = set(&keys.ecdsa_public).map(|pem| PublicKey::ecdsa(&pem)).transpose();
        Ok(Self {
            hmac: secret(&keys.hmac_secret),
            previous: secret(&keys.hmac_previous).map(|key| (key, keys.hmac_previous_until)),
            rsa: rsa.map(PublicKey::Library),
            ecdsa: ecdsa.map_err(KeyError::Ecdsa)?,
            published: Arc::clone(published),
            expectation: Expectation::new(keys)?,
            user_claim: keys.user_claim.clone(),
            skip_signature: keys.skip_signature,
        })
    }

    /// The address of published keys, if it does not depend on the token.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        self.expectation.fixed_endpoint()
    }

    /// Verifies a connection token. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn connection(&self, token: &str, now: i64) -> Result<Token, TokenError> {
        let claims = self.signed(token, now)?;
        if claims.channel.is_some() {
            return Err(TokenError::Invalid(Fault::ForSubscription));
        }
        within(claims, now)
    }

    /// Verifies a subscription token. `now` is in seconds since 1970. Whose and which channel's it is, is for the caller
    /// to compare.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn subscription(&self, token: &str, now: i64) -> Result<Token, TokenError> {
        let claims = self.signed(token, now)?;
        if claims.channel.as_deref().is_none_or(str::is_empty) {
            return Err(TokenError::Invalid(Fault::NoChannel));
        }
        within(claims, now)
    }

    /// The claims, if one of the keys has signed them and they are from and for whom they should be.
    fn signed(&self, token: &str, now: i64) -> Result<Claims, TokenError> {
        let invalid = TokenError::Invalid;
        if token.len() > TOKEN_BYTES_MAX {
            return Err(invalid(Fault::TooLarge));
        }
        let text = Parts::of(token).ok_or(invalid(Fault::Malformed))?;
        let head: Head = read(text.head).ok_or(invalid(Fault::Malformed))?;
        // What must be understood is not (RFC 7515, section 4.1.11).
        if head.crit.is_some() {
            return Err(invalid(Fault::Malformed));
        }
        // `none` is no algorithm, in whatever letters.
        if head.alg.eq_ignore_ascii_case("none") {
            return Err(invalid(Fault::Malformed));
        }
        let mut claims: Claims = read(text.claims).ok_or(invalid(Fault::Malformed))?;
        let endpoint = self.expectation.endpoint(&claims).map_err(invalid)?;
        if !self.skip_signature {
            let signed = Signed { algorithm: &head.alg, message: text.message, signature: text.signature };
            match endpoint {
                Some(endpoint) => self.is_published(&endpoint, head.kid.as_deref(), signed, now)?,
                None => self.is_ours(signed, now).map_err(invalid)?,
            }
        }
        self.expectation.meets(&claims).map_err(invalid)?;
        if !self.user_claim.is_empty() {
            let all = read(text.claims).ok_or(invalid(Fault::Malformed))?;
            claims.sub = Claims::user(&all, &self.user_claim).map_err(|()| invalid(Fault::Malformed))?;
        }
        Ok(claims)
    }

    /// Whether one of the configured keys has signed it. The key decides which algorithms are taken, never the token.
    fn is_ours(&self, signed: Signed<'_>, now: i64) -> Result<(), Fault> {
        let previous = self.previous.as_ref().filter(|(_, until)| *until == 0 || now <= *until).map(|(key, _)| key);
        let keys = [self.hmac.as_ref(), previous, self.rsa.as_ref(), self.ecdsa.as_ref()];
        let mut fault = Fault::NoKey;
        for key in keys.into_iter().flatten() {
            match key.verifies(signed) {
                Some(true) => return Ok(()),
                Some(false) => fault = Fault::Signature,
                None => {}
            }
        }
        Err(fault)
    }

    /// Whether the published key that the token names has signed it.
    fn is_published(&self, endpoint: &str, name: Option<&str>, signed: Signed<'_>, now: i64) -> Result<(), TokenError> {
        let key = match self.published.find(endpoint, name.unwrap_or_default(), now) {
            Found::Key(key) => key,
            Found::Nothing => return Err(TokenError::Invalid(Fault::NoKey)),
            Found::Later => return Err(TokenError::Later),
        };
        match key.verifies(signed) {
            Some(true) => Ok(()),
            Some(false) => Err(TokenError::Invalid(Fault::Signature)),
            None => Err(TokenError::Invalid(Fault::NoKey)),
        }
    }
}

/// The header's fields that are looked at.
#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

/// A token's parts (RFC 7515, section 7.1).
struct Parts<'a> {
    head: &'a str,
    claims: &'a str,
    signature: &'a str,
    /// What was signed.
    message: &'a str,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (head, claims) = message.split_once('.')?;
        (!claims.contains('.')).then_some(Self { head, claims, signature, message })
    }
}

/// A part's JSON object. An array would do for the names of its members in order, and is none.
fn read<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    let text = BASE64_URL_SAFE_NO_PAD.decode(part).ok()?;
    text.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(&text).ok())?
}

// Keys are not for logs.
impl fmt::Debug for Verifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Verifier").field("expectation", &self.expectation).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
