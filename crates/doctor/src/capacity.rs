//! The facts as numbers of connections: how many this host will hold, and which limit bites first.
use serde::Serialize;

use crate::cost;
use crate::facts::Facts;

/// A limit that decides how many connections there can be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Memory of the host.
    Memory,
    /// Memory of the control group, the kernel's sockets included.
    GroupMemory,
    /// Descriptors of the shards' file tables.
    OpenFiles,
    /// Open files of the system.
    SystemFiles,
    /// Data in flight, `tcp_mem`.
    TcpMemory,
    /// Entries of connection tracking.
    Conntrack,
}

impl Resource {
    /// The name a person types.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::GroupMemory => "memory of the control group",
            Self::OpenFiles => "open files of the shards (nofile)",
            Self::SystemFiles => "open files of the system (fs.file-max)",
            Self::TcpMemory => "TCP memory (tcp_mem)",
            Self::Conntrack => "connection tracking (nf_conntrack_max)",
        }
    }
}

/// What a resource allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Bound {
    /// Which.
    pub resource: Resource,
    /// Connections.
    pub connections: u64,
}

/// The prediction: a bound for each resource that has one, the tightest first.
#[derive(Clone, Debug, Serialize)]
pub struct Capacity {
    /// Sorted; never empty on a host whose memory could be read.
    pub bounds: Vec<Bound>,
}

impl Capacity {
    /// Reckons with the constants of [`cost`].
    #[must_use]
    pub fn of(facts: &Facts) -> Self {
        let candidates = [
            (Resource::Memory, memory(facts)),
            (Resource::GroupMemory, group_memory(facts)),
            (Resource::OpenFiles, open_files(facts)),
            (Resource::SystemFiles, system_files(facts)),
            (Resource::TcpMemory, tcp_memory(facts)),
            (Resource::Conntrack, conntrack(facts)),
        ];
        let mut bounds: Vec<Bound> = candidates
            .into_iter()
            .filter_map(|(resource, bound)| Some(Bound { resource, connections: bound? }))
            .collect();
        bounds.sort_by_key(|bound| (bound.connections, bound.resource));
        Self { bounds }
    }

    /// The limit that bites first.
    #[must_use]
    pub fn first(&self) -> Option<Bound> {
        self.bounds.first().copied()
    }

    /// What one resource allows; `None` if it bounds nothing here.
    #[must_use]
    pub fn by(&self, resource: Resource) -> Option<u64> {
        self.bounds.iter().find(|bound| bound.resource == resource).map(|bound| bound.connections)
    }

    /// What the memory allows, the host's or the group's: what is left when every setting is right.
    #[must_use]
    pub fn by_memory(&self) -> Option<u64> {
        let own = self.by(Resource::Memory);
        let group = self.by(Resource::GroupMemory);
        own.into_iter().chain(group).min()
    }
}

/// Bytes that one more connection takes here.
#[must_use]
pub fn connection_bytes(facts: &Facts) -> u64 {
    let tracked = facts.conntrack.is_some_and(|conntrack| conntrack.count > 0);
    cost::CONNECTION_BYTES + if tracked { cost::CONNTRACK_BYTES } else { 0 }
}

/// Descriptors that a shard's table must allow for so many connections on the host.
#[must_use]
pub fn files_per_shard(connections: u64, shards: u64) -> u64 {
    let share = connections.div_ceil(shards.max(1));
    share.saturating_add(share / cost::SPREAD_DIVISOR).saturating_add(cost::SHARD_FILES)
}

/// Memory that has to stay free on a host, or in a group, of so much.
#[must_use]
pub fn reserve_bytes(total: u64) -> u64 {
    (total / 20).max(cost::RESERVE_BYTES_MIN)
}

/// What is available, and what the open connections hold already.
fn memory(facts: &Facts) -> Option<u64> {
    let (total, available) = (facts.memory.total?, facts.memory.available?);
    let open = facts.tcp.connections.unwrap_or(0);
    Some(open.saturating_add(available.saturating_sub(reserve_bytes(total)) / connection_bytes(facts)))
}

fn group_memory(facts: &Facts) -> Option<u64> {
    let total = facts.memory.group_max?;
    Some(total.saturating_sub(reserve_bytes(total)) / connection_bytes(facts))
}

/// The hard limit counts: the server raises its soft one at start.
fn open_files(facts: &Facts) -> Option<u64> {
    let (_, hard) = facts.process.open_files?;
    let usable = u128::from(hard.saturating_sub(cost::SHARD_FILES)) * u128::from(facts.shards);
    let spread = u128::from(cost::SPREAD_DIVISOR);
    u64::try_from(usable * spread / (spread + 1)).ok()
}

fn system_files(facts: &Facts) -> Option<u64> {
    let open = facts.files.system_open.unwrap_or(0);
    let sockets = facts.tcp.connections.unwrap_or(0);
    Some(facts.files.system_max?.saturating_sub(open.saturating_sub(sockets)))
}

fn tcp_memory(facts: &Facts) -> Option<u64> {
    let [_, _, max_pages] = facts.tcp.memory_pages?;
    max_pages.checked_mul(cost::BUSY_DIVISOR)
}

fn conntrack(facts: &Facts) -> Option<u64> {
    let conntrack = facts.conntrack?;
    (conntrack.count > 0).then_some(conntrack.max)
}
