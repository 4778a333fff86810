//! Every message is checked: none lost, none twice, in order, unchanged.
use std::collections::BTreeSet;

use crate::stamp::{Filler, Stamp};

/// Most messages whose absence is remembered one by one, so that a late one can be told from a duplicate.
const MISSING_MAX: usize = 1 << 20;

/// Where one subscriber stands in its subject's sequence.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Cursor {
    /// The sequence number that comes next.
    pub(crate) next: u32,
    publisher: u16,
    /// False until the subscriber's first message, if the run did not see the subject from its start.
    started: bool,
}

impl Cursor {
    /// A subscriber that was there before the first message.
    pub(crate) fn from_start(publisher: u16) -> Self {
        Self { next: 0, publisher, started: true }
    }

    /// True if what the subscriber should have got is known.
    pub(crate) fn is_started(self) -> bool {
        self.started
    }
}

/// What was wrong, counted.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Faults {
    /// Messages that were published and never came.
    pub lost: u64,
    /// Messages that came again.
    pub duplicated: u64,
    /// Messages that came after a later one of their subject.
    pub reordered: u64,
    /// Messages with another length or content than was sent.
    pub garbled: u64,
    /// Messages of another subject than the subscriber's.
    pub misrouted: u64,
}

impl Faults {
    /// True if nothing was wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    /// Adds another part's counts.
    pub(crate) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.garbled += other.garbled;
        self.misrouted += other.misrouted;
    }
}

/// Checks the messages of one part of the swarm.
#[derive(Debug)]
pub(crate) struct Checker {
    filler: Filler,
    subjects: u32,
    faults: Faults,
    /// (subscriber, sequence) that was skipped and may still come late.
    missing: BTreeSet<(u32, u32)>,
    /// Skipped ones that found no room in `missing`.
    forgotten: u64,
}

impl Checker {
    pub(crate) fn new(filler: Filler, subjects: u32) -> Self {
        assert!(subjects > 0, "a swarm has at least one subject");
        Self { filler, subjects, faults: Faults::default(), missing: BTreeSet::new(), forgotten: 0 }
    }

    /// Checks one payload for `client`; gives the stamp of a message that is new and unchanged.
    pub(crate) fn check(&mut self, cursor: &mut Cursor, client: u32, payload: &[u8]) -> Option<Stamp> {
        let Some(stamp) = Stamp::read(payload) else {
            self.faults.garbled += 1;
            return None;
        };
        if payload.get(crate::stamp::STAMP_BYTES..) != Some(self.filler.of(&stamp)) {
            self.faults.garbled += 1;
            return None;
        }
        if stamp.subject != client % self.subjects {
            self.faults.misrouted += 1;
            return None;
        }
        if !cursor.started || cursor.publisher != stamp.publisher {
            *cursor = Cursor { next: stamp.sequence, publisher: stamp.publisher, started: true };
        }
        if stamp.sequence == cursor.next {
            cursor.next = cursor.next.wrapping_add(1);
            return Some(stamp);
        }
        self.check_out_of_turn(cursor, client, stamp)
    }

    fn check_out_of_turn(&mut self, cursor: &mut Cursor, client: u32, stamp: Stamp) -> Option<Stamp> {
        if stamp.sequence > cursor.next {
            for skipped in cursor.next..stamp.sequence {
                if self.missing.len() < MISSING_MAX {
                    self.missing.insert((client, skipped));
                } else {
                    self.forgotten += 1;
                }
            }
            cursor.next = stamp.sequence + 1;
            return Some(stamp);
        }
        if self.missing.remove(&(client, stamp.sequence)) {
            self.faults.reordered += 1;
            return Some(stamp);
        }
        self.faults.duplicated += 1;
        None
    }

    /// The subscriber hung up on purpose: what it skipped until now counts as lost, what comes later is another session's.
    pub(crate) fn end_session(&mut self, cursor: &mut Cursor, client: u32) {
        let skipped: Vec<_> = self.missing.range((client, 0)..=(client, u32::MAX)).copied().collect();
        self.faults.lost += skipped.len() as u64;
        for entry in skipped {
            self.missing.remove(&entry);
        }
        *cursor = Cursor::default();
    }

    /// What was wrong so far; skipped messages count as lost until they come.
    pub(crate) fn faults(&self) -> Faults {
        Faults { lost: self.faults.lost + self.forgotten + self.missing.len() as u64, ..self.faults }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: u32 = 5;

    fn message(sequence: u32) -> Vec<u8> {
        let stamp = Stamp { intended_nanos: 1, sequence, subject: CLIENT, publisher: 0 };
        let mut payload = vec![0; 512];
        stamp.write(&mut payload);
        payload[crate::stamp::STAMP_BYTES..].copy_from_slice(Filler::new(512).of(&stamp));
        payload
    }

    fn run(sequences: &[u32]) -> (Faults, u32) {
        let mut checker = Checker::new(Filler::new(512), 10);
        let mut cursor = Cursor::from_start(0);
        for &sequence in sequences {
            checker.check(&mut cursor, CLIENT, &message(sequence));
        }
        (checker.faults(), cursor.next)
    }

    #[test]
    fn in_order_is_clean() {
        assert_eq!(run(&[0, 1, 2, 3]), (Faults::default(), 4));
    }

    #[test]
    fn a_planted_loss_is_found() {
        assert_eq!(run(&[0, 1, 4]), (Faults { lost: 2, ..Faults::default() }, 5));
    }

    #[test]
    fn a_planted_duplicate_is_found() {
        assert_eq!(run(&[0, 1, 1, 2]), (Faults { duplicated: 1, ..Faults::default() }, 3));
        assert_eq!(run(&[0, 2, 1, 1]), (Faults { duplicated: 1, reordered: 1, ..Faults::default() }, 3));
    }

    #[test]
    fn a_planted_swap_is_reorder_and_not_loss() {
        assert_eq!(run(&[0, 2, 1, 3]), (Faults { reordered: 1, ..Faults::default() }, 4));
    }

    #[test]
    fn changed_content_and_length_are_found() {
        let mut checker = Checker::new(Filler::new(512), 10);
        let mut cursor = Cursor::from_start(0);
        let mut changed = message(0);
        changed[300] ^= 1;
        assert_eq!(checker.check(&mut cursor, CLIENT, &changed), None);
        assert_eq!(checker.check(&mut cursor, CLIENT, &message(0)[..511]), None);
        assert_eq!(checker.check(&mut cursor, CLIENT + 1, &message(0)), None);
        assert_eq!(checker.faults(), Faults { garbled: 2, misrouted: 1, ..Faults::default() });
    }

    #[test]
    fn a_late_subscriber_starts_at_its_first_message() {
        let mut checker = Checker::new(Filler::new(512), 10);
        let mut cursor = Cursor::default();
        for sequence in [70, 71, 73] {
            checker.check(&mut cursor, CLIENT, &message(sequence));
        }
        assert_eq!(checker.faults().lost, 1);
        checker.end_session(&mut cursor, CLIENT);
        checker.check(&mut cursor, CLIENT, &message(90));
        assert_eq!(checker.faults(), Faults { lost: 1, ..Faults::default() });
        assert!(cursor.is_started());
    }
}
