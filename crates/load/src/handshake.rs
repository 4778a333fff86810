//! The client's side of the WebSocket opening handshake (RFC 6455 section 4.1).
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::dialect::Host;

/// Characters of a `Sec-WebSocket-Key`: 16 bytes in base64.
const KEY_CHARACTERS: usize = 24;

/// Largest answer head that is read.
const HEAD_BYTES_MAX: usize = 8_192;

/// The nonce of a handshake. The swarm draws it from the connection's number, so that no connection has to remember it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key([u8; KEY_CHARACTERS]);

impl Key {
    /// The key of attempt number `number` of the run `seed`.
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        let mut nonce = [0; 16];
        base::Prng::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15), "websocket key").fill(&mut nonce);
        let mut text = [0; KEY_CHARACTERS];
        let written = STANDARD.encode_slice(nonce, &mut text);
        debug_assert_eq!(written, Ok(KEY_CHARACTERS), "16 bytes are 24 characters of base64");
        Self(text)
    }
}

/// Appends the upgrade request.
pub(crate) fn request(out: &mut Vec<u8>, host: &Host<'_>, path: &str, key: Key) {
    for piece in ["GET ", path, " HTTP/1.1\r\nHost: ", host.name] {
        out.extend_from_slice(piece.as_bytes());
    }
    out.extend_from_slice(b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
    if !host.api_key.is_empty() {
        for piece in ["X-API-Key: ", host.api_key, "\r\n"] {
            out.extend_from_slice(piece.as_bytes());
        }
    }
    out.extend_from_slice(b"Sec-WebSocket-Key: ");
    out.extend_from_slice(&key.0);
    out.extend_from_slice(b"\r\n\r\n");
}

/// Why an answer does not open a WebSocket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HandshakeError {
    /// Another status than 101.
    Status(u16),
    /// Not HTTP/1.1, or a head over its bound.
    Malformed,
    /// `Upgrade` or `Connection` is missing or wrong.
    NotUpgraded,
    /// `Sec-WebSocket-Accept` does not answer this key.
    WrongAccept,
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(out, "status {status} instead of 101"),
            Self::Malformed => out.write_str("an answer that is not HTTP/1.1"),
            Self::NotUpgraded => out.write_str("status 101 without Upgrade: websocket"),
            Self::WrongAccept => out.write_str("a Sec-WebSocket-Accept that does not fit the key"),
        }
    }
}

/// Verifies the answer: the length of its head, or `None` if it is not complete.
pub(crate) fn verify(bytes: &[u8], key: Key) -> Result<Option<usize>, HandshakeError> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut answer = httparse::Response::new(&mut fields);
    let length = match answer.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => return Ok(None),
        Ok(httparse::Status::Partial) | Err(_) => return Err(HandshakeError::Malformed),
    };
    match answer.code {
        Some(101) => {}
        Some(status) => return Err(HandshakeError::Status(status)),
        None => return Err(HandshakeError::Malformed),
    }
    let field = |name: &str| {
        let found = answer.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        found.map(|field| field.value).unwrap_or_default()
    };
    if !field("upgrade").eq_ignore_ascii_case(b"websocket") || !field("connection").eq_ignore_ascii_case(b"upgrade") {
        return Err(HandshakeError::NotUpgraded);
    }
    let accept = tungstenite::handshake::derive_accept_key(&key.0);
    if field("sec-websocket-accept") == accept.as_bytes() { Ok(Some(length)) } else { Err(HandshakeError::WrongAccept) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455 section 1.3.
    const SAMPLE: Key = Key(*b"dGhlIHNhbXBsZSBub25jZQ==");
    const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    #[test]
    fn the_rfc_example_is_accepted_at_its_last_byte_and_not_before() {
        for split in 0..ANSWER.len() {
            assert_eq!(verify(&ANSWER[..split], SAMPLE), Ok(None), "split at {split}");
        }
        let with_a_frame = [ANSWER, b"\x81\x00"].concat();
        assert_eq!(verify(&with_a_frame, SAMPLE), Ok(Some(ANSWER.len())));
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        let refuse = |answer: &str, error| assert_eq!(verify(answer.as_bytes(), SAMPLE), Err(error), "{answer}");
        refuse("HTTP/1.1 503 Busy\r\n\r\n", HandshakeError::Status(503));
        refuse("HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\n\r\n", HandshakeError::NotUpgraded);
        refuse("SSH-2.0-OpenSSH_9.2\r\n\r\n", HandshakeError::Malformed);
        assert_eq!(verify(ANSWER, Key::new(1, 2)), Err(HandshakeError::WrongAccept));
    }

    #[test]
    fn a_key_can_be_drawn_again_and_differs_by_connection() {
        assert_eq!(Key::new(1, 2), Key::new(1, 2));
        assert_ne!(Key::new(1, 2), Key::new(1, 3));
        assert!(STANDARD.decode(Key::new(1, 2).0).is_ok_and(|nonce| nonce.len() == 16));
    }
}
