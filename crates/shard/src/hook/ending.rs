//! The end of an accepted connection, whatever way it came: its address is free, and the back end is told once.
use alloc::boxed::Box;

use base::ConnId;

use super::{EndedBy, Ending, HookEvent};
use crate::border::Effects;
use crate::shard::Shard;

/// The code of a connection that ended without a close frame: RFC 6455, section 7.1.5.
const NO_CLOSE_FRAME: u16 = 1006;

impl Shard {
    /// Notes how a connection ends; what was noted first holds.
    pub(crate) fn note_ending(&mut self, conn: ConnId, code: u16, by: EndedBy, reason: &str) {
        if let Some(row) = self.hooks.rows.find(conn)
            && row.ending.is_none()
        {
            row.ending = Some(Box::new(Ending { code, by, reason: reason.into() }));
        }
    }

    /// Notes that the peer's side has ended without a close frame.
    pub(crate) fn note_end_of_stream(&mut self, conn: ConnId, by: EndedBy) {
        let reason = self.end_of_stream(conn, by);
        self.note_ending(conn, NO_CLOSE_FRAME, by, reason);
    }

    /// The connection has ended, if it was one.
    pub(crate) fn end_hook(&mut self, conn: ConnId, world: &mut impl Effects) {
        let Some(row) = self.hooks.rows.remove(conn) else {
            return;
        };
        if row.entered {
            self.enter_hook(conn, &row.address, false, world);
        }
        if row.accepted {
            let of = self.hook_conn(conn);
            let ending = row.ending.map(|ending| *ending).unwrap_or_else(|| Ending {
                code: NO_CLOSE_FRAME,
                by: EndedBy::Server,
                reason: "the server closed it".into(),
            });
            self.hooks.tell(HookEvent::End { of, address: row.address, ending });
        }
    }

    /// Gives the world what waits for it, as much as it takes.
    pub(crate) fn tell_back_ends(&mut self, world: &mut impl Effects) {
        while let Some(event) = self.hooks.events.pop_front() {
            if let Err(event) = world.tell_back_end(event) {
                self.hooks.events.push_front(event);
                return;
            }
        }
    }
}
