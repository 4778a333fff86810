//! The rows of connections that a back end has accepted, or is being asked about, beside the rows that all connections have.
use alloc::boxed::Box;

use base::{ConnId, NONE, Slab, SubjectName, Table};

use super::Ending;

/// One connection's part.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// Its address.
    pub(super) address: SubjectName,
    /// How it ended, once that is known.
    pub(super) ending: Option<Box<Ending>>,
    /// Messages under way.
    pub(super) messages: u16,
    /// The owner of the address has been told of it.
    pub(super) entered: bool,
    /// The back end has accepted it, and is to hear of its end.
    pub(super) accepted: bool,
}

// A million of them are 48 MB.
const _: () = assert!(size_of::<Row>() <= 40);

/// Where a connection's row is, plus one: 0 is none.
#[derive(Clone, Copy, Debug, Default)]
struct At(u32);

/// The rows, found by connection.
#[derive(Debug, Default)]
pub(super) struct Rows {
    by_conn: Table<At>,
    rows: Slab<Row>,
}

impl Rows {
    fn at(&self, conn: ConnId) -> u32 {
        self.by_conn.get(conn.0).map_or(NONE, |at| at.0.wrapping_sub(1))
    }

    /// A connection begins.
    pub(super) fn insert(&mut self, conn: ConnId, row: Row) {
        debug_assert_eq!(self.at(conn), NONE, "{conn} begins twice");
        let at = self.rows.insert(row);
        self.by_conn.grow_to(conn.0).0 = at.wrapping_add(1);
    }

    /// The connection's row, if it is of this kind.
    pub(super) fn find(&mut self, conn: ConnId) -> Option<&mut Row> {
        let at = self.at(conn);
        (at != NONE).then(|| &mut self.rows[at])
    }

    /// Its address; empty if it is of another kind.
    pub(super) fn address(&self, conn: ConnId) -> &str {
        let at = self.at(conn);
        if at == NONE { "" } else { &self.rows[at].address }
    }

    /// A connection ends.
    pub(super) fn remove(&mut self, conn: ConnId) -> Option<Row> {
        let at = self.at(conn);
        (at != NONE).then(|| {
            self.by_conn.grow_to(conn.0).0 = 0;
            self.rows.remove(at)
        })
    }

    /// Connections there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.by_conn.bytes() + self.rows.bytes()
    }
}
