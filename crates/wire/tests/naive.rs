//! A decoder that is plainly right: it looks at all bytes from the start, each time, and follows RFC 6455's text. Compressed messages
//! are read by another library.
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use wire::frame::{Decoder, FrameError, Role};

use crate::feed::{Outcome, Seen};

/// What a stream that begins with `bytes` gives.
pub(crate) fn decode(decoder: &Decoder, bytes: &[u8]) -> Outcome {
    let mut stream = Stream { decoder, bytes, at: 0, message: None };
    let mut outcome = Outcome::default();
    loop {
        let start = stream.at;
        match stream.frame() {
            Ok(Some(None)) => {}
            Ok(Some(Some(seen))) => {
                let closed = matches!(seen, Seen::Close(..));
                outcome.events.push(seen);
                if closed {
                    return outcome;
                }
            }
            Ok(None) => {
                outcome.holds = stream.message.is_some() || start < bytes.len();
                return outcome;
            }
            Err(error) => {
                outcome.error = Some(error);
                return outcome;
            }
        }
    }
}

struct Stream<'a> {
    decoder: &'a Decoder,
    bytes: &'a [u8],
    at: usize,
    message: Option<(u8, bool, Vec<u8>)>,
}

/// The stream ends here, so far.
struct End;

impl Stream<'_> {
    fn byte(&mut self) -> Result<u8, End> {
        let byte = *self.bytes.get(self.at).ok_or(End)?;
        self.at += 1;
        Ok(byte)
    }

    /// The next frame and what it completes; `None` at the end.
    fn frame(&mut self) -> Result<Option<Option<Seen>>, FrameError> {
        match self.read() {
            Ok(result) => result.map(Some),
            Err(End) => Ok(None),
        }
    }

    fn read(&mut self) -> Result<Result<Option<Seen>, FrameError>, End> {
        let first = self.byte()?;
        let (fin, opcode) = (first & 0x80 != 0, first & 0xf);
        let deflated =
            first & 0x70 == 0x40 && (opcode == 1 || opcode == 2) && self.decoder.inflated_bytes_max.is_some();
        if first & 0x70 != 0 && !deflated {
            return Ok(Err(FrameError::ReservedBitSet));
        }
        match (opcode, fin, self.message.is_some()) {
            (0, _, false) => return Ok(Err(FrameError::ContinuationUnexpected)),
            (1 | 2, _, true) => return Ok(Err(FrameError::MessageInterrupted)),
            (8..=10, false, _) => return Ok(Err(FrameError::ControlFragmented)),
            (0..=2, _, _) | (8..=10, true, _) => {}
            _ => return Ok(Err(FrameError::OpcodeReserved)),
        }
        let second = self.byte()?;
        let masked = second & 0x80 != 0;
        if masked && self.decoder.role == Role::Client {
            return Ok(Err(FrameError::MaskUnexpected));
        }
        if !masked && self.decoder.role == Role::Server {
            return Ok(Err(FrameError::MaskMissing));
        }
        let mut len = u64::from(second & 0x7f);
        if opcode >= 8 && len > 125 {
            return Ok(Err(FrameError::ControlTooLong));
        }
        let (count, least) = match len {
            126 => (2, 126),
            127 => (8, 65_536),
            _ => (0, 0),
        };
        if count > 0 {
            len = 0;
        }
        for index in 0..count {
            let byte = self.byte()?;
            if count == 8 && index == 0 && byte >= 0x80 {
                return Ok(Err(FrameError::LengthInvalid));
            }
            len = len * 256 + u64::from(byte);
        }
        if len < least {
            return Ok(Err(FrameError::LengthNotMinimal));
        }
        if opcode < 8 && len > self.decoder.frame_bytes_max as u64 {
            return Ok(Err(FrameError::FrameTooLarge));
        }
        let before = self.message.as_ref().map_or(0, |(_, _, bytes)| bytes.len());
        if opcode < 8 && before as u64 + len > self.decoder.message_bytes_max as u64 {
            return Ok(Err(FrameError::MessageTooLarge));
        }
        let mut key = [0; 4];
        for byte in key.iter_mut().take(if masked { 4 } else { 0 }) {
            *byte = self.byte()?;
        }
        self.payload(opcode, (fin, deflated), usize::try_from(len).unwrap(), key)
    }

    fn payload(
        &mut self,
        opcode: u8,
        (fin, deflated): (bool, bool),
        len: usize,
        key: [u8; 4],
    ) -> Result<Result<Option<Seen>, FrameError>, End> {
        let mut payload = Vec::new();
        while payload.len() < len {
            match self.byte() {
                Ok(byte) => payload.push(byte ^ key[payload.len() % 4]),
                Err(End) => {
                    if opcode < 8 {
                        let (kind, deflated, mut message) =
                            self.message.clone().unwrap_or((opcode, deflated, Vec::new()));
                        message.extend(&payload);
                        if kind == 1 && !deflated && is_never_utf8(&message) {
                            return Ok(Err(FrameError::TextNotUtf8));
                        }
                    }
                    return Err(End);
                }
            }
        }
        Ok(match opcode {
            8 => close(&payload).map(Some),
            9 => Ok(Some(Seen::Ping(payload))),
            10 => Ok(Some(Seen::Pong(payload))),
            _ => self.data(opcode, fin, deflated, payload),
        })
    }

    fn data(&mut self, opcode: u8, fin: bool, deflated: bool, payload: Vec<u8>) -> Result<Option<Seen>, FrameError> {
        let (kind, deflated, mut message) = self.message.take().unwrap_or((opcode, deflated, Vec::new()));
        message.extend(payload);
        if kind == 1 && !deflated && is_never_utf8(&message) {
            return Err(FrameError::TextNotUtf8);
        }
        if !fin {
            self.message = Some((kind, deflated, message));
            return Ok(None);
        }
        if deflated {
            message = inflate(&message).ok_or(FrameError::DeflateInvalid)?;
            if message.len() > self.decoder.inflated_bytes_max.unwrap_or(0) {
                return Err(FrameError::MessageTooLarge);
            }
        }
        if kind == 2 {
            return Ok(Some(Seen::Binary(message)));
        }
        String::from_utf8(message).map(|text| Some(Seen::Text(text))).map_err(|_| FrameError::TextNotUtf8)
    }
}

/// True if no bytes after these make them UTF-8.
fn is_never_utf8(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_some())
}

fn close(payload: &[u8]) -> Result<Seen, FrameError> {
    match payload {
        [] => Ok(Seen::Close(None, String::new())),
        [_] => Err(FrameError::CloseTooShort),
        [high, low, reason @ ..] => {
            let code = u16::from(*high) << 8 | u16::from(*low);
            let allowed =
                (1000..=4999).contains(&code) && !(1015..=2999).contains(&code) && ![1004, 1005, 1006].contains(&code);
            if !allowed {
                return Err(FrameError::CloseCodeInvalid);
            }
            let reason = String::from_utf8(reason.to_vec()).map_err(|_| FrameError::CloseReasonNotUtf8)?;
            Ok(Seen::Close(Some(code), reason))
        }
    }
}

/// What a compressed message says: RFC 7692, section 7.2.2. `None` if it is none.
pub(crate) fn inflate(payload: &[u8]) -> Option<Vec<u8>> {
    // What was left out, and an empty last block, so that there is an end.
    let input = [payload, &[0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff]].concat();
    let (mut rest, mut made) = (&input[..], 0);
    // No deflate stream makes more than 1,032 bytes of one.
    let mut out = vec![0; input.len() * 1_033];
    loop {
        let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, read, wrote) = decompress(&mut Box::new(DecompressorOxide::new()), rest, &mut out, made, flags);
        if status != TINFLStatus::Done {
            return None;
        }
        (rest, made) = (&rest[read..], made + wrote);
        if rest.is_empty() {
            out.truncate(made);
            return Some(out);
        }
    }
}
