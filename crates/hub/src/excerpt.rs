//! Excerpts: publications read from a subject's history because somebody asks, not because a subscriber missed them.
use alloc::vec::Vec;

use base::{Instant, NONE};

use crate::{Hub, Position, Publication, RecoveryBounds};

/// Which part of a history is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExcerptQuery {
    /// Only what is after it; before it, if `reverse`.
    pub since: Option<Position>,
    /// Newest first.
    pub reverse: bool,
    /// How much at most. One publication comes however large it is, so that who reads on from its offset gets ahead.
    pub bounds: RecoveryBounds,
}

/// Part of a history.
#[derive(Clone, Debug)]
pub struct Excerpt {
    /// The subject's newest position.
    pub top: Position,
    /// In the order that was asked for.
    pub publications: Vec<Publication>,
}

/// Why there is no excerpt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExcerptError {
    /// No namespace's pattern names the subject.
    NoNamespace,
    /// The subject keeps no history.
    NotKept,
    /// `since` is of another life of the subject.
    OtherEpoch,
}

impl Hub {
    /// Whether `subject` keeps a history.
    ///
    /// # Errors
    /// What is missing.
    pub fn keeps_history(&self, subject: &str) -> Result<(), ExcerptError> {
        let namespace = self.namespace_of(subject).ok_or(ExcerptError::NoNamespace)?;
        if namespace.history.is_some() { Ok(()) } else { Err(ExcerptError::NotKept) }
    }

    /// Reads from the subject's history, on its owner. That something before the excerpt is gone is no error: it begins
    /// with what there is.
    ///
    /// # Errors
    /// [`ExcerptError::OtherEpoch`].
    pub fn excerpt(&mut self, row: u32, query: &ExcerptQuery, now: Instant) -> Result<Excerpt, ExcerptError> {
        let top = self.top(row);
        let since = query.since;
        if since.is_some_and(|since| ![top.epoch, Position::ANY_EPOCH].contains(&since.epoch)) {
            return Err(ExcerptError::OtherEpoch);
        }
        self.trim(row, now);
        self.touch(row, now);
        let Some(history) = self.history(row) else {
            return Ok(Excerpt { top, publications: Vec::new() });
        };
        let publications = match (since, query.reverse) {
            (None, false) => within(history.all(), query.bounds),
            (Some(since), false) => within(history.after(since.offset), query.bounds),
            (None, true) => within(history.all().rev(), query.bounds),
            (Some(since), true) => within(history.before(since.offset).rev(), query.bounds),
        };
        Ok(Excerpt { top, publications })
    }

    /// Forgets the subject's publications, on its owner. Its position stays: offsets go on from there.
    pub fn remove_history(&mut self, row: u32) {
        let at = self.history_row(row);
        if at != NONE {
            self.account(at, crate::history::History::clear);
        }
    }
}

fn within<'a>(publications: impl Iterator<Item = &'a Publication>, bounds: RecoveryBounds) -> Vec<Publication> {
    let mut bytes = 0_usize;
    publications
        .take(bounds.publications as usize)
        .enumerate()
        .take_while(|(at, publication)| {
            bytes = bytes.saturating_add(publication.payload.len());
            *at == 0 || bytes <= bounds.bytes
        })
        .map(|(_, publication)| publication.clone())
        .collect()
}

#[cfg(test)]
mod tests;
