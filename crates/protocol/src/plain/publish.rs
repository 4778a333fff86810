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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec::Vec;

    #[test]
    fn a_frame_is_subject_and_payload() {
        assert_eq!(split_publish(b"\x04newshello"), Ok(("news", &b"hello"[..])));
        assert_eq!(split_publish(b"\x04news"), Ok(("news", &b""[..])));
        let longest = "s".repeat(255);
        let frame: Vec<u8> = [&[255], longest.as_bytes(), &[0, 0xff]].concat();
        assert_eq!(split_publish(&frame), Ok((&longest[..], &[0, 0xff][..])));
    }

    #[test]
    fn a_frame_without_a_subject_is_refused() {
        assert_eq!(split_publish(b""), Err(PublishFrameError::Empty));
        assert_eq!(split_publish(b"\x00payload"), Err(PublishFrameError::NoSubject));
        assert_eq!(split_publish(b"\x05news"), Err(PublishFrameError::Short));
        assert_eq!(split_publish(b"\x02\xc3x"), Err(PublishFrameError::SubjectText));
    }

    /// What is taken apart is what was put together, and any bytes are taken apart or refused.
    #[test]
    fn any_frame_is_taken_apart_or_refused() {
        for seed in 0..20_000 {
            let mut random = base::Prng::new(seed, "publish frame");
            let mut frame = alloc::vec![0; usize::try_from(random.below(300)).unwrap()];
            random.fill(&mut frame);
            if let Ok((subject, payload)) = split_publish(&frame) {
                let length = u8::try_from(subject.len()).unwrap();
                assert_eq!([&[length], subject.as_bytes(), payload].concat(), frame, "seed {seed}");
            }
            let subject: String = "é".repeat(1 + usize::try_from(random.below(127)).unwrap());
            let put = [&[u8::try_from(subject.len()).unwrap()], subject.as_bytes(), &frame].concat();
            assert_eq!(split_publish(&put), Ok((&subject[..], &frame[..])), "seed {seed}");
        }
    }

    #[test]
    fn an_acknowledgement_is_a_count() {
        assert_eq!(acknowledgement(0x0102), [2, 1, 0, 0, 0, 0, 0, 0]);
    }
}
