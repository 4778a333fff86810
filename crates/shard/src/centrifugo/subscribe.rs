//! `subscribe` and `unsubscribe`: who may, what is asked of the owner, and what the client is told when it has answered.
use alloc::boxed::Box;
use alloc::vec::Vec;

use base::{ConnId, Instant};
use hub::{Facts, Operation, Position, Publication, is_pattern};
use protocol::centrifugo::{Disconnect, ErrorCode, Publication as Push, Subscribe, SubscribeResult, UnsubscribeCode};
use protocol::filter::Filter;
use protocol::{Encoding, epoch, is_json};

use super::excerpt::epoch_of;
use super::{Next, Waiting};
use crate::border::Effects;
use crate::client::{Features, Token, permission, ttl_s};
use crate::conn::State;
use crate::encode::{Chain, push};
use crate::hop::Recovery;
use crate::shard::Shard;

/// From where a client wants to recover.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since {
    pub(crate) offset: u64,
}

/// Bit of a `subscribe`'s `flag`: an error is wanted rather than a subscription that has not recovered.
const FLAG_STRICT: i64 = 2;

impl Shard {
    pub(super) fn on_subscribe(
        &mut self,
        conn: ConnId,
        id: u32,
        subscribe: &Subscribe<'_>,
        now: Instant,
        world: &mut impl Effects,
    ) -> Next {
        let channel: &str = &subscribe.channel;
        if channel.is_empty() || !matches!(&*subscribe.delta, "" | "fossil") {
            return Next::Disconnect(Disconnect::BadRequest);
        }
        if let Err(code) = self.may_subscribe(conn, subscribe) {
            return self.reply_error(conn, id, code);
        }
        let admitted = match self.asked_to_subscribe(conn, subscribe) {
            None => self.admit(conn, subscribe),
            Some(proxy) => match self.told_to_subscribe(conn, &proxy, subscribe) {
                Some(admitted) => admitted,
                None => return Next::Again,
            },
        };
        let token = match admitted {
            Ok(token) => token,
            Err(refused) => return self.refused(conn, id, refused, now),
        };
        let filter = match self.filter(subscribe) {
            Ok(filter) => filter,
            Err(code) => return self.reply_error(conn, id, code),
        };
        self.begin_subscription(conn, id, subscribe, (token, filter), now, world);
        self.next_by_phase(conn)
    }

    /// The client may: the subscription is there, and its owner is asked.
    fn begin_subscription(
        &mut self,
        conn: ConnId,
        id: u32,
        subscribe: &Subscribe<'_>,
        (token, filter): (Option<Token>, Option<Filter>),
        now: Instant,
        world: &mut impl Effects,
    ) {
        let channel: &str = &subscribe.channel;
        let row = self.subscribe(conn, channel);
        let changes = token.as_ref().map(|token| token.changes).unwrap_or_default();
        let by_caps = token.is_none() && !self.is_open(conn, channel);
        let mut data = Box::default();
        if let Some(mut token) = token {
            data = core::mem::take(&mut token.data);
            self.grant(conn, row, token, now);
        }
        let mut terms = self.terms(conn, row, subscribe.join_leave, &changes);
        terms.set(Facts::BY_CAPS, by_caps);
        self.begin_presence(conn, row, terms, world);
        let features = self.features(conn, row, subscribe, &changes);
        let subscription = self.conns[conn].subscriptions;
        self.hub.facts(subscription).set(Facts::DELTAS, features.delta);
        self.set_filter(subscription, filter);
        let recovers = subscribe.recover && features.recoverable || features.auto_cache;
        let recover = recovers.then_some(Since { offset: subscribe.offset });
        let since = recover.map(|since| Position { epoch: epoch_of(&subscribe.epoch), offset: since.offset });
        let is_strict = subscribe.flag & FLAG_STRICT != 0;
        let unanswered = if is_pattern(channel) { self.config.shards - 1 } else { 1 };
        let asked = subscribe.recover;
        let waiter =
            self.wait(conn, Waiting::Subscribe { id, row, recover, features, is_strict, asked, unanswered, data });
        if is_pattern(channel) {
            self.join_pattern(row, waiter, now, world);
        } else {
            self.join(row, since, features.cache, waiter, now, world);
        }
    }

    /// The checks of sections 2.4 and 4.3, in their order.
    fn may_subscribe(&self, conn: ConnId, subscribe: &Subscribe<'_>) -> Result<(), ErrorCode> {
        let channel: &str = &subscribe.channel;
        if channel.len() > self.config.admission.channel_bytes_max {
            return Err(ErrorCode::BadRequest);
        }
        let row = &self.conns[conn];
        if self.subscription_of(conn, channel).is_some() {
            return Err(ErrorCode::AlreadySubscribed);
        }
        if usize::from(row.subscription_count) >= self.config.limits.subscriptions_per_connection {
            return Err(ErrorCode::LimitExceeded);
        }
        if is_pattern(channel) {
            self.may_use_pattern(channel)?;
        } else {
            self.known_namespace(channel)?;
        }
        match subscribe.kind {
            0 => {}
            4 => return Err(ErrorCode::NotAvailable),
            _ => return Err(ErrorCode::PermissionDenied),
        }
        if self.asked_to_subscribe(conn, subscribe).is_some() {
            return Ok(());
        }
        // A token is looked at next.
        let admits = || !subscribe.token.is_empty() || self.is_open(conn, channel);
        if self.permits(conn, Operation::Subscribe, channel, admits) {
            Ok(())
        } else {
            Err(ErrorCode::PermissionDenied)
        }
    }

    /// Whether the channel is open to the client without tokens.
    pub(crate) fn is_open(&self, conn: ConnId, channel: &str) -> bool {
        let admits = |namespace| permission::to_subscribe(&self.config.admission, namespace, channel, self.user(conn));
        self.config.dev || self.hub.namespace_of(channel).is_some_and(admits)
    }

    /// The owner has answered a `subscribe`: the reply goes out, and every later publication comes behind it.
    pub(crate) fn command_joined(
        &mut self,
        conn: ConnId,
        subscription: u32,
        recovery: &Recovery,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let State::Command(Waiting::Subscribe { id, row, recover, features, is_strict, asked, data, .. }) =
            self.conns.take_state(conn)
        else {
            return;
        };
        debug_assert_eq!(row, self.hub.subscription(subscription).subject, "a session asks one owner at a time");
        let missed = missed_of(recover, recovery).iter();
        let missed: Vec<_> = missed.filter(|one| self.routing.wants(subscription, one)).collect();
        let encoding = self.encoding(conn);
        let chain = if features.delta { Chain::of(encoding, &missed) } else { None };
        let pushes = match &chain {
            Some(chain) => chain.pushes(),
            None if features.delta => None,
            None => plain(missed.iter().copied(), encoding),
        };
        let recovered = recover.is_some() && recovery.gapless && pushes.is_some();
        if is_strict && recover.is_some() && !recovered {
            drop(pushes);
            self.unsubscribe(conn, subscription, world);
            self.reply_error(conn, id, ErrorCode::UnrecoverablePosition);
            self.answered(conn, now);
            return;
        }
        let epoch = epoch::text(recovery.top.epoch);
        let left = self.told_left(conn, row, now);
        let (result, recovered) = subscribed(features, recover, recovery, &epoch, pushes);
        let has_base = result.recovered && missed.last().is_some_and(|last| last.position == recovery.top);
        let (expires, ttl_s) = (left.is_some(), left.map_or(0, ttl_s));
        let was_recovering = asked || result.was_recovering;
        let result = SubscribeResult { expires, ttl_s, data: sayable(&data, encoding), was_recovering, ..result };
        self.tell(conn, |encoding, out| encoding.reply_subscribe(out, id, &result, &recovered));
        self.hub.facts(subscription).set(Facts::BASED, has_base);
        self.announce(conn, subscription, world);
        if self.hub.facts(subscription).has(Facts::ENDS) {
            self.unsubscribe_and_tell(conn, subscription, UnsubscribeCode::Server, world);
        }
        self.answered(conn, now);
    }

    pub(super) fn on_unsubscribe(&mut self, conn: ConnId, id: u32, channel: &str, world: &mut impl Effects) -> Next {
        if channel.is_empty() {
            return Next::Disconnect(Disconnect::BadRequest);
        }
        if let Some(subscription) = self.subscription_of(conn, channel) {
            self.unsubscribe(conn, subscription, world);
        }
        self.tell(conn, |encoding, out| encoding.reply_unsubscribe(out, id));
        Next::Command
    }

    /// Ends a subscription, and the client is told why.
    pub(crate) fn unsubscribe_and_tell(
        &mut self,
        conn: ConnId,
        subscription: u32,
        code: UnsubscribeCode,
        world: &mut impl Effects,
    ) {
        let channel = self.hub.name(self.hub.subscription(subscription).subject).clone();
        self.tell(conn, |encoding, out| encoding.push_unsubscribe(out, &channel, code));
        self.unsubscribe(conn, subscription, world);
    }
}

/// What a client missed, if it gets all of it.
pub(super) fn missed_of(recover: Option<Since>, recovery: &Recovery) -> &[Publication] {
    if recover.is_some() && recovery.gapless { &recovery.missed } else { &[] }
}

/// Publications as they are; `None` if one of them can't be told.
pub(super) fn plain<'a>(
    missed: impl IntoIterator<Item = &'a Publication>,
    encoding: Encoding,
) -> Option<Vec<Push<'a>>> {
    missed.into_iter().map(|one| push(one, encoding)).collect()
}

/// What a client is told of a subscription, and what it missed: `pushes`. A recovered list that can't be told whole is not told at all.
pub(super) fn subscribed<'a>(
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
