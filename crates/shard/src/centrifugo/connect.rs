//! `connect`: who may begin a session, and the reply that begins it.
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use base::{ConnId, Instant};
use protocol::Encoding;
use protocol::centrifugo::{Connect, ConnectResult, Disconnect, ErrorCode, ServerSub};

use super::Next;
use super::server_side::{Wanted, sayable};
use crate::border::Effects;
use crate::client::{Refused, Token, ttl_s};
use crate::shard::Shard;

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
        self.kept_fields.emulate(conn, &connect.headers, &self.config.proxies.fields);
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
            Err(refused) if self.conns.rows[conn.0].transport.is_uni() => {
                return self.refuse_uni(conn, refused, now);
            }
            Err(refused) => {
                let next = self.refused(conn, id, refused, now);
                return if next == Next::Command { Next::Nothing } else { next };
            }
        };
        self.conns.rows[conn.0].session = self.sessions.begin(conn, &user);
        self.kept_fields.connected(conn, &self.config.proxies.fields);
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
        if let Some(dialect) = self.conns.rows[conn.0].transport.dialect() {
            self.queue_own(conn, dialect.frame(&written));
        }
        self.scratch = written;
        self.arm_first_heartbeat(conn, now);
        Next::Command
    }

    /// Who wants to connect, and to what: the token and the user, and the subscriptions that the server makes.
    /// Who it is has been `granted` by a back end, or else is said by its token, or by whoever `introduced` it.
    pub(crate) fn admission_of(
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
    pub(crate) fn write_connect(
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
}
