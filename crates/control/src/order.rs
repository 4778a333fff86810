//! What the control plane has done with the clients of a user.
use std::fmt;

/// Which clients are meant.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Whom {
    /// Those of this user; empty: the anonymous ones.
    pub user: String,
    /// Only the client with this id; empty: all.
    pub client: String,
    /// Only the one whose session has this name; empty: all.
    pub session: String,
}

/// What is done with them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// They are disconnected.
    Disconnect {
        /// The code of the close frame.
        code: u16,
        /// Its reason; empty: the code's own.
        reason: String,
        /// Ids of clients that stay.
        spared: Vec<String>,
    },
    /// Their connections last until then.
    Refresh {
        /// In seconds since 1970; `None`: for ever.
        expire_at: Option<i64>,
        /// JSON text that others are told of them from now on; `None`: as before.
        info: Option<Vec<u8>>,
    },
    /// They are subscribed, unless they are. Done when they are told.
    Subscribe(Subscription),
    /// They are unsubscribed, if they are subscribed.
    Unsubscribe {
        /// From what; not validated.
        subject: String,
    },
}

/// A subscription that a backend makes for clients.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Subscription {
    /// To what; not validated.
    pub subject: String,
    /// JSON text that is told to others; empty without any.
    pub info: Vec<u8>,
    /// What the client is told; empty without any.
    pub data: Vec<u8>,
    /// When it ends, in seconds since 1970; `None`: never.
    pub expire_at: Option<i64>,
    /// From where to recover: offset and epoch; an empty epoch is any.
    pub since: Option<(u64, String)>,
    /// What is otherwise than the namespace says.
    pub changes: Changes,
}

/// What is otherwise than the namespace says: its options of the same names.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Changes {
    /// Whether the client is counted and listed among those who are present.
    pub presence: Option<bool>,
    /// Whether others are told that it comes and goes.
    pub join_leave: Option<bool>,
    /// Whether it is told who comes and goes.
    pub force_push_join_leave: Option<bool>,
    /// Whether the subscription has a position.
    pub force_positioning: Option<bool>,
    /// Whether it recovers.
    pub force_recovery: Option<bool>,
}

/// Why an order was not carried out, or not everywhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OrderError {
    /// The subject's name breaks a rule; which one, in words.
    BadSubject(String),
    /// What is to end later is over.
    Over,
    /// No namespace names the subject.
    UnknownSubject,
    /// The server is starting or draining, or a shard did not answer in time.
    Unavailable,
}

impl fmt::Display for OrderError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSubject(rule) => write!(out, "bad subject: {rule}"),
            Self::Over => out.write_str("'expire_at' is over"),
            Self::UnknownSubject => out.write_str("no namespace names the subject"),
            Self::Unavailable => out.write_str("the server can't do it at the moment"),
        }
    }
}

impl std::error::Error for OrderError {}
