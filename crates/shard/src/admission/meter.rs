//! The meter: buckets of all connections and users of a server, in a table whose size never changes.
//!
//! A bucket is one number, when it will be full again, and one that is full is no row: nothing has to be cleared away. All shards have the
//! same table, so that a user's connections share his buckets wherever they are; a bucket is changed by one compare-and-swap, and only of a
//! client's command, where limits are configured.
//!
//! It is the generic cell rate algorithm: a token comes back every *interval / rate*, and as many as *rate* may be taken at once.
use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use base::Instant;

/// Rows that a bucket may be in.
const WAYS: usize = 8;

/// Fewest buckets of a table.
pub const BUCKETS_MIN: usize = 1 << 10;

/// Most of them.
pub const BUCKETS_MAX: usize = 1 << 28;

/// Longest interval: what is further ahead than that is an old row.
pub const INTERVAL_MAX: Duration = Duration::from_secs(3_600);

/// Shortest time in which one token comes back: some hundred units of the table, so that rounding is below a hundredth.
pub const EMISSION_MIN: Duration = Duration::from_micros(10);

/// Bits of a row that say when: in units of 1,024 ns, that is 208 days, and then it begins anew.
const DUE_BITS: u32 = 44;
const DUE_MASK: u64 = (1 << DUE_BITS) - 1;
/// Nanoseconds of a unit, as a shift.
const UNIT_SHIFT: u32 = 10;

/// Times that a row is looked at again because another shard has changed it meanwhile.
const TRIES: usize = 32;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Units in which one token comes back.
    emission: u64,
    /// Units that a bucket may be behind for one more to be taken.
    tolerance: u64,
}

impl Rate {
    /// `count` in each `interval`, all of them at once if need be.
    ///
    /// # Panics
    /// If a token comes back faster than [`EMISSION_MIN`], or the interval is above [`INTERVAL_MAX`].
    #[must_use]
    pub fn new(interval: Duration, count: u64) -> Self {
        let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        assert!(interval <= INTERVAL_MAX && count > 0, "a rate is of some in an hour at most");
        let emission = nanos / count;
        assert!(emission >= u64::from(EMISSION_MIN.subsec_nanos()), "a token takes its time");
        let emission = emission >> UNIT_SHIFT;
        Self { emission, tolerance: emission * (count - 1) }
    }
}

/// What became of a token that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    /// It was there.
    Yes,
    /// It was there, and another bucket was forgotten for this one.
    Instead,
    /// The bucket is empty.
    No,
}

/// The buckets that are not full.
#[derive(Debug)]
pub struct Meter {
    rows: Box<[AtomicU64]>,
}

impl Meter {
    /// Room for `count` buckets, within [`BUCKETS_MIN`] and [`BUCKETS_MAX`], rounded up to a power of two; 8 bytes each.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let count = count.clamp(BUCKETS_MIN, BUCKETS_MAX).next_power_of_two();
        Self { rows: (0..count).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Buckets that there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.rows.len()
    }

    /// The rows that the bucket may be in, and what marks it there.
    fn place(&self, bucket: u64) -> (&[AtomicU64], u64) {
        let sets = self.rows.len() / WAYS;
        let set = usize::try_from(bucket & (sets as u64 - 1)).unwrap_or(0) * WAYS;
        (&self.rows[set..set + WAYS], bucket & !DUE_MASK)
    }

    /// Whether a token of the bucket is there.
    pub(crate) fn has(&self, bucket: u64, rate: &Rate, now: Instant) -> bool {
        let (rows, mark) = self.place(bucket);
        let now = units(now);
        // An old row of the same bucket may stand before the one that counts.
        let mut own = rows.iter().map(|row| row.load(Ordering::Relaxed)).filter(|row| row & !DUE_MASK == mark);
        own.all(|row| behind(row, now) <= rate.tolerance)
    }

    /// Takes a token. Where all rows are others', the bucket that is nearest to being full is forgotten for this one.
    pub(crate) fn take(&self, bucket: u64, rate: &Rate, now: Instant) -> Taken {
        let (rows, mark) = self.place(bucket);
        let now = units(now);
        for _ in 0..TRIES {
            let (mut best, mut best_behind, mut old, mut is_own) = (0, u64::MAX, 0, false);
            for (at, row) in rows.iter().enumerate() {
                let row = row.load(Ordering::Relaxed);
                let debt = behind(row, now);
                is_own = row & !DUE_MASK == mark && debt > 0;
                if is_own || debt < best_behind {
                    (best, best_behind, old) = (at, debt, row);
                }
                if is_own {
                    break;
                }
            }
            let debt = if is_own { best_behind } else { 0 };
            if debt > rate.tolerance {
                return Taken::No;
            }
            let new = mark | (now + debt + rate.emission) & DUE_MASK;
            if rows[best].compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return if is_own || best_behind == 0 { Taken::Yes } else { Taken::Instead };
            }
        }
        // Whoever has changed it so often has taken tokens too.
        Taken::No
    }
}

/// How far a row's bucket is from being full, in units; 0 for one that is full, and for a row that was never used.
fn behind(row: u64, now: u64) -> u64 {
    // A little more than the longest interval: a token that is being taken.
    const HORIZON: u64 = (2 * INTERVAL_MAX.as_secs() * 1_000_000_000) >> UNIT_SHIFT;
    let ahead = row.wrapping_sub(now) & DUE_MASK;
    if ahead <= HORIZON { ahead } else { 0 }
}

fn units(now: Instant) -> u64 {
    now.as_nanos() >> UNIT_SHIFT
}

#[cfg(test)]
mod tests;
