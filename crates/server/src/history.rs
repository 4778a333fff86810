//! Histories for the control plane: its questions become commands to the subject's owner.
use base::SubjectName;
use base::units::MIB;
use control::{History, HistoryError, HistoryWanted, Kept, PayloadKind};
use hub::{Excerpt, ExcerptError, ExcerptQuery, Kind, Position, Publication, RecoveryBounds};
use protocol::epoch;
use shard::{Answer, Command, epoch_of};

use crate::plane::Plane;
use crate::presence::present;

/// Payload bytes of one answer, whatever its limit: who wants more goes on from the last offset.
const ANSWER_BYTES_MAX: usize = 32 * MIB;

impl Plane {
    pub(crate) async fn read_history(&self, wanted: HistoryWanted) -> Result<History, HistoryError> {
        let subject = name(&wanted.subject)?;
        let since = wanted.since.map(|(offset, epoch)| Position { epoch: epoch_of(&epoch), offset });
        let bounds = RecoveryBounds { publications: wanted.limit, bytes: ANSWER_BYTES_MAX, newest_only: false };
        let query = ExcerptQuery { since, reverse: wanted.reverse, bounds };
        match self.ask_owner(&subject, Command::History { subject: subject.clone(), query }).await {
            Some(Answer::History(excerpt)) => excerpt.map(told).map_err(error),
            Some(_) | None => Err(HistoryError::Unavailable),
        }
    }

    pub(crate) async fn forget_history(&self, subject: String) -> Result<(), HistoryError> {
        let subject = name(&subject)?;
        match self.ask_owner(&subject, Command::RemoveHistory { subject: subject.clone() }).await {
            Some(Answer::HistoryRemoved(removed)) => removed.map_err(error),
            Some(_) | None => Err(HistoryError::Unavailable),
        }
    }
}

fn name(subject: &str) -> Result<SubjectName, HistoryError> {
    let name = hub::subject_name(subject.as_bytes()).map_err(|error| HistoryError::BadSubject(error.to_string()))?;
    Ok(SubjectName::from(name))
}

fn told(excerpt: Excerpt) -> History {
    let Excerpt { top, publications } = excerpt;
    let epoch = String::from_utf8_lossy(&epoch::text(top.epoch)).into_owned();
    History { publications: publications.into_iter().map(kept).collect(), epoch, offset: top.offset }
}

fn kept(publication: Publication) -> Kept {
    let publisher = publication.extra.as_ref().and_then(|extra| extra.publisher.as_ref());
    Kept {
        publisher: publisher.cloned().map(present),
        kind: match publication.kind {
            Kind::Text => PayloadKind::Text,
            Kind::Binary => PayloadKind::Binary,
        },
        offset: publication.position.offset,
        tags: publication.tags().iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        payload: publication.payload,
    }
}

fn error(error: ExcerptError) -> HistoryError {
    match error {
        ExcerptError::NoNamespace => HistoryError::UnknownSubject,
        ExcerptError::NotKept => HistoryError::NotKept,
        ExcerptError::OtherEpoch => HistoryError::OtherEpoch,
    }
}
