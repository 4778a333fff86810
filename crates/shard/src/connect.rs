//! `connect`: who may begin a session, and the reply that begins it.
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use base::{ConnId, Instant};
use protocol::Encoding;
use protocol::centrifugo::{Connect, ConnectResult, Disconnect, ErrorCode, ServerSub};

use crate::border::Effects;
use crate::centrifugo::Next;
use crate::credentials::{Refused, ttl_s};
use crate::request::User;
use crate::server_side::Wanted;
use crate::shard::Shard;
use crate::token::Token;

/// Who may connect: what its token says, the user, and what the server subscribes it to.
type Admitted = (Option<Token>, Box<str>, Vec<Wanted>);

impl Shard {
    pub(crate) fn on_connect(
        &mut self,
        conn: ConnId,
        id: u32,
        connect: &Connect<'_>,
        now: Instant,
        world: &mut impl Effects,
    ) -> Next {
        let introduced = self.take_introduction(conn);
        let admitted = self.admission_of(connect, introduced).and_then(|admitted| {
            if !self.may_connect(&admitted.1, now) {
                return Err(Refused::Error(ErrorCode::TooManyRequests));
            }
            self.enter_roster(&admitted.1)?;
            Ok(admitted)
        });
        let (token, user, wanted) = match admitted {
            Ok(admitted) => admitted,
            Err(Refused::Error(code)) if self.conns.rows[conn.0].transport.is_uni() => {
                return self.refuse_uni(conn, code, now);
            }
            Err(refused) => {
                let next = self.refused(conn, id, refused);
                return if next == Next::Command { Next::Nothing } else { next };
            }
        };
        self.conns.rows[conn.0].session = self.sessions.begin(conn, &user);
        let left = token.and_then(|token| self.identify(conn, token, now, world));
        if !wanted.is_empty() {
            self.connect_with(conn, id, left, wanted, now, world);
            return self.next_by_phase(conn);
        }
        let mut written = self.take_scratch();
        self.write_connect(conn, id, left, &[], self.encoding(conn), &mut written);
        if let Some(dialect) = self.conns.rows[conn.0].transport.dialect() {
            self.queue_own(conn, dialect.frame(&written));
        }
        self.scratch = written;
        self.arm_first_heartbeat(conn, now);
        Next::Command
    }

    /// Who wants to connect, and to what: the token and the user, and the subscriptions that the server makes.
    pub(crate) fn admission_of(&self, connect: &Connect<'_>, introduced: User) -> Result<Admitted, Refused> {
        let mut token = self.authenticate(introduced, &connect.token)?;
        let user = token.as_ref().map_or_else(Box::default, |token| token.user.clone());
        if self.is_blocked(&user) {
            return Err(Refused::Disconnect(Disconnect::ForceDisconnect));
        }
        let wanted = self.server_side_of(connect, token.as_mut(), &user)?;
        Ok((token, user, wanted))
    }

    /// The reply to `connect`, which tells of these subscriptions.
    pub(crate) fn write_connect(
        &self,
        conn: ConnId,
        id: u32,
        left: Option<Duration>,
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
            ping_s,
            pong,
            time_ms: self.told_time_ms(),
            subs,
            ..ConnectResult::default()
        };
        encoding.reply_connect(written, id, &result);
    }
}
