//! The opening handshake: RFC 6455, section 4.
mod client;
mod error;

use alloc::vec::Vec;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use sha1::{Digest, Sha1};

use crate::deflate::{self, Agreement};
use crate::head::{Body, Head};
use crate::response::write_field;
pub use client::{ResponseError, check_response, client_key, write_request};
pub use error::UpgradeError;

/// RFC 6455, section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Bytes of a key as it is sent: 16 in base64.
const KEY_BYTES: usize = 24;

/// Some clients draw 24 characters rather than 16 bytes, so the two bits that are left over need not be 0.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// A request that may be upgraded.
#[derive(Clone, Copy, Debug)]
pub struct Upgrade<'h> {
    head: &'h Head<'h>,
    /// `Sec-WebSocket-Key`, for [`write_response`].
    pub key: &'h [u8],
}

impl<'h> Upgrade<'h> {
    /// The subprotocols that the client speaks, the best first.
    pub fn protocols(&self) -> impl Iterator<Item = &'h [u8]> + use<'h> {
        self.head.tokens("sec-websocket-protocol")
    }

    /// What is agreed with the client if messages may be compressed; `None`: nothing.
    ///
    /// # Errors
    /// Offers that are not written as they have to be.
    pub fn deflate(&self) -> Result<Option<Agreement>, UpgradeError> {
        deflate::agree(self.head.fields("sec-websocket-extensions"))
    }
}

/// Looks whether a request is an upgrade to WebSocket, and one to the letter of section 4.2.1. `None`: it isn't one at all.
///
/// # Errors
/// The first rule that it breaks. An answer with status 426 must say `Sec-WebSocket-Version: 13`.
pub fn check<'h>(head: &'h Head<'h>) -> Result<Option<Upgrade<'h>>, UpgradeError> {
    if !head.has_token("upgrade", "websocket") {
        // Proxies strip the hop-by-hop fields and leave these.
        let meant = head.field("sec-websocket-key").is_some() || head.field("sec-websocket-version").is_some();
        return if meant { Err(UpgradeError::UpgradeMissing) } else { Ok(None) };
    }
    if head.method() != "GET" {
        return Err(UpgradeError::Method);
    }
    if head.minor_version() == 0 {
        return Err(UpgradeError::HttpVersion);
    }
    if !head.has_token("connection", "upgrade") {
        return Err(UpgradeError::ConnectionMissing);
    }
    match single(head, "sec-websocket-version") {
        (Some(b"13"), 1) => {}
        (None, _) => return Err(UpgradeError::VersionMissing),
        (Some(_), _) => return Err(UpgradeError::Version),
    }
    let key = match single(head, "sec-websocket-key") {
        (Some(key), 1) => key,
        (None, _) => return Err(UpgradeError::KeyMissing),
        (Some(_), _) => return Err(UpgradeError::KeyInvalid),
    };
    let mut nonce = [0; 18];
    if key.len() != KEY_BYTES || BASE64.decode_slice(key, &mut nonce) != Ok(16) {
        return Err(UpgradeError::KeyInvalid);
    }
    match head.body() {
        Ok(Body::None | Body::Length(0)) => Ok(Some(Upgrade { head, key })),
        Ok(Body::Length(_) | Body::Chunked) | Err(_) => Err(UpgradeError::BodyPresent),
    }
}

/// The first field of a name, and how many there are.
fn single<'h>(head: &'h Head<'h>, name: &'h str) -> (Option<&'h [u8]>, usize) {
    let mut fields = head.fields(name);
    let first = fields.next();
    (first, usize::from(first.is_some()) + fields.count())
}

/// `Sec-WebSocket-Accept` for a key: section 4.2.2, step 5.4.
#[must_use]
pub fn accept_key(key: &[u8]) -> [u8; 28] {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut accept = [0; 28];
    let written = BASE64.encode_slice(digest, &mut accept);
    debug_assert_eq!(written, Ok(28), "20 bytes are 28 in base64");
    accept
}

/// Writes the answer that turns the connection into a WebSocket: section 4.2.2, step 5.
pub fn write_response(out: &mut Vec<u8>, key: &[u8], protocol: Option<&str>, deflate: Option<Agreement>) {
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
    );
    out.extend_from_slice(&accept_key(key));
    out.extend_from_slice(b"\r\n");
    if let Some(protocol) = protocol {
        write_field(out, "Sec-WebSocket-Protocol", protocol);
    }
    if let Some(agreement) = deflate {
        agreement.write_field(out);
    }
    out.extend_from_slice(b"\r\n");
}
