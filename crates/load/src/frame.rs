//! RFC 6455 frames as a client sees them: reads unmasked frames in place, writes masked ones.
//!
//! The swarm has a reader of its own, so that the server's codec is never measured, or excused, by itself.
use std::fmt;

/// What a frame is (RFC 6455 section 5.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Opcode {
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    const fn code(self) -> u8 {
        match self {
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }
}

/// Why the server's bytes are not frames that the swarm takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FrameError {
    /// A fragmented message: no benchmark message is large enough to need one.
    Fragmented,
    /// A server must not mask (section 5.1).
    Masked,
    /// A reserved bit or opcode.
    Reserved,
    /// Longer than the receiving buffer.
    TooLong,
}

impl fmt::Display for FrameError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Fragmented => "a fragmented message",
            Self::Masked => "a masked frame from the server",
            Self::Reserved => "a frame with a reserved bit or opcode",
            Self::TooLong => "a frame longer than the receiving buffer",
        })
    }
}

/// One whole frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) opcode: Opcode,
    pub(crate) payload: &'a [u8],
    /// Bytes of header and payload.
    pub(crate) length: usize,
}

/// The frame at the start of `bytes`; `None` if it is not complete. A payload may have at most `payload_max` bytes.
pub(crate) fn read(bytes: &[u8], payload_max: usize) -> Result<Option<Frame<'_>>, FrameError> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    if second & 0x80 != 0 {
        return Err(FrameError::Masked);
    }
    let opcode = match first {
        0x81 => Opcode::Text,
        0x82 => Opcode::Binary,
        0x88 => Opcode::Close,
        0x89 => Opcode::Ping,
        0x8a => Opcode::Pong,
        0x00..=0x02 | 0x80 => return Err(FrameError::Fragmented),
        _ => return Err(FrameError::Reserved),
    };
    let (header, payload_bytes) = match second {
        126 => match rest.first_chunk::<2>() {
            Some(&length) => (4, usize::from(u16::from_be_bytes(length))),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(&length) => (10, usize::try_from(u64::from_be_bytes(length)).unwrap_or(usize::MAX)),
            None => return Ok(None),
        },
        short => (2, usize::from(*short)),
    };
    if payload_bytes > payload_max {
        return Err(FrameError::TooLong);
    }
    let length = header + payload_bytes;
    Ok(bytes.get(header..length).map(|payload| Frame { opcode, payload, length }))
}

/// Appends a masked frame whose payload `fill` appends to the same buffer.
pub(crate) fn write(
    out: &mut Vec<u8>,
    opcode: Opcode,
    key: u32,
    payload_bytes: usize,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    out.push(0x80 | opcode.code());
    match payload_bytes {
        0..126 => out.push(0x80 | payload_bytes as u8),
        126..0x1_0000 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(payload_bytes as u16).to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&key.to_be_bytes());
    let start = out.len();
    fill(out);
    debug_assert_eq!(out.len() - start, payload_bytes, "the payload has the announced length");
    mask(&mut out[start..], key);
}

/// Masks in place (section 5.3), eight bytes at a time.
fn mask(payload: &mut [u8], key: u32) {
    let key = key.to_be_bytes();
    let wide = u64::from_ne_bytes([key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]]);
    let (chunks, rest) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            0..126 => bytes.push(payload.len() as u8),
            126..0x1_0000 => {
                bytes.push(126);
                bytes.extend((payload.len() as u16).to_be_bytes());
            }
            _ => {
                bytes.push(127);
                bytes.extend((payload.len() as u64).to_be_bytes());
            }
        }
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn every_split_point_is_either_incomplete_or_the_frame() {
        for length in [0, 1, 125, 126, 512, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let bytes = server_frame(0x82, &payload);
            for split in (0..bytes.len()).filter(|split| *split < 600 || split + 20 > bytes.len()) {
                assert_eq!(read(&bytes[..split], 1 << 20), Ok(None), "{length} bytes split at {split}");
            }
            let frame = read(&bytes, 1 << 20).unwrap().unwrap();
            assert_eq!((frame.opcode, frame.payload.len(), frame.length), (Opcode::Binary, length, bytes.len()));
        }
    }

    #[test]
    fn frames_follow_each_other() {
        let bytes = [server_frame(0x81, b"one"), server_frame(0x89, b""), server_frame(0x81, b"two")].concat();
        let mut at = 0;
        let mut seen = Vec::new();
        while let Some(frame) = read(&bytes[at..], 64).unwrap() {
            at += frame.length;
            seen.push((frame.opcode, frame.payload));
        }
        assert_eq!(seen, [(Opcode::Text, &b"one"[..]), (Opcode::Ping, b""), (Opcode::Text, b"two")]);
        assert_eq!(at, bytes.len());
    }

    #[test]
    fn what_a_server_must_not_send_is_refused() {
        assert_eq!(read(&[0x81, 0x85], 64), Err(FrameError::Masked));
        assert_eq!(read(&[0x01, 0x05], 64), Err(FrameError::Fragmented));
        assert_eq!(read(&[0xc1, 0x05], 64), Err(FrameError::Reserved));
        assert_eq!(read(&[0x82, 126, 1, 0], 64), Err(FrameError::TooLong));
    }

    #[test]
    fn a_written_frame_is_masked_byte_by_byte() {
        for length in [0, 1, 7, 8, 9, 125, 126, 600, 70_000] {
            let payload: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let mut out = Vec::new();
            write(&mut out, Opcode::Binary, 0x0102_0304, payload.len(), |out| out.extend_from_slice(&payload));
            let start = out.len() - payload.len();
            assert_eq!(&out[start - 4..start], [1, 2, 3, 4]);
            for (index, byte) in out[start..].iter().enumerate() {
                assert_eq!(byte ^ [1, 2, 3, 4][index % 4], payload[index], "byte {index} of {length}");
            }
        }
    }
}
