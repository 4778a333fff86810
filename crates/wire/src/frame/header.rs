//! A frame's header, written.
use super::Opcode;

/// Most bytes of a header: 2, an 8-byte length, a 4-byte mask.
pub(super) const HEADER_BYTES_MAX: usize = 14;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// The bytes that go before a payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    bytes: [u8; HEADER_BYTES_MAX],
    len: u8,
}

impl Header {
    /// The header as it goes on the wire.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    fn push(&mut self, bytes: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        // At most 2 + 8 + 4 bytes are pushed.
        self.len += u8::try_from(bytes.len()).unwrap_or(0);
    }
}

impl AsRef<[u8]> for Header {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

/// The header of an unfragmented frame as a server sends it: not masked (RFC 6455, section 5.1).
///
/// A control frame's payload must be at most [`super::CONTROL_BYTES_MAX`] bytes.
#[must_use]
pub fn header(opcode: Opcode, payload_len: usize) -> Header {
    debug_assert!(!opcode.is_control() || payload_len <= super::CONTROL_BYTES_MAX, "RFC 6455, section 5.5");
    let mut header = Header { bytes: [0; HEADER_BYTES_MAX], len: 2 };
    header.bytes[0] = FIN | opcode.bits();
    if let Ok(len @ 0..=125) = u8::try_from(payload_len) {
        header.bytes[1] = len;
    } else if let Ok(len) = u16::try_from(payload_len) {
        header.bytes[1] = 126;
        header.push(&len.to_be_bytes());
    } else {
        header.bytes[1] = 127;
        header.push(&(payload_len as u64).to_be_bytes());
    }
    header
}

/// The header of an unfragmented frame as a client sends it; the payload is to be [masked](super::mask) with `key`.
#[must_use]
pub fn masked_header(opcode: Opcode, payload_len: usize, key: [u8; 4]) -> Header {
    let mut header = header(opcode, payload_len);
    header.bytes[1] |= MASKED;
    header.push(&key);
    header
}
