//! The client's side of a WebSocket: the upgrade, masked frames out, frames in.
use base::Prng;
use wire::frame::{Decoder, Event, Kind, Opcode, Partial, Role, mask, masked_header};
use wire::upgrade::{ResponseError, check_response, client_key, write_request};

/// What came.
#[derive(Debug)]
pub(crate) enum Came {
    /// The upgrade.
    Open,
    /// Another answer to it.
    Refused(u16),
    Message(Kind, Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
}

#[derive(Default, Debug)]
pub(crate) struct Frames {
    key: [u8; 24],
    pub(crate) open: bool,
    pub(crate) closed: bool,
    refused: bool,
    partial: Option<Box<Partial>>,
}

const DECODER: Decoder =
    Decoder { role: Role::Client, frame_bytes_max: 64 << 20, message_bytes_max: 64 << 20, inflated_bytes_max: None };

impl Frames {
    /// A new connection's request.
    pub(crate) fn request(&mut self, path: &str, random: &mut Prng) -> Vec<u8> {
        let mut nonce = [0; 16];
        random.fill(&mut nonce);
        *self = Self { key: client_key(nonce), ..Self::default() };
        let mut bytes = Vec::new();
        write_request(&mut bytes, "sim", path, &self.key, &[]);
        bytes
    }

    /// Everything in `inbox`.
    pub(crate) fn received(&mut self, inbox: &mut Vec<u8>) -> Vec<Came> {
        let mut came = Vec::new();
        if self.refused {
            inbox.clear();
            return came;
        }
        if !self.open {
            match check_response(inbox, &self.key) {
                Ok(None) => return came,
                Ok(Some(length)) => {
                    inbox.drain(..length);
                    self.open = true;
                    came.push(Came::Open);
                }
                Err(ResponseError::Status(status)) => {
                    self.refused = true;
                    inbox.clear();
                    return vec![Came::Refused(status)];
                }
                Err(error) => panic!("an upgrade was answered badly ({error}): {}", inbox.escape_ascii()),
            }
        }
        let mut bytes = core::mem::take(inbox);
        let mut used = 0;
        while let Some(event) = DECODER.next(&mut self.partial, &mut bytes, &mut used).expect("the server's frames") {
            assert!(!self.closed, "a frame came after a close frame: {event:?}");
            came.push(match event {
                Event::Message { kind, payload } => Came::Message(kind, payload.to_vec()),
                Event::Ping(payload) => Came::Ping(payload.to_vec()),
                Event::Pong(_) => Came::Pong,
                Event::Close { code, .. } => {
                    self.closed = true;
                    Came::Close(code)
                }
            });
        }
        came
    }
}

/// One masked frame.
pub(crate) fn frame(opcode: Opcode, fin: bool, payload: &[u8], random: &mut Prng) -> Vec<u8> {
    let mut key = [0; 4];
    random.fill(&mut key);
    let mut bytes = masked_header(opcode, payload.len(), key).as_slice().to_vec();
    if !fin {
        bytes[0] &= 0x7f;
    }
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    mask(&mut bytes[start..], key, 0);
    bytes
}

/// A message in one frame, or now and then in several with a ping between them.
pub(crate) fn message(kind: Kind, payload: &[u8], random: &mut Prng) -> Vec<u8> {
    if !random.one_in(6) {
        return frame(kind.opcode(), true, payload, random);
    }
    let cut = usize::try_from(random.below(payload.len() as u64 + 1)).unwrap_or(0);
    let mut bytes = frame(kind.opcode(), false, &payload[..cut], random);
    if random.one_in(2) {
        bytes.extend(frame(Opcode::Ping, true, b"between", random));
    }
    bytes.extend(frame(Opcode::Continuation, true, &payload[cut..], random));
    bytes
}

/// The answer to what is not a message, and whether the conversation is over by it.
pub(crate) fn answer(came: &Came, random: &mut Prng) -> (Vec<u8>, bool) {
    match came {
        Came::Ping(payload) => (frame(Opcode::Pong, true, payload, random), false),
        Came::Close(Some(code)) => (frame(Opcode::Close, true, &code.to_be_bytes(), random), true),
        Came::Close(None) => (frame(Opcode::Close, true, &[], random), true),
        Came::Open | Came::Refused(_) | Came::Message(..) | Came::Pong => (Vec::new(), false),
    }
}
