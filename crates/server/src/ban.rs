//! Bans of the control plane: kept, done with those who are here, and saved, in this order, before they are answered.
use std::borrow::Cow;

use base::SubjectName;
use control::metric::{self, Sample};
use control::{Ban, BanError};
use shard::{Answer, Command, Order, Whom};

use crate::clock;
use crate::plane::Plane;

/// `force disconnect`: they are not to come back.
const BLOCKED: u16 = 3_503;

/// `connection expired`: they come back with another token.
const EXPIRED: u16 = 3_005;

impl Plane {
    /// From when it is kept nobody new gets in, on no shard; those who are here go after that.
    pub(crate) async fn keep_out(&self, ban: Ban) -> Result<(), BanError> {
        let order = ordered(&ban);
        self.bans.put(ban, clock::unix_seconds())?;
        let done = match order {
            Some((whom, order)) => {
                let answers =
                    self.ask_all(|| Command::Order { whom: whom.clone().into(), order: order.clone().into() });
                let answers = answers.await;
                answers.is_some_and(|answers| answers.iter().all(|answer| matches!(answer, Answer::Obeyed(_))))
            }
            None => true,
        };
        self.bans.save().await.map_err(BanError::NotSaved)?;
        if done { Ok(()) } else { Err(BanError::Unavailable) }
    }

    /// How many there are, by kind.
    pub(crate) fn ban_samples(&self) -> Vec<Sample> {
        let sample = |(kind, count): (&'static str, usize)| {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            Sample { metric: &metric::BANS, labels: vec![("kind", Cow::Borrowed(kind))], value: count.into() }
        };
        self.bans.counts().into_iter().map(sample).collect()
    }
}

/// What it means to those who are here.
fn ordered(ban: &Ban) -> Option<(Whom, Order)> {
    let whom = |user: &String| Whom { user: user.as_str().into(), ..Whom::default() };
    let disconnect = |code| Order::Disconnect { code, reason: Box::default(), spared: Vec::new() };
    match ban {
        Ban::Block { user, .. } => Some((whom(user), disconnect(BLOCKED))),
        Ban::Unblock { .. } => None,
        Ban::Revoke { token, .. } => Some((Whom::default(), Order::EndToken { id: token.as_str().into() })),
        // Who has a newer token comes back with it.
        Ban::Invalidate { user, channel: None, .. } => Some((whom(user), disconnect(EXPIRED))),
        Ban::Invalidate { user, channel: Some(channel), .. } => {
            // A name that is none has no subscribers.
            let name = hub::subject_name(channel.as_bytes()).or_else(|_| hub::subject_pattern(channel.as_bytes()));
            name.ok().map(|name| (whom(user), Order::Expire { subject: SubjectName::from(name) }))
        }
    }
}
