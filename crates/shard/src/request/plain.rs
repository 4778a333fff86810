//! Requests of the plain transports: `/sub/…` and `/pub`.
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use base::SubjectName;
use hub::{Extra, Kind, Namespace, Position, SubjectError, subject_name, subject_pattern};
use protocol::plain::{self, Mark};
use wire::head::{self, Head};

use super::body::{Body, Purpose, framing, kind_of};
use super::{Denied, Handshake, Request, fields, has_key, must_upgrade, upgrade_of};
use crate::client::permission;
use crate::config::ShardConfig;
use crate::limits::SUBJECTS_PER_REQUEST_MAX;
use crate::report::Refusal;

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

/// `POST` or `PUT /pub/<subject>`.
#[derive(Debug)]
pub(crate) struct Publish {
    pub(crate) subject: SubjectName,
    /// What the Content-Type says; `None` if there is none: then the bytes decide.
    pub(crate) kind: Option<Kind>,
    pub(crate) extra: Option<Box<Extra>>,
}

/// What a request to a path of plain transports that nobody else may have wants; `None` if it is none of them.
pub(super) fn read(head: &Head<'_>, config: &ShardConfig) -> Option<Result<Request, Denied>> {
    let path = head.path();
    let is_plain = path == "/pub" || path.starts_with("/sub/") || path.starts_with("/pub/");
    if head.method() == "OPTIONS" && is_plain {
        return Some(Ok(Request::Preflight { keep_alive: head.keep_alive() }));
    }
    if let Some(list) = path.strip_prefix("/sub/") {
        return Some(listen(head, list, config));
    }
    path.strip_prefix("/pub/").map(|name| publish(head, name, config))
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

/// `GET /pub`.
pub(super) fn publish_stream(head: &Head<'_>, config: &ShardConfig) -> Result<Request, Denied> {
    authorize(head, config)?;
    let handshake = must_upgrade(head, config.compression.enabled)?.1;
    let ack = head.param("ack").is_some_and(|value| value == "1");
    Ok(Request::PublishStream { handshake, ack })
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

/// Whether the request may publish.
fn authorize(head: &Head<'_>, config: &ShardConfig) -> Result<(), Denied> {
    if config.dev || config.admission.open_api || has_key(head, &config.api_keys, &[b"apikey"]) {
        return Ok(());
    }
    let reason = "publishing needs an API key, as 'X-API-Key: KEY' or 'Authorization: apikey KEY'";
    Err(Denied::new(401, Refusal::Unauthorized, reason))
}
