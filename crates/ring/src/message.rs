//! The header of a message with several pieces or with control data.

/// A header that points at nothing.
pub(crate) fn empty_message() -> libc::msghdr {
    // SAFETY: all bits zero must be a valid value.
    // - a `msghdr` is numbers and raw pointers (and padding on some libraries, so that it can't be written out): 0 and null.
    unsafe { std::mem::zeroed() }
}
