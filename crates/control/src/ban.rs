//! Who is kept out: users, tokens, and tokens of users that are too old.
use std::fmt;

/// What is done about it. What ends by itself ends at `expire_at`, in seconds since 1970; `None`: never.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ban {
    /// A user is disconnected and kept out.
    Block {
        /// Who; empty: clients without a user.
        user: String,
        /// Until when.
        expire_at: Option<i64>,
    },
    /// He may come again.
    Unblock {
        /// Who.
        user: String,
    },
    /// A token is worth nothing any more.
    Revoke {
        /// Its `jti`.
        token: String,
        /// Until when that is remembered.
        expire_at: Option<i64>,
    },
    /// A user's tokens from before are worth nothing any more.
    Invalidate {
        /// Whose.
        user: String,
        /// Of this channel's subscription tokens; `None`: his connection tokens.
        channel: Option<String>,
        /// Those whose `iat` is before this, or that have none; `None`: before now.
        issued_before: Option<i64>,
        /// Until when that is remembered.
        expire_at: Option<i64>,
    },
}

/// Why it is not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BanError {
    /// The list is full.
    Full {
        /// Its bound.
        count_max: usize,
    },
    /// It is done, and would not survive a restart: why it could not be saved.
    NotSaved(String),
    /// It would be over already.
    Over,
    /// A name is longer than its bound in bytes.
    TooLong {
        /// The bound.
        bytes_max: usize,
    },
    /// The server is starting or draining, or a shard did not answer in time. Nobody new gets in all the same.
    Unavailable,
}

impl fmt::Display for BanError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { count_max } => write!(out, "there are {count_max} bans, as many as bans.count_max permits"),
            Self::NotSaved(reason) => write!(out, "it is done, but could not be saved: {reason}"),
            Self::Over => out.write_str("'expire_at' is over"),
            Self::TooLong { bytes_max } => write!(out, "a name is longer than {bytes_max} bytes"),
            Self::Unavailable => out.write_str("a shard did not answer in time"),
        }
    }
}

impl std::error::Error for BanError {}
