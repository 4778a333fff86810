//! *Filters*: which publications subscriptions want, by their tags. Equal filters are one, and are asked once a publication, however many
//! subscriptions have them.
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;

use base::{NONE, Slab};
use hashbrown::HashTable;
use protocol::centrifugo::{ErrorCode, Subscribe};
use protocol::filter::Filter;

use crate::limits::RUN_FILTERED_MAX;
use crate::shard::Shard;

/// One filter, and what it has said in this round.
#[derive(Debug, Default)]
struct Row {
    filter: Option<Rc<Filter>>,
    subscriptions: u32,
    round: u64,
    /// A bit a publication of the round: it was asked about.
    asked: u64,
    /// And is wanted.
    wanted: u64,
}

const _: () = assert!(RUN_FILTERED_MAX <= u64::BITS as usize);

/// All filters of a shard. A subscription without one has no row here.
#[derive(Debug, Default)]
pub(super) struct Filters {
    rows: Slab<Row>,
    by_filter: BTreeMap<Rc<Filter>, u32>,
    /// Subscriptions and their filters.
    of: HashTable<(u32, u32)>,
    round: u64,
}

/// Rows of subscriptions are numbers of ours: nobody can choose them so that they collide.
fn hash(subscription: u32) -> u64 {
    u64::from(subscription).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Filters {
    /// Filters there are, and subscriptions that have one.
    pub(super) fn len(&self) -> usize {
        self.rows.len() + self.of.len()
    }

    /// Other publications than before are asked about.
    pub(super) fn begin(&mut self) {
        self.round += 1;
    }

    fn set(&mut self, subscription: u32, filter: Filter) {
        let row = match self.by_filter.get(&filter) {
            Some(&row) => row,
            None => {
                let filter = Rc::new(filter);
                let row = self.rows.insert(Row { filter: Some(Rc::clone(&filter)), ..Row::default() });
                self.by_filter.insert(filter, row);
                row
            }
        };
        self.rows[row].subscriptions += 1;
        self.of.insert_unique(hash(subscription), (subscription, row), |entry| hash(entry.0));
    }

    fn row_of(&self, subscription: u32) -> u32 {
        self.of.find(hash(subscription), |entry| entry.0 == subscription).map_or(NONE, |entry| entry.1)
    }

    /// A subscription has ended; a filter without subscriptions goes with it.
    pub(super) fn release(&mut self, subscription: u32) {
        let Ok(entry) = self.of.find_entry(hash(subscription), |entry| entry.0 == subscription) else {
            return;
        };
        let row = entry.remove().0.1;
        self.rows[row].subscriptions -= 1;
        if self.rows[row].subscriptions == 0
            && let Some(filter) = self.rows.remove(row).filter
        {
            self.by_filter.remove(&filter);
        }
    }

    /// Whether the subscription wants the publication, which is the one at `at` of this round.
    pub(super) fn wants(&mut self, subscription: u32, at: usize, tags: &[(Box<str>, Box<str>)]) -> bool {
        let found = self.row_of(subscription);
        if found == NONE || at >= RUN_FILTERED_MAX {
            return self.wants_one(subscription, tags);
        }
        let row = &mut self.rows[found];
        if row.round != self.round {
            (row.round, row.asked, row.wanted) = (self.round, 0, 0);
        }
        let bit = 1 << at;
        if row.asked & bit == 0 {
            row.asked |= bit;
            if row.filter.as_ref().is_none_or(|filter| filter.wants(tags)) {
                row.wanted |= bit;
            }
        }
        row.wanted & bit != 0
    }

    /// The same, of a publication that is nobody else's business.
    pub(super) fn wants_one(&self, subscription: u32, tags: &[(Box<str>, Box<str>)]) -> bool {
        let row = self.row_of(subscription);
        row == NONE || self.rows[row].filter.as_ref().is_none_or(|filter| filter.wants(tags))
    }
}

impl Shard {
    /// What a `subscribe` wants, if it wants less than all.
    pub(crate) fn filter(&self, subscribe: &Subscribe<'_>) -> Result<Option<Filter>, ErrorCode> {
        let Some(node) = &subscribe.filter else {
            return Ok(None);
        };
        let may_choose = self.hub.namespace_of(&subscribe.channel).is_some_and(|namespace| namespace.tags_filter);
        match Filter::of(node) {
            Ok(filter) if may_choose => Ok(Some(filter)),
            Ok(_) | Err(_) => Err(ErrorCode::BadRequest),
        }
    }

    /// Gives a new subscription its filter.
    pub(crate) fn set_filter(&mut self, subscription: u32, filter: Option<Filter>) {
        self.hub.facts(subscription).set(hub::Facts::FILTERED, filter.is_some());
        if let Some(filter) = filter {
            self.routing.filters.set(subscription, filter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::filter::Comparison;

    fn is(value: &str) -> Filter {
        Filter::Tag("a".into(), Comparison::Equals(value.into()))
    }

    #[test]
    fn equal_filters_are_one_and_are_asked_once() {
        let mut filters = Filters::default();
        (0..1_000)
            .for_each(|subscription| filters.set(subscription, is(if subscription % 2 == 0 { "x" } else { "y" })));
        assert_eq!(filters.rows.len(), 2);
        let tags: [(Box<str>, Box<str>); 1] = [("a".into(), "x".into())];
        filters.begin();
        for subscription in 0..1_000 {
            assert_eq!(filters.wants(subscription, 0, &tags), subscription % 2 == 0);
            assert!(filters.wants(subscription, 0, &[]) == (subscription % 2 == 0), "it is not asked again");
            assert!(!filters.wants(subscription, 1, &[]), "another publication");
        }
        assert!(filters.wants(5_000, 0, &[]), "without a filter all is wanted");
        filters.begin();
        assert!(!filters.wants(0, 0, &[]));
        (0..1_000).for_each(|subscription| filters.release(subscription));
        assert_eq!((filters.len(), filters.by_filter.len()), (0, 0));
    }
}
