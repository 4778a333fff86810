//! The outboxes: each a chain of rows in one slab of the shard, so an empty one is four words in the connection's row. A frame is
//! shared by all outboxes it waits in.
use base::{ConnId, NONE, Slab};

use crate::border::{Effects, Frame, Sent};
use crate::limits::SEND_PIECES_MAX;

/// A connection's end of the outbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outbox {
    head: u32,
    tail: u32,
    /// Bytes that wait.
    pub(crate) bytes: u32,
    /// Bytes of the head frame that the socket has taken.
    sent: u32,
}

impl Default for Outbox {
    fn default() -> Self {
        Self { head: NONE, tail: NONE, bytes: 0, sent: 0 }
    }
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.head == NONE
    }

    /// The row of the last frame, or `NONE`. It stays while nothing is flushed.
    pub(crate) fn last(&self) -> u32 {
        self.tail
    }
}

#[derive(Debug)]
struct Queued {
    frame: Option<Frame>,
    next: u32,
    content: Content,
}

/// What a frame is, for the outbox's policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Content {
    /// What must not be dropped: an answer, a control frame.
    Own,
    /// That a client has come or gone: it goes with the publications where those are dropped as a whole.
    Notice,
    /// Publications of one subject: one, or a run (`route::run`), which is dropped as a whole.
    Publications {
        /// The subject's row.
        subject: u32,
        /// How many.
        count: u32,
    },
}

impl Default for Queued {
    fn default() -> Self {
        Self { frame: None, next: NONE, content: Content::Own }
    }
}

/// The rows of all outboxes of a shard.
#[derive(Debug, Default)]
pub(super) struct Outboxes {
    rows: Slab<Queued>,
    /// Bytes that wait in all of them.
    pub(super) bytes: usize,
    /// Bytes that sockets have taken.
    pub(super) taken: u64,
}

/// What became of a flush.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flushed {
    /// The outbox is empty.
    Empty,
    /// The socket took what it was offered, and there is more.
    Rest,
    /// The socket is full.
    Full,
    /// The connection is broken.
    Broken,
}

fn length(frame: &Frame) -> u32 {
    u32::try_from(frame.len()).expect("a frame is bounded by the payload's bound, far below 4 GiB")
}

impl Outboxes {
    /// Bytes held: the rows, and the frames as if none were shared.
    pub(super) fn memory(&self) -> usize {
        self.rows.bytes() + self.bytes
    }

    /// Frames that wait, counted once for each outbox they wait in.
    pub(super) fn frames(&self) -> usize {
        self.rows.len()
    }

    fn frame_bytes(&self, at: u32) -> u32 {
        self.rows[at].frame.as_ref().map_or(0, length)
    }

    /// Queues a frame behind the others.
    pub(super) fn push(&mut self, outbox: &mut Outbox, frame: Frame, content: Content) {
        let bytes = length(&frame);
        let at = self.rows.insert(Queued { frame: Some(frame), next: NONE, content });
        if outbox.head == NONE {
            outbox.head = at;
        } else {
            self.rows[outbox.tail].next = at;
        }
        outbox.tail = at;
        outbox.bytes += bytes;
        self.bytes += bytes as usize;
    }

    /// Queues a frame behind the row `anchor`, which still waits; before all others if it is `NONE`.
    pub(super) fn push_behind(&mut self, outbox: &mut Outbox, anchor: u32, frame: Frame) {
        let bytes = length(&frame);
        let next = if anchor == NONE { outbox.head } else { self.rows[anchor].next };
        let at = self.rows.insert(Queued { frame: Some(frame), next, content: Content::Own });
        if anchor == NONE {
            debug_assert_eq!(outbox.sent, 0, "nothing is put before a frame that is partly sent");
            outbox.head = at;
        } else {
            self.rows[anchor].next = at;
        }
        if next == NONE {
            outbox.tail = at;
        }
        outbox.bytes += bytes;
        self.bytes += bytes as usize;
    }

    /// Drops the oldest waiting frame of publications (of `subject` if it is given) and says how many they were; `None` if there is
    /// no such frame. One that is partly sent, and whatever is not a publication, stays.
    pub(super) fn drop_oldest(&mut self, outbox: &mut Outbox, subject: Option<u32>) -> Option<u32> {
        let mut prev = NONE;
        let mut at = outbox.head;
        while at != NONE {
            let row = &self.rows[at];
            let next = row.next;
            let begun = at == outbox.head && outbox.sent > 0;
            if let Content::Publications { subject: of, count } = row.content
                && subject.is_none_or(|wanted| wanted == of)
                && !begun
            {
                let bytes = self.frame_bytes(at);
                if prev == NONE {
                    outbox.head = next
                } else {
                    self.rows[prev].next = next
                }
                if next == NONE {
                    outbox.tail = prev;
                }
                self.rows.remove(at);
                outbox.bytes -= bytes;
                self.bytes -= bytes as usize;
                return Some(count);
            }
            prev = at;
            at = next;
        }
        None
    }

    /// Drops all publications and notices but one that is partly sent. What is neither, such as the answer to an upgrade,
    /// is needed by what comes behind it.
    pub(super) fn drop_publications(&mut self, outbox: &mut Outbox) {
        let (mut at, mut kept) = (outbox.head, NONE);
        let begun = if outbox.sent > 0 { outbox.head } else { NONE };
        while at != NONE {
            let next = self.rows[at].next;
            if self.rows[at].content == Content::Own || at == begun {
                if kept == NONE {
                    outbox.head = at;
                } else {
                    self.rows[kept].next = at;
                }
                kept = at;
            } else {
                let bytes = self.frame_bytes(at);
                outbox.bytes -= bytes;
                self.bytes -= bytes as usize;
                self.rows.remove(at);
            }
            at = next;
        }
        outbox.tail = kept;
        if kept == NONE {
            outbox.head = NONE;
        } else {
            self.rows[kept].next = NONE;
        }
    }

    /// Drops everything: the connection is gone.
    pub(super) fn clear(&mut self, outbox: &mut Outbox) {
        let mut at = outbox.head;
        while at != NONE {
            let bytes = self.frame_bytes(at);
            let skip = if at == outbox.head { outbox.sent } else { 0 };
            self.bytes -= (bytes - skip) as usize;
            at = self.rows.remove(at).next;
        }
        *outbox = Outbox::default();
    }

    /// All of the outbox as one frame, if it is one.
    pub(super) fn whole(&self, outbox: &Outbox) -> Option<Frame> {
        if outbox.head == NONE || outbox.sent > 0 {
            return None;
        }
        let first = &self.rows[outbox.head];
        if first.next == NONE { first.frame.clone() } else { None }
    }

    /// Takes note of what became of a send of `offered` bytes.
    pub(super) fn settle(&mut self, outbox: &mut Outbox, offered: usize, sent: Sent) -> Flushed {
        match sent {
            Sent::All => self.advance(outbox, offered),
            Sent::Full(taken) => {
                self.advance(outbox, taken);
                return Flushed::Full;
            }
            Sent::Broken => return Flushed::Broken,
        }
        if outbox.head == NONE { Flushed::Empty } else { Flushed::Rest }
    }

    /// Offers the outbox to the socket until it is empty or the socket is full.
    pub(super) fn flush(&mut self, conn: ConnId, outbox: &mut Outbox, world: &mut impl Effects) -> Flushed {
        while outbox.head != NONE {
            let (offered, sent) = self.offer(conn, outbox, world);
            match self.settle(outbox, offered, sent) {
                Flushed::Rest => {}
                done @ (Flushed::Empty | Flushed::Full | Flushed::Broken) => return done,
            }
        }
        Flushed::Empty
    }

    fn offer(&self, conn: ConnId, outbox: &Outbox, world: &mut impl Effects) -> (usize, Sent) {
        let mut pieces: [&[u8]; SEND_PIECES_MAX] = [&[]; SEND_PIECES_MAX];
        let (mut at, mut count) = (outbox.head, 0);
        while at != NONE && count < SEND_PIECES_MAX {
            let queued = &self.rows[at];
            pieces[count] = queued.frame.as_deref().unwrap_or_default();
            at = queued.next;
            count += 1;
        }
        pieces[0] = &pieces[0][outbox.sent as usize..];
        let offered = pieces[..count].iter().map(|piece| piece.len()).sum();
        (offered, world.send(conn, &pieces[..count]))
    }

    fn advance(&mut self, outbox: &mut Outbox, taken: usize) {
        self.taken += taken as u64;
        self.bytes -= taken;
        let mut left = u32::try_from(taken).expect("a send is at most what the outbox holds");
        outbox.bytes -= left;
        while outbox.head != NONE {
            let rest = self.frame_bytes(outbox.head) - outbox.sent;
            if left < rest {
                outbox.sent += left;
                return;
            }
            left -= rest;
            outbox.sent = 0;
            outbox.head = self.rows.remove(outbox.head).next;
        }
        outbox.tail = NONE;
    }
}
