//! Strict mode, the shard's part: what the original does where a hook does otherwise. The engine has the other part.
//!
//! - A ClientID is what it is once it is decoded: `%41` is `A`. Its address here has each byte but letters, digits and `-._~` escaped.
//! - The back end is asked whatever the method is, `POST` apart, and whether or not the request can become a WebSocket. It hears of nothing but the ClientID.
//! - A request without a ClientID is for the engine too: it answers with its counters.
//! - Messages that are not text are dropped. A pong says nothing.
//! - A close frame from 3000 on is answered with its code, any other one with 1000, and never with a reason.
use alloc::boxed::Box;
use alloc::vec::Vec;

use base::ConnId;
use hub::Kind;
use wire::frame::close_frame;
use wire::head::{Head, percent_decode};

use super::request::{ID_BYTES_MAX, push};
use super::{EndedBy, Hook, Upgraded, address, address_parts};
use crate::report::Refusal;
use crate::request::{Denied, Request, upgrade_of};
use crate::shard::Shard;

/// What the original calls the ends of a stream.
const END: &str = "EOF";
const END_IN_FRAME: &str = "unexpected EOF";
const RESET: &str = "read: connection reset by peer";

/// Text that is none, or too much of it, to a client: 1001.
pub(super) const NO_TEXT: u16 = 1001;

/// What a request to this hook wants; `rest` is the path after the prefix.
pub(super) fn read(head: &Head<'_>, index: usize, hook: &Hook, rest: &str) -> Result<Request, Denied> {
    let Ok(decoded) = percent_decode(rest) else {
        return Err(Denied::new(400, Refusal::BadSubject, "a '%' in the path is not followed by two hex digits"));
    };
    let id = decoded.split(|byte| *byte == b'/').next().unwrap_or_default();
    if id.len() > ID_BYTES_MAX {
        return Err(Denied::new(414, Refusal::BadSubject, "a ClientID has at most 255 bytes"));
    }
    let address = address(index, &escaped(id));
    if head.method() == "POST" {
        return push(head, hook, address, Some(Kind::Text));
    }
    // The original wants this word as it is here, and only then looks at the rest.
    let is_asked = head.method() == "GET" && head.field("upgrade").is_some_and(|value| value == b"websocket");
    let handshake =
        if is_asked { upgrade_of(head, false).ok().flatten().map(|(_, handshake)| handshake) } else { None };
    let has_body = head.method() != "HEAD";
    let (query, fields, protocols) = (None, Vec::new(), Vec::new());
    Ok(Request::Hook(Box::new(Upgraded { handshake, address, query, fields, protocols, has_body })))
}

fn escaped(id: &[u8]) -> alloc::string::String {
    let mut text = alloc::string::String::with_capacity(id.len());
    for byte in id {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&alloc::format!("%{byte:02X}")),
        }
    }
    text
}

/// The payload of the frame that answers a close frame.
pub(super) fn close_answer(code: Option<u16>) -> Vec<u8> {
    let answer = code.map(|code| if code < 3_000 { 1_000 } else { code });
    answer.map_or_else(Vec::new, |code| close_frame(code, "").payload().to_vec())
}

impl Shard {
    /// Whether the connection is one of a hook in strict mode.
    pub(crate) fn is_strict(&self, conn: ConnId) -> bool {
        let address = self.hooks.rows.address(conn);
        self.config.hooks.get(address_parts(address).0).is_some_and(|hook| hook.strict)
    }

    /// What a back end is told of an end without a close frame.
    pub(super) fn end_of_stream(&mut self, conn: ConnId, by: EndedBy) -> &'static str {
        let is_in_frame = self.conns.lent(conn).is_some_and(|lent| lent.partial.is_some() || !lent.unread.is_empty());
        match (self.is_strict(conn), by) {
            (true, EndedBy::Reset) => RESET,
            (true, _) if is_in_frame => END_IN_FRAME,
            (true, _) => END,
            (false, EndedBy::Reset) => "the connection broke",
            (false, EndedBy::Client | EndedBy::Fin | EndedBy::Server) => "the connection ended",
        }
    }

    /// The payload of the frame that answers a close frame, where that is not the same again.
    pub(crate) fn strict_close_answer(&self, conn: ConnId, code: Option<u16>) -> Option<Vec<u8>> {
        self.is_strict(conn).then(|| close_answer(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_however_the_id_was_written() {
        assert_eq!(escaped(b"aZ0-._~"), "aZ0-._~");
        assert_eq!(escaped(b"a b/%\xff\r\n"), "a%20b%2F%25%FF%0D%0A");
    }

    #[test]
    fn a_close_is_answered_as_the_original_does() {
        for (code, answer) in
            [(None, &[][..]), (Some(1_001), &[3, 232]), (Some(1_011), &[3, 232]), (Some(4_000), &[15, 160])]
        {
            assert_eq!(close_answer(code), answer, "{code:?}");
        }
    }
}
