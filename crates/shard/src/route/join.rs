//! Subscriptions: they begin, their subject's owner is asked where it stands, they end.
use alloc::boxed::Box;

use base::{ConnId, Instant, NONE, ShardId, SubjectName};
use hub::{Facts, Position, RecoveryBounds, is_pattern};

use crate::border::Effects;
use crate::conn::State;
use crate::hop::{Parcel, Recovery, Waiter};
use crate::shard::Shard;

impl Shard {
    /// The connection's subscription to the subject, live or not.
    pub(crate) fn subscription_of(&self, conn: ConnId, subject: &str) -> Option<u32> {
        let head = self.conns[conn].subscriptions;
        self.hub.find(subject).and_then(|row| self.hub.subscription_to(head, row))
    }

    /// True if the connection has a live subscription to the subject.
    pub(crate) fn is_subscribed(&self, conn: ConnId, subject: &str) -> bool {
        self.subscription_of(conn, subject).is_some_and(|subscription| self.hub.subscription(subscription).live)
    }

    // ---- joining ----

    /// Subscribes the connection; not live until the owner has answered.
    pub(crate) fn subscribe(&mut self, conn: ConnId, subject: &str) -> u32 {
        let row = self.hub.enter(subject);
        let conn_row = &mut self.conns[conn];
        conn_row.subscriptions = self.hub.subscribe(conn, row, conn_row.subscriptions, false);
        conn_row.subscription_count += 1;
        row
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
                usize::from(self.conns[conn].subscription_count).max(1)
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
        self.routing.paces.as_sent(row, since, bounds.newest_only, recovery)
    }

    /// The owner's end: another shard joins.
    pub(crate) fn on_join(
        &mut self,
        (from, waiter): (ShardId, Waiter),
        subject: SubjectName,
        since: Option<Position>,
        bounds: RecoveryBounds,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let row = self.hub.enter(&subject);
        self.hub.watch(row, from);
        let recovery = Box::new(self.recovery(row, since, bounds, now));
        self.mail.send(from, Parcel::Joined { subject, recovery, waiter }, world);
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

    // ---- leaving ----

    /// Ends all subscriptions of a connection; subjects that nobody here wants any more are left.
    pub(crate) fn unsubscribe_all(&mut self, conn: ConnId, world: &mut impl Effects) {
        while self.conns[conn].subscriptions != NONE {
            self.unsubscribe(conn, self.conns[conn].subscriptions, world);
        }
    }

    /// Ends one subscription.
    pub(crate) fn unsubscribe(&mut self, conn: ConnId, subscription: u32, world: &mut impl Effects) {
        let row = self.hub.subscription(subscription).subject;
        self.end_pending(conn, row, world);
        if self.hub.facts(subscription).has(Facts::SOLE) {
            self.claim(conn, row, false, world);
        }
        let announced = self.end_presence(conn, subscription, world);
        let conn_row = &mut self.conns[conn];
        self.hub.unsubscribe(subscription, &mut conn_row.subscriptions);
        self.routing.filters.release(subscription);
        conn_row.subscription_count -= 1;
        if let Some(client) = announced {
            self.announce_end(row, client, world);
        }
        self.clients.forget_grant(conn, row);
        self.asking.forget_end(conn, row);
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

    /// The owner's end: nobody on another shard is subscribed any more.
    pub(crate) fn on_leave(&mut self, from: ShardId, subject: &str) {
        if let Some(row) = self.hub.find(subject) {
            self.hub.unwatch(row, from);
            self.hub.release(row);
        }
    }
}
