//! What a server answers to publishers: confirmations are counted, refusals end the run.
use crate::dialect::{Heard, Via};
use crate::frame::{self, Frame, Opcode};

/// Largest reply that is read.
const REPLY_BYTES_MAX: usize = 64 * base::units::KIB;

/// The reader of one publisher's replies.
#[derive(Debug)]
pub(super) struct Replies {
    via: Via,
    /// Bytes of a reply that is not complete.
    kept: Vec<u8>,
    confirmed: u64,
}

impl Replies {
    pub(super) fn new(via: Via) -> Self {
        Self { via, kept: Vec::new(), confirmed: 0 }
    }

    /// Publications that the server confirmed.
    pub(super) fn confirmed(&self) -> u64 {
        self.confirmed
    }

    /// Reads what came; appends what has to be said back (pongs) to `out`.
    pub(super) fn read(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        self.kept.extend_from_slice(bytes);
        let kept = std::mem::take(&mut self.kept);
        let mut at = 0;
        loop {
            let length = if self.via.is_websocket() {
                let Some(frame) = frame::read(&kept[at..], REPLY_BYTES_MAX).map_err(|error| error.to_string())? else {
                    break;
                };
                self.read_frame(frame, out)?;
                frame.length
            } else {
                let Some(length) = self.read_http(&kept[at..])? else { break };
                length
            };
            at += length;
        }
        self.kept.extend_from_slice(&kept[at..]);
        Ok(())
    }

    fn read_frame(&mut self, frame: Frame<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        let payload = frame.payload;
        match frame.opcode {
            Opcode::Text | Opcode::Binary => match (self.via, payload.first_chunk()) {
                (Via::Stream, Some(count)) => self.confirmed = u64::from_le_bytes(*count),
                (Via::Stream, None) => {}
                _ => self.read_command_replies(payload, out)?,
            },
            Opcode::Ping => frame::write(out, Opcode::Pong, 1, payload.len(), |out| out.extend_from_slice(payload)),
            Opcode::Pong => {}
            Opcode::Close => {
                let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                return Err(format!("the server closed the publisher's connection with code {code}"));
            }
        }
        Ok(())
    }

    fn read_command_replies(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let Some(dialect) = self.via.dialect() else { return Ok(()) };
        let (confirmed, mut refused) = (&mut self.confirmed, false);
        dialect.read(payload, |heard| match heard {
            Heard::Ping => dialect.pong(out, 1),
            Heard::Published => *confirmed += 1,
            Heard::Refused => refused = true,
            Heard::Message(_) | Heard::Subscribed | Heard::Other => {}
        });
        if refused {
            return Err(format!("the server refused to publish: {}", String::from_utf8_lossy(payload)));
        }
        Ok(())
    }

    /// The length of the HTTP answer at the start of `bytes`, if it is complete.
    fn read_http(&mut self, bytes: &[u8]) -> Result<Option<usize>, String> {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut answer = httparse::Response::new(&mut fields);
        let head = match answer.parse(bytes) {
            Ok(httparse::Status::Complete(head)) => head,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(format!("the server answered: {error}")),
        };
        let length = answer.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
        let length: usize = match length.map(|field| std::str::from_utf8(field.value).unwrap_or_default().parse()) {
            Some(Ok(length)) => length,
            Some(Err(_)) | None => return Err("the server answered without Content-Length".to_owned()),
        };
        let Some(body) = bytes.get(head..head + length) else { return Ok(None) };
        let refused = body.windows(8).any(|window| window == b"\"error\":");
        match answer.code {
            Some(200) if !refused => self.confirmed += 1,
            Some(_) | None => {
                return Err(format!(
                    "the server refused to publish: {:?} {}",
                    answer.code,
                    String::from_utf8_lossy(body)
                ));
            }
        }
        Ok(Some(head + length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirmations_of_the_stream_are_cumulative_at_any_split() {
        let mut bytes = vec![0x82, 8];
        bytes.extend(5_u64.to_le_bytes());
        bytes.extend([0x82, 8]);
        bytes.extend(900_u64.to_le_bytes());
        for split in 0..bytes.len() {
            let mut replies = Replies::new(Via::Stream);
            let mut out = Vec::new();
            replies.read(&bytes[..split], &mut out).unwrap();
            replies.read(&bytes[split..], &mut out).unwrap();
            assert_eq!((replies.confirmed(), out.len()), (900, 0));
        }
    }

    #[test]
    fn http_answers_are_counted_at_any_split_and_a_refusal_is_an_error() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"result\":{}}".repeat(3);
        for split in 0..bytes.len() {
            let mut replies = Replies::new(Via::Api);
            replies.read(&bytes[..split], &mut Vec::new()).unwrap();
            replies.read(&bytes[split..], &mut Vec::new()).unwrap();
            assert_eq!(replies.confirmed(), 3);
        }
        let refused = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
        assert!(Replies::new(Via::Post).read(refused, &mut Vec::new()).is_err());
    }

    #[test]
    fn a_ping_is_answered_and_a_close_is_the_end() {
        let mut out = Vec::new();
        Replies::new(Via::Stream).read(&[0x89, 1, b'x'], &mut out).unwrap();
        assert_eq!(out[..2], [0x8a, 0x81]);
        assert!(Replies::new(Via::Client).read(&[0x88, 2, 3, 0xe9], &mut out).unwrap_err().contains("1001"));
    }
}
