//! Who a Centrifugo client is, and what its tokens let it do: the protocol page, sections 4.1 to 4.3.
use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use base::{ConnId, Instant, NONE};
use hub::Publisher;
use protocol::centrifugo::{Disconnect, ErrorCode, Subscribe};

use super::refresh::due;
use super::token::{Token, TokenError, TokenKind};
use crate::border::Effects;
use crate::conn::{Phase, State};
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
            && self.conns[conn].phase() == Phase::Open
        {
            self.asking.keep_fields(conn, core::mem::take(&mut introduction.fields));
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
    pub(super) fn is_for(&self, token: &Token, conn: ConnId, channel: &str) -> bool {
        *token.channel == *channel && *token.user == *self.user(conn)
    }

    /// The user of a connection's session; empty without one.
    pub(crate) fn user(&self, conn: ConnId) -> &str {
        self.clients.sessions.user(self.conns[conn].session)
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
        self.clients.token_ids.set(conn, self.token_id(&token.id));
        self.set_end(conn, token.left, now);
        self.clients.identities.set_info(conn, token.info);
        self.set_meta(conn, token.meta);
        token.left
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
        self.clients.identities.grant((conn, subject), token, id, grace, now);
    }

    /// The client, as others are told who have to do with a subject.
    pub(crate) fn publisher(&self, conn: ConnId, subject: Option<u32>) -> Publisher {
        let (conn_info, chan_info) = self.clients.identities.told(conn, subject);
        Publisher {
            user: self.user(conn).into(),
            client: self.client(conn).into(),
            conn_info: conn_info.into(),
            chan_info: chan_info.into(),
        }
    }

    /// The id of the connection's client.
    pub(crate) fn client(&self, conn: ConnId) -> String {
        self.clients.sessions.client_id(self.config.shard, conn, self.conns[conn].generation)
    }

    /// The connection has a session from here on; an empty user is an anonymous one.
    pub(crate) fn begin_session(&mut self, conn: ConnId, user: &str) {
        self.conns[conn].session = self.clients.sessions.begin(conn, user);
    }

    /// Ends a session.
    pub(crate) fn end_session(&mut self, conn: ConnId) {
        self.leave_roster(conn);
        let session = core::mem::replace(&mut self.conns[conn].session, NONE);
        if session != NONE {
            let gone = self.clients.sessions.end(session);
            self.clients.identities.forget(conn, due(gone.due_s));
            self.clients.caps.forget(conn);
            self.clients.token_ids.set(conn, None);
            self.asking.forget_session(conn);
        }
    }
}
