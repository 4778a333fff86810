//! The event proxy: questions about Centrifugo clients, each to one URL.
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::ask::{Ask, Told};
use crate::client::Client;
use crate::figures::{Ended, Figures, Purpose};
use crate::settings::SettingsError;

/// Requests to one proxy at a time, and idle connections to it: the reference's.
const REQUESTS_MAX: usize = 255;

/// Requests that wait for one.
const WAITING_MAX: u64 = 100_000;

/// Largest answer in bytes.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// One proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProxySettings {
    /// What it is asked, for the metrics.
    pub name: String,
    /// Its URL.
    pub endpoint: String,
    /// How long it may take to answer.
    pub timeout: Duration,
    /// Header fields of the client's request that it is told, in lower case.
    pub fields: Vec<Box<str>>,
    /// Whether data travels as base64.
    pub binary: bool,
}

/// A proxy that can be asked.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) settings: ProxySettings,
    pub(crate) figures: Figures,
    uri: Uri,
    client: Client,
    room: Semaphore,
}

impl ProxySettings {
    /// Looks whether the endpoint is a URL.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.uri().map(drop)
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
}

impl Proxy {
    pub(crate) fn new(settings: &ProxySettings) -> Result<Self, SettingsError> {
        let uri = settings.uri()?;
        let client = Client::new(REQUESTS_MAX, uri.scheme_str() == Some("https"))?;
        let room = Semaphore::new(REQUESTS_MAX);
        Ok(Self { settings: settings.clone(), figures: Figures::default(), uri, client, room })
    }

    /// Asks; `now_s` is the time of day.
    pub(crate) async fn ask(&self, ask: &Ask, now_s: fn() -> i64) -> Told {
        let began = Instant::now();
        let asked = tokio::time::timeout(self.settings.timeout, self.ask_within(ask)).await;
        let (ended, told) = match asked.unwrap_or(Err(Ended::TimedOut)) {
            Ok(body) => match Told::read(&body, now_s()) {
                Told::Failed => (Ended::BadText, Told::Failed),
                told => (Ended::Ok, told),
            },
            Err(ended) => (ended, Told::Failed),
        };
        self.figures.count(Purpose::Ask, ended, began.elapsed());
        told
    }

    async fn ask_within(&self, ask: &Ask) -> Result<hyper::body::Bytes, Ended> {
        let body = ask.body(self.settings.binary).ok_or(Ended::BadText)?;
        let _permit = match self.room.try_acquire() {
            Ok(permit) => permit,
            Err(_) if self.figures.waiting.read() >= WAITING_MAX => return Err(Ended::Flood),
            Err(_) => {
                let _waits = self.figures.waiting.hold();
                self.room.acquire().await.map_err(|_| Ended::Flood)?
            }
        };
        let _counted = self.figures.in_flight.hold();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.fields(ask);
        let response = self.client.request(request).await;
        let response = response.map_err(|error| if error.is_connect() { Ended::Unreachable } else { Ended::Broken })?;
        if response.status() != StatusCode::OK {
            return Err(Ended::Status);
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|_| Ended::Broken)
    }

    fn fields(&self, ask: &Ask) -> HeaderMap {
        let told = ask.fields.iter().filter(|(name, _)| self.settings.fields.contains(name));
        let field = |(name, value): &(Box<str>, Box<[u8]>)| {
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?))
        };
        let mut fields: HeaderMap = told.filter_map(field).collect();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        fields
    }
}
