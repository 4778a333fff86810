//! What a shard counts. Plain numbers: the shard adds, the control plane reads them in a [`Report`].
use crate::admission::{Metered, Whose};
use crate::conn::Transport;

mod refusal;

pub use refusal::Refusal;

/// One shard's counters and gauges at one moment. Counters only grow.
#[derive(Clone, Default, Debug)]
pub struct Report {
    /// Open connections, by [`Transport::ALL`].
    pub connections: [u64; Transport::ALL.len()],
    /// Connections accepted.
    pub accepted: u64,
    /// Connections ended, by whichever side.
    pub closed: u64,
    /// Publications taken from this shard's own clients and commands.
    pub messages_in: u64,
    /// Publications given to sockets or outboxes.
    pub messages_out: u64,
    /// Bytes received from sockets.
    pub bytes_in: u64,
    /// Bytes that sockets took.
    pub bytes_out: u64,
    /// Publications that left an outbox unsent under the policy `drop_oldest`.
    pub outbox_dropped: u64,
    /// Publications replaced by a newer one of their subject under the policy `conflate`.
    pub outbox_conflated: u64,
    /// Publications that a newer one of their subject replaced, since its namespace has a pace.
    pub conflated: u64,
    /// Connections closed under the policy `close`.
    pub outbox_closed: u64,
    /// Publications that went nowhere, since one of their version or a later one had been kept.
    pub outdated: u64,
    /// Messages that were compressed, or tried.
    pub deflated: u64,
    /// Comings and goings that somebody was not told of: too many in a second, or too much waiting for a reader.
    pub untold: u64,
    /// Messages of clients whose life is a back end's, given to it.
    pub hook_messages: u64,
    /// Its answers to them that were messages.
    pub hook_answers: u64,
    /// What it pushed into outboxes.
    pub hook_pushes: u64,
    /// What it would have pushed, had the client read.
    pub hook_full: u64,
    /// Messages of clients that were dropped, since too many were under way.
    pub hook_dropped: u64,
    /// Bytes waiting in outboxes now.
    pub outbox_bytes: u64,
    /// Parcels sent to other shards.
    pub hops_out: u64,
    /// Parcels received from other shards.
    pub hops_in: u64,
    /// Parcels waiting for room in a mailbox now.
    pub backlog_parcels: u64,
    /// Refusals, by [`Refusal::ALL`].
    pub refusals: [u64; Refusal::ALL.len()],
    /// Commands over a limit, by [`Whose::ALL`] and [`Metered::ALL`].
    pub limited: [[u64; Metered::ALL.len()]; Whose::ALL.len()],
    /// Buckets that were forgotten before they were full, since there was no room for more.
    pub buckets_forgotten: u64,
    /// Idempotency keys that were forgotten before their time, since there are [`hub::KEYS_MAX`].
    pub keys_forgotten: u64,
    /// Subjects known to the shard now.
    pub subjects: u64,
    /// Subjects that the shard owns and that somebody is subscribed to now, on whatever shard.
    pub subjects_subscribed: u64,
    /// Subscriptions now.
    pub subscriptions: u64,
    /// Publications in histories now.
    pub history_publications: u64,
    /// Bytes held for connection rows.
    pub memory_connections: u64,
    /// Bytes held for subscription rows.
    pub memory_subscriptions: u64,
    /// Bytes held for subject rows and their index.
    pub memory_subjects: u64,
    /// Bytes of publications held in histories.
    pub memory_history: u64,
    /// Bytes lent to connections with something in flight: partial frames, assembled messages, queued output.
    pub memory_lent: u64,
}

/// Rows that belong to connections with something in flight. When all connections have ended, all of them are 0.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Holdings {
    /// Connections to which something is lent.
    pub lent: usize,
    /// Centrifugo sessions.
    pub sessions: usize,
    /// Users that they belong to.
    pub users: usize,
    /// Sessions of which tokens tell more than the user, and ends of sessions and subscriptions.
    pub identities: usize,
    /// Sessions whose tokens have names.
    pub token_ids: usize,
    /// Sessions with capabilities, and how many different ones there are.
    pub caps: usize,
    /// Filters, and subscriptions that have one.
    pub filters: usize,
    /// Subjects with a pace.
    pub paces: usize,
    /// Patterns that are subscribed to, on whatever shard.
    pub patterns: usize,
    /// Rows of subjects and users in the attendance.
    pub attendance: usize,
    /// Subscriptions that are told who comes and goes.
    pub hearers: usize,
    /// Server-side subscriptions whose owners have not answered, and orders that wait for them.
    pub server_side: usize,
    /// Users of whom only one connection stays.
    pub claims: usize,
    /// Frames in outboxes.
    pub frames: usize,
    /// Armed timers of connections.
    pub timers: usize,
    /// Publish streams that are to be told a count.
    pub acks: usize,
    /// Sessions for which commands are on their way beside their stream.
    pub uplinks: usize,
    /// Connections whose life is a back end's, and addresses that somebody has.
    pub hooks: [usize; 2],
    /// Events that back ends are to be told.
    pub events: usize,
    /// Clients whose header fields are kept for them.
    pub kept_fields: usize,
    /// Clients whose meta is kept for back ends.
    pub metas: usize,
    /// Ends that back ends are asked to put off.
    pub renewals: usize,
}

impl Report {
    /// Counts a refusal.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.refusals[refusal as usize] += 1;
    }
}
