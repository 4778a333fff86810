//! Making tokens, for development and tests: backends have libraries of their own.
use std::fmt;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::value::RawValue;

use crate::caps::read_caps;
use crate::claims::{Audience, Claims, Date};
use crate::keys::Keys;

/// What a token shall say.
#[derive(Clone, Default, Debug)]
pub struct Wish {
    /// The user; empty: anonymous.
    pub user: String,
    /// For a subscription to this channel; without one, for a connection.
    pub channel: Option<String>,
    /// JSON told to others beside what the client publishes.
    pub info: Option<String>,
    /// JSON that only backends are told.
    pub meta: Option<String>,
    /// What the client may do beside what namespaces say, as JSON: `caps`.
    pub caps: Option<String>,
    /// For how many seconds it is good; without a number, for ever.
    pub ttl_s: Option<u64>,
}

/// Why a token can't be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SignError {
    /// Public keys verify but can't sign.
    NoSecret,
    /// [`Wish::info`] is no JSON.
    Info(String),
    /// [`Wish::meta`] is no JSON.
    Meta(String),
    /// [`Wish::caps`] break a rule, or are wanted for a subscription.
    Caps(String),
    /// The library's reason.
    Failed(String),
}

/// A token signed by HS256, with the audience and the issuer that the keys expect.
///
/// # Errors
/// Without an HMAC secret, if the info is no JSON, or if the caps are none.
pub fn sign(keys: &Keys, wish: &Wish, now: i64) -> Result<String, SignError> {
    if keys.hmac_secret.is_empty() {
        return Err(SignError::NoSecret);
    }
    let info = wish.info.clone().map(RawValue::from_string).transpose();
    let meta = wish.meta.clone().map(RawValue::from_string).transpose();
    let caps = wish.caps.clone().map(|json| checked(json, wish)).transpose()?;
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    let claims = Claims {
        sub: Some(wish.user.clone()),
        channel: wish.channel.clone(),
        exp: wish.ttl_s.map(|ttl| Date(now.saturating_add_unsigned(ttl))),
        iat: Some(Date(now)),
        aud: some(&keys.audience).map(Audience::One),
        iss: some(&keys.issuer),
        info: info.map_err(|error| SignError::Info(error.to_string()))?,
        meta: meta.map_err(|error| SignError::Meta(error.to_string()))?,
        caps,
        ..Claims::default()
    };
    let key = EncodingKey::from_secret(keys.hmac_secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
        .map_err(|error| SignError::Failed(error.to_string()))
}

fn checked(json: String, wish: &Wish) -> Result<Box<RawValue>, SignError> {
    if wish.channel.is_some() {
        return Err(SignError::Caps("they are for a connection, and this token is for a channel".into()));
    }
    read_caps(&json).map_err(|fault| SignError::Caps(fault.to_string()))?;
    RawValue::from_string(json).map_err(|error| SignError::Caps(error.to_string()))
}

impl fmt::Display for SignError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSecret => out.write_str("tokens are signed with client.token.hmac_secret_key, which is not set"),
            Self::Caps(reason) => write!(out, "these are no caps: {reason}"),
            Self::Info(reason) => write!(out, "the info is no JSON: {reason}"),
            Self::Meta(reason) => write!(out, "the meta is no JSON: {reason}"),
            Self::Failed(reason) => write!(out, "the token can't be signed: {reason}"),
        }
    }
}

impl std::error::Error for SignError {}
