//! Feeding a decoder: whole, at each split point, byte by byte; and frames to feed it with.
use wire::deflate::Inflater;
use wire::frame::{Decoder, Event, FrameError, Kind, Opcode, Partial, Role, header, mask, masked_header};

pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(crate) const SERVER: Decoder =
    Decoder { role: Role::Server, frame_bytes_max: 70_000, message_bytes_max: 80_000, inflated_bytes_max: None };
pub(crate) const CLIENT: Decoder = Decoder { role: Role::Client, ..SERVER };

/// An [`Event`] that owns its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message { kind: Kind::Text, payload } => Self::Text(String::from_utf8(payload.to_vec()).unwrap()),
            Event::Message { kind: Kind::Binary, payload } => Self::Binary(payload.to_vec()),
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong(payload) => Self::Pong(payload.to_vec()),
            Event::Close { code, reason } => Self::Close(code, reason.to_owned()),
        }
    }
}

/// All that a stream gave: events, then the error or the close that ended it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<Seen>,
    pub(crate) error: Option<FrameError>,
    /// True if the decoder holds something after all of it.
    pub(crate) holds: bool,
}

/// A connection being fed.
pub(crate) struct Feed {
    decoder: Decoder,
    inflater: Inflater,
    pub(crate) partial: Option<Box<Partial>>,
    pub(crate) outcome: Outcome,
    ended: bool,
}

impl Feed {
    pub(crate) fn new(decoder: Decoder) -> Self {
        Self { decoder, inflater: Inflater::default(), partial: None, outcome: Outcome::default(), ended: false }
    }

    pub(crate) fn push(&mut self, piece: &[u8]) {
        let (mut bytes, mut used) = (piece.to_vec(), 0);
        while !self.ended {
            match self.decoder.next_inflating(&mut self.partial, &mut bytes, &mut used, &mut self.inflater) {
                Ok(Some(event)) => {
                    let seen = Seen::from(event);
                    self.ended = matches!(seen, Seen::Close(..));
                    self.outcome.events.push(seen);
                }
                Ok(None) => {
                    assert_eq!(used, bytes.len(), "without an event left, all bytes are used");
                    break;
                }
                Err(error) => {
                    assert!(self.partial.is_none(), "an error gives the partial back");
                    self.outcome.error = Some(error);
                    self.ended = true;
                }
            }
        }
        self.outcome.holds = self.partial.is_some() && !self.ended;
    }
}

pub(crate) fn whole(decoder: Decoder, bytes: &[u8]) -> Outcome {
    in_pieces(decoder, [bytes])
}

pub(crate) fn in_pieces<'a>(decoder: Decoder, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut feed = Feed::new(decoder);
    for piece in pieces {
        feed.push(piece);
    }
    feed.outcome
}

/// Feeds `bytes` whole, split in two at each point, and byte by byte; all must give the same, which is returned.
pub(crate) fn every_way(decoder: Decoder, bytes: &[u8]) -> Outcome {
    let expected = whole(decoder, bytes);
    assert_eq!(in_pieces(decoder, bytes.chunks(1)), expected, "byte by byte: {bytes:x?}");
    for split in 1..bytes.len() {
        let (left, right) = bytes.split_at(split);
        assert_eq!(in_pieces(decoder, [left, right]), expected, "split at {split}: {bytes:x?}");
    }
    expected
}

/// The stream gives these events, and nothing is held after it.
#[track_caller]
pub(crate) fn gives(decoder: Decoder, bytes: &[u8], events: &[Seen]) {
    let outcome = every_way(decoder, bytes);
    assert_eq!(outcome, Outcome { events: events.to_vec(), error: None, holds: false });
}

/// The stream gives these events, then this error.
#[track_caller]
pub(crate) fn fails(decoder: Decoder, bytes: &[u8], events: &[Seen], error: FrameError) {
    let outcome = every_way(decoder, bytes);
    assert_eq!(outcome, Outcome { events: events.to_vec(), error: Some(error), holds: false });
}

/// A masked frame as a client sends it.
pub(crate) fn client(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut frame = masked_header(opcode, payload.len(), KEY).as_slice().to_vec();
    let start = frame.len();
    frame.extend_from_slice(payload);
    mask(&mut frame[start..], KEY, 0);
    frame
}

/// The same without FIN.
pub(crate) fn client_begin(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut frame = client(opcode, payload);
    frame[0] &= 0x7f;
    frame
}

/// A frame as a server sends it.
pub(crate) fn server(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    [header(opcode, payload.len()).as_slice(), payload].concat()
}
