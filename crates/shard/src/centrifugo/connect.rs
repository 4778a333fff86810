//! `connect`: who may begin a session, and the reply that begins it.
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use base::{ConnId, Instant};
use protocol::centrifugo::{
    Connect, ConnectResult, Disconnect, ErrorCode, Publication as Push, ServerSub, SubscribeResult,
};
use protocol::{Encoding, epoch};

use super::server_side::{Pending, To};
use super::subscribe::sayable;
use super::wanted::Wanted;
use super::{Next, Waiting};
use crate::border::Effects;
use crate::client::{Refused, Token, ttl_s};
use crate::conn::{Flags, State};
use crate::hop::Recovery;
use crate::shard::Shard;

/// Who may connect: what its token says, the user, and what the server subscribes it to.
type Admitted = (Option<Token>, Box<str>, Vec<Wanted>);

/// A `connect` that waits for owners.
#[derive(Debug)]
pub(crate) struct Connecting {
    id: u32,
    /// How long the session's token lasts.
    left: Option<Duration>,
    /// What the client is told.
    data: Box<[u8]>,
    /// The outbox's last row when it began: the reply goes behind it.
    anchor: u32,
    unanswered: usize,
    subs: Vec<Answered>,
}

/// A part of the reply to `connect`.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) row: u32,
    pub(super) subscription: u32,
    pub(super) pending: Pending,
    pub(super) recovery: Recovery,
}

impl Connecting {
    /// An owner has answered; says whether it was the last of them.
    pub(super) fn is_last_answer(&mut self, sub: Answered) -> bool {
        self.subs.push(sub);
        self.unanswered -= 1;
        self.unanswered == 0
    }
}

impl Shard {
    /// `connect`: the session begins, or its client is told why not.
    pub(super) fn on_connect(
        &mut self,
        conn: ConnId,
        id: u32,
        connect: &Connect<'_>,
        now: Instant,
        world: &mut impl Effects,
    ) -> Next {
        self.asking.emulate(conn, &connect.headers, &self.config.proxies.fields);
        let Some(granted) = self.told_to_connect(conn, connect) else {
            return Next::Again;
        };
        let introduced = self.take_introduction(conn).and_then(|introduced| introduced.user);
        let admitted = granted.and_then(|granted| self.admission_of(connect, introduced, granted));
        let admitted = admitted.and_then(|admitted| {
            if !self.may_connect(&admitted.1, now) {
                return Err(Refused::Error(ErrorCode::TooManyRequests));
            }
            self.enter_roster(&admitted.1)?;
            Ok(admitted)
        });
        let (mut token, user, wanted) = match admitted {
            Ok(admitted) => admitted,
            Err(refused) if self.conns[conn].transport.is_uni() => {
                return self.refuse_uni(conn, refused, now);
            }
            Err(refused) => {
                let next = self.refused(conn, id, refused, now);
                return if next == Next::Command { Next::Nothing } else { next };
            }
        };
        self.begin_session(conn, &user);
        self.asking.connected(conn, &self.config.proxies.fields);
        let data = token.as_mut().map(|token| core::mem::take(&mut token.data)).unwrap_or_default();
        let left = token.and_then(|token| self.identify(conn, token, now, world));
        // Who does not refresh its session is not told when it would end.
        let left = left.filter(|_| !self.refreshes_sessions());
        if !wanted.is_empty() {
            self.connect_with(conn, id, (left, data), wanted, now, world);
            return self.next_by_phase(conn);
        }
        let mut written = self.take_scratch();
        self.write_connect(conn, id, (left, &data), &[], self.encoding(conn), &mut written);
        if let Some(dialect) = self.conns[conn].transport.dialect() {
            self.queue_own(conn, dialect.frame(&written));
        }
        self.give_scratch_back(written);
        self.arm_first_heartbeat(conn, now);
        Next::Command
    }

    /// Who wants to connect, and to what: the token and the user, and the subscriptions that the server makes.
    /// Who it is has been `granted` by a back end, or else is said by its token, or by whoever `introduced` it.
    pub(super) fn admission_of(
        &self,
        connect: &Connect<'_>,
        introduced: Option<Box<str>>,
        granted: Option<Token>,
    ) -> Result<Admitted, Refused> {
        let is_granted = granted.is_some();
        let mut token = match granted {
            Some(granted) => Some(granted),
            None => self.authenticate(introduced, &connect.token)?,
        };
        let user = token.as_ref().map_or_else(Box::default, |token| token.user.clone());
        if self.is_blocked(&user) {
            return Err(Refused::Disconnect(Disconnect::ForceDisconnect));
        }
        let wanted = self.server_side_of(connect, (token.as_mut(), is_granted), &user)?;
        Ok((token, user, wanted))
    }

    /// The reply to `connect`, which tells of these subscriptions.
    fn write_connect(
        &self,
        conn: ConnId,
        id: u32,
        (left, data): (Option<Duration>, &[u8]),
        subs: &[ServerSub<'_>],
        encoding: Encoding,
        written: &mut Vec<u8>,
    ) {
        let (ping_s, pong) = self.ping_terms(conn);
        let (session, node) = self.uplink_address(conn);
        let result = ConnectResult {
            client: &self.client(conn),
            session: &session,
            node: &node,
            version: concat!("ringcast ", env!("CARGO_PKG_VERSION")),
            expires: left.is_some(),
            ttl_s: left.map_or(0, ttl_s),
            data: sayable(data, encoding),
            ping_s,
            pong,
            time_ms: self.told_time_ms(),
            subs,
        };
        encoding.reply_connect(written, id, &result);
    }

    // ---- with subscriptions of the server's ----

    /// Begins a `connect` with these subscriptions, of which there is at least one.
    fn connect_with(
        &mut self,
        conn: ConnId,
        id: u32,
        (left, data): (Option<Duration>, Box<[u8]>),
        wanted: Vec<Wanted>,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let anchor = self.conns[conn].outbox.last();
        let unanswered = wanted.len();
        let connecting = Connecting { id, left, data, anchor, unanswered, subs: Vec::with_capacity(unanswered) };
        self.wait(conn, Waiting::Connect(Box::new(connecting)));
        self.conns[conn].flags.set(Flags::HELD, true);
        // All of them first: what each recovers is its share of the outbox.
        let enlisted: Vec<_> = wanted.into_iter().map(|one| self.enlist(conn, one, To::Connect, now, world)).collect();
        for one in enlisted {
            self.ask_owner_of(one, now, world);
        }
    }

    /// Every owner has answered: the reply goes out, and what was delivered meanwhile behind it.
    pub(super) fn connected(&mut self, conn: ConnId, now: Instant, world: &mut impl Effects) {
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
                let left = self.told_left(conn, *row, now);
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
        self.give_scratch_back(written);
        for sub in &subs {
            // It may have been ended by another one's answer.
            if self.hub.subscription_to(self.conns[conn].subscriptions, sub.row) == Some(sub.subscription) {
                self.announce(conn, sub.subscription, world);
            }
        }
        self.arm_first_heartbeat(conn, now);
        self.answered(conn, now);
    }

    /// The reply to `connect`, before what was delivered while owners were asked.
    fn answer_held(&mut self, conn: ConnId, anchor: u32, written: &[u8]) {
        let Some(dialect) = self.conns[conn].transport.dialect() else {
            return;
        };
        let reply = self.unchunked(conn, dialect.frame(written));
        self.queue_head(conn, anchor, reply);
    }
}
