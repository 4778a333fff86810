//! Every bound of the shard that is not configuration.
use base::units::KIB;

pub use wire::frame::CLOSE_REASON_BYTES_MAX;

/// Most pieces of one send: `IOV_MAX` is 1,024, and past 128 a larger send saves nothing.
pub const SEND_PIECES_MAX: usize = 128;

/// Most connections that one batch of sends goes to.
pub const SEND_BATCH_MAX: usize = 128;

/// Fewer dirty connections than this are sent to one by one: a batch pays from a handful on.
pub const SEND_BATCH_MIN: usize = 4;

/// Payload bytes of a run, from which on it is delivered: beyond that a second frame costs nothing beside its bytes.
pub const RUN_BYTES_MAX: usize = 64 * KIB;

/// Publications of a run where there are filters: a bit each for what a filter says of it.
pub const RUN_FILTERED_MAX: usize = 64;

/// Bytes of what waits for its time in all subjects with a pace; beyond them publications go out at once.
pub const PACED_BYTES_MAX: usize = 64 * 1024 * KIB;

/// Patterns that are subscribed to in all: each shard knows all of them, at some 200 bytes a pattern.
pub const PATTERNS_MAX: usize = 1 << 20;

/// Rows of subjects and subscriptions that one command to list subjects looks at: well under a millisecond.
pub const LISTED_ROWS_MAX: usize = 4_096;

/// Most users of a shard that are told one by one, so that those of several shards are counted once: some 2 ms of hashing.
pub const USER_HASHES_MAX: usize = 16_384;

/// Most subjects of one `GET /sub/a,b,c`.
pub const SUBJECTS_PER_REQUEST_MAX: usize = 64;

/// Largest request head that is accepted.
pub const HEAD_BYTES_MAX: usize = 16 * KIB;

/// Most messages of one stream's client that wait while an earlier one is handled. The published client sends each command in a
/// request of its own and does not wait for the answers, so a burst of hundreds is nothing unusual.
pub const UPLINKS_MAX: usize = 1024;

/// Most bytes of them.
pub const UPLINK_BYTES_MAX: usize = 1024 * KIB;

/// Parcels that may wait for room in other shards' mailboxes before this shard stops taking requests and publications.
pub const BACKLOG_PARCELS_MAX: usize = 8_192;
