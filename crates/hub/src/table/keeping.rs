//! Publications on the core that owns their subject: each gets its place, and histories are kept within their bounds.
//!
//! Histories stand in a list by their last publication. So the one that has been quiet longest is found at once, whether it is too
//! old or another one needs its room.
use base::{Instant, NONE};

use super::Hub;
use crate::history::History;
use crate::{Draft, HistoryBounds, Position, Publication, Version};

impl Hub {
    /// True if the history has already taken a publication that is as new as one of this version.
    #[must_use]
    pub fn is_outdated(&self, row: u32, version: &Version) -> bool {
        self.history(row).and_then(History::version).is_some_and(|newest| version.is_outdated(newest))
    }

    /// Gives the draft its place and keeps it if the namespace has a history. One that is not to be kept although there is a
    /// history stands where the subject stands: what is kept is counted without a hole.
    pub fn publish(&mut self, row: u32, draft: Draft, now: Instant) -> Publication {
        let skips = draft.extra.as_ref().is_some_and(|extra| extra.skip_history);
        let bounds = self.history_bounds(row);
        let counts = bounds.is_none() || !skips;
        let bounds = bounds.filter(|_| !skips);
        let subject = &mut self.subjects[row];
        subject.offset += u64::from(counts);
        let position = Position { epoch: subject.epoch, offset: subject.offset };
        let Draft { payload, kind, extra } = draft;
        let history = subject.history;
        let publication = Publication { payload, extra, position, kind, kept: bounds.is_some() };
        if let Some(bounds) = bounds {
            self.keep(row, publication.clone(), &bounds, now);
        } else if history != NONE {
            self.histories[history].strayed = true;
        }
        publication
    }

    /// Where the subject stands.
    #[must_use]
    pub fn top(&self, row: u32) -> Position {
        let subject = &self.subjects[row];
        Position { epoch: subject.epoch, offset: subject.offset }
    }

    pub(super) fn history_bounds(&self, row: u32) -> Option<HistoryBounds> {
        self.namespace(row)?.history
    }

    fn keep(&mut self, row: u32, publication: Publication, bounds: &HistoryBounds, now: Instant) {
        let mut at = self.subjects[row].history;
        if at == NONE {
            at = self.histories.insert(History::of(row));
            self.history_bytes += self.histories[at].bytes();
            self.subjects[row].history = at;
            self.forget_position(row);
        } else {
            self.unlink(at);
        }
        self.account(at, |history| {
            history.push(publication, now);
            history.trim(bounds, now);
        });
        self.link_newest(at);
        self.make_room(at);
        // It is the only one, and more than all of them may be.
        if self.history_bytes > self.history_bytes_max {
            let bytes_max = self.history_bytes_max;
            self.account(at, |history| history.shrink(bytes_max));
        }
    }

    /// The subject's history, if it has one.
    pub(crate) fn history(&self, row: u32) -> Option<&History> {
        let at = self.history_row(row);
        (at != NONE).then(|| &self.histories[at])
    }

    pub(crate) fn history_row(&self, row: u32) -> u32 {
        self.subjects[row].history
    }

    pub(crate) fn trim(&mut self, row: u32, now: Instant) {
        let at = self.subjects[row].history;
        if let Some(bounds) = self.history_bounds(row).filter(|_| at != NONE) {
            self.account(at, |history| history.trim(&bounds, now));
        }
    }

    /// Changes a history and keeps the core's sums true.
    pub(crate) fn account(&mut self, at: u32, change: impl FnOnce(&mut History)) {
        let history = &mut self.histories[at];
        self.history_bytes -= history.bytes();
        self.history_publications -= history.len();
        change(history);
        self.history_bytes += history.bytes();
        self.history_publications += history.len();
    }

    fn link_newest(&mut self, at: u32) {
        let older = core::mem::replace(&mut self.newest, at);
        self.histories[at].older = older;
        self.histories[at].newer = NONE;
        if older == NONE {
            self.oldest = at;
        } else {
            self.histories[older].newer = at;
        }
    }

    fn unlink(&mut self, at: u32) {
        let (older, newer) = (self.histories[at].older, self.histories[at].newer);
        if older == NONE {
            self.oldest = newer
        } else {
            self.histories[older].newer = newer
        }
        if newer == NONE { self.newest = older } else { self.histories[newer].older = older }
    }

    pub(super) fn drop_history(&mut self, at: u32) {
        self.unlink(at);
        let gone = self.histories.remove(at);
        self.history_bytes -= gone.bytes();
        self.history_publications -= gone.len();
        self.subjects[gone.subject].history = NONE;
        self.keep_position(gone.subject, gone.last_at);
        self.release(gone.subject);
    }

    /// Drops histories that nobody has published to for longer than they keep, quietest first, at most `budget` of
    /// them a call. Namespaces may keep for different times: one that keeps longer only delays those behind it, by no
    /// more than the longest age.
    pub fn expire_histories(&mut self, now: Instant, budget: usize) {
        for _ in 0..budget {
            if self.next_drop().is_some_and(|at| at <= now) {
                self.drop_history(self.oldest);
            } else if self.positions.next_due().is_some_and(|at| at <= now) {
                self.forget_oldest_position();
            } else {
                break;
            }
        }
    }

    /// When the quietest history, or a position, has outlived its age.
    #[must_use]
    pub fn next_history_expiry(&self) -> Option<Instant> {
        [self.next_drop(), self.positions.next_due()].into_iter().flatten().min()
    }

    fn next_drop(&self) -> Option<Instant> {
        let history = (self.oldest != NONE).then(|| &self.histories[self.oldest])?;
        let bounds = self.history_bounds(history.subject)?;
        Some(history.last_at + bounds.age)
    }
}
