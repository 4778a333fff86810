//! What tokens let sessions do beside what namespaces say. A session without capabilities has no row here; those with the same share them.
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use base::{ConnId, NONE};
use hub::{Caps, Facts, Operation, Ruling};
use protocol::centrifugo::UnsubscribeCode;

use super::token::Token;
use crate::border::Effects;
use crate::shard::Shard;

/// Capabilities of a shard's sessions.
#[derive(Debug, Default)]
pub(super) struct Capabilities {
    by_conn: BTreeMap<ConnId, Arc<Caps>>,
    /// Each once.
    shared: BTreeSet<Arc<Caps>>,
    bytes: usize,
}

impl Capabilities {
    /// Those of a session, if it has any.
    pub(super) fn of(&self, conn: ConnId) -> Option<&Caps> {
        self.by_conn.get(&conn).map(AsRef::as_ref)
    }

    /// A session has others from here on, or none.
    pub(super) fn set(&mut self, conn: ConnId, caps: Caps) {
        self.forget(conn);
        if caps.is_empty() {
            return;
        }
        let caps = match self.shared.get(&caps) {
            Some(known) => Arc::clone(known),
            None => {
                let caps = Arc::new(caps);
                self.bytes += caps.bytes();
                self.shared.insert(Arc::clone(&caps));
                caps
            }
        };
        self.by_conn.insert(conn, caps);
    }

    /// A session has none any more.
    pub(super) fn forget(&mut self, conn: ConnId) {
        if let Some(caps) = self.by_conn.remove(&conn)
            // This one and the set's.
            && Arc::strong_count(&caps) == 2
        {
            self.shared.remove(&caps);
            self.bytes -= caps.bytes();
        }
    }

    /// Sessions that have some, and how many different ones there are.
    pub(super) fn len(&self) -> usize {
        self.by_conn.len() + self.shared.len()
    }

    /// About the bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        self.by_conn.len() * size_of::<(ConnId, Arc<Caps>)>() + self.bytes
    }
}

impl Shard {
    /// What the session's tokens say of doing something with a channel.
    pub(crate) fn ruling(&self, conn: ConnId, operation: Operation, channel: &str) -> Ruling {
        let of_session = match self.clients.caps.of(conn) {
            Some(caps) => self.ruling_of(caps, operation, channel, self.user(conn)),
            None => Ruling::Silent,
        };
        let of_subscription = match self.clients.identities.has_grants(conn).then(|| self.hub.find(channel)).flatten() {
            Some(row) => self.clients.identities.ruling(conn, row, operation),
            None => Ruling::Silent,
        };
        match (of_session, of_subscription) {
            (Ruling::Denied, _) | (_, Ruling::Denied) => Ruling::Denied,
            (Ruling::Allowed, _) | (_, Ruling::Allowed) => Ruling::Allowed,
            (Ruling::Silent, Ruling::Silent) => Ruling::Silent,
        }
    }

    /// The same by the capabilities of `user`, who has no session yet.
    pub(crate) fn ruling_of(&self, caps: &Caps, operation: Operation, channel: &str, user: &str) -> Ruling {
        // What is private, or for some users, is opened by its name only: not everything that fits was thought of.
        let by_name = self.is_for_others(channel, user);
        let regex = |expression: &str, name: &str| self.config.tokens.regex_fits(expression, name);
        caps.rule(operation, channel, by_name, regex)
    }

    /// Whether tokens let a session do something, or else its namespace does.
    pub(crate) fn permits(
        &self,
        conn: ConnId,
        operation: Operation,
        channel: &str,
        by_namespace: impl FnOnce() -> bool,
    ) -> bool {
        match self.ruling(conn, operation, channel) {
            Ruling::Allowed => true,
            Ruling::Denied => false,
            Ruling::Silent => self.config.dev || by_namespace(),
        }
    }

    /// True for a channel that is private, or for users of which this is none.
    fn is_for_others(&self, channel: &str, user: &str) -> bool {
        let naming = &self.config.admission.naming;
        naming.is_private(channel) || self.is_for_some(channel) && !naming.lists(channel, user)
    }

    /// A session has the capabilities of another token: what they do not let it be subscribed to any more ends, unless a token of its own or
    /// the server began it.
    pub(super) fn take_caps(&mut self, conn: ConnId, token: &mut Token, world: &mut impl Effects) {
        let caps = core::mem::take(&mut token.caps);
        if caps.is_empty() && self.clients.caps.of(conn).is_none() {
            return;
        }
        self.clients.caps.set(conn, caps);
        let mut ended = Vec::new();
        let mut at = self.conns[conn].subscriptions;
        while at != NONE {
            let subscription = self.hub.subscription(at);
            if !self.may_stay(conn, subscription.facts, self.hub.name(subscription.subject)) {
                ended.push(at);
            }
            at = subscription.sibling();
        }
        for subscription in ended {
            self.unsubscribe_and_tell(conn, subscription, UnsubscribeCode::Server, world);
        }
    }

    fn may_stay(&self, conn: ConnId, facts: Facts, channel: &str) -> bool {
        if facts.has(Facts::SERVER_SIDE) && !facts.has(Facts::BY_CAPS) {
            return true;
        }
        match self.ruling(conn, Operation::Subscribe, channel) {
            Ruling::Allowed => true,
            Ruling::Denied => false,
            Ruling::Silent => !facts.has(Facts::BY_CAPS) || self.is_open(conn, channel),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::boxed::Box;
    use hub::{Cap, Meant, Operations};

    fn caps(name: &str) -> Caps {
        let allow: Operations = [Operation::Subscribe].into_iter().collect();
        let channels = [Box::from(name)].into();
        [Cap { channels, meant: Meant::Exact, allow, deny: Operations::default() }].into_iter().collect()
    }

    #[test]
    fn the_same_capabilities_are_kept_once_and_as_long_as_somebody_has_them() {
        let mut all = Capabilities::default();
        for conn in 0..1_000 {
            all.set(ConnId(conn), caps(if conn % 2 == 0 { "a" } else { "b" }));
        }
        assert_eq!((all.by_conn.len(), all.shared.len()), (1_000, 2));
        for conn in 0..1_000 {
            all.set(ConnId(conn), if conn % 2 == 0 { Caps::default() } else { caps("c") });
        }
        assert_eq!((all.by_conn.len(), all.shared.len()), (500, 1));
        assert_eq!(all.of(ConnId(1)), Some(&caps("c")));
        (0..1_000).for_each(|conn| all.forget(ConnId(conn)));
        assert_eq!((all.len(), all.bytes()), (0, 0));
    }
}
