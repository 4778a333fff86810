//! What a seed makes of a run: how many shards, how narrow everything is, who takes part.
use core::time::Duration;

use base::{Prng, ShardId, SubjectKey};
use hub::{Access, HistoryBounds, Namespace, OutboxPolicy, Pattern};
use shard::{
    Admission, Compression, Duplicates, Endpoints, Heartbeat, Hook, Limits, Origins, Outbox, Overflow, Proxies,
    ShardConfig, Tokens,
};

/// The choices of one run. Everything random that is decided once is decided here.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) shards: u16,
    pub(crate) key: SubjectKey,
    /// Subjects, in the order of their numbers.
    pub(crate) subjects: Vec<Topic>,
    /// Parcels that a lane of a mailbox holds.
    pub(crate) mailbox_parcels: usize,
    /// Bytes that a socket holds on its way to the client.
    pub(crate) socket_bytes: usize,
    pub(crate) outbox: Outbox,
    pub(crate) history: Option<HistoryBounds>,
    /// Whether a recovery of a session brings the newest publication only; and comes without being asked for.
    pub(crate) cache: bool,
    pub(crate) auto_cache: bool,
    /// How long positions are kept.
    pub(crate) position_age: Duration,
    /// Only the newest publication of a subject is sent, every so often. There are no witnesses then: they don't hear all.
    pub(crate) conflate: Duration,
    /// Whether publications may be told as deltas.
    pub(crate) delta: bool,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) recovery_publications: u32,
    /// Connections flushed in a turn. Where they are few, a publication may reach others before a witness: there are none
    /// then, and the order is judged by the offsets that listeners are told.
    pub(crate) flushes_per_turn: usize,
    pub(crate) clients: usize,
    /// One in so many steps is a fault of the network; 0: none.
    pub(crate) faults: u64,
    /// Whether the clock makes leaps of many seconds.
    pub(crate) leaps: bool,
    /// Whether payloads are made that are not UTF-8.
    pub(crate) binary: bool,
    /// Ends with a drain rather than with everyone leaving.
    pub(crate) drains: bool,
    /// And the drain comes in the middle of everything. There are no witnesses then: they would have to leave too.
    pub(crate) drains_early: bool,
    /// Whether everybody is told who comes and goes.
    pub(crate) join_leave: bool,
    /// WebSockets whose life is a back end's.
    pub(crate) hook: Hook,
    /// A back end is asked who connects, who subscribes and what is published.
    pub(crate) asks: bool,
}

/// A subject of the run.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    /// A listener that is never slow follows it from the begin: what it sees is the truth about the order.
    pub(crate) witnessed: bool,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = Prng::new(seed, "plan");
        let shards = 1 + u16::try_from(random.below(5)).unwrap_or(0);
        let drains_early = random.one_in(10);
        let defers = random.one_in(4);
        let conflate = Duration::from_millis(if random.one_in(6) { 1 + random.below(40) } else { 0 });
        let count = 1 + random.below(8);
        let subjects = (0..count)
            .map(|number| Topic {
                name: if random.one_in(3) {
                    format!("room {number}/ä with a name longer than a row")
                } else {
                    format!("s{number}")
                },
                witnessed: !random.one_in(3) && !drains_early && !defers && conflate.is_zero(),
            })
            .collect();
        let history = (!random.one_in(3)).then(|| HistoryBounds {
            count: [1, 4, 64, 10_000][usize::try_from(random.below(4)).unwrap_or(0)],
            bytes: if random.one_in(4) { 2_000 } else { 1 << 30 },
            age: Duration::from_secs(if random.one_in(3) { 2 } else { 250 }),
        });
        let policy = match random.below(4) {
            0 => OutboxPolicy::DropOldest,
            1 => OutboxPolicy::Conflate,
            _ => OutboxPolicy::Close,
        };
        let outbox = Outbox { bytes: [300, 2_000, 1 << 20][usize::try_from(random.below(3)).unwrap_or(0)], policy };
        let ping_interval = Duration::from_secs([0, 5, 25][usize::try_from(random.below(3)).unwrap_or(0)]);
        Self {
            seed,
            shards,
            key: SubjectKey([random.next_u64(), random.next_u64()]),
            subjects,
            mailbox_parcels: 1 + usize::try_from(random.below(8)).unwrap_or(0),
            socket_bytes: [7, 200, 4_000, 1 << 20][usize::try_from(random.below(4)).unwrap_or(0)],
            outbox,
            history,
            heartbeat: Heartbeat { ping_interval, pong_timeout: Duration::from_secs(3), idle_close: Duration::ZERO },
            recovery_publications: if random.one_in(3) { 3 } else { 300 },
            flushes_per_turn: if defers { 1 + usize::try_from(random.below(3)).unwrap_or(0) } else { 2_048 },
            clients: 2 + usize::try_from(random.below(14)).unwrap_or(0),
            faults: [0, 30, 8][usize::try_from(random.below(3)).unwrap_or(0)],
            leaps: random.one_in(2),
            binary: random.one_in(3),
            drains: drains_early || random.one_in(4),
            drains_early,
            delta: random.one_in(2),
            join_leave: random.one_in(2),
            conflate,
            cache: random.one_in(4),
            auto_cache: random.one_in(2),
            position_age: Duration::from_secs([0, 5, 400][usize::try_from(random.below(3)).unwrap_or(0)]),
            hook: hook(&mut Prng::new(seed, "hook")),
            asks: Prng::new(seed, "proxies").one_in(3),
        }
    }

    /// What shard `shard` is told.
    pub(crate) fn config(&self, shard: ShardId) -> ShardConfig {
        let proxy = self.asks.then(|| shard::ProxyName::from("proxy"));
        let everything = Namespace {
            subscribe_proxy: proxy.clone(),
            publish_proxy: proxy.clone(),
            subscribe: Access::ALL,
            publish: Access::ALL,
            presence: true,
            join_leave: self.join_leave,
            force_push_join_leave: self.join_leave,
            history: self.history,
            cache: self.cache,
            auto_cache: self.auto_cache,
            position_age: self.position_age,
            tags_filter: true,
            wildcards: true,
            conflate: self.conflate,
            delta: self.delta,
            delta_publish: true,
            ..Namespace::closed(Pattern::everything())
        };
        ShardConfig {
            shard,
            shards: self.shards,
            seed: self.seed ^ u64::from(shard.0) << 32,
            key: self.key,
            dev: true,
            anonymous: true,
            endpoints: Endpoints { origins: Origins::Any, node: "node".into(), ..Endpoints::all() },
            admission: Admission::default(),
            tokens: Tokens::default(),
            api_keys: Vec::new(),
            namespaces: vec![everything],
            limits: Limits {
                recovery_publications: self.recovery_publications,
                flushes_per_turn: self.flushes_per_turn,
                ..Limits::default()
            },
            heartbeat: self.heartbeat,
            outbox: self.outbox,
            compression: Compression::default(),
            hooks: [self.hook.clone()].into(),
            proxies: Proxies { connect: proxy, ..Proxies::default() }.into(),
        }
    }

    pub(crate) fn owner(&self, subject: usize) -> ShardId {
        self.key.hash(self.subjects[subject].name.as_bytes()).owner(self.shards)
    }

    /// True if histories keep everything for the time of the run.
    pub(crate) fn keeps_all(&self) -> bool {
        let enough =
            |bounds: HistoryBounds| bounds.count > 1_000 && bounds.bytes > 1 << 20 && bounds.age.as_secs() > 100;
        !self.leaps && self.history.is_some_and(enough)
    }

    /// True if nothing happens that could be a reason to close a connection.
    pub(crate) fn is_calm(&self) -> bool {
        !self.leaps
            && self.faults == 0
            && !self.drains_early
            && self.socket_bytes >= 1 << 20
            && self.outbox.bytes >= 1 << 20
    }

    /// True if a reader may miss publications without being closed or told.
    pub(crate) fn may_drop(&self) -> bool {
        self.outbox.policy != OutboxPolicy::Close || !self.conflate.is_zero()
    }
}

fn hook(random: &mut Prng) -> Hook {
    let policies = [Duplicates::Newest, Duplicates::Refuse, Duplicates::Both, Duplicates::Keep];
    let strict = random.one_in(3);
    Hook {
        door: 0,
        strict,
        prefix: "/ws/".into(),
        keys: vec!["key".into()],
        open: false,
        fields: Vec::new(),
        query: false,
        message_bytes: 1_000,
        push_bytes: 1_000,
        messages: 1 + u16::try_from(random.below(4)).unwrap_or(0),
        overflow: Overflow::Wait,
        duplicates: policies[usize::try_from(random.below(4)).unwrap_or(0)],
    }
}
