//! Which epoch a subject begins with: another one than any earlier life that had a publication, and the same one as a life that had
//! none. So a subject that is forgotten before anything was published costs nothing, and who comes back to it has missed
//! nothing.
use alloc::boxed::Box;

use crate::Position;

/// Subjects share counters by their hash: one that is forgotten ends the epoch of a thousandth of the others that are not known,
/// whose clients are then told of a gap that is none.
const COUNTERS: usize = 1_024;

/// The epochs of one core's subjects: 4 KiB, however many there are.
#[derive(Debug)]
pub(crate) struct Epochs {
    first: u32,
    /// Lives with publications that have ended, by the subject's hash.
    ended: Box<[u32; COUNTERS]>,
}

impl Epochs {
    /// `first` must differ from start to start.
    pub(crate) fn new(first: u32) -> Self {
        let mut all = Self { first, ended: Box::new([0; COUNTERS]) };
        while is_special(all.first) {
            all.first = all.first.wrapping_add(1);
        }
        all
    }

    /// The epoch of a subject that is not known yet.
    pub(crate) fn of(&self, hash: u64) -> u32 {
        self.first.wrapping_add(self.ended[counter(hash)])
    }

    /// A life of the subject has ended that had publications.
    pub(crate) fn end(&mut self, hash: u64) {
        let ended = &mut self.ended[counter(hash)];
        *ended = ended.wrapping_add(1);
        while is_special(self.first.wrapping_add(*ended)) {
            *ended = ended.wrapping_add(1);
        }
    }
}

fn is_special(epoch: u32) -> bool {
    matches!(epoch, Position::ANY_EPOCH | Position::NO_EPOCH)
}

#[expect(clippy::cast_possible_truncation, reason = "the remainder is a place in the array")]
fn counter(hash: u64) -> usize {
    (hash % COUNTERS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_with_publications_ends_its_epoch_and_no_epoch_is_special() {
        for first in [7, Position::NO_EPOCH, Position::ANY_EPOCH, Position::ANY_EPOCH - 1] {
            let mut epochs = Epochs::new(first);
            let mut seen = alloc::vec![epochs.of(3)];
            for _ in 0..4 {
                epochs.end(3);
                assert!(!seen.contains(&epochs.of(3)) && !is_special(epochs.of(3)), "{first}: {seen:?}");
                seen.push(epochs.of(3));
            }
            assert_eq!((epochs.of(4), epochs.of(3 + COUNTERS as u64)), (seen[0], seen[4]), "others are as they were");
        }
    }
}
