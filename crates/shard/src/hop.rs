//! *Hop*: this shard's ends of the mailboxes. What a mailbox has no room for waits here, in order.
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use base::ShardId;

use crate::border::Effects;
use crate::limits::BACKLOG_PARCELS_MAX;

mod parcel;

pub use parcel::{Lane, Parcel, Receipt, Recovery, Waiter};

/// What waits for each other shard, a queue a lane.
#[derive(Debug)]
pub(crate) struct Mail {
    waiting: Vec<[VecDeque<Parcel>; 2]>,
    count: usize,
    /// Parcels sent.
    pub(crate) sent: u64,
}

fn index(lane: Lane) -> usize {
    match lane {
        Lane::Request => 0,
        Lane::Delivery => 1,
    }
}

impl Mail {
    pub(crate) fn new(shards: u16) -> Self {
        Self { waiting: (0..shards).map(|_| Default::default()).collect(), count: 0, sent: 0 }
    }

    /// Sends a parcel now, or behind those that wait.
    pub(crate) fn send(&mut self, to: ShardId, parcel: Parcel, world: &mut impl Effects) {
        self.sent += 1;
        let queue = &mut self.waiting[to.index()][index(parcel.lane())];
        let parcel = if queue.is_empty() {
            match world.hop(to, parcel) {
                Ok(()) => return,
                Err(parcel) => parcel,
            }
        } else {
            parcel
        };
        queue.push_back(parcel);
        self.count += 1;
    }

    /// Tries again what waits.
    pub(crate) fn retry(&mut self, world: &mut impl Effects) {
        if self.count == 0 {
            return;
        }
        for (to, lanes) in (0..).map(ShardId).zip(&mut self.waiting) {
            for queue in lanes {
                while let Some(parcel) = queue.pop_front() {
                    if let Err(parcel) = world.hop(to, parcel) {
                        queue.push_front(parcel);
                        break;
                    }
                    self.count -= 1;
                }
            }
        }
    }

    /// Parcels that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.count
    }

    /// True while nothing more should be taken in that makes parcels.
    pub(crate) fn is_over_bound(&self) -> bool {
        self.count >= BACKLOG_PARCELS_MAX
    }

    /// True when those who were stopped may go on: well under the bound, so that they don't stop again at once.
    pub(crate) fn has_room(&self) -> bool {
        self.count <= BACKLOG_PARCELS_MAX / 2
    }
}
