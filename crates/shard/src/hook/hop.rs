//! What hops between shards of hooks: who has an address, and what is pushed to it.
use alloc::sync::Arc;
use alloc::vec::Vec;

use base::{Instant, ShardId, SubjectName};
use hub::Kind;

use super::{Holder, HookConn, Pushed};
use crate::border::Effects;
use crate::hop::Waiter;
use crate::shard::Shard;

/// What a shard asks of another one.
#[derive(Debug)]
pub enum HookRequest {
    /// A connection of this shard is to have the address; for its owner. Answered by [`HookDelivery::Entered`].
    Enter {
        /// The address.
        address: SubjectName,
        /// Which connection.
        of: HookConn,
    },
    /// It has gone.
    Leave {
        /// The address.
        address: SubjectName,
        /// Which connection.
        of: HookConn,
    },
    /// Who has the address? For its owner. Answered by [`HookDelivery::Located`].
    Locate {
        /// The address.
        address: SubjectName,
        /// Who asked.
        waiter: Waiter,
    },
    /// A message for a connection of that shard. Answered by [`HookDelivery::Pushed`].
    Push {
        /// Which connection.
        of: HookConn,
        /// What the payload is.
        kind: Kind,
        /// The message.
        payload: Arc<[u8]>,
        /// Who brought it.
        waiter: Waiter,
    },
}

/// What follows from that.
#[derive(Debug)]
pub enum HookDelivery {
    /// The answer to [`HookRequest::Enter`].
    Entered {
        /// Which connection.
        of: HookConn,
        /// Whether it has the address.
        admitted: bool,
    },
    /// A newer connection has the address.
    Replaced {
        /// Which connection had it.
        of: HookConn,
    },
    /// The answer to [`HookRequest::Locate`].
    Located {
        /// Who asked.
        waiter: Waiter,
        /// Who has the address.
        holders: Vec<Holder>,
    },
    /// The answer to [`HookRequest::Push`].
    Pushed {
        /// Who brought the message.
        waiter: Waiter,
        /// What became of it.
        pushed: Pushed,
    },
}

impl Shard {
    /// Another shard asks.
    pub(crate) fn on_hook_request(
        &mut self,
        from: ShardId,
        request: HookRequest,
        now: Instant,
        world: &mut impl Effects,
    ) {
        match request {
            HookRequest::Enter { address, of } => self.on_hook_enter(from, &address, of, world),
            HookRequest::Leave { address, of } => self.leave(Holder { shard: from, of }, &address),
            HookRequest::Locate { address, waiter } => self.on_hook_locate(from, &address, waiter, world),
            HookRequest::Push { of, kind, payload, waiter } => {
                self.on_hook_push(from, (of, kind, &payload), waiter, now, world);
            }
        }
    }

    /// Another shard has done what was asked, or something follows from it.
    pub(crate) fn on_hook_delivery(&mut self, delivery: HookDelivery, now: Instant, world: &mut impl Effects) {
        match delivery {
            HookDelivery::Entered { of, admitted } => self.entered(of, admitted, now, world),
            HookDelivery::Replaced { of } => self.replace(of, now),
            HookDelivery::Located { waiter, holders } => self.located(waiter, holders, now, world),
            HookDelivery::Pushed { waiter, pushed } => self.pushed(waiter, pushed, now, world),
        }
    }
}
