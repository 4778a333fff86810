//! Listeners: `GET /sub/<subject>[,<subject>…]` as WebSocket, event stream or long poll.
//!
//! The response begins once every owner has answered: from then on nothing is missed. What is delivered before that waits
//! behind the response's head (event stream, WebSocket) or is collected (long poll).
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use base::{ConnId, Instant, NONE};
use hub::{Position, Publication, is_pattern};
use protocol::plain::{self, Mark};

use crate::border::Effects;
use crate::conn::{Flags, Phase, State, Transport};
use crate::encode::Encoded;
use crate::hop::Recovery;
use crate::limits::PATTERNS_MAX;
use crate::report::Refusal;
use crate::request::{Denied, How, Listen, Wanted};
use crate::shard::Shard;

/// What a listener has to remember that the row has no room for.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(super) how: How,
    /// The outbox's last row when the request came: the response's head goes behind it.
    pub(super) anchor: u32,
    /// Owners that have not answered yet.
    pub(super) unanswered: usize,
    /// A long poll's: something is missing before what it collected.
    pub(super) reset: bool,
    /// That is told at once. Not in a life of the subject that has had no publication yet: it may end with this poll, and
    /// the next one would be told of a gap again, at once and for ever.
    pub(super) reset_at_once: bool,
    /// Where the listener stands in each of its subjects, in the order of the request.
    pub(super) standing: Vec<Standing>,
    /// A long poll's publications, with the subject's row.
    pub(super) collected: VecDeque<(u32, Publication)>,
    pub(super) collected_bytes: usize,
}

/// Where it stands in one of them.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) row: u32,
    /// Of a pattern: shards that have not answered yet.
    pub(super) unanswered: u16,
    pub(super) subject_tag: u32,
    pub(super) position: Position,
}

impl Listener {
    /// It has got what this position is of.
    pub(super) fn stand(&mut self, row: u32, position: Position) {
        if let Some(standing) = self.standing.iter_mut().find(|standing| standing.row == row) {
            standing.position = position;
        }
    }

    /// A shard has answered about a pattern; true if it was the last of them.
    pub(crate) fn is_last_answer(&mut self, row: u32) -> bool {
        self.standing.iter_mut().find(|standing| standing.row == row).is_some_and(|standing| {
            standing.unanswered = standing.unanswered.saturating_sub(1);
            standing.unanswered == 0
        })
    }

    /// Where it stands in all of them.
    pub(super) fn marks(&self) -> Vec<Mark> {
        let mark =
            |at: &Standing| Mark { subject_tag: at.subject_tag, epoch: at.position.epoch, offset: at.position.offset };
        self.standing.iter().map(mark).collect()
    }
}

impl Shard {
    /// `GET /sub/…`: subscribes, and asks every owner.
    pub(crate) fn listen(&mut self, conn: ConnId, listen: Listen, now: Instant, world: &mut impl Effects) {
        if let Err(denied) = self.may_listen(&listen.subjects) {
            self.deny(conn, &denied, now, world);
            return;
        }
        let transport = match listen.how {
            How::WebSocket { .. } => Transport::PlainWebSocket,
            How::EventStream => Transport::EventStream,
            How::LongPoll { .. } => Transport::LongPoll,
        };
        self.disarm(conn);
        self.set_transport(conn, transport);
        let row = &mut self.conns[conn];
        if let How::WebSocket { handshake } = &listen.how {
            row.deflate = handshake.deflate.map(|agreed| agreed.window);
        }
        row.enter(Phase::Asked);
        row.flags.set(Flags::HELD, true);
        let anchor = row.outbox.last();
        let waiter = self.conns.waiter(conn);
        let mut standing = Vec::with_capacity(listen.subjects.len());
        let mut since = Vec::with_capacity(listen.subjects.len());
        for wanted in &listen.subjects {
            let subject = self.subscribe(conn, &wanted.subject);
            let subject_tag = plain::subject_tag(&wanted.subject);
            let unanswered = self.config.shards - 1;
            standing.push(Standing {
                row: subject,
                unanswered,
                subject_tag,
                position: wanted.since.unwrap_or_default(),
            });
            since.push((subject, wanted.since, is_pattern(&wanted.subject)));
        }
        let unanswered = standing.len();
        let listener = Listener {
            how: listen.how,
            anchor,
            unanswered,
            reset: false,
            reset_at_once: false,
            standing,
            collected: VecDeque::new(),
            collected_bytes: 0,
        };
        self.conns.lend(conn).state = State::Listening(Box::new(listener));
        for (subject, since, is_pattern) in since {
            if is_pattern {
                self.join_pattern(subject, waiter, now, world);
            } else {
                self.join(subject, since, false, waiter, now, world);
            }
        }
    }

    /// Whether there is room for so many subscriptions, and for these patterns.
    fn may_listen(&self, subjects: &[Wanted]) -> Result<(), Denied> {
        let most = self.config.limits.subscriptions_per_connection;
        if subjects.len() > most {
            let reason = alloc::format!("a connection has at most {most} subscriptions");
            return Err(Denied::new(400, Refusal::BadSubject, reason));
        }
        if subjects.iter().any(|wanted| self.hub.patterns.is_full_for(&wanted.subject, PATTERNS_MAX)) {
            let reason = "there are too many patterns that are subscribed to";
            return Err(Denied::new(503, Refusal::Capacity, reason));
        }
        Ok(())
    }

    pub(super) fn listener(&mut self, conn: ConnId) -> Option<&mut Listener> {
        match self.conns.lent(conn).map(|lent| &mut lent.state) {
            Some(State::Listening(listener)) => Some(listener),
            Some(_) | None => None,
        }
    }

    /// An owner has said where its subject stands and what was missed.
    pub(crate) fn listener_joined(
        &mut self,
        conn: ConnId,
        row: u32,
        recovery: Recovery,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let gap = !recovery.gapless;
        let bytes_max = self.config.outbox.bytes;
        let Some(listener) = self.listener(conn) else {
            return;
        };
        listener.unanswered -= 1;
        let last = listener.unanswered == 0;
        match recovery.missed.first() {
            None => listener.stand(row, recovery.top),
            Some(first) => {
                let Position { epoch, offset } = first.position;
                listener.stand(row, Position { epoch, offset: offset - 1 });
            }
        }
        match listener.how {
            How::WebSocket { .. } => {}
            How::LongPoll { .. } => {
                listener.reset |= gap;
                listener.reset_at_once |= gap && recovery.top.offset > 0;
                recovery.missed.into_iter().for_each(|publication| listener.collect(row, publication, bytes_max));
            }
            How::EventStream => {
                listener.stand(row, recovery.top);
                if gap {
                    self.queue_reset(conn, row);
                }
                for publication in &recovery.missed {
                    self.deliver_to(conn, NONE, row, &mut Encoded::new(publication, None), now, world);
                }
            }
        }
        if last {
            self.opened(conn, now, world);
        }
    }

    /// Every owner has answered: the response begins.
    fn opened(&mut self, conn: ConnId, now: Instant, world: &mut impl Effects) {
        let State::Listening(listener) = self.conns.take_state(conn) else {
            return;
        };
        match &listener.how {
            How::WebSocket { handshake } => {
                let head = self.switching_protocols(handshake, None);
                self.begin_open(conn, listener.anchor, head, Transport::PlainWebSocket, now);
                self.wake(conn);
            }
            How::EventStream => {
                let keep = listener.standing.len() > 1;
                let marks = listener.marks();
                self.begin_stream(conn, listener.anchor, &marks, now);
                if keep {
                    self.conns.lend(conn).state = State::Listening(listener);
                }
                self.wake(conn);
            }
            How::LongPoll { timeout, .. } => {
                let at = now + *timeout;
                self.conns[conn].flags.set(Flags::HELD, false);
                self.conns[conn].enter(Phase::Poll);
                self.conns.lend(conn).state = State::Listening(listener);
                self.arm(conn, at);
                // It may be answered at once; and answers to earlier requests may have been held up.
                self.flush_soon(conn);
                let flags = self.conns[conn].flags;
                if flags.has(Flags::FINISHED) {
                    // A peer that sends no more waits for its answer and nothing else, if it is there at all.
                    self.answer_poll(conn, now, world);
                } else if flags.has(Flags::PAUSED) {
                    world.watch(conn);
                }
            }
        }
    }
}
