//! Presence for the control plane: all shards call their rolls, and the subject's owner has the count.
use base::SubjectName;
use control::{Headcount, PresenceError, Present};
use shard::{Answer, Command};

use crate::plane::Plane;

impl Plane {
    pub(crate) async fn who_is_present(&self, subject: String) -> Result<Vec<Present>, PresenceError> {
        let subject = name(&subject)?;
        let answers = self.ask_all(|| Command::RollCall { subject: subject.clone() }).await;
        let mut all = Vec::new();
        for answer in answers.ok_or(PresenceError::Unavailable)? {
            let Answer::Roll(roll) = answer else {
                return Err(PresenceError::Unavailable);
            };
            let clients = roll.map_err(error)?.ok_or(PresenceError::TooMany)?;
            all.extend(clients.into_iter().map(present));
            if all.len() > self.presence_clients_max() {
                return Err(PresenceError::TooMany);
            }
        }
        Ok(all)
    }

    pub(crate) async fn count_present(&self, subject: String) -> Result<Headcount, PresenceError> {
        let subject = name(&subject)?;
        match self.ask_owner(&subject, Command::Census { subject: subject.clone() }).await {
            Some(Answer::Headcount(headcount)) => {
                let hub::Headcount { clients, users } = headcount.map_err(error)?;
                Ok(Headcount { clients, users })
            }
            Some(_) | None => Err(PresenceError::Unavailable),
        }
    }
}

fn name(subject: &str) -> Result<SubjectName, PresenceError> {
    let name = hub::subject_name(subject.as_bytes()).map_err(|error| PresenceError::BadSubject(error.to_string()))?;
    Ok(SubjectName::from(name))
}

/// A client, as the control plane tells of it.
pub(crate) fn present(client: hub::Publisher) -> Present {
    Present {
        client: client.client.into(),
        user: client.user.into(),
        conn_info: client.conn_info.into(),
        chan_info: client.chan_info.into(),
    }
}

fn error(error: shard::PresenceError) -> PresenceError {
    match error {
        shard::PresenceError::NoNamespace => PresenceError::UnknownSubject,
        shard::PresenceError::Off => PresenceError::Off,
    }
}
