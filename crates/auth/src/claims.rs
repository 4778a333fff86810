//! What a token says, as it is written.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// The claims that are looked at; others are ignored. `null` is as good as absent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Claims {
    /// The user; absent or empty: anonymous.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub: Option<String>,
    /// In a subscription token, the channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<String>,
    /// From then on the token is worth nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exp: Option<Date>,
    /// Before then it is worth nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nbf: Option<Date>,
    /// When it was made: tokens from before a time may be worth nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iat: Option<Date>,
    /// Its name, by which it may be revoked; what is no text is taken as it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jti: Option<Value>,
    /// When what the token allowed ends, instead of `exp`; 0 or less: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expire_at: Option<Date>,
    /// For whom it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aud: Option<Audience>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iss: Option<String>,
    /// Told to others beside what the client publishes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) info: Option<Box<RawValue>>,
    /// The same in base64; goes before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) b64info: Option<String>,
    /// In a connection token: what only backends are told of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meta: Option<Box<RawValue>>,
    /// In a connection token: channels that the server subscribes the client to. Not looked at if there are `subs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channels: Option<Vec<String>>,
    /// The same, with what is to be otherwise than the channel's namespace says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subs: Option<BTreeMap<String, Option<SubClaims>>>,
    /// In a subscription token: told to the client when it is subscribed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<Box<RawValue>>,
    /// The same in base64; goes before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) b64data: Option<String>,
    /// In a subscription token: what is to be otherwise than the channel's namespace says.
    #[serde(rename = "override", skip_serializing_if = "Option::is_none")]
    pub(crate) changes: Option<ChangeClaims>,
    /// In a connection token: what the client may do beside what namespaces say; see [`crate::read_caps`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) caps: Option<Box<RawValue>>,
    /// In a subscription token: what the client may do with the channel while it is subscribed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allow: Option<Box<RawValue>>,
    /// The same for what it may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deny: Option<Box<RawValue>>,
}

/// What is said of one channel of `subs`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SubClaims {
    pub(crate) info: Option<Box<RawValue>>,
    pub(crate) b64info: Option<String>,
    pub(crate) data: Option<Box<RawValue>>,
    pub(crate) b64data: Option<String>,
    #[serde(rename = "override")]
    pub(crate) changes: Option<ChangeClaims>,
}

/// `override`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ChangeClaims {
    pub(crate) presence: Option<Flag>,
    pub(crate) join_leave: Option<Flag>,
    pub(crate) force_push_join_leave: Option<Flag>,
    pub(crate) force_positioning: Option<Flag>,
    pub(crate) force_recovery: Option<Flag>,
}

/// `{"value":true}`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Flag {
    pub(crate) value: bool,
}

/// One audience or several.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Claims {
    /// For whom the token is.
    pub(crate) fn audiences(&self) -> impl Iterator<Item = &str> {
        let audiences = match &self.aud {
            None => &[],
            Some(Audience::One(one)) => core::slice::from_ref(one),
            Some(Audience::Several(several)) => several.as_slice(),
        };
        audiences.iter().map(String::as_str)
    }

    /// The user, under another name than `sub`: that of a claim, or a path of names with points between. An error, if it is no text.
    pub(crate) fn user(all: &Value, name: &str) -> Result<Option<String>, ()> {
        let direct = all.get(name);
        let found = direct.or_else(|| name.split('.').try_fold(all, |value, part| value.get(part)));
        match found {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(user)) => Ok(Some(user.clone())),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => Err(()),
        }
    }
}

/// Seconds since 1970, with a fraction or without (RFC 7519, section 2); the fraction is cut off.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub(crate) struct Date(pub(crate) i64);

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[expect(clippy::cast_possible_truncation, reason = "saturates: what is out of range is the end of time")]
        f64::deserialize(from).map(|seconds| Self(seconds as i64))
    }
}
