//! What the control plane has done with the clients of a user.
use std::fmt;

/// Which clients are meant.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Whom {
    /// Those of this user; empty: the anonymous ones.
    pub user: String,
    /// Only the client with this id; empty: all.
    pub client: String,
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
}

/// Why an order was not carried out, or not everywhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OrderError {
    /// The server is starting or draining, or a shard did not answer in time.
    Unavailable,
}

impl fmt::Display for OrderError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable => out.write_str("the server can't do it at the moment"),
        }
    }
}

impl std::error::Error for OrderError {}
