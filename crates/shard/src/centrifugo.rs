//! A Centrifugo session: commands in, replies and pushes out. The rules are those of `client.go` and `handler.go` as the
//! protocol page tells them; section numbers are that page's.
use alloc::boxed::Box;

use base::{ConnId, Instant, NONE, SubjectKey};
use protocol::Encoding;
use protocol::centrifugo::{Command, Disconnect, ErrorCode, Request};

use crate::border::Effects;
use crate::client::{Features, Refused};
use crate::conn::{Flags, Phase, State};
use crate::hop::Waiter;
use crate::report::{Holdings, Refusal};
use crate::shard::Shard;
use connect::Connecting;
use presence::RollCall;
use uni::disconnect_of;

mod connect;
mod dialect;
mod endpoints;
mod excerpt;
mod join_leave;
mod order;
mod presence;
mod publish;
mod refusal_codes;
mod server_side;
mod stream;
mod subscribe;
mod uni;
mod uplink;
mod wanted;

pub use dialect::Dialect;
pub(crate) use dialect::PerDialect;
pub use endpoints::{Endpoint, Endpoints, Farewell, Origins};
pub use excerpt::epoch_of;
use join_leave::Hearers;
use order::Orders;
pub use order::{Order, Subscription, Whom};
pub(crate) use presence::told;
pub use presence::{PresenceError, Roll};
pub use refusal_codes::{CodeToDisconnect, CodeToStatus, RefusalCodes};
use server_side::ServerSide;
use subscribe::Since;
pub(crate) use subscribe::sayable;
pub(crate) use uplink::AnswerTo;
use uplink::Uplinks;

/// What a shard has of sessions beside their rows.
#[derive(Debug)]
pub(crate) struct Centrifugo {
    hearers: Hearers,
    server_side: ServerSide,
    orders: Orders,
    uplinks: Uplinks,
}

impl Centrifugo {
    /// There are no sessions yet; `key` is the same on all shards.
    pub(crate) fn new(key: &SubjectKey) -> Self {
        Self {
            hearers: Hearers::default(),
            server_side: ServerSide::default(),
            orders: Orders::default(),
            uplinks: Uplinks::new(key),
        }
    }

    /// True if something that a client says beside its stream is on its way to the session.
    pub(crate) fn has_uplink(&self, conn: ConnId) -> bool {
        self.uplinks.has(conn)
    }

    /// True while somebody waits for an answer of a session that has ended.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.uplinks.has_ended()
    }

    /// Adds what it holds.
    pub(crate) fn count(&self, holdings: &mut Holdings) {
        holdings.hearers = self.hearers.len();
        holdings.server_side = self.server_side.len() + self.orders.len();
        holdings.uplinks = self.uplinks.len();
    }

    /// Bytes that wait for sessions.
    pub(crate) fn bytes(&self) -> usize {
        self.uplinks.bytes()
    }
}

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
            if !rest.is_empty() && self.conns[conn].flags.has(Flags::STALLED) {
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
        let connected = self.conns[conn].session != NONE;
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
        let flags = &mut self.conns[conn].flags;
        if !flags.has(Flags::PINGED) || flags.has(Flags::FRAME_PINGS) {
            return Next::Disconnect(Disconnect::BadRequest);
        }
        flags.set(Flags::PINGED, false);
        Next::Command
    }

    /// Has the connection wait for an owner's answer to a command.
    fn wait(&mut self, conn: ConnId, command: Waiting) -> Waiter {
        self.conns.lend(conn).state = State::Command(command);
        self.conns[conn].enter(Phase::Asked);
        self.conns.waiter(conn)
    }

    /// After the reply to a command that waited: the connection goes on.
    pub(crate) fn answered(&mut self, conn: ConnId, now: Instant) {
        self.conns[conn].enter(Phase::Open);
        self.conns[conn].note_active(now);
        self.wake(conn);
    }

    fn next_by_phase(&self, conn: ConnId) -> Next {
        if self.conns[conn].phase() == Phase::Open { Next::Command } else { Next::Wait }
    }

    pub(crate) fn refused(&mut self, conn: ConnId, id: u32, refused: Refused, now: Instant) -> Next {
        match refused {
            Refused::Told(said) => self.say_instead(conn, id, &said, now),
            Refused::Error(code) => self.reply_error(conn, id, code),
            Refused::Disconnect(why) => Next::Disconnect(why),
        }
    }

    pub(crate) fn reply_error(&mut self, conn: ConnId, id: u32, code: ErrorCode) -> Next {
        if self.conns[conn].transport.is_uni() {
            return Next::Disconnect(disconnect_of(code));
        }
        self.tell(conn, |encoding, out| encoding.reply_error(out, id, code));
        Next::Command
    }
}
