//! The only place where randomness comes in.
use std::io;

use base::SubjectKey;
use rustix::rand::{GetRandomFlags, getrandom};

/// 64 random bits from the operating system.
///
/// # Errors
/// If the system has none to give.
pub(crate) fn seed() -> io::Result<u64> {
    let mut bytes = [0; 8];
    // Up to 256 bytes come whole (getrandom(2)).
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok(u64::from_ne_bytes(bytes))
}

/// A secret that nobody guesses: 256 random bits in hexadecimal.
///
/// # Errors
/// If the system has no randomness to give.
pub(crate) fn secret() -> io::Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A key for subjects' names.
///
/// # Errors
/// If the system has no randomness to give.
pub(crate) fn subject_key() -> io::Result<SubjectKey> {
    Ok(SubjectKey([seed()?, seed()?]))
}
