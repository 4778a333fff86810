//! Requests to Centrifugo's endpoints: the protocol page, sections 1.1 to 1.7.
use alloc::boxed::Box;
use alloc::vec::Vec;

use protocol::Encoding;
use protocol::centrifugo_json::connect_request;
use wire::head::Head;

use super::{Body, Denied, Purpose, Request, framing, must_upgrade};
use crate::centrifugo::{Dialect, Endpoint, Origins};
use crate::config::ShardConfig;
use crate::proxy;
use crate::report::Refusal;

/// The parameter that carries what a client says first where it can't send a body.
const CONNECT: &str = "cf_connect";

/// Who the client is according to header fields of the request, if anything is said.
pub(crate) type User = Option<Box<Introduction>>;

/// What header fields say of a client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Introduction {
    /// The user.
    pub(crate) user: Option<Box<str>>,
    /// What back ends are told.
    pub(crate) fields: proxy::Values,
}

/// A response without an end, which a request opens.
#[derive(Debug)]
pub(crate) struct Downlink {
    pub(crate) dialect: Dialect,
    pub(crate) user: User,
    pub(crate) cors: Option<Box<Cors>>,
}

/// What a browser is told about a page of another origin that asks: it may.
#[derive(Debug)]
pub(crate) struct Cors {
    origin: Box<str>,
    /// Header fields that the page wants to send; only asked for before the request itself.
    headers: Option<Box<str>>,
}

impl Cors {
    /// What to tell; nothing if the request has no origin, or one that may not connect.
    fn of(head: &Head<'_>, origins: &Origins) -> Option<Box<Self>> {
        let origin = text(head, "origin").filter(|origin| origins.admit(origin))?;
        let headers = text(head, "access-control-request-headers").map(Box::from);
        Some(Box::new(Self { origin: origin.into(), headers }))
    }

    /// The header fields that say so.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let always = [
            ("Access-Control-Allow-Origin", &*self.origin),
            ("Access-Control-Allow-Credentials", "true"),
            ("Vary", "Origin"),
        ];
        let headers = self.headers.as_deref().map(|headers| ("Access-Control-Allow-Headers", headers));
        always.into_iter().chain(headers)
    }
}

fn user(head: &Head<'_>, config: &ShardConfig) -> User {
    let field = &*config.admission.user_field;
    let user = text(head, field).filter(|_| !field.is_empty()).map(Box::from);
    let fields = proxy::of_head(head, &config.proxies.fields);
    (user.is_some() || !fields.is_empty()).then(|| Box::new(Introduction { user, fields }))
}

fn text<'h>(head: &Head<'h>, name: &str) -> Option<&'h str> {
    head.field(name).and_then(|value| core::str::from_utf8(value).ok()).filter(|value| !value.is_empty())
}

/// What a stream's request may be, besides a `POST` with the first message as its body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Get {
    /// Nothing.
    No,
    /// A `GET` with the first message in a parameter.
    WithConnect,
    /// The same, and there may be none.
    MaybeWithConnect,
}

/// What the request asks of one of the endpoints; `None` if its path is none of theirs.
pub(super) fn read(head: &Head<'_>, config: &ShardConfig) -> Option<Result<Request, Denied>> {
    let all = &config.endpoints;
    let path = head.path();
    let is_for = |endpoint: &Endpoint| endpoint.serves(path);
    if is_for(&all.websocket) {
        return Some(websocket(head, config));
    }
    let cors = || Cors::of(head, &all.origins);
    if is_for(&all.emulation) {
        Some(uplink(head, &all.emulation, cors()))
    } else if is_for(&all.sse) {
        let downlink = Downlink { dialect: Dialect::JsonEvents, user: user(head, config), cors: cors() };
        Some(stream(head, &all.sse, Get::WithConnect, downlink))
    } else if is_for(&all.uni_websocket) {
        Some(uni_websocket(head, config))
    } else if is_for(&all.uni_sse) {
        let downlink = Downlink { dialect: Dialect::UniEvents, user: user(head, config), cors: cors() };
        Some(stream(head, &all.uni_sse, Get::MaybeWithConnect, downlink))
    } else if is_for(&all.uni_http_stream) {
        let downlink = Downlink { dialect: Dialect::UniLines, user: user(head, config), cors: cors() };
        Some(stream(head, &all.uni_http_stream, Get::No, downlink))
    } else if is_for(&all.http_stream) {
        let dialect = match encoding(head) {
            Encoding::Json => Dialect::JsonLines,
            Encoding::Protobuf => Dialect::ProtobufStream,
        };
        let downlink = Downlink { dialect, user: user(head, config), cors: cors() };
        Some(stream(head, &all.http_stream, Get::No, downlink))
    } else {
        None
    }
}

fn websocket(head: &Head<'_>, config: &ShardConfig) -> Result<Request, Denied> {
    let (upgrade, handshake) = must_upgrade(head, config.compression.enabled)?;
    check_origin(head, &config.endpoints.origins)?;
    let protocol = upgrade.protocols().find_map(known_protocol);
    let dialect = if protocol == Some(PROTOBUF) || asks_for_protobuf(head) { Dialect::Protobuf } else { Dialect::Json };
    let frame_pings = head.param("cf_ws_frame_ping_pong").is_some_and(|value| value == "true");
    Ok(Request::Centrifugo { handshake, protocol, dialect, frame_pings, user: user(head, config) })
}

fn uni_websocket(head: &Head<'_>, config: &ShardConfig) -> Result<Request, Denied> {
    let (_, handshake) = must_upgrade(head, config.compression.uni_enabled)?;
    check_origin(head, &config.endpoints.origins)?;
    let message = head.form_param(CONNECT).map(|message| message.into_owned().into_bytes());
    match &message {
        Some(message) if connect_request(message).is_err() => Err(not_connect()),
        Some(_) | None => Ok(Request::UniWebSocket { handshake, message, user: user(head, config) }),
    }
}

/// The answer to a request that should have brought a connect request.
pub(crate) fn not_connect() -> Denied {
    let reason = "what the client says first has to be a connect request: {\"token\":\"…\",\"subs\":{…}}, or null";
    Denied::new(400, Refusal::BadRequest, reason)
}

/// Centrifugo's subprotocols.
const JSON: &str = "centrifuge-json";
const PROTOBUF: &str = "centrifuge-protobuf";

fn known_protocol(name: &[u8]) -> Option<&'static str> {
    [JSON, PROTOBUF].into_iter().find(|known| known.as_bytes() == name)
}

/// Clients that can't name a subprotocol say it in the query (protocol page, section 1.2).
fn asks_for_protobuf(head: &Head<'_>) -> bool {
    ["format", "cf_protocol"].into_iter().any(|name| head.param(name).is_some_and(|value| value == "protobuf"))
}

/// A browser does not ask before it opens a WebSocket to another origin: the server has to refuse.
fn check_origin(head: &Head<'_>, origins: &Origins) -> Result<(), Denied> {
    match head.field("origin") {
        Some(origin) if !core::str::from_utf8(origin).is_ok_and(|origin| origins.admit(origin)) => {
            let reason = "pages of this origin may not connect: client.allowed_origins does not have it";
            Err(Denied::new(403, Refusal::Forbidden, reason))
        }
        Some(_) | None => Ok(()),
    }
}

fn stream(head: &Head<'_>, endpoint: &Endpoint, get: Get, downlink: Downlink) -> Result<Request, Denied> {
    match (head.method(), get) {
        ("POST", _) => body(head, endpoint, Purpose::Downlink(downlink)),
        ("GET", Get::WithConnect | Get::MaybeWithConnect) => match head.form_param(CONNECT) {
            Some(message) => Ok(Request::Downlink { downlink, message: message.into_owned().into_bytes() }),
            None if get == Get::MaybeWithConnect => Ok(Request::Downlink { downlink, message: Vec::new() }),
            None => {
                let reason = "the first command has to be in cf_connect";
                Err(Denied::new(400, Refusal::BadRequest, reason).with(downlink.cors))
            }
        },
        ("OPTIONS", Get::No) => Ok(options(head, downlink.cors, "POST, OPTIONS")),
        ("OPTIONS", Get::WithConnect | Get::MaybeWithConnect) => Ok(options(head, downlink.cors, "GET, POST, OPTIONS")),
        (_, Get::No) => Err(Denied::method("POST, OPTIONS", "open the stream with POST").with(downlink.cors)),
        (_, Get::WithConnect | Get::MaybeWithConnect) => {
            Err(Denied::method("GET, POST, OPTIONS", "open the stream with GET or POST").with(downlink.cors))
        }
    }
}

fn uplink(head: &Head<'_>, endpoint: &Endpoint, cors: Option<Box<Cors>>) -> Result<Request, Denied> {
    match head.method() {
        "POST" => body(head, endpoint, Purpose::Uplink { encoding: encoding(head), cors }),
        "OPTIONS" => Ok(options(head, cors, "POST, OPTIONS")),
        _ => Err(Denied::method("POST, OPTIONS", "send commands with POST").with(cors)),
    }
}

fn options(head: &Head<'_>, cors: Option<Box<Cors>>, methods: &'static str) -> Request {
    Request::Options { methods, cors, keep_alive: head.keep_alive() }
}

fn body(head: &Head<'_>, endpoint: &Endpoint, purpose: Purpose) -> Result<Request, Denied> {
    match framing(head, endpoint.body_bytes) {
        Ok(framing) => Ok(Request::Body(Box::new(Body {
            purpose,
            keep_alive: head.keep_alive(),
            expects_continue: head.expects_continue(),
            bytes: Vec::new(),
            framing,
        }))),
        Err(denied) => Err(denied.with(purpose.into_cors())),
    }
}

/// Protobuf has to say so; everything else is JSON.
fn encoding(head: &Head<'_>) -> Encoding {
    let is_protobuf = head.field("content-type").is_some_and(|kind| {
        let essence = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        essence.eq_ignore_ascii_case(b"application/octet-stream")
    });
    if is_protobuf { Encoding::Protobuf } else { Encoding::Json }
}
