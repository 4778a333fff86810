//! Unidirectional sessions: one request goes up, and what comes down are pushes, without the reply around them. The protocol page,
//! section 1.7.
use base::{ConnId, Instant, NONE};
use protocol::centrifugo::{Connect, Disconnect, ErrorCode};
use protocol::centrifugo_json::{DecodeError, connect_request};

use super::Next;
use crate::border::Effects;
use crate::conn::Phase;
use crate::report::Refusal;
use crate::shard::Shard;

/// What a reply is to a unidirectional client: the push in it; as it is, if it is none: its connect result, a ping.
pub(crate) fn bare(reply: &[u8]) -> &[u8] {
    reply.strip_prefix(b"{\"push\":").and_then(|rest| rest.strip_suffix(b"}")).unwrap_or(reply)
}

/// What a request brought, in a parameter or as its body: nothing at all is a connect request that says nothing.
pub(crate) fn of_request(message: &[u8]) -> Result<Connect<'_>, DecodeError> {
    if message.is_empty() { Ok(Connect::default()) } else { connect_request(message) }
}

/// A connect request that says nothing.
const NOTHING: &[u8] = b"null";

/// There is no reply that an error could be in: it ends the session.
pub(crate) const fn disconnect_of(code: ErrorCode) -> Disconnect {
    match code {
        ErrorCode::TokenExpired | ErrorCode::Expired => Disconnect::ConnectionExpired,
        ErrorCode::TooManyRequests => Disconnect::TooManyRequests,
        ErrorCode::PermissionDenied => Disconnect::PermissionDenied,
        ErrorCode::Internal
        | ErrorCode::Unauthorized
        | ErrorCode::UnknownChannel
        | ErrorCode::MethodNotFound
        | ErrorCode::AlreadySubscribed
        | ErrorCode::LimitExceeded
        | ErrorCode::BadRequest
        | ErrorCode::NotAvailable
        | ErrorCode::UnrecoverablePosition
        | ErrorCode::ConcurrentPagination => Disconnect::InternalServerError,
    }
}

/// The same for an error that a back end has made, by its number.
pub(crate) const fn disconnect_of_code(code: u32) -> Disconnect {
    match code {
        103 => Disconnect::PermissionDenied,
        109 | 110 => Disconnect::ConnectionExpired,
        111 => Disconnect::TooManyRequests,
        _ => Disconnect::InternalServerError,
    }
}

impl Shard {
    /// A message over a unidirectional WebSocket: the connect request. Whatever comes after it is not heard.
    pub(crate) fn on_uni_message(&mut self, conn: ConnId, message: &[u8], now: Instant, world: &mut impl Effects) {
        let row = &self.conns[conn];
        if row.session == NONE && row.phase() == Phase::Open {
            // Nothing at all is nothing only in a request for a stream.
            self.connect_uni(conn, if message.is_empty() { b"?" } else { message }, now, world);
        }
    }

    /// Connects a unidirectional client by what it has said, which comes again if a back end is asked first.
    pub(crate) fn connect_uni(&mut self, conn: ConnId, message: &[u8], now: Instant, world: &mut impl Effects) {
        let next = match of_request(message) {
            Ok(connect) => {
                self.begin_command(conn);
                self.on_connect(conn, 0, &connect, now, world)
            }
            Err(_) => Next::Disconnect(Disconnect::BadRequest),
        };
        match next {
            Next::Command | Next::Nothing | Next::Wait => {}
            Next::Again => self.conns.lend(conn).commands = if message.is_empty() { NOTHING } else { message }.into(),
            Next::Disconnect(why) => {
                self.report.refuse(Refusal::BadCommand);
                self.disconnect(conn, why, now);
            }
        }
    }
}
