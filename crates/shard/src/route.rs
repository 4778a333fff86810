//! *Route*: from a draft to the subject's owner, and from the owner to everyone.
//!
//! Local and remote meet in the same functions: [`Shard::accept`] is the owner's end, whether the draft was published here
//! or hopped; [`Shard::deliver`] is the subscribers' end, whether the publication was accepted here or hopped.
use alloc::vec::Vec;

use base::{ConnId, Instant, ShardId};
use hub::{Delivery, Draft, Idempotency, Position, Publication};

use crate::border::{Effects, Frame};
use crate::command::Answer;
use crate::conn::{State, Transport};
use crate::encode::Encoded;
use crate::hop::{Parcel, Receipt, Waiter};
use crate::report::Holdings;
use crate::shard::Shard;

mod filters;
mod join;
mod pace;
mod run;
mod wildcard;

use filters::Filters;
use pace::Paces;
use run::Run;

/// A shard's part in routing.
#[derive(Debug, Default)]
pub(crate) struct Routing {
    idempotency: Idempotency,
    run: Run,
    paces: Paces,
    filters: Filters,
    /// Rows of patterns that a subject fits; empty between uses.
    fitting: Vec<u32>,
}

impl Routing {
    /// Whether the subscription wants the publication.
    pub(crate) fn wants(&self, subscription: u32, publication: &Publication) -> bool {
        self.filters.wants_one(subscription, publication.tags())
    }

    /// When something is to be sent or forgotten.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        [self.paces.next_due(), self.idempotency.next_expiry()].into_iter().flatten().min()
    }

    /// Forgets the idempotency keys whose time is over.
    pub(crate) fn forget_keys(&mut self, now: Instant) {
        if self.idempotency.next_expiry().is_some_and(|at| at <= now) {
            let _ = self.idempotency.forget(now, hub::KEYS_MAX);
        }
    }

    /// Adds what it holds.
    pub(crate) fn count(&self, holdings: &mut Holdings) {
        holdings.filters = self.filters.len();
        holdings.paces = self.paces.len();
    }

    /// Bytes of publications that wait, and of idempotency keys.
    pub(crate) fn bytes(&self) -> usize {
        self.paces.bytes() + self.idempotency.bytes()
    }
}

impl Shard {
    /// Publishes: here if this shard owns the subject, else by a hop to its owner.
    pub(crate) fn publish(
        &mut self,
        subject: &str,
        draft: Draft,
        receipt: Receipt,
        now: Instant,
        world: &mut impl Effects,
    ) {
        self.report.messages_in += 1;
        let owner = self.owner(subject);
        if owner == self.config.shard {
            self.accept(owner, subject, draft, receipt, now, world);
        } else {
            self.mail.send(owner, Parcel::Publish { subject: subject.into(), draft, receipt }, world);
        }
    }

    /// The owner's end: gives the draft its place, keeps it, and sends it to every core that wants it.
    pub(crate) fn accept(
        &mut self,
        from: ShardId,
        subject: &str,
        draft: Draft,
        receipt: Receipt,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let key = draft.extra.as_ref().and_then(|extra| extra.idempotency_key.clone());
        if let Some(key) = &key
            && let Some(position) = self.routing.idempotency.find(&self.config.key, subject, key, now)
        {
            self.receipt(from, receipt, position, now, world);
            return;
        }
        let row = self.hub.enter(subject);
        if let Some(version) = draft.extra.as_ref().and_then(|extra| extra.version.as_ref())
            && self.hub.is_outdated(row, version)
        {
            self.report.outdated += 1;
            let top = self.hub.top(row);
            self.hub.release(row);
            self.receipt(from, receipt, top, now, world);
            return;
        }
        let base = self.base(row, &draft);
        let publication = self.hub.publish(row, draft, now);
        let position = publication.position;
        let delivery = Delivery { publication, base };
        if let Some(key) = &key {
            self.report.keys_forgotten +=
                self.routing.idempotency.insert(&self.config.key, subject, key, position, now);
        }
        if let Some(delivery) = self.paced(row, delivery, now) {
            self.send_out(row, delivery, now, world);
        }
        self.hub.release(row);
        self.receipt(from, receipt, position, now, world);
    }

    fn receipt(&mut self, from: ShardId, receipt: Receipt, position: Position, now: Instant, world: &mut impl Effects) {
        match receipt {
            Receipt::None => {}
            Receipt::Count { conn, generation } => self.acks.add(from, conn, generation),
            Receipt::Position(waiter) if from == self.config.shard => self.published(waiter, position, now, world),
            Receipt::Position(waiter) => self.mail.send(from, Parcel::Published { waiter, position }, world),
        }
    }

    /// Queues a publication for one subscriber, of a subscription that is `NONE` if it takes no deltas.
    pub(crate) fn deliver_to(
        &mut self,
        conn: ConnId,
        subscription: u32,
        row: u32,
        encoded: &mut Encoded<'_>,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let transport = self.conns[conn].transport;
        let form = self.form(conn, subscription);
        let frame = match transport {
            Transport::PlainWebSocket => encoded.raw(),
            Transport::Centrifugo(dialect) => match encoded.centrifugo(dialect, form, self.hub.name(row)) {
                Some(frame) => frame,
                None => {
                    self.doom(conn, protocol::centrifugo::Disconnect::InappropriateProtocol);
                    return;
                }
            },
            Transport::EventStream if self.tells_all_positions(conn) => {
                self.note_event(conn, row, encoded, now, world);
                return;
            }
            Transport::EventStream => encoded.event(self.hub.name(row)),
            Transport::LongPoll => {
                self.collect(conn, row, encoded.publication());
                return;
            }
            Transport::Http | Transport::PublishStream | Transport::Echo | Transport::Hook => return,
        };
        self.queue_delivery(conn, frame, row, 1, now, world);
        self.note_base(subscription, form);
    }

    /// Queues a frame of `count` publications and counts them.
    pub(crate) fn queue_delivery(
        &mut self,
        conn: ConnId,
        frame: Frame,
        row: u32,
        count: u32,
        now: Instant,
        world: &mut impl Effects,
    ) {
        self.report.messages_out += u64::from(count);
        self.conns[conn].note_active(now);
        let frame = self.deflated(conn, frame);
        let frame = self.unchunked(conn, frame);
        self.queue(conn, frame, row, count, world);
    }

    /// The owner has accepted a publication whose publisher wants to know where it stands.
    pub(crate) fn published(&mut self, waiter: Waiter, position: Position, now: Instant, world: &mut impl Effects) {
        match waiter {
            Waiter::Server { .. } => {}
            Waiter::Command(ticket) => world.answer(ticket, Answer::Published(position)),
            Waiter::Conn { conn, generation } => {
                if self.conns.find(conn, generation).is_none() {
                    return;
                }
                match self.conns.lent(conn).map(|lent| &lent.state) {
                    Some(State::Publishing { .. }) => self.answer_publish(conn, position, now, world),
                    Some(State::Command(_)) => self.command_published(conn, now),
                    Some(
                        State::None
                        | State::Body(_)
                        | State::Listening(_)
                        | State::Publisher(_)
                        | State::Uplink(_)
                        | State::Introduced(_)
                        | State::Knock(_)
                        | State::Push(_)
                        | State::Asked(_),
                    )
                    | None => {}
                }
            }
        }
    }
}
