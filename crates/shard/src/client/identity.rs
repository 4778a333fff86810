//! What tokens tell of sessions beyond their user, and until when they are good. Sessions and subscriptions without an info or
//! an end have no row here.
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use base::{ConnId, Instant, NONE};
use hub::{Operation, Operations, Ruling};

use super::token::Token;

/// What is known of a session by its tokens.
#[derive(Debug, Default)]
struct Identity {
    info: Box<[u8]>,
    /// Subscriptions whose tokens have a name, an end, an info or operations.
    grants: Vec<Grant>,
}

/// What a subscription token allowed.
#[derive(Debug)]
struct Grant {
    /// The subject's row.
    subject: u32,
    info: Box<[u8]>,
    /// The hash of the token's name, by which it may be revoked.
    id: Option<u64>,
    /// When the client should have refreshed it.
    expires: Option<Instant>,
    /// When it is unsubscribed.
    due: Option<Instant>,
    allow: Operations,
    deny: Operations,
}

/// All identities of a shard.
///
/// Deadlines are ordered here and not in the wheel: a connection has one timer, which its heartbeat has, and those who
/// never expire need none.
#[derive(Debug, Default)]
pub(super) struct Identities {
    by_conn: BTreeMap<ConnId, Identity>,
    /// When, whose, and the subject's row, or `NONE` for the connection itself.
    dues: BTreeSet<(Instant, ConnId, u32)>,
}

impl Identities {
    /// What is told of the connection, and what is told of its subscription to `subject`.
    pub(super) fn told(&self, conn: ConnId, subject: Option<u32>) -> (&[u8], &[u8]) {
        let Some(identity) = self.by_conn.get(&conn) else {
            return (&[], &[]);
        };
        let grant = identity.grants.iter().find(|grant| Some(grant.subject) == subject);
        (&identity.info, grant.map_or(&[], |grant| &grant.info))
    }

    /// Takes over what is told of a connection.
    pub(super) fn set_info(&mut self, conn: ConnId, info: Box<[u8]>) {
        if !info.is_empty() || self.by_conn.contains_key(&conn) {
            self.by_conn.entry(conn).or_default().info = info;
            self.drop_if_empty(conn);
        }
    }

    /// Takes over when a connection ends, instead of when it was to end.
    pub(super) fn set_due(&mut self, conn: ConnId, old: Option<Instant>, new: Option<Instant>) {
        rearm(&mut self.dues, conn, NONE, old, new);
    }

    fn drop_if_empty(&mut self, conn: ConnId) {
        if self.by_conn.get(&conn).is_some_and(|identity| identity.info.is_empty() && identity.grants.is_empty()) {
            self.by_conn.remove(&conn);
        }
    }

    /// Takes over what a subscription token says, the first one or a later one; `id` is its name's hash, and it outlasts its end by
    /// `grace`.
    pub(super) fn grant(
        &mut self,
        (conn, subject): (ConnId, u32),
        token: Token,
        id: Option<u64>,
        grace: Duration,
        now: Instant,
    ) {
        self.forget_grant(conn, subject);
        let Token { left, info, allow, deny, .. } = token;
        if id.is_none() && left.is_none() && info.is_empty() && allow.is_empty() && deny.is_empty() {
            return;
        }
        let expires = left.map(|left| now + left);
        let due = expires.map(|at| at + grace);
        rearm(&mut self.dues, conn, subject, None, due);
        let grants = &mut self.by_conn.entry(conn).or_default().grants;
        grants.push(Grant { subject, info, id, expires, due, allow, deny });
    }

    /// Makes each subscription that this token allows due now. Looks at all of them: it is rare.
    pub(super) fn end_token(&mut self, id: u64, now: Instant) {
        for (conn, identity) in &mut self.by_conn {
            for grant in identity.grants.iter_mut().filter(|grant| grant.id == Some(id)) {
                rearm(&mut self.dues, *conn, grant.subject, grant.due.replace(now), Some(now));
            }
        }
    }

    /// A subscription's end is put off until `left` is over, or for ever; an info that is empty stays as it was.
    pub(super) fn renew(
        &mut self,
        conn: ConnId,
        subject: u32,
        (left, info): (Option<Duration>, Box<[u8]>),
        now: Instant,
    ) {
        let grants = self.by_conn.get_mut(&conn).map(|identity| identity.grants.iter_mut());
        if let Some(grant) = grants.and_then(|mut grants| grants.find(|grant| grant.subject == subject)) {
            if !info.is_empty() {
                grant.info = info;
            }
            grant.expires = left.map(|left| now + left);
            rearm(&mut self.dues, conn, subject, core::mem::replace(&mut grant.due, grant.expires), grant.expires);
        }
    }

    /// Forgets what allowed a subscription.
    pub(super) fn forget_grant(&mut self, conn: ConnId, subject: u32) {
        if let Some(identity) = self.by_conn.get_mut(&conn)
            // From the end: a connection that closes ends its newest subscription first.
            && let Some(at) = identity.grants.iter().rposition(|grant| grant.subject == subject)
        {
            let grant = identity.grants.swap_remove(at);
            rearm(&mut self.dues, conn, subject, grant.due, None);
            self.drop_if_empty(conn);
        }
    }

    /// True if tokens have something to say of the connection's subscriptions.
    pub(super) fn has_grants(&self, conn: ConnId) -> bool {
        self.by_conn.get(&conn).is_some_and(|identity| !identity.grants.is_empty())
    }

    /// What a subscription's token says of doing something with its subject.
    pub(super) fn ruling(&self, conn: ConnId, subject: u32, operation: Operation) -> Ruling {
        let grants = self.by_conn.get(&conn).map(|identity| identity.grants.iter());
        match grants.and_then(|mut grants| grants.find(|grant| grant.subject == subject)) {
            Some(grant) if grant.deny.has(operation) => Ruling::Denied,
            Some(grant) if grant.allow.has(operation) => Ruling::Allowed,
            Some(_) | None => Ruling::Silent,
        }
    }

    /// How long a subscription's token is still good, if it has an end.
    pub(super) fn left(&self, conn: ConnId, subject: u32, now: Instant) -> Option<Duration> {
        let grants = &self.by_conn.get(&conn)?.grants;
        grants.iter().find(|grant| grant.subject == subject)?.expires.map(|at| at.since(now))
    }

    /// Forgets a session, which was to end at `due`.
    pub(super) fn forget(&mut self, conn: ConnId, due: Option<Instant>) {
        rearm(&mut self.dues, conn, NONE, due, None);
        if let Some(identity) = self.by_conn.remove(&conn) {
            for grant in identity.grants {
                rearm(&mut self.dues, conn, grant.subject, grant.due, None);
            }
        }
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.dues.first().map(|due| due.0)
    }

    /// Takes one that is due: whose, and the subject's row, or `NONE` for the connection itself.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(ConnId, u32)> {
        let (_, conn, subject) = self.dues.first().filter(|due| due.0 <= now).copied()?;
        self.dues.pop_first();
        Some((conn, subject))
    }

    /// Makes a subscription due again later.
    pub(super) fn defer(&mut self, conn: ConnId, subject: u32, at: Instant) {
        let grants = self.by_conn.get_mut(&conn).map(|identity| identity.grants.iter_mut());
        if let Some(grant) = grants.and_then(|mut grants| grants.find(|grant| grant.subject == subject)) {
            rearm(&mut self.dues, conn, subject, grant.due.replace(at), Some(at));
        }
    }

    /// Sessions that something is known of.
    pub(super) fn len(&self) -> usize {
        self.by_conn.len() + self.dues.len()
    }

    /// About the bytes that they take, without the texts in them.
    pub(super) fn bytes(&self) -> usize {
        self.by_conn.len() * size_of::<(ConnId, Identity)>() + self.dues.len() * size_of::<(Instant, ConnId, u32)>()
    }
}

fn rearm(
    dues: &mut BTreeSet<(Instant, ConnId, u32)>,
    conn: ConnId,
    subject: u32,
    old: Option<Instant>,
    new: Option<Instant>,
) {
    if let Some(at) = old {
        dues.remove(&(at, conn, subject));
    }
    if let Some(at) = new {
        dues.insert((at, conn, subject));
    }
}
