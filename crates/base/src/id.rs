//! Ids: small integers with names, so that they can't be mixed up.
use core::fmt;

/// "No row": the end of an intrusive list, an absent lend. No table ever grows to this index.
pub const NONE: u32 = u32::MAX;

/// One core's shard, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ShardId(pub u16);

impl ShardId {
    /// Most shards of one server: the interest of a subject is one bit a shard in a `u128`.
    pub const COUNT_MAX: u16 = 128;

    /// The shard's place in per-shard arrays.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// One connection of a shard: the row's slot, chosen by the world. The server uses the socket's descriptor, which the
/// kernel keeps dense; a slot is reused only after the world has released its socket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId(pub u32);

impl fmt::Display for ConnId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "conn {}", self.0)
    }
}
