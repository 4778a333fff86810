//! Bodies without a length, written: RFC 9112, section 7.1.
use alloc::vec::Vec;

/// What ends a body in chunks, without trailer fields.
pub const LAST: &[u8] = b"0\r\n\r\n";

/// Digits of a chunk's size at most: that of a `usize`.
const DIGITS_MAX: usize = size_of::<usize>() * 2;

/// Writes `pieces` as one chunk; nothing if they are empty, since an empty chunk would end the body.
pub fn write(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    if length == 0 {
        return;
    }
    out.reserve(DIGITS_MAX + length + 4);
    let digits = (usize::BITS - length.leading_zeros()).div_ceil(4);
    for digit in (0..digits).rev() {
        out.push(b"0123456789abcdef"[length >> (digit * 4) & 0xf]);
    }
    out.extend_from_slice(b"\r\n");
    pieces.iter().for_each(|piece| out.extend_from_slice(piece));
    out.extend_from_slice(b"\r\n");
}

/// What is in whole chunks that [`write()`] has written, one or more, without the last one: for clients of HTTP/1.0, who know no chunks.
///
/// What is not in chunks is left out from there on.
#[must_use]
pub fn unwrapped(chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(chunks.len());
    let mut rest = chunks;
    while let Some((chunk, more)) = split(rest) {
        body.extend_from_slice(chunk);
        rest = more;
    }
    debug_assert!(rest.is_empty(), "these are no whole chunks: {}", chunks.escape_ascii());
    body
}

fn split(chunks: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = memchr::memchr(b'\r', chunks)?;
    let digits = core::str::from_utf8(&chunks[..line]).ok()?;
    let length = usize::from_str_radix(digits, 16).ok()?;
    let rest = chunks.get(line + 2..)?;
    let (chunk, rest) = (rest.get(..length)?, rest.get(length..)?);
    Some((chunk, rest.strip_prefix(b"\r\n")?))
}
