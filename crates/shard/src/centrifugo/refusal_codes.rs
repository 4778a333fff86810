//! What unidirectional clients are told that may not connect, where the settings say otherwise than the protocol does (section 1.7).
use alloc::boxed::Box;
use alloc::vec::Vec;

use base::{ConnId, Instant};
use protocol::centrifugo::Connect;

use super::Next;
use super::dialect::Dialect;
use super::uni::{disconnect_of, disconnect_of_code};
use crate::border::Effects;
use crate::client::Refused;
use crate::handshake::Response;
use crate::proxy::Said;
use crate::report::Refusal;
use crate::request::{Cors, User};
use crate::shard::Shard;

/// Instead of an error of the protocol, a disconnect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodeToDisconnect {
    /// The error's code.
    pub of: u32,
    /// The disconnect's code.
    pub code: u16,
    /// Its reason; empty: as of any other code.
    pub reason: Box<str>,
}

/// Instead of a response without an end that begins with a disconnect, an HTTP status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodeToStatus {
    /// The code of the error or of the disconnect.
    pub of: u32,
    /// The status, 100 to 599.
    pub status: u16,
    /// The body, as plain text.
    pub body: Box<str>,
}

/// What they are told.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RefusalCodes {
    /// For errors.
    pub disconnects: Vec<CodeToDisconnect>,
    /// For unidirectional event streams; `None`: their clients are told within the stream.
    pub sse: Option<Vec<CodeToStatus>>,
    /// The same for unidirectional responses without an end.
    pub http_stream: Option<Vec<CodeToStatus>>,
}

impl RefusalCodes {
    fn of_dialect(&self, dialect: Dialect) -> Option<&[CodeToStatus]> {
        match dialect {
            Dialect::UniEvents => self.sse.as_deref(),
            Dialect::UniLines => self.http_stream.as_deref(),
            Dialect::Json
            | Dialect::Protobuf
            | Dialect::JsonEvents
            | Dialect::JsonLines
            | Dialect::ProtobufStream
            | Dialect::UniJson => None,
        }
    }
}

impl Refused {
    /// Its number.
    fn code(&self) -> u32 {
        match self {
            Self::Error(code) => code.code(),
            Self::Disconnect(why) => why.code().into(),
            Self::Told(said) => said.code(),
        }
    }
}

impl Shard {
    /// A unidirectional client may not connect: there is no reply that an error could be in.
    pub(super) fn refuse_uni(&mut self, conn: ConnId, refused: Refused, now: Instant) -> Next {
        let disconnect = match &refused {
            Refused::Disconnect(why) => return Next::Disconnect(*why),
            Refused::Told(said) if matches!(**said, Said::Disconnect { .. }) => {
                return self.refused(conn, 0, refused, now);
            }
            Refused::Error(code) => disconnect_of(*code),
            Refused::Told(said) => disconnect_of_code(said.code()),
        };
        let code = refused.code();
        let told = self.config.endpoints.refusal_codes.disconnects.iter().find(|told| told.of == code).cloned();
        let Some(CodeToDisconnect { code, reason, .. }) = told else {
            return Next::Disconnect(disconnect);
        };
        self.report.refuse(Refusal::BadCommand);
        self.dismiss(conn, code, &reason, now);
        Next::Nothing
    }

    /// Answers a request for a stream with a status, if its client may not connect and is told so; says whether.
    ///
    /// Whether it may is asked again when the stream begins: nothing is kept of this time.
    pub(super) fn refuse_by_status(
        &mut self,
        conn: ConnId,
        (dialect, connect): (Dialect, &Connect<'_>),
        (user, cors): (&User, Option<&Cors>),
        now: Instant,
        world: &mut impl Effects,
    ) -> bool {
        if self.config.endpoints.refusal_codes.of_dialect(dialect).is_none() {
            return false;
        }
        if self.asks_to_connect(connect) {
            // Nobody knows yet whether it may: it is told within the stream.
            return false;
        }
        let user = user.as_ref().and_then(|introduced| introduced.user.clone());
        let admitted = self.admission_of(connect, user, None);
        let Err(refused) = admitted.and_then(|(_, user, _)| self.has_room_in_roster(&user)) else {
            return false;
        };
        let table = self.config.endpoints.refusal_codes.of_dialect(dialect).unwrap_or_default();
        let told = table.iter().find(|told| told.of == refused.code()).cloned();
        let (status, body) = told.map_or((500, "Internal Server Error".into()), |told| (told.status, told.body));
        self.report.refuse(Refusal::BadCommand);
        let mut fields = alloc::vec![("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")];
        fields.extend(cors.into_iter().flat_map(Cors::fields));
        self.respond(conn, &Response { status, fields: &fields, body: body.as_bytes() }, false, now, world);
        true
    }
}
