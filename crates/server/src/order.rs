//! Orders of the control plane: every shard gets them, each for its own connections.
use control::{Order, OrderError, Whom};
use shard::{Answer, Command};

use crate::plane::Plane;

impl Plane {
    pub(crate) async fn have_done(&self, whom: Whom, order: Order) -> Result<u64, OrderError> {
        let whom = shard::Whom { user: whom.user.into(), client: whom.client.into() };
        let order = match order {
            Order::Disconnect { code, reason, spared } => shard::Order::Disconnect {
                code,
                reason: reason.into(),
                spared: spared.into_iter().map(String::into_boxed_str).collect(),
            },
        };
        let answers = self.ask_all(|| Command::Order { whom: whom.clone().into(), order: order.clone().into() }).await;
        let mut obeyed = 0;
        for answer in answers.ok_or(OrderError::Unavailable)? {
            let Answer::Obeyed(count) = answer else { return Err(OrderError::Unavailable) };
            obeyed += count as u64;
        }
        Ok(obeyed)
    }
}
