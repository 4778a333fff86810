//! Listeners: `GET /sub/<subject>[,<subject>…]` as WebSocket, event stream or long poll.
//!
//! The response begins once every owner has answered: from then on nothing is missed. What is delivered before that waits
//! behind the response's head (event stream, WebSocket) or is collected (long poll).
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;

use base::{ConnId, Instant, NONE};
use hub::{Kind, Position, Publication, is_pattern};
use protocol::is_json;
use protocol::plain::{self, Mark, Payload, PollBody};
use wire::{response, sse};

use crate::border::Effects;
use crate::conn::{Flags, Phase, State};
use crate::encode::Encoded;
use crate::handshake::Response;
use crate::hop::{Recovery, Waiter};
use crate::limits::PATTERNS_MAX;
use crate::report::{Refusal, Transport};
use crate::request::{Denied, How, Listen};
use crate::send::chunk;
use crate::shard::Shard;

/// How long a browser waits before it opens an event stream again.
const RETRY_MS: u32 = 1_000;

/// Most publications that a long poll collects before it answers; what is older is given up and told as a gap.
const COLLECTED_MAX: usize = 1_024;

/// What a listener has to remember that the row has no room for.
#[derive(Debug)]
pub(crate) struct Listener {
    how: How,
    /// The outbox's last row when the request came: the response's head goes behind it.
    anchor: u32,
    /// Owners that have not answered yet.
    unanswered: usize,
    /// A long poll's: something is missing before what it collected.
    reset: bool,
    /// That is told at once. Not in a life of the subject that has had no publication yet: it may end with this poll, and
    /// the next one would be told of a gap again, at once and for ever.
    reset_at_once: bool,
    /// Where the listener stands in each of its subjects, in the order of the request.
    standing: Vec<Standing>,
    /// A long poll's publications, with the subject's row.
    collected: VecDeque<(u32, Publication)>,
    collected_bytes: usize,
}

#[derive(Debug)]
struct Standing {
    row: u32,
    /// Of a pattern: shards that have not answered yet.
    unanswered: u16,
    subject_tag: u32,
    position: Position,
}

impl Listener {
    fn stand(&mut self, row: u32, position: Position) {
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

    fn marks(&self) -> Vec<Mark> {
        let mark =
            |at: &Standing| Mark { subject_tag: at.subject_tag, epoch: at.position.epoch, offset: at.position.offset };
        self.standing.iter().map(mark).collect()
    }

    /// True if a long poll has something to tell at once.
    fn is_ready(&self) -> bool {
        !self.collected.is_empty() || self.reset_at_once
    }

    /// Keeps a publication for the answer; what is over the bound is given up, oldest first, and told as a gap.
    fn collect(&mut self, row: u32, publication: Publication, bytes_max: usize) {
        self.collected_bytes += publication.payload.len();
        self.collected.push_back((row, publication));
        while self.collected.len() > 1 && (self.collected.len() > COLLECTED_MAX || self.collected_bytes > bytes_max) {
            let oldest = self.collected.pop_front();
            self.collected_bytes -= oldest.map_or(0, |(_, publication)| publication.payload.len());
            self.reset = true;
        }
    }
}

impl Shard {
    pub(crate) fn listen(&mut self, conn: ConnId, listen: Listen, now: Instant, world: &mut impl Effects) {
        if listen.subjects.len() > self.config.limits.subscriptions_per_connection {
            let most = self.config.limits.subscriptions_per_connection;
            let reason = alloc::format!("a connection has at most {most} subscriptions");
            self.deny(conn, &Denied::new(400, Refusal::BadSubject, reason), now, world);
            return;
        }
        if listen.subjects.iter().any(|wanted| self.hub.patterns.is_full_for(&wanted.subject, PATTERNS_MAX)) {
            let reason = "there are too many patterns that are subscribed to";
            self.deny(conn, &Denied::new(503, Refusal::Capacity, reason), now, world);
            return;
        }
        let transport = match listen.how {
            How::WebSocket { .. } => Transport::PlainWebSocket,
            How::EventStream => Transport::EventStream,
            How::LongPoll { .. } => Transport::LongPoll,
        };
        self.disarm(conn);
        self.set_transport(conn, transport);
        let row = &mut self.conns.rows[conn.0];
        if let How::WebSocket { handshake } = &listen.how {
            row.deflate = handshake.deflate.map(|agreed| agreed.window);
        }
        row.phase = Phase::Asked;
        row.flags.set(Flags::HELD, true);
        let anchor = row.outbox.last();
        let waiter = Waiter::Conn { conn, generation: row.generation };
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

    /// Subscribes the connection; not live until the owner has answered.
    pub(crate) fn subscribe(&mut self, conn: ConnId, subject: &str) -> u32 {
        let row = self.hub.enter(subject);
        let conn_row = &mut self.conns.rows[conn.0];
        conn_row.subscriptions = self.hub.subscribe(conn, row, conn_row.subscriptions, false);
        conn_row.subscription_count += 1;
        row
    }

    fn listener(&mut self, conn: ConnId) -> Option<&mut Listener> {
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

    fn queue_reset(&mut self, conn: ConnId, row: u32) {
        let mut data = Vec::new();
        plain::write_subject(&mut data, self.hub.name(row));
        let mut event = Vec::new();
        sse::write_event(&mut event, None, Some("reset"), Some(&data));
        self.queue_own(conn, chunk(&[&event]));
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
                self.conns.rows[conn.0].flags.set(Flags::HELD, false);
                self.conns.rows[conn.0].phase = Phase::Poll;
                self.conns.lend(conn).state = State::Listening(listener);
                self.arm(conn, at);
                // It may be answered at once; and answers to earlier requests may have been held up.
                self.flush_soon(conn);
                let flags = self.conns.rows[conn.0].flags;
                if flags.has(Flags::FINISHED) {
                    // A peer that sends no more waits for its answer and nothing else, if it is there at all.
                    self.answer_poll(conn, now, world);
                } else if flags.has(Flags::PAUSED) {
                    world.watch(conn);
                }
            }
        }
    }

    /// The head of an event stream, before what was recovered; behind it the position from which to resume even if
    /// nothing comes: an event without data sets the reader's last event id and is not dispatched (WHATWG HTML, section
    /// 9.2.6).
    fn begin_stream(&mut self, conn: ConnId, anchor: u32, marks: &[Mark], now: Instant) {
        let mut head = self.take_scratch();
        let mut fields = alloc::vec![
            ("Content-Type", "text/event-stream; charset=utf-8"),
            ("Cache-Control", "no-cache, no-transform"),
            ("X-Accel-Buffering", "no"),
        ];
        if self.config.dev {
            fields.push(("Access-Control-Allow-Origin", "*"));
        }
        fields.extend(self.coding(conn));
        response::write_head(&mut head, 200, &fields, None, false);
        let mut begin = Vec::new();
        sse::write_retry(&mut begin, RETRY_MS);
        self.write_begin(conn, &mut head, &begin);
        let response = Rc::from(&*head);
        self.scratch = head;
        let mut event = Vec::new();
        write_id(&mut event, marks);
        event.push(b'\n');
        self.queue_own(conn, chunk(&[&event]));
        self.begin_open(conn, anchor, response, Transport::EventStream, now);
    }

    /// True for an event stream of several subjects: its ids tell where it stands in all of them.
    pub(crate) fn tells_all_positions(&mut self, conn: ConnId) -> bool {
        self.listener(conn).is_some_and(|listener| listener.standing.len() > 1)
    }

    /// Queues an event for a stream of several subjects, with an id of its own. One frame: a policy that drops an event
    /// must not leave its id to the next one.
    pub(crate) fn note_event(
        &mut self,
        conn: ConnId,
        row: u32,
        encoded: &mut Encoded<'_>,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let position = encoded.publication().position;
        let Some(listener) = self.listener(conn) else {
            return;
        };
        listener.stand(row, position);
        // Until every owner has answered, where the stream stands as a whole is not known: the id comes at the opening.
        let mut event = Vec::new();
        if listener.unanswered == 0 {
            write_id(&mut event, &listener.marks());
        }
        event.extend_from_slice(&encoded.bare_event());
        self.queue_delivery(conn, chunk(&[&event]), row, 1, now, world);
    }

    // ---- long poll ----

    /// A publication for a long poll: answered at the end of the turn, together with what else the turn brings.
    pub(crate) fn collect(&mut self, conn: ConnId, row: u32, publication: &Publication) {
        let bytes_max = self.config.outbox.bytes;
        if let Some(listener) = self.listener(conn) {
            listener.collect(row, publication.clone(), bytes_max);
            self.flush_later(conn);
        }
    }

    /// Answers the poll with what it has collected, or with 204 at its time-out.
    pub(crate) fn answer_poll(&mut self, conn: ConnId, now: Instant, world: &mut impl Effects) {
        let State::Listening(mut listener) = self.conns.take_state(conn) else {
            return;
        };
        let How::LongPoll { keep_alive, .. } = listener.how else {
            return;
        };
        if listener.collected.is_empty() && !listener.reset {
            let mut position = Vec::new();
            plain::write_position(&mut position, &listener.marks());
            let position = core::str::from_utf8(&position).unwrap_or_default();
            self.unsubscribe_all(conn, world);
            let fields: &[(&str, &str)] = &[("Ringcast-Position", position)];
            self.respond(conn, &Response { status: 204, fields, body: &[] }, keep_alive, now, world);
            return;
        }
        let mut bytes = Vec::new();
        let mut body = PollBody::open(&mut bytes);
        for (row, publication) in core::mem::take(&mut listener.collected) {
            listener.stand(row, publication.position);
            body.publication(self.hub.name(row), payload(&publication), &listener.marks());
            self.report.messages_out += 1;
        }
        body.close(&listener.marks(), listener.reset);
        self.unsubscribe_all(conn, world);
        self.respond(conn, &Response { status: 200, fields: &[], body: &bytes }, keep_alive, now, world);
    }

    /// True if the poll has something to answer with.
    pub(crate) fn poll_is_ready(&mut self, conn: ConnId) -> bool {
        self.conns.rows[conn.0].phase == Phase::Poll && self.listener(conn).is_some_and(|listener| listener.is_ready())
    }

    /// Closes an event stream with advice when to come back, or answers a poll: what a drain does.
    pub(crate) fn end_stream(&mut self, conn: ConnId, retry_ms: u32, now: Instant) {
        let mut advice = Vec::new();
        sse::write_retry(&mut advice, retry_ms);
        advice.push(b'\n');
        self.queue_own(conn, chunk(&[&advice]));
        self.begin_closing(conn, now);
    }
}

fn write_id(out: &mut Vec<u8>, marks: &[Mark]) {
    out.extend_from_slice(b"id: ");
    plain::write_position(out, marks);
    out.push(b'\n');
}

fn payload(publication: &Publication) -> Payload<'_> {
    let bytes = &publication.payload;
    if is_json(bytes) {
        return Payload::Json(bytes);
    }
    match (publication.kind, core::str::from_utf8(bytes)) {
        (Kind::Text | Kind::Binary, Ok(text)) => Payload::Text(text),
        (Kind::Text | Kind::Binary, Err(_)) => Payload::Binary(bytes),
    }
}
