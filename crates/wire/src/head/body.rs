//! How long a request's body is: RFC 9112, section 6.3.
use super::{Head, HeadError};

/// How a body's end is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body {
    /// There is none.
    None,
    /// So many bytes.
    Length(u64),
    /// In chunks, for [`super::ChunkedDecoder`].
    Chunked,
}

pub(super) fn framing(head: &Head<'_>) -> Result<Body, HeadError> {
    let length = content_length(head)?;
    if head.field("transfer-encoding").is_none() {
        return Ok(length.map_or(Body::None, Body::Length));
    }
    // Section 6.1: both, or a coding in HTTP/1.0, is how requests are smuggled past a proxy.
    if length.is_some() || head.minor_version() == 0 {
        return Err(HeadError::BodyAmbiguous);
    }
    let mut codings = head.tokens("transfer-encoding");
    match (codings.next(), codings.next()) {
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Body::Chunked),
        _ => Err(HeadError::TransferCoding),
    }
}

/// Section 6.3, rule 5: the same length several times is one length.
fn content_length(head: &Head<'_>) -> Result<Option<u64>, HeadError> {
    let mut length = None;
    for value in head.fields("content-length").flat_map(|value| value.split(|&byte| byte == b',')) {
        let one = decimal(value.trim_ascii()).ok_or(HeadError::ContentLength)?;
        if length.is_some_and(|other| other != one) {
            return Err(HeadError::ContentLength);
        }
        length = Some(one);
    }
    Ok(length)
}

/// Digits and nothing else.
fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}
