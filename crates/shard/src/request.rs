//! What an HTTP request asks of the data plane: pure functions from a head to a [`Request`].
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

use subtle::ConstantTimeEq;
use wire::deflate::Agreement;
use wire::head::{self, Head};
use wire::upgrade::{self, Upgrade, UpgradeError};

use crate::centrifugo::Dialect;
use crate::config::ShardConfig;
use crate::hook::{self, Upgraded};
use crate::report::Refusal;

mod body;
mod denied;
mod endpoint;
mod fields;
mod plain;

pub(crate) use body::{Body, Framing, Purpose, framing, kind_of};
pub(crate) use denied::{Denied, bad_head};
pub(crate) use endpoint::{Cors, Downlink, Introduction, User, not_connect};
pub(crate) use plain::{How, Listen, Publish, Wanted};

/// What the answer to an upgrade is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handshake {
    /// The 24 characters of its `Sec-WebSocket-Key`.
    pub(crate) key: [u8; 24],
    /// What is agreed about compression.
    pub(crate) deflate: Option<Agreement>,
}

/// A request that the data plane serves, with everything it needs from the head.
#[derive(Debug)]
pub(crate) enum Request {
    /// `GET /sub/…`
    Listen(Listen),
    /// A request whose body has to come first, such as `POST /pub/…`.
    Body(Box<Body>),
    /// A response without an end, and what the client says first.
    Downlink { downlink: Downlink, message: Vec<u8> },
    /// `GET /pub`, upgraded.
    PublishStream { handshake: Handshake, ack: bool },
    /// `GET /connection/websocket`, upgraded.
    Centrifugo { handshake: Handshake, protocol: Option<&'static str>, dialect: Dialect, frame_pings: bool, user: User },
    /// `GET /connection/uni_websocket`, upgraded, and what the client says first if the request had it.
    UniWebSocket { handshake: Handshake, message: Option<Vec<u8>>, user: User },
    /// `GET` of a hook's path, upgraded.
    Hook(Box<Upgraded>),
    /// `GET /echo`, upgraded.
    Echo { handshake: Handshake },
    /// `OPTIONS` of a data-plane path: what a browser asks before it publishes from another origin.
    Preflight { keep_alive: bool },
    /// `OPTIONS` of one of Centrifugo's endpoints.
    Options { methods: &'static str, cors: Option<Box<Cors>>, keep_alive: bool },
    /// Not the data plane's.
    Elsewhere,
}

impl Request {
    /// The request again, unless a body follows that nobody would read: its bytes would be taken for the next request, which a proxy
    /// before us has never seen (RFC 9112, section 11.2).
    ///
    /// # Errors
    /// 400.
    pub(crate) fn with_its_body(self, head: &Head<'_>) -> Result<Self, Denied> {
        if matches!(self, Self::Body(_)) {
            return Ok(self);
        }
        // Also of what goes elsewhere: two readers must not see two bodies.
        match head.body().map_err(|error| bad_head(&error))? {
            _ if matches!(self, Self::Elsewhere) => Ok(self),
            head::Body::None | head::Body::Length(0) => Ok(self),
            head::Body::Length(_) | head::Body::Chunked => {
                Err(Denied::new(400, Refusal::BadRequest, "a request of this method has no body here"))
            }
        }
    }
}

/// Reads what the request wants, which came by this door: see [`crate::Effects::door`].
///
/// # Errors
/// The answer that it deserves instead.
pub(crate) fn read(head: &Head<'_>, config: &ShardConfig, door: u16) -> Result<Request, Denied> {
    if door != 0 {
        let nothing = || Err(Denied::new(404, Refusal::NotFound, "nothing is served here but ClientIDs"));
        return hook::read(head, config, door).unwrap_or_else(nothing);
    }
    let path = head.path();
    if let Some(request) = plain::read(head, config) {
        return request;
    }
    if let Some(request) = endpoint::read(head, config) {
        return request;
    }
    if let Some(request) = hook::read(head, config, 0) {
        return request;
    }
    match path {
        "/pub" => plain::publish_stream(head, config),
        "/echo" if config.dev => Ok(Request::Echo { handshake: must_upgrade(head, true)?.1 }),
        _ => Ok(Request::Elsewhere),
    }
}

/// `deflates`: whether messages may be compressed.
pub(crate) fn upgrade_of<'h>(head: &'h Head<'h>, deflates: bool) -> Result<Option<(Upgrade<'h>, Handshake)>, Denied> {
    let denied = |error: UpgradeError| {
        let refusal = if error.status() == 426 { Refusal::UpgradeVersion } else { Refusal::BadUpgrade };
        Denied::new(error.status(), refusal, error.to_string())
    };
    let Some(upgrade) = upgrade::check(head).map_err(denied)? else {
        return Ok(None);
    };
    let agreed = upgrade.deflate().map_err(denied)?;
    let mut key = [0; 24];
    // `check` lets only keys of 24 characters through.
    key.iter_mut().zip(upgrade.key).for_each(|(to, from)| *to = *from);
    Ok(Some((upgrade, Handshake { key, deflate: agreed.filter(|_| deflates) })))
}

fn must_upgrade<'h>(head: &'h Head<'h>, deflates: bool) -> Result<(Upgrade<'h>, Handshake), Denied> {
    upgrade_of(head, deflates)?
        .ok_or_else(|| Denied::new(426, Refusal::BadUpgrade, "this path speaks WebSocket: send an upgrade"))
}

/// Whether the request has one of these keys: `X-API-Key: KEY` or `Authorization: SCHEME KEY`. Compared in constant time, so that a
/// wrong key's answer doesn't tell how much of it was right.
pub(crate) fn has_key(head: &Head<'_>, keys: &[impl AsRef<str>], schemes: &[&[u8]]) -> bool {
    let given = head.field("x-api-key").or_else(|| {
        let field = head.field("authorization")?;
        schemes.iter().find_map(|scheme| {
            let (start, key) = field.split_at_checked(scheme.len() + 1)?;
            let (name, space) = start.split_at(scheme.len());
            (name.eq_ignore_ascii_case(scheme) && space == b" ").then(|| key.trim_ascii())
        })
    });
    let given = given.unwrap_or_default();
    keys.iter().map(AsRef::as_ref).fold(false, |found, key| {
        let same: bool = key.as_bytes().ct_eq(given).into();
        found | (same && !key.is_empty())
    })
}
