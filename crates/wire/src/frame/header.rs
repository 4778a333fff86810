//! A frame's header: RFC 6455, section 5.2, written and read.
use super::partial::Frame;
use super::{CONTROL_BYTES_MAX, Decoder, FrameError, Opcode, Role};

/// Most bytes of a header: 2, an 8-byte length, a 4-byte mask.
pub(super) const HEADER_BYTES_MAX: usize = 14;

const FIN: u8 = 0x80;
/// Of a message's first frame: it is compressed (RFC 7692, section 6).
const RSV1: u8 = 0x40;
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
/// A control frame's payload must be at most [`CONTROL_BYTES_MAX`] bytes.
#[must_use]
pub fn header(opcode: Opcode, payload_len: usize) -> Header {
    debug_assert!(!opcode.is_control() || payload_len <= CONTROL_BYTES_MAX, "RFC 6455, section 5.5");
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

/// The same for a payload that is compressed.
pub(crate) fn compressed_header(opcode: Opcode, payload_len: usize) -> Header {
    debug_assert!(!opcode.is_control(), "RFC 7692, section 6: not a control frame");
    let mut header = header(opcode, payload_len);
    header.bytes[0] |= RSV1;
    header
}

/// The first of a server's finished, uncompressed frames, and the bytes behind it. `None` if there is none.
pub(crate) fn split_frame(bytes: &[u8]) -> Option<(Opcode, &[u8], &[u8])> {
    let decoder = Decoder {
        role: Role::Client,
        frame_bytes_max: usize::MAX,
        message_bytes_max: usize::MAX,
        inflated_bytes_max: None,
    };
    let (frame, header_len) = decoder.parse_header(bytes, None).ok()??;
    let (payload, after) = bytes[header_len..].split_at_checked(frame.left)?;
    frame.fin.then_some((frame.opcode, payload, after))
}

/// The header of an unfragmented frame as a client sends it; the payload is to be [masked](super::mask) with `key`.
#[must_use]
pub fn masked_header(opcode: Opcode, payload_len: usize, key: [u8; 4]) -> Header {
    let mut header = header(opcode, payload_len);
    header.bytes[1] |= MASKED;
    header.push(&key);
    header
}

impl Decoder {
    /// The header at the begin of `bytes` and its length; `None` if it is not complete. Checks go byte by byte from the left,
    /// so that a header in pieces gives the same error as a whole one, only sooner. `gathered` counts the bytes of the
    /// message in whose middle we are.
    #[inline]
    pub(super) fn parse_header(
        &self,
        bytes: &[u8],
        gathered: Option<usize>,
    ) -> Result<Option<(Frame, usize)>, FrameError> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        let deflated = first & RSV1 != 0;
        if first & 0x70 != 0 {
            // RFC 7692, section 6: on the first frame of a message, and on no other one.
            let may = self.inflated_bytes_max.is_some() && first & 0x30 == 0 && matches!(first & 0x0f, 0x1 | 0x2);
            if !may {
                return Err(FrameError::ReservedBitSet);
            }
        }
        let opcode = Opcode::from_bits(first).ok_or(FrameError::OpcodeReserved)?;
        let fin = first & 0x80 != 0;
        if opcode.is_control() {
            if !fin {
                return Err(FrameError::ControlFragmented);
            }
        } else if opcode == Opcode::Continuation && gathered.is_none() {
            return Err(FrameError::ContinuationUnexpected);
        } else if opcode != Opcode::Continuation && gathered.is_some() {
            return Err(FrameError::MessageInterrupted);
        }
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        let masked = second & 0x80 != 0;
        match self.role {
            Role::Server if !masked => return Err(FrameError::MaskMissing),
            Role::Client if masked => return Err(FrameError::MaskUnexpected),
            Role::Server | Role::Client => {}
        }
        let short = usize::from(second & 0x7f);
        if opcode.is_control() && short > CONTROL_BYTES_MAX {
            return Err(FrameError::ControlTooLong);
        }
        let Some((left, len)) = length(short, &bytes[2..])? else { return Ok(None) };
        if !opcode.is_control() {
            if left > self.frame_bytes_max {
                return Err(FrameError::FrameTooLarge);
            }
            if left > self.message_bytes_max.saturating_sub(gathered.unwrap_or(0)) {
                return Err(FrameError::MessageTooLarge);
            }
        }
        if !masked {
            return Ok(Some((Frame { opcode, fin, deflated, key: [0; 4], left, done: 0 }, len)));
        }
        let Some(&key) = bytes[len..].first_chunk::<4>() else { return Ok(None) };
        Ok(Some((Frame { opcode, fin, deflated, key, left, done: 0 }, len + 4)))
    }
}

/// The payload's length, and that of the header up to its end, from the 7-bit length and the bytes after it: RFC 6455,
/// section 5.2, "the minimal number of bytes MUST be used".
#[inline]
fn length(short: usize, after: &[u8]) -> Result<Option<(usize, usize)>, FrameError> {
    match short {
        126 => {
            let Some(&long) = after.first_chunk::<2>() else { return Ok(None) };
            let long = usize::from(u16::from_be_bytes(long));
            if long < 126 { Err(FrameError::LengthNotMinimal) } else { Ok(Some((long, 4))) }
        }
        127 => {
            if after.first().is_some_and(|top| top & 0x80 != 0) {
                return Err(FrameError::LengthInvalid);
            }
            let Some(&long) = after.first_chunk::<8>() else { return Ok(None) };
            let long = u64::from_be_bytes(long);
            if long <= u64::from(u16::MAX) {
                return Err(FrameError::LengthNotMinimal);
            }
            usize::try_from(long).map(|long| Some((long, 10))).map_err(|_| FrameError::FrameTooLarge)
        }
        _ => Ok(Some((short, 2))),
    }
}
