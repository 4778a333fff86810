//! The shard: one core's whole machine. This file is its table of contents.
use alloc::rc::Rc;
use alloc::vec::Vec;

use base::{ConnId, Instant, Prng, ShardId};
use hub::Hub;

use crate::border::{Effects, Frame, Input};
use crate::centrifugo::Centrifugo;
use crate::client::Clients;
use crate::config::ShardConfig;
use crate::conn::{Conns, Flags, Lives, Phase, Transport};
use crate::hook::Hooks;
use crate::hop::Mail;
use crate::plain::Acks;
use crate::proxy::Asking;
use crate::report::Report;
use crate::route::Routing;
use crate::send::Sending;

mod control;
mod report;

/// Most histories that one turn expires, so that a million of them don't hold up a message.
const EXPIRED_PER_TURN_MAX: usize = 256;

/// One core's connections, sessions, subscriptions, outboxes and its ends of the mailboxes.
///
/// The first fields are everybody's, the others a folder's each: what is in them only that folder can name. To the others it is what
/// their methods, and those of the shard that are written there, say.
#[derive(Debug)]
pub struct Shard {
    pub(crate) config: ShardConfig,
    pub(crate) conns: Conns,
    pub(crate) hub: Hub,
    pub(crate) mail: Mail,
    pub(crate) report: Report,
    pub(crate) random: Prng,
    /// The newest `now` that came in, for what needs no better.
    pub(crate) noted: Instant,
    /// For building what is then shared or sent; empty between uses.
    scratch: Vec<u8>,
    pub(crate) lives: Lives,
    pub(crate) sending: Sending,
    pub(crate) routing: Routing,
    pub(crate) acks: Acks,
    pub(crate) clients: Clients,
    pub(crate) centrifugo: Centrifugo,
    pub(crate) asking: Asking,
    pub(crate) hooks: Hooks,
}

impl Shard {
    /// An empty shard.
    #[must_use]
    pub fn new(config: ShardConfig, now: Instant) -> Self {
        assert!(
            config.shard.0 < config.shards && config.shards <= ShardId::COUNT_MAX,
            "a shard is one of its server's"
        );
        let mut random = Prng::new(config.seed, "shard");
        let epoch = u32::try_from(random.next_u64() >> 32).unwrap_or(1);
        Self {
            conns: Conns::default(),
            hub: Hub::new(config.key, config.namespaces.clone(), config.limits.history_bytes, epoch),
            mail: Mail::new(config.shards),
            report: Report::default(),
            noted: now,
            scratch: Vec::new(),
            lives: Lives::new(now),
            sending: Sending::new(&config.compression),
            routing: Routing::default(),
            acks: Acks::default(),
            clients: Clients::new(config.key, &mut random),
            centrifugo: Centrifugo::new(&config.key),
            asking: Asking::default(),
            hooks: Hooks::default(),
            random,
            config,
        }
    }

    /// Handles one input. Frames leave in [`Shard::finish_turn`] only.
    pub fn handle(&mut self, input: Input<'_>, now: Instant, world: &mut impl Effects) {
        self.noted = now;
        self.before(&input, now, world);
        match input {
            Input::Accepted { conn } => self.on_accepted(conn, now),
            Input::Received { conn, bytes } => self.on_received(conn, bytes, now, world),
            Input::Writable { conn } => self.on_writable(conn),
            Input::Ended { conn, end } => {
                self.on_ended(conn, end, now, world);
                self.end_run(now, world);
            }
            Input::Parcel { from, parcel } => self.on_parcel(from, parcel, now, world),
            Input::Command { ticket, command } => self.on_command_of_control(ticket, command, now, world),
        }
        self.resume_ready(now, world);
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: Instant, world: &mut impl Effects) {
        self.noted = now;
        self.end_run(now, world);
        self.fire_timers(now, world);
        self.end_expired(now, world);
        self.send_due_acks(now);
        self.send_due_paces(now, world);
        self.hub.expire_histories(now, EXPIRED_PER_TURN_MAX);
        self.routing.forget_keys(now);
        self.go_on_draining(now, world);
        self.resume_ready(now, world);
    }

    /// When [`Shard::handle_timeout`] has something to do; the origin, if the turn has left something that must go on at once;
    /// `None`: there is nothing to wake up for.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.has_unfinished() {
            return Some(Instant::ORIGIN);
        }
        [
            self.lives.next_due(),
            self.clients.next_due(),
            self.acks.next_due(),
            self.routing.next_due(),
            self.hub.next_history_expiry(),
            self.next_drain_step(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Ends a turn: every connection that something was queued for is flushed, once.
    pub fn finish_turn(&mut self, now: Instant, world: &mut impl Effects) {
        self.noted = now;
        self.end_run(now, world);
        self.mail.retry(world);
        self.unstall_listed();
        self.send_counts(now, world);
        // Flushing may condemn, closing may queue: twice is enough, the rest is the next turn's.
        let mut share = self.share();
        for _ in 0..2 {
            self.resume_ready(now, world);
            self.close_doomed(now);
            self.settle_closing(world);
            self.answer_ended_posts(now, world);
            share = self.take_share(share);
            self.flush_dirty(now, world);
        }
        self.tell_back_ends(world);
        self.sending.end_turn();
    }

    /// False while this shard has more to send to other shards than it should: what makes parcels must wait.
    #[must_use]
    pub fn accepts_requests(&self) -> bool {
        !self.mail.is_over_bound()
    }

    /// True while parcels wait for room in a mailbox, or events for the world: [`Shard::finish_turn`] must come again soon.
    #[must_use]
    pub fn has_backlog(&self) -> bool {
        self.mail.waiting() > 0 || self.hooks.has_events()
    }

    fn has_unfinished(&self) -> bool {
        self.sending.is_due() || self.lives.is_unfinished() || self.centrifugo.is_unfinished()
    }

    // ---- one function an input ----

    fn on_accepted(&mut self, conn: ConnId, now: Instant) {
        self.conns.accept(conn);
        self.report.accepted += 1;
        self.report.connections[Transport::Http.index()] += 1;
        self.arm(conn, now + self.config.limits.head_timeout);
    }

    fn on_received(&mut self, conn: ConnId, bytes: &mut [u8], now: Instant, world: &mut impl Effects) {
        self.report.bytes_in += bytes.len() as u64;
        let head_begun = self.conns[conn].phase() == Phase::Head
            && self.conns.lent(conn).is_some_and(|lent| !lent.unread.is_empty());
        if head_begun {
            if !bytes.contains(&b'\n')
                && self.conns.lend(conn).unread.len() + bytes.len() <= self.config.limits.head_bytes
            {
                // No line has ended: a head that comes a byte at a time is not parsed a byte at a time.
                self.conns.lend(conn).unread.extend_from_slice(bytes);
                return;
            }
            let mut whole = self.conns.take_unread(conn);
            whole.extend_from_slice(bytes);
            self.received(conn, &mut whole, now, world);
            self.conns.reclaim(conn);
        } else {
            self.received(conn, bytes, now, world);
            let row = &self.conns[conn];
            let waits = row.phase() != Phase::Head || row.flags.has(Flags::STALLED);
            if !waits && self.conns.lent(conn).is_some_and(|lent| !lent.unread.is_empty()) {
                // A request has begun on a connection that may have been allowed to be quiet for longer.
                self.arm(conn, now + self.config.limits.head_timeout);
            }
        }
    }

    fn on_writable(&mut self, conn: ConnId) {
        let row = &mut self.conns[conn];
        if row.phase() != Phase::Vacant {
            row.flags.set(Flags::FULL, false);
            self.flush_soon(conn);
        }
    }

    // ---- shared by the rooms of the shard ----

    /// The shard that owns a subject.
    pub(crate) fn owner(&self, subject: &str) -> ShardId {
        if self.config.shards == 1 {
            return self.config.shard;
        }
        self.config.key.hash(subject.as_bytes()).owner(self.config.shards)
    }

    /// Counts the connection under another transport.
    pub(crate) fn set_transport(&mut self, conn: ConnId, transport: Transport) {
        let row = &mut self.conns[conn];
        if row.transport.dialect().is_some() && transport.dialect().is_none() {
            self.config.admission.gate.leave();
        }
        self.report.connections[row.transport.index()] -= 1;
        self.report.connections[transport.index()] += 1;
        row.transport = transport;
    }

    /// Takes the scratch buffer, emptied.
    pub(crate) fn take_scratch(&mut self) -> Vec<u8> {
        let mut scratch = core::mem::take(&mut self.scratch);
        scratch.clear();
        scratch
    }

    /// It comes back.
    pub(crate) fn give_scratch_back(&mut self, scratch: Vec<u8>) {
        self.scratch = scratch;
    }

    /// What is written, as a frame.
    pub(crate) fn written(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Frame {
        self.scratch.clear();
        write(&mut self.scratch);
        Rc::from(&*self.scratch)
    }
}
