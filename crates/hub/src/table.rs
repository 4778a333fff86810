//! The hub: subjects, subscriptions and histories of one core, and the rules that tie them together.
use alloc::boxed::Box;
use alloc::vec::Vec;

use base::{ConnId, NONE, ShardId, Slab, SubjectKey, SubjectName};
use hashbrown::HashTable;

use crate::attendance::Attendance;
use crate::epochs::Epochs;
use crate::history::History;
use crate::subject::Subject;
use crate::{Facts, Namespace, OutboxPolicy, Patterns, Subscription};

mod change;
mod keeping;
mod positions;
mod recovery;

use positions::Positions;

pub use recovery::{Recovered, RecoveryBounds};

/// What one core knows of subjects. Rows are named by small numbers that stay valid until the row is released.
#[derive(Debug)]
pub struct Hub {
    key: SubjectKey,
    namespaces: Box<[Namespace]>,
    /// True if one of them drops publications of slow readers.
    some_may_drop: bool,
    subjects: Slab<Subject>,
    index: HashTable<u32>,
    subscriptions: Slab<Subscription>,
    histories: Slab<History>,
    /// Histories by their last publication: the one quiet longest and the newest.
    oldest: u32,
    newest: u32,
    history_bytes: usize,
    history_bytes_max: usize,
    history_publications: usize,
    epochs: Epochs,
    positions: Positions,
    /// Patterns that are subscribed to, on all cores.
    pub patterns: Patterns,
    pub(crate) attendance: Attendance,
    /// Subjects of this core's own that somebody is subscribed to, here or on another core.
    subscribed: usize,
}

impl Hub {
    /// An empty hub. `first_epoch` must differ from start to start: positions of an earlier life must not match.
    #[must_use]
    pub fn new(key: SubjectKey, namespaces: Vec<Namespace>, history_bytes_max: usize, first_epoch: u32) -> Self {
        Self {
            key,
            some_may_drop: Self::may_drop(&namespaces),
            namespaces: namespaces.into(),
            subjects: Slab::default(),
            index: HashTable::new(),
            subscriptions: Slab::default(),
            histories: Slab::default(),
            oldest: NONE,
            newest: NONE,
            history_bytes: 0,
            history_bytes_max,
            history_publications: 0,
            epochs: Epochs::new(first_epoch),
            positions: Positions::default(),
            patterns: Patterns::new(key),
            attendance: Attendance::default(),
            subscribed: 0,
        }
    }

    fn may_drop(namespaces: &[Namespace]) -> bool {
        namespaces.iter().any(|namespace| namespace.outbox.is_some_and(|policy| policy != OutboxPolicy::Close))
    }

    /// True if a namespace has a policy by which publications are dropped from outboxes.
    #[must_use]
    pub fn some_may_drop(&self) -> bool {
        self.some_may_drop
    }

    // ---- subjects ----

    /// The row of the subject, if this core knows it.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<u32> {
        let hash = self.key.hash(name.as_bytes()).0;
        self.index.find(hash, |&row| self.subjects[row].name == name).copied()
    }

    /// The row of the subject, made if this core doesn't know it yet. Must be given back by [`Hub::release`].
    pub fn enter(&mut self, name: &str) -> u32 {
        if let Some(row) = self.find(name) {
            return row;
        }
        let hash = self.key.hash(name.as_bytes()).0;
        let row = self.subjects.insert(Subject {
            name: SubjectName::from(name),
            epoch: self.epochs.of(hash),
            namespace: self.namespace_number(name),
            ..Subject::default()
        });
        let (key, subjects) = (self.key, &self.subjects);
        self.index.insert_unique(hash, row, |&row| key.hash(subjects[row].name.as_bytes()).0);
        row
    }

    /// Drops the subject's row if nobody needs it; true if it is gone.
    pub fn release(&mut self, row: u32) -> bool {
        let subject = &self.subjects[row];
        let is_held = subject.history != NONE || subject.kept || subject.pinned || subject.joined;
        if subject.first != NONE || subject.watchers != 0 || is_held {
            return false;
        }
        if self.attendance.holds(row) {
            return false;
        }
        self.attendance.forget(row);
        let hash = self.key.hash(subject.name.as_bytes()).0;
        if subject.offset > 0 {
            self.epochs.end(hash);
        }
        if let Ok(found) = self.index.find_entry(hash, |&other| other == row) {
            found.remove();
        }
        self.subjects.remove(row);
        if self.index.len() * 4 < self.index.capacity() && self.index.capacity() > 4_096 {
            let (key, subjects) = (self.key, &self.subjects);
            self.index.shrink_to(self.index.len() * 2, |&row| key.hash(subjects[row].name.as_bytes()).0);
        }
        true
    }

    /// Holds the row whoever needs it, or lets it go: [`Hub::release`] is to be called then.
    pub fn pin(&mut self, row: u32, on: bool) {
        self.subjects[row].pinned = on;
    }

    /// The subject's name.
    #[must_use]
    pub fn name(&self, row: u32) -> &SubjectName {
        &self.subjects[row].name
    }

    /// The options of the first namespace whose pattern names the subject.
    #[must_use]
    pub fn namespace(&self, row: u32) -> Option<&Namespace> {
        self.namespaces.get(usize::from(self.subjects[row].namespace))
    }

    /// Which namespace names a subject, for [`Hub::is_named_by`]; `u16::MAX`: none.
    #[must_use]
    pub fn namespace_number(&self, name: &str) -> u16 {
        let number = Namespace::position_of(&self.namespaces, name);
        number.and_then(|at| u16::try_from(at).ok()).unwrap_or(u16::MAX)
    }

    /// True if that namespace names the subject of this row.
    #[must_use]
    pub fn is_named_by(&self, row: u32, number: u16) -> bool {
        self.subjects[row].namespace == number
    }

    /// The same for a subject without a row.
    #[must_use]
    pub fn namespace_of(&self, name: &str) -> Option<&Namespace> {
        Namespace::of(&self.namespaces, name)
    }

    /// True on a core that isn't the owner once it has asked the owner for the subject.
    #[must_use]
    pub fn is_joined(&self, row: u32) -> bool {
        self.subjects[row].joined
    }

    /// Remembers whether the owner has been asked for the subject.
    pub fn set_joined(&mut self, row: u32, joined: bool) {
        self.counted(row, |subject| subject.joined = joined);
    }

    // ---- watchers: which other cores want a subject that this core owns ----

    /// Core `shard` wants the subject.
    pub fn watch(&mut self, row: u32, shard: ShardId) {
        self.counted(row, |subject| subject.watchers |= 1 << shard.0);
    }

    /// Core `shard` wants it no more.
    pub fn unwatch(&mut self, row: u32, shard: ShardId) {
        self.counted(row, |subject| subject.watchers &= !(1 << shard.0));
    }

    /// The cores that want it, and the `others` that do by a pattern.
    pub fn watchers(&self, row: u32, others: u128) -> impl Iterator<Item = ShardId> + use<> {
        let mut left = self.subjects[row].watchers | others;
        core::iter::from_fn(move || {
            let shard = u16::try_from(left.trailing_zeros()).ok().filter(|_| left != 0)?;
            left &= left - 1;
            Some(ShardId(shard))
        })
    }

    /// Changes a subject and keeps the count of those that are subscribed to true. Where the owner has been asked, it counts.
    fn counted(&mut self, row: u32, change: impl FnOnce(&mut Subject)) {
        let subject = &mut self.subjects[row];
        let is_counted = |subject: &Subject| !subject.joined && (subject.first != NONE || subject.watchers != 0);
        let before = is_counted(subject);
        change(subject);
        self.subscribed = self.subscribed + usize::from(is_counted(subject)) - usize::from(before);
    }

    // ---- subscriptions ----

    /// Subscribes `conn`; the new row is the head of the connection's list, before `sibling`.
    pub fn subscribe(&mut self, conn: ConnId, subject: u32, sibling: u32, live: bool) -> u32 {
        let next = self.subjects[subject].first;
        let row = self.subscriptions.insert(Subscription {
            conn,
            subject,
            next,
            prev: NONE,
            sibling,
            live,
            facts: Facts::default(),
        });
        if next != NONE {
            self.subscriptions[next].prev = row;
        }
        self.counted(subject, |subject| subject.first = row);
        row
    }

    /// Ends a subscription of a connection whose list begins at `*head`.
    pub fn unsubscribe(&mut self, row: u32, head: &mut u32) {
        let gone = self.subscriptions[row];
        if *head == row {
            *head = gone.sibling;
        } else {
            let mut at = *head;
            while self.subscriptions[at].sibling != row {
                at = self.subscriptions[at].sibling;
            }
            self.subscriptions[at].sibling = gone.sibling;
        }
        if gone.prev == NONE {
            self.counted(gone.subject, |subject| subject.first = gone.next);
        } else {
            self.subscriptions[gone.prev].next = gone.next;
        }
        if gone.next != NONE {
            self.subscriptions[gone.next].prev = gone.prev;
        }
        self.subscriptions.remove(row);
    }

    /// A subscription's row.
    #[must_use]
    pub fn subscription(&self, row: u32) -> &Subscription {
        &self.subscriptions[row]
    }

    /// Marks a subscription as answered by the owner.
    pub fn set_live(&mut self, row: u32) {
        self.subscriptions[row].live = true;
    }

    /// What else the subscription is.
    pub fn facts(&mut self, row: u32) -> &mut Facts {
        &mut self.subscriptions[row].facts
    }

    /// The subject's first subscription on this core, or [`NONE`]; go on with [`Subscription::next`].
    #[must_use]
    pub fn first(&self, subject: u32) -> u32 {
        self.subjects[subject].first
    }

    /// True if the subject has more than one subscription on this core.
    #[must_use]
    pub fn has_several_subscriptions(&self, subject: u32) -> bool {
        let first = self.first(subject);
        first != NONE && self.subscriptions[first].next != NONE
    }

    /// The subscription to `subject` in the connection's list that begins at `head`.
    #[must_use]
    pub fn subscription_to(&self, head: u32, subject: u32) -> Option<u32> {
        let mut row = head;
        while row != NONE {
            if self.subscriptions[row].subject == subject {
                return Some(row);
            }
            row = self.subscriptions[row].sibling;
        }
        None
    }

    // ---- what it costs ----

    /// Subjects that this core knows.
    #[must_use]
    pub fn subjects(&self) -> usize {
        self.subjects.len()
    }

    /// Subjects that this core owns and that somebody is subscribed to, on whatever core.
    #[must_use]
    pub fn subjects_subscribed(&self) -> usize {
        self.subscribed
    }

    pub(crate) fn subjects_from(&self, first: u32) -> impl Iterator<Item = (u32, &Subject)> {
        self.subjects.iter_from(first)
    }

    /// Subscriptions on this core.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// Publications in histories.
    #[must_use]
    pub fn history_publications(&self) -> usize {
        self.history_publications
    }

    /// Bytes held, by class: subjects with their index, subscriptions, histories.
    #[must_use]
    pub fn memory(&self) -> [usize; 3] {
        let index = self.index.allocation_size();
        // Rows that are in use are counted with their histories.
        let spare = self.histories.bytes() - self.histories.len() * size_of::<History>();
        let histories = spare + self.history_bytes + self.positions.bytes();
        [self.subjects.bytes() + index + self.patterns.bytes(), self.subscriptions.bytes(), histories]
    }
}

#[cfg(test)]
mod tests;
