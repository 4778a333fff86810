//! A position: where a listener stands in each of its subjects, as one opaque URL-safe text.
//!
//! Before base64url (RFC 4648 section 5): version (1 byte), then a mark a subject: tag (4), epoch (4), offset (LEB128,
//! 1 to 10), then a check of all that (4). Multi-byte numbers are little-endian. A text that was cut, mistyped or made
//! by another version is an error and never a wrong place.
use alloc::vec::Vec;
use core::fmt;

use base::SubjectKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Most subjects in one position.
pub const MARKS_MAX: usize = 64;

const VERSION: u8 = 1;
const CHECK_BYTES: usize = 4;
const OFFSET_BYTES_MAX: usize = 10;
const POSITION_BYTES_MAX: usize = 1 + MARKS_MAX * (4 + 4 + OFFSET_BYTES_MAX) + CHECK_BYTES;

/// Known to everyone and for ever: positions outlive the server that gave them.
const TAG_KEY: SubjectKey = SubjectKey([0x7269_6e67_6361_7374, 0x7375_626a_6563_7473]);
const CHECK_KEY: SubjectKey = SubjectKey([0x7269_6e67_6361_7374, 0x706f_7369_7469_6f6e]);

/// Where a listener stands in one subject.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Which subject: [`subject_tag`] of its name.
    pub subject_tag: u32,
    /// The subject's epoch.
    pub epoch: u32,
    /// The newest offset the listener has.
    pub offset: u64,
}

/// Why a text is not a position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PositionError {
    /// Not base64url, cut, or changed.
    Malformed,
    /// Made by a version that is not known here.
    Version(u8),
    /// More than [`MARKS_MAX`] subjects.
    TooLong,
}

impl fmt::Display for PositionError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => out.write_str("the position is none that this server gave"),
            Self::Version(version) => write!(out, "the position has the unknown version {version}"),
            Self::TooLong => write!(out, "the position has more than {MARKS_MAX} subjects"),
        }
    }
}

impl core::error::Error for PositionError {}

/// A subject's name as it stands in a position: a hash, the same on every server and for ever. Two names of one tag in one
/// request would share a mark, which a client can only do to itself.
#[must_use]
pub fn subject_tag(name: &str) -> u32 {
    upper_half(TAG_KEY.hash(name.as_bytes()).0)
}

/// Appends the position of `marks`; only the first [`MARKS_MAX`] are written.
pub fn write_position(out: &mut Vec<u8>, marks: &[Mark]) {
    debug_assert!(marks.len() <= MARKS_MAX, "a request names at most {MARKS_MAX} subjects");
    let mut bytes = [0; POSITION_BYTES_MAX];
    let mut end = 0;
    let mut put = |part: &[u8]| {
        bytes[end..end + part.len()].copy_from_slice(part);
        end += part.len();
    };
    put(&[VERSION]);
    for mark in marks.iter().take(MARKS_MAX) {
        put(&mark.subject_tag.to_le_bytes());
        put(&mark.epoch.to_le_bytes());
        let mut offset = mark.offset;
        while offset >= 0x80 {
            put(&[offset.to_le_bytes()[0] | 0x80]);
            offset >>= 7;
        }
        put(&[offset.to_le_bytes()[0]]);
    }
    let body_end = end;
    let check = check(&bytes[..body_end]);
    bytes[body_end..body_end + CHECK_BYTES].copy_from_slice(&check);
    let bytes = &bytes[..body_end + CHECK_BYTES];
    let at = out.len();
    out.resize(at + (bytes.len() * 4).div_ceil(3), 0);
    let written = URL_SAFE_NO_PAD.encode_slice(bytes, &mut out[at..]);
    debug_assert_eq!(written.ok(), Some(out.len() - at), "n bytes are ceil(4n/3) characters");
}

/// The marks of a position, in the order in which they were written.
///
/// # Errors
/// If `text` isn't a position that [`write_position`] made.
pub fn read_position(text: &str) -> Result<Vec<Mark>, PositionError> {
    let mut bytes = [0; POSITION_BYTES_MAX];
    if text.len() > (POSITION_BYTES_MAX * 4).div_ceil(3) {
        return Err(PositionError::TooLong);
    }
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).map_err(|_| PositionError::Malformed)?;
    let (body, sent_check) = bytes[..length].split_last_chunk::<CHECK_BYTES>().ok_or(PositionError::Malformed)?;
    if check(body) != *sent_check {
        return Err(PositionError::Malformed);
    }
    let (&version, mut body) = body.split_first().ok_or(PositionError::Malformed)?;
    if version != VERSION {
        return Err(PositionError::Version(version));
    }
    let mut marks = Vec::new();
    while !body.is_empty() {
        if marks.len() == MARKS_MAX {
            return Err(PositionError::TooLong);
        }
        marks.push(take_mark(&mut body).ok_or(PositionError::Malformed)?);
    }
    Ok(marks)
}

fn take_mark(body: &mut &[u8]) -> Option<Mark> {
    let (subject_tag, rest) = body.split_first_chunk::<4>()?;
    let (epoch, mut rest) = rest.split_first_chunk::<4>()?;
    let mut offset = 0_u64;
    for place in 0..OFFSET_BYTES_MAX {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        let digit = u64::from(byte & 0x7f);
        let shifted = digit << (7 * place);
        // Too large, or written with a needless zero: nothing that we wrote.
        if shifted >> (7 * place) != digit || (byte == 0 && place > 0) {
            return None;
        }
        offset |= shifted;
        if byte < 0x80 {
            *body = rest;
            let (subject_tag, epoch) = (u32::from_le_bytes(*subject_tag), u32::from_le_bytes(*epoch));
            return Some(Mark { subject_tag, epoch, offset });
        }
    }
    None
}

fn check(body: &[u8]) -> [u8; CHECK_BYTES] {
    upper_half(CHECK_KEY.hash(body).0).to_le_bytes()
}

fn upper_half(hash: u64) -> u32 {
    u32::try_from(hash >> 32).expect("64 bits less 32 are 32")
}

#[cfg(test)]
mod tests;
