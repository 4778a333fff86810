//! Buffers for unfinished frames: lent while a frame is incomplete, so that a quiet connection has none.

/// Buffers that are not given back to the allocator.
const SPARE_MAX: usize = 64;

/// The buffers of one thread, by number.
#[derive(Default, Debug)]
pub(super) struct Lent {
    buffers: Vec<Vec<u8>>,
    free: Vec<u32>,
}

impl Lent {
    /// Keeps `bytes` in the buffer `lent`, or in a new one if that is `base::NONE`; says in which.
    pub(super) fn keep(&mut self, lent: u32, bytes: &[u8]) -> u32 {
        let place = if lent == base::NONE { self.free.pop().unwrap_or_else(|| self.grow()) } else { lent };
        let buffer = &mut self.buffers[place as usize];
        buffer.clear();
        buffer.extend_from_slice(bytes);
        place
    }

    fn grow(&mut self) -> u32 {
        self.buffers.push(Vec::new());
        u32::try_from(self.buffers.len() - 1).expect("fewer buffers than connections, which are numbered in 32 bits")
    }

    /// The bytes kept in `lent`; empty for `base::NONE`.
    pub(super) fn bytes(&self, lent: u32) -> &[u8] {
        self.buffers.get(lent as usize).map_or(&[], Vec::as_slice)
    }

    /// Takes the buffer back; nothing happens for `base::NONE`.
    pub(super) fn release(&mut self, lent: u32) {
        if lent == base::NONE {
            return;
        }
        let buffer = &mut self.buffers[lent as usize];
        buffer.clear();
        if self.free.len() >= SPARE_MAX {
            buffer.shrink_to_fit();
        }
        self.free.push(lent);
    }

    /// Bytes held.
    pub(super) fn memory_bytes(&self) -> usize {
        let buffers: usize = self.buffers.iter().map(Vec::capacity).sum();
        buffers + self.buffers.capacity() * size_of::<Vec<u8>>() + self.free.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_kept_replaced_and_used_again() {
        let mut lent = Lent::default();
        let first = lent.keep(base::NONE, b"half a fr");
        assert_eq!(lent.keep(first, b"half a frame and more"), first);
        assert_eq!(lent.bytes(first), b"half a frame and more");
        lent.release(first);
        lent.release(base::NONE);
        assert_eq!(lent.keep(base::NONE, b"x"), first);
        assert_eq!(lent.bytes(base::NONE), b"");
    }
}
