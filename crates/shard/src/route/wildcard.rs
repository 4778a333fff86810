//! *Patterns*: subscriptions to all subjects that fit one.
//!
//! A pattern's subjects have owners everywhere, so every shard is told which shards want what fits which pattern, and sends a publication
//! to those too, once, however many of their patterns it fits. On a shard a pattern is a row of the hub as a subject is, with its
//! subscriptions; it has no place and no history.
use base::{ConnId, Instant, NONE, ShardId, SubjectName};
use hub::{Namespace, Position, Publication, subject_pattern};
use protocol::centrifugo::ErrorCode;

use crate::border::Effects;
use crate::centrifugo::Waiting;
use crate::client::permission;
use crate::conn::State;
use crate::encode::Encoded;
use crate::hop::{Parcel, Recovery, Waiter};
use crate::limits::PATTERNS_MAX;
use crate::shard::Shard;

impl Shard {
    /// Whether patterns may be used there at all, and this is one of its names.
    pub(crate) fn may_use_pattern(&self, pattern: &str) -> Result<(), ErrorCode> {
        let namespace = self.hub.namespace_of(pattern);
        if namespace.is_none() && !self.config.dev {
            return Err(ErrorCode::UnknownChannel);
        }
        subject_pattern(pattern.as_bytes()).map_err(|_| ErrorCode::BadRequest)?;
        let fits = |namespace: &Namespace| namespace.wildcards && permission::to_name(namespace, pattern);
        if !namespace.is_none_or(fits) {
            return Err(ErrorCode::BadRequest);
        }
        if self.hub.patterns.is_full_for(pattern, PATTERNS_MAX) {
            return Err(ErrorCode::LimitExceeded);
        }
        Ok(())
    }

    fn others(&self) -> impl Iterator<Item = ShardId> + use<> {
        let me = self.config.shard;
        (0..self.config.shards).map(ShardId).filter(move |&shard| shard != me)
    }

    /// Has every shard send what fits the pattern. The answers come to [`Shard::watched`].
    pub(crate) fn join_pattern(&mut self, row: u32, waiter: Waiter, now: Instant, world: &mut impl Effects) {
        let pattern = self.hub.name(row).clone();
        self.hub.patterns.set_row(&pattern, row);
        self.hub.set_joined(row, true);
        for shard in self.others() {
            self.mail.send(shard, Parcel::Watch { pattern: pattern.clone(), waiter }, world);
        }
        if self.config.shards == 1 {
            self.joined(row, nothing(), waiter, now, world);
        }
    }

    /// A shard knows that what fits is wanted here.
    pub(crate) fn watched(&mut self, pattern: &str, waiter: Waiter, now: Instant, world: &mut impl Effects) {
        let (Some(row), Waiter::Conn { conn, generation }) = (self.hub.find(pattern), waiter) else {
            return;
        };
        if self.conns.find(conn, generation).is_some() && self.is_last_answer(conn, row) {
            self.joined(row, nothing(), waiter, now, world);
        }
    }

    fn is_last_answer(&mut self, conn: ConnId, row: u32) -> bool {
        match self.conns.lent(conn).map(|lent| &mut lent.state) {
            Some(State::Command(Waiting::Subscribe { row: asked, unanswered, .. })) if *asked == row => {
                *unanswered -= 1;
                *unanswered == 0
            }
            Some(State::Listening(listener)) => listener.is_last_answer(row),
            Some(_) | None => false,
        }
    }

    /// Nobody here wants the pattern any more.
    pub(super) fn leave_pattern(&mut self, pattern: &SubjectName, world: &mut impl Effects) {
        self.hub.patterns.set_row(pattern, NONE);
        for shard in self.others() {
            self.mail.send(shard, Parcel::Unwatch { pattern: pattern.clone() }, world);
        }
    }

    /// Queues a publication of another shard's subject for the subscribers of every pattern that its subject fits.
    pub(crate) fn deliver_to_patterns(
        &mut self,
        subject: &SubjectName,
        publication: &Publication,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let mut fitting = core::mem::take(&mut self.routing.fitting);
        self.hub.patterns.fitting(subject, &mut fitting);
        self.deliver_to_fitting(&fitting, subject, publication, now, world);
        fitting.clear();
        self.routing.fitting = fitting;
    }

    /// Queues it for the subscribers of patterns. Only for those of its own namespace: what the others
    /// permit says nothing of it; and not if its subject is for some users only.
    pub(super) fn deliver_to_fitting(
        &mut self,
        fitting: &[u32],
        subject: &SubjectName,
        publication: &Publication,
        now: Instant,
        world: &mut impl Effects,
    ) {
        if fitting.is_empty() || self.is_for_some(subject) {
            return;
        }
        let number = self.hub.namespace_number(subject);
        for &row in fitting {
            if self.hub.is_named_by(row, number) {
                let encoded = Encoded::under_pattern(publication, subject);
                self.deliver_encoded(row, &mut [encoded], now, world);
            }
        }
    }

    /// True if the subject is for those with a token, or for the users that its name lists.
    pub(crate) fn is_for_some(&self, subject: &str) -> bool {
        let naming = &self.config.admission.naming;
        let is_limited = |namespace: &Namespace| namespace.user_limited && naming.is_limited(subject);
        !self.config.dev && (naming.is_private(subject) || self.hub.namespace_of(subject).is_some_and(is_limited))
    }
}

/// What there is to recover of a pattern.
fn nothing() -> Recovery {
    Recovery { top: Position::default(), gapless: true, missed: alloc::vec::Vec::new() }
}
