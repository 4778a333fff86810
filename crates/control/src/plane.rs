//! What the control plane asks of the data plane: the border to the shards.
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;

use crate::metric::{Histogram, Sample};
use crate::{
    Ban, BanError, Headcount, History, HistoryError, HistoryWanted, Order, OrderError, PresenceError, Present,
    Subjects, SubjectsError, Whom,
};

/// The shards, as the control plane sees them. A clone is a handle to the same shards.
pub trait DataPlane: Clone + Send + Sync + 'static {
    /// Publishes; resolves once the subject's owner has accepted it.
    ///
    /// # Errors
    /// See [`PublishError`].
    fn publish(&self, request: Publish) -> impl Future<Output = Result<Accepted, PublishError>> + Send;

    /// Reads from a subject's history.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn history(&self, wanted: HistoryWanted) -> impl Future<Output = Result<History, HistoryError>> + Send;

    /// Forgets a subject's publications; its position stays.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn remove_history(&self, subject: String) -> impl Future<Output = Result<(), HistoryError>> + Send;

    /// The subjects that have subscribers and whose names `glob` fits: `*` is any characters, `?` one; empty: all.
    ///
    /// # Errors
    /// See [`SubjectsError`].
    fn subjects(&self, glob: String) -> impl Future<Output = Result<Subjects, SubjectsError>> + Send;

    /// Which clients are subscribed to a subject.
    ///
    /// # Errors
    /// See [`PresenceError`].
    fn presence(&self, subject: String) -> impl Future<Output = Result<Vec<Present>, PresenceError>> + Send;

    /// How many are.
    ///
    /// # Errors
    /// See [`PresenceError`].
    fn headcount(&self, subject: String) -> impl Future<Output = Result<Headcount, PresenceError>> + Send;

    /// How many users have connections; beyond some thousands those of several shards may be counted more than once. `None`: a shard did
    /// not answer in time.
    fn users(&self) -> impl Future<Output = Option<u64>> + Send;

    /// Has something done with clients of a user; says with how many.
    ///
    /// # Errors
    /// See [`OrderError`].
    fn order(&self, whom: Whom, order: Order) -> impl Future<Output = Result<u64, OrderError>> + Send;

    /// Keeps somebody out, or lets him in again. When it resolves, every shard knows it and those who were in are out.
    ///
    /// # Errors
    /// See [`BanError`].
    fn ban(&self, ban: Ban) -> impl Future<Output = Result<(), BanError>> + Send;

    /// All counters and gauges of all shards at this moment, in any order, each with the label `shard`. Metrics of the
    /// process and of the control plane are added here, not there.
    fn samples(&self) -> impl Future<Output = Vec<Sample>> + Send;

    /// All histograms.
    fn histograms(&self) -> Vec<Histogram> {
        Vec::new()
    }

    /// What the server is up to.
    fn state(&self) -> State;
}

/// A publication on its way in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Publish {
    /// Where to; not validated.
    pub subject: String,
    /// What.
    pub payload: Vec<u8>,
    /// What the payload is.
    pub kind: PayloadKind,
    /// What few publications have.
    pub extra: Extra,
}

/// What few publications have.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Extra {
    /// A second publication to the subject under the same key is answered with the first one's position and goes nowhere.
    pub idempotency_key: Option<String>,
    /// What the publication is about.
    pub tags: BTreeMap<String, String>,
    /// Unless 0, one whose version is not above the newest kept one's goes nowhere.
    pub version: u64,
    /// Within another epoch versions begin anew; empty: whatever epoch there is.
    pub version_epoch: String,
    /// Sent to those who listen, and not kept.
    pub skip_history: bool,
    /// Told as a delta of the publication before to those who take that.
    pub delta: bool,
}

/// What a payload is. Decides the opcode with which plain WebSocket subscribers get it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PayloadKind {
    /// Valid UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// Where an accepted publication stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// Its offset in the subject's epoch.
    pub offset: u64,
    /// The subject's epoch.
    pub epoch: String,
    /// Whether it can be recovered from there: its subject keeps a history, and it is in it.
    pub kept: bool,
    /// Both as the opaque string that `?since=` takes.
    pub position: String,
}

/// Why a publication was not accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PublishError {
    /// The payload is not what the namespace wants.
    BadData,
    /// No namespace names the subject.
    UnknownSubject,
    /// The subject's name breaks a rule; which one, in words.
    BadSubject(String),
    /// The payload is longer than `bytes_max`.
    TooLarge {
        /// The bound in bytes.
        bytes_max: usize,
    },
    /// The server is starting or draining, or the owner did not answer in time.
    Unavailable,
}

impl fmt::Display for PublishError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadData => out.write_str("the data is not what 'publication_data_format' wants"),
            Self::UnknownSubject => out.write_str("no namespace names the subject"),
            Self::BadSubject(rule) => write!(out, "bad subject: {rule}"),
            Self::TooLarge { bytes_max } => write!(out, "the payload is longer than {bytes_max} bytes"),
            Self::Unavailable => write!(out, "the server can't take publications at the moment"),
        }
    }
}

impl std::error::Error for PublishError {}

/// What a server is up to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Shards are coming up.
    Starting,
    /// Serving.
    Ready,
    /// Leaving: no new connection is served.
    Draining,
}

impl State {
    /// The word in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        }
    }
}
