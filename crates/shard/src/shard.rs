//! The shard: one core's whole machine. This file is its table of contents.
use alloc::sync::Arc;
use alloc::vec::Vec;

use base::{ConnId, Instant, Prng, SealKey, ShardId, Wheel};
use hub::{Hub, Idempotency};
use protocol::centrifugo::Disconnect;

use crate::admission::Rates;
use crate::border::{Effects, Input};
use crate::centrifugo::{Endpoints, Hearers, PerDialect, Post, ServerSide, Uplinks};
use crate::client::{Capabilities, Claims, Identities, Sessions, TokenIds};
use crate::command::{Answer, Command, Ticket};
use crate::config::{Admission, ShardConfig};
use crate::conn::{Conn, Conns, Drain, Flags, Lent, Phase};
use crate::hook::Hooks;
use crate::hop::{Mail, Receipt, Waiter};
use crate::plain::Counts;
use crate::proxy::{KeptFields, Metas, Renewals, Told};
use crate::report::{Holdings, Report, Transport};
use crate::route::{Filters, Paces, Run};
use crate::send::{Deflates, Dirty, Frame, Outboxes, Unchunked};

/// Most histories that one turn expires, so that a million of them don't hold up a message.
const EXPIRED_PER_TURN_MAX: usize = 256;

/// One core's connections, sessions, subscriptions, outboxes and its ends of the mailboxes.
#[derive(Debug)]
pub struct Shard {
    pub(crate) config: ShardConfig,
    pub(crate) conns: Conns,
    pub(crate) hub: Hub,
    pub(crate) idempotency: Idempotency,
    pub(crate) sessions: Sessions,
    pub(crate) identities: Identities,
    pub(crate) caps: Capabilities,
    pub(crate) token_ids: TokenIds,
    pub(crate) hearers: Hearers,
    pub(crate) server_side: ServerSide,
    pub(crate) claims: Claims,
    pub(crate) filters: Filters,
    pub(crate) outboxes: Outboxes,
    pub(crate) uplinks: Uplinks,
    pub(crate) hooks: Hooks,
    /// Header fields of clients' requests that back ends are told.
    pub(crate) kept_fields: KeptFields,
    pub(crate) metas: Metas,
    /// Ends about which back ends are asked.
    pub(crate) renewals: Renewals,
    /// What a back end has said of the command that is being handled.
    pub(crate) told: Option<Told>,
    /// Names sessions to those who send commands for them.
    pub(crate) session_key: SealKey,
    pub(crate) run: Run,
    pub(crate) paces: Paces,
    /// Rows of patterns that a subject fits; empty between uses.
    pub(crate) fitting: Vec<u32>,
    pub(crate) mail: Mail,
    pub(crate) wheel: Wheel,
    pub(crate) random: Prng,
    pub(crate) report: Report,
    pub(crate) hops_in: u64,
    /// The newest `now` that came in, for what needs no better.
    pub(crate) noted: Instant,
    pub(crate) drain: Option<Drain>,
    /// When the next counts of publish streams are due.
    pub(crate) acks_at: Option<Instant>,
    /// Publish streams with something to report.
    pub(crate) acks: Vec<(ConnId, u32)>,
    pub(crate) constant: Constant,
    pub(crate) deflates: Deflates,
    pub(crate) unchunked: Unchunked,
    /// For building what is then shared or sent; empty between uses.
    pub(crate) scratch: Vec<u8>,
    // What a turn leaves for its end.
    pub(crate) dirty: Dirty,
    pub(crate) ready: Vec<ConnId>,
    pub(crate) stalled: Vec<ConnId>,
    pub(crate) doomed: Vec<(ConnId, Disconnect)>,
    pub(crate) closing: Vec<ConnId>,
    /// POSTs whose session has ended.
    pub(crate) ended_posts: Vec<Post>,
    pub(crate) counts: Counts,
}

/// Frames that are always the same.
#[derive(Debug, Default)]
pub(crate) struct Constant {
    pub(crate) ping: Option<Frame>,
    pub(crate) centrifugo_ping: PerDialect<Frame>,
    pub(crate) comment: Option<Frame>,
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
        let sessions = Sessions::new(config.key, &mut random);
        let hub = Hub::new(config.key, config.namespaces.clone(), config.limits.history_bytes, epoch);
        Self {
            conns: Conns::default(),
            hub,
            idempotency: Idempotency::default(),
            sessions,
            identities: Identities::default(),
            caps: Capabilities::default(),
            token_ids: TokenIds::default(),
            hearers: Hearers::default(),
            server_side: ServerSide::default(),
            claims: Claims::new(),
            filters: Filters::default(),
            outboxes: Outboxes::default(),
            uplinks: Uplinks::default(),
            hooks: Hooks::default(),
            kept_fields: KeptFields::default(),
            metas: Metas::default(),
            renewals: Renewals::default(),
            told: None,
            session_key: SealKey::new(&config.key, "session"),
            run: Run::default(),
            paces: Paces::default(),
            fitting: Vec::new(),
            mail: Mail::new(config.shards),
            wheel: Wheel::new(now),
            random,
            report: Report::default(),
            hops_in: 0,
            noted: now,
            drain: None,
            acks_at: None,
            acks: Vec::new(),
            constant: Constant::default(),
            deflates: Deflates::new(&config.compression),
            unchunked: Unchunked::default(),
            scratch: Vec::new(),
            dirty: Dirty::default(),
            ready: Vec::new(),
            stalled: Vec::new(),
            doomed: Vec::new(),
            closing: Vec::new(),
            ended_posts: Vec::new(),
            counts: Counts::default(),
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
        while let Some(row) = self.wheel.expire(&mut self.conns, now) {
            self.on_timer(ConnId(row), now, world);
        }
        self.end_expired(now, world);
        self.send_due_acks(now);
        self.send_due_paces(now, world);
        self.hub.expire_histories(now, EXPIRED_PER_TURN_MAX);
        if self.idempotency.next_expiry().is_some_and(|at| at <= now) {
            let _ = self.idempotency.forget(now, hub::KEYS_MAX);
        }
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
            self.wheel.next_due(),
            self.identities.next_due(),
            self.acks_at,
            self.paces.next_due(),
            self.hub.next_history_expiry(),
            self.idempotency.next_expiry(),
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
        self.deflates.forget();
        self.unchunked.forget();
    }

    /// False while this shard has more to send to other shards than it should: what makes parcels must wait.
    #[must_use]
    pub fn accepts_requests(&self) -> bool {
        !self.mail.is_over_bound()
    }

    /// True while parcels wait for room in a mailbox, or events for the world: [`Shard::finish_turn`] must come again soon.
    #[must_use]
    pub fn has_backlog(&self) -> bool {
        self.mail.waiting() > 0 || !self.hooks.events.is_empty()
    }

    fn has_unfinished(&self) -> bool {
        let lists_are_empty =
            self.dirty.is_empty() && self.ready.is_empty() && self.doomed.is_empty() && self.closing.is_empty();
        !(lists_are_empty && self.ended_posts.is_empty())
    }

    /// True once a drain has closed every connection, and back ends will hear of it.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.drain.is_some() && self.conns.open == 0 && self.hooks.events.is_empty()
    }

    /// Messages handled so far: publications of this shard's own clients and commands, and parcels of other shards. Its growth
    /// is how busy the core is.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.report.messages_in + self.hops_in
    }

    /// Open connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.conns.open
    }

    /// What the shard holds besides what its [`Report`] counts.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        Holdings {
            lent: self.conns.lents.len(),
            sessions: self.sessions.len(),
            users: self.sessions.users(),
            identities: self.identities.len(),
            caps: self.caps.len(),
            token_ids: self.token_ids.len(),
            filters: self.filters.len(),
            paces: self.paces.len(),
            patterns: self.hub.patterns.len(),
            attendance: self.hub.attendance_rows(),
            hearers: self.hearers.len(),
            server_side: self.server_side.len(),
            claims: self.claims.len(),
            frames: self.outboxes.frames(),
            timers: self.wheel.len(),
            acks: self.acks.len(),
            uplinks: self.uplinks.len(),
            hooks: [self.hooks.rows.len(), self.hooks.directory.len()],
            events: self.hooks.events.len(),
            kept_fields: self.kept_fields.len(),
            metas: self.metas.len(),
            renewals: self.renewals.len(),
        }
    }

    // ---- one function an input ----

    fn on_accepted(&mut self, conn: ConnId, now: Instant) {
        let row = self.conns.rows.grow_to(conn.0);
        debug_assert_eq!(row.phase, Phase::Vacant, "{conn} is accepted while it is open");
        let flags = row.flags.of(Flags::LISTS);
        *row = Conn { generation: row.generation.wrapping_add(1), phase: Phase::Head, flags, ..Conn::default() };
        self.conns.open += 1;
        self.report.accepted += 1;
        self.report.connections[Transport::Http.index()] += 1;
        self.arm(conn, now + self.config.limits.head_timeout);
    }

    fn on_received(&mut self, conn: ConnId, bytes: &mut [u8], now: Instant, world: &mut impl Effects) {
        self.report.bytes_in += bytes.len() as u64;
        let head_begun = self.conns.rows[conn.0].phase == Phase::Head
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
            let row = &self.conns.rows[conn.0];
            let waits = row.phase != Phase::Head || row.flags.has(Flags::STALLED);
            if !waits && self.conns.lent(conn).is_some_and(|lent| !lent.unread.is_empty()) {
                // A request has begun on a connection that may have been allowed to be quiet for longer.
                self.arm(conn, now + self.config.limits.head_timeout);
            }
        }
    }

    fn on_writable(&mut self, conn: ConnId) {
        let row = &mut self.conns.rows[conn.0];
        if row.phase != Phase::Vacant {
            row.flags.set(Flags::FULL, false);
            self.flush_soon(conn);
        }
    }

    fn on_command_of_control(&mut self, ticket: Ticket, command: Command, now: Instant, world: &mut impl Effects) {
        match command {
            Command::Publish { subject, draft } => {
                let receipt = Receipt::Position(Waiter::Command(ticket));
                self.publish(&subject, draft, receipt, now, world);
            }
            Command::History { subject, query } => {
                self.ask_excerpt(&subject, &query, Waiter::Command(ticket), now, world);
            }
            Command::RemoveHistory { subject } => {
                let removed = self.remove_history(&subject);
                world.answer(ticket, Answer::HistoryRemoved(removed));
            }
            Command::Subjects { glob, from } => {
                let listing = self.hub.subscribed(&glob, from, crate::limits::LISTED_ROWS_MAX);
                world.answer(ticket, Answer::Subjects(listing));
            }
            Command::Census { subject } => {
                let headcount = self.present_at_all(&subject).map(|()| self.census(&subject));
                world.answer(ticket, Answer::Headcount(headcount));
            }
            Command::RollCall { subject } => {
                let roll = self.present_at_all(&subject).map(|()| self.roll(&subject));
                world.answer(ticket, Answer::Roll(roll));
            }
            Command::Users => {
                let count = self.sessions.users();
                let fits = count <= crate::limits::USER_HASHES_MAX;
                let hashes = fits.then(|| self.sessions.user_hashes().collect());
                world.answer(ticket, Answer::Users { count: count as u64, hashes });
            }
            Command::Order { whom, order } => {
                self.order_begun(ticket);
                let obeyed = self.obey(ticket, &whom, *order, now, world);
                self.order_under_way(ticket, obeyed, world);
            }
            Command::Report => {
                let report = self.full_report();
                world.answer(ticket, Answer::Report(report.into()));
            }
            Command::Hook(reply) => self.on_hook_reply(*reply, now, world),
            Command::Configure(config) => self.reconfigure(*config),
            Command::Drain { spread } => self.begin_drain(spread, now),
        }
    }

    fn reconfigure(&mut self, config: ShardConfig) {
        let ShardConfig { shard, shards, seed, key, dev, .. } = self.config;
        let Admission { gate, rates: old, roster, .. } = &self.config.admission;
        // Who has used up his tokens has used them up under other settings too.
        let meter = old.meter.clone().or(config.admission.rates.meter);
        let rates = Rates { meter, layers: config.admission.rates.layers };
        let (gate, roster) = (Arc::clone(gate), roster.clone());
        let admission = Admission { gate, roster, rates, ..config.admission };
        let node = core::mem::take(&mut self.config.endpoints.node);
        let endpoints = Endpoints { node, ..config.endpoints };
        self.hub.set_namespaces(config.namespaces.clone(), config.limits.history_bytes);
        if config.compression.level != self.config.compression.level {
            self.deflates.set_level(config.compression.level);
        }
        let (hooks, proxies) = (Arc::clone(&self.config.hooks), Arc::clone(&self.config.proxies));
        self.config = ShardConfig { shard, shards, seed, key, dev, admission, endpoints, hooks, proxies, ..config };
    }

    // ---- shared by the rooms of the shard ----

    /// The shard that owns a subject.
    pub(crate) fn owner(&self, subject: &str) -> ShardId {
        if self.config.shards == 1 {
            return self.config.shard;
        }
        self.config.key.hash(subject.as_bytes()).owner(self.config.shards)
    }

    /// Has a connection go on with what it has not read yet, after this input.
    pub(crate) fn wake(&mut self, conn: ConnId) {
        let row = &self.conns.rows[conn.0];
        let has_more = row.lent != base::NONE || self.uplinks.has(conn);
        if has_more || row.flags.has(Flags::PAUSED) || row.flags.has(Flags::FINISHED) {
            self.ready.push(conn);
        }
    }

    fn resume_ready(&mut self, now: Instant, world: &mut impl Effects) {
        while let Some(conn) = self.ready.pop() {
            self.end_run(now, world);
            if self.conns.rows[conn.0].phase != Phase::Vacant {
                self.resume(conn, now, world);
            }
        }
    }

    /// Counts the connection under another transport.
    pub(crate) fn set_transport(&mut self, conn: ConnId, transport: Transport) {
        let row = &mut self.conns.rows[conn.0];
        if row.transport.dialect().is_some() && transport.dialect().is_none() {
            self.config.admission.gate.leave();
        }
        self.report.connections[row.transport.index()] -= 1;
        self.report.connections[transport.index()] += 1;
        row.transport = transport;
    }

    fn full_report(&self) -> Report {
        let count = |number: usize| number as u64;
        let [subjects, subscriptions, history] = self.hub.memory();
        let history = history + self.paces.bytes() + self.idempotency.bytes();
        let told = self.identities.bytes() + self.caps.bytes() + self.token_ids.bytes();
        let for_back_ends = self.hooks.bytes() + self.kept_fields.bytes() + self.metas.bytes();
        let sessions = self.sessions.bytes() + told + for_back_ends;
        let held: usize = self.conns.lents.iter().map(Lent::bytes).sum();
        let lent = self.conns.lents.bytes() + held + self.outboxes.memory() + self.uplinks.bytes();
        Report {
            bytes_out: self.outboxes.taken,
            outbox_bytes: count(self.outboxes.bytes),
            deflated: self.deflates.tried(),
            hops_out: self.mail.sent,
            hops_in: self.hops_in,
            backlog_parcels: count(self.mail.waiting()),
            subjects: count(self.hub.subjects()),
            subjects_subscribed: count(self.hub.subjects_subscribed()),
            subscriptions: count(self.hub.subscriptions()),
            history_publications: count(self.hub.history_publications()),
            memory_connections: count(self.conns.rows.bytes() + sessions),
            memory_subscriptions: count(subscriptions),
            memory_subjects: count(subjects),
            memory_history: count(history),
            memory_lent: count(lent),
            ..self.report.clone()
        }
    }
}
