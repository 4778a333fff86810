//! Reading a subject's history: asked for by a client's `history` or by the control plane, answered by the owner.
use alloc::vec::Vec;

use base::{ConnId, Instant, SubjectName};
use hub::{Excerpt, ExcerptError, ExcerptQuery, Namespace, Operation, Position, RecoveryBounds, subject_name};
use protocol::centrifugo::{Disconnect, ErrorCode, History, HistoryResult};
use protocol::epoch;

use super::{Next, Waiting};
use crate::border::Effects;
use crate::client::permission;
use crate::command::Answer;
use crate::conn::State;
use crate::encode::push;
use crate::hop::{Parcel, Waiter};
use crate::report::Refusal;
use crate::shard::Shard;

impl Shard {
    /// Reads here if this shard owns the subject, else asks its owner. The answer comes to [`Shard::excerpted`].
    pub(crate) fn ask_excerpt(
        &mut self,
        subject: &str,
        query: &ExcerptQuery,
        waiter: Waiter,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let owner = self.owner(subject);
        if owner == self.config.shard {
            let excerpt = self.excerpt(subject, query, now);
            self.excerpted(waiter, excerpt, now, world);
        } else {
            self.mail.send(owner, Parcel::Excerpt { subject: subject.into(), query: (*query).into(), waiter }, world);
        }
    }

    /// The owner's end.
    pub(crate) fn excerpt(
        &mut self,
        subject: &str,
        query: &ExcerptQuery,
        now: Instant,
    ) -> Result<Excerpt, ExcerptError> {
        self.hub.keeps_history(subject)?;
        let row = self.hub.enter(subject);
        let excerpt = self.hub.excerpt(row, query, now);
        self.hub.release(row);
        excerpt
    }

    /// Forgets what a subject that this shard owns has kept.
    pub(crate) fn remove_history(&mut self, subject: &SubjectName) -> Result<(), ExcerptError> {
        debug_assert_eq!(self.owner(subject), self.config.shard, "only the owner has a history");
        self.hub.keeps_history(subject)?;
        if let Some(row) = self.hub.find(subject) {
            self.hub.remove_history(row);
        }
        Ok(())
    }

    /// The owner has answered.
    pub(crate) fn excerpted(
        &mut self,
        waiter: Waiter,
        excerpt: Result<Excerpt, ExcerptError>,
        now: Instant,
        world: &mut impl Effects,
    ) {
        match waiter {
            Waiter::Server { .. } => {}
            Waiter::Command(ticket) => world.answer(ticket, Answer::History(excerpt)),
            Waiter::Conn { conn, generation } => {
                if self.conns.find(conn, generation).is_some()
                    && let Some(State::Command(Waiting::History { id })) = self.conns.lent(conn).map(|lent| &lent.state)
                {
                    let id = *id;
                    self.conns.take_state(conn);
                    if self.reply_excerpt(conn, id, excerpt) {
                        self.answered(conn, now);
                    } else {
                        self.report.refuse(Refusal::BadCommand);
                        self.disconnect(conn, Disconnect::InappropriateProtocol, now);
                    }
                }
            }
        }
    }

    /// Replies; false if the encoding can't say what was read, which ends a session as a live publication does (section 2.0).
    fn reply_excerpt(&mut self, conn: ConnId, id: u32, excerpt: Result<Excerpt, ExcerptError>) -> bool {
        let excerpt = match excerpt {
            Ok(excerpt) => excerpt,
            Err(error) => {
                self.reply_error(conn, id, code_of(error));
                return true;
            }
        };
        let encoding = self.encoding(conn);
        let pushes: Option<Vec<_>> = excerpt.publications.iter().map(|one| push(one, encoding)).collect();
        let Some(pushes) = pushes else {
            return false;
        };
        let epoch = epoch::text(excerpt.top.epoch);
        let result =
            HistoryResult { epoch: core::str::from_utf8(&epoch).unwrap_or_default(), offset: excerpt.top.offset };
        self.tell(conn, |encoding, out| encoding.reply_history(out, id, &result, &pushes));
        true
    }

    // ---- the client's command ----

    /// `history`: the checks of section 2.4, in their order.
    pub(super) fn on_history(
        &mut self,
        conn: ConnId,
        id: u32,
        history: &History<'_>,
        now: Instant,
        world: &mut impl Effects,
    ) -> Next {
        let channel: &str = &history.channel;
        if channel.is_empty() {
            return Next::Disconnect(Disconnect::BadRequest);
        }
        if let Err(code) = self.may_read_history(conn, history) {
            self.reply_error(conn, id, code);
            return Next::Command;
        }
        let most = self.config.limits.history_publications;
        let query = ExcerptQuery {
            since: history.since.as_ref().map(|since| Position { epoch: epoch_of(&since.epoch), offset: since.offset }),
            reverse: history.reverse,
            bounds: RecoveryBounds {
                // Negative is all that one reply may bring.
                publications: u32::try_from(history.limit).unwrap_or(most).min(most),
                // As a recovery: who asks is not taken for a slow reader.
                bytes: self.config.outbox.bytes / 2,
                newest_only: false,
            },
        };
        let waiter = self.wait(conn, Waiting::History { id });
        self.ask_excerpt(channel, &query, waiter, now, world);
        self.next_by_phase(conn)
    }

    fn may_read_history(&self, conn: ConnId, history: &History<'_>) -> Result<(), ErrorCode> {
        let channel: &str = &history.channel;
        let namespace = self.known_namespace(channel)?;
        let Some(namespace) = namespace.filter(|namespace| namespace.history.is_some()) else {
            return Err(ErrorCode::NotAvailable);
        };
        let is_anonymous = self.user(conn).is_empty();
        let is_subscribed = self.is_subscribed(conn, channel);
        let admits = || permission::to_read(&self.config.admission, namespace, is_anonymous, is_subscribed);
        if !self.permits(conn, Operation::History, channel, admits) {
            return Err(ErrorCode::PermissionDenied);
        }
        if history.reverse && history.since.as_ref().is_some_and(|since| since.offset == 0) {
            return Err(ErrorCode::BadRequest);
        }
        Ok(())
    }

    /// The channel's namespace if its name is one; none only in development, where every channel may be used.
    pub(super) fn known_namespace(&self, channel: &str) -> Result<Option<&Namespace>, ErrorCode> {
        let namespace = self.hub.namespace_of(channel);
        if namespace.is_none() && !self.config.dev {
            return Err(ErrorCode::UnknownChannel);
        }
        subject_name(channel.as_bytes()).map_err(|_| ErrorCode::BadRequest)?;
        if namespace.is_some_and(|namespace| !permission::to_name(namespace, channel)) {
            return Err(ErrorCode::BadRequest);
        }
        Ok(namespace)
    }
}

/// An epoch as a client names it: an empty one matches any (section 4.4), one that is none of ours matches none.
#[must_use]
pub fn epoch_of(text: &str) -> u32 {
    if text.is_empty() { Position::ANY_EPOCH } else { epoch::read(text).unwrap_or(Position::NO_EPOCH) }
}

fn code_of(error: ExcerptError) -> ErrorCode {
    match error {
        ExcerptError::NoNamespace => ErrorCode::UnknownChannel,
        ExcerptError::NotKept => ErrorCode::NotAvailable,
        ExcerptError::OtherEpoch => ErrorCode::UnrecoverablePosition,
    }
}
