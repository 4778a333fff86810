//! What the back end is told, checked.
use hdrhistogram::Histogram;

use super::request::Wish;
use super::{Answer, BackEndPlan};
use crate::board::histogram;
use crate::check::{Checker, Cursor, Faults};
use crate::stamp::Filler;

/// What the back end knows of one client.
#[derive(Clone, Copy, Debug)]
struct Row {
    cursor: Cursor,
    asked: u16,
    ended: u16,
}

/// Keeps what the back end is told.
#[derive(Debug)]
pub(super) struct Register {
    pub(super) answer: Answer,
    rows: Vec<Row>,
    checker: Checker,
    /// Messages intended in this span are measured.
    pub(super) window_nanos: (u64, u64),
    latency: Histogram<u64>,
    /// The same since the last look.
    pub(super) recent: Histogram<u64>,
    pub(super) asked: u64,
    pub(super) said: u64,
    pub(super) ended: u64,
    /// Bytes of messages.
    pub(super) bytes: u64,
    stray: u64,
}

/// What the back end has heard, in all.
#[derive(Debug)]
pub(crate) struct Heard {
    /// Clients that were let in, each time.
    pub(crate) asked: u64,
    /// Messages, new and unchanged.
    pub(crate) said: u64,
    /// Ends.
    pub(crate) ended: u64,
    /// Clients of whom it has heard fewer ends than it has let them in.
    pub(crate) ends_missing: u64,
    /// Clients of whom it has heard more.
    pub(crate) ends_extra: u64,
    /// Requests of nobody that it knows.
    pub(crate) stray: u64,
    /// Most connections at a time.
    pub(crate) connections_max: u64,
    pub(crate) faults: Faults,
    /// From the intended send time to the back end.
    pub(crate) latency: Histogram<u64>,
    /// The next number of each client.
    stands: Vec<u32>,
}

impl Heard {
    pub(super) fn nothing() -> Self {
        Self {
            asked: 0,
            said: 0,
            ended: 0,
            ends_missing: 0,
            ends_extra: 0,
            stray: 0,
            connections_max: 0,
            faults: Faults::default(),
            latency: histogram(),
            stands: Vec::new(),
        }
    }

    /// Adds as lost what clients said and it never heard: `said[client]` messages of each.
    pub(crate) fn settle(&mut self, said: &[u32]) {
        for (next, count) in self.stands.iter().zip(said) {
            self.faults.lost += u64::from(count.saturating_sub(*next));
        }
    }
}

impl Register {
    pub(super) fn new(plan: &BackEndPlan) -> Self {
        Self {
            answer: plan.answer,
            rows: vec![Row { cursor: Cursor::from_start(0), asked: 0, ended: 0 }; plan.clients as usize],
            checker: Checker::new(Filler::new(plan.size_bytes), plan.clients),
            window_nanos: (u64::MAX, u64::MAX),
            latency: histogram(),
            recent: histogram(),
            asked: 0,
            said: 0,
            ended: 0,
            bytes: 0,
            stray: 0,
        }
    }

    /// Notes what was wished of `client` at `now_nanos`; false if it is nobody's.
    pub(super) fn note(&mut self, wish: Wish, client: Option<u32>, body: &[u8], now_nanos: u64) -> bool {
        let known = client.filter(|client| (*client as usize) < self.rows.len() && wish != Wish::Other);
        let Some(client) = known else {
            self.stray += 1;
            return false;
        };
        let row = &mut self.rows[client as usize];
        match wish {
            Wish::Connect => {
                row.asked = row.asked.saturating_add(1);
                self.asked += 1;
            }
            Wish::End => {
                row.ended = row.ended.saturating_add(1);
                self.ended += 1;
            }
            Wish::Message => self.take(client, body, now_nanos),
            Wish::Other => {}
        }
        true
    }

    fn take(&mut self, client: u32, body: &[u8], now_nanos: u64) {
        let row = &mut self.rows[client as usize];
        let Some(stamp) = self.checker.check(&mut row.cursor, client, body) else { return };
        self.said += 1;
        self.bytes += body.len() as u64;
        let (from, until) = self.window_nanos;
        if stamp.intended_nanos >= from && stamp.intended_nanos < until {
            self.recent.saturating_record(now_nanos.saturating_sub(stamp.intended_nanos));
        }
    }

    /// Puts the newest latencies to the others, and gives them to `each` before.
    pub(super) fn merge(&mut self, each: impl FnOnce(&Histogram<u64>)) {
        each(&self.recent);
        // Histograms of equal bounds always add up.
        let _ = self.latency.add(&self.recent);
        self.recent.reset();
    }

    /// Messages lost so far, as far as it shows.
    pub(super) fn lost(&self) -> u64 {
        self.checker.faults().lost
    }

    pub(super) fn finish(mut self, connections_max: u64) -> Heard {
        self.merge(|_| {});
        Heard {
            asked: self.asked,
            said: self.said,
            ended: self.ended,
            ends_missing: self.rows.iter().filter(|row| row.ended < row.asked).count() as u64,
            ends_extra: self.rows.iter().filter(|row| row.ended > row.asked).count() as u64,
            stray: self.stray,
            connections_max,
            faults: self.checker.faults(),
            latency: self.latency,
            stands: self.rows.iter().map(|row| row.cursor.next).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::Stamp;

    fn register() -> Register {
        let plan = BackEndPlan {
            answer: Answer::Echo,
            clients: 3,
            cpus: Vec::new(),
            isolate_files: || Ok(()),
            port: 0,
            size_bytes: 64,
        };
        Register::new(&plan)
    }

    fn message(client: u32, sequence: u32) -> Vec<u8> {
        let stamp = Stamp { intended_nanos: 5, sequence, subject: client, publisher: 0 };
        let mut payload = vec![0; 64];
        stamp.write(&mut payload);
        payload[crate::stamp::STAMP_BYTES..].copy_from_slice(Filler::new(64).of(&stamp));
        payload
    }

    #[test]
    fn ends_are_counted_for_each_client_by_itself() {
        let mut register = register();
        for client in 0..3 {
            assert!(register.note(Wish::Connect, Some(client), b"", 1));
        }
        for client in [0, 0, 1] {
            assert!(register.note(Wish::End, Some(client), b"", 1));
        }
        assert!(!register.note(Wish::Connect, Some(3), b"", 1) && !register.note(Wish::End, None, b"", 1));
        let heard = register.finish(1);
        assert_eq!((heard.asked, heard.ended, heard.stray), (3, 3, 2));
        assert_eq!((heard.ends_missing, heard.ends_extra), (1, 1));
    }

    #[test]
    fn messages_are_checked_and_what_never_came_is_lost() {
        let mut register = register();
        register.window_nanos = (0, 10);
        for (client, sequence) in [(0, 0), (1, 0), (0, 1), (1, 1), (1, 1)] {
            register.note(Wish::Message, Some(client), &message(client, sequence), 9);
        }
        register.note(Wish::Message, Some(2), &message(1, 2), 9);
        let mut heard = register.finish(1);
        heard.settle(&[3, 2, 0]);
        assert_eq!((heard.said, heard.latency.len()), (4, 4));
        assert_eq!(heard.faults, Faults { lost: 1, duplicated: 1, misrouted: 1, ..Faults::default() });
    }
}
