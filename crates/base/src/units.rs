//! Byte units.

/// 1,024 bytes.
pub const KIB: usize = 1 << 10;
/// 1,048,576 bytes.
pub const MIB: usize = 1 << 20;
/// 1,073,741,824 bytes.
pub const GIB: usize = 1 << 30;
