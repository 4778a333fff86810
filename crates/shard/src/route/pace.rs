//! *Pace*: subjects of which subscribers are sent the newest publication every so often, and no more (`conflate_ms` of a namespace).
//!
//! The owner keeps the pace, so that all of a subject's subscribers see the same. The first publication goes out at once; those
//! that come before its time is over wait, each in the place of the one before it; then the last of them goes out, and so on until
//! none has come. All of them have their place in the subject and in its history: who recovers what has not gone out yet is told of
//! where the subject stood for the others, and gets the rest with them.
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use base::Instant;
use hub::{Base, Delivery, Draft, Position, Publication};

use crate::border::Effects;
use crate::hop::{Parcel, Recovery};
use crate::limits::PACED_BYTES_MAX;
use crate::shard::Shard;

/// Most subjects that one call of a turn sends for, so that a million of them don't hold up a message.
const DUE_PER_TURN_MAX: usize = 1_024;

/// What a subject with a pace costs beside its payloads.
const PACE_BYTES: usize = 300;

/// A subject whose time is not over.
#[derive(Debug)]
struct Pace {
    due: Instant,
    /// What went out last.
    sent: Publication,
    /// What goes out next.
    waiting: Option<Box<Delivery>>,
}

impl Pace {
    fn bytes(&self) -> usize {
        let waiting = self.waiting.as_ref().map_or(0, |waiting| waiting.publication.bytes());
        PACE_BYTES + self.sent.bytes() + waiting
    }
}

/// The paces of a shard, by the subject's row; each holds its row.
#[derive(Debug, Default)]
pub(super) struct Paces {
    by_row: BTreeMap<u32, Pace>,
    dues: BTreeSet<(Instant, u32)>,
    bytes: usize,
}

impl Paces {
    pub(super) fn len(&self) -> usize {
        self.by_row.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.dues.first().map(|due| due.0)
    }

    fn set(&mut self, row: u32, pace: Pace) {
        self.take(row);
        self.bytes += pace.bytes();
        self.dues.insert((pace.due, row));
        self.by_row.insert(row, pace);
    }

    fn take(&mut self, row: u32) -> Option<Pace> {
        let pace = self.by_row.remove(&row)?;
        self.bytes -= pace.bytes();
        self.dues.remove(&(pace.due, row));
        Some(pace)
    }

    /// A recovery, as if what waits had not been published yet.
    pub(super) fn as_sent(
        &self,
        row: u32,
        since: Option<Position>,
        newest_only: bool,
        mut recovery: Recovery,
    ) -> Recovery {
        let Some(Pace { sent, .. }) = self.by_row.get(&row).filter(|pace| pace.waiting.is_some()) else {
            return recovery;
        };
        let top = sent.position;
        recovery.top = top;
        let is_there = since.is_some_and(|since| {
            since.offset == top.offset && (since.epoch == top.epoch || since.epoch == Position::ANY_EPOCH)
        });
        if is_there || since.is_none() {
            (recovery.missed, recovery.gapless) = (Vec::new(), true);
        } else if newest_only {
            recovery.missed = Some(sent).filter(|sent| sent.kept).cloned().into_iter().collect();
            recovery.gapless = !recovery.missed.is_empty();
        } else {
            recovery.missed.retain(|one| one.position.offset <= top.offset);
        }
        recovery
    }
}

impl Shard {
    /// What the draft may be told as a delta of: what was sent last.
    pub(crate) fn base(&self, row: u32, draft: &Draft) -> Option<Arc<Base>> {
        match self.routing.paces.by_row.get(&row) {
            None => self.hub.base(row, draft),
            Some(Pace { sent, .. }) if self.hub.wants_delta(row, draft) => {
                Some(Arc::new(Base { payload: Arc::clone(&sent.payload), kind: sent.kind }))
            }
            Some(_) => None,
        }
    }

    /// How often the subject's subscribers are sent something at most; zero: whenever there is something.
    fn interval(&self, row: u32) -> Duration {
        self.hub.namespace(row).map_or(Duration::ZERO, |namespace| namespace.conflate)
    }

    /// A publication that may go out now; `None`: it waits.
    pub(super) fn paced(&mut self, row: u32, delivery: Delivery, now: Instant) -> Option<Delivery> {
        let interval = self.interval(row);
        let pace = self.routing.paces.take(row);
        if interval.is_zero() && pace.is_none() {
            return Some(delivery);
        }
        let is_full = self.routing.paces.bytes + PACE_BYTES + delivery.publication.bytes() > PACED_BYTES_MAX;
        match pace {
            Some(pace) if !is_full => {
                self.report.conflated += u64::from(pace.waiting.is_some());
                self.routing.paces.set(row, Pace { waiting: Some(delivery.into()), ..pace });
                None
            }
            // There is no room to let it wait in: it goes out, and so does what comes after it.
            pace @ (Some(_) | None) if is_full => {
                self.report.conflated += u64::from(pace.is_some_and(|pace| pace.waiting.is_some()));
                self.hub.pin(row, false);
                Some(delivery)
            }
            Some(_) | None => {
                self.hub.pin(row, true);
                let sent = delivery.publication.clone();
                self.routing.paces.set(row, Pace { due: now + interval, sent, waiting: None });
                Some(delivery)
            }
        }
    }

    /// Sends out what has waited long enough.
    pub(crate) fn send_due_paces(&mut self, now: Instant, world: &mut impl Effects) {
        for _ in 0..DUE_PER_TURN_MAX {
            let Some(&(_, row)) = self.routing.paces.dues.first().filter(|due| due.0 <= now) else {
                return;
            };
            let Some(Pace { waiting, .. }) = self.routing.paces.take(row) else {
                return;
            };
            let interval = self.interval(row);
            match waiting {
                Some(delivery) => {
                    let sent = delivery.publication.clone();
                    if interval.is_zero() {
                        self.hub.pin(row, false);
                    } else {
                        // A turn that comes late does not shorten the next interval.
                        self.routing.paces.set(row, Pace { due: now + interval, sent, waiting: None });
                    }
                    self.send_out(row, *delivery, now, world);
                }
                None => self.hub.pin(row, false),
            }
            self.hub.release(row);
        }
    }

    /// Sends a publication of a subject that this shard owns to every core that wants it.
    pub(super) fn send_out(&mut self, row: u32, delivery: Delivery, now: Instant, world: &mut impl Effects) {
        let mut fitting = core::mem::take(&mut self.routing.fitting);
        let others = self.hub.patterns.fitting(self.hub.name(row), &mut fitting);
        for shard in self.hub.watchers(row, others) {
            let parcel = Parcel::Deliver { subject: self.hub.name(row).clone(), delivery: delivery.clone() };
            self.mail.send(shard, parcel, world);
        }
        if !fitting.is_empty() {
            let subject = self.hub.name(row).clone();
            self.deliver_to_fitting(&fitting, &subject, &delivery.publication, now, world);
            fitting.clear();
        }
        self.routing.fitting = fitting;
        self.deliver(row, delivery, now, world);
    }
}
