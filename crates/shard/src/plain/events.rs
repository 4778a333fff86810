//! The event stream: a response without an end, of events with positions.
use alloc::vec::Vec;

use base::{ConnId, Instant};
use protocol::plain::{self, Mark};
use wire::{response, sse};

use crate::border::Effects;
use crate::conn::Transport;
use crate::encode::Encoded;
use crate::send::{chunk, write_begin};
use crate::shard::Shard;

/// How long a browser waits before it opens an event stream again.
const RETRY_MS: u32 = 1_000;

impl Shard {
    /// Tells of a gap.
    pub(super) fn queue_reset(&mut self, conn: ConnId, row: u32) {
        let mut data = Vec::new();
        plain::write_subject(&mut data, self.hub.name(row));
        let mut event = Vec::new();
        sse::write_event(&mut event, None, Some("reset"), Some(&data));
        self.queue_own(conn, chunk(&[&event]));
    }

    /// The head of an event stream, before what was recovered; behind it the position from which to resume even if
    /// nothing comes: an event without data sets the reader's last event id and is not dispatched (WHATWG HTML, section
    /// 9.2.6).
    pub(super) fn begin_stream(&mut self, conn: ConnId, anchor: u32, marks: &[Mark], now: Instant) {
        let mut fields = alloc::vec![
            ("Content-Type", "text/event-stream; charset=utf-8"),
            ("Cache-Control", "no-cache, no-transform"),
            ("X-Accel-Buffering", "no"),
        ];
        if self.config.dev {
            fields.push(("Access-Control-Allow-Origin", "*"));
        }
        let coding = self.coding(conn);
        fields.extend(coding);
        let mut begin = Vec::new();
        sse::write_retry(&mut begin, RETRY_MS);
        let response = self.written(|head| {
            response::write_head(head, 200, &fields, None, false);
            write_begin(head, coding.is_some(), &begin);
        });
        let mut event = Vec::new();
        write_id(&mut event, marks);
        event.push(b'\n');
        self.queue_own(conn, chunk(&[&event]));
        self.begin_open(conn, anchor, response, Transport::EventStream, now);
    }

    /// True for an event stream of several subjects: its ids tell where it stands in all of them.
    pub(crate) fn tells_all_positions(&mut self, conn: ConnId) -> bool {
        self.listener(conn).is_some_and(|listener| listener.standing.len() > 1)
    }

    /// Queues an event for a stream of several subjects, with an id of its own. One frame: a policy that drops an event
    /// must not leave its id to the next one.
    pub(crate) fn note_event(
        &mut self,
        conn: ConnId,
        row: u32,
        encoded: &mut Encoded<'_>,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let position = encoded.publication().position;
        let Some(listener) = self.listener(conn) else {
            return;
        };
        listener.stand(row, position);
        // Until every owner has answered, where the stream stands as a whole is not known: the id comes at the opening.
        let mut event = Vec::new();
        if listener.unanswered == 0 {
            write_id(&mut event, &listener.marks());
        }
        event.extend_from_slice(&encoded.bare_event());
        self.queue_delivery(conn, chunk(&[&event]), row, 1, now, world);
    }

    /// Closes an event stream with advice when to come back, or answers a poll: what a drain does.
    pub(crate) fn end_stream(&mut self, conn: ConnId, retry_ms: u32, now: Instant) {
        let mut advice = Vec::new();
        sse::write_retry(&mut advice, retry_ms);
        advice.push(b'\n');
        self.queue_own(conn, chunk(&[&advice]));
        self.begin_closing(conn, now);
    }
}

/// A line that says where the stream stands.
fn write_id(out: &mut Vec<u8>, marks: &[Mark]) {
    out.extend_from_slice(b"id: ");
    plain::write_position(out, marks);
    out.push(b'\n');
}
