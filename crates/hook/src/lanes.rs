//! How many of one shard's messages are in requests, or wait for a place in one, at each back end. What is more stays in the
//! line of its connection, which the shard reads no further once that line is full: TCP pushes the client back, and nothing is shed.
use std::collections::{BTreeMap, VecDeque};

use crate::event::Of;

/// Names a back end: its hook's place among the hooks, and its own place in the hook.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct LaneId {
    pub(crate) hook: usize,
    pub(crate) back_end: usize,
}

#[derive(Default, Debug)]
struct Lane {
    under_way: usize,
    /// Connections whose next message has no place, in the order in which they get one.
    parked: VecDeque<Of>,
}

/// The lanes of one shard that have something under way.
#[derive(Default, Debug)]
pub(crate) struct Lanes(BTreeMap<LaneId, Lane>);

impl Lanes {
    /// Takes one of so many places, at least one, for a message of a connection; false if there is none, or others are before it: then the
    /// connection is parked.
    pub(crate) fn enter(&mut self, id: LaneId, of: Of, places: usize) -> bool {
        let lane = self.0.entry(id).or_default();
        let enters = lane.parked.is_empty() && lane.has_room(places);
        if enters {
            lane.under_way += 1;
        } else {
            lane.parked.push_back(of);
        }
        enters
    }

    /// A message has been answered: its place is free.
    pub(crate) fn leave(&mut self, id: LaneId) {
        if let Some(lane) = self.0.get_mut(&id) {
            lane.under_way = lane.under_way.saturating_sub(1);
            if lane.under_way == 0 && lane.parked.is_empty() {
                self.0.remove(&id);
            }
        }
    }

    /// Gives a free place, if there is one, to the connection that has been parked longest.
    pub(crate) fn resume(&mut self, id: LaneId, places: usize) -> Option<Of> {
        let lane = self.0.get_mut(&id).filter(|lane| lane.has_room(places))?;
        let of = lane.parked.pop_front()?;
        lane.under_way += 1;
        Some(of)
    }
}

impl Lane {
    /// One place there is always: as long as somebody is parked, something is under way whose end resumes him.
    fn has_room(&self, places: usize) -> bool {
        self.under_way < places.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: LaneId = LaneId { hook: 0, back_end: 0 };

    fn of(conn: u32) -> Of {
        Of { shard: 0, conn, generation: 0 }
    }

    #[test]
    fn who_finds_no_place_gets_one_in_turn() {
        let mut lanes = Lanes::default();
        assert!(lanes.enter(ID, of(1), 2) && lanes.enter(ID, of(2), 2));
        assert!(!lanes.enter(ID, of(3), 2) && !lanes.enter(ID, of(4), 2));
        assert_eq!(lanes.resume(ID, 2), None, "no place is free");
        lanes.leave(ID);
        assert!(!lanes.enter(ID, of(5), 2), "others are before it");
        assert_eq!(lanes.resume(ID, 2), Some(of(3)));
        assert_eq!(lanes.resume(ID, 2), None);
        lanes.leave(ID);
        lanes.leave(ID);
        assert_eq!((lanes.resume(ID, 2), lanes.resume(ID, 2)), (Some(of(4)), Some(of(5))));
        lanes.leave(ID);
        lanes.leave(ID);
        assert!(lanes.0.is_empty(), "nothing is kept of who has nothing under way");
    }

    #[test]
    fn one_place_there_is_always_and_lanes_do_not_wait_for_each_other() {
        let mut lanes = Lanes::default();
        let other = LaneId { back_end: 1, ..ID };
        assert!(lanes.enter(ID, of(1), 0) && !lanes.enter(ID, of(2), 0));
        assert!(lanes.enter(other, of(2), 0));
    }
}
