//! Who is kept out: one list for all shards, which ask it whenever somebody connects, refreshes or shows a subscription token.
//!
//! It is behind a lock, that of a table that is read by all and hardly ever written; as long as nobody is kept out it is not even looked at.
//! Nothing of it is forgotten before its time: over its bound, what is new is refused.
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

use control::{Ban, BanError};
use serde::{Deserialize, Serialize};
use shard::{Blocks, TokenKind};

use crate::clock;

mod file;

/// Longest name of a user, a token or a channel that is kept, in bytes.
const NAME_BYTES_MAX: usize = 1_024;

/// Until when, in seconds since 1970; `None`: for ever.
type Until = Option<i64>;

/// All that is kept out.
#[derive(Debug, Default)]
pub(crate) struct Bans {
    list: RwLock<List>,
    /// How many there are, so that nobody waits for the lock of an empty list.
    count: AtomicUsize,
    count_max: AtomicUsize,
    path: Option<PathBuf>,
    /// The number of changes, and of the one that was saved last.
    saved: tokio::sync::Mutex<u64>,
}

/// What there is, by what it is looked up by.
#[derive(Clone, Default, Debug)]
struct List {
    users: BTreeMap<String, Until>,
    tokens: BTreeMap<String, Until>,
    /// By user and channel; an empty channel: connection tokens.
    user_tokens: BTreeMap<(String, String), Invalid>,
    changes: u64,
}

/// A user's tokens that are worth nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Invalid {
    issued_before: i64,
    until: Until,
}

impl List {
    fn len(&self) -> usize {
        self.users.len() + self.tokens.len() + self.user_tokens.len()
    }

    /// Drops what is over.
    fn drop_old(&mut self, now: i64) {
        self.users.retain(|_, until| !is_over(*until, now));
        self.tokens.retain(|_, until| !is_over(*until, now));
        self.user_tokens.retain(|_, invalid| !is_over(invalid.until, now));
    }

    /// Whether it is kept already, so that it takes no room.
    fn has(&self, ban: &Ban) -> bool {
        match ban {
            Ban::Block { user, .. } => self.users.contains_key(user),
            Ban::Unblock { .. } => true,
            Ban::Revoke { token, .. } => self.tokens.contains_key(token),
            Ban::Invalidate { user, channel, .. } => self.user_tokens.contains_key(&place(user, channel.as_deref())),
        }
    }

    fn apply(&mut self, ban: Ban, now: i64) {
        self.changes += 1;
        match ban {
            Ban::Block { user, expire_at } => drop(self.users.insert(user, expire_at)),
            Ban::Unblock { user } => drop(self.users.remove(&user)),
            Ban::Revoke { token, expire_at } => {
                let until = self.tokens.entry(token).or_insert(expire_at);
                *until = if is_over(*until, now) { expire_at } else { later(*until, expire_at) };
            }
            Ban::Invalidate { user, channel, issued_before, expire_at } => {
                let new = Invalid { issued_before: issued_before.unwrap_or(now), until: expire_at };
                let kept = self.user_tokens.entry(place(&user, channel.as_deref())).or_insert(new);
                if is_over(kept.until, now) {
                    *kept = new;
                }
                kept.issued_before = kept.issued_before.max(new.issued_before);
                kept.until = later(kept.until, new.until);
            }
        }
    }
}

fn place(user: &str, channel: Option<&str>) -> (String, String) {
    (user.to_owned(), channel.unwrap_or_default().to_owned())
}

fn is_over(until: Until, now: i64) -> bool {
    until.is_some_and(|until| until <= now)
}

fn later(one: Until, other: Until) -> Until {
    one.zip(other).map(|(one, other)| one.max(other))
}

impl Bans {
    /// What is in the file, if there is one.
    ///
    /// # Errors
    /// A file that can't be read, or is none of ours.
    pub(crate) fn new(path: Option<PathBuf>, count_max: usize) -> Result<Self, String> {
        let list = path.as_deref().map_or_else(|| Ok(List::default()), file::read)?;
        let count = AtomicUsize::new(list.len());
        Ok(Self { list: RwLock::new(list), count, count_max: count_max.into(), path, ..Self::default() })
    }

    /// From now on so many are kept at most.
    pub(crate) fn configure(&self, count_max: usize) {
        self.count_max.store(count_max, Ordering::Relaxed);
    }

    /// Keeps somebody out, or in again. It holds when this returns; it is saved by [`Bans::save`].
    pub(crate) fn put(&self, ban: Ban, now: i64) -> Result<(), BanError> {
        let (names, until): ([&str; 2], _) = match &ban {
            Ban::Block { user, expire_at } => ([user, ""], *expire_at),
            Ban::Unblock { user } => ([user, ""], None),
            Ban::Revoke { token, expire_at } => ([token, ""], *expire_at),
            Ban::Invalidate { user, channel, expire_at, .. } => {
                ([user, channel.as_deref().unwrap_or_default()], *expire_at)
            }
        };
        if names.iter().any(|name| name.len() > NAME_BYTES_MAX) {
            return Err(BanError::TooLong { bytes_max: NAME_BYTES_MAX });
        }
        if is_over(until, now) {
            return Err(BanError::Over);
        }
        let count_max = self.count_max.load(Ordering::Relaxed);
        // A list is whole whoever panicked over it.
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        if list.len() >= count_max && !list.has(&ban) {
            list.drop_old(now);
            if list.len() >= count_max {
                return Err(BanError::Full { count_max });
            }
        }
        list.apply(ban, now);
        self.count.store(list.len(), Ordering::Release);
        Ok(())
    }

    /// How many users, tokens, and users with invalid tokens there are.
    pub(crate) fn counts(&self) -> [(&'static str, usize); 3] {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        [("user", list.users.len()), ("token", list.tokens.len()), ("user_tokens", list.user_tokens.len())]
    }

    /// Whether a token is worth nothing any more, though it is a good one otherwise.
    pub(crate) fn is_revoked(&self, kind: TokenKind, token: &auth::Token, now: i64) -> bool {
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let channel = match kind {
            TokenKind::Connection => None,
            TokenKind::Subscription => token.channel.as_deref(),
        };
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        let named = (!token.id.is_empty()).then(|| list.tokens.get(&token.id)).flatten();
        if named.is_some_and(|until| !is_over(*until, now)) {
            return true;
        }
        let old = list.user_tokens.get(&place(&token.user, channel));
        // A token that does not say when it was made may be of any time.
        let is_old = |invalid: &Invalid| token.issued.is_none_or(|issued| issued < invalid.issued_before);
        old.is_some_and(|invalid| !is_over(invalid.until, now) && is_old(invalid))
    }

    /// Writes the list to its file, if it has one, unless that has been done since it was changed. Many changes at once are one write.
    ///
    /// # Errors
    /// The system's reason.
    pub(crate) async fn save(&self) -> Result<(), String> {
        let Some(path) = self.path.clone() else {
            return Ok(());
        };
        let wanted = self.list.read().unwrap_or_else(PoisonError::into_inner).changes;
        let mut saved = self.saved.lock().await;
        if *saved >= wanted {
            return Ok(());
        }
        let now = clock::unix_seconds();
        let list = {
            let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
            list.drop_old(now);
            self.count.store(list.len(), Ordering::Release);
            list.clone()
        };
        let changes = list.changes;
        let written = tokio::task::spawn_blocking(move || file::write(&path, &list)).await;
        written.map_err(|error| error.to_string())??;
        *saved = changes;
        Ok(())
    }
}

impl Blocks for Bans {
    fn is_blocked(&self, user: &str) -> bool {
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        list.users.get(user).is_some_and(|until| !is_over(*until, clock::unix_seconds()))
    }
}

#[cfg(test)]
mod tests;
