//! Orders of the control plane: every shard gets them, each for its own connections.
use std::collections::BTreeSet;
use std::time::Duration;

use base::SubjectName;
use control::{Changes, Order, OrderError, Subscription, Whom};
use hub::{Override, Position};
use shard::{Answer, Command};

use crate::clock;
use crate::plane::Plane;

impl Plane {
    pub(crate) async fn have_done(&self, whom: Whom, order: Order) -> Result<u64, OrderError> {
        let order = self.ordered(order)?;
        let whom = shard::Whom { user: whom.user.into(), client: whom.client.into(), session: whom.session.into() };
        let answers = self.ask_all(|| Command::Order { whom: whom.clone().into(), order: order.clone().into() }).await;
        let mut obeyed = 0;
        for answer in answers.ok_or(OrderError::Unavailable)? {
            let Answer::Obeyed(count) = answer else { return Err(OrderError::Unavailable) };
            obeyed += count as u64;
        }
        Ok(obeyed)
    }

    fn ordered(&self, order: Order) -> Result<shard::Order, OrderError> {
        Ok(match order {
            Order::Disconnect { code, reason, spared } => shard::Order::Disconnect {
                code,
                reason: reason.into(),
                spared: spared.into_iter().map(String::into_boxed_str).collect(),
            },
            Order::Refresh { expire_at, info } => {
                shard::Order::Refresh { left: left(expire_at)?, info: info.map(Vec::into_boxed_slice) }
            }
            Order::Unsubscribe { subject } => shard::Order::Unsubscribe { subject: self.known(&subject)? },
            Order::Subscribe(Subscription { subject, info, data, expire_at, since, changes }) => {
                shard::Order::Subscribe(shard::Subscription {
                    subject: self.known(&subject)?,
                    info: info.into(),
                    data: data.into(),
                    left: left(expire_at)?,
                    since: since.map(|(offset, epoch)| Position { epoch: shard::epoch_of(&epoch), offset }),
                    changes: changed(changes),
                })
            }
        })
    }

    fn known(&self, subject: &str) -> Result<SubjectName, OrderError> {
        let name = hub::subject_name(subject.as_bytes()).map_err(|error| OrderError::BadSubject(error.to_string()))?;
        self.look(name, |_| ()).ok_or(OrderError::UnknownSubject)?;
        Ok(SubjectName::from(name))
    }

    /// All users, each once, as long as their hashes fit an answer; else the sum of what the shards have.
    pub(crate) async fn count_users(&self) -> Option<u64> {
        let mut all = BTreeSet::new();
        let (mut sum, mut is_exact) = (0, true);
        for answer in self.ask_all(|| Command::Users).await? {
            let Answer::Users { count, hashes } = answer else { return None };
            sum += count;
            is_exact &= hashes.is_some();
            all.extend(hashes.into_iter().flatten());
        }
        Some(if is_exact { all.len() as u64 } else { sum })
    }
}

/// What is over is refused: to end something there are other ways.
fn left(expire_at: Option<i64>) -> Result<Option<Duration>, OrderError> {
    let Some(at) = expire_at else { return Ok(None) };
    match u64::try_from(at.saturating_sub(clock::unix_seconds())) {
        Ok(seconds @ 1..) => Ok(Some(Duration::from_secs(seconds))),
        Ok(0) | Err(_) => Err(OrderError::Over),
    }
}

fn changed(changes: Changes) -> Override {
    let Changes { presence, join_leave, force_push_join_leave, force_positioning, force_recovery } = changes;
    Override { presence, join_leave, force_push_join_leave, force_positioning, force_recovery }
}
