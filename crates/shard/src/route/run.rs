//! A *run*: publications of one subject that follow each other within a turn. They are delivered together, so that a fan-out walks
//! the subscribers once, and each outbox holds one frame of all of them.
//!
//! A run is held back only while inputs publish and do nothing else: whatever else comes, the run is delivered first. So nobody
//! joins, leaves or is sent anything between a publication's acceptance and its delivery.
use alloc::rc::Rc;
use alloc::vec::Vec;

use base::{ConnId, Instant, NONE, SubjectName};
use hub::{Delivery, Facts};

use crate::border::{Effects, End, Frame, Input};
use crate::centrifugo::PerDialect;
use crate::command::Command;
use crate::conn::{Flags, Phase, Transport};
use crate::encode::{Encoded, Form};
use crate::hop::Parcel;
use crate::limits::{RUN_BYTES_MAX, RUN_FILTERED_MAX};
use crate::shard::Shard;

/// What waits for its delivery; at rest it is empty.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// The subject's row. It has subscribers, so it stays as long as the run is held back.
    row: u32,
    deliveries: Vec<Delivery>,
    payload_bytes: usize,
    /// True while the input does nothing but publish.
    is_open: bool,
}

impl Run {
    pub(super) fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }
}

/// The frames of a whole run as one, once a dialect.
#[derive(Default)]
struct Joined {
    raw: Option<Frame>,
    event: Option<Frame>,
    /// By [`Form`] of the first of them; of those who take deltas the others are deltas.
    centrifugo: [PerDialect<Option<Frame>>; 3],
}

impl Joined {
    /// All frames for this transport as one; `None` if it has to get them one by one.
    fn of(
        &mut self,
        transport: Transport,
        form: Form,
        encoded: &mut [Encoded<'_>],
        subject: &SubjectName,
    ) -> Option<Frame> {
        let joined = match transport {
            Transport::PlainWebSocket => {
                self.raw.get_or_insert_with(|| concatenated(encoded.iter_mut().map(Encoded::raw)))
            }
            Transport::EventStream => {
                self.event.get_or_insert_with(|| concatenated(encoded.iter_mut().map(|one| one.event(subject))))
            }
            Transport::Centrifugo(dialect) => {
                let made = self.centrifugo[form as usize].get_or_insert_with(dialect, || {
                    let mut form = form;
                    let frames = encoded.iter_mut().map(|one| {
                        let frame = one.centrifugo(dialect, form, subject);
                        form = form.next();
                        frame
                    });
                    let frames: Option<Vec<_>> = frames.collect();
                    frames.map(|frames| concatenated(frames.into_iter()))
                });
                made.as_ref()?
            }
            Transport::LongPoll | Transport::Http | Transport::PublishStream | Transport::Echo | Transport::Hook => {
                return None;
            }
        };
        Some(Rc::clone(joined))
    }
}

fn concatenated(frames: impl Iterator<Item = Frame>) -> Frame {
    let mut bytes = Vec::new();
    frames.for_each(|frame| bytes.extend_from_slice(&frame));
    bytes.into()
}

impl Shard {
    /// Before an input is handled: a run goes on through inputs that only publish.
    pub(crate) fn before(&mut self, input: &Input<'_>, now: Instant, world: &mut impl Effects) {
        let only_publishes = match input {
            Input::Received { conn, .. } => {
                let row = &self.conns[*conn];
                row.transport == Transport::PublishStream && row.phase() == Phase::Open
            }
            Input::Parcel { parcel: Parcel::Publish { .. } | Parcel::Deliver { .. }, .. } => true,
            Input::Command { command: Command::Publish { .. }, .. } => true,
            // The connection's socket is closed: it leaves before the run is delivered, and the run ends then.
            Input::Ended { end: End::Broken, .. } => return,
            Input::Parcel { .. }
            | Input::Command { .. }
            | Input::Accepted { .. }
            | Input::Writable { .. }
            | Input::Ended { end: End::Finished | End::Foreseen, .. } => false,
        };
        if only_publishes {
            self.routing.run.is_open = true;
        } else {
            self.end_run(now, world);
        }
    }

    /// The subscribers' end: delivers a publication, or lets it wait for those that follow it at once.
    pub(crate) fn deliver(&mut self, row: u32, delivery: Delivery, now: Instant, world: &mut impl Effects) {
        if self.routing.run.row != row {
            self.deliver_run(now, world);
        }
        if !self.routing.run.is_open || !self.hub.has_several_subscriptions(row) {
            self.deliver_each(row, core::slice::from_ref(&delivery), now, world);
            return;
        }
        self.routing.run.row = row;
        self.routing.run.payload_bytes += delivery.publication.payload.len();
        self.routing.run.deliveries.push(delivery);
        let is_long = self.routing.run.deliveries.len() >= RUN_FILTERED_MAX && self.routing.filters.len() > 0;
        if is_long || self.routing.run.payload_bytes >= RUN_BYTES_MAX.min(self.config.outbox.bytes / 2) {
            self.deliver_run(now, world);
        }
    }

    /// Delivers what waits; from here on publications are delivered as they come.
    pub(crate) fn end_run(&mut self, now: Instant, world: &mut impl Effects) {
        self.deliver_run(now, world);
        self.routing.run.is_open = false;
    }

    fn deliver_run(&mut self, now: Instant, world: &mut impl Effects) {
        if self.routing.run.is_empty() {
            return;
        }
        let mut deliveries = core::mem::take(&mut self.routing.run.deliveries);
        self.routing.run.payload_bytes = 0;
        self.deliver_each(self.routing.run.row, &deliveries, now, world);
        deliveries.clear();
        self.routing.run.deliveries = deliveries;
    }

    /// Queues publications for every subscriber of this core, encoded once a dialect.
    fn deliver_each(&mut self, row: u32, deliveries: &[Delivery], now: Instant, world: &mut impl Effects) {
        // A publication alone, by far the most frequent, needs no list.
        let (mut one, mut many);
        let encoded: &mut [Encoded<'_>] = match deliveries {
            [delivery] => {
                one = [Encoded::of(delivery)];
                &mut one
            }
            _ => {
                many = deliveries.iter().map(Encoded::of).collect::<Vec<_>>();
                &mut many
            }
        };
        self.deliver_encoded(row, encoded, now, world);
    }

    /// Queues encoded publications for every subscriber of a row on this core.
    pub(super) fn deliver_encoded(
        &mut self,
        row: u32,
        encoded: &mut [Encoded<'_>],
        now: Instant,
        world: &mut impl Effects,
    ) {
        let mut joined = Joined::default();
        self.routing.filters.begin();
        let mut at = self.hub.first(row);
        while at != NONE {
            let subscription = self.hub.subscription(at);
            let (conn, live) = (subscription.conn, subscription.live);
            let is_filtered = subscription.facts.has(Facts::FILTERED);
            let this = core::mem::replace(&mut at, subscription.next());
            if !live {
                continue;
            }
            if is_filtered {
                self.deliver_wanted(conn, this, row, encoded, now, world);
            } else if encoded.len() == 1 || !self.deliver_joined(conn, this, &mut joined, encoded, now, world) {
                for one in encoded.iter_mut() {
                    self.deliver_to(conn, this, row, one, now, world);
                }
            }
        }
    }

    /// Queues what a subscription wants of them.
    fn deliver_wanted(
        &mut self,
        conn: ConnId,
        subscription: u32,
        row: u32,
        encoded: &mut [Encoded<'_>],
        now: Instant,
        world: &mut impl Effects,
    ) {
        for (at, one) in encoded.iter_mut().enumerate() {
            if self.routing.filters.wants(subscription, at, one.publication().tags()) {
                self.deliver_to(conn, subscription, row, one, now, world);
            } else {
                // It has not what the next one may be a delta of.
                self.hub.facts(subscription).set(Facts::BASED, false);
            }
        }
    }

    /// Queues a whole run as one frame; false if this subscriber has to get it one by one: a slow one, since its outbox's policy
    /// is about single publications, and one that is told more than the frames.
    fn deliver_joined(
        &mut self,
        conn: ConnId,
        subscription: u32,
        joined: &mut Joined,
        encoded: &mut [Encoded<'_>],
        now: Instant,
        world: &mut impl Effects,
    ) -> bool {
        let transport = self.conns[conn].transport;
        let tells_more = transport == Transport::EventStream && self.tells_all_positions(conn);
        if tells_more || self.conns[conn].flags.has(Flags::BLOCKED) {
            return false;
        }
        let form = self.form(conn, subscription);
        let row = self.hub.subscription(subscription).subject;
        let Some(frame) = joined.of(transport, form, encoded, self.hub.name(row)) else {
            return false;
        };
        let count = u32::try_from(encoded.len()).unwrap_or(u32::MAX);
        self.queue_delivery(conn, frame, row, count, now, world);
        self.note_base(subscription, form);
        true
    }
}
