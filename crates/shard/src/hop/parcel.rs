//! What hops between shards. A parcel owns what it carries.
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use base::{ConnId, Sealed, SubjectName};
use hub::{
    Delivery, Draft, Excerpt, ExcerptError, ExcerptQuery, Headcount, Position, Publication, Publisher, RecoveryBounds,
};

use crate::centrifugo::Roll;
use crate::command::Ticket;
use crate::hook::{HookDelivery, HookRequest};

/// A mailbox has two lanes, each a queue of its own and each in order.
///
/// A shard may leave the request lane waiting while what it has to send is over its bound; the delivery lane it always
/// empties. Handling a delivery makes no delivery, and at most one request: that of the connection whose answer it is. So
/// deliveries always drain, so requests do too: two shards can't wait for each other for ever. ([`Parcel::Uplinked`] may follow a delivery,
/// once for each POST that waits: a bounded number.)
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// To a subject's owner.
    Request,
    /// From a subject's owner.
    Delivery,
}

/// Who waits for the answer to a request, on the shard that asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiter {
    /// A connection; `generation` tells it from a later one in the same slot.
    Conn {
        /// The connection's slot.
        conn: ConnId,
        /// The slot's generation.
        generation: u32,
    },
    /// A server-side subscription of a connection.
    Server {
        /// The connection's slot.
        conn: ConnId,
        /// The slot's generation.
        generation: u32,
        /// Tells it from another one of the connection to the same subject.
        join: u32,
    },
    /// A command of the control plane.
    Command(Ticket),
}

/// What a publisher wants to hear back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Receipt {
    /// Nothing.
    None,
    /// To be counted in the next [`Parcel::Counted`] for this connection: the publish stream with `?ack=1`.
    Count {
        /// The connection's slot.
        conn: ConnId,
        /// The slot's generation.
        generation: u32,
    },
    /// The position, as [`Parcel::Published`].
    Position(Waiter),
}

/// A message from one shard to another.
#[derive(Debug)]
pub enum Parcel {
    /// Request: give this publication an offset and send it to everyone.
    Publish {
        /// Where to.
        subject: SubjectName,
        /// What.
        draft: Draft,
        /// What to answer.
        receipt: Receipt,
    },
    /// Request: this shard wants what is published to the subject from now on, and to know where it stands.
    Join {
        /// The subject.
        subject: SubjectName,
        /// From where to recover, if at all.
        since: Option<Position>,
        /// How much to recover at most.
        bounds: RecoveryBounds,
        /// Who asked.
        waiter: Waiter,
    },
    /// Request: this shard has no subscriber of the subject any more.
    Leave {
        /// The subject.
        subject: SubjectName,
    },
    /// Request: read from the subject's history.
    Excerpt {
        /// The subject.
        subject: SubjectName,
        /// Which part.
        query: Box<ExcerptQuery>,
        /// Who asked.
        waiter: Waiter,
    },
    /// Request: commands for a session of that shard, whose client says them beside its stream.
    Uplink {
        /// Names the session; may be made up.
        session: Sealed,
        /// One message.
        commands: Box<[u8]>,
        /// Who brought it.
        waiter: Waiter,
    },
    /// Request: a client of this shard is present in the subject, or no more.
    Attend {
        /// The subject.
        subject: SubjectName,
        /// The hash of the client's user.
        user: u64,
        /// True if it comes.
        comes: bool,
    },
    /// Request: a client of this shard has subscribed to the subject, or does no more; others are to be told.
    Announce {
        /// The subject.
        subject: SubjectName,
        /// Who.
        client: Arc<Publisher>,
        /// True if it comes.
        comes: bool,
    },
    /// Request: a connection of this shard claims to be its user's only one, or is no more. For the owner of the user's channel.
    Claim {
        /// The user's personal channel.
        subject: SubjectName,
        /// The connection's slot.
        conn: ConnId,
        /// The slot's generation.
        generation: u32,
        /// True if it is there.
        stays: bool,
    },
    /// Request: of one shard's part in hooks, to another.
    HookRequest(HookRequest),
    /// Request: how many are present?
    Census {
        /// The subject.
        subject: SubjectName,
        /// Who asked.
        waiter: Waiter,
    },
    /// Request, to every shard: which of its clients are present?
    RollCall {
        /// The subject.
        subject: SubjectName,
        /// Who asked.
        waiter: Waiter,
    },
    /// Request, to every shard: this shard wants what is published to subjects that fit the pattern from now on.
    Watch {
        /// The pattern.
        pattern: SubjectName,
        /// Who asked.
        waiter: Waiter,
    },
    /// Request, to every shard: it wants that no more.
    Unwatch {
        /// The pattern.
        pattern: SubjectName,
    },
    /// Delivery: the answer to [`Parcel::Watch`]. What this shard takes from here on comes.
    Watched {
        /// The pattern.
        pattern: SubjectName,
        /// Who asked.
        waiter: Waiter,
    },
    /// Delivery: the answer to [`Parcel::Join`]. Every publication up to the position came before it on this lane or is in
    /// `recovered`; every later one comes after it.
    Joined {
        /// The subject.
        subject: SubjectName,
        /// Where it stands.
        recovery: Box<Recovery>,
        /// Who asked.
        waiter: Waiter,
    },
    /// Delivery: a publication, for this shard's subscribers.
    Deliver {
        /// The subject.
        subject: SubjectName,
        /// What.
        delivery: Delivery,
    },
    /// Delivery: a newer connection of its user has claimed to be the only one.
    Superseded {
        /// The connection's slot.
        conn: ConnId,
        /// The slot's generation.
        generation: u32,
    },
    /// Delivery: a client has come or gone, for those of this shard's subscribers that want to hear it.
    Told {
        /// The subject.
        subject: SubjectName,
        /// Who.
        client: Arc<Publisher>,
        /// True if it has come.
        comes: bool,
    },
    /// Delivery: so many more publications of the connection's stream were accepted by this owner.
    Counted {
        /// The connection's slot.
        conn: ConnId,
        /// The slot's generation.
        generation: u32,
        /// How many since the last time.
        count: u32,
    },
    /// Delivery: the answer to a publish that asked for the position.
    Published {
        /// Who asked.
        waiter: Waiter,
        /// Where the publication stands.
        position: Position,
    },
    /// Delivery: the answer to [`Parcel::Census`].
    Headcount {
        /// Who asked.
        waiter: Waiter,
        /// How many.
        headcount: Headcount,
    },
    /// Delivery: the answer to [`Parcel::RollCall`].
    Roll {
        /// Who asked.
        waiter: Waiter,
        /// Which.
        roll: Roll,
    },
    /// Delivery: the answer to [`Parcel::Excerpt`].
    Excerpted {
        /// Who asked.
        waiter: Waiter,
        /// What was read.
        excerpt: Box<Result<Excerpt, ExcerptError>>,
    },
    /// Delivery: what follows from a [`Parcel::HookRequest`].
    HookDelivery(HookDelivery),
    /// Delivery: the commands of a [`Parcel::Uplink`] have been handled, or there is no such session.
    Uplinked {
        /// Who brought them.
        waiter: Waiter,
    },
}

/// Where a subject stands, and what a subscriber missed.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// The subject's newest position.
    pub top: Position,
    /// True if nothing after the wanted position is missing from `missed`; true also if nothing was wanted.
    pub gapless: bool,
    /// What was published after the wanted position, oldest first. If there is a gap: what there is.
    pub missed: Vec<Publication>,
}

impl Parcel {
    /// The lane it travels on.
    #[must_use]
    pub fn lane(&self) -> Lane {
        match self {
            Self::Publish { .. }
            | Self::Join { .. }
            | Self::Leave { .. }
            | Self::Watch { .. }
            | Self::Unwatch { .. }
            | Self::Attend { .. }
            | Self::Announce { .. }
            | Self::Claim { .. }
            | Self::Census { .. }
            | Self::RollCall { .. }
            | Self::Excerpt { .. }
            | Self::HookRequest(_)
            | Self::Uplink { .. } => Lane::Request,
            Self::Joined { .. }
            | Self::Watched { .. }
            | Self::Deliver { .. }
            | Self::Told { .. }
            | Self::Superseded { .. }
            | Self::Counted { .. }
            | Self::Published { .. }
            | Self::Headcount { .. }
            | Self::Roll { .. }
            | Self::Excerpted { .. }
            | Self::HookDelivery(_)
            | Self::Uplinked { .. } => Lane::Delivery,
        }
    }
}

// A mailbox slot holds a parcel: 4,096 slots x 2 lanes x 132 pairs of 12 cores is 68 MB at 64 bytes.
const _: () = assert!(size_of::<Parcel>() <= 88);
