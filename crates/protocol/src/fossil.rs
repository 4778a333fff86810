//! Deltas in Fossil's format: a target told as pieces of a source that the reader has, and what is new.
//!
//! ```text
//! <length of the target> '\n'  { <n> '@' <offset> ','  |  <n> ':' <n bytes> }  <checksum> ';'
//! ```
//! Numbers are in base 64, big end first, of the digits `0-9A-Z_a-z~`. The checksum is the sum of the target's big-endian 32-bit words,
//! the last one filled with zeros, modulo 2^32.
use alloc::vec::Vec;
use core::fmt;

mod blocks;
mod number;

use blocks::Blocks;
use number::{read_number, write_number};

/// Where a delta may cut the target into pieces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// Anywhere: for targets of any bytes.
    Anywhere,
    /// Between characters only: if source and target are UTF-8, so is the delta, and it can be a string in JSON.
    BetweenCharacters,
}

/// Why a delta can't be applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FossilError {
    /// What comes out is not what the delta was made from: another source.
    Checksum,
    /// More or less comes out than the delta says.
    Length,
    /// Not a delta.
    Malformed,
    /// It copies what the source does not have.
    Source,
    /// The target is larger than the reader takes.
    TooLarge,
}

impl fmt::Display for FossilError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Checksum => "the delta is of another source",
            Self::Length => "the delta makes another length than it says",
            Self::Malformed => "not a delta",
            Self::Source => "the delta copies from beyond the source",
            Self::TooLarge => "the delta's target is too large",
        })
    }
}

impl core::error::Error for FossilError {}

/// A copy is shorter than an insertion from here on: two numbers of up to three digits and two marks.
const COPY_MIN: usize = 8;

/// The delta that makes `target` of `source`. It may be longer than the target: then the target is the better message.
///
/// Time and memory are linear in both, whatever they are: of equal pieces of the source a few are looked at.
#[must_use]
pub fn create(source: &[u8], target: &[u8], cut: Cut) -> Vec<u8> {
    let mut delta = Vec::with_capacity(64);
    write_number(&mut delta, target.len() as u64);
    delta.push(b'\n');
    let (head, tail) = common_ends(source, target, cut);
    copy(&mut delta, 0, head);
    write_middle(&mut delta, source, target, head..target.len() - tail, cut);
    copy(&mut delta, source.len() - tail, tail);
    write_number(&mut delta, checksum(target).into());
    delta.push(b';');
    delta
}

/// How much of both begins alike, and how much of the rest ends alike: most of what changes, changes in one place.
fn common_ends(source: &[u8], target: &[u8], cut: Cut) -> (usize, usize) {
    let mut head = alike(source.iter(), target.iter());
    while !cut.is_at(target, head) {
        head -= 1;
    }
    if head < COPY_MIN {
        head = 0;
    }
    let mut tail = alike(source[head..].iter().rev(), target[head..].iter().rev());
    while !cut.is_at(target, target.len() - tail) {
        tail -= 1;
    }
    (head, if tail < COPY_MIN { 0 } else { tail })
}

fn alike<'a>(one: impl Iterator<Item = &'a u8>, other: impl Iterator<Item = &'a u8>) -> usize {
    one.zip(other).take_while(|(one, other)| one == other).count()
}

/// What is between the ends: copies of what the source has somewhere, and what it has not.
fn write_middle(delta: &mut Vec<u8>, source: &[u8], target: &[u8], middle: core::ops::Range<usize>, cut: Cut) {
    let (mut told, end) = (middle.start, middle.end);
    if middle.len() >= blocks::BYTES && source.len() >= blocks::BYTES {
        let blocks = Blocks::of(source);
        let mut at = told;
        while at + blocks::BYTES <= end {
            let found = blocks
                .longest(&target[told..end], at - told)
                .map(|found| Piece { target: told + found.target, ..found });
            match found.map(|found| trimmed(found, target, cut)) {
                Some(found) if found.bytes >= COPY_MIN => {
                    insert(delta, &target[told..found.target]);
                    copy(delta, found.source, found.bytes);
                    told = found.target + found.bytes;
                    at = told;
                }
                Some(_) | None => at += 1,
            }
        }
    }
    insert(delta, &target[told..end]);
}

/// A piece that both have.
#[derive(Clone, Copy, Debug)]
struct Piece {
    source: usize,
    target: usize,
    bytes: usize,
}

/// Most bytes of a character after its first (RFC 3629).
const CONTINUATIONS_MAX: usize = 3;

/// The piece without characters of which it has only a part.
fn trimmed(mut piece: Piece, target: &[u8], cut: Cut) -> Piece {
    for _ in 0..CONTINUATIONS_MAX {
        if piece.bytes > 0 && !cut.is_at(target, piece.target) {
            piece = Piece { source: piece.source + 1, target: piece.target + 1, bytes: piece.bytes - 1 };
        }
        if piece.bytes > 0 && !cut.is_at(target, piece.target + piece.bytes) {
            piece.bytes -= 1;
        }
    }
    piece
}

impl Cut {
    /// Whether it may cut before the byte at `at`.
    fn is_at(self, target: &[u8], at: usize) -> bool {
        match self {
            Self::Anywhere => true,
            // The first byte is where it begins, whatever it is.
            Self::BetweenCharacters => at == 0 || target.get(at).is_none_or(|byte| byte & 0xc0 != 0x80),
        }
    }
}

fn copy(delta: &mut Vec<u8>, offset: usize, bytes: usize) {
    if bytes > 0 {
        write_number(delta, bytes as u64);
        delta.push(b'@');
        write_number(delta, offset as u64);
        delta.push(b',');
    }
}

fn insert(delta: &mut Vec<u8>, bytes: &[u8]) {
    if !bytes.is_empty() {
        write_number(delta, bytes.len() as u64);
        delta.push(b':');
        delta.extend_from_slice(bytes);
    }
}

fn checksum(target: &[u8]) -> u32 {
    target.chunks(4).fold(0, |sum: u32, chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        sum.wrapping_add(u32::from_be_bytes(word))
    })
}

/// What the delta makes of `source`, if that is at most `bytes_max` bytes.
///
/// # Errors
/// If it is no delta, or one of another source. Whatever it claims, no more than `bytes_max` bytes are taken.
pub fn apply(source: &[u8], delta: &[u8], bytes_max: usize) -> Result<Vec<u8>, FossilError> {
    let mut rest = delta;
    let length = read_number(&mut rest).ok_or(FossilError::Malformed)?;
    let length = usize::try_from(length).ok().filter(|&length| length <= bytes_max).ok_or(FossilError::TooLarge)?;
    let mut target = Vec::new();
    if take(&mut rest, 1) != Some(b"\n") {
        return Err(FossilError::Malformed);
    }
    loop {
        let number = read_number(&mut rest).ok_or(FossilError::Malformed)?;
        let mark = take(&mut rest, 1).ok_or(FossilError::Malformed)?;
        let bytes = usize::try_from(number).map_err(|_| FossilError::Length);
        let piece = match mark {
            b"@" => {
                let offset = read_number(&mut rest).ok_or(FossilError::Malformed)?;
                if take(&mut rest, 1) != Some(b",") {
                    return Err(FossilError::Malformed);
                }
                let offset = usize::try_from(offset).map_err(|_| FossilError::Source)?;
                let end = offset.checked_add(bytes?).ok_or(FossilError::Source)?;
                source.get(offset..end).ok_or(FossilError::Source)?
            }
            b":" => take(&mut rest, bytes?).ok_or(FossilError::Malformed)?,
            b";" if !rest.is_empty() => return Err(FossilError::Malformed),
            b";" if target.len() != length => return Err(FossilError::Length),
            b";" if number != u64::from(checksum(&target)) => return Err(FossilError::Checksum),
            b";" => return Ok(target),
            _ => return Err(FossilError::Malformed),
        };
        if piece.len() > length - target.len() {
            return Err(FossilError::Length);
        }
        target.extend_from_slice(piece);
    }
}

fn take<'a>(rest: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(bytes)?;
    *rest = left;
    Some(taken)
}

#[cfg(test)]
mod tests;
