//! The close frame's payload: RFC 6455, sections 5.5.1 and 7.4.
use super::{CONTROL_BYTES_MAX, FrameError, Opcode, header};

/// Longest reason of a close frame in bytes: a control frame's payload without the code.
pub const CLOSE_REASON_BYTES_MAX: usize = CONTROL_BYTES_MAX - 2;

/// A finished, unmasked close frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CloseFrame {
    bytes: [u8; 2 + CONTROL_BYTES_MAX],
    len: u8,
}

impl CloseFrame {
    /// The frame as it goes on the wire, from a server.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The frame's payload: the code and the reason.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.as_slice()[2..]
    }
}

impl AsRef<[u8]> for CloseFrame {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

/// A close frame with a code and a reason in words, cut to [`CLOSE_REASON_BYTES_MAX`] at the end of a character.
#[must_use]
pub fn close_frame(code: u16, reason: &str) -> CloseFrame {
    debug_assert!(is_close_code(code), "{code} may not be sent");
    let reason = &reason.as_bytes()[..reason.floor_char_boundary(CLOSE_REASON_BYTES_MAX)];
    let mut frame = CloseFrame { bytes: [0; 2 + CONTROL_BYTES_MAX], len: 0 };
    frame.bytes[..2].copy_from_slice(header(Opcode::Close, 2 + reason.len()).as_slice());
    frame.bytes[2..4].copy_from_slice(&code.to_be_bytes());
    frame.bytes[4..4 + reason.len()].copy_from_slice(reason);
    // 4 and at most 123.
    frame.len = u8::try_from(4 + reason.len()).unwrap_or(0);
    frame
}

/// True for the codes that may be in a close frame: RFC 6455, section 7.4, and the registry that it opened (1012 to 1014).
#[must_use]
pub const fn is_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// The code and the reason of a close frame's payload. Nothing at all is allowed.
pub(super) fn parse(payload: &[u8]) -> Result<(Option<u16>, &str), FrameError> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok((None, "")) } else { Err(FrameError::CloseTooShort) };
    };
    let code = u16::from_be_bytes(*code);
    if !is_close_code(code) {
        return Err(FrameError::CloseCodeInvalid);
    }
    let reason = simdutf8::basic::from_utf8(reason).map_err(|_| FrameError::CloseReasonNotUtf8)?;
    Ok((Some(code), reason))
}
