//! The back end of hooks, and the engine before it: says yes and no, answers late, in any order but a connection's own, and holds what it is
//! told against the rules: one end for each yes, after everything else.
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use base::{Instant, Prng, ShardId};
use hub::Kind;
use shard::{Command, HookConn, HookEvent, HookReply, Outcome, Ticket, Told, Verdict};

use crate::cluster::Cluster;

/// How late an answer is at most.
const LATE: Duration = Duration::from_millis(30);

/// What is known of one connection.
#[derive(Default, Debug)]
struct Known {
    accepted: bool,
    ended: bool,
    /// Messages that came.
    messages: u32,
    /// Of these, those that are not answered.
    unanswered: u16,
}

/// The back end.
#[derive(Debug)]
pub(crate) struct BackEnd {
    known: BTreeMap<(ShardId, u32, u32), Known>,
    /// What is on its way back, a queue a connection, so that each connection's answers stay in order.
    replies: BTreeMap<(ShardId, u32, u32), VecDeque<(Instant, HookReply)>>,
    /// Connections about which something is asked.
    asked: BTreeSet<(ShardId, u32, u32)>,
    random: Prng,
    /// Messages of a connection that may be unanswered.
    messages_max: u16,
    /// Connections that were let in.
    pub(crate) accepted: u64,
}

impl BackEnd {
    pub(crate) fn new(seed: u64, messages_max: u16) -> Self {
        let random = Prng::new(seed, "back end");
        Self {
            known: BTreeMap::new(),
            replies: BTreeMap::new(),
            asked: BTreeSet::new(),
            random,
            messages_max,
            accepted: 0,
        }
    }

    /// Takes what shards have to say, and sends the answers whose time has come. Says how much that was.
    pub(crate) fn work(&mut self, cluster: &mut Cluster) -> usize {
        let mut done = 0;
        for shard in cluster.shards() {
            // Not always all of it.
            let most = usize::try_from(self.random.below(6)).unwrap_or(0);
            for _ in 0..most {
                let Some(event) = cluster.world(shard).events.pop_front() else { break };
                self.take(shard, event, cluster.now);
                done += 1;
            }
        }
        let now = cluster.now;
        for (key, queue) in &mut self.replies {
            while queue.front().is_some_and(|(at, _)| *at <= now) {
                let Some((_, reply)) = queue.pop_front() else { break };
                if matches!(reply, HookReply::Answer { .. }) {
                    self.known.entry(*key).or_default().unanswered -= 1;
                }
                if matches!(reply, HookReply::Told { .. }) {
                    self.asked.remove(key);
                }
                cluster.command(key.0, Ticket(0), Command::Hook(Box::new(reply)));
                done += 1;
            }
        }
        self.replies.retain(|_, queue| !queue.is_empty());
        done
    }

    /// True while something is on its way.
    pub(crate) fn is_busy(&self, cluster: &mut Cluster) -> bool {
        !self.replies.is_empty() || cluster.shards().any(|shard| !cluster.world(shard).events.is_empty())
    }

    /// Everybody has left.
    pub(crate) fn examine_what_is_left(&self) {
        for (of, known) in &self.known {
            assert_eq!(known.accepted, known.ended, "{of:?} has been let in, and its end told, or neither: {known:?}");
        }
    }

    fn reply(&mut self, at: (ShardId, u32, u32), reply: HookReply, now: Instant) {
        let late = Duration::from_micros(self.random.below(u64::try_from(LATE.as_micros()).unwrap_or(1)));
        let queue = self.replies.entry(at).or_default();
        // Not before the one before it.
        let due = queue.back().map_or(now + late, |(last, _)| (*last).max(now + late));
        queue.push_back((due, reply));
    }

    fn take(&mut self, shard: ShardId, event: HookEvent, now: Instant) {
        let key = |of: HookConn| (shard, of.conn.0, of.generation);
        match event {
            HookEvent::Connect { of, address, upgrades, .. } => {
                let before = self.known.insert(key(of), Known::default());
                assert!(before.is_none(), "{of:?} asks twice");
                let verdict = if !upgrades {
                    // In strict mode it is asked all the same; without a ClientID for the counters.
                    let status = if address.ends_with('/') { 200 } else { 400 };
                    Verdict::Refuse { status, reason: "no upgrade requested".into() }
                } else if self.random.one_in(5) {
                    Verdict::Refuse { status: 403, reason: "no".into() }
                } else {
                    self.known.entry(key(of)).or_default().accepted = true;
                    self.accepted += 1;
                    Verdict::Accept { protocol: None }
                };
                self.reply(key(of), HookReply::Verdict { of, address, verdict }, now);
            }
            HookEvent::Message { of, payload, .. } => {
                let most = self.messages_max;
                let known = self.known.entry(key(of)).or_default();
                assert!(known.accepted && !known.ended, "{of:?} speaks before it is in, or after its end: {known:?}");
                let text = String::from_utf8(payload.into_vec()).expect("a text");
                assert_eq!(text, format!("m{}", known.messages), "a message is missing, or out of order");
                known.messages += 1;
                known.unanswered += 1;
                assert!(known.unanswered <= most, "too many are under way: {known:?}");
                let outcome = match self.random.below(20) {
                    0 => Outcome::Close { code: 1011, reason: "it failed".into() },
                    1..=6 => Outcome::Nothing,
                    _ => Outcome::Reply { kind: Kind::Text, payload: text.into_bytes().into() },
                };
                self.reply(key(of), HookReply::Answer { of, outcome }, now);
            }
            HookEvent::Ask { of, .. } => {
                assert!(self.asked.insert(key(of)), "{of:?} is asked about twice at a time");
                // What it grants is what there would be without it: it comes later.
                self.reply(key(of), HookReply::Told { of, number: 0, told: Told::Granted(Box::default()) }, now);
            }
            HookEvent::End { of, ending, .. } => {
                let known = self.known.entry(key(of)).or_default();
                assert!(known.accepted && !known.ended, "{of:?} ends unheard of, or twice: {known:?}, {ending:?}");
                known.ended = true;
            }
        }
    }
}
