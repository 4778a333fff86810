//! What the control plane asks about subjects that have subscribers.
use std::collections::BTreeMap;
use std::fmt;

/// Subjects with the number of their subscriptions.
pub type Subjects = BTreeMap<String, u64>;

/// Why there is no list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubjectsError {
    /// More than [`SubjectsError::MOST`] of them fit.
    TooMany,
    /// The server is starting or draining, or a shard did not answer in time.
    Unavailable,
}

impl SubjectsError {
    /// Most subjects of one list.
    pub const MOST: usize = 100_000;
}

impl fmt::Display for SubjectsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => write!(out, "more than {} fit: ask for fewer by 'pattern'", Self::MOST),
            Self::Unavailable => out.write_str("the server can't tell at the moment"),
        }
    }
}

impl std::error::Error for SubjectsError {}
