//! What the control plane may ask of a shard, and the answers.
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use base::SubjectName;
use hub::{Draft, Excerpt, ExcerptError, ExcerptQuery, Headcount, Listing, Position};

use crate::centrifugo::{Order, PresenceError, Roll, Whom};
use crate::config::ShardConfig;
use crate::hook::HookReply;
use crate::report::Report;

/// Names a command, so that its answer finds back. Chosen by the control plane.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// A command of the control plane.
#[derive(Debug)]
pub enum Command {
    /// Publish; answered by [`Answer::Published`] once the owner has accepted it. Any shard takes it.
    Publish {
        /// Where to: valid, see [`hub::subject_name`].
        subject: SubjectName,
        /// What.
        draft: Draft,
    },
    /// Read from a subject's history; answered by [`Answer::History`]. Any shard takes it.
    History {
        /// The subject: valid.
        subject: SubjectName,
        /// Which part.
        query: ExcerptQuery,
    },
    /// Forget a subject's publications, not its position; answered by [`Answer::HistoryRemoved`]. For the subject's owner.
    RemoveHistory {
        /// The subject: valid.
        subject: SubjectName,
    },
    /// List subjects that have subscribers on this shard; answered by [`Answer::Subjects`], a piece at a time.
    Subjects {
        /// Which; see [`hub::glob_fits`].
        glob: Box<str>,
        /// Where the piece begins: 0, or what the last one said.
        from: u32,
    },
    /// Go on with another configuration: all of it but which shard it is, how many there are, whose subjects are whose, and whether it is for
    /// development. Connections and subscriptions stay; what is bound to a timer counts from the next time. Not answered.
    Configure(Box<ShardConfig>),
    /// Count who is present in a subject; answered by [`Answer::Headcount`]. For the subject's owner.
    Census {
        /// The subject: valid.
        subject: SubjectName,
    },
    /// Tell which clients of this shard are present in a subject; answered by [`Answer::Roll`].
    RollCall {
        /// The subject: valid.
        subject: SubjectName,
    },
    /// Count the users of this shard; answered by [`Answer::Users`].
    Users,
    /// Do something with the clients of a user; answered by [`Answer::Obeyed`].
    Order {
        /// With which.
        whom: Box<Whom>,
        /// What.
        order: Box<Order>,
    },
    /// What a back end has answered, or what became of it instead. Not answered.
    Hook(Box<HookReply>),
    /// Say how the shard is doing; answered by [`Answer::Report`].
    Report,
    /// Leave gracefully: no new connection is served, and the open ones are told to come back elsewhere, spread evenly over
    /// `spread`. Not answered: [`crate::Shard::is_drained`] tells.
    Drain {
        /// Over how long the connections are closed.
        spread: Duration,
    },
}

/// The answer to a command.
#[derive(Debug)]
pub enum Answer {
    /// To [`Command::Publish`].
    Published(Position),
    /// To [`Command::History`].
    History(Result<Excerpt, ExcerptError>),
    /// To [`Command::RemoveHistory`].
    HistoryRemoved(Result<(), ExcerptError>),
    /// To [`Command::Subjects`].
    Subjects(Listing),
    /// To [`Command::Census`].
    Headcount(Result<Headcount, PresenceError>),
    /// To [`Command::RollCall`].
    Roll(Result<Roll, PresenceError>),
    /// To [`Command::Users`].
    Users {
        /// How many there are; those without a name are one.
        count: u64,
        /// The hashes of their names, by which those of several shards are told apart; `None` beyond
        /// [`crate::limits::USER_HASHES_MAX`].
        hashes: Option<Vec<u64>>,
    },
    /// To [`Command::Order`]: how many clients of this shard it was done with.
    Obeyed(usize),
    /// To [`Command::Report`].
    Report(Box<Report>),
}
