//! Server-side subscriptions: those that the client did not ask for one by one. The connection token names them, the client's
//! `connect` does, a user has a personal channel, or the API subscribes (the protocol page, sections 4.1 and 4.2).
//!
//! A connect waits until every owner has answered, and holds the outbox meanwhile: what is delivered before the reply waits behind it,
//! so that the reply, what was recovered and what comes live are in order, without a gap and without a duplicate. Afterwards a
//! subscription begins with a push, whatever the client is doing.
//!
//! Answers find their subscription by a number of their own: another subscription of the client to the same subject may have
//! begun since, and would be told of the earlier one's position.
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use base::{ConnId, Instant};
use hub::{Facts, Position};
use protocol::centrifugo::{Publication as Push, SubscribeResult};
use protocol::{Encoding, epoch};

use super::Waiting;
use super::connect::Answered;
use super::subscribe::{Since, missed_of, plain, sayable, subscribed};
use super::wanted::Wanted;
use crate::border::Effects;
use crate::client::{Features, Token};
use crate::command::Ticket;
use crate::conn::{Phase, State};
use crate::hop::{Recovery, Waiter};
use crate::shard::Shard;

/// A server-side subscription whose owner has not answered yet.
#[derive(Debug)]
pub(super) struct Pending {
    join: u32,
    features: Features,
    recover: Option<Since>,
    /// The client has asked to recover, whether or not the subscription can.
    asked: bool,
    data: Box<[u8]>,
    to: To,
}

impl Pending {
    /// What its client is told of it, and what it missed.
    pub(super) fn told<'a>(
        &'a self,
        recovery: &'a Recovery,
        epoch: &'a [u8],
        encoding: Encoding,
    ) -> (SubscribeResult<'a>, Vec<Push<'a>>) {
        let missed = plain(missed_of(self.recover, recovery), encoding);
        let (result, recovered) = subscribed(self.features, self.recover, recovery, epoch, missed);
        let was_recovering = self.asked || result.was_recovering;
        (SubscribeResult { data: sayable(&self.data, encoding), was_recovering, ..result }, recovered)
    }
}

/// Who waits for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum To {
    /// The connect that it is a part of.
    Connect,
    /// The client gets a push; and so many orders of the control plane count it.
    Push(Ticket),
}

/// All that is pending on a shard.
#[derive(Debug, Default)]
pub(super) struct ServerSide {
    pending: BTreeMap<(ConnId, u32), Pending>,
    /// The number of the last join.
    joins: u32,
}

impl ServerSide {
    /// Subscriptions that are pending.
    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }
}

/// A subscription whose owner is to be asked: the subject's row, from where to recover, who asks.
type Enlisted = (u32, Option<Position>, bool, Waiter);

impl Shard {
    // ---- beginning ----

    /// Subscribes the client, which is not subscribed yet, to one more.
    pub(super) fn subscribe_server_side(
        &mut self,
        conn: ConnId,
        wanted: Wanted,
        to: To,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let enlisted = self.enlist(conn, wanted, to, now, world);
        self.ask_owner_of(enlisted, now, world);
    }

    /// The owner's answer comes to [`Shard::server_side_joined`], at once if it is this shard.
    pub(super) fn ask_owner_of(
        &mut self,
        (row, since, newest_only, waiter): Enlisted,
        now: Instant,
        world: &mut impl Effects,
    ) {
        self.join(row, since, newest_only, waiter, now, world);
    }

    /// The subscription is there, but not live: its owner is to be asked.
    pub(super) fn enlist(
        &mut self,
        conn: ConnId,
        wanted: Wanted,
        to: To,
        now: Instant,
        world: &mut impl Effects,
    ) -> Enlisted {
        let Wanted { channel, info, data, changes, since, left, facts } = wanted;
        let row = self.subscribe(conn, &channel);
        let terms = self.terms(conn, row, false, &changes);
        self.begin_presence(conn, row, terms, world);
        let subscription = self.conns[conn].subscriptions;
        let told = self.hub.facts(subscription);
        told.set(Facts::SERVER_SIDE, true);
        for fact in [Facts::BY_TOKEN, Facts::BY_CAPS, Facts::SOLE] {
            told.set(fact, facts.has(fact));
        }
        if facts.has(Facts::SOLE) {
            self.claim(conn, row, true, world);
        }
        if left.is_some() || !info.is_empty() {
            self.grant(conn, row, Token { info, left, ..Token::default() }, now);
        }
        let features = self.features_of(conn, row, false, Features::default(), &changes);
        let asked = since.is_some();
        // A cache is told of without being asked for.
        let since = since.filter(|_| features.recoverable).or(features.auto_cache.then(Position::default));
        let recover = since.map(|since| Since { offset: since.offset });
        self.centrifugo.server_side.joins = self.centrifugo.server_side.joins.wrapping_add(1);
        let join = self.centrifugo.server_side.joins;
        if let To::Push(ticket) = to {
            self.centrifugo.orders.await_one(ticket);
        }
        self.centrifugo.server_side.pending.insert((conn, row), Pending { join, features, recover, asked, data, to });
        let generation = self.conns[conn].generation;
        (row, since, features.cache, Waiter::Server { conn, generation, join })
    }

    /// The owner has answered.
    pub(crate) fn server_side_joined(
        &mut self,
        conn: ConnId,
        (row, join): (u32, u32),
        recovery: Recovery,
        now: Instant,
        world: &mut impl Effects,
    ) {
        // The answer may be to a subscription that has ended since, or behind the close frame of this very turn.
        if self.conns[conn].phase() == Phase::Closing
            || self.centrifugo.server_side.pending.get(&(conn, row)).is_none_or(|pending| pending.join != join)
        {
            return;
        }
        let head = self.conns[conn].subscriptions;
        let (Some(pending), Some(subscription)) =
            (self.centrifugo.server_side.pending.remove(&(conn, row)), self.hub.subscription_to(head, row))
        else {
            return;
        };
        self.hub.set_live(subscription);
        match pending.to {
            To::Push(ticket) => {
                self.push_subscribed(conn, row, &pending, &recovery);
                self.announce(conn, subscription, world);
                self.order_done(ticket, world);
            }
            To::Connect => {
                let Some(State::Command(Waiting::Connect(connecting))) =
                    self.conns.lent(conn).map(|lent| &mut lent.state)
                else {
                    return;
                };
                if connecting.is_last_answer(Answered { row, subscription, pending, recovery }) {
                    self.connected(conn, now, world);
                }
            }
        }
    }

    /// A subscription ends whose owner has not answered.
    pub(crate) fn end_pending(&mut self, conn: ConnId, row: u32, world: &mut impl Effects) {
        if self.centrifugo.server_side.pending.is_empty() {
            return;
        }
        if let Some(Pending { to: To::Push(ticket), .. }) = self.centrifugo.server_side.pending.remove(&(conn, row)) {
            self.order_done(ticket, world);
        }
    }

    // ---- telling ----

    fn push_subscribed(&mut self, conn: ConnId, row: u32, pending: &Pending, recovery: &Recovery) {
        let encoding = self.encoding(conn);
        let epoch = epoch::text(recovery.top.epoch);
        let (result, recovered) = pending.told(recovery, &epoch, encoding);
        let channel = self.hub.name(row).clone();
        self.tell(conn, |encoding, out| encoding.push_subscribe(out, &channel, &result));
        for publication in &recovered {
            self.tell(conn, |encoding, out| encoding.push_publication(out, &channel, publication));
        }
    }
}
