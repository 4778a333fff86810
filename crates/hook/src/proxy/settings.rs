//! What an engine is told of one proxy.
use std::time::Duration;

use hyper::Uri;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use crate::grpc::{Callee, is_metadata, is_metadata_value, speaks_grpc};
use crate::settings::SettingsError;
use crate::shown::without_secrets;
use crate::tls::TlsSettings;
use crate::told::Said;

/// One proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProxySettings {
    /// What it is asked by, and called in the metrics.
    pub name: String,
    /// Its URL, or for GRPC the host and port of it.
    pub endpoint: String,
    /// How long it may take to answer, the time that a question waits for its turn included.
    pub timeout: Duration,
    /// Header fields of the client's request that it is told, in lower case.
    pub fields: Vec<Box<str>>,
    /// Fields that it is told as the client says them in its `connect`, in lower case. Those of the request go before.
    pub emulated: Vec<Box<str>>,
    /// Header fields, or metadata, of every request to it: name in lower case, and value. A client's of the same name goes before.
    pub constant: Vec<(Box<str>, String)>,
    /// What statuses of its answers over HTTP mean. Another one but 200 is a failure.
    pub statuses: Vec<StatusMeans>,
    /// Whether data travels as base64.
    pub binary: bool,
    /// Whether it is told the meta of clients.
    pub meta: bool,
    /// How TLS is spoken: over GRPC only if this is there, to an `https:` URL by the system's certificates otherwise.
    pub tls: Option<TlsSettings>,
    /// Over GRPC: metadata that goes before a client's.
    pub credentials: Option<(Box<str>, String)>,
    /// Over GRPC: whether questions are compressed.
    pub compresses: bool,
}

/// What a status means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatusMeans {
    /// The status, 100 to 599 and not 200.
    pub status: u16,
    /// What the client is told.
    pub said: Said,
}

/// Where a proxy is, and in which language it is asked.
#[derive(Clone, Debug)]
pub(super) enum Endpoint {
    Http(Uri),
    Grpc(Callee),
}

/// What is wrong with one of the settings, by Centrifugo's name of it.
type Wrong = (String, String);

impl ProxySettings {
    /// Looks whether requests can be made of it.
    ///
    /// # Errors
    /// Which of the settings is wrong, as Centrifugo calls it, and what is wrong with it.
    pub fn check(&self) -> Result<(), Wrong> {
        let wrong = |key: &str, reason: String| (key.to_owned(), reason);
        self.read_endpoint().map_err(|error| wrong("endpoint", error.to_string()))?;
        let section = self.section();
        self.read_constant().map_err(|reason| (format!("{section}.{}", self.of_constant()), reason))?;
        self.read_credentials().map_err(|reason| wrong("grpc.credentials_key", reason))?;
        let tls = self.tls.as_ref().map_or(Ok(()), TlsSettings::check);
        tls.map_err(|(key, reason)| (format!("{section}.tls.{key}"), reason))?;
        if speaks_grpc(&self.endpoint) {
            for (key, names) in [("http_headers", &self.fields), ("emulated_headers", &self.emulated)] {
                if let Some(name) = names.iter().find(|name| !is_metadata(name)) {
                    return Err(wrong(key, format!("'{name}' is GRPC's own: it is no metadata")));
                }
            }
        }
        Ok(())
    }

    /// Where it is, without what may be a secret.
    #[must_use]
    pub fn shown_endpoint(&self) -> String {
        without_secrets(&self.endpoint)
    }

    /// The section of what is said of its language, and in it the key of [`ProxySettings::constant`].
    fn section(&self) -> &'static str {
        if speaks_grpc(&self.endpoint) { "grpc" } else { "http" }
    }

    fn of_constant(&self) -> &'static str {
        if speaks_grpc(&self.endpoint) { "static_metadata" } else { "static_headers" }
    }

    pub(super) fn read_endpoint(&self) -> Result<Endpoint, SettingsError> {
        let wrong = |what| SettingsError::BackEnd(self.endpoint.clone(), what);
        if speaks_grpc(&self.endpoint) {
            let callee = Callee::read(&self.endpoint, self.tls.is_some(), self.compresses);
            return callee.map(Endpoint::Grpc).map_err(wrong);
        }
        let uri: Uri = self.endpoint.parse().map_err(|_| wrong("it is no URL"))?;
        if uri.host().is_none_or(str::is_empty) {
            return Err(wrong("a host is missing"));
        }
        Ok(Endpoint::Http(uri))
    }

    pub(super) fn read_constant(&self) -> Result<HeaderMap, String> {
        self.constant.iter().map(|(name, text)| self.field(name, text)).collect()
    }

    /// The metadata that goes before a client's.
    pub(super) fn read_credentials(&self) -> Result<HeaderMap, String> {
        self.credentials.iter().map(|(name, text)| self.field(name, text)).collect()
    }

    fn field(&self, name: &str, text: &str) -> Result<(HeaderName, HeaderValue), String> {
        let field = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("'{name}' is no name of a field"))?;
        if speaks_grpc(&self.endpoint) && !is_metadata(name) {
            return Err(format!("'{name}' is GRPC's own: it is no metadata"));
        }
        // The value may be a secret: it is not said.
        let is_value = !speaks_grpc(&self.endpoint) || is_metadata_value(name, text.as_bytes());
        let value = HeaderValue::from_str(text).ok().filter(|_| is_value);
        Ok((field, value.ok_or_else(|| format!("'{name}' has a value that no field may have"))?))
    }
}
