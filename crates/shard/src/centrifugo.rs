//! A Centrifugo session: commands in, replies and pushes out. The rules are those of `client.go` and `handler.go` as the
//! protocol page tells them; section numbers are that page's.
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use base::{ConnId, Instant, NONE};
use hub::{Draft, Extra, Facts, Kind, Operation, Position, is_pattern};
use protocol::centrifugo::{
    Command, Disconnect, ErrorCode, Publish, Request, Subscribe, SubscribeResult, UnsubscribeCode,
};
use protocol::{Encoding, epoch, is_json};

use crate::border::Effects;
use crate::client::{Features, Refused, permission, ttl_s};
use crate::conn::{Flags, Phase, State};
use crate::encode::Chain;
use crate::hop::{Receipt, Recovery, Waiter};
use crate::report::Refusal;
use crate::shard::Shard;
use presence::RollCall;
use server_side::{Connecting, missed_of, plain, subscribed};
use uni::disconnect_of;

mod connect;
mod dialect;
mod endpoints;
mod excerpt;
mod join_leave;
mod order;
mod presence;
mod refusal_codes;
mod server_side;
mod stream;
mod uni;
mod uplink;

pub use dialect::Dialect;
pub(crate) use dialect::PerDialect;
pub use endpoints::{Endpoint, Endpoints, Farewell, Origins};
pub use excerpt::epoch_of;
pub(crate) use join_leave::Hearers;
pub use order::{Order, Subscription, Whom};
pub(crate) use presence::told;
pub use presence::{PresenceError, Roll};
pub use refusal_codes::{CodeToDisconnect, CodeToStatus, RefusalCodes};
pub(crate) use server_side::{ServerSide, sayable};
pub(crate) use uplink::{AnswerTo, Post, Uplinks};

/// The command that waits for a subject's owner; those behind it wait too, so that replies come in order.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// `subscribe`.
    Subscribe {
        id: u32,
        row: u32,
        recover: Option<Since>,
        features: Features,
        /// An error is wanted rather than a subscription that has not recovered.
        is_strict: bool,
        /// The client has asked to recover, whether or not the subscription can.
        asked: bool,
        /// Shards that have not answered yet.
        unanswered: u16,
        /// What its token says to the client.
        data: Box<[u8]>,
    },
    /// `connect` with server-side subscriptions.
    Connect(Box<Connecting>),
    /// `publish`.
    Publish { id: u32 },
    /// `history`.
    History { id: u32 },
    /// `presence`, of all shards.
    Presence(Box<RollCall>),
    /// `presence_stats`.
    PresenceStats { id: u32 },
}

/// From where a client wants to recover.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since {
    pub(crate) offset: u64,
}

/// Bit of a `subscribe`'s `flag`: an error is wanted rather than a subscription that has not recovered.
const FLAG_STRICT: i64 = 2;

/// What to do after a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// The next one.
    Command,
    /// None: the client is to come back, and what else it has said is not answered.
    Nothing,
    /// Wait for an owner.
    Wait,
    /// Wait for a back end, and handle the same command again.
    Again,
    /// Close the connection.
    Disconnect(Disconnect),
}

impl Shard {
    /// A message has come: its commands, those that have to wait being kept.
    pub(crate) fn on_whole_message(
        &mut self,
        conn: ConnId,
        encoding: Encoding,
        message: &[u8],
        now: Instant,
        world: &mut impl Effects,
    ) {
        let left = self.on_commands(conn, encoding, message, now, world);
        if left > 0 {
            self.conns.lend(conn).commands = message[message.len() - left..].into();
        }
    }

    /// The commands of one message, or those of it that had to wait. Says how many bytes of its end have to wait.
    pub(crate) fn on_commands(
        &mut self,
        conn: ConnId,
        encoding: Encoding,
        message: &[u8],
        now: Instant,
        world: &mut impl Effects,
    ) -> usize {
        let mut commands = encoding.commands(message);
        loop {
            // Replies may be many times longer than their commands: who doesn't read them is not served.
            self.stall_if_full(conn, world);
            self.stall_if_backlogged(conn);
            let rest = commands.rest();
            if !rest.is_empty() && self.conns.rows[conn.0].flags.has(Flags::STALLED) {
                return rest.len();
            }
            let Some(command) = commands.next() else {
                return 0;
            };
            let next = match command {
                Ok(command) => self.on_command(conn, command, now, world),
                Err(_) => Next::Disconnect(Disconnect::BadRequest),
            };
            match next {
                Next::Command => {}
                Next::Nothing => return 0,
                Next::Again => return rest.len(),
                Next::Wait => {
                    self.stall_if_backlogged(conn);
                    return commands.rest().len();
                }
                Next::Disconnect(why) => {
                    self.report.refuse(Refusal::BadCommand);
                    self.disconnect(conn, why, now);
                    return 0;
                }
            }
        }
    }

    /// One command: the gate of section 2.4, then by kind.
    fn on_command(&mut self, conn: ConnId, command: Command<'_>, now: Instant, world: &mut impl Effects) -> Next {
        let Command { id, request } = command;
        let connected = self.conns.rows[conn.0].session != NONE;
        // A command that comes again with an answer has been counted.
        if !self.begin_command(conn) && connected && !self.may_say(conn, &request, now) {
            return self.reply_error(conn, id, ErrorCode::TooManyRequests);
        }
        match request {
            Request::Connect(connect) if !connected => self.on_connect(conn, id, &connect, now, world),
            _ if !connected => Next::Disconnect(Disconnect::BadRequest),
            Request::Pong => self.on_pong(conn),
            Request::Subscribe(subscribe) => self.on_subscribe(conn, id, &subscribe, now, world),
            Request::Unsubscribe(unsubscribe) => self.on_unsubscribe(conn, id, &unsubscribe.channel, world),
            Request::Publish(publish) => self.on_publish(conn, id, &publish, now, world),
            Request::History(history) => self.on_history(conn, id, &history, now, world),
            Request::Presence(presence) => self.on_presence(conn, id, &presence.channel, now, world),
            Request::PresenceStats(stats) => self.on_presence_stats(conn, id, &stats.channel, now, world),
            Request::Rpc(rpc) => self.on_rpc(conn, id, &rpc.method, &rpc.data, now),
            Request::Refresh(refresh) => self.on_refresh(conn, id, &refresh.token, now, world),
            Request::SubRefresh(refresh) => self.on_sub_refresh(conn, id, &refresh, now),
            Request::Send(_) => Next::Disconnect(Disconnect::NotAvailable),
            Request::Connect(_) | Request::Ping | Request::Empty => Next::Disconnect(Disconnect::BadRequest),
        }
    }

    /// A pong that no ping asked for ends the connection, as in the reference (section 1.3).
    fn on_pong(&mut self, conn: ConnId) -> Next {
        let flags = &mut self.conns.rows[conn.0].flags;
        if !flags.has(Flags::PINGED) || flags.has(Flags::FRAME_PINGS) {
            return Next::Disconnect(Disconnect::BadRequest);
        }
        flags.set(Flags::PINGED, false);
        Next::Command
    }

    fn on_subscribe(
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
        let subscription = self.conns.rows[conn.0].subscriptions;
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
        self.next_by_phase(conn)
    }

    /// The checks of sections 2.4 and 4.3, in their order.
    fn may_subscribe(&self, conn: ConnId, subscribe: &Subscribe<'_>) -> Result<(), ErrorCode> {
        let channel: &str = &subscribe.channel;
        if channel.len() > self.config.admission.channel_bytes_max {
            return Err(ErrorCode::BadRequest);
        }
        let row = &self.conns.rows[conn.0];
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
        let missed: Vec<_> = missed.filter(|one| self.filters.wants_one(subscription, one.tags())).collect();
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
        // Who does not refresh it is not told when it would end.
        let left = self.identities.left(conn, row, now).filter(|_| self.refresher_of(row).is_none());
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

    fn on_unsubscribe(&mut self, conn: ConnId, id: u32, channel: &str, world: &mut impl Effects) -> Next {
        if channel.is_empty() {
            return Next::Disconnect(Disconnect::BadRequest);
        }
        if let Some(subscription) = self.subscription_of(conn, channel) {
            self.unsubscribe(conn, subscription, world);
        }
        self.tell(conn, |encoding, out| encoding.reply_unsubscribe(out, id));
        Next::Command
    }

    fn on_publish(
        &mut self,
        conn: ConnId,
        id: u32,
        publish: &Publish<'_>,
        now: Instant,
        world: &mut impl Effects,
    ) -> Next {
        let channel: &str = &publish.channel;
        if channel.is_empty() {
            return Next::Disconnect(Disconnect::BadRequest);
        }
        if let Err(code) = self.may_publish(conn, publish) {
            return self.reply_error(conn, id, code);
        }
        let mut extra = Extra::default();
        let mut data = Cow::Borrowed(&*publish.data);
        if let Some(proxy) = self.asked_to_publish(conn, channel) {
            match self.told_to_publish(conn, &proxy, publish) {
                None => return Next::Again,
                Some(Err(refused)) => return self.refused(conn, id, refused, now),
                Some(Ok(granted)) => {
                    extra = granted.extra;
                    data = granted.data.map_or(data, |data| Cow::Owned(data.into_vec()));
                }
            }
        }
        // Bytes of a client that does not speak JSON are not taken for text unless they are JSON: to clients that do, only that
        // can be said (section 2.0).
        let kind = match self.encoding(conn) {
            Encoding::Json if matches!(data, Cow::Borrowed(_)) => Kind::Text,
            Encoding::Json | Encoding::Protobuf if is_json(&data) => Kind::Text,
            Encoding::Json | Encoding::Protobuf => Kind::Binary,
        };
        let waiter = self.wait(conn, Waiting::Publish { id });
        let publisher = self.publisher(conn, self.hub.find(channel));
        let extra = Some(Arc::new(Extra { publisher: Some(publisher), ..extra }));
        let draft = Draft { payload: (&*data).into(), kind, extra };
        self.publish(channel, draft, Receipt::Position(waiter), now, world);
        self.next_by_phase(conn)
    }

    fn may_publish(&self, conn: ConnId, publish: &Publish<'_>) -> Result<(), ErrorCode> {
        let namespace = self.known_namespace(&publish.channel)?;
        self.may_carry(&publish.channel, &publish.data)?;
        if self.asked_to_publish(conn, &publish.channel).is_some() {
            return Ok(());
        }
        let (is_anonymous, is_subscribed) = (self.user(conn).is_empty(), self.is_subscribed(conn, &publish.channel));
        let admits = |namespace| permission::to_publish(&self.config.admission, namespace, is_anonymous, is_subscribed);
        if !self.permits(conn, Operation::Publish, &publish.channel, || namespace.is_some_and(admits)) {
            return Err(ErrorCode::PermissionDenied);
        }
        Ok(())
    }

    /// Whether these bytes may be published to the channel, by whomever.
    pub(crate) fn may_carry(&self, channel: &str, data: &[u8]) -> Result<(), ErrorCode> {
        let format = self.known_namespace(channel)?.map_or_else(Default::default, |namespace| namespace.format);
        let is_fine = data.len() <= self.config.limits.payload_bytes && permission::to_carry(format, data);
        if is_fine { Ok(()) } else { Err(ErrorCode::BadRequest) }
    }

    /// The owner has accepted a client's publication.
    pub(crate) fn command_published(&mut self, conn: ConnId, now: Instant) {
        let State::Command(Waiting::Publish { id }) = self.conns.take_state(conn) else {
            return;
        };
        self.tell(conn, |encoding, out| encoding.reply_publish(out, id));
        self.answered(conn, now);
    }

    /// Has the connection wait for an owner's answer to a command.
    pub(crate) fn wait(&mut self, conn: ConnId, command: Waiting) -> Waiter {
        self.conns.lend(conn).state = State::Command(command);
        let row = &mut self.conns.rows[conn.0];
        row.phase = Phase::Asked;
        Waiter::Conn { conn, generation: row.generation }
    }

    /// The connection's subscription to the channel.
    pub(crate) fn subscription_of(&self, conn: ConnId, channel: &str) -> Option<u32> {
        let head = self.conns.rows[conn.0].subscriptions;
        self.hub.find(channel).and_then(|row| self.hub.subscription_to(head, row))
    }

    /// After the reply to a command that waited: the connection goes on.
    pub(crate) fn answered(&mut self, conn: ConnId, now: Instant) {
        self.conns.rows[conn.0].phase = Phase::Open;
        self.conns.rows[conn.0].active_s = crate::conn::second(now);
        self.wake(conn);
    }

    pub(crate) fn next_by_phase(&self, conn: ConnId) -> Next {
        if self.conns.rows[conn.0].phase == Phase::Open { Next::Command } else { Next::Wait }
    }

    pub(crate) fn refused(&mut self, conn: ConnId, id: u32, refused: Refused, now: Instant) -> Next {
        match refused {
            Refused::Told(said) => self.say_instead(conn, id, &said, now),
            Refused::Error(code) => self.reply_error(conn, id, code),
            Refused::Disconnect(why) => Next::Disconnect(why),
        }
    }

    pub(crate) fn reply_error(&mut self, conn: ConnId, id: u32, code: ErrorCode) -> Next {
        if self.conns.rows[conn.0].transport.is_uni() {
            return Next::Disconnect(disconnect_of(code));
        }
        self.tell(conn, |encoding, out| encoding.reply_error(out, id, code));
        Next::Command
    }
}
