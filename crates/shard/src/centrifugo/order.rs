//! Orders: what the control plane has done with the clients of a user. Every shard gets them, each for its own connections.
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use base::{ConnId, Instant, Sealed, SubjectName};
use hub::{Facts, Override, Position};
use protocol::centrifugo::{Disconnect, UnsubscribeCode};

use super::Waiting;
use super::server_side::To;
use super::wanted::Wanted;
use crate::border::Effects;
use crate::client::refreshed;
use crate::command::{Answer, Ticket};
use crate::conn::{Phase, State};
use crate::shard::Shard;

/// Which clients are meant.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Whom {
    /// Those of this user; empty: the anonymous ones.
    pub user: Box<str>,
    /// Only the client with this id; empty: all.
    pub client: Box<str>,
    /// Only the one whose session has this name, as clients of streams are told it; empty: all.
    pub session: Box<str>,
}

/// What is done with them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// They are disconnected.
    Disconnect {
        /// The code of the close frame; see [`Disconnect::code`].
        code: u16,
        /// Its reason; empty: the code's own, or its number.
        reason: Box<str>,
        /// Clients that stay.
        spared: Vec<Box<str>>,
    },
    /// Their sessions last until then from now on, not until their tokens end.
    Refresh {
        /// How long; `None`: for ever.
        left: Option<Duration>,
        /// What others are told of them from now on; `None`: as before.
        info: Option<Box<[u8]>>,
    },
    /// They are subscribed, unless they are. Answered when they are told.
    Subscribe(Subscription),
    /// They are unsubscribed, if they are subscribed.
    Unsubscribe {
        /// From what.
        subject: SubjectName,
    },
    /// What they have subscribed to themselves ends, and may begin again with another token.
    Expire {
        /// What.
        subject: SubjectName,
    },
    /// Those who have shown this token are disconnected, whoever they are, and may come again with another one.
    EndToken {
        /// Its name.
        id: Box<str>,
    },
}

/// A subscription that the control plane makes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscription {
    /// To what: valid, see [`hub::subject_name`].
    pub subject: SubjectName,
    /// JSON text that is told to others; empty without any.
    pub info: Box<[u8]>,
    /// What the client is told; empty without any.
    pub data: Box<[u8]>,
    /// How long it lasts; `None`: for ever.
    pub left: Option<Duration>,
    /// From where to recover, if at all.
    pub since: Option<Position>,
    /// What is otherwise than the namespace says.
    pub changes: Override,
}

/// Orders that wait for owners to answer: for how many subscriptions, and how many clients it was done with.
#[derive(Debug, Default)]
pub(super) struct Orders(BTreeMap<Ticket, (usize, usize)>);

impl Orders {
    /// One more subscription is waited for.
    pub(super) fn await_one(&mut self, ticket: Ticket) {
        self.0.entry(ticket).or_default().0 += 1;
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Shard {
    /// An order begins, which is answered when all its subscriptions are live.
    pub(crate) fn order_begun(&mut self, ticket: Ticket) {
        self.centrifugo.orders.0.insert(ticket, (1, 0));
    }

    /// All of it that can be done at once has been done, with so many clients.
    pub(crate) fn order_under_way(&mut self, ticket: Ticket, clients: usize, world: &mut impl Effects) {
        self.centrifugo.orders.0.entry(ticket).or_default().1 = clients;
        self.order_done(ticket, world);
    }

    /// One of its subscriptions is live, or has ended: the last one completes the answer.
    pub(super) fn order_done(&mut self, ticket: Ticket, world: &mut impl Effects) {
        let Some(order) = self.centrifugo.orders.0.get_mut(&ticket) else {
            return;
        };
        order.0 -= 1;
        if *order == (0, order.1) {
            let clients = order.1;
            self.centrifugo.orders.0.remove(&ticket);
            world.answer(ticket, Answer::Obeyed(clients));
        }
    }

    /// Does what is ordered with those of the clients that are here; says how many they were.
    pub(crate) fn obey(
        &mut self,
        ticket: Ticket,
        whom: &Whom,
        order: Order,
        now: Instant,
        world: &mut impl Effects,
    ) -> usize {
        if let Order::EndToken { id } = &order {
            return self.end_token(id, now);
        }
        let mut conns = self.clients(whom);
        match order {
            Order::EndToken { .. } => {}
            Order::Expire { subject } => {
                conns.retain(|conn| !self.is_connecting(*conn));
                for conn in &conns {
                    self.expire_subscription(*conn, &subject, world);
                }
            }
            Order::Disconnect { code, reason, spared } => {
                let spares = |client: &String| spared.iter().any(|spared| **spared == **client);
                conns.retain(|conn| !spares(&self.client(*conn)));
                for conn in &conns {
                    self.dismiss(*conn, code, &reason, now);
                }
            }
            Order::Refresh { left, info } => {
                // Who has no answer to his connect yet gets what his token says, as if the order had come before.
                conns.retain(|conn| !self.is_connecting(*conn));
                for conn in &conns {
                    self.set_end(*conn, left, now);
                    if let Some(info) = info.clone() {
                        self.clients.set_info(*conn, info);
                    }
                    let result = refreshed(left);
                    self.tell(*conn, |encoding, out| encoding.push_refresh(out, &result));
                }
            }
            Order::Subscribe(subscription) => {
                conns.retain(|conn| !self.is_connecting(*conn));
                for conn in &conns {
                    self.subscribe_by_order(*conn, &subscription, ticket, now, world);
                }
            }
            Order::Unsubscribe { subject } => {
                conns.retain(|conn| !self.is_connecting(*conn));
                for conn in &conns {
                    self.unsubscribe_by_order(*conn, &subject, UnsubscribeCode::Server, world);
                }
            }
        }
        conns.len()
    }

    fn clients(&self, whom: &Whom) -> Vec<ConnId> {
        let is_here = |conn: &ConnId| self.is_session(*conn);
        let is_meant = |conn: &ConnId| whom.client.is_empty() || *self.client(*conn) == *whom.client;
        let named = Sealed::read(&whom.session).and_then(|name| self.named_session(name));
        let is_named = |conn: &ConnId| whom.session.is_empty() || named == Some(*conn);
        self.clients.of_user(&whom.user).filter(is_here).filter(is_meant).filter(is_named).collect()
    }

    /// True for a session that lives.
    pub(crate) fn is_session(&self, conn: ConnId) -> bool {
        let row = &self.conns[conn];
        matches!(row.phase(), Phase::Open | Phase::Asked) && row.session != base::NONE
    }

    fn is_connecting(&self, conn: ConnId) -> bool {
        matches!(self.conns.state(conn), Some(State::Command(Waiting::Connect(_))))
    }

    fn subscribe_by_order(
        &mut self,
        conn: ConnId,
        subscription: &Subscription,
        ticket: Ticket,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let Subscription { subject, info, data, left, since, changes } = subscription;
        if self.subscription_of(conn, subject).is_some() {
            return;
        }
        let count = usize::from(self.conns[conn].subscription_count);
        if count >= self.config.limits.subscriptions_per_connection {
            let why = Disconnect::ChannelLimit;
            self.dismiss(conn, why.code(), why.reason(), now);
            return;
        }
        let wanted = Wanted {
            channel: subject.as_str().into(),
            info: info.clone(),
            data: data.clone(),
            changes: *changes,
            since: *since,
            left: *left,
            facts: Facts::default(),
        };
        self.subscribe_server_side(conn, wanted, To::Push(ticket), now, world);
    }

    /// Ends a subscription, whatever it waits for; the client is told why.
    pub(crate) fn unsubscribe_by_order(
        &mut self,
        conn: ConnId,
        subject: &str,
        why: UnsubscribeCode,
        world: &mut impl Effects,
    ) {
        let Some(subscription) = self.subscription_of(conn, subject) else {
            return;
        };
        let hub::Subscription { live, facts, .. } = *self.hub.subscription(subscription);
        if live {
            self.unsubscribe_and_tell(conn, subscription, why, world);
        } else if facts.has(Facts::SERVER_SIDE) {
            // The client has not been told that it began.
            self.unsubscribe(conn, subscription, world);
        } else {
            // It ends as soon as its `subscribe` has been answered.
            self.hub.facts(subscription).set(Facts::ENDS, true);
        }
    }

    /// Ends a session, whatever it waits for.
    pub(crate) fn dismiss(&mut self, conn: ConnId, code: u16, reason: &str, now: Instant) {
        self.conns.take_state(conn);
        let reason = match Disconnect::of(code) {
            _ if !reason.is_empty() => reason,
            Some(known) => known.reason(),
            None => "disconnected",
        };
        self.disconnect_with(conn, code, reason, now);
    }
}
