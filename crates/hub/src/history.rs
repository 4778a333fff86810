//! The history of one subject: its newest publications, bounded in count, bytes and age.
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::time::Duration;

use base::{Instant, NONE};

use crate::{Extra, Publication, Version};

/// How much of a subject is kept. All three bounds hold at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HistoryBounds {
    /// Most publications.
    pub count: u32,
    /// Most payload bytes.
    pub bytes: usize,
    /// Greatest age.
    pub age: Duration,
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    publication: Publication,
}

/// One subject's history. `newer` and `older` link the shard's histories by their last publication, so that the
/// one that has been quiet longest is found at once when the shard's memory for histories is used up.
#[derive(Debug)]
pub(crate) struct History {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// When the subject was last published to, whether or not that publication is still here.
    pub(crate) last_at: Instant,
    /// True if something was sent after the newest entry that is not here.
    pub(crate) strayed: bool,
    /// The newest publication's, if it has a version, whether or not that publication is still here.
    versioned: Option<Arc<Extra>>,
    pub(crate) subject: u32,
    pub(crate) newer: u32,
    pub(crate) older: u32,
}

impl Default for History {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            bytes: 0,
            last_at: Instant::ORIGIN,
            strayed: false,
            versioned: None,
            subject: NONE,
            newer: NONE,
            older: NONE,
        }
    }
}

/// What a publication costs in a history besides its payload: the entry and the shared payload's two counters.
const ENTRY_BYTES: usize = size_of::<Entry>() + 16;

impl History {
    pub(crate) fn of(subject: u32) -> Self {
        Self { subject, ..Self::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes held: payloads, entries, room for entries, and the row itself.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.bytes + (self.entries.capacity() - self.entries.len()) * size_of::<Entry>()
    }

    pub(crate) fn push(&mut self, publication: Publication, at: Instant) {
        self.bytes += publication.bytes() + ENTRY_BYTES;
        self.last_at = at;
        self.strayed = false;
        self.versioned = publication.extra.clone().filter(|extra| extra.version.is_some());
        self.entries.push_back(Entry { at, publication });
    }

    /// Drops what is over a bound, oldest first.
    pub(crate) fn trim(&mut self, bounds: &HistoryBounds, now: Instant) {
        while let Some(oldest) = self.entries.front() {
            let over = self.entries.len() > bounds.count as usize
                || self.bytes - self.entries.len() * ENTRY_BYTES > bounds.bytes
                || now.since(oldest.at) >= bounds.age;
            if !over {
                break;
            }
            self.drop_oldest();
        }
        if self.entries.capacity() > 16 && self.entries.len() * 4 < self.entries.capacity() {
            self.entries.shrink_to(self.entries.len() * 2);
        }
    }

    /// Drops the oldest until so many bytes are held at most, if that can be.
    pub(crate) fn shrink(&mut self, bytes_max: usize) {
        while self.bytes() > bytes_max && !self.entries.is_empty() {
            self.drop_oldest();
            if self.entries.len() * 2 < self.entries.capacity() {
                self.entries.shrink_to_fit();
            }
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            self.bytes -= oldest.publication.bytes() + ENTRY_BYTES;
        }
    }

    /// Offset of the oldest entry.
    pub(crate) fn first_offset(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.publication.position.offset)
    }

    /// The version of the newest publication, if it has one.
    pub(crate) fn version(&self) -> Option<&Version> {
        self.versioned.as_ref()?.version.as_ref()
    }

    /// The newest entry, if nothing was sent after it that is not here.
    pub(crate) fn newest_sent(&self) -> Option<&Publication> {
        self.entries.back().filter(|_| !self.strayed).map(|entry| &entry.publication)
    }

    /// Drops all publications.
    pub(crate) fn clear(&mut self) {
        self.entries = VecDeque::new();
        self.bytes = 0;
    }

    /// The entries, oldest first.
    pub(crate) fn all(&self) -> impl DoubleEndedIterator<Item = &Publication> {
        self.entries.iter().map(|entry| &entry.publication)
    }

    /// The entries before `offset`, oldest first.
    pub(crate) fn before(&self, offset: u64) -> impl DoubleEndedIterator<Item = &Publication> {
        let first = self.first_offset().unwrap_or(0);
        let count = usize::try_from(offset.saturating_sub(first)).unwrap_or(usize::MAX).min(self.entries.len());
        self.entries.range(..count).map(|entry| &entry.publication)
    }

    /// The entries after `offset`, oldest first. Offsets of a subject are consecutive, so this is an index, not a search.
    pub(crate) fn after(&self, offset: u64) -> impl DoubleEndedIterator<Item = &Publication> {
        let first = self.first_offset().unwrap_or(0);
        let skip = usize::try_from(offset.saturating_add(1).saturating_sub(first)).unwrap_or(usize::MAX);
        self.entries.iter().skip(skip).map(|entry| &entry.publication)
    }
}
