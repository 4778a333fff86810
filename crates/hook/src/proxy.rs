//! The event proxies: questions about Centrifugo clients, each to one URL.
use std::collections::BTreeMap;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::ask::Ask;
use crate::client::{Client, Wanted};
use crate::exchange::fields;
use crate::figures::{Ended, Figures, Held, Meter};
use crate::settings::{Protocol, SettingsError};
use crate::shown::without_secrets;
use crate::told::{Said, Told};

/// Requests to one proxy at a time, and idle connections to it: the reference's.
const REQUESTS_MAX: usize = 255;

/// Bytes of questions that wait for their turn at one proxy, with what each takes beside: beyond, one is not asked.
const WAITING_BYTES_MAX: u64 = 64 << 20;

/// What a question takes beside its body.
const QUESTION_BYTES: usize = 1 << 10;

/// Largest answer in bytes.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// One proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProxySettings {
    /// What it is asked by, and called in the metrics.
    pub name: String,
    /// Its URL.
    pub endpoint: String,
    /// How long it may take to answer, the time that a question waits for its turn included.
    pub timeout: Duration,
    /// Header fields of the client's request that it is told, in lower case.
    pub fields: Vec<Box<str>>,
    /// Fields that it is told as the client says them in its `connect`, in lower case. Those of the request go before.
    pub emulated: Vec<Box<str>>,
    /// Header fields of every request to it: name in lower case, and value. A client's of the same name goes before.
    pub constant: Vec<(Box<str>, String)>,
    /// What statuses of its answers mean. Another one but 200 is a failure.
    pub statuses: Vec<StatusMeans>,
    /// Whether data travels as base64.
    pub binary: bool,
    /// Whether it is told the meta of clients.
    pub meta: bool,
}

/// What a status means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatusMeans {
    /// The status, 100 to 599 and not 200.
    pub status: u16,
    /// What the client is told.
    pub said: Said,
}

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
    uri: Uri,
    constant: HeaderMap,
    client: Client,
    room: Semaphore,
    waiting_bytes: Meter,
}

impl ProxySettings {
    /// Looks whether requests can be made of it.
    ///
    /// # Errors
    /// Which of the settings is wrong, and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        self.uri().map_err(|error| ("endpoint", error.to_string()))?;
        self.constant().map(drop).map_err(|reason| ("http.static_headers", reason))
    }

    fn uri(&self) -> Result<Uri, SettingsError> {
        let wrong = |what| SettingsError::BackEnd(self.endpoint.clone(), what);
        let uri: Uri = self.endpoint.parse().map_err(|_| wrong("it is no URL"))?;
        let known = uri.scheme_str().is_some_and(|scheme| scheme == "http" || scheme == "https");
        if !known || uri.host().is_none_or(str::is_empty) {
            return Err(wrong("it begins with http:// or https://; gRPC is not spoken"));
        }
        Ok(uri)
    }

    fn constant(&self) -> Result<HeaderMap, String> {
        let field = |(name, text): &(Box<str>, String)| {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("'{name}' is no name of a field"))?;
            // The value may be a secret: it is not said.
            let value =
                HeaderValue::from_str(text).map_err(|_| format!("'{name}' has a value that no field may have"))?;
            Ok((name, value))
        };
        self.constant.iter().map(field).collect()
    }
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
        let uri = settings.uri()?;
        let client = Client::new(REQUESTS_MAX, uri.scheme_str() == Some("https"), Protocol::Agreed)?;
        Ok(Self {
            constant: settings
                .constant()
                .map_err(|_| SettingsError::BackEnd(settings.name.clone(), "a field is none"))?,
            shown: without_secrets(&settings.endpoint),
            settings: settings.clone(),
            figures: Figures::default(),
            uri,
            client,
            room: Semaphore::new(REQUESTS_MAX),
            waiting_bytes: Meter::default(),
        })
    }

    async fn ask(&self, ask: &Ask, now_s: fn() -> i64) -> Told {
        let began = Instant::now();
        let asked = tokio::time::timeout(self.settings.timeout, self.ask_within(ask)).await;
        let (ended, told) = match asked.unwrap_or(Err(Ended::TimedOut)) {
            Ok(Answer::Body(body)) => match Told::read(&body, now_s()) {
                Told::Failed => (Ended::BadText, Told::Failed),
                told @ (Told::Result(_) | Told::Refused(_)) => (Ended::Ok, told),
            },
            Ok(Answer::Status(said)) => (Ended::Status, Told::Refused(said)),
            Err(ended) => (ended, Told::Failed),
        };
        self.figures.count(ask.about.purpose(), ended, began.elapsed());
        told
    }

    async fn ask_within(&self, ask: &Ask) -> Result<Answer, Ended> {
        let body = ask.body(self.settings.binary, self.settings.meta).ok_or(Ended::BadText)?;
        let _permit = match self.room.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                let _waits = self.wait(body.len())?;
                self.room.acquire().await.map_err(|_| Ended::Flood)?
            }
        };
        let _counted = self.figures.in_flight.hold();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.fields(ask);
        let wanted = Wanted { bytes_max: ANSWER_BYTES_MAX, is_read: |status| status == StatusCode::OK };
        let answer = self.client.ask(request, wanted).await?;
        if answer.status == StatusCode::OK {
            return Ok(Answer::Body(answer.body));
        }
        let means = self.settings.statuses.iter().find(|means| means.status == answer.status.as_u16());
        means.map(|means| Answer::Status(means.said.clone())).ok_or(Ended::Status)
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
        all.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        all
    }
}

/// What came back.
#[derive(Debug)]
enum Answer {
    Body(Bytes),
    /// A status that means something.
    Status(Said),
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
