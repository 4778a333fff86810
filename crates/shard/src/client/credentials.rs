//! What tokens let a Centrifugo client do, and what happens when they expire. The rules are those of the protocol page,
//! sections 4.1 to 4.3.
use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use base::{ConnId, Instant, NONE};
use hub::Publisher;
use protocol::centrifugo::{Disconnect, ErrorCode, RefreshResult, SubRefresh, Subscribe, UnsubscribeCode};

use super::token::{Token, TokenError, TokenKind};
use crate::border::Effects;
use crate::centrifugo::Next;
use crate::conn::{Phase, State, second};
use crate::proxy::Said;
use crate::request::User;
use crate::shard::Shard;

/// What a refused token is answered with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    /// An error in the reply.
    Error(ErrorCode),
    /// The end of the connection.
    Disconnect(Disconnect),
    /// What a back end says.
    Told(Box<Said>),
}

/// A subscription that expires while its owner is asked for something is looked at again after so long.
const BUSY_DELAY: Duration = Duration::from_secs(1);

/// Ends of one turn: backends give many tokens the same end, a full hour say, and other clients must not wait for all of them.
const EXPIRED_PER_TURN: usize = 256;

/// Longest time to live that a client is told: SDKs wait for it with a timer.
const TTL_MAX_S: u32 = 365 * 86_400;

/// Whole seconds, as a client is told: rounded up and never 0, since a zero isn't written in JSON and SDKs read the field of
/// whatever expires.
pub(crate) fn ttl_s(left: Duration) -> u32 {
    let whole = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
    u32::try_from(whole).unwrap_or(u32::MAX).clamp(1, TTL_MAX_S)
}

/// The instant of a session's end; `None` for `NONE`.
fn due(second: u32) -> Option<Instant> {
    (second != NONE).then(|| Instant::ORIGIN + Duration::from_secs(second.into()))
}

pub(crate) fn refreshed(left: Option<Duration>) -> RefreshResult {
    RefreshResult { expires: left.is_some(), ttl_s: left.map_or(0, ttl_s) }
}

impl Shard {
    /// Who wants to connect; `None`: anybody.
    pub(crate) fn authenticate(&self, introduced: Option<Box<str>>, token: &str) -> Result<Option<Token>, Refused> {
        if token.is_empty() {
            let open = self.config.anonymous || self.config.dev || self.config.admission.insecure;
            return match introduced {
                _ if open => Ok(None),
                Some(user) => Ok(Some(Token { user, ..Token::default() })),
                None => Err(Refused::Disconnect(Disconnect::BadRequest)),
            };
        }
        if self.trusts_everybody() {
            return Ok(None);
        }
        let admission = &self.config.admission;
        match self.config.tokens.verify(TokenKind::Connection, token) {
            Ok(token) if token.user.is_empty() && !admission.anonymous_tokens => {
                Err(Refused::Disconnect(Disconnect::PermissionDenied))
            }
            Ok(token) if admission.insecure => Ok(Some(Token { left: None, ..token })),
            Ok(token) if token.is_over() => Err(Refused::Error(ErrorCode::Expired)),
            Ok(token) => Ok(Some(token)),
            Err(TokenError::Expired) => Err(Refused::Error(ErrorCode::TokenExpired)),
            Err(TokenError::Later) => Err(Refused::Error(ErrorCode::Internal)),
            Err(TokenError::Invalid) => Err(Refused::Disconnect(Disconnect::InvalidToken)),
        }
    }

    /// Keeps who a client is until it connects.
    pub(crate) fn introduce(&mut self, conn: ConnId, user: User) {
        if let Some(mut introduction) = user
            && self.conns.rows[conn.0].phase == Phase::Open
        {
            self.kept_fields.keep(conn, core::mem::take(&mut introduction.fields));
            if introduction.user.is_some() {
                self.conns.lend(conn).state = State::Introduced(introduction);
            }
        }
    }

    /// Who a client is by whoever is in front of the server; that is kept no longer.
    pub(crate) fn take_introduction(&mut self, conn: ConnId) -> User {
        let state = &mut self.conns.lent(conn)?.state;
        let State::Introduced(introduction) = state else {
            return None;
        };
        let introduction = core::mem::take(introduction);
        *state = State::None;
        Some(introduction)
    }

    /// Without a key no token is valid; in development that matters to nobody.
    fn trusts_everybody(&self) -> bool {
        self.config.dev && self.config.tokens.verifier.is_none()
    }

    /// Whether a subscription token is this client's and for this channel.
    fn is_for(&self, token: &Token, conn: ConnId, channel: &str) -> bool {
        *token.channel == *channel && *token.user == *self.user(conn)
    }

    /// The user of a connection's session; empty without one.
    pub(crate) fn user(&self, conn: ConnId) -> &str {
        self.sessions.user(self.conns.rows[conn.0].session)
    }

    /// Takes over what a connection token says of its session, the first one or a later one; how long that lasts.
    pub(crate) fn identify(
        &mut self,
        conn: ConnId,
        mut token: Token,
        now: Instant,
        world: &mut impl Effects,
    ) -> Option<Duration> {
        self.take_caps(conn, &mut token, world);
        self.token_ids.set(conn, self.token_id(&token.id));
        self.set_end(conn, token.left, now);
        self.identities.set_info(conn, token.info);
        self.set_meta(conn, token.meta);
        token.left
    }

    /// Takes over a session's meta, unless nobody is told of it; nothing: it stays as it was.
    pub(crate) fn set_meta(&mut self, conn: ConnId, meta: Box<[u8]>) {
        if self.config.proxies.meta {
            self.metas.set(conn, meta);
        }
    }

    /// Has the session end once `left` and the time to refresh are over; `None`: never.
    pub(crate) fn set_end(&mut self, conn: ConnId, left: Option<Duration>, now: Instant) {
        // What a back end refreshes needs no time for its client to do so.
        let grace = if self.refreshes_sessions() { Duration::ZERO } else { self.config.tokens.connection_grace };
        let end = left.map(|left| now + left + grace);
        // Ends are kept in seconds; no session ends too early.
        let due_s = end.map_or(NONE, |at| second(at + Duration::from_nanos(999_999_999)));
        let old = self.sessions.set_due(self.conns.rows[conn.0].session, due_s);
        self.identities.set_due(conn, due(old), due(due_s));
    }

    /// What the token of a `subscribe` says; `None`: it has none, and needs none.
    pub(crate) fn admit(&self, conn: ConnId, subscribe: &Subscribe<'_>) -> Result<Option<Token>, Refused> {
        if subscribe.token.is_empty() || self.trusts_everybody() {
            return Ok(None);
        }
        match self.config.tokens.verify(TokenKind::Subscription, &subscribe.token) {
            Ok(token) if !self.is_for(&token, conn, &subscribe.channel) => {
                Err(Refused::Disconnect(Disconnect::InvalidToken))
            }
            Ok(token) if token.is_over() => Err(Refused::Error(ErrorCode::Expired)),
            Ok(token) => Ok(Some(token)),
            Err(TokenError::Expired) => Err(Refused::Error(ErrorCode::TokenExpired)),
            Err(TokenError::Later) => Err(Refused::Error(ErrorCode::Internal)),
            Err(TokenError::Invalid) => Err(Refused::Error(ErrorCode::PermissionDenied)),
        }
    }

    /// Takes note of what a subscription token allows.
    pub(crate) fn grant(&mut self, conn: ConnId, subject: u32, token: Token, now: Instant) {
        let is_refreshed = self.refresher_of(subject).is_some();
        let grace = if is_refreshed { Duration::ZERO } else { self.config.tokens.subscription_grace };
        let id = self.token_id(&token.id);
        self.identities.grant((conn, subject), token, id, grace, now);
    }

    /// The client, as others are told who have to do with a subject.
    pub(crate) fn publisher(&self, conn: ConnId, subject: Option<u32>) -> Publisher {
        let (conn_info, chan_info) = self.identities.told(conn, subject);
        Publisher {
            user: self.user(conn).into(),
            client: self.client(conn).into(),
            conn_info: conn_info.into(),
            chan_info: chan_info.into(),
        }
    }

    /// The id of the connection's client.
    pub(crate) fn client(&self, conn: ConnId) -> String {
        self.sessions.client_id(self.config.shard, conn, self.conns.rows[conn.0].generation)
    }

    /// Ends a session.
    pub(crate) fn end_session(&mut self, conn: ConnId) {
        self.leave_roster(conn);
        let session = core::mem::replace(&mut self.conns.rows[conn.0].session, NONE);
        if session != NONE {
            let gone = self.sessions.end(session);
            self.identities.forget(conn, due(gone.due_s));
            self.caps.forget(conn);
            self.token_ids.set(conn, None);
            self.renewals.forget(conn, NONE);
            self.metas.forget(conn);
        }
    }

    /// `refresh`: the same user, for longer.
    pub(crate) fn on_refresh(
        &mut self,
        conn: ConnId,
        id: u32,
        token: &str,
        now: Instant,
        world: &mut impl Effects,
    ) -> Next {
        if token.is_empty() || self.refreshes_sessions() {
            return Next::Disconnect(Disconnect::BadRequest);
        }
        match self.config.tokens.verify(TokenKind::Connection, token) {
            Err(TokenError::Expired) => Next::Disconnect(Disconnect::ConnectionExpired),
            Err(TokenError::Later) => self.reply_error(conn, id, ErrorCode::Internal),
            Err(TokenError::Invalid) => Next::Disconnect(Disconnect::InvalidToken),
            Ok(token) if *token.user != *self.user(conn) => Next::Disconnect(Disconnect::InvalidToken),
            Ok(token) if self.is_blocked(&token.user) => Next::Disconnect(Disconnect::ForceDisconnect),
            Ok(token) if token.is_over() => self.reply_error(conn, id, ErrorCode::Expired),
            // Other subscriptions: it is to connect anew, and gets them.
            Ok(token) if !self.has_same_subs(conn, &token) => Next::Disconnect(Disconnect::InsufficientState),
            Ok(token) => {
                let left = self.identify(conn, token, now, world);
                let result = refreshed(left);
                self.tell(conn, |encoding, out| encoding.reply_refresh(out, id, &result));
                Next::Command
            }
        }
    }

    /// `sub_refresh`: the same subscription, for longer. An expired token is answered with an error, not with a success
    /// that never expires, as the reference has it.
    pub(crate) fn on_sub_refresh(&mut self, conn: ConnId, id: u32, refresh: &SubRefresh<'_>, now: Instant) -> Next {
        let channel: &str = &refresh.channel;
        if channel.is_empty() {
            return Next::Disconnect(Disconnect::BadRequest);
        }
        let Some(subscription) = self.subscription_of(conn, channel) else {
            return self.reply_error(conn, id, ErrorCode::PermissionDenied);
        };
        let subject = self.hub.subscription(subscription).subject;
        if self.refresher_of(subject).is_some() {
            return Next::Disconnect(Disconnect::BadRequest);
        }
        if refresh.token.is_empty() {
            return self.reply_error(conn, id, ErrorCode::BadRequest);
        }
        match self.config.tokens.verify(TokenKind::Subscription, &refresh.token) {
            Err(TokenError::Expired) => self.reply_error(conn, id, ErrorCode::TokenExpired),
            Err(TokenError::Later) => self.reply_error(conn, id, ErrorCode::Internal),
            Err(TokenError::Invalid) => Next::Disconnect(Disconnect::InvalidToken),
            Ok(token) if !self.is_for(&token, conn, channel) => Next::Disconnect(Disconnect::InvalidToken),
            Ok(token) if token.is_over() => self.reply_error(conn, id, ErrorCode::Expired),
            Ok(token) => {
                let left = token.left;
                self.grant(conn, subject, token, now);
                let result = refreshed(left);
                self.tell(conn, |encoding, out| encoding.reply_sub_refresh(out, id, &result));
                Next::Command
            }
        }
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

    /// Ends the connections and subscriptions whose tokens were not refreshed in time: some now, the others in the turns that follow.
    pub(crate) fn end_expired(&mut self, now: Instant, world: &mut impl Effects) {
        for _ in 0..EXPIRED_PER_TURN {
            let Some((conn, subject)) = self.identities.take_due(now) else { return };
            let row = &self.conns.rows[conn.0];
            match row.phase {
                Phase::Vacant | Phase::Closing => {}
                _ if subject == NONE => {
                    if !self.asks_to_refresh(conn, now) {
                        self.disconnect(conn, Disconnect::ConnectionExpired, now);
                    }
                }
                // The owner's answer may be about this very subscription.
                Phase::Asked => self.identities.defer(conn, subject, now + BUSY_DELAY),
                Phase::Head | Phase::Body | Phase::Poll | Phase::Open => {
                    if !self.asks_to_refresh_sub(conn, subject, now) {
                        self.end_subscription(conn, subject, now, world);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_expires_within_a_second_still_tells_a_ttl() {
        for (left_ms, ttl) in [(0, 1), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (59_000, 59), (u64::MAX, TTL_MAX_S)] {
            assert_eq!(ttl_s(Duration::from_millis(left_ms)), ttl, "{left_ms} ms");
        }
    }
}
