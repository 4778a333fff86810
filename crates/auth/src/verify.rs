//! Verifying a token: signature first, then what it says.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::caps::{read_caps, read_operations};
use crate::claims::{ChangeClaims, Claims, Date, Flag, SubClaims};
use crate::expectation::Expectation;
use crate::key_sets::{Found, KeySets};
use crate::keys::{KeyError, Keys};
use crate::public_key::{PublicKey, Signed};
use crate::token::{Changes, Fault, Token, TokenError, TokenSub};

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

/// What the claims say, if they are good now. No leeway, as in the reference.
fn within(claims: Claims, now: i64) -> Result<Token, TokenError> {
    let Claims {
        sub,
        channel,
        exp,
        nbf,
        iat,
        jti,
        expire_at,
        info,
        b64info,
        meta,
        channels,
        subs,
        data: payload,
        b64data,
        changes,
        caps,
        allow,
        deny,
        ..
    } = claims;
    if exp.is_some_and(|exp| exp <= Date(now)) || nbf.is_some_and(|nbf| nbf > Date(now)) {
        return Err(TokenError::Expired);
    }
    // Each kind of token has its own; the other's are any other claim.
    let for_one = channel.is_some();
    let caps = caps.filter(|_| !for_one).map_or(Ok(Vec::new()), |json| read_caps(json.get()));
    let operations = |json: Option<Box<RawValue>>| {
        json.filter(|_| for_one).map_or(Ok(Vec::new()), |json| read_operations(json.get()))
    };
    let invalid = |fault| TokenError::Invalid(Fault::Caps(fault));
    let expires = match expire_at {
        Some(Date(at)) => (at > 0).then_some(at),
        None => exp.map(|exp| exp.0),
    };
    Ok(Token {
        user: sub.unwrap_or_default(),
        channel,
        info: json(info, b64info),
        meta: json(meta.filter(|_| !for_one), None),
        expires,
        id: jti.map(|jti| jti.as_str().map_or_else(|| jti.to_string(), str::to_owned)).unwrap_or_default(),
        issued: iat.map(|iat| iat.0),
        subs: server_side(channels, subs),
        data: bytes(payload, b64data),
        changes: changed(changes),
        caps: caps.map_err(invalid)?,
        allow: operations(allow).map_err(invalid)?,
        deny: operations(deny).map_err(invalid)?,
    })
}

/// What is no JSON can't be told to clients that speak it.
fn json(info: Option<Box<RawValue>>, b64info: Option<String>) -> String {
    let info = match b64info {
        Some(text) => {
            BASE64_STANDARD.decode(text).ok().and_then(|bytes| serde_json::from_slice::<Box<RawValue>>(&bytes).ok())
        }
        None => info,
    };
    info.map_or_else(String::new, |json| json.get().to_owned())
}

fn bytes(data: Option<Box<RawValue>>, b64data: Option<String>) -> Vec<u8> {
    match b64data {
        Some(text) => BASE64_STANDARD.decode(text).unwrap_or_default(),
        None => data.map(|json| json.get().as_bytes().to_vec()).unwrap_or_default(),
    }
}

/// `channels` are not looked at where there are `subs`, as in the reference.
fn server_side(channels: Option<Vec<String>>, subs: Option<BTreeMap<String, Option<SubClaims>>>) -> Vec<TokenSub> {
    let of_subs = |(channel, sub): (String, Option<SubClaims>)| {
        let SubClaims { info, b64info, data, b64data, changes } = sub.unwrap_or_default();
        TokenSub { channel, info: json(info, b64info), data: bytes(data, b64data), changes: changed(changes) }
    };
    match subs.filter(|subs| !subs.is_empty()) {
        Some(subs) => subs.into_iter().map(of_subs).collect(),
        None => {
            let channels: BTreeSet<String> = channels.into_iter().flatten().collect();
            channels.into_iter().map(|channel| TokenSub { channel, ..TokenSub::default() }).collect()
        }
    }
}

fn changed(claims: Option<ChangeClaims>) -> Changes {
    let ChangeClaims { presence, join_leave, force_push_join_leave, force_positioning, force_recovery } =
        claims.unwrap_or_default();
    let value = |flag: Option<Flag>| flag.map(|flag| flag.value);
    Changes {
        presence: value(presence),
        join_leave: value(join_leave),
        force_push_join_leave: value(force_push_join_leave),
        force_positioning: value(force_positioning),
        force_recovery: value(force_recovery),
    }
}

// Keys are not for logs.
impl fmt::Debug for Verifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Verifier").field("expectation", &self.expectation).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
