//! What an HTTP request asks of the data plane: pure functions from a head to a [`Request`].
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use base::SubjectName;
use hub::{Extra, Kind, Namespace, Position, SubjectError, subject_name, subject_pattern};
use protocol::Encoding;
use protocol::plain::{self, Mark};
use subtle::ConstantTimeEq;
use wire::deflate::Agreement;
use wire::head::{self, ChunkedDecoder, Head};
use wire::upgrade::{self, Upgrade, UpgradeError};

mod endpoint;

use crate::centrifugo::Dialect;
use crate::client::permission;
use crate::config::ShardConfig;
use crate::hook::{self, Push, Upgraded};
use crate::limits::SUBJECTS_PER_REQUEST_MAX;
use crate::report::Refusal;
pub(crate) use endpoint::{Cors, Downlink, Introduction, User, not_connect};

pub(crate) mod fields;

/// What the answer to an upgrade is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handshake {
    /// The 24 characters of its `Sec-WebSocket-Key`.
    pub(crate) key: [u8; 24],
    /// What is agreed about compression.
    pub(crate) deflate: Option<Agreement>,
}

/// A request that the data plane serves, with everything it needs from the head.
#[derive(Debug)]
pub(crate) enum Request {
    /// `GET /sub/…`
    Listen(Listen),
    /// A request whose body has to come first, such as `POST /pub/…`.
    Body(Box<Body>),
    /// A response without an end, and what the client says first.
    Downlink { downlink: Downlink, message: Vec<u8> },
    /// `GET /pub`, upgraded.
    PublishStream { handshake: Handshake, ack: bool },
    /// `GET /connection/websocket`, upgraded.
    Centrifugo { handshake: Handshake, protocol: Option<&'static str>, dialect: Dialect, frame_pings: bool, user: User },
    /// `GET /connection/uni_websocket`, upgraded, and what the client says first if the request had it.
    UniWebSocket { handshake: Handshake, message: Option<Vec<u8>>, user: User },
    /// `GET` of a hook's path, upgraded.
    Hook(Box<Upgraded>),
    /// `GET /echo`, upgraded.
    Echo { handshake: Handshake },
    /// `OPTIONS` of a data-plane path: what a browser asks before it publishes from another origin.
    Preflight { keep_alive: bool },
    /// `OPTIONS` of one of Centrifugo's endpoints.
    Options { methods: &'static str, cors: Option<Box<Cors>>, keep_alive: bool },
    /// Not the data plane's.
    Elsewhere,
}

impl Request {
    /// The request again, unless a body follows that nobody would read: its bytes would be taken for the next request, which a proxy
    /// before us has never seen (RFC 9112, section 11.2).
    ///
    /// # Errors
    /// 400.
    pub(crate) fn with_its_body(self, head: &Head<'_>) -> Result<Self, Denied> {
        if matches!(self, Self::Body(_)) {
            return Ok(self);
        }
        // Also of what goes elsewhere: two readers must not see two bodies.
        match head.body().map_err(|error| bad_head(&error))? {
            _ if matches!(self, Self::Elsewhere) => Ok(self),
            head::Body::None | head::Body::Length(0) => Ok(self),
            head::Body::Length(_) | head::Body::Chunked => {
                Err(Denied::new(400, Refusal::BadRequest, "a request of this method has no body here"))
            }
        }
    }
}

/// `GET /sub/<subject>[,<subject>…]`
#[derive(Debug)]
pub(crate) struct Listen {
    pub(crate) subjects: Vec<Wanted>,
    pub(crate) how: How,
}

/// A subject and from where to recover.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) subject: SubjectName,
    pub(crate) since: Option<Position>,
}

/// The three ways to listen.
#[derive(Debug)]
pub(crate) enum How {
    WebSocket { handshake: Handshake },
    EventStream,
    LongPoll { timeout: Duration, keep_alive: bool },
}

/// A request with a body, and what has arrived of it.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) purpose: Purpose,
    pub(crate) keep_alive: bool,
    pub(crate) expects_continue: bool,
    pub(crate) bytes: Vec<u8>,
    pub(crate) framing: Framing,
}

/// What a body is for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// `POST` or `PUT /pub/<subject>`.
    Publish(Publish),
    /// The first message of a stream.
    Downlink(Downlink),
    /// `POST` to a hook's path: a message for the client that has the address.
    Push(Push),
    /// `POST /emulation`: what the client of a stream says.
    Uplink { encoding: Encoding, cors: Option<Box<Cors>> },
}

/// `POST` or `PUT /pub/<subject>`.
#[derive(Debug)]
pub(crate) struct Publish {
    pub(crate) subject: SubjectName,
    /// What the Content-Type says; `None` if there is none: then the bytes decide.
    pub(crate) kind: Option<Kind>,
    pub(crate) extra: Option<Box<Extra>>,
}

impl Purpose {
    /// What a browser is told about the page that asks.
    pub(crate) fn into_cors(self) -> Option<Box<Cors>> {
        match self {
            Self::Publish(_) | Self::Push(_) => None,
            Self::Downlink(Downlink { cors, .. }) | Self::Uplink { cors, .. } => cors,
        }
    }
}

/// How the end of a body is found.
#[derive(Debug)]
pub(crate) enum Framing {
    Length(usize),
    Chunked(ChunkedDecoder),
}

/// A request that is answered with an error.
#[derive(Debug)]
pub(crate) struct Denied {
    pub(crate) status: u16,
    pub(crate) reason: Cow<'static, str>,
    pub(crate) refusal: Refusal,
    /// The methods that the path has, where it has not this one.
    pub(crate) allow: Option<&'static str>,
    /// The answer has no content.
    pub(crate) is_bare: bool,
    /// What a browser is told about the page that asked, so that the page sees the status.
    pub(crate) cors: Option<Box<Cors>>,
}

impl Denied {
    pub(crate) fn new(status: u16, refusal: Refusal, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { status, reason: reason.into(), refusal, allow: None, is_bare: false, cors: None }
    }

    /// The path has only these methods.
    pub(crate) fn method(allow: &'static str, reason: &'static str) -> Self {
        Self { allow: Some(allow), ..Self::new(405, Refusal::NotFound, reason) }
    }

    pub(crate) fn with(self, cors: Option<Box<Cors>>) -> Self {
        Self { cors, ..self }
    }
}

/// Reads what the request wants, which came by this door: see [`crate::Effects::door`].
///
/// # Errors
/// The answer that it deserves instead.
pub(crate) fn read(head: &Head<'_>, config: &ShardConfig, door: u16) -> Result<Request, Denied> {
    if door != 0 {
        let nothing = || Err(Denied::new(404, Refusal::NotFound, "nothing is served here but ClientIDs"));
        return hook::read(head, config, door).unwrap_or_else(nothing);
    }
    let path = head.path();
    let is_plain = path == "/pub" || path.starts_with("/sub/") || path.starts_with("/pub/");
    if head.method() == "OPTIONS" && is_plain {
        return Ok(Request::Preflight { keep_alive: head.keep_alive() });
    }
    if let Some(list) = path.strip_prefix("/sub/") {
        return listen(head, list, config);
    }
    if let Some(name) = path.strip_prefix("/pub/") {
        return publish(head, name, config);
    }
    if let Some(request) = endpoint::read(head, config) {
        return request;
    }
    if let Some(request) = hook::read(head, config, 0) {
        return request;
    }
    match path {
        "/pub" => {
            authorize(head, config)?;
            let handshake = must_upgrade(head, config.compression.enabled)?.1;
            let ack = head.param("ack").is_some_and(|value| value == "1");
            Ok(Request::PublishStream { handshake, ack })
        }
        "/echo" if config.dev => Ok(Request::Echo { handshake: must_upgrade(head, true)?.1 }),
        _ => Ok(Request::Elsewhere),
    }
}

/// `deflates`: whether messages may be compressed.
pub(crate) fn upgrade_of<'h>(head: &'h Head<'h>, deflates: bool) -> Result<Option<(Upgrade<'h>, Handshake)>, Denied> {
    let denied = |error: UpgradeError| {
        let refusal = if error.status() == 426 { Refusal::UpgradeVersion } else { Refusal::BadUpgrade };
        Denied::new(error.status(), refusal, error.to_string())
    };
    let Some(upgrade) = upgrade::check(head).map_err(denied)? else {
        return Ok(None);
    };
    let agreed = upgrade.deflate().map_err(denied)?;
    let mut key = [0; 24];
    // `check` lets only keys of 24 characters through.
    key.iter_mut().zip(upgrade.key).for_each(|(to, from)| *to = *from);
    Ok(Some((upgrade, Handshake { key, deflate: agreed.filter(|_| deflates) })))
}

fn must_upgrade<'h>(head: &'h Head<'h>, deflates: bool) -> Result<(Upgrade<'h>, Handshake), Denied> {
    upgrade_of(head, deflates)?
        .ok_or_else(|| Denied::new(426, Refusal::BadUpgrade, "this path speaks WebSocket: send an upgrade"))
}

fn listen(head: &Head<'_>, list: &str, config: &ShardConfig) -> Result<Request, Denied> {
    let upgrade = upgrade_of(head, config.compression.enabled)?;
    if head.method() != "GET" {
        return Err(Denied::method("GET, OPTIONS", "listen with GET"));
    }
    let since = head.param("since");
    let last = head.field("last-event-id").and_then(|id| core::str::from_utf8(id).ok());
    let how = if let Some((_, handshake)) = upgrade {
        How::WebSocket { handshake }
    } else if head.field("accept").is_some_and(contains_event_stream) {
        How::EventStream
    } else {
        How::LongPoll { timeout: poll_timeout(head, config)?, keep_alive: head.keep_alive() }
    };
    let since = match &how {
        How::WebSocket { .. } if since.is_some() => {
            let reason = "a WebSocket frame carries no position: resume with an event stream or a long poll";
            return Err(Denied::new(400, Refusal::BadPosition, reason));
        }
        How::WebSocket { .. } => None,
        // A browser that reconnects repeats the URL as it was: the header is the newer one.
        How::EventStream => last.filter(|id| !id.is_empty()).map(Cow::Borrowed).or(since),
        How::LongPoll { .. } => since,
    };
    let marks = since.filter(|text| !text.is_empty()).map(|text| read_marks(&text)).transpose()?;
    let takes_patterns = matches!(how, How::WebSocket { .. });
    let subjects = wanted(list, marks.as_deref(), takes_patterns, config)?;
    Ok(Request::Listen(Listen { subjects, how }))
}

fn contains_event_stream(accept: &[u8]) -> bool {
    accept
        .split(|byte| *byte == b',')
        .filter_map(|part| part.split(|byte| *byte == b';').next())
        .any(|kind| kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream"))
}

fn read_marks(text: &str) -> Result<Vec<Mark>, Denied> {
    plain::read_position(text).map_err(|error| Denied::new(400, Refusal::BadPosition, error.to_string()))
}

fn wanted(
    list: &str,
    marks: Option<&[Mark]>,
    takes_patterns: bool,
    config: &ShardConfig,
) -> Result<Vec<Wanted>, Denied> {
    let mut subjects: Vec<Wanted> = Vec::with_capacity(1);
    for name in list.split(',') {
        let subject = if takes_patterns { subject_or_pattern(name, config)? } else { subject(name)? };
        let allowed = |namespace: &Namespace| permission::to_subscribe(&config.admission, namespace, &subject, "");
        if !config.dev && !Namespace::of(&config.namespaces, &subject).is_some_and(allowed) {
            let reason = alloc::format!("no namespace of the configuration lets clients subscribe to {subject:?}");
            return Err(Denied::new(403, Refusal::Forbidden, reason));
        }
        if subjects.iter().any(|known| known.subject == subject) {
            continue;
        }
        if subjects.len() == SUBJECTS_PER_REQUEST_MAX {
            let reason = alloc::format!("more than {SUBJECTS_PER_REQUEST_MAX} subjects in one request");
            return Err(Denied::new(400, Refusal::BadSubject, reason));
        }
        // A position that says nothing of this subject is no position of it: told as a gap.
        let since = marks.map(|marks| {
            let tag = plain::subject_tag(&subject);
            marks
                .iter()
                .find(|mark| mark.subject_tag == tag)
                .map_or(Position::default(), |mark| Position { epoch: mark.epoch, offset: mark.offset })
        });
        subjects.push(Wanted { subject, since });
    }
    Ok(subjects)
}

fn poll_timeout(head: &Head<'_>, config: &ShardConfig) -> Result<Duration, Denied> {
    let longest = config.limits.poll_timeout;
    let Some(text) = head.param("timeout") else {
        return Ok(longest.min(Duration::from_secs(30)));
    };
    match text.parse::<u32>() {
        Ok(seconds) => Ok(Duration::from_secs(u64::from(seconds)).min(longest)),
        Err(_) => Err(Denied::new(400, Refusal::BadRequest, "timeout is a whole number of seconds")),
    }
}

fn publish(head: &Head<'_>, name: &str, config: &ShardConfig) -> Result<Request, Denied> {
    if !matches!(head.method(), "POST" | "PUT") {
        return Err(Denied::method("POST, PUT, OPTIONS", "publish with POST or PUT"));
    }
    let subject = subject(name)?;
    let open = |namespace: &Namespace| permission::to_publish(&config.admission, namespace, true, false);
    if !Namespace::of(&config.namespaces, &subject).is_some_and(open) {
        authorize(head, config)?;
    }
    let framing = framing(head, config.limits.payload_bytes)?;
    let kind = head.field("content-type").and_then(kind_of);
    let extra = fields::extra(head)?;
    Ok(Request::Body(Box::new(Body {
        purpose: Purpose::Publish(Publish { subject, kind, extra }),
        keep_alive: head.keep_alive(),
        expects_continue: head.expects_continue(),
        bytes: Vec::new(),
        framing,
    })))
}

pub(crate) fn framing(head: &Head<'_>, bytes_max: usize) -> Result<Framing, Denied> {
    if head.tokens("content-encoding").any(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        // Whoever listens would get the compressed bytes, and not hear of it.
        return Err(Denied::new(415, Refusal::BadRequest, "the body has to come without a content coding"));
    }
    let too_large = || Denied::new(413, Refusal::TooLarge, alloc::format!("a body has at most {bytes_max} bytes here"));
    match head.body().map_err(|error| bad_head(&error))? {
        head::Body::None => Ok(Framing::Length(0)),
        head::Body::Length(length) => {
            let length = usize::try_from(length).ok().filter(|length| *length <= bytes_max).ok_or_else(too_large)?;
            Ok(Framing::Length(length))
        }
        head::Body::Chunked => Ok(Framing::Chunked(ChunkedDecoder::new(bytes_max))),
    }
}

/// Text for `text/*` and `application/json`, else binary; `None` lets the bytes decide: `curl -d` says form unless told
/// otherwise, and nobody means one here.
pub(crate) fn kind_of(content_type: &[u8]) -> Option<Kind> {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let text = essence.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"text/"))
        || essence.eq_ignore_ascii_case(b"application/json");
    if essence.is_empty() || essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        return None;
    }
    Some(if text { Kind::Text } else { Kind::Binary })
}

fn subject(encoded: &str) -> Result<SubjectName, Denied> {
    named(encoded, subject_name)
}

fn named(encoded: &str, check: fn(&[u8]) -> Result<&str, SubjectError>) -> Result<SubjectName, Denied> {
    let bytes = head::percent_decode(encoded)
        .map_err(|_| Denied::new(400, Refusal::BadSubject, "a '%' in the subject is not followed by two hex digits"))?;
    match check(&bytes) {
        Ok(name) => Ok(SubjectName::from(name)),
        Err(error) => Err(Denied::new(400, Refusal::BadSubject, error.to_string())),
    }
}

/// Patterns are for WebSockets: an event and an answer to a poll tell positions, which a pattern has none of.
fn subject_or_pattern(encoded: &str, config: &ShardConfig) -> Result<SubjectName, Denied> {
    let name = subject(encoded);
    if name.is_ok() {
        return name;
    }
    let Ok(pattern) = named(encoded, subject_pattern) else {
        return name;
    };
    let allows = Namespace::of(&config.namespaces, &pattern).map_or(config.dev, |namespace| namespace.wildcards);
    if allows {
        return Ok(pattern);
    }
    let reason = alloc::format!("the namespace of {pattern:?} has no allow_wildcards");
    Err(Denied::new(403, Refusal::Forbidden, reason))
}

/// Whether the request has one of these keys: `X-API-Key: KEY` or `Authorization: SCHEME KEY`. Compared in constant time, so that a
/// wrong key's answer doesn't tell how much of it was right.
pub(crate) fn has_key(head: &Head<'_>, keys: &[impl AsRef<str>], schemes: &[&[u8]]) -> bool {
    let given = head.field("x-api-key").or_else(|| {
        let field = head.field("authorization")?;
        schemes.iter().find_map(|scheme| {
            let (start, key) = field.split_at_checked(scheme.len() + 1)?;
            let (name, space) = start.split_at(scheme.len());
            (name.eq_ignore_ascii_case(scheme) && space == b" ").then(|| key.trim_ascii())
        })
    });
    let given = given.unwrap_or_default();
    keys.iter().map(AsRef::as_ref).fold(false, |found, key| {
        let same: bool = key.as_bytes().ct_eq(given).into();
        found | (same && !key.is_empty())
    })
}

/// Whether the request may publish.
fn authorize(head: &Head<'_>, config: &ShardConfig) -> Result<(), Denied> {
    if config.dev || config.admission.open_api || has_key(head, &config.api_keys, &[b"apikey"]) {
        return Ok(());
    }
    let reason = "publishing needs an API key, as 'X-API-Key: KEY' or 'Authorization: apikey KEY'";
    Err(Denied::new(401, Refusal::Unauthorized, reason))
}

/// The answer to a head that is not HTTP, or not to the letter.
pub(crate) fn bad_head(error: &head::HeadError) -> Denied {
    let refusal = if error.status() == 431 { Refusal::HeadTooLarge } else { Refusal::BadRequest };
    Denied::new(error.status(), refusal, String::from("the request is not understood: ") + &error.to_string())
}
