//! How long sessions and subscriptions last: `refresh`, `sub_refresh`, and the end of those that were not refreshed in time (the protocol
//! page, sections 4.2 and 4.3).
use core::time::Duration;

use base::{ConnId, Instant, NONE};
use protocol::centrifugo::{Disconnect, ErrorCode, RefreshResult, SubRefresh};

use super::token::{TokenError, TokenKind};
use crate::border::Effects;
use crate::centrifugo::Next;
use crate::conn::{Phase, second};
use crate::shard::Shard;

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
pub(super) fn due(second: u32) -> Option<Instant> {
    (second != NONE).then(|| Instant::ORIGIN + Duration::from_secs(second.into()))
}

/// The answer to both: until when.
pub(crate) fn refreshed(left: Option<Duration>) -> RefreshResult {
    RefreshResult { expires: left.is_some(), ttl_s: left.map_or(0, ttl_s) }
}

impl Shard {
    /// Has the session end once `left` and the time to refresh are over; `None`: never.
    pub(crate) fn set_end(&mut self, conn: ConnId, left: Option<Duration>, now: Instant) {
        // What a back end refreshes needs no time for its client to do so.
        let grace = if self.refreshes_sessions() { Duration::ZERO } else { self.config.tokens.connection_grace };
        let end = left.map(|left| now + left + grace);
        // Ends are kept in seconds; no session ends too early.
        let due_s = end.map_or(NONE, |at| second(at + Duration::from_nanos(999_999_999)));
        let old = self.clients.sessions.set_due(self.conns[conn].session, due_s);
        self.clients.identities.set_due(conn, due(old), due(due_s));
    }

    /// How long a subscription lasts, as its client is told: who does not refresh it is not told when it would end.
    pub(crate) fn told_left(&self, conn: ConnId, subject: u32, now: Instant) -> Option<Duration> {
        self.clients.identities.left(conn, subject, now).filter(|_| self.refresher_of(subject).is_none())
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

    /// Ends the connections and subscriptions whose tokens were not refreshed in time: some now, the others in the turns that follow.
    pub(crate) fn end_expired(&mut self, now: Instant, world: &mut impl Effects) {
        for _ in 0..EXPIRED_PER_TURN {
            let Some((conn, subject)) = self.clients.identities.take_due(now) else { return };
            let row = &self.conns[conn];
            match row.phase() {
                Phase::Vacant | Phase::Closing => {}
                _ if subject == NONE => {
                    if !self.asks_to_refresh(conn, now) {
                        self.disconnect(conn, Disconnect::ConnectionExpired, now);
                    }
                }
                // The owner's answer may be about this very subscription.
                Phase::Asked => self.clients.identities.defer(conn, subject, now + BUSY_DELAY),
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
