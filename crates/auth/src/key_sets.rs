//! Published keys (RFC 7517), as they were last fetched. Who fetches them is told by a call which keys are wanted; nobody waits here.
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde_json::Value;

use crate::public_key::PublicKey;

/// A set that was fetched so long ago, in seconds, may lack a key that is new.
const FRESH_S: i64 = 2;

/// Most addresses, where they depend on claims: whoever sends tokens must not make us remember more.
const ADDRESSES_MAX: usize = 64;

/// Most keys of an address.
const KEYS_MAX: usize = 256;

/// All published keys that are known.
pub struct KeySets {
    sets: RwLock<BTreeMap<String, Set>>,
    ask: Box<dyn Fn(&str) + Send + Sync>,
}

#[derive(Default)]
struct Set {
    keys: BTreeMap<String, Arc<PublicKey>>,
    /// When it was fetched, and when that was last asked for; in seconds since 1970.
    fetched: Option<i64>,
    asked: Option<i64>,
}

/// What is known of a key.
pub(crate) enum Found {
    Key(Arc<PublicKey>),
    /// There is none.
    Nothing,
    /// It is being asked for.
    Later,
}

impl KeySets {
    /// Nothing is known yet. `ask` is called with the address of keys that are wanted, on whichever thread needs them; it must return at
    /// once.
    #[must_use]
    pub fn new(ask: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { sets: RwLock::default(), ask: Box::new(ask) }
    }

    /// Takes what an address has answered. Keys that are not for signatures, or of an unknown kind, are passed over; how many are left.
    ///
    /// # Errors
    /// If it is no set of keys; what was known before stays.
    pub fn put(&self, address: &str, answer: &[u8], now: i64) -> Result<usize, String> {
        #[derive(Deserialize)]
        struct Answer {
            keys: Vec<Value>,
        }
        let answer: Answer =
            serde_json::from_slice(answer).map_err(|error| format!("it is no set of keys: {error}"))?;
        let mut keys = BTreeMap::new();
        for key in answer.keys.into_iter().take(KEYS_MAX) {
            if let Ok(key) = serde_json::from_value::<Jwk>(key)
                && let Some(name) = key.common.key_id.clone()
                && let Some(key) = PublicKey::published(&key)
            {
                keys.insert(name, Arc::new(key));
            }
        }
        let count = keys.len();
        let mut sets = self.sets.write().unwrap_or_else(PoisonError::into_inner);
        if make_room(&mut sets, address) {
            sets.insert(address.to_owned(), Set { keys, fetched: Some(now), asked: Some(now) });
        }
        drop(sets);
        Ok(count)
    }

    /// The addresses that have given keys. Those that never did are asked again by whoever brings a token, and by nobody else.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let sets = self.sets.read().unwrap_or_else(PoisonError::into_inner);
        sets.iter().filter(|(_, set)| set.fetched.is_some()).map(|(address, _)| address.clone()).collect()
    }

    /// How many addresses are remembered.
    #[cfg(test)]
    pub(crate) fn known(&self) -> usize {
        self.sets.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The key of this name. One that is not known is asked for, every few seconds at most.
    pub(crate) fn find(&self, address: &str, name: &str, now: i64) -> Found {
        let sets = self.sets.read().unwrap_or_else(PoisonError::into_inner);
        let set = sets.get(address);
        if let Some(key) = set.and_then(|set| set.keys.get(name)) {
            return Found::Key(Arc::clone(key));
        }
        let is_recent = |at: Option<i64>| at.is_some_and(|at| now < at.saturating_add(FRESH_S));
        let (is_fresh, is_asked) = set.map_or((false, false), |set| (is_recent(set.fetched), is_recent(set.asked)));
        drop(sets);
        if is_fresh {
            return Found::Nothing;
        }
        if !is_asked {
            let mut sets = self.sets.write().unwrap_or_else(PoisonError::into_inner);
            if !make_room(&mut sets, address) {
                return Found::Nothing;
            }
            sets.entry(address.to_owned()).or_default().asked = Some(now);
            drop(sets);
            (self.ask)(address);
        }
        Found::Later
    }
}

/// Makes room for an address; false if there is none. One that has never given keys goes first, the longest asked before the others:
/// tokens are not checked yet when their address is looked up, so anybody can name addresses.
fn make_room(sets: &mut BTreeMap<String, Set>, address: &str) -> bool {
    if sets.contains_key(address) || sets.len() < ADDRESSES_MAX {
        return true;
    }
    let vain = sets.iter().filter(|(_, set)| set.fetched.is_none()).min_by_key(|(_, set)| set.asked);
    let Some(vain) = vain.map(|(address, _)| address.clone()) else { return false };
    sets.remove(&vain);
    true
}

impl fmt::Debug for KeySets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("KeySets").field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}
