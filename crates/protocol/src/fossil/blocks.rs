//! Where the source has which block: each piece of 16 bytes, found by its hash.
use alloc::vec;
use alloc::vec::Vec;

use super::Piece;

/// Bytes of a block. A piece that both have is found if it holds a whole one of the source's: 31 bytes always do.
pub(super) const BYTES: usize = 16;

/// So many blocks of one hash are looked at: a source of one byte, repeated, has all its blocks there.
const CANDIDATES_MAX: usize = 8;

/// Ends a chain.
const LAST: u32 = u32::MAX;

/// The source's blocks.
#[derive(Debug)]
pub(super) struct Blocks<'s> {
    source: &'s [u8],
    /// First block of a hash; as many as a power of two.
    first: Vec<u32>,
    /// The next block of the same hash, a block each.
    next: Vec<u32>,
}

impl<'s> Blocks<'s> {
    /// Sources beyond 64 GiB are not looked at further.
    pub(super) fn of(source: &'s [u8]) -> Self {
        let count = source.len() / BYTES;
        let mut first = vec![LAST; count.next_power_of_two()];
        let mut next = vec![LAST; count];
        // From the last one on: a chain begins with the first block in the source.
        for (number, block) in source.chunks_exact(BYTES).enumerate().rev() {
            let place = place_of(block, first.len());
            if let Ok(number_u32) = u32::try_from(number) {
                next[number] = core::mem::replace(&mut first[place], number_u32);
            }
        }
        Self { source, first, next }
    }

    /// The longest piece around the block at `at` of the target that the source has too.
    pub(super) fn longest(&self, target: &[u8], at: usize) -> Option<Piece> {
        let block = &target[at..at + BYTES];
        let mut number = self.first[place_of(block, self.first.len())];
        let mut longest: Option<Piece> = None;
        for _ in 0..CANDIDATES_MAX {
            if number == LAST {
                break;
            }
            let source = number as usize * BYTES;
            if &self.source[source..source + BYTES] == block {
                let before = super::alike(self.source[..source].iter().rev(), target[..at].iter().rev());
                let after = super::alike(self.source[source..].iter(), target[at..].iter());
                if longest.is_none_or(|known| known.bytes < before + after) {
                    longest = Some(Piece { source: source - before, target: at - before, bytes: before + after });
                }
            }
            number = self.next[number as usize];
        }
        longest
    }
}

/// The place of a block in a table of `places`, a power of two.
fn place_of(block: &[u8], places: usize) -> usize {
    let half = |at: usize| block[at..at + 8].iter().fold(0, |word: u64, &byte| word << 8 | u64::from(byte));
    let mixed =
        half(0).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ half(8).wrapping_mul(0xc2b2_ae3d_27d4_eb4f).rotate_left(31);
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & (places - 1)
}
