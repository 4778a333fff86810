//! Uplinks: what clients of streams say, as `POST /emulation`, on whatever connection of whatever shard. The protocol page, section 1.6.
//!
//! A session's name leads to its shard and slot without a table, and can't be made up ([`base::Sealed`]). The commands hop to
//! the session's shard; the answer hops back once they have been handled, and the POST waits for it. Of the commands of one session
//! only one message is handled at a time; the others wait, and there is a bound on what waits.
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use base::{ConnId, Instant, NONE, SealKey, Sealed, ShardId, SubjectKey};
use protocol::centrifugo::Disconnect;

use super::dialect::Dialect;
use crate::border::Effects;
use crate::conn::{Flags, Phase, State};
use crate::handshake::Response;
use crate::hop::{Parcel, Waiter};
use crate::limits::{UPLINK_BYTES_MAX, UPLINKS_MAX};
use crate::report::Refusal;
use crate::request::{Cors, Denied};
use crate::shard::Shard;

/// A POST that waits for its answer: on which shard, and which connection of it.
type Post = (ShardId, Waiter);

/// How a POST is to be answered.
#[derive(Debug)]
pub(crate) struct AnswerTo {
    /// Whether the connection goes on after the answer.
    pub(crate) keep_alive: bool,
    /// What a browser is told about the page that asked.
    pub(crate) cors: Option<Box<Cors>>,
}

/// What is on its way up to one session.
#[derive(Debug, Default)]
struct Uplink {
    /// Whose commands are being handled.
    current: Option<Post>,
    /// Messages that wait for those before them.
    waiting: VecDeque<(Box<[u8]>, Post)>,
    waiting_bytes: usize,
}

/// What is on its way up to the sessions of a shard. Sessions to which nothing is have no row here.
#[derive(Debug)]
pub(super) struct Uplinks {
    by_conn: BTreeMap<ConnId, Uplink>,
    /// POSTs whose session has ended.
    ended: Vec<Post>,
    /// Names sessions to those who send commands for them.
    key: SealKey,
}

impl Uplinks {
    pub(super) fn new(key: &SubjectKey) -> Self {
        Self { by_conn: BTreeMap::new(), ended: Vec::new(), key: SealKey::new(key, "session") }
    }

    /// True while somebody waits whose session has ended.
    pub(super) fn has_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    /// True if something is on its way to the session.
    pub(super) fn has(&self, conn: ConnId) -> bool {
        !self.by_conn.is_empty() && self.by_conn.contains_key(&conn)
    }

    /// Sessions to which something is on its way.
    pub(super) fn len(&self) -> usize {
        self.by_conn.len()
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.by_conn.values().map(|uplink| uplink.waiting_bytes).sum()
    }

    /// The message is the session's next; false if too much waits already.
    fn push(&mut self, conn: ConnId, message: Box<[u8]>, post: Post) -> bool {
        let uplink = self.by_conn.entry(conn).or_default();
        let bytes = uplink.waiting_bytes + message.len();
        if !uplink.waiting.is_empty() && (uplink.waiting.len() == UPLINKS_MAX || bytes > UPLINK_BYTES_MAX) {
            return false;
        }
        uplink.waiting_bytes = bytes;
        uplink.waiting.push_back((message, post));
        true
    }

    /// The message that comes next, whose POST is the current one from now on. `None` if there is none: the row is gone.
    fn next(&mut self, conn: ConnId) -> Option<Box<[u8]>> {
        let uplink = self.by_conn.get_mut(&conn)?;
        let Some((message, post)) = uplink.waiting.pop_front() else {
            self.by_conn.remove(&conn);
            return None;
        };
        uplink.waiting_bytes -= message.len();
        uplink.current = Some(post);
        Some(message)
    }

    /// The POST whose commands have been handled.
    fn take_current(&mut self, conn: ConnId) -> Option<Post> {
        self.by_conn.get_mut(&conn)?.current.take()
    }

    /// All POSTs that wait for a session.
    fn take_all(&mut self, conn: ConnId) -> Vec<Post> {
        let Some(uplink) = self.by_conn.remove(&conn) else {
            return Vec::new();
        };
        uplink.current.into_iter().chain(uplink.waiting.into_iter().map(|(_, post)| post)).collect()
    }
}

/// Where a session is: the shard and the slot. What tells it from others that had the slot is the secret of its name.
fn place(shard: ShardId, conn: ConnId) -> u64 {
    u64::from(shard.0) << 32 | u64::from(conn.0)
}

fn shard_of(place: u64) -> ShardId {
    ShardId(u16::try_from(place >> 32).unwrap_or(u16::MAX))
}

fn conn_of(place: u64) -> ConnId {
    ConnId(u32::try_from(place & 0xffff_ffff).unwrap_or(NONE))
}

impl Shard {
    /// What names the connection's session, and this server, to who sends commands for it, or has the API do something with it; nothing
    /// if nobody does.
    pub(super) fn uplink_address(&self, conn: ConnId) -> (String, Box<str>) {
        let row = &self.conns[conn];
        let Some(dialect) = row.transport.dialect().filter(|dialect| dialect.has_uplink() || dialect.is_uni()) else {
            return Default::default();
        };
        let session = self.centrifugo.uplinks.key.seal(place(self.config.shard, conn), u128::from(row.generation));
        let node = if dialect.is_uni() { Box::default() } else { self.config.endpoints.node.clone() };
        (session.to_string(), node)
    }

    /// The live session of this shard that the name was given to.
    pub(super) fn named_session(&self, name: Sealed) -> Option<ConnId> {
        let conn = conn_of(self.centrifugo.uplinks.key.place(name));
        let row = self.conns.get(conn)?;
        let is_there = matches!(row.phase(), Phase::Asked | Phase::Open)
            && row.session != NONE
            && row.transport.dialect().is_some_and(Dialect::has_uplink);
        (is_there && self.centrifugo.uplinks.key.fits(name, u128::from(row.generation))).then_some(conn)
    }

    // ---- the connection of the POST ----

    /// A whole `POST /emulation` has come; `None` if it is none.
    pub(crate) fn begin_uplink(
        &mut self,
        conn: ConnId,
        uplink: Option<&protocol::centrifugo::Uplink<'_>>,
        to: AnswerTo,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let Some(uplink) = uplink else {
            let reason = "the body is not {\"session\":\"…\",\"node\":\"…\",\"data\":\"…\"}, nor the same in Protobuf";
            self.deny(conn, &Denied::new(400, Refusal::BadRequest, reason).with(to.cors), now, world);
            return;
        };
        if *uplink.node != *self.config.endpoints.node {
            self.report.refuse(Refusal::NotFound);
            self.answer_post(conn, 404, &to, now, world);
            return;
        }
        let name = Sealed::read(&uplink.session);
        let shard = name.map(|name| shard_of(self.centrifugo.uplinks.key.place(name)));
        let (Some(name), Some(shard)) = (name, shard.filter(|shard| shard.0 < self.config.shards)) else {
            // Nobody's: said to nobody, as the reference has it.
            self.answer_post(conn, 204, &to, now, world);
            return;
        };
        self.disarm(conn);
        self.conns.lend(conn).state = State::Uplink(to);
        self.conns[conn].enter(Phase::Asked);
        let waiter = self.conns.waiter(conn);
        let commands = Box::from(&*uplink.commands);
        if shard == self.config.shard {
            self.on_uplink(shard, name, commands, waiter, now, world);
        } else {
            self.mail.send(shard, Parcel::Uplink { session: name, commands, waiter }, world);
        }
    }

    /// The commands of a POST of this shard have been handled.
    pub(crate) fn uplinked(&mut self, waiter: Waiter, now: Instant, world: &mut impl Effects) {
        let Waiter::Conn { conn, generation } = waiter else {
            return;
        };
        if self.conns.find(conn, generation).is_none() {
            return;
        }
        let State::Uplink(to) = self.conns.take_state(conn) else {
            debug_assert!(false, "a POST waits for one answer");
            return;
        };
        self.answer_post(conn, 204, &to, now, world);
    }

    fn answer_post(&mut self, conn: ConnId, status: u16, to: &AnswerTo, now: Instant, world: &mut impl Effects) {
        let fields: Vec<_> = to.cors.iter().flat_map(|cors| cors.fields()).collect();
        self.respond(conn, &Response { status, fields: &fields, body: &[] }, to.keep_alive, now, world);
    }

    // ---- the session ----

    /// Commands for a session of this shard.
    pub(crate) fn on_uplink(
        &mut self,
        from: ShardId,
        session: Sealed,
        commands: Box<[u8]>,
        waiter: Waiter,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let Some(conn) = self.named_session(session) else {
            self.answer_uplink((from, waiter), now, world);
            return;
        };
        self.conns[conn].note_active(now);
        if self.centrifugo.uplinks.push(conn, commands, (from, waiter)) {
            self.go_on_with_uplinks(conn, now, world);
        } else {
            // Whoever doesn't wait for answers would not learn that commands were lost: it is to begin anew, later.
            self.doom(conn, Disconnect::TooManyRequests);
            self.answer_uplink((from, waiter), now, world);
        }
    }

    /// Handles what waits for a session, a message after the other, until one has to wait for an owner.
    pub(crate) fn go_on_with_uplinks(&mut self, conn: ConnId, now: Instant, world: &mut impl Effects) {
        while !self.has_unfinished_commands(conn) {
            if let Some(post) = self.centrifugo.uplinks.take_current(conn) {
                self.answer_uplink(post, now, world);
            }
            let row = &self.conns[conn];
            let Some(dialect) = row.transport.dialect() else {
                return;
            };
            // What waits for a session that closes is answered when that is settled.
            if row.phase() != Phase::Open || row.flags.has(Flags::STALLED) {
                return;
            }
            let Some(commands) = self.centrifugo.uplinks.next(conn) else {
                return;
            };
            self.on_whole_message(conn, dialect.encoding(), &commands, now, world);
        }
    }

    /// True while the last message's commands have not all been handled.
    fn has_unfinished_commands(&mut self, conn: ConnId) -> bool {
        self.conns[conn].phase() == Phase::Asked || self.conns.lent(conn).is_some_and(|lent| !lent.commands.is_empty())
    }

    /// The session ends: who still waits for it is answered at the end of the turn.
    pub(crate) fn end_uplinks(&mut self, conn: ConnId) {
        if self.centrifugo.uplinks.has(conn) {
            let posts = self.centrifugo.uplinks.take_all(conn);
            self.centrifugo.uplinks.ended.extend(posts);
        }
    }

    /// Answers those whose session has ended before their commands were handled.
    pub(crate) fn answer_ended_posts(&mut self, now: Instant, world: &mut impl Effects) {
        for post in core::mem::take(&mut self.centrifugo.uplinks.ended) {
            self.answer_uplink(post, now, world);
        }
    }

    fn answer_uplink(&mut self, (shard, waiter): Post, now: Instant, world: &mut impl Effects) {
        if shard == self.config.shard {
            self.uplinked(waiter, now, world);
        } else {
            self.mail.send(shard, Parcel::Uplinked { waiter }, world);
        }
    }
}
