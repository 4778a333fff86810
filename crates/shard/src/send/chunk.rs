//! Responses without an end, in chunks: a client or a proxy that reads a body in blocks passes a chunk on when it is whole, but of a body
//! that only the connection's end ends it may keep the last bytes until more come.
//!
//! A stream's frame is a chunk, or several, so one frame still is the same bytes for all streams of a dialect. Clients of HTTP/1.0 know no
//! chunks; for them a frame is taken out of its chunks once, and shared as well.
use alloc::rc::Rc;
use alloc::vec::Vec;

use base::ConnId;
use wire::chunks;

use crate::border::Frame;
use crate::conn::{Flags, Phase, Transport};
use crate::shard::Shard;

/// What coding the body of a stream to an HTTP/1.1 client has.
const CODING: (&str, &str) = ("Transfer-Encoding", "chunked");

/// The pieces as one chunk of a stream.
pub(crate) fn chunk(pieces: &[&[u8]]) -> Frame {
    let mut bytes = Vec::new();
    chunks::write(&mut bytes, pieces);
    bytes.into()
}

/// The begin of a stream's body, in a chunk or not, behind the response's head.
pub(crate) fn write_begin(head: &mut Vec<u8>, in_chunks: bool, begin: &[u8]) {
    if in_chunks {
        chunks::write(head, &[begin]);
    } else {
        head.extend_from_slice(begin);
    }
}

/// The frame that was taken out of its chunks last, and what was in them. It is held, so that its address is not another one's meanwhile.
#[derive(Debug, Default)]
pub(super) struct Unchunked(Option<(Frame, Frame)>);

impl Unchunked {
    fn of(&mut self, frame: &Frame) -> Frame {
        if let Some((known, bare)) = &self.0
            && Rc::ptr_eq(known, frame)
        {
            return Rc::clone(bare);
        }
        let bare = Frame::from(chunks::unwrapped(frame));
        self.0 = Some((Rc::clone(frame), Rc::clone(&bare)));
        bare
    }

    /// Forgets the frame of the turn.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }
}

impl Transport {
    /// True for a response without an end.
    const fn is_stream(self) -> bool {
        match self {
            Self::EventStream => true,
            Self::Centrifugo(dialect) => !dialect.is_websocket(),
            Self::PlainWebSocket | Self::PublishStream | Self::Echo | Self::Hook | Self::Http | Self::LongPoll => false,
        }
    }
}

impl Shard {
    /// The field that says how a stream to this connection is coded; `None` if it ends with the connection.
    pub(crate) fn coding(&self, conn: ConnId) -> Option<(&'static str, &'static str)> {
        (!self.conns[conn].flags.has(Flags::NO_CHUNKS)).then_some(CODING)
    }

    /// A stream's frame as this connection takes it; another transport's is as it was.
    pub(crate) fn unchunked(&mut self, conn: ConnId, frame: Frame) -> Frame {
        let row = &self.conns[conn];
        if row.flags.has(Flags::NO_CHUNKS) && row.transport.is_stream() {
            self.sending.unchunked.of(&frame)
        } else {
            frame
        }
    }

    /// Ends the body of a stream that has begun, if it is in chunks: its reader sees that nothing is missing.
    pub(crate) fn end_body(&mut self, conn: ConnId) {
        let row = &self.conns[conn];
        if row.phase() == Phase::Open && row.transport.is_stream() && !row.flags.has(Flags::NO_CHUNKS) {
            self.queue_own(conn, chunks::LAST.into());
        }
    }
}
