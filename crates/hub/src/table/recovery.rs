//! What a subscriber gets that it missed, and what the next publication may be told as a delta of.
use alloc::sync::Arc;
use alloc::vec::Vec;

use base::{Instant, NONE};

use super::Hub;
use crate::{Base, Draft, Position, Publication};

/// How much one recovery brings at most; more is a gap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecoveryBounds {
    /// Publications.
    pub publications: u32,
    /// Bytes of their payloads.
    pub bytes: usize,
    /// The newest publication only: what was published before it is not missed.
    pub newest_only: bool,
}

/// What [`Hub::recover`] found.
#[derive(Debug)]
pub struct Recovered {
    /// The subject's newest position.
    pub top: Position,
    /// True if nothing after the wanted position is missing from `missed`.
    pub gapless: bool,
    /// What was published after it, oldest first; if there is a gap, what there is.
    pub missed: Vec<Publication>,
}

impl Hub {
    /// What came after `since`, within the bounds. If more came, or some of it is gone, or the position is of another
    /// life, there is a gap: then the newest that are there.
    #[must_use]
    pub fn recover(&mut self, row: u32, since: Option<Position>, bounds: RecoveryBounds, now: Instant) -> Recovered {
        let top = self.top(row);
        let Some(since) = since else {
            return Recovered { top, gapless: true, missed: Vec::new() };
        };
        self.trim(row, now);
        self.touch(row, now);
        if bounds.newest_only {
            return self.recover_newest(row, since, top);
        }
        let same_life = since.epoch == top.epoch || since.epoch == Position::ANY_EPOCH;
        let known = same_life && since.offset <= top.offset;
        let wanted = if known { since.offset } else { 0 };
        let history = self.subjects[row].history;
        if history == NONE {
            return Recovered { top, gapless: known && wanted == top.offset, missed: Vec::new() };
        }
        let history = &self.histories[history];
        // Without an entry nothing is there to begin with; everything may have outlived its age.
        let whole = history.first_offset().map_or(wanted == top.offset, |first| first <= wanted + 1);
        let there = history.after(wanted).count();
        let mut bytes = 0_usize;
        let fits = history.after(wanted).rev().take(bounds.publications as usize).take_while(|publication| {
            bytes += publication.payload.len();
            bytes <= bounds.bytes
        });
        let surplus = there - fits.count();
        let missed: Vec<_> = history.after(wanted).skip(surplus).cloned().collect();
        Recovered { top, gapless: known && whole && surplus == 0, missed }
    }

    /// The newest publication, unless whoever asks has it.
    fn recover_newest(&self, row: u32, since: Position, top: Position) -> Recovered {
        if since == top && top.offset > 0 {
            return Recovered { top, gapless: true, missed: Vec::new() };
        }
        let newest = self.history(row).and_then(|history| history.all().next_back());
        let missed: Vec<_> = newest.filter(|newest| newest.position == top).cloned().into_iter().collect();
        Recovered { top, gapless: !missed.is_empty(), missed }
    }

    /// True if the draft is to be told as a delta where that can be.
    #[must_use]
    pub fn wants_delta(&self, row: u32, draft: &Draft) -> bool {
        let is_asked = draft.extra.as_ref().is_some_and(|extra| extra.delta);
        self.namespace(row).is_some_and(|namespace| namespace.delta && (namespace.delta_publish || is_asked))
    }

    /// What the draft may be told as a delta of: what was sent before it, if that is kept and deltas are wanted. To be asked before
    /// [`Hub::publish`].
    #[must_use]
    pub fn base(&self, row: u32, draft: &Draft) -> Option<Arc<Base>> {
        let is_kept = !draft.extra.as_ref().is_some_and(|extra| extra.skip_history);
        if !is_kept || !self.wants_delta(row, draft) {
            return None;
        }
        let newest = self.history(row)?.newest_sent()?;
        Some(Arc::new(Base { payload: Arc::clone(&newest.payload), kind: newest.kind }))
    }
}
