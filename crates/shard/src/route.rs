//! *Route*: from a draft to the subject's owner, and from the owner to everyone.
//!
//! Local and remote meet in the same functions: [`Shard::accept`] is the owner's end, whether the draft was published here
//! or hopped; [`Shard::deliver`] is the subscribers' end, whether the publication was accepted here or hopped.
use alloc::boxed::Box;

use base::{ConnId, Instant, NONE, ShardId};
use hub::{Delivery, Draft, Position, RecoveryBounds, is_pattern};

use crate::border::{Effects, Frame};
use crate::command::Answer;
use crate::conn::State;
use crate::encode::Encoded;
use crate::hop::{Parcel, Receipt, Recovery, Waiter};
use crate::report::Transport;
use crate::shard::Shard;

mod filters;
mod pace;
mod run;
mod wildcard;

pub(crate) use filters::Filters;
pub(crate) use pace::Paces;
pub(crate) use run::Run;

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
            && let Some(position) = self.idempotency.find(&self.config.key, subject, key, now)
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
            self.report.keys_forgotten += self.idempotency.insert(&self.config.key, subject, key, position, now);
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
            Receipt::Count { conn, generation } => self.counts.add(from, conn, generation),
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
        let transport = self.conns.rows[conn.0].transport;
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
        self.conns.rows[conn.0].active_s = crate::conn::second(now);
        let frame = self.deflated(conn, frame);
        let frame = self.unchunked(conn, frame);
        self.queue(conn, frame, row, count, world);
    }

    /// Asks where a subject stands and what came after `since`, and has this core join it. The answer comes to
    /// [`Shard::joined`], at once if this core owns the subject.
    pub(crate) fn join(
        &mut self,
        row: u32,
        since: Option<Position>,
        newest_only: bool,
        waiter: Waiter,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let subject = self.hub.name(row).clone();
        let bounds = RecoveryBounds { newest_only, ..self.recovery_bounds(waiter) };
        let owner = self.owner(&subject);
        if owner == self.config.shard {
            let recovery = self.recovery(row, since, bounds, now);
            self.joined(row, recovery, waiter, now, world);
        } else {
            self.hub.set_joined(row, true);
            self.mail.send(owner, Parcel::Join { subject, since, bounds, waiter }, world);
        }
    }

    /// What one subject's recovery may bring: all of a request's together fill half of an outbox, so that who catches up
    /// is not taken for a slow reader.
    fn recovery_bounds(&self, waiter: Waiter) -> RecoveryBounds {
        let subjects = match waiter {
            Waiter::Conn { conn, .. } | Waiter::Server { conn, .. } => {
                usize::from(self.conns.rows[conn.0].subscription_count).max(1)
            }
            Waiter::Command(_) => 1,
        };
        RecoveryBounds {
            publications: self.config.limits.recovery_publications,
            bytes: self.config.outbox.bytes / 2 / subjects,
            newest_only: false,
        }
    }

    fn recovery(&mut self, row: u32, since: Option<Position>, bounds: RecoveryBounds, now: Instant) -> Recovery {
        let found = self.hub.recover(row, since, bounds, now);
        let recovery = Recovery { top: found.top, gapless: found.gapless, missed: found.missed };
        self.paces.as_sent(row, since, bounds.newest_only, recovery)
    }

    /// The owner has answered a join: the subscription is live from here on.
    pub(crate) fn joined(
        &mut self,
        row: u32,
        recovery: Recovery,
        waiter: Waiter,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let (conn, generation) = match waiter {
            Waiter::Conn { conn, generation } | Waiter::Server { conn, generation, .. } => (conn, generation),
            Waiter::Command(_) => return,
        };
        let Some(conn_row) = self.conns.find(conn, generation) else {
            return;
        };
        if let Waiter::Server { join, .. } = waiter {
            self.server_side_joined(conn, (row, join), recovery, now, world);
            return;
        }
        let Some(subscription) = self.hub.subscription_to(conn_row.subscriptions, row) else {
            return;
        };
        self.hub.set_live(subscription);
        match self.conns.lent(conn).map(|lent| &lent.state) {
            Some(State::Listening(_)) => self.listener_joined(conn, row, recovery, now, world),
            Some(State::Command(_)) => self.command_joined(conn, subscription, &recovery, now, world),
            Some(
                State::None
                | State::Body(_)
                | State::Publishing { .. }
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

    /// Takes a parcel from another shard.
    pub(crate) fn on_parcel(&mut self, from: ShardId, parcel: Parcel, now: Instant, world: &mut impl Effects) {
        self.hops_in += 1;
        match parcel {
            Parcel::Publish { subject, draft, receipt } => self.accept(from, &subject, draft, receipt, now, world),
            Parcel::Join { subject, since, bounds, waiter } => {
                let row = self.hub.enter(&subject);
                self.hub.watch(row, from);
                let recovery = Box::new(self.recovery(row, since, bounds, now));
                self.mail.send(from, Parcel::Joined { subject, recovery, waiter }, world);
            }
            Parcel::Leave { subject } => {
                if let Some(row) = self.hub.find(&subject) {
                    self.hub.unwatch(row, from);
                    self.hub.release(row);
                }
            }
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

    /// Ends all subscriptions of a connection; subjects that nobody here wants any more are left.
    pub(crate) fn unsubscribe_all(&mut self, conn: ConnId, world: &mut impl Effects) {
        while self.conns.rows[conn.0].subscriptions != NONE {
            self.unsubscribe(conn, self.conns.rows[conn.0].subscriptions, world);
        }
    }

    /// Ends one subscription.
    pub(crate) fn unsubscribe(&mut self, conn: ConnId, subscription: u32, world: &mut impl Effects) {
        let row = self.hub.subscription(subscription).subject;
        self.end_pending(conn, row, world);
        if self.hub.facts(subscription).has(hub::Facts::SOLE) {
            self.claim(conn, row, false, world);
        }
        let announced = self.end_presence(conn, subscription, world);
        let conn_row = &mut self.conns.rows[conn.0];
        self.hub.unsubscribe(subscription, &mut conn_row.subscriptions);
        self.filters.release(subscription);
        conn_row.subscription_count -= 1;
        if let Some(client) = announced {
            self.announce_end(row, client, world);
        }
        self.identities.forget_grant(conn, row);
        self.renewals.forget(conn, row);
        if self.hub.first(row) == NONE && self.hub.is_joined(row) {
            self.hub.set_joined(row, false);
            let subject = self.hub.name(row).clone();
            if is_pattern(&subject) {
                self.leave_pattern(&subject, world);
            } else {
                let owner = self.owner(&subject);
                self.mail.send(owner, Parcel::Leave { subject }, world);
            }
        }
        self.hub.release(row);
    }
}
