//! The engine: events in, requests out, answers back.
use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use crate::back_end::BackEnds;
use crate::client::Client;
use crate::event::{End, Event, Message, Of, Outcome, Payload, Reply, Verdict};
use crate::exchange::{Answer, Question, fields};
use crate::figures::{Ended, Figures, Meter, Purpose};
use crate::lanes::LaneId;
use crate::proxy::{Proxies, ProxySettings};
use crate::settings::{OnFailure, OnFlood, OnOpen, Settings, SettingsError};
use crate::strict::{self, Counters};
use crate::tls::TlsSettings;

mod service;
mod strictly;

use service::Service;

/// Names the connection in each request: two that have one ClientID are told apart by it.
const CONNECTION: HeaderName = HeaderName::from_static("ringcast-connection");
/// How a connection ended.
const CLOSE_CODE: HeaderName = HeaderName::from_static("ringcast-close-code");
const CLOSE_BY: HeaderName = HeaderName::from_static("ringcast-close-by");

/// A back end that does not hear of an end is told again after so long, twice that, and so on up to the longest.
const AGAIN_FIRST: Duration = Duration::from_millis(200);
const AGAIN_LONGEST: Duration = Duration::from_secs(15);

/// Where replies go.
pub trait Shards: Clone + Send + Sync + 'static {
    /// How many of them share the back ends.
    fn count(&self) -> usize {
        1
    }

    /// Gives a shard a reply, and waits while it is behind.
    ///
    /// # Errors
    /// The reply, if the shard has left.
    fn reply(&self, reply: Reply) -> impl Future<Output = Result<(), Reply>> + Send;
}

#[derive(Debug)]
struct Hook {
    settings: Settings,
    back_ends: BackEnds,
    client: Client,
    /// Ends that wait to be told.
    ends: Meter,
    /// Ends that no back end has heard of, or will.
    lost: Meter,
    counters: Counters,
}

/// Whether a back end has heard of an end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    Heard,
    /// It must be told again.
    Unheard,
    /// All back ends are taken to be down.
    NotAsked,
}

/// How a back end does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Condition {
    /// It is taken to be down.
    pub is_down: bool,
    /// How often it has been.
    pub times_down: u64,
    /// Requests that it may have at a time now.
    pub requests_max: usize,
}

/// All hooks of a server. A clone is a handle to the same.
#[derive(Clone, Debug)]
pub struct Engine {
    hooks: Arc<[Hook]>,
    proxies: Arc<Proxies>,
    /// Names this run of the server.
    run: Arc<str>,
    /// The time of day, in seconds since 1970.
    now_s: fn() -> i64,
}

impl Engine {
    /// An engine for these hooks and proxies. `run` names this run of the server among others, `now_s` tells the time of day.
    ///
    /// # Errors
    /// The first thing that is wrong with the settings.
    pub fn new(
        settings: &[Settings],
        proxies: &[ProxySettings],
        run: &str,
        now_s: fn() -> i64,
    ) -> Result<Self, SettingsError> {
        let hook = |settings: &Settings| {
            let speaks_tls = settings.back_ends.iter().any(|url| url.starts_with("https:"));
            let tls = speaks_tls.then(TlsSettings::default);
            Ok(Hook {
                back_ends: BackEnds::new(settings)?,
                client: Client::new(settings.requests_max, tls.as_ref(), settings.protocol)?,
                settings: settings.clone(),
                ends: Meter::default(),
                lost: Meter::default(),
                counters: Counters::default(),
            })
        };
        Ok(Self {
            hooks: settings.iter().map(hook).collect::<Result<_, _>>()?,
            proxies: Arc::new(Proxies::new(proxies)?),
            run: run.into(),
            now_s,
        })
    }

    /// Serves a shard's events, until the shard has left and everything under way is done but the ends, for which there is
    /// [`Engine::settled`].
    pub async fn serve<S: Shards>(self, shards: S, events: Receiver<Event>) {
        Service::new(self, shards).run(events).await;
    }

    /// Resolves once no end waits to be told.
    pub async fn settled(&self) {
        while self.hooks.iter().any(|hook| hook.ends.read() > 0) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The figures of each back end, with its hook's prefix and its URL, of which nothing secret is shown.
    pub fn figures(&self) -> impl Iterator<Item = (&str, &str, &Figures)> {
        self.hooks
            .iter()
            .flat_map(|hook| hook.back_ends.iter().map(|one| (&*hook.settings.prefix, &*one.url, &one.figures)))
    }

    /// The figures of each event proxy, with its name and its URL likewise.
    pub fn proxy_figures(&self) -> impl Iterator<Item = (&str, &str, &Figures)> {
        self.proxies.figures()
    }

    /// How each back end does, with its hook's prefix and its URL, of which nothing secret is shown.
    pub fn conditions(&self) -> impl Iterator<Item = (&str, &str, Condition)> {
        let all = self.hooks.iter().flat_map(|hook| hook.back_ends.iter().map(|one| (&*hook.settings.prefix, one)));
        all.map(|(prefix, one)| {
            let (is_down, times_down) = (one.circuit.is_open(), one.circuit.openings.read());
            (prefix, &*one.url, Condition { is_down, times_down, requests_max: one.limit() })
        })
    }

    /// Ends that wait to be told, and those that were lost, by prefix.
    pub fn ends(&self) -> impl Iterator<Item = (&str, u64, u64)> {
        self.hooks.iter().map(|hook| (&*hook.settings.prefix, hook.ends.read(), hook.lost.read()))
    }

    /// By which back end it is decided whether there is room for a message of this ClientID.
    fn lane(&self, hook: usize, id: &str) -> LaneId {
        LaneId { hook, back_end: self.hooks.get(hook).map_or(0, |hook| hook.back_ends.lane(id)) }
    }

    /// How many of one shard's messages may be under way there, if `shards` have some.
    fn places(&self, hook: usize, shards: usize) -> usize {
        let waits = |hook: &&Hook| hook.settings.on_flood == OnFlood::Wait;
        let Some(Hook { settings, back_ends, .. }) = self.hooks.get(hook).filter(waits) else {
            return usize::MAX;
        };
        let each = settings.requests_max + settings.waiting_max / 2 / shards.max(1);
        each.saturating_mul(back_ends.in_a_lane())
    }

    fn name(&self, of: Of) -> HeaderValue {
        let name = format!("{}-{}-{}-{}", self.run, of.shard, of.conn, of.generation);
        HeaderValue::try_from(name).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }

    // ---- the three requests ----

    async fn connect(
        &self,
        of: Of,
        hook: usize,
        upgrades: bool,
        id: &str,
        query: Option<&str>,
        told: &[(Box<str>, Box<[u8]>)],
    ) -> Verdict {
        let refuse = |status, reason| Verdict::Refuse { status, reason: Cow::Borrowed(reason) };
        if let Some(hook) = self.hooks.get(hook).filter(|hook| hook.settings.strict) {
            return hook.connect_strictly(id, upgrades).await;
        }
        let Some(Hook { settings, back_ends, client, .. }) = self.hooks.get(hook) else {
            return refuse(404, "there is no such hook");
        };
        let mut fields = fields(told);
        fields.insert(CONNECTION, self.name(of));
        let question = Question {
            purpose: Purpose::Connect,
            id,
            query,
            fields,
            body: Bytes::new(),
            timeout: settings.connect_timeout,
            answer_bytes_max: settings.answer_bytes_max,
            redirects_max: settings.redirects_max,
            waits: settings.connect_waits,
            is_counted: false,
        };
        let judge = |answer: &Answer| if answer.status == StatusCode::OK { Ended::Ok } else { unwanted(answer.status) };
        match question.ask(client, back_ends, judge).await {
            Ok(answer) => verdict(&answer),
            Err(Ended::Flood) => refuse(503, "the back end has too much to do"),
            Err(Ended::Open) => refuse(503, "the back end is down"),
            Err(_) => refuse(502, "the back end did not answer"),
        }
    }

    async fn post(&self, message: Message) -> Outcome {
        let Message { of, hook, id, payload } = message;
        if let Some(hook) = self.hooks.get(hook).filter(|hook| hook.settings.strict) {
            return strict::outcome(hook.ask_strictly(Purpose::Message, &id, payload.bytes().clone()).await);
        }
        let Some(Hook { settings, back_ends, client, .. }) = self.hooks.get(hook) else {
            return Outcome::Nothing;
        };
        let kind = match payload {
            Payload::Text(_) => "text/plain; charset=utf-8",
            Payload::Binary(_) => "application/octet-stream",
        };
        let fields = [(CONTENT_TYPE, HeaderValue::from_static(kind)), (CONNECTION, self.name(of))];
        let question = Question {
            purpose: Purpose::Message,
            id: &id,
            query: None,
            fields: fields.into_iter().collect(),
            body: payload.bytes().clone(),
            timeout: settings.message_timeout,
            answer_bytes_max: settings.answer_bytes_max,
            redirects_max: 0,
            waits: settings.on_open == OnOpen::Wait,
            is_counted: settings.on_flood == OnFlood::Wait,
        };
        let judge = |answer: &Answer| match reply(answer) {
            _ if !answer.status.is_success() => unwanted(answer.status),
            Some(_) => Ended::Ok,
            None => Ended::BadText,
        };
        let failed = match question.ask(client, back_ends, judge).await {
            Ok(answer) if answer.status.is_success() => match reply(&answer) {
                Some(outcome) => return outcome,
                None => Ended::BadText,
            },
            Ok(_) => Ended::Status,
            Err(ended) => ended,
        };
        not_taken(failed, settings)
    }

    /// Has a back end told of an end, however long it takes, within the bounds.
    fn tell_end(&self, end: End) {
        let Some(hook) = self.hooks.get(end.hook) else {
            return;
        };
        if hook.ends.read() >= hook.settings.ends_max as u64 {
            hook.lost.add(1);
            return;
        }
        hook.ends.add(1);
        let engine = self.clone();
        tokio::spawn(async move {
            let Some(hook) = engine.hooks.get(end.hook) else {
                return;
            };
            if !engine.insist(hook, &end).await {
                hook.lost.add(1);
            }
            hook.counters.closed.add(1);
            hook.ends.take(1);
        });
    }

    /// Tells it until it is heard; false if that takes too long.
    async fn insist(&self, hook: &Hook, end: &End) -> bool {
        let until = Instant::now() + hook.settings.ends_age;
        let mut again = AGAIN_FIRST;
        loop {
            match self.delete(hook, end).await {
                Told::Heard => return true,
                Told::NotAsked => {
                    if tokio::time::timeout_at(until, hook.back_ends.until_passable()).await.is_err() {
                        return false;
                    }
                }
                Told::Unheard => {
                    if Instant::now() + again > until {
                        return false;
                    }
                    tokio::time::sleep(again.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                    again = (again * 2).min(AGAIN_LONGEST);
                }
            }
        }
    }

    /// Tells it once.
    async fn delete(&self, hook: &Hook, end: &End) -> Told {
        if hook.settings.strict {
            let reason = Bytes::copy_from_slice(end.reason.as_bytes());
            return match Box::pin(hook.ask_strictly(Purpose::End, &end.id, reason)).await {
                Ok(_) | Err(Ended::TooLarge) => Told::Heard,
                Err(Ended::Open) => Told::NotAsked,
                Err(_) => Told::Unheard,
            };
        }
        let fields: HeaderMap = [
            (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
            (CONNECTION, self.name(end.of)),
            (CLOSE_CODE, HeaderValue::from(end.code)),
            (CLOSE_BY, HeaderValue::from_static(end.by)),
        ]
        .into_iter()
        .collect();
        let question = Question {
            purpose: Purpose::End,
            id: &end.id,
            query: None,
            fields,
            body: Bytes::copy_from_slice(end.reason.as_bytes()),
            timeout: hook.settings.end_timeout,
            answer_bytes_max: hook.settings.answer_bytes_max,
            redirects_max: 0,
            waits: false,
            is_counted: true,
        };
        let heard = |status: StatusCode| !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS;
        let judge = |answer: &Answer| if heard(answer.status) { Ended::Ok } else { unwanted(answer.status) };
        // Whatever else is wrong with its answer: a back end that answers has heard it. Boxed, so that an end that waits is small.
        match Box::pin(question.ask(&hook.client, &hook.back_ends, judge)).await {
            Ok(answer) if !heard(answer.status) => Told::Unheard,
            Ok(_) | Err(Ended::TooLarge) => Told::Heard,
            Err(Ended::Open) => Told::NotAsked,
            Err(_) => Told::Unheard,
        }
    }
}

/// What becomes of a message that no back end took.
fn not_taken(ended: Ended, settings: &Settings) -> Outcome {
    let later = |reason| Outcome::Close { code: 1013, reason };
    match (ended, settings.on_flood, settings.on_open) {
        (Ended::Flood, OnFlood::Close | OnFlood::Wait, _) => later("the back end has too much to do"),
        (Ended::Flood, OnFlood::Drop, _) | (Ended::Open, _, OnOpen::Drop) => Outcome::Nothing,
        (Ended::Open, _, OnOpen::Close) => later("the back end is down"),
        (_, _, _) => match settings.on_failure {
            OnFailure::Ignore => Outcome::Nothing,
            OnFailure::Close => Outcome::Close { code: 1011, reason: "the back end did not take a message" },
        },
    }
}

/// A status that was not wanted.
fn unwanted(status: StatusCode) -> Ended {
    if status == StatusCode::SERVICE_UNAVAILABLE { Ended::Busy } else { Ended::Status }
}

fn verdict(answer: &Answer) -> Verdict {
    let refuse = |status, reason| Verdict::Refuse { status, reason: Cow::Borrowed(reason) };
    match answer.status.as_u16() {
        200 if *answer.body == *b"ok" => {
            let protocol = answer.fields.get(SEC_WEBSOCKET_PROTOCOL).and_then(|name| name.to_str().ok());
            Verdict::Accept(protocol.map(|name| name.trim().to_owned()))
        }
        200 | 403 => refuse(403, "the back end did not let the client in"),
        401 => refuse(401, "the back end does not know the client"),
        404 => refuse(404, "the back end has no such client"),
        429 => refuse(429, "the back end wants the client to come later"),
        _ => refuse(502, "the back end failed"),
    }
}

/// What the answer to a message says to the client; `None` if it is a text that is not UTF-8.
fn reply(answer: &Answer) -> Option<Outcome> {
    if answer.body.is_empty() {
        return Some(Outcome::Nothing);
    }
    let kind = answer.fields.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let essence = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if essence.eq_ignore_ascii_case(b"application/octet-stream") {
        return Some(Outcome::Reply(Payload::Binary(answer.body.clone())));
    }
    let is_text = std::str::from_utf8(&answer.body).is_ok();
    is_text.then(|| Outcome::Reply(Payload::Text(answer.body.clone())))
}
