//! A hashed timer wheel of row numbers (Varghese and Lauck, 1987, scheme 6): arming and disarming are O(1), and a timer
//! is three words in the row it belongs to.
use alloc::boxed::Box;
use alloc::vec;
use core::fmt;
use core::time::Duration;

use crate::{Instant, NONE};

/// Slots of the wheel. One turn is 65.5 s, longer than a heartbeat: a timer further away is passed over
/// once a turn.
const SLOTS: u32 = 4_096;

/// A timer fires at most this much late.
const TICK_NANOS: u64 = 16_000_000;

const WORDS: usize = (SLOTS / 64) as usize;

/// A row's part in the wheel. A row has one timer; what it is for is in the row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimerLink {
    next: u32,
    prev: u32,
    /// Lower half of the tick at which it fires; 0 while unarmed.
    due: u32,
}

impl Default for TimerLink {
    fn default() -> Self {
        Self { next: NONE, prev: NONE, due: 0 }
    }
}

impl TimerLink {
    /// True while the wheel holds the row.
    #[must_use]
    pub fn is_armed(&self) -> bool {
        self.due != 0
    }
}

/// The rows that a wheel links together.
pub trait Timers {
    /// The timer of row `row`, which exists: it was armed and not freed.
    fn timer(&mut self, row: u32) -> &mut TimerLink;
}

/// The wheel. It holds row numbers; the rows hold the links.
pub struct Wheel {
    heads: Box<[u32]>,
    /// One bit a slot that has a timer, so that the next one is found without walking.
    occupied: [u64; WORDS],
    origin: Instant,
    /// Every slot up to this tick has been emptied of what was due.
    passed: u64,
    armed: usize,
}

impl Wheel {
    /// An empty wheel whose time starts at `origin`.
    #[must_use]
    pub fn new(origin: Instant) -> Self {
        Self { heads: vec![NONE; SLOTS as usize].into(), occupied: [0; WORDS], origin, passed: 0, armed: 0 }
    }

    /// Timers armed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.armed
    }

    /// True if no timer is armed: there is nothing to wake up for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.armed == 0
    }

    /// Arms `row`'s timer for `at`, in place of what it was armed for.
    pub fn arm(&mut self, rows: &mut impl Timers, row: u32, at: Instant) {
        self.disarm(rows, row);
        let due = match low(self.tick_after(at).max(self.passed + 1)) {
            // 0 means unarmed: once in 2.2 years a timer is one tick late.
            0 => 1,
            due => due,
        };
        let slot = due % SLOTS;
        let next = core::mem::replace(&mut self.heads[slot as usize], row);
        if next != NONE {
            rows.timer(next).prev = row;
        }
        *rows.timer(row) = TimerLink { next, prev: NONE, due };
        self.occupied[(slot / 64) as usize] |= 1 << (slot % 64);
        self.armed += 1;
    }

    /// Disarms `row`'s timer; nothing happens if it is not armed.
    pub fn disarm(&mut self, rows: &mut impl Timers, row: u32) {
        let link = core::mem::take(rows.timer(row));
        if !link.is_armed() {
            return;
        }
        let slot = link.due % SLOTS;
        if link.prev == NONE {
            debug_assert_eq!(self.heads[slot as usize], row);
            self.heads[slot as usize] = link.next;
        } else {
            rows.timer(link.prev).next = link.next;
        }
        if link.next != NONE {
            rows.timer(link.next).prev = link.prev;
        }
        if self.heads[slot as usize] == NONE {
            self.occupied[(slot / 64) as usize] &= !(1 << (slot % 64));
        }
        self.armed -= 1;
    }

    /// Takes one row whose timer is due, disarmed; `None` when all that is due by `now` has been taken.
    pub fn expire(&mut self, rows: &mut impl Timers, now: Instant) -> Option<u32> {
        let today = self.tick_before(now);
        while self.passed < today {
            let Some(tick) = self.next_occupied() else {
                self.passed = today;
                return None;
            };
            if tick > today {
                self.passed = today;
                return None;
            }
            let mut row = self.heads[(low(tick) % SLOTS) as usize];
            while row != NONE {
                let link = *rows.timer(row);
                if is_past(link.due, today) {
                    self.disarm(rows, row);
                    return Some(row);
                }
                row = link.next;
            }
            self.passed = tick;
        }
        None
    }

    /// When to call [`Wheel::expire`] next. Never late; it may be early for timers more than one turn away.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        let tick = self.next_occupied()?;
        Some(self.origin + Duration::from_nanos(tick.saturating_mul(TICK_NANOS)))
    }

    /// The first tick after `passed` whose slot holds a timer.
    fn next_occupied(&self) -> Option<u64> {
        if self.armed == 0 {
            return None;
        }
        let first = low(self.passed + 1) % SLOTS;
        let (word, bit) = ((first / 64) as usize, first % 64);
        for step in 0..=WORDS {
            let at = (word + step) % WORDS;
            let mut bits = self.occupied[at];
            if step == 0 {
                bits &= u64::MAX << bit;
            } else if step == WORDS {
                bits &= !(u64::MAX << bit);
            }
            if bits != 0 {
                let slot = u32::try_from(at).unwrap_or(0) * 64 + bits.trailing_zeros();
                return Some(self.passed + 1 + u64::from((slot + SLOTS - first) % SLOTS));
            }
        }
        None
    }

    fn tick_before(&self, at: Instant) -> u64 {
        (at.as_nanos().saturating_sub(self.origin.as_nanos())) / TICK_NANOS
    }

    fn tick_after(&self, at: Instant) -> u64 {
        self.tick_before(at) + 1
    }
}

/// The half of a tick that a row keeps.
fn low(tick: u64) -> u32 {
    u32::try_from(tick & u64::from(u32::MAX)).unwrap_or(0)
}

/// Whether a row's `due` is not after `today`; timers are less than a year away, so the halves can't be confused.
fn is_past(due: u32, today: u64) -> bool {
    low(today).wrapping_sub(due) < 1 << 31
}

impl fmt::Debug for Wheel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Wheel({} armed, tick {})", self.armed, self.passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Prng, Table};
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    #[derive(Default)]
    struct Rows(Table<TimerLink>);

    impl Timers for Rows {
        fn timer(&mut self, row: u32) -> &mut TimerLink {
            self.0.grow_to(row)
        }
    }

    fn ms(ms: u64) -> Instant {
        Instant::ORIGIN + Duration::from_millis(ms)
    }

    /// The wheel against a sorted map: never early, at most one tick late, nothing lost.
    #[test]
    fn agrees_with_a_sorted_map() {
        for seed in 0..64 {
            let mut random = Prng::new(seed, "wheel");
            let (mut wheel, mut rows) = (Wheel::new(Instant::ORIGIN), Rows::default());
            let mut model = BTreeMap::new();
            let mut now = 0;
            for _ in 0..2_000 {
                let row = u32::try_from(random.below(50)).unwrap();
                match random.below(4) {
                    0 | 1 => {
                        let at = now + random.below(200_000);
                        wheel.arm(&mut rows, row, ms(at));
                        model.insert(row, at);
                    }
                    2 => {
                        wheel.disarm(&mut rows, row);
                        model.remove(&row);
                    }
                    _ => {
                        if let Some(at) = wheel.next_due() {
                            assert!(model.values().all(|&due| ms(due + 17) >= at), "seed {seed}: next_due is late");
                        }
                        now += random.below(90_000);
                        while let Some(row) = wheel.expire(&mut rows, ms(now)) {
                            let due = model.remove(&row).unwrap();
                            assert!(due <= now, "seed {seed}: row {row} fired at {now}, due {due}");
                        }
                        assert!(model.values().all(|&due| due + 17 > now), "seed {seed}: a timer was missed");
                    }
                }
                assert_eq!(wheel.len(), model.len(), "seed {seed}");
            }
        }
    }

    /// Ticks are kept in halves: the wheel must not notice when the lower one starts anew, after 2.2 years.
    #[test]
    fn time_goes_on_after_two_years() {
        let start = (1_u64 << 32) * 16 - 1_000;
        let (mut wheel, mut rows) = (Wheel::new(Instant::ORIGIN), Rows::default());
        assert_eq!(wheel.expire(&mut rows, ms(start)), None);
        for row in 0..200 {
            wheel.arm(&mut rows, row, ms(start + u64::from(row) * 20));
        }
        let mut fired = 0;
        for now in 0..5_000 {
            while let Some(row) = wheel.expire(&mut rows, ms(start + now)) {
                assert!(u64::from(row) * 20 <= now && now <= u64::from(row) * 20 + 33, "row {row} at {now}");
                fired += 1;
            }
        }
        assert_eq!(fired, 200);
    }

    #[test]
    fn an_empty_wheel_asks_for_no_wake_up() {
        let (mut wheel, mut rows) = (Wheel::new(Instant::ORIGIN), Rows::default());
        assert_eq!(wheel.next_due(), None);
        wheel.arm(&mut rows, 3, ms(1_000));
        assert!(wheel.next_due().is_some_and(|at| at >= ms(1_000) && at <= ms(1_032)));
        assert_eq!(wheel.expire(&mut rows, ms(999)), None);
        assert_eq!(wheel.expire(&mut rows, ms(1_032)), Some(3));
        assert_eq!(wheel.next_due(), None);
        let left: Vec<u32> = core::iter::from_fn(|| wheel.expire(&mut rows, ms(100_000))).collect();
        assert!(left.is_empty());
    }
}
