//! What a connection costs, and what has to stay free. The only place of these numbers in this room.
use base::units::MIB;

/// Kernel memory of one idle, established TCP connection: socket, inode, dentry and file, and what security modules keep of the last
/// three. Measured on x86-64, kernel 6.18, as the slope of slab memory over 19,000 connections (docs/MEMORY.md).
pub const KERNEL_SOCKET_BYTES: u64 = 3_828;

/// Kernel memory of what waits for a connection's input: one one-shot poll of the ring. Measured likewise.
pub const KERNEL_POLL_BYTES: u64 = 256;

/// User memory of one idle subscribed connection: its row, its subscription and its subject. The bound that the benchmark `idle`
/// holds us to (docs/BENCHMARKS.md).
pub const USER_BYTES: u64 = 250;

/// One idle subscribed connection, all in all.
pub const CONNECTION_BYTES: u64 = KERNEL_SOCKET_BYTES + KERNEL_POLL_BYTES + USER_BYTES;

/// Kernel memory of one tracked connection: 256 bytes of `nf_conntrack` in /proc/slabinfo (6.18), its extensions and a share of the
/// hash.
pub const CONNTRACK_BYTES: u64 = 320;

/// Memory left to the rest of the host: programs, page cache, data in flight. The larger of 5 % and this.
pub const RESERVE_BYTES_MIN: u64 = 256 * MIB as u64;

/// Descriptors of a shard that are no connection: rings, listener, mailboxes, logs.
pub const SHARD_FILES: u64 = 64;

/// `SO_REUSEPORT` deals connections out by hash, so shards are not filled evenly: a shard is given 1/16 more room than its share.
/// (The standard deviation is √share, 1 % at 10,000 and 0.1 % at a million.)
pub const SPREAD_DIVISOR: u64 = 16;

/// Locked memory that a glommio executor wants to be allowed before it starts; it then registers 192 KiB of buffers. The kernel adds
/// locked memory up for a user, not a process.
pub const EXECUTOR_MEMLOCK_BYTES: u64 = 512 * 1024;

/// One connection in so many is taken to have unacknowledged data at a time. It then holds at least a page of `tcp_mem`; an idle
/// one holds none.
pub const BUSY_DIVISOR: u64 = 20;

/// What a reader that has stopped may hold in the kernel before it is worth a warning: the send buffer's upper bound.
pub const SEND_BUFFER_BYTES_MAX: u64 = MIB as u64;

/// The same for a publisher that outruns the server.
pub const RECEIVE_BUFFER_BYTES_MAX: u64 = 8 * MIB as u64;

/// Connections without which a host is not worth starting on; below it a limit fails even if no target is given.
pub const CONNECTIONS_MIN: u64 = 1_000;
