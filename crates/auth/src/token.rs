//! What a valid token says: claims, read.
use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::value::RawValue;

use crate::caps::{Cap, Operation, read_caps, read_operations};
use crate::claims::{ChangeClaims, Claims, Date, Flag, SubClaims};
use crate::fault::{Fault, TokenError};

/// What a valid token says.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Token {
    /// The user; empty: anonymous.
    pub user: String,
    /// The channel of a subscription token.
    pub channel: Option<String>,
    /// JSON text; empty without any.
    pub info: String,
    /// JSON text that only backends are told, of a connection token; empty without any.
    pub meta: String,
    /// Its name, `jti`; empty without one.
    pub id: String,
    /// When it was made, `iat`, in seconds since 1970.
    pub issued: Option<i64>,
    /// When what it allows ends, in seconds since 1970: `expire_at`, or else `exp`. It may be over.
    pub expires: Option<i64>,
    /// Channels that the server subscribes the client to, of a connection token; each once.
    pub subs: Vec<TokenSub>,
    /// What the client is told when it is subscribed, of a subscription token; empty without any.
    pub data: Vec<u8>,
    /// What is otherwise than the channel's namespace says, of a subscription token.
    pub changes: Changes,
    /// What the client may do beside what namespaces say, of a connection token.
    pub caps: Vec<Cap>,
    /// What it may do with the channel beside that, of a subscription token.
    pub allow: Vec<Operation>,
    /// What it may not do with it.
    pub deny: Vec<Operation>,
}

/// A channel that the server subscribes a client to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TokenSub {
    /// The channel; not checked.
    pub channel: String,
    /// JSON text told to others; empty without any.
    pub info: String,
    /// What the client is told with it; empty without any.
    pub data: Vec<u8>,
    /// What is otherwise than the channel's namespace says.
    pub changes: Changes,
}

/// What is otherwise than the channel's namespace says: the options of the same names.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[expect(missing_docs, reason = "options of namespaces, which say what they mean")]
pub struct Changes {
    pub presence: Option<bool>,
    pub join_leave: Option<bool>,
    pub force_push_join_leave: Option<bool>,
    pub force_positioning: Option<bool>,
    pub force_recovery: Option<bool>,
}

/// What the claims say, if they are good now. No leeway, as in the reference.
pub(crate) fn within(claims: Claims, now: i64) -> Result<Token, TokenError> {
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
