//! Responses without an end: the downlinks of Centrifugo's sessions over event stream and HTTP stream. What their clients say comes
//! as requests of its own (`uplink`).
//!
//! A push is a chunk, the same bytes for all streams of a dialect ([`crate::send`]); no request follows a stream (`Connection: close`).
use alloc::vec::Vec;

use base::{ConnId, Instant};
use wire::response;

use super::uni::of_request;
use crate::border::Effects;
use crate::conn::{Phase, Transport};
use crate::handshake::Response;
use crate::request::{Cors, Downlink, not_connect};
use crate::send::write_begin;
use crate::shard::Shard;

/// Header fields of a stream: nobody on the way is to keep it, or to hold it back.
const FIELDS: [(&str, &str); 4] = [
    ("Cache-Control", "private, no-cache, no-store, must-revalidate, max-age=0"),
    ("Pragma", "no-cache"),
    ("X-Accel-Buffering", "no"),
    ("Expire", "0"),
];

impl Shard {
    /// Begins a stream, and takes what the request brought as its first message.
    pub(crate) fn begin_downlink(
        &mut self,
        conn: ConnId,
        downlink: Downlink,
        message: &[u8],
        now: Instant,
        world: &mut impl Effects,
    ) {
        let Downlink { dialect, user, cors } = downlink;
        let request = dialect.is_uni().then(|| of_request(message));
        if let Some(Err(_)) = &request {
            self.deny(conn, &not_connect().with(cors), now, world);
            return;
        }
        if let Some(Ok(connect)) = &request
            && self.refuse_by_status(conn, (dialect, connect), (&user, cors.as_deref()), now, world)
        {
            return;
        }
        if !self.may_enter(now) {
            self.turn_away(conn, now, world);
            return;
        }
        let mut fields: Vec<(&str, &str)> = Vec::with_capacity(10);
        if dialect.is_event_stream() {
            fields.push(("Content-Type", "text/event-stream; charset=utf-8"));
        }
        fields.extend(FIELDS);
        fields.extend(cors.iter().flat_map(|cors| cors.fields()));
        let coding = self.coding(conn);
        fields.extend(coding);
        let response = self.written(|head| {
            response::write_head(head, 200, &fields, None, false);
            if dialect.is_event_stream() {
                // The body begins with an empty line, so that whoever waits for its begin has it. Without a carriage return: eventsource 2
                // for Node loses the event that follows one in the same read.
                write_begin(head, coding.is_some(), b"\n");
            }
        });
        let anchor = self.conns[conn].outbox.last();
        self.begin_open(conn, anchor, response, Transport::Centrifugo(dialect), now);
        if self.conns[conn].phase() != Phase::Open {
            return;
        }
        self.introduce(conn, user);
        match request {
            Some(_) => self.connect_uni(conn, message, now, world),
            None => self.on_whole_message(conn, dialect.encoding(), message, now, world),
        }
        self.conns.reclaim(conn);
    }

    /// Answers what a browser asks before it lets a page send its request.
    pub(crate) fn answer_options(
        &mut self,
        conn: ConnId,
        methods: &str,
        cors: Option<&Cors>,
        keep_alive: bool,
        now: Instant,
        world: &mut impl Effects,
    ) {
        let mut fields = alloc::vec![("Access-Control-Max-Age", "300"), ("Access-Control-Allow-Methods", methods)];
        fields.extend(cors.iter().flat_map(|cors| cors.fields()));
        self.respond(conn, &Response { status: 204, fields: &fields, body: &[] }, keep_alive, now, world);
    }
}
