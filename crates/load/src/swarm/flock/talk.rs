//! Clients that speak: each message leaves when the schedule wants it, on the socket of a random client.
//!
//! Open loop: the schedule doesn't wait for the server. What a socket has no room for waits beside its row, and its latency counts from the
//! time at which it should have left.
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::{Relaxed, Release};

use hdrhistogram::Histogram;
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::Flock;
use crate::board::histogram;
use crate::frame::{self, Opcode};
use crate::schedule::{Arrivals, Schedule};
use crate::stamp::{Filler, STAMP_BYTES, Stamp};
use crate::swarm::{Phase, Plan};

/// Bytes that wait for sockets before no more messages are made.
const PENDING_BYTES_MAX: usize = 64 * base::units::MIB;

/// What all clients of a swarm say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TalkPlan {
    pub(crate) arrivals: Arrivals,
    /// Messages of all clients.
    pub(crate) count: u64,
    pub(crate) span_nanos: u64,
    /// Messages due within a tick leave together.
    pub(crate) tick_nanos: u64,
}

/// One flock's part of the talk.
#[derive(Debug)]
pub(super) struct Talk {
    plan: TalkPlan,
    /// Messages of this flock.
    count: u64,
    seed: u64,
    /// There is none before the talk begins.
    schedule: Option<Schedule>,
    /// The number that a row's next message has.
    sequences: Vec<u32>,
    random: base::Prng,
    filler: Filler,
    payload: Vec<u8>,
    frame: Vec<u8>,
    /// Bytes that wait for a row's socket.
    pending: BTreeMap<u32, Vec<u8>>,
    pending_bytes: usize,
    lag: Histogram<u64>,
    sent: u64,
}

impl Talk {
    /// The part of flock `number`; `None` if the swarm only listens.
    pub(super) fn new(plan: &Plan, number: u32) -> Option<Self> {
        let talk = plan.talk?;
        let clients = plan.clients_of(number);
        let before = |client: u32| u128::from(talk.count) * u128::from(client) / u128::from(plan.clients.max(1));
        let filler = Filler::new(plan.size_bytes);
        let seed = plan.seed ^ u64::from(number) << 48;
        Some(Self {
            plan: talk,
            count: (before(clients.end) - before(clients.start)) as u64,
            seed,
            schedule: None,
            sequences: vec![0; clients.len()],
            random: base::Prng::new(seed, "talk"),
            payload: vec![0; filler.message_bytes()],
            filler,
            frame: Vec::new(),
            pending: BTreeMap::new(),
            pending_bytes: 0,
            lag: histogram(),
            sent: 0,
        })
    }

    /// When the next message is due, if one is.
    pub(super) fn next_nanos(&self, now_nanos: u64) -> Option<u64> {
        let next = self.schedule.as_ref()?.peek()?;
        Some(next.max(now_nanos + self.plan.tick_nanos))
    }

    /// True if something of the row waits.
    pub(super) fn is_pending(&self, row: u32) -> bool {
        self.pending.contains_key(&row)
    }

    /// Has bytes wait for a row's socket.
    pub(super) fn wait(&mut self, row: u32, bytes: &[u8]) {
        self.pending_bytes += bytes.len();
        self.pending.entry(row).or_default().extend_from_slice(bytes);
    }

    /// Takes what waits for a row's socket.
    pub(super) fn take(&mut self, row: u32) -> Vec<u8> {
        let bytes = self.pending.remove(&row).unwrap_or_default();
        self.pending_bytes -= bytes.len();
        bytes
    }

    /// The intended time of the next message, if it is due at `now_nanos`; it is taken.
    fn due(&mut self, now_nanos: u64, start_nanos: u64) -> Option<u64> {
        if self.schedule.is_none() && start_nanos != u64::MAX {
            let plan = self.plan;
            self.schedule = Some(Schedule::new(plan.arrivals, start_nanos, plan.span_nanos, self.count, self.seed));
        }
        if self.pending_bytes > PENDING_BYTES_MAX {
            return None;
        }
        let schedule = self.schedule.as_mut()?;
        let intended_nanos = schedule.peek().filter(|intended| *intended <= now_nanos)?;
        schedule.advance();
        self.lag.saturating_record(now_nanos.saturating_sub(intended_nanos));
        Some(intended_nanos)
    }

    /// Writes a frame of the next message of a random row, which it says. `first` is the client of row 0.
    fn make(&mut self, intended_nanos: u64, first: u32) -> u32 {
        let row = self.random.below(self.sequences.len() as u64) as u32;
        let sequence = &mut self.sequences[row as usize];
        let stamp = Stamp { intended_nanos, sequence: *sequence, subject: first + row, publisher: 0 };
        *sequence += 1;
        self.sent += 1;
        stamp.write(&mut self.payload);
        self.payload[STAMP_BYTES..].copy_from_slice(self.filler.of(&stamp));
        self.frame.clear();
        let key = self.random.next_u64() as u32;
        frame::write(&mut self.frame, Opcode::Text, key, self.payload.len(), |out| {
            out.extend_from_slice(&self.payload)
        });
        row
    }

    fn is_over(&self) -> bool {
        self.schedule.as_ref().is_some_and(|schedule| schedule.peek().is_none()) && self.pending.is_empty()
    }

    /// How many messages each row's client has said, and how late they left.
    pub(super) fn finish(self) -> (Vec<u32>, Histogram<u64>) {
        (self.sequences, self.lag)
    }
}

impl Flock {
    /// Says what is due. A client whose connection is gone says it too: it is lost, and found to be.
    pub(super) fn talk(&mut self, now_nanos: u64) {
        let start_nanos = self.board.talk_from.load(Relaxed);
        let Some(talk) = &mut self.talk else { return };
        while let Some(intended_nanos) = talk.due(now_nanos, start_nanos) {
            let row = talk.make(intended_nanos, self.first);
            let place = &self.rows[row as usize];
            let Some(socket) = place.socket.as_ref().filter(|_| place.phase == Phase::Open) else { continue };
            if talk.is_pending(row) {
                let frame = std::mem::take(&mut talk.frame);
                talk.wait(row, &frame);
                talk.frame = frame;
                continue;
            }
            let taken = match send(socket, &talk.frame, SendFlags::NOSIGNAL) {
                Ok(count) => count,
                Err(Errno::AGAIN | Errno::INTR) => 0,
                // A broken connection shows at the next read.
                Err(_) => continue,
            };
            if taken < talk.frame.len() {
                let rest = talk.frame.split_off(taken);
                talk.wait(row, &rest);
            }
        }
        let desk = &self.board.desks[self.number as usize];
        desk.sent.store(talk.sent, Relaxed);
        desk.done.store(talk.is_over(), Release);
    }

    /// Gives a row's socket, which has room, what waits for it.
    pub(super) fn give_pending(&mut self, row: u32) {
        let Some(talk) = self.talk.as_mut().filter(|talk| talk.is_pending(row)) else { return };
        let bytes = talk.take(row);
        let mut at = 0;
        while let Some(socket) = self.rows[row as usize].socket.as_ref().filter(|_| at < bytes.len()) {
            match send(socket, &bytes[at..], SendFlags::NOSIGNAL) {
                Ok(count) => at += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return talk.wait(row, &bytes[at..]),
                Err(_) => return,
            }
        }
    }

    /// A row has lost its socket, and with it what waited.
    pub(super) fn forget_pending(&mut self, row: u32) {
        if let Some(talk) = &mut self.talk {
            talk.take(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flocks_share_all_messages_among_them() {
        let talk = TalkPlan { arrivals: Arrivals::Poisson, count: 100_001, span_nanos: 1_000, tick_nanos: 10 };
        let plan = Plan { clients: 7, threads: 3, talk: Some(talk), ..Plan::nobody() };
        let parts: Vec<Talk> = (0..3).filter_map(|number| Talk::new(&plan, number)).collect();
        assert_eq!(parts.iter().map(|part| part.count).sum::<u64>(), 100_001);
        assert!(Talk::new(&Plan { talk: None, ..plan }, 0).is_none());
    }

    #[test]
    fn messages_are_due_at_their_times_and_numbered_by_client() {
        let talk = TalkPlan { arrivals: Arrivals::Fixed, count: 10, span_nanos: 1_000, tick_nanos: 10 };
        let mut talk = Talk::new(&Plan { clients: 2, talk: Some(talk), ..Plan::nobody() }, 0).unwrap();
        assert_eq!(talk.due(5_000, u64::MAX), None, "it has not begun");
        assert_eq!(
            (talk.due(5_000, 5_000), talk.due(5_050, 5_000), talk.due(5_100, 5_000)),
            (Some(5_000), None, Some(5_100))
        );
        assert_eq!(talk.next_nanos(5_100), Some(5_200));
        assert_eq!(talk.next_nanos(5_195), Some(5_205), "what is due within a tick leaves together");
        while talk.due(9_000, 5_000).is_some() {
            talk.make(0, 40);
        }
        assert!(talk.is_over());
        let (said, lag) = talk.finish();
        assert_eq!((said.iter().sum::<u32>(), lag.len()), (8, 10));
    }

    #[test]
    fn what_waits_is_kept_in_order_and_delays_the_end() {
        let talk = TalkPlan { arrivals: Arrivals::Fixed, count: 0, span_nanos: 1, tick_nanos: 1 };
        let mut talk = Talk::new(&Plan { clients: 2, talk: Some(talk), ..Plan::nobody() }, 0).unwrap();
        assert_eq!(talk.due(2, 1), None);
        talk.wait(1, b"half a ");
        talk.wait(1, b"frame");
        assert!(talk.is_pending(1) && !talk.is_pending(0) && !talk.is_over());
        assert_eq!((talk.take(1), talk.pending_bytes), (b"half a frame".to_vec(), 0));
        assert!(talk.is_over());
    }
}
