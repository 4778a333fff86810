//! Seeded randomness; entropy enters only as a seed.

/// A small, fast, seeded generator (wyrand). Not for secrets: keys come from the operating system at start.
#[derive(Clone, Debug)]
pub struct Prng(fastrand::Rng);

impl Prng {
    /// A stream of its own for each `use_of_it`, so that one part's draws don't disturb another's.
    #[must_use]
    pub fn new(seed: u64, use_of_it: &str) -> Self {
        let salt = use_of_it
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(fastrand::Rng::with_seed(seed ^ salt))
    }

    /// Any `u64`.
    pub fn next_u64(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.0.u64(..bound) }
    }

    /// True once in `count` draws on average; always for `count` 0 or 1.
    pub fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}
