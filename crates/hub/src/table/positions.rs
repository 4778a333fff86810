//! Positions that are kept longer than what was published: who comes back to the newest has missed nothing, and who has missed
//! something is told so.
use alloc::collections::{BTreeMap, BTreeSet};

use base::{Instant, NONE};

use super::Hub;

/// What a position costs: its subject's row and index, and its place here twice. Counted as bytes of histories, so that they are
/// bounded together.
const POSITION_BYTES: usize = 200;

/// Until when which subject's position is kept.
#[derive(Debug, Default)]
pub(super) struct Positions {
    dues: BTreeSet<(Instant, u32)>,
    by_row: BTreeMap<u32, Instant>,
}

impl Positions {
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.dues.first().map(|due| due.0)
    }

    pub(super) fn bytes(&self) -> usize {
        self.by_row.len() * POSITION_BYTES
    }

    fn set(&mut self, row: u32, due: Option<Instant>) {
        let old = match due {
            Some(due) => self.by_row.insert(row, due),
            None => self.by_row.remove(&row),
        };
        if let Some(old) = old {
            self.dues.remove(&(old, row));
        }
        if let Some(due) = due {
            self.dues.insert((due, row));
        }
    }
}

impl Hub {
    /// The subject has nothing in its history any more: its position stays as long as the namespace says. `last_at`: when it was last
    /// published to.
    pub(super) fn keep_position(&mut self, row: u32, last_at: Instant) {
        let Some(age) = self.position_age(row) else {
            return;
        };
        self.positions.set(row, Some(last_at + age));
        self.subjects[row].kept = true;
        while self.history_bytes + self.positions.bytes() > self.history_bytes_max
            && let Some(&(_, first)) = self.positions.dues.first()
        {
            self.forget_position(first);
            // Whoever asked has yet to let go of this one.
            if first != row {
                self.release(first);
            }
        }
    }

    /// How long after the last publication or reading; `None`: as long as the history.
    fn position_age(&self, row: u32) -> Option<core::time::Duration> {
        let namespace = self.namespace(row)?;
        let longer = namespace.history.is_some_and(|bounds| namespace.position_age > bounds.age);
        longer.then_some(namespace.position_age)
    }

    /// Somebody reads: a position is kept for as long again.
    pub(crate) fn touch(&mut self, row: u32, now: Instant) {
        if self.subjects[row].kept {
            self.keep_position(row, now);
        }
    }

    /// It has a history again, or is to be forgotten.
    pub(super) fn forget_position(&mut self, row: u32) {
        if core::mem::take(&mut self.subjects[row].kept) {
            self.positions.set(row, None);
        }
    }

    /// Forgets the one that is due first.
    pub(super) fn forget_oldest_position(&mut self) {
        if let Some(&(_, row)) = self.positions.dues.first() {
            self.forget_position(row);
            self.release(row);
        }
    }

    /// Drops what has been quiet longest until there is room for all that is kept, but not the history `kept`; `NONE`: any.
    pub(super) fn make_room(&mut self, kept: u32) {
        while self.history_bytes + self.positions.bytes() > self.history_bytes_max {
            if self.positions.next_due().is_some() {
                self.forget_oldest_position();
            } else if self.oldest != kept && self.oldest != NONE {
                self.drop_history(self.oldest);
            } else {
                return;
            }
        }
    }
}
