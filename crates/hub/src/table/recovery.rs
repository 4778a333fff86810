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

    /// What the draft may be told as a delta of: what was sent before it, if that is kept and deltas are wanted. To be asked before
    /// [`Hub::publish`].
    #[must_use]
    pub fn base(&self, row: u32, draft: &Draft) -> Option<Arc<Base>> {
        let namespace = self.namespace(row).filter(|namespace| namespace.delta)?;
        let extra = draft.extra.as_deref();
        let is_wanted = namespace.delta_publish || extra.is_some_and(|extra| extra.delta);
        if !is_wanted || extra.is_some_and(|extra| extra.skip_history) {
            return None;
        }
        let newest = self.history(row)?.newest_sent()?;
        Some(Arc::new(Base { payload: Arc::clone(&newest.payload), kind: newest.kind }))
    }
}
