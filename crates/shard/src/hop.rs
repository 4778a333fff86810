//! *Hop*: this shard's ends of the mailboxes. What a mailbox has no room for waits here, in order; what comes out of one is opened here.
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use base::{Instant, ShardId};

use crate::border::Effects;
use crate::limits::BACKLOG_PARCELS_MAX;
use crate::shard::Shard;

mod parcel;

pub use parcel::{Lane, Parcel, Receipt, Recovery, Waiter};

/// What waits for each other shard, a queue a lane.
#[derive(Debug)]
pub(crate) struct Mail {
    waiting: Vec<[VecDeque<Parcel>; 2]>,
    count: usize,
    sent: u64,
    received: u64,
}

fn index(lane: Lane) -> usize {
    match lane {
        Lane::Request => 0,
        Lane::Delivery => 1,
    }
}

impl Mail {
    /// Nothing waits yet.
    pub(crate) fn new(shards: u16) -> Self {
        Self { waiting: (0..shards).map(|_| Default::default()).collect(), count: 0, sent: 0, received: 0 }
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

    /// A parcel has come.
    pub(crate) fn note_received(&mut self) {
        self.received += 1;
    }

    /// Parcels sent, and parcels received.
    pub(crate) fn hops(&self) -> [u64; 2] {
        [self.sent, self.received]
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

impl Shard {
    /// Takes a parcel from another shard.
    pub(crate) fn on_parcel(&mut self, from: ShardId, parcel: Parcel, now: Instant, world: &mut impl Effects) {
        self.mail.note_received();
        match parcel {
            Parcel::Publish { subject, draft, receipt } => self.accept(from, &subject, draft, receipt, now, world),
            Parcel::Join { subject, since, bounds, waiter } => {
                self.on_join((from, waiter), subject, since, bounds, now, world);
            }
            Parcel::Leave { subject } => self.on_leave(from, &subject),
            Parcel::Joined { subject, recovery, waiter } => {
                if let Some(row) = self.hub.find(&subject) {
                    self.joined(row, *recovery, waiter, now, world);
                }
            }
            Parcel::Deliver { subject, delivery } => {
                self.deliver_to_patterns(&subject, &delivery.publication, now, world);
                if let Some(row) = self.hub.find(&subject) {
                    self.deliver(row, delivery, now, world);
                }
            }
            Parcel::Watch { pattern, waiter } => {
                self.hub.patterns.set_watcher(&pattern, from, true);
                self.mail.send(from, Parcel::Watched { pattern, waiter }, world);
            }
            Parcel::Unwatch { pattern } => self.hub.patterns.set_watcher(&pattern, from, false),
            Parcel::Watched { pattern, waiter } => self.watched(&pattern, waiter, now, world),
            Parcel::Counted { conn, generation, count } => self.counted(from, conn, generation, count, now),
            Parcel::Published { waiter, position } => self.published(waiter, position, now, world),
            Parcel::Excerpt { subject, query, waiter } => {
                let excerpt = Box::new(self.excerpt(&subject, &query, now));
                self.mail.send(from, Parcel::Excerpted { waiter, excerpt }, world);
            }
            Parcel::Attend { subject, user, comes } => self.count_in(&subject, user, comes),
            Parcel::Announce { subject, client, comes } => self.on_announce(&subject, &client, comes, world),
            Parcel::Claim { subject, conn, generation, stays } => {
                self.on_claim((from, conn, generation), &subject, stays, world);
            }
            Parcel::Superseded { conn, generation } => self.supersede(conn, generation, now),
            Parcel::Told { subject, client, comes } => self.on_told(&subject, &client, comes),
            Parcel::Census { subject, waiter } => {
                let headcount = self.census(&subject);
                self.mail.send(from, Parcel::Headcount { waiter, headcount }, world);
            }
            Parcel::RollCall { subject, waiter } => {
                let roll = self.roll(&subject);
                self.mail.send(from, Parcel::Roll { waiter, roll }, world);
            }
            Parcel::Headcount { waiter, headcount } => self.counted_heads(waiter, headcount, now),
            Parcel::Roll { waiter, roll } => self.called(waiter, roll, now),
            Parcel::Excerpted { waiter, excerpt } => self.excerpted(waiter, *excerpt, now, world),
            Parcel::Uplink { session, commands, waiter } => {
                self.on_uplink(from, session, commands, waiter, now, world);
            }
            Parcel::HookRequest(request) => self.on_hook_request(from, request, now, world),
            Parcel::HookDelivery(delivery) => self.on_hook_delivery(delivery, now, world),
            Parcel::Uplinked { waiter } => self.uplinked(waiter, now, world),
        }
    }
}
