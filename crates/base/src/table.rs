//! Rows in chunks: growing never moves a row and never doubles the memory, and nothing here is a pointer that a row
//! would have to carry.
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// Rows of one chunk: large enough that the chunk list stays small at 20 million rows, small enough that a nearly empty
/// shard costs little.
const CHUNK_ROWS: usize = 512;

/// A growing array of default rows, addressed by an index that somebody else hands out.
pub struct Table<T> {
    chunks: Vec<Box<[T]>>,
}

impl<T: Default> Default for Table<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

fn place(index: u32) -> (usize, usize) {
    let index = index as usize;
    (index / CHUNK_ROWS, index % CHUNK_ROWS)
}

impl<T: Default> Table<T> {
    /// The row at `index`, if the table has grown that far.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&T> {
        let (chunk, row) = place(index);
        self.chunks.get(chunk)?.get(row)
    }

    /// The row at `index`, if the table has grown that far.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        let (chunk, row) = place(index);
        self.chunks.get_mut(chunk)?.get_mut(row)
    }

    /// The row at `index`; the table grows to hold it.
    pub fn grow_to(&mut self, index: u32) -> &mut T {
        let (chunk, row) = place(index);
        while self.chunks.len() <= chunk {
            self.chunks.push((0..CHUNK_ROWS).map(|_| T::default()).collect());
        }
        &mut self.chunks[chunk][row]
    }

    /// Rows that memory is held for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.chunks.len() * CHUNK_ROWS
    }

    /// Bytes held, without what rows own on the heap.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.capacity() * size_of::<T>() + self.chunks.capacity() * size_of::<Box<[T]>>()
    }
}

impl<T: Default> core::ops::Index<u32> for Table<T> {
    type Output = T;

    fn index(&self, index: u32) -> &T {
        let (chunk, row) = place(index);
        &self.chunks[chunk][row]
    }
}

impl<T: Default> core::ops::IndexMut<u32> for Table<T> {
    fn index_mut(&mut self, index: u32) -> &mut T {
        let (chunk, row) = place(index);
        &mut self.chunks[chunk][row]
    }
}

impl<T> fmt::Debug for Table<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Table({} chunks)", self.chunks.len())
    }
}

/// A [`Table`] that hands out its own indices. The last one freed is the next one used, so its row is warm.
pub struct Slab<T> {
    rows: Table<T>,
    free: Vec<u32>,
    grown: u32,
}

impl<T: Default> Default for Slab<T> {
    fn default() -> Self {
        Self { rows: Table::default(), free: Vec::new(), grown: 0 }
    }
}

impl<T: Default> Slab<T> {
    /// Stores `row` and says where.
    pub fn insert(&mut self, row: T) -> u32 {
        let index = self.free.pop().unwrap_or_else(|| {
            let index = self.grown;
            assert!(index < crate::NONE, "a slab holds fewer than 2^32 - 1 rows");
            self.grown += 1;
            index
        });
        *self.rows.grow_to(index) = row;
        index
    }

    /// Takes the row out and gives its place to the next `insert`.
    pub fn remove(&mut self, index: u32) -> T {
        debug_assert!(index < self.grown, "row {index} was never handed out");
        self.free.push(index);
        core::mem::take(&mut self.rows[index])
    }

    /// Rows in use.
    #[must_use]
    pub fn len(&self) -> usize {
        self.grown as usize - self.free.len()
    }

    /// True if no row is in use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every row that was ever handed out; those not in use are default ones.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.grown).map(|index| &self.rows[index])
    }

    /// The same from row `first` on, with their indices.
    pub fn iter_from(&self, first: u32) -> impl Iterator<Item = (u32, &T)> {
        (first..self.grown).map(|index| (index, &self.rows[index]))
    }

    /// Bytes held, without what rows own on the heap.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rows.bytes() + self.free.capacity() * size_of::<u32>()
    }
}

impl<T: Default> core::ops::Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, index: u32) -> &T {
        debug_assert!(index < self.grown, "row {index} was never handed out");
        &self.rows[index]
    }
}

impl<T: Default> core::ops::IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, index: u32) -> &mut T {
        debug_assert!(index < self.grown, "row {index} was never handed out");
        &mut self.rows[index]
    }
}

impl<T> fmt::Debug for Slab<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Slab({} of {} rows free)", self.free.len(), self.grown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_place_while_the_table_grows() {
        let mut table = Table::<u32>::default();
        for index in [0, 511, 512, 5_000] {
            *table.grow_to(index) = index + 1;
        }
        assert_eq!((table[0], table[511], table[512], table[5_000]), (1, 512, 513, 5_001));
        assert_eq!(table.get(10_000), None);
        assert_eq!(table.get(4_999), Some(&0));
    }

    #[test]
    fn a_freed_row_is_reused_first_and_counted() {
        let mut slab = Slab::<u64>::default();
        let rows: Vec<u32> = (0..1_000).map(|n| slab.insert(n)).collect();
        assert_eq!(slab.remove(rows[500]), 500);
        assert_eq!(slab.len(), 999);
        assert_eq!(slab.insert(7), rows[500]);
        assert_eq!((slab[rows[500]], slab[rows[999]]), (7, 999));
    }
}
