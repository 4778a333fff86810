//! What the control plane asks of a subject's history, and gets.
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{PayloadKind, Present};

/// Which part of a history is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HistoryWanted {
    /// Whose; not validated.
    pub subject: String,
    /// Only what is after this offset of this epoch, or before it if `reverse`; an empty epoch is any.
    pub since: Option<(u64, String)>,
    /// Most publications. The data plane bounds the bytes too.
    pub limit: u32,
    /// Newest first.
    pub reverse: bool,
}

/// Part of a history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct History {
    /// In the order that was asked for.
    pub publications: Vec<Kept>,
    /// The subject's epoch.
    pub epoch: String,
    /// The subject's newest offset.
    pub offset: u64,
}

/// A publication that was kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// What.
    pub payload: Arc<[u8]>,
    /// What the payload is.
    pub kind: PayloadKind,
    /// Its offset.
    pub offset: u64,
    /// What it is about.
    pub tags: BTreeMap<String, String>,
    /// The client that published it, if one did.
    pub publisher: Option<Present>,
}

/// Why there is no history to tell or to forget.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HistoryError {
    /// The subject's name breaks a rule; which one, in words.
    BadSubject(String),
    /// No namespace names the subject.
    UnknownSubject,
    /// The subject keeps no history.
    NotKept,
    /// What is wanted is of another life of the subject.
    OtherEpoch,
    /// The server is starting or draining, or the owner did not answer in time.
    Unavailable,
}

impl fmt::Display for HistoryError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSubject(rule) => write!(out, "bad subject: {rule}"),
            Self::UnknownSubject => out.write_str("no namespace names the subject"),
            Self::NotKept => out.write_str("the subject keeps no history"),
            Self::OtherEpoch => out.write_str("the position is of another life of the subject"),
            Self::Unavailable => out.write_str("the server can't tell at the moment"),
        }
    }
}

impl std::error::Error for HistoryError {}
