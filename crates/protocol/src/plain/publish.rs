//! The publish stream: frames from a backend, and the counts it may ask for.
use core::fmt;

/// Why a binary frame of a publish stream is not a publication.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PublishFrameError {
    /// Not even the length byte.
    Empty,
    /// A subject of no bytes.
    NoSubject,
    /// Ends within the subject.
    Short,
    /// The subject is not UTF-8.
    SubjectText,
}

impl fmt::Display for PublishFrameError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Empty => "an empty frame",
            Self::NoSubject => "a subject of no bytes",
            Self::Short => "a frame that ends within its subject",
            Self::SubjectText => "a subject that is not UTF-8",
        })
    }
}

impl core::error::Error for PublishFrameError {}

/// Splits a frame, one byte of subject length, subject, payload, into subject and payload; the payload may be empty.
///
/// # Errors
/// If the frame has no such form.
pub fn split_publish(frame: &[u8]) -> Result<(&str, &[u8]), PublishFrameError> {
    let (&length, rest) = frame.split_first().ok_or(PublishFrameError::Empty)?;
    if length == 0 {
        return Err(PublishFrameError::NoSubject);
    }
    let (subject, payload) = rest.split_at_checked(length.into()).ok_or(PublishFrameError::Short)?;
    let subject = core::str::from_utf8(subject).map_err(|_| PublishFrameError::SubjectText)?;
    Ok((subject, payload))
}

/// The payload of an acknowledgement (a binary frame, on `?ack=1`): how many publications of the stream were accepted
/// so far, little-endian.
#[must_use]
pub fn acknowledgement(accepted: u64) -> [u8; 8] {
    accepted.to_le_bytes()
}
