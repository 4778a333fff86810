//! Joins and leaves: subscribers are told who else comes and goes (the protocol page, section 4.6).
//!
//! A subscription announces itself where its namespace says so: once its own `subscribe` has been answered, and again when it has
//! ended. The announcement goes to the subject's owner, which tells every shard that watches the subject, and each shard tells those
//! of its subscriptions that asked to hear it; it is encoded once a dialect. Nobody is told of his own leave, everybody of his
//! own join.
//!
//! At most once, and bounded twice: so many a second and subject are told ([`crate::Limits::join_leave_per_second`]; a shard sends
//! its owner no more either), and a reader with half of an outbox waiting is not told. Both are counted.
use alloc::collections::BTreeSet;
use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::vec::Vec;

use base::{ConnId, NONE};
use hub::{Facts, Publisher};

use super::dialect::{Dialect, PerDialect};
use super::presence::told;
use crate::border::{Effects, Frame};
use crate::hop::Parcel;
use crate::shard::Shard;

/// Subscriptions that are told who comes and goes: the subject's row, and the subscription's. A subject with a million subscribers,
/// of whom one wants to hear it, costs one.
pub(super) type Hearers = BTreeSet<(u32, u32)>;

impl Shard {
    /// A subscription is live and its client knows: the others may be told.
    pub(super) fn announce(&mut self, conn: ConnId, subscription: u32, world: &mut impl Effects) {
        let facts = self.hub.facts(subscription);
        if facts.has(Facts::ANNOUNCES) {
            facts.set(Facts::ANNOUNCED, true);
            let row = self.hub.subscription(subscription).subject;
            let client = self.publisher(conn, Some(row));
            self.spread(row, client, true, world);
        }
    }

    /// A subscription has ended; `client` was its client. The subject's row is still there.
    pub(crate) fn announce_end(&mut self, row: u32, client: Publisher, world: &mut impl Effects) {
        self.spread(row, client, false, world);
    }

    fn spread(&mut self, row: u32, client: Publisher, comes: bool, world: &mut impl Effects) {
        if !self.hub.may_tell(row, self.config.limits.join_leave_per_second, self.noted) {
            self.report.untold += 1;
            return;
        }
        let client = Arc::new(client);
        let owner = self.owner(self.hub.name(row));
        if owner == self.config.shard {
            self.tell_everywhere(row, &client, comes, world);
        } else {
            let subject = self.hub.name(row).clone();
            self.mail.send(owner, Parcel::Announce { subject, client, comes }, world);
        }
    }

    /// The owner's end, for another shard's client.
    pub(crate) fn on_announce(
        &mut self,
        subject: &str,
        client: &Arc<Publisher>,
        comes: bool,
        world: &mut impl Effects,
    ) {
        let Some(row) = self.hub.find(subject) else {
            return;
        };
        if self.hub.may_tell(row, self.config.limits.join_leave_per_second, self.noted) {
            self.tell_everywhere(row, client, comes, world);
        } else {
            self.report.untold += 1;
        }
    }

    fn tell_everywhere(&mut self, row: u32, client: &Arc<Publisher>, comes: bool, world: &mut impl Effects) {
        for shard in self.hub.watchers(row, 0) {
            let subject = self.hub.name(row).clone();
            self.mail.send(shard, Parcel::Told { subject, client: Arc::clone(client), comes }, world);
        }
        self.tell_hearers(row, client, comes);
    }

    /// Another shard owns the subject, and has told.
    pub(crate) fn on_told(&mut self, subject: &str, client: &Publisher, comes: bool) {
        if let Some(row) = self.hub.find(subject) {
            self.tell_hearers(row, client, comes);
        }
    }

    /// Tells those of this shard that asked to hear it.
    fn tell_hearers(&mut self, row: u32, client: &Publisher, comes: bool) {
        if self.centrifugo.hearers.is_empty() {
            return;
        }
        let mut frames: PerDialect<Frame> = PerDialect::default();
        let mut written = Vec::new();
        let hearers: Vec<u32> = self.centrifugo.hearers.range((row, 0)..=(row, NONE)).map(|hearer| hearer.1).collect();
        for subscription in hearers {
            let subscription = self.hub.subscription(subscription);
            let conn = subscription.conn;
            let Some(dialect) = self.conns[conn].transport.dialect().filter(|_| subscription.live) else {
                continue;
            };
            let subject = self.hub.name(row);
            let frame = frames.get_or_insert_with(dialect, || encode(&mut written, dialect, subject, client, comes));
            let frame = Rc::clone(frame);
            self.queue_notice(conn, frame);
        }
    }
}

fn encode(written: &mut Vec<u8>, dialect: Dialect, subject: &str, client: &Publisher, comes: bool) -> Frame {
    written.clear();
    if comes {
        dialect.encoding().push_join(written, subject, &told(client));
    } else {
        dialect.encoding().push_leave(written, subject, &told(client));
    }
    dialect.frame(written)
}
