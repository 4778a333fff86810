//! Percent-encoding: RFC 3986, section 2.1.
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A `%` that two hexadecimal digits don't follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PercentError;

impl fmt::Display for PercentError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a % without two hexadecimal digits")
    }
}

impl core::error::Error for PercentError {}

/// Decodes percent-escapes; allocates only if there are some.
///
/// # Errors
/// A `%` that two hexadecimal digits don't follow.
pub fn percent_decode(text: &str) -> Result<Cow<'_, [u8]>, PercentError> {
    let bytes = text.as_bytes();
    let Some(first) = memchr::memchr(b'%', bytes) else { return Ok(Cow::Borrowed(bytes)) };
    let mut decoded = Vec::with_capacity(bytes.len());
    decoded.extend_from_slice(&bytes[..first]);
    let mut rest = &bytes[first..];
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            decoded.push(byte);
            rest = after;
            continue;
        }
        let (digits, after) = after.split_first_chunk::<2>().ok_or(PercentError)?;
        decoded.push(digit(digits[0])? << 4 | digit(digits[1])?);
        rest = after;
    }
    Ok(Cow::Owned(decoded))
}

/// The text with its escapes decoded; as it came if they don't make UTF-8.
pub(super) fn decode_text(text: &str) -> Cow<'_, str> {
    match percent_decode(text) {
        Ok(Cow::Owned(bytes)) => String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned),
        Ok(Cow::Borrowed(_)) | Err(PercentError) => Cow::Borrowed(text),
    }
}

fn digit(byte: u8) -> Result<u8, PercentError> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        b'A'..=b'F' => Ok(byte - b'A' + 10),
        _ => Err(PercentError),
    }
}
