//! The event proxies: questions about Centrifugo clients, each to one URL.
use std::collections::BTreeMap;

use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::ask::Ask;
use crate::client::{Client, Wanted};
use crate::exchange::{Answer, fields};
use crate::figures::{Ended, Figures, Held, Meter};
use crate::grpc;
use crate::settings::{Protocol, SettingsError};
use crate::shown::without_secrets;
use crate::tls::TlsSettings;
use crate::told::Told;
use settings::Endpoint;
pub use settings::{ProxySettings, StatusMeans};

mod settings;

/// Requests to one proxy at a time, and idle connections to it: the reference's.
const REQUESTS_MAX: usize = 255;

/// Bytes of questions that wait for their turn at one proxy, with what each takes beside: beyond, one is not asked.
const WAITING_BYTES_MAX: u64 = 64 << 20;

/// What a question takes beside its body.
const QUESTION_BYTES: usize = 1 << 10;

/// Largest answer in bytes.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// All of them, by name.
#[derive(Debug)]
pub(crate) struct Proxies(BTreeMap<String, Proxy>);

/// A proxy that can be asked.
#[derive(Debug)]
struct Proxy {
    settings: ProxySettings,
    /// Its URL, as the metrics call it.
    shown: String,
    figures: Figures,
    endpoint: Endpoint,
    constant: HeaderMap,
    /// What goes before what clients say.
    credentials: HeaderMap,
    client: Client,
    room: Semaphore,
    waiting_bytes: Meter,
}

impl Proxies {
    /// Those of the settings.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub(crate) fn new(all: &[ProxySettings]) -> Result<Self, SettingsError> {
        all.iter()
            .map(|settings| Ok((settings.name.clone(), Proxy::new(settings)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Asks; `now_s` is the time of day. Whom nobody knows can't answer.
    pub(crate) async fn ask(&self, ask: &Ask, now_s: fn() -> i64) -> Told {
        match self.0.get(&*ask.proxy) {
            Some(proxy) => proxy.ask(ask, now_s).await,
            None => Told::Failed,
        }
    }

    /// The figures of each, with its name and its URL, of which nothing secret is shown.
    pub(crate) fn figures(&self) -> impl Iterator<Item = (&str, &str, &Figures)> {
        self.0.values().map(|proxy| (&*proxy.settings.name, &*proxy.shown, &proxy.figures))
    }
}

impl Proxy {
    fn new(settings: &ProxySettings) -> Result<Self, SettingsError> {
        let no_field = |_| SettingsError::BackEnd(settings.name.clone(), "a field is none");
        let endpoint = settings.read_endpoint()?;
        let system = TlsSettings::default();
        let client = match &endpoint {
            Endpoint::Grpc(_) => Client::new(REQUESTS_MAX, settings.tls.as_ref(), Protocol::H2)?,
            Endpoint::Http(uri) => {
                let speaks_tls = uri.scheme_str() == Some("https");
                let tls = speaks_tls.then(|| settings.tls.as_ref().unwrap_or(&system));
                Client::new(REQUESTS_MAX, tls, Protocol::Agreed)?
            }
        };
        Ok(Self {
            constant: settings.read_constant().map_err(no_field)?,
            credentials: settings.read_credentials().map_err(no_field)?,
            shown: without_secrets(&settings.endpoint),
            settings: settings.clone(),
            figures: Figures::default(),
            endpoint,
            client,
            room: Semaphore::new(REQUESTS_MAX),
            waiting_bytes: Meter::default(),
        })
    }

    async fn ask(&self, ask: &Ask, now_s: fn() -> i64) -> Told {
        let began = Instant::now();
        let until = began + self.settings.timeout;
        let asked = tokio::time::timeout_at(until, self.ask_within(ask, until)).await;
        let answer = asked.unwrap_or(Err(Ended::TimedOut));
        let (ended, told) = match answer.and_then(|answer| self.told(ask, answer, now_s())) {
            Ok(told) => told,
            Err(ended) => (ended, Told::Failed),
        };
        self.figures.count(ask.about.purpose(), ended, began.elapsed());
        told
    }

    async fn ask_within(&self, ask: &Ask, until: Instant) -> Result<Answer, Ended> {
        let ProxySettings { binary, meta, .. } = self.settings;
        let body = match &self.endpoint {
            Endpoint::Http(_) => ask.body(binary, meta),
            Endpoint::Grpc(callee) => callee.body(ask, binary, meta),
        };
        let body = body.ok_or(Ended::BadText)?;
        let _permit = match self.room.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                let _waits = self.wait(body.len())?;
                self.room.acquire().await.map_err(|_| Ended::Flood)?
            }
        };
        let _counted = self.figures.in_flight.hold();
        let fields = self.fields(ask);
        let (request, beside) = match &self.endpoint {
            Endpoint::Http(uri) => {
                let mut request = Request::new(Full::new(body));
                *request.method_mut() = Method::POST;
                *request.uri_mut() = uri.clone();
                *request.headers_mut() = fields;
                request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                (request, 0)
            }
            Endpoint::Grpc(callee) => {
                let mut metadata = grpc::metadata(&fields);
                metadata.extend(grpc::metadata(&self.credentials));
                let left = until.saturating_duration_since(Instant::now());
                (callee.request(&ask.about, body, metadata, left), grpc::PREFIX_BYTES)
            }
        };
        let bytes_max = ANSWER_BYTES_MAX + beside;
        self.client.ask(request, Wanted { bytes_max, is_read: |status| status == StatusCode::OK }).await
    }

    /// What an answer says, and how it counts.
    fn told(&self, ask: &Ask, answer: Answer, now_s: i64) -> Result<(Ended, Told), Ended> {
        let told = match &self.endpoint {
            Endpoint::Http(_) if answer.status != StatusCode::OK => {
                let means = self.settings.statuses.iter().find(|means| means.status == answer.status.as_u16());
                let said = means.map(|means| means.said.clone()).ok_or(Ended::Status)?;
                return Ok((Ended::Status, Told::Refused(said)));
            }
            Endpoint::Http(_) => Told::read(&answer.body, now_s),
            Endpoint::Grpc(_) => grpc::told(&ask.about, grpc::message(&answer, ANSWER_BYTES_MAX)?, now_s),
        };
        Ok(match told {
            Told::Failed => (Ended::BadText, Told::Failed),
            Told::Result(_) | Told::Refused(_) => (Ended::Ok, told),
        })
    }

    /// Waits for its turn, unless too much does.
    fn wait(&self, bytes: usize) -> Result<Waits<'_>, Ended> {
        let bytes = (bytes + QUESTION_BYTES) as u64;
        if self.waiting_bytes.read() + bytes > WAITING_BYTES_MAX {
            return Err(Ended::Flood);
        }
        self.waiting_bytes.add(bytes);
        Ok(Waits { of: &self.waiting_bytes, bytes, _counted: self.figures.waiting.hold() })
    }

    /// The settings' fields, over them what the client says in its `connect`, and over both its request's, if it is told them.
    fn fields(&self, ask: &Ask) -> HeaderMap {
        let mut all = self.constant.clone();
        for (said, told) in [(&ask.emulated, &self.settings.emulated), (&ask.fields, &self.settings.fields)] {
            let is_told = |name: &HeaderName| told.iter().any(|told| **told == *name.as_str());
            for (name, value) in fields(said).iter().filter(|(name, _)| is_told(name)) {
                all.insert(name, value.clone());
            }
        }
        all
    }
}

/// A question that waits.
#[derive(Debug)]
struct Waits<'p> {
    of: &'p Meter,
    bytes: u64,
    _counted: Held<'p>,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.of.take(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn no_more_bytes_wait_than_may() {
        let settings = ProxySettings {
            name: "p".into(),
            endpoint: "http://127.0.0.1:1/".into(),
            timeout: Duration::from_secs(1),
            fields: Vec::new(),
            emulated: Vec::new(),
            constant: Vec::new(),
            statuses: Vec::new(),
            binary: false,
            meta: false,
            tls: None,
            credentials: None,
            compresses: false,
        };
        let proxy = Proxy::new(&settings).unwrap();
        let large = usize::try_from(WAITING_BYTES_MAX / 4).unwrap();
        let mut waits: Vec<_> = (0..3).map(|_| proxy.wait(large).unwrap()).collect();
        assert!(matches!(proxy.wait(large), Err(Ended::Flood)), "what each takes beside counts too");
        waits.push(proxy.wait(0).unwrap());
        assert_eq!(proxy.figures.waiting.read(), 4);
        waits.clear();
        assert_eq!((proxy.figures.waiting.read(), proxy.waiting_bytes.read()), (0, 0));
        assert!(proxy.wait(large).is_ok());
    }
}
