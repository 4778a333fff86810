//! Publishers: `POST /pub/<subject>`, and the publish stream `GET /pub`.
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use base::{ConnId, Instant, ShardId};
use hub::{Draft, Kind, Position, subject_name};
use protocol::plain::{self, Mark};
use wire::frame::Opcode;
use wire::head::HeadError;
use wire::response;

use crate::border::Effects;
use crate::centrifugo::AnswerTo;
use crate::conn::{CLOSING_TIMEOUT, Flags, Phase, State};
use crate::encode::message;
use crate::handshake::Response;
use crate::hop::{Parcel, Receipt, Waiter};
use crate::report::Refusal;
use crate::request::{Body, Denied, Framing, Publish, Purpose};
use crate::send::Frame;
use crate::shard::Shard;

/// How long accepted publications of a publish stream may go unreported: half of the promised 100 ms, since a timer may
/// be late.
const ACK_DELAY: Duration = Duration::from_millis(50);

/// A publish stream with `?ack=1`. What is reported is a prefix of what was sent: owners may accept out of order, and a
/// publisher that reads "n" must be able to forget the first n.
#[derive(Debug)]
pub(crate) struct Publisher {
    /// Runs of publications by owner, in the order in which they were sent.
    sent: VecDeque<(ShardId, u32)>,
    /// By owner: accepted, but something sent before is not.
    ahead: Vec<u32>,
    accepted: u64,
    reported: u64,
    /// On the list of those with something to report.
    is_listed: bool,
    /// The close frame that goes out behind the last count.
    goodbye: Option<Frame>,
}

impl Publisher {
    pub(crate) fn boxed(shards: u16) -> Box<Self> {
        let ahead = alloc::vec![0; usize::from(shards)];
        Box::new(Self { sent: VecDeque::new(), ahead, accepted: 0, reported: 0, is_listed: false, goodbye: None })
    }

    fn note_sent(&mut self, owner: ShardId) {
        match self.sent.back_mut() {
            Some((last, count)) if *last == owner && *count < u32::MAX => *count += 1,
            Some(_) | None => self.sent.push_back((owner, 1)),
        }
    }

    fn note_accepted(&mut self, owner: ShardId, count: u32) {
        self.ahead[owner.index()] += count;
        while let Some((owner, left)) = self.sent.front_mut() {
            let ahead = &mut self.ahead[owner.index()];
            let done = (*ahead).min(*left);
            *ahead -= done;
            *left -= done;
            self.accepted += u64::from(done);
            if *left > 0 {
                break;
            }
            self.sent.pop_front();
        }
    }
}

/// What owners have accepted of publish streams in this turn, to be told in one parcel a connection.
#[derive(Debug, Default)]
pub(crate) struct Counts(Vec<Count>);

#[derive(Debug)]
struct Count {
    from: ShardId,
    conn: ConnId,
    generation: u32,
    count: u32,
}

impl Counts {
    pub(crate) fn add(&mut self, from: ShardId, conn: ConnId, generation: u32) {
        let same = |entry: &&mut Count| (entry.from, entry.conn, entry.generation) == (from, conn, generation);
        // Backends are few, and the last one is mostly the next one.
        match self.0.iter_mut().rev().find(same) {
            Some(entry) => entry.count += 1,
            None => self.0.push(Count { from, conn, generation, count: 1 }),
        }
    }
}

impl Shard {
    // ---- POST, whatever it brings ----

    pub(crate) fn begin_body(&mut self, conn: ConnId, body: Box<Body>, now: Instant, world: &mut impl Effects) {
        self.conns.rows[conn.0].phase = Phase::Body;
        if body.expects_continue {
            self.queue_own(conn, response::CONTINUE.into());
        }
        let empty = matches!(body.framing, Framing::Length(0));
        self.conns.lend(conn).state = State::Body(body);
        self.arm(conn, now + self.config.limits.head_timeout);
        if empty {
            self.on_body(conn, &[], now, world);
        }
    }

    /// Bytes of a request's body. Says how many it used.
    pub(crate) fn on_body(&mut self, conn: ConnId, bytes: &[u8], now: Instant, world: &mut impl Effects) -> usize {
        let State::Body(mut body) = self.conns.take_state(conn) else {
            debug_assert!(false, "a connection in phase Body has a body");
            return bytes.len();
        };
        let (used, done) = match &mut body.framing {
            Framing::Length(length) => {
                let used = bytes.len().min(*length - body.bytes.len());
                body.bytes.extend_from_slice(&bytes[..used]);
                (used, body.bytes.len() == *length)
            }
            Framing::Chunked(decoder) => match decoder.push(bytes, &mut body.bytes) {
                Ok(progress) => (progress.used, progress.done),
                Err(error) => {
                    self.deny(conn, &bad_body(error).with(body.purpose.into_cors()), now, world);
                    return bytes.len();
                }
            },
        };
        if done {
            self.on_whole_body(conn, *body, now, world);
        } else {
            self.conns.lend(conn).state = State::Body(body);
        }
        used
    }

    fn on_whole_body(&mut self, conn: ConnId, body: Body, now: Instant, world: &mut impl Effects) {
        let Body { purpose, keep_alive, bytes, .. } = body;
        match purpose {
            Purpose::Publish(publish) => self.publish_body(conn, publish, bytes, keep_alive, now, world),
            Purpose::Push(push) => self.begin_push(conn, push, bytes, keep_alive, now, world),
            Purpose::Downlink(downlink) => self.begin_downlink(conn, downlink, &bytes, now, world),
            Purpose::Uplink { encoding, cors } => {
                let uplink = encoding.uplink(&bytes).ok();
                self.begin_uplink(conn, uplink.as_ref(), AnswerTo { keep_alive, cors }, now, world);
            }
        }
    }

    // ---- POST /pub/<subject> ----

    fn publish_body(
        &mut self,
        conn: ConnId,
        publish: Publish,
        bytes: Vec<u8>,
        keep_alive: bool,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let Publish { subject, kind, extra } = publish;
        let is_text = simdutf8::basic::from_utf8(&bytes).is_ok();
        let kind = match kind {
            Some(Kind::Text) if !is_text => {
                let denied =
                    Denied::new(400, Refusal::BadText, "the Content-Type says text, the body is not valid UTF-8");
                self.deny(conn, &denied, now, world);
                return;
            }
            Some(kind) => kind,
            None if is_text => Kind::Text,
            None => Kind::Binary,
        };
        let row = &mut self.conns.rows[conn.0];
        row.phase = Phase::Asked;
        let waiter = Waiter::Conn { conn, generation: row.generation };
        self.disarm(conn);
        let subject_tag = plain::subject_tag(&subject);
        self.conns.lend(conn).state = State::Publishing { keep_alive, subject_tag };
        let draft = Draft { payload: bytes.into(), kind, extra: extra.map(Arc::from) };
        self.publish(&subject, draft, Receipt::Position(waiter), now, world);
        self.stall_if_backlogged(conn);
    }

    /// The owner has accepted the publication of a `POST /pub`.
    pub(crate) fn answer_publish(&mut self, conn: ConnId, position: Position, now: Instant, world: &mut impl Effects) {
        let State::Publishing { keep_alive, subject_tag } = self.conns.take_state(conn) else {
            return;
        };
        let mut body = Vec::new();
        plain::write_published(&mut body, Mark { subject_tag, epoch: position.epoch, offset: position.offset });
        self.respond(conn, &Response { status: 200, fields: &[], body: &body }, keep_alive, now, world);
    }

    // ---- GET /pub, upgraded ----

    pub(crate) fn on_publish_frame(
        &mut self,
        conn: ConnId,
        kind: wire::frame::Kind,
        frame: &[u8],
        now: Instant,
        world: &mut impl Effects,
    ) {
        if kind == wire::frame::Kind::Text {
            self.report.refuse(Refusal::BadCommand);
            self.close_websocket(conn, 1003, "a publication is a binary frame", now);
            return;
        }
        let split = plain::split_publish(frame);
        let (subject, payload) = match split {
            Ok(split) => split,
            Err(error) => {
                self.report.refuse(Refusal::BadCommand);
                self.close_websocket(conn, 1007, &alloc::format!("{error}"), now);
                return;
            }
        };
        if let Err(error) = subject_name(subject.as_bytes()) {
            self.report.refuse(Refusal::BadSubject);
            self.close_websocket(conn, 1008, &alloc::format!("{error}"), now);
            return;
        }
        if payload.len() > self.config.limits.payload_bytes {
            self.report.refuse(Refusal::TooLarge);
            let reason = alloc::format!("a payload has at most {} bytes", self.config.limits.payload_bytes);
            self.close_websocket(conn, 1009, &reason, now);
            return;
        }
        let receipt = self.receipt_of(conn, subject);
        let draft = Draft { payload: payload.into(), kind: Kind::Binary, extra: None };
        self.publish(subject, draft, receipt, now, world);
        self.stall_if_backlogged(conn);
    }

    fn receipt_of(&mut self, conn: ConnId, subject: &str) -> Receipt {
        let owner = self.owner(subject);
        let generation = self.conns.rows[conn.0].generation;
        match self.conns.lent(conn).map(|lent| &mut lent.state) {
            Some(State::Publisher(publisher)) => {
                publisher.note_sent(owner);
                Receipt::Count { conn, generation }
            }
            Some(_) | None => Receipt::None,
        }
    }

    /// Tells publishers what this turn has accepted.
    pub(crate) fn send_counts(&mut self, now: Instant, world: &mut impl Effects) {
        for Count { from, conn, generation, count } in core::mem::take(&mut self.counts.0) {
            if from == self.config.shard {
                self.counted(from, conn, generation, count, now);
            } else {
                self.mail.send(from, Parcel::Counted { conn, generation, count }, world);
            }
        }
        if !self.acks.is_empty() && self.acks_at.is_none() {
            self.acks_at = Some(now + ACK_DELAY);
        }
    }

    /// An owner has accepted `count` more publications of the connection's stream.
    pub(crate) fn counted(&mut self, from: ShardId, conn: ConnId, generation: u32, count: u32, now: Instant) {
        if self.conns.find(conn, generation).is_none() {
            return;
        }
        if let Some(State::Publisher(publisher)) = self.conns.lent(conn).map(|lent| &mut lent.state) {
            publisher.note_accepted(from, count);
            if publisher.goodbye.is_some() {
                if publisher.sent.is_empty() {
                    self.say_goodbye(conn, now);
                }
                return;
            }
            if !core::mem::replace(&mut publisher.is_listed, true) {
                self.acks.push((conn, generation));
            }
        }
    }

    /// Sends the counts that are due.
    pub(crate) fn send_due_acks(&mut self, now: Instant) {
        if self.acks_at.is_none_or(|at| at > now) {
            return;
        }
        self.acks_at = None;
        for (conn, generation) in core::mem::take(&mut self.acks) {
            let Some(phase) = self.conns.find(conn, generation).map(|row| row.phase) else {
                continue;
            };
            if let Some(State::Publisher(publisher)) = self.conns.lent(conn).map(|lent| &mut lent.state) {
                publisher.is_listed = false;
            }
            if phase == Phase::Open {
                self.report_acks(conn);
            }
        }
    }

    /// Keeps the close frame of a publish stream until owners have answered for everything that came before, so that the last count is the whole
    /// of it; gives it back if there is nothing to wait for.
    pub(crate) fn withhold_close(&mut self, conn: ConnId, frame: Frame, now: Instant) -> Result<(), Frame> {
        match self.conns.lent(conn).map(|lent| &mut lent.state) {
            Some(State::Publisher(publisher)) if !publisher.sent.is_empty() => publisher.goodbye = Some(frame),
            Some(_) | None => return Err(frame),
        }
        self.conns.rows[conn.0].flags.set(Flags::GOODBYE, true);
        self.arm(conn, now + CLOSING_TIMEOUT);
        Ok(())
    }

    /// Whether only its last count keeps the publish stream.
    pub(crate) fn withholds_close(&self, conn: ConnId) -> bool {
        matches!(self.conns.state(conn), Some(State::Publisher(publisher)) if publisher.goodbye.is_some())
    }

    /// The last count, and the close frame behind it.
    pub(crate) fn say_goodbye(&mut self, conn: ConnId, now: Instant) {
        self.report_acks(conn);
        let State::Publisher(publisher) = self.conns.take_state(conn) else {
            return;
        };
        if let Some(frame) = publisher.goodbye {
            self.queue_own(conn, frame);
        }
        self.begin_closing(conn, now);
    }

    /// Reports what has been accepted of the connection's stream, if that is news.
    pub(crate) fn report_acks(&mut self, conn: ConnId) {
        let Some(State::Publisher(publisher)) = self.conns.lent(conn).map(|lent| &mut lent.state) else {
            return;
        };
        if publisher.accepted == publisher.reported {
            return;
        }
        publisher.reported = publisher.accepted;
        let frame = message(Opcode::Binary, &plain::acknowledgement(publisher.accepted));
        self.queue_own(conn, frame);
    }
}

fn bad_body(error: HeadError) -> Denied {
    let refusal = if error.status() == 413 { Refusal::TooLarge } else { Refusal::BadRequest };
    Denied::new(error.status(), refusal, error.reason())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_prefix_of_what_was_sent_is_reported() {
        let (a, b) = (ShardId(0), ShardId(1));
        let mut publisher = Publisher::boxed(2);
        for owner in [a, a, b, a] {
            publisher.note_sent(owner);
        }
        publisher.note_accepted(b, 1);
        assert_eq!(publisher.accepted, 0);
        publisher.note_accepted(a, 1);
        assert_eq!(publisher.accepted, 1);
        publisher.note_accepted(a, 1);
        assert_eq!(publisher.accepted, 3);
        publisher.note_accepted(a, 1);
        assert_eq!((publisher.accepted, publisher.sent.len()), (4, 0));
    }
}
