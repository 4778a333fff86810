//! New namespaces while the core runs.
use alloc::vec::Vec;

use base::NONE;

use super::{Hub, Namespace};

impl Hub {
    /// Takes other namespaces. Every subject finds its own anew, at once: a name and a list of patterns each. What a subject has kept is
    /// bounded anew when it is next published to or read; what its namespace keeps no more is dropped. Subscriptions stay.
    pub fn set_namespaces(&mut self, namespaces: Vec<Namespace>, history_bytes_max: usize) {
        self.some_may_drop = Self::may_drop(&namespaces);
        self.namespaces = namespaces.into();
        self.history_bytes_max = history_bytes_max;
        let rows: Vec<u32> = self.index.iter().copied().collect();
        for row in rows {
            self.subjects[row].namespace = self.namespace_number(&self.subjects[row].name);
            let history = self.subjects[row].history;
            if history != NONE && self.history_bounds(row).is_none() {
                self.drop_history(history);
            }
        }
        self.make_room(NONE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Draft, HistoryBounds, Kind, Pattern, RecoveryBounds};
    use alloc::sync::Arc;
    use base::{ConnId, Instant, SubjectKey};
    use core::time::Duration;

    fn keeping(pattern: &str, count: u32) -> Namespace {
        let bounds = HistoryBounds { count, bytes: 1 << 20, age: Duration::from_secs(60) };
        Namespace { history: (count > 0).then_some(bounds), ..Namespace::closed(Pattern::parse(pattern).unwrap()) }
    }

    fn publish(hub: &mut Hub, row: u32) {
        let draft = Draft { payload: Arc::from(&b"1"[..]), kind: Kind::Text, extra: None };
        hub.publish(row, draft, Instant::ORIGIN);
    }

    #[test]
    fn subjects_find_their_namespace_anew_and_keep_position_and_subscribers() {
        let mut hub = Hub::new(SubjectKey([1, 2]), alloc::vec![keeping(">", 10)], 1 << 20, 7);
        let (kept, closed) = (hub.enter("kept.a"), hub.enter("closed.a"));
        let subscription = hub.subscribe(ConnId(1), closed, NONE, true);
        for row in [kept, closed] {
            (0..5).for_each(|_| publish(&mut hub, row));
        }
        hub.set_namespaces(alloc::vec![keeping("kept.*", 2), keeping("closed.*", 0)], 1 << 20);
        let bounds = RecoveryBounds { publications: 9, bytes: 1 << 20, newest_only: false };
        let zero = crate::Position { epoch: hub.top(kept).epoch, offset: 0 };
        let recovered = hub.recover(kept, Some(zero), bounds, Instant::ORIGIN);
        assert_eq!((recovered.top.offset, recovered.missed.len()), (5, 2));
        assert!(hub.history(closed).is_none() && hub.top(closed).offset == 5);
        assert_eq!(hub.first(closed), subscription);
        assert!(hub.next_history_expiry().is_some(), "what is left still expires");
        hub.set_namespaces(Vec::new(), 1 << 20);
        assert!(hub.namespace(closed).is_none() && hub.next_history_expiry().is_none());
        assert_eq!(hub.find("kept.a"), None, "nobody needs it");
    }
}
