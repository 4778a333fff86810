//! The publish stream: `GET /pub`, upgraded. A frame publishes; with `?ack=1` it is told how many of them have been accepted.
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use base::{ConnId, Instant, ShardId};
use hub::{Draft, Kind, subject_name};
use protocol::plain;
use wire::frame::Opcode;

use crate::border::Effects;
use crate::border::Frame;
use crate::conn::{CLOSING_TIMEOUT, Flags, Phase, State};
use crate::encode::message;
use crate::hop::{Parcel, Receipt};
use crate::report::Refusal;
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

/// Counts of publish streams that are on their way: to the shards of their connections, and to their clients.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    /// What this shard has accepted in this turn, to be told in one parcel a connection.
    counts: Vec<Count>,
    /// Connections with something to report.
    listed: Vec<(ConnId, u32)>,
    /// When it is due.
    due: Option<Instant>,
}

#[derive(Debug)]
struct Count {
    from: ShardId,
    conn: ConnId,
    generation: u32,
    count: u32,
}

impl Acks {
    /// One more publication of the connection's stream has been accepted.
    pub(crate) fn add(&mut self, from: ShardId, conn: ConnId, generation: u32) {
        let same = |entry: &&mut Count| (entry.from, entry.conn, entry.generation) == (from, conn, generation);
        // Backends are few, and the last one is mostly the next one.
        match self.counts.iter_mut().rev().find(same) {
            Some(entry) => entry.count += 1,
            None => self.counts.push(Count { from, conn, generation, count: 1 }),
        }
    }

    /// When the next reports are due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due
    }

    /// Connections with something to report.
    pub(crate) fn len(&self) -> usize {
        self.listed.len()
    }
}

impl Shard {
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
        let generation = self.conns[conn].generation;
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
        for Count { from, conn, generation, count } in core::mem::take(&mut self.acks.counts) {
            if from == self.config.shard {
                self.counted(from, conn, generation, count, now);
            } else {
                self.mail.send(from, Parcel::Counted { conn, generation, count }, world);
            }
        }
        if !self.acks.listed.is_empty() && self.acks.due.is_none() {
            self.acks.due = Some(now + ACK_DELAY);
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
                self.acks.listed.push((conn, generation));
            }
        }
    }

    /// Sends the counts that are due.
    pub(crate) fn send_due_acks(&mut self, now: Instant) {
        if self.acks.due.is_none_or(|at| at > now) {
            return;
        }
        self.acks.due = None;
        for (conn, generation) in core::mem::take(&mut self.acks.listed) {
            let Some(phase) = self.conns.find(conn, generation).map(|row| row.phase()) else {
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
        self.conns[conn].flags.set(Flags::GOODBYE, true);
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
