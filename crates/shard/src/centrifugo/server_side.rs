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

use base::{ConnId, Instant, NONE};
use hub::{Facts, Operation, Override, Position, Publication, Ruling, subject_name};
use protocol::centrifugo::{Connect, Disconnect, ErrorCode, Publication as Push, ServerSub, SubscribeResult};
use protocol::{Encoding, epoch, is_json};

use super::excerpt::epoch_of;
use super::{Since, Waiting};
use crate::border::Effects;
use crate::client::{Features, Refused, Token, TokenSub, permission, ttl_s};
use crate::command::{Answer, Ticket};
use crate::conn::{Flags, Phase, State};
use crate::encode::push;
use crate::hop::{Recovery, Waiter};
use crate::shard::Shard;

/// A server-side subscription that is to be.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) channel: Box<str>,
    pub(crate) info: Box<[u8]>,
    pub(crate) data: Box<[u8]>,
    pub(crate) changes: Override,
    /// Where the client stands, if it has been there before.
    pub(crate) since: Option<Position>,
    /// For how long it lasts, if not for ever.
    pub(crate) left: Option<core::time::Duration>,
    /// [`Facts::BY_TOKEN`], [`Facts::BY_CAPS`], [`Facts::SOLE`].
    pub(crate) facts: Facts,
}

/// A server-side subscription whose owner has not answered yet.
#[derive(Debug)]
struct Pending {
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
    fn told<'a>(
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
pub(crate) struct ServerSide {
    pending: BTreeMap<(ConnId, u32), Pending>,
    /// Orders that wait: for how many subscriptions, and how many clients it was done with.
    orders: BTreeMap<Ticket, (usize, usize)>,
    /// The number of the last join.
    joins: u32,
}

impl ServerSide {
    pub(crate) fn len(&self) -> usize {
        self.pending.len() + self.orders.len()
    }
}

/// A `connect` that waits for owners.
#[derive(Debug)]
pub(crate) struct Connecting {
    id: u32,
    /// How long the session's token lasts.
    left: Option<core::time::Duration>,
    /// What the client is told.
    data: Box<[u8]>,
    /// The outbox's last row when it began: the reply goes behind it.
    anchor: u32,
    unanswered: usize,
    subs: Vec<Answered>,
}

/// A part of the reply to `connect`.
#[derive(Debug)]
struct Answered {
    row: u32,
    subscription: u32,
    pending: Pending,
    recovery: Recovery,
}

/// A subscription whose owner is to be asked: the subject's row, from where to recover, who asks.
type Enlisted = (u32, Option<Position>, bool, Waiter);

impl Shard {
    // ---- what a connect begins with ----

    /// The subscriptions of a `connect`: the rules of section 4.1, steps 6 to 8. A back end that has `granted` the connect has named them all.
    pub(crate) fn server_side_of(
        &self,
        connect: &Connect<'_>,
        (mut token, is_granted): (Option<&mut Token>, bool),
        user: &str,
    ) -> Result<Vec<Wanted>, Refused> {
        let mut wanted: Vec<Wanted> = Vec::new();
        if let Some(token) = token.as_mut() {
            for TokenSub { channel, info, data, changes } in core::mem::take(&mut token.subs) {
                self.may_be_server_side(&channel).map_err(Refused::Error)?;
                let mut facts = Facts::default();
                facts.set(Facts::BY_TOKEN, !is_granted);
                wanted.push(Wanted { channel, info, data, changes, facts, ..Wanted::default() });
            }
        }
        if let Some(personal) = self.config.admission.personal.as_ref().filter(|_| !user.is_empty()) {
            let channel = alloc::format!("{}{user}", personal.prefix).into_boxed_str();
            self.may_be_server_side(&channel).map_err(Refused::Error)?;
            if !wanted.iter().any(|known| known.channel == channel) {
                wanted.push(Wanted { channel: channel.clone(), ..Wanted::default() });
            }
            if let Some(one) = wanted.iter_mut().find(|known| known.channel == channel) {
                one.facts.set(Facts::SOLE, personal.single_connection);
            }
        }
        for sub in &connect.subs {
            let since = sub.recover.then(|| Position { epoch: epoch_of(&sub.epoch), offset: sub.offset });
            if let Some(known) = wanted.iter_mut().find(|known| *known.channel == *sub.channel) {
                known.since = since;
                continue;
            }
            if is_granted {
                continue;
            }
            match self.known_namespace(&sub.channel) {
                Err(ErrorCode::UnknownChannel) => return Err(Refused::Disconnect(Disconnect::BadRequest)),
                Err(_) => {}
                Ok(namespace) => {
                    let admission = &self.config.admission;
                    let admits = |namespace| permission::to_subscribe(admission, namespace, &sub.channel, user);
                    let is_open = self.config.dev || namespace.is_some_and(admits);
                    let caps = token.as_ref().map(|token| &token.caps);
                    let ruling = caps
                        .map_or(Ruling::Silent, |caps| self.ruling_of(caps, Operation::Subscribe, &sub.channel, user));
                    let is_short = sub.channel.len() <= admission.channel_bytes_max;
                    // What may not be is left out, without an error.
                    if is_short && (ruling == Ruling::Allowed || ruling == Ruling::Silent && is_open) {
                        let mut facts = Facts::default();
                        facts.set(Facts::BY_CAPS, !is_open);
                        wanted.push(Wanted { channel: sub.channel.as_ref().into(), since, facts, ..Wanted::default() });
                    }
                }
            }
        }
        if wanted.len() > self.config.limits.subscriptions_per_connection {
            return Err(Refused::Disconnect(Disconnect::ChannelLimit));
        }
        Ok(wanted)
    }

    /// Whether there is such a channel. Who may use which name is a rule for clients.
    pub(crate) fn may_be_server_side(&self, channel: &str) -> Result<(), ErrorCode> {
        if self.hub.namespace_of(channel).is_none() && !self.config.dev {
            return Err(ErrorCode::UnknownChannel);
        }
        subject_name(channel.as_bytes()).map(|_| ()).map_err(|_| ErrorCode::BadRequest)
    }

    /// True if a token that is to replace the session's names the same channels.
    pub(crate) fn has_same_subs(&self, conn: ConnId, token: &Token) -> bool {
        let mut at = self.conns.rows[conn.0].subscriptions;
        let mut count = 0;
        while at != NONE {
            let subscription = self.hub.subscription(at);
            if subscription.facts.has(Facts::BY_TOKEN) {
                count += 1;
                if !token.subs.iter().any(|sub| *sub.channel == **self.hub.name(subscription.subject)) {
                    return false;
                }
            }
            at = subscription.sibling();
        }
        count == token.subs.len()
    }

    // ---- beginning ----

    /// Subscribes the client, which is not subscribed yet, to one more.
    pub(crate) fn subscribe_server_side(
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

    /// Begins a `connect` with these subscriptions, of which there is at least one.
    pub(crate) fn connect_with(
        &mut self,
        conn: ConnId,
        id: u32,
        (left, data): (Option<core::time::Duration>, Box<[u8]>),
        wanted: Vec<Wanted>,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let anchor = self.conns.rows[conn.0].outbox.last();
        let unanswered = wanted.len();
        let connecting = Connecting { id, left, data, anchor, unanswered, subs: Vec::with_capacity(unanswered) };
        self.wait(conn, Waiting::Connect(Box::new(connecting)));
        self.conns.rows[conn.0].flags.set(Flags::HELD, true);
        // All of them first: what each recovers is its share of the outbox.
        let enlisted: Vec<_> = wanted.into_iter().map(|one| self.enlist(conn, one, To::Connect, now, world)).collect();
        for one in enlisted {
            self.ask_owner_of(one, now, world);
        }
    }

    /// The owner's answer comes to [`Shard::server_side_joined`], at once if it is this shard.
    fn ask_owner_of(&mut self, (row, since, newest_only, waiter): Enlisted, now: Instant, world: &mut impl Effects) {
        self.join(row, since, newest_only, waiter, now, world);
    }

    fn enlist(&mut self, conn: ConnId, wanted: Wanted, to: To, now: Instant, world: &mut impl Effects) -> Enlisted {
        let Wanted { channel, info, data, changes, since, left, facts } = wanted;
        let row = self.subscribe(conn, &channel);
        let terms = self.terms(conn, row, false, &changes);
        self.begin_presence(conn, row, terms, world);
        let subscription = self.conns.rows[conn.0].subscriptions;
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
        self.server_side.joins = self.server_side.joins.wrapping_add(1);
        let join = self.server_side.joins;
        if let To::Push(ticket) = to {
            self.server_side.orders.entry(ticket).or_default().0 += 1;
        }
        self.server_side.pending.insert((conn, row), Pending { join, features, recover, asked, data, to });
        let generation = self.conns.rows[conn.0].generation;
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
        if self.conns.rows[conn.0].phase == Phase::Closing
            || self.server_side.pending.get(&(conn, row)).is_none_or(|pending| pending.join != join)
        {
            return;
        }
        let head = self.conns.rows[conn.0].subscriptions;
        let (Some(pending), Some(subscription)) =
            (self.server_side.pending.remove(&(conn, row)), self.hub.subscription_to(head, row))
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
                connecting.subs.push(Answered { row, subscription, pending, recovery });
                connecting.unanswered -= 1;
                if connecting.unanswered == 0 {
                    self.connected(conn, now, world);
                }
            }
        }
    }

    /// A subscription ends whose owner has not answered.
    pub(crate) fn end_pending(&mut self, conn: ConnId, row: u32, world: &mut impl Effects) {
        if self.server_side.pending.is_empty() {
            return;
        }
        if let Some(Pending { to: To::Push(ticket), .. }) = self.server_side.pending.remove(&(conn, row)) {
            self.order_done(ticket, world);
        }
    }

    /// An order begins, which is answered when all its subscriptions are live.
    pub(crate) fn order_begun(&mut self, ticket: Ticket) {
        self.server_side.orders.insert(ticket, (1, 0));
    }

    /// All of it that can be done at once has been done, with so many clients.
    pub(crate) fn order_under_way(&mut self, ticket: Ticket, clients: usize, world: &mut impl Effects) {
        self.server_side.orders.entry(ticket).or_default().1 = clients;
        self.order_done(ticket, world);
    }

    fn order_done(&mut self, ticket: Ticket, world: &mut impl Effects) {
        let Some(order) = self.server_side.orders.get_mut(&ticket) else {
            return;
        };
        order.0 -= 1;
        if *order == (0, order.1) {
            let clients = order.1;
            self.server_side.orders.remove(&ticket);
            world.answer(ticket, Answer::Obeyed(clients));
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

    /// Every owner has answered: the reply goes out, and what was delivered meanwhile behind it.
    fn connected(&mut self, conn: ConnId, now: Instant, world: &mut impl Effects) {
        let State::Command(Waiting::Connect(connecting)) = self.conns.take_state(conn) else {
            return;
        };
        let Connecting { id, left, data, anchor, subs, .. } = *connecting;
        let encoding = self.encoding(conn);
        let epochs: Vec<_> = subs.iter().map(|sub| epoch::text(sub.recovery.top.epoch)).collect();
        let told: Vec<(SubscribeResult<'_>, Vec<Push<'_>>)> = subs
            .iter()
            .zip(&epochs)
            .map(|(Answered { row, pending, recovery, .. }, epoch)| {
                let (result, recovered) = pending.told(recovery, epoch, encoding);
                let left = self.identities.left(conn, *row, now).filter(|_| self.refresher_of(*row).is_none());
                let (expires, ttl_s) = (left.is_some(), left.map_or(0, ttl_s));
                (SubscribeResult { expires, ttl_s, ..result }, recovered)
            })
            .collect();
        let mut written = self.take_scratch();
        {
            let subs: Vec<ServerSub<'_>> = subs
                .iter()
                .zip(&told)
                .map(|(sub, (result, recovered))| ServerSub {
                    channel: self.hub.name(sub.row),
                    result: *result,
                    recovered,
                })
                .collect();
            self.write_connect(conn, id, (left, &data), &subs, encoding, &mut written);
        }
        self.answer_held(conn, anchor, &written);
        self.scratch = written;
        for sub in &subs {
            // It may have been ended by another one's answer.
            if self.hub.subscription_to(self.conns.rows[conn.0].subscriptions, sub.row) == Some(sub.subscription) {
                self.announce(conn, sub.subscription, world);
            }
        }
        self.arm_first_heartbeat(conn, now);
        self.answered(conn, now);
    }

    /// The reply to `connect`, before what was delivered while owners were asked.
    fn answer_held(&mut self, conn: ConnId, anchor: u32, written: &[u8]) {
        let Some(dialect) = self.conns.rows[conn.0].transport.dialect() else {
            return;
        };
        let row = &mut self.conns.rows[conn.0];
        row.flags.set(Flags::HELD, false);
        self.outboxes.push_behind(&mut row.outbox, anchor, dialect.frame(written));
        self.flush_soon(conn);
    }
}

/// What a client missed, if it gets all of it.
pub(crate) fn missed_of(recover: Option<Since>, recovery: &Recovery) -> &[Publication] {
    if recover.is_some() && recovery.gapless { &recovery.missed } else { &[] }
}

/// Publications as they are; `None` if one of them can't be told.
pub(crate) fn plain<'a>(
    missed: impl IntoIterator<Item = &'a Publication>,
    encoding: Encoding,
) -> Option<Vec<Push<'a>>> {
    missed.into_iter().map(|one| push(one, encoding)).collect()
}

/// What a client is told of a subscription, and what it missed: `pushes`. A recovered list that can't be told whole is not told at all.
pub(crate) fn subscribed<'a>(
    features: Features,
    recover: Option<Since>,
    recovery: &Recovery,
    epoch: &'a [u8],
    pushes: Option<Vec<Push<'a>>>,
) -> (SubscribeResult<'a>, Vec<Push<'a>>) {
    let recovered = recover.is_some() && recovery.gapless && pushes.is_some();
    let result = SubscribeResult {
        recoverable: features.recoverable,
        positioned: features.positioned,
        epoch: if features.positioned { core::str::from_utf8(epoch).unwrap_or_default() } else { "" },
        offset: match (features.positioned, recover) {
            (false, _) => 0,
            // Publications bring the client from its own offset to the top.
            (true, Some(since)) if recovered => since.offset,
            (true, _) => recovery.top.offset,
        },
        recovered,
        was_recovering: recover.is_some(),
        delta: features.delta,
        ..SubscribeResult::default()
    };
    (result, pushes.unwrap_or_default())
}

/// A backend's data, if the encoding can say it.
pub(crate) fn sayable(data: &[u8], encoding: Encoding) -> &[u8] {
    match encoding {
        Encoding::Json if !is_json(data) => &[],
        Encoding::Json | Encoding::Protobuf => data,
    }
}
