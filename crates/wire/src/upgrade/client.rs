//! The handshake from the client's side: RFC 6455, section 4.1.
use alloc::vec::Vec;
use core::fmt;

use base64::Engine;

use super::{BASE64, KEY_BYTES, accept_key};
use crate::response::write_field;

/// Most fields of a server's answer.
const FIELDS_MAX: usize = 64;

/// The key to send, from 16 random bytes.
#[must_use]
pub fn client_key(nonce: [u8; 16]) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    let written = BASE64.encode_slice(nonce, &mut key);
    debug_assert_eq!(written, Ok(KEY_BYTES), "16 bytes are 24 in base64");
    key
}

/// Writes the request. `path` is with its query; `key` is from [`client_key`].
pub fn write_request(out: &mut Vec<u8>, host: &str, path: &str, key: &[u8], fields: &[(&str, &str)]) {
    debug_assert!(path.starts_with('/') && !path.contains([' ', '\r', '\n']));
    out.extend_from_slice(b"GET ");
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    write_field(out, "Host", host);
    out.extend_from_slice(b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ");
    out.extend_from_slice(key);
    out.extend_from_slice(b"\r\nSec-WebSocket-Version: 13\r\n");
    for (name, value) in fields {
        write_field(out, name, value);
    }
    out.extend_from_slice(b"\r\n");
}

/// Reads the server's answer to a request with `key`; its length once it is complete, and frames follow.
///
/// # Errors
/// What keeps the connection from being a WebSocket.
pub fn check_response(bytes: &[u8], key: &[u8]) -> Result<Option<usize>, ResponseError> {
    let mut room = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut room);
    let len = match response.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(ResponseError::Malformed),
    };
    match response.code {
        Some(101) => {}
        Some(status) => return Err(ResponseError::Status(status)),
        None => return Err(ResponseError::Malformed),
    }
    let fields = |name: &'static str| {
        let all = response.headers.iter();
        all.filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value.trim_ascii())
    };
    let has_token = |name, token: &[u8]| {
        fields(name)
            .flat_map(|value| value.split(|&byte| byte == b','))
            .any(|one| one.trim_ascii().eq_ignore_ascii_case(token))
    };
    if !has_token("upgrade", b"websocket") || !has_token("connection", b"upgrade") {
        return Err(ResponseError::NotUpgraded);
    }
    let accepted = accept_key(key);
    if !fields("sec-websocket-accept").eq([accepted.as_slice()]) {
        return Err(ResponseError::AcceptWrong);
    }
    Ok(Some(len))
}

/// Why a server's answer makes no WebSocket: RFC 6455, section 4.1, last list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponseError {
    /// `Sec-WebSocket-Accept` is missing or for another key.
    AcceptWrong,
    /// No HTTP response.
    Malformed,
    /// Status 101 without `Upgrade: websocket` and `Connection: Upgrade`.
    NotUpgraded,
    /// Another status than 101.
    Status(u16),
}

impl fmt::Display for ResponseError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AcceptWrong => out.write_str("Sec-WebSocket-Accept is missing or wrong"),
            Self::Malformed => out.write_str("the answer is no HTTP response"),
            Self::NotUpgraded => out.write_str("status 101 without an upgrade to WebSocket"),
            Self::Status(status) => write!(out, "the server answered with status {status}"),
        }
    }
}

impl core::error::Error for ResponseError {}
