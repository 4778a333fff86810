//! A subject's name and row.
use core::fmt;

use base::{NONE, SUBJECT_BYTES_MAX, SubjectName};

use crate::PATTERN_TOKENS_MAX;

/// Why a name is not a subject.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubjectError {
    /// A control character (U+0000 to U+001F, U+007F).
    ControlCharacter,
    /// No byte at all.
    Empty,
    /// Not valid UTF-8.
    NotUtf8,
    /// More than [`SUBJECT_BYTES_MAX`] bytes.
    TooLong,
    /// A token `*` or a last token `>`: patterns of several subjects.
    Wildcard,
}

impl fmt::Display for SubjectError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ControlCharacter => out.write_str("the subject has a control character"),
            Self::Empty => out.write_str("the subject is empty"),
            Self::NotUtf8 => out.write_str("the subject is not valid UTF-8"),
            Self::TooLong => write!(out, "the subject is longer than {SUBJECT_BYTES_MAX} bytes"),
            Self::Wildcard => out.write_str("a token of the subject is a wildcard ('*' or a last '>')"),
        }
    }
}

/// Whether the name is a pattern: it has a token `*` or a last token `>`.
#[must_use]
pub fn is_pattern(name: &str) -> bool {
    // Few names have either character at all: look for the bytes before splitting into tokens.
    name.bytes().any(|byte| byte == b'*' || byte == b'>')
        && (name.split('.').any(|token| token == "*") || name.rsplit('.').next() == Some(">"))
}

/// Checks that `bytes` are a pattern: as a subject, but with a token `*` or a last token `>`, no other token `>`, and
/// [`PATTERN_TOKENS_MAX`] tokens at most.
///
/// # Errors
/// The rule that is broken; [`SubjectError::Wildcard`] if it is no pattern or a `>` is not its last token.
pub fn subject_pattern(bytes: &[u8]) -> Result<&str, SubjectError> {
    let name = plain_name(bytes)?;
    let tails = name.split('.').filter(|token| *token == ">").count();
    if !is_pattern(name) || tails > usize::from(name.ends_with('>')) {
        return Err(SubjectError::Wildcard);
    }
    if name.split('.').count() > PATTERN_TOKENS_MAX {
        return Err(SubjectError::TooLong);
    }
    Ok(name)
}

/// Checks that `bytes` name one subject: 1 to [`SUBJECT_BYTES_MAX`] bytes of UTF-8 without control characters and without
/// wildcard tokens.
///
/// # Errors
/// The rule that is broken.
pub fn subject_name(bytes: &[u8]) -> Result<&str, SubjectError> {
    let name = plain_name(bytes)?;
    if is_pattern(name) { Err(SubjectError::Wildcard) } else { Ok(name) }
}

fn plain_name(bytes: &[u8]) -> Result<&str, SubjectError> {
    if bytes.is_empty() {
        return Err(SubjectError::Empty);
    }
    if bytes.len() > SUBJECT_BYTES_MAX {
        return Err(SubjectError::TooLong);
    }
    let name = core::str::from_utf8(bytes).map_err(|_| SubjectError::NotUtf8)?;
    if name.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err(SubjectError::ControlCharacter);
    }
    Ok(name)
}

/// What a core knows of one subject, as its owner, as a core with subscribers, or as both.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) name: SubjectName,
    /// Cores other than this one that want its publications, a bit each; only its owner sets them.
    pub(crate) watchers: u128,
    /// Publications so far; only its owner counts.
    pub(crate) offset: u64,
    pub(crate) epoch: u32,
    /// First of this core's subscriptions.
    pub(crate) first: u32,
    /// The history's row, or `NONE`.
    pub(crate) history: u32,
    /// The first namespace whose pattern fits, or `u16::MAX`.
    pub(crate) namespace: u16,
    /// True on a core that isn't the owner once the owner knows that this core wants the subject.
    pub(crate) joined: bool,
    /// True while nothing but its position is kept.
    pub(crate) kept: bool,
    /// True while somebody holds the row for other reasons.
    pub(crate) pinned: bool,
}

impl Default for Subject {
    fn default() -> Self {
        Self {
            name: SubjectName::const_new(""),
            watchers: 0,
            offset: 0,
            epoch: 0,
            first: NONE,
            history: NONE,
            namespace: u16::MAX,
            joined: false,
            kept: false,
            pinned: false,
        }
    }
}

// One subject a connection is the scenario that Ringcast is built for: each byte here is a byte a connection.
const _: () = assert!(size_of::<Subject>() <= 80);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_by_the_rule_they_break() {
        assert_eq!(subject_name(b"news.sport"), Ok("news.sport"));
        assert_eq!(subject_name("köln".as_bytes()), Ok("köln"));
        assert_eq!(subject_name(b""), Err(SubjectError::Empty));
        assert_eq!(subject_name(&[b'a'; 255]).map(str::len), Ok(255));
        assert_eq!(subject_name(&[b'a'; 256]), Err(SubjectError::TooLong));
        assert_eq!(subject_name(b"a\xff"), Err(SubjectError::NotUtf8));
        assert_eq!(subject_name(b"a\nb"), Err(SubjectError::ControlCharacter));
        assert_eq!(subject_name(b"a.*.b"), Err(SubjectError::Wildcard));
        assert_eq!(subject_name(b"a.>"), Err(SubjectError::Wildcard));
        assert_eq!(subject_name(b"a*b.>c"), Ok("a*b.>c"));
        assert_eq!(subject_name(b"a.>.b"), Ok("a.>.b"));
    }

    #[test]
    fn patterns_are_checked_too() {
        for good in ["*", ">", "a.*", "*.b.>", "köln.*"] {
            assert_eq!((subject_pattern(good.as_bytes()), is_pattern(good)), (Ok(good), true));
        }
        for none in ["a", "a*", "a.>b", "a.>.*", ">.>", "*.>.b"] {
            assert_eq!(subject_pattern(none.as_bytes()), Err(SubjectError::Wildcard), "{none}");
        }
        assert_eq!(subject_pattern(b""), Err(SubjectError::Empty));
        assert_eq!(subject_pattern(&b"*.".repeat(16)), Err(SubjectError::TooLong));
    }
}
