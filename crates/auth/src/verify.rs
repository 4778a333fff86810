//! Verifying a token: signature first, then what it says.
use std::fmt;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};

use crate::claims::{Claims, Date};
use crate::keys::{KeyError, Keys};

/// Largest token in bytes. A token is a few hundred; what is larger is not worth the time of hashing it.
pub const TOKEN_BYTES_MAX: usize = 64 << 10;

/// Verifies tokens with the keys it was made with.
pub struct Verifier {
    hmac: Option<DecodingKey>,
    rsa: Option<DecodingKey>,
    ecdsa: Option<DecodingKey>,
    audience: String,
    issuer: String,
}

/// What a valid token says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// The user; empty: anonymous.
    pub user: String,
    /// The channel of a subscription token.
    pub channel: Option<String>,
    /// JSON text; empty without any.
    pub info: String,
    /// When what it allows ends, in seconds since 1970: `expire_at`, or else `exp`. It may be over.
    pub expires: Option<i64>,
}

/// Why a token is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenError {
    /// It is one of ours, but its time is over or has not begun.
    Expired,
    /// It is none of ours.
    Invalid(Fault),
}

/// What is wrong with an invalid token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// More than [`TOKEN_BYTES_MAX`].
    TooLarge,
    /// Not three parts, not base64url, not JSON, a claim of the wrong type, an unknown algorithm.
    Malformed,
    /// An algorithm for which there is no key.
    NoKey,
    /// The signature is not the key's.
    Signature,
    /// `aud` does not contain what it must.
    Audience,
    /// `iss` is not what it must be.
    Issuer,
    /// A subscription token where a connection token is due.
    ForSubscription,
    /// A token without a channel where a subscription token is due.
    NoChannel,
}

impl Verifier {
    /// Reads the keys.
    ///
    /// # Errors
    /// A public key that is none.
    pub fn new(keys: &Keys) -> Result<Self, KeyError> {
        let set = |key: &String| (!key.is_empty()).then(|| key.clone().into_bytes());
        let rsa = set(&keys.rsa_public).map(|pem| DecodingKey::from_rsa_pem(&pem)).transpose();
        let ecdsa = set(&keys.ecdsa_public).map(|pem| DecodingKey::from_ec_pem(&pem)).transpose();
        Ok(Self {
            hmac: set(&keys.hmac_secret).map(|secret| DecodingKey::from_secret(&secret)),
            rsa: rsa.map_err(|error| KeyError::Rsa(error.to_string()))?,
            ecdsa: ecdsa.map_err(|error| KeyError::Ecdsa(error.to_string()))?,
            audience: keys.audience.clone(),
            issuer: keys.issuer.clone(),
        })
    }

    /// Verifies a connection token. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn connection(&self, token: &str, now: i64) -> Result<Token, TokenError> {
        let claims = self.signed(token)?;
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
        let claims = self.signed(token)?;
        if claims.channel.as_deref().is_none_or(str::is_empty) {
            return Err(TokenError::Invalid(Fault::NoChannel));
        }
        within(claims, now)
    }

    /// The claims, if one of the keys has signed them and they are from and for whom they should be.
    #[expect(clippy::wildcard_enum_match_arm, reason = "an algorithm that is not named is not taken, now or later")]
    fn signed(&self, token: &str) -> Result<Claims, TokenError> {
        let invalid = TokenError::Invalid;
        if token.len() > TOKEN_BYTES_MAX {
            return Err(invalid(Fault::TooLarge));
        }
        // `none` is not among the algorithms that a header can be read with.
        let algorithm = decode_header(token).map_err(|_| invalid(Fault::Malformed))?.alg;
        let key = match algorithm {
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => self.hmac.as_ref(),
            Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 => self.rsa.as_ref(),
            Algorithm::ES256 | Algorithm::ES384 => self.ecdsa.as_ref(),
            _ => None,
        };
        let key = key.ok_or(invalid(Fault::NoKey))?;
        // What the claims say is judged here and not by the library: it leaves a leeway, and reads the clock itself.
        let mut validation = Validation::new(algorithm);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        let claims = decode::<Claims>(token, key, &validation)
            .map_err(|error| match error.kind() {
                ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => invalid(Fault::Signature),
                _ => invalid(Fault::Malformed),
            })?
            .claims;
        if !self.audience.is_empty() && !claims.aud.as_ref().is_some_and(|aud| aud.contains(&self.audience)) {
            return Err(invalid(Fault::Audience));
        }
        if !self.issuer.is_empty() && claims.iss.as_deref() != Some(self.issuer.as_str()) {
            return Err(invalid(Fault::Issuer));
        }
        Ok(claims)
    }
}

/// What the claims say, if they are good now. No leeway, as in the reference.
fn within(claims: Claims, now: i64) -> Result<Token, TokenError> {
    let Claims { sub, channel, exp, nbf, expire_at, info, .. } = claims;
    if exp.is_some_and(|exp| exp <= Date(now)) || nbf.is_some_and(|nbf| nbf > Date(now)) {
        return Err(TokenError::Expired);
    }
    let expires = match expire_at {
        Some(Date(at)) => (at > 0).then_some(at),
        None => exp.map(|exp| exp.0),
    };
    let info = info.map_or_else(String::new, |json| json.get().to_owned());
    Ok(Token { user: sub.unwrap_or_default(), channel, info, expires })
}

// Keys are not for logs.
impl fmt::Debug for Verifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Verifier")
            .field("audience", &self.audience)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => out.write_str("the token has expired, or is not good yet (exp, nbf)"),
            Self::Invalid(fault) => write!(out, "the token is invalid: {fault}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::TooLarge => "it is larger than 64 KiB",
            Self::Malformed => "it is no JSON Web Token, or a claim has the wrong type",
            Self::NoKey => "there is no key for its algorithm",
            Self::Signature => "it is not signed with the configured key",
            Self::Audience => "its audience (aud) is another",
            Self::Issuer => "its issuer (iss) is another",
            Self::ForSubscription => "it is for a subscription (channel)",
            Self::NoChannel => "it is for no channel",
        })
    }
}

impl std::error::Error for TokenError {}

#[cfg(test)]
mod tests;
