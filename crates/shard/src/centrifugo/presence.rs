//! Presence: which clients are subscribed to a subject, and how many.
//!
//! Two answers, kept in two places. *How many* is known to the subject's owner: every shard tells it of each client that comes and
//! goes, before it asks to join and after it has left, so a count is one look-up wherever it is asked for. *Which* is known to
//! the shards where they are connected, in the rows that they have anyway: whoever wants to know asks all of them.
use alloc::boxed::Box;
use alloc::vec::Vec;

use base::{ConnId, Instant, NONE, ShardId};
use hub::{Facts, Headcount, Namespace, Operation, Override, Publisher, Ruling, is_pattern};
use protocol::centrifugo::{ClientInfo, Disconnect, ErrorCode, PresenceStatsResult};

use super::{Next, Waiting};
use crate::border::Effects;
use crate::client::{Refused, permission};
use crate::conn::State;
use crate::hop::{Parcel, Waiter};
use crate::shard::Shard;

/// Clients that are present, of one shard or of all; `None` if they are too many for one answer
/// ([`crate::Limits::presence_clients`]).
pub type Roll = Option<Vec<Publisher>>;

/// Why there is no presence to tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PresenceError {
    /// No namespace names the subject.
    NoNamespace,
    /// The namespace keeps no presence.
    Off,
}

/// A client's `presence` while the shards are asked.
#[derive(Debug)]
pub(crate) struct RollCall {
    id: u32,
    /// Shards that have not answered yet.
    unanswered: u16,
    roll: Roll,
}

impl Shard {
    // ---- coming and going ----

    /// What a subscription is to presence: counted, told of, told.
    pub(super) fn terms(&self, conn: ConnId, row: u32, wants_to_hear: bool, changes: &Override) -> Facts {
        let mut facts = Facts::default();
        let Some(namespace) = self.hub.namespace(row) else {
            return facts;
        };
        facts.set(Facts::PRESENT, changes.presence.unwrap_or(namespace.presence));
        if is_pattern(self.hub.name(row)) {
            // Who comes to a pattern comes to no channel that others hear of.
            return facts;
        }
        let join_leave = changes.join_leave.unwrap_or(namespace.join_leave);
        facts.set(Facts::ANNOUNCES, join_leave);
        // It is subscribing, so that it is as good as a subscriber.
        let channel: &str = self.hub.name(row);
        let may_hear = wants_to_hear && join_leave && self.has_presence_access(conn, namespace, channel, true);
        let is_forced = changes.force_push_join_leave.unwrap_or(namespace.force_push_join_leave);
        let is_denied = self.ruling(conn, Operation::Presence, channel) == Ruling::Denied;
        facts.set(Facts::HEARS, (is_forced || may_hear) && !is_denied);
        facts
    }

    /// A client has subscribed: its subscription is to presence what `facts` say, and the owner is told that it is there.
    pub(super) fn begin_presence(&mut self, conn: ConnId, row: u32, facts: Facts, world: &mut impl Effects) {
        let subscription = self.conns[conn].subscriptions;
        debug_assert_eq!(self.hub.subscription(subscription).subject, row, "the newest subscription is the first");
        *self.hub.facts(subscription) = facts;
        if facts.has(Facts::HEARS) {
            self.centrifugo.hearers.insert((row, subscription));
        }
        if facts.has(Facts::PRESENT) {
            self.tell_owner(conn, row, true, world);
        }
    }

    /// A subscription is about to end. If others were told that it has come, they are to be told of this client that it goes.
    pub(crate) fn end_presence(
        &mut self,
        conn: ConnId,
        subscription: u32,
        world: &mut impl Effects,
    ) -> Option<Publisher> {
        let hub::Subscription { facts, subject: row, .. } = *self.hub.subscription(subscription);
        if facts.has(Facts::PRESENT) {
            self.tell_owner(conn, row, false, world);
        }
        if facts.has(Facts::HEARS) {
            self.centrifugo.hearers.remove(&(row, subscription));
        }
        facts.has(Facts::ANNOUNCED).then(|| self.publisher(conn, Some(row)))
    }

    fn tell_owner(&mut self, conn: ConnId, row: u32, comes: bool, world: &mut impl Effects) {
        let user = self.clients.user_hash(self.conns[conn].session);
        let owner = self.owner(self.hub.name(row));
        if owner != self.config.shard {
            let subject = self.hub.name(row).clone();
            self.mail.send(owner, Parcel::Attend { subject, user, comes }, world);
        } else if comes {
            self.hub.attend(row, user);
        } else {
            self.hub.depart(row, user);
        }
    }

    /// The owner's end: another shard's client comes or goes.
    pub(crate) fn count_in(&mut self, subject: &str, user: u64, comes: bool) {
        let row = self.hub.enter(subject);
        if comes {
            self.hub.attend(row, user);
        } else {
            self.hub.depart(row, user);
            self.hub.release(row);
        }
    }

    // ---- asking ----

    /// How many are present in a subject that this shard owns.
    pub(crate) fn census(&self, subject: &str) -> Headcount {
        self.hub.find(subject).map(|row| self.hub.headcount(row)).unwrap_or_default()
    }

    /// Which clients of this shard are present.
    pub(crate) fn roll(&self, subject: &str) -> Roll {
        let mut clients = Vec::new();
        let Some(row) = self.hub.find(subject) else {
            return Some(clients);
        };
        let (mut at, mut looked_at) = (self.hub.first(row), 0);
        while at != NONE {
            looked_at += 1;
            if looked_at > self.config.limits.presence_clients {
                return None;
            }
            let subscription = self.hub.subscription(at);
            if subscription.facts.has(Facts::PRESENT) {
                clients.push(self.publisher(subscription.conn, Some(row)));
            }
            at = subscription.next();
        }
        Some(clients)
    }

    /// Whether the subject's presence is kept.
    pub(crate) fn present_at_all(&self, subject: &str) -> Result<(), PresenceError> {
        match self.hub.namespace_of(subject) {
            None => Err(PresenceError::NoNamespace),
            Some(namespace) if !namespace.presence => Err(PresenceError::Off),
            Some(_) => Ok(()),
        }
    }

    // ---- the client's commands ----

    /// `presence`.
    pub(super) fn on_presence(
        &mut self,
        conn: ConnId,
        id: u32,
        channel: &str,
        now: Instant,
        world: &mut impl Effects,
    ) -> Next {
        if let Err(refused) = self.may_see_presence(conn, channel) {
            return self.refused(conn, id, refused, now);
        }
        let call = RollCall { id, unanswered: self.config.shards, roll: Some(Vec::new()) };
        let waiter = self.wait(conn, Waiting::Presence(Box::new(call)));
        for shard in (0..self.config.shards).map(ShardId).filter(|shard| *shard != self.config.shard) {
            self.mail.send(shard, Parcel::RollCall { subject: channel.into(), waiter }, world);
        }
        let roll = self.roll(channel);
        self.called(waiter, roll, now);
        self.next_by_phase(conn)
    }

    /// `presence_stats`.
    pub(super) fn on_presence_stats(
        &mut self,
        conn: ConnId,
        id: u32,
        channel: &str,
        now: Instant,
        world: &mut impl Effects,
    ) -> Next {
        if let Err(refused) = self.may_see_presence(conn, channel) {
            return self.refused(conn, id, refused, now);
        }
        let waiter = self.wait(conn, Waiting::PresenceStats { id });
        let owner = self.owner(channel);
        if owner == self.config.shard {
            let headcount = self.census(channel);
            self.counted_heads(waiter, headcount, now);
        } else {
            self.mail.send(owner, Parcel::Census { subject: channel.into(), waiter }, world);
        }
        self.next_by_phase(conn)
    }

    /// The checks of section 2.4, in their order.
    fn may_see_presence(&self, conn: ConnId, channel: &str) -> Result<(), Refused> {
        if channel.is_empty() {
            return Err(Refused::Disconnect(Disconnect::BadRequest));
        }
        let namespace = self.known_namespace(channel).map_err(Refused::Error)?;
        let Some(namespace) = namespace.filter(|namespace| namespace.presence) else {
            return Err(Refused::Error(ErrorCode::NotAvailable));
        };
        if self.has_presence_access(conn, namespace, channel, self.is_subscribed(conn, channel)) {
            Ok(())
        } else {
            Err(Refused::Error(ErrorCode::PermissionDenied))
        }
    }

    fn has_presence_access(&self, conn: ConnId, namespace: &Namespace, channel: &str, is_subscribed: bool) -> bool {
        let is_anonymous = self.user(conn).is_empty();
        let admits = || permission::to_see(&self.config.admission, namespace, is_anonymous, is_subscribed);
        self.permits(conn, Operation::Presence, channel, admits)
    }

    /// The owner has counted.
    pub(crate) fn counted_heads(&mut self, waiter: Waiter, headcount: Headcount, now: Instant) {
        let Waiter::Conn { conn, generation } = waiter else { return };
        if self.conns.find(conn, generation).is_none() {
            return;
        }
        let Some(State::Command(Waiting::PresenceStats { id })) = self.conns.lent(conn).map(|lent| &lent.state) else {
            return;
        };
        let id = *id;
        self.conns.take_state(conn);
        let result = PresenceStatsResult { clients: headcount.clients, users: headcount.users };
        self.tell(conn, |encoding, out| encoding.reply_presence_stats(out, id, &result));
        self.answered(conn, now);
    }

    /// A shard has called its roll; the last one completes the answer.
    pub(crate) fn called(&mut self, waiter: Waiter, roll: Roll, now: Instant) {
        let Waiter::Conn { conn, generation } = waiter else { return };
        if self.conns.find(conn, generation).is_none() {
            return;
        }
        let Some(State::Command(Waiting::Presence(call))) = self.conns.lent(conn).map(|lent| &mut lent.state) else {
            return;
        };
        let most = self.config.limits.presence_clients;
        call.roll = call.roll.take().zip(roll).filter(|(all, more)| all.len() + more.len() <= most).map(
            |(mut all, mut more)| {
                all.append(&mut more);
                all
            },
        );
        call.unanswered -= 1;
        if call.unanswered > 0 {
            return;
        }
        let (id, roll) = (call.id, call.roll.take());
        self.conns.take_state(conn);
        match roll {
            Some(clients) => {
                let clients: Vec<_> = clients.iter().map(told).collect();
                self.tell(conn, |encoding, out| encoding.reply_presence(out, id, &clients));
            }
            None => {
                self.reply_error(conn, id, ErrorCode::LimitExceeded);
            }
        }
        self.answered(conn, now);
    }
}

/// A client as others are told.
pub(crate) fn told(client: &Publisher) -> ClientInfo<'_> {
    let Publisher { user, client, conn_info, chan_info } = client;
    ClientInfo { user, client, conn_info, chan_info }
}
