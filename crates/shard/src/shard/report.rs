//! How a shard is doing.
use super::Shard;
use crate::report::{Holdings, Report};

impl Shard {
    /// Messages handled so far: publications of this shard's own clients and commands, and parcels of other shards. Its growth
    /// is how busy the core is.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.report.messages_in + self.mail.hops()[1]
    }

    /// Open connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.conns.open()
    }

    /// What the shard holds besides what its [`Report`] counts.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        let [conns, addresses, events] = self.hooks.count();
        let mut holdings = Holdings {
            lent: self.conns.lents(),
            patterns: self.hub.patterns.len(),
            attendance: self.hub.attendance_rows(),
            frames: self.sending.frames(),
            timers: self.lives.timers(),
            acks: self.acks.len(),
            hooks: [conns, addresses],
            events,
            ..Holdings::default()
        };
        self.routing.count(&mut holdings);
        self.clients.count(&mut holdings);
        self.centrifugo.count(&mut holdings);
        self.asking.count(&mut holdings);
        holdings
    }

    pub(super) fn full_report(&self) -> Report {
        let count = |number: usize| number as u64;
        let [subjects, subscriptions, history] = self.hub.memory();
        let history = history + self.routing.bytes();
        let sessions = self.clients.bytes() + self.hooks.bytes() + self.asking.bytes();
        let lent = self.conns.lent_bytes() + self.sending.bytes() + self.centrifugo.bytes();
        let [hops_out, hops_in] = self.mail.hops();
        let mut report = Report {
            hops_out,
            hops_in,
            backlog_parcels: count(self.mail.waiting()),
            subjects: count(self.hub.subjects()),
            subjects_subscribed: count(self.hub.subjects_subscribed()),
            subscriptions: count(self.hub.subscriptions()),
            history_publications: count(self.hub.history_publications()),
            memory_connections: count(self.conns.bytes() + sessions),
            memory_subscriptions: count(subscriptions),
            memory_subjects: count(subjects),
            memory_history: count(history),
            memory_lent: count(lent),
            ..self.report.clone()
        };
        self.sending.report(&mut report);
        report
    }
}
