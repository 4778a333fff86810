//! Event proxies over GRPC: a question is a unary call of `centrifugal.centrifugo.proxy.CentrifugoProxy`, which is an HTTP/2 `POST` with one
//! message each way ("gRPC over HTTP2", the protocol's own description).
//!
//! The engine's client sends it, like all requests. What is beside HTTP is a prefix of five bytes, three header fields and a status behind the
//! body; docs/DECISIONS.md says why no library does that.
use std::io::{Read as _, Write as _};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE};
use hyper::http::uri::{Authority, Scheme};
use hyper::{Method, Request, StatusCode, Uri};

use crate::exchange::Answer;
use crate::figures::Ended;
use crate::{About, Ask};

pub(crate) use answer::told;

mod answer;
mod message;
mod question;

const SERVICE: &str = "centrifugal.centrifugo.proxy.CentrifugoProxy";
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// The port of an endpoint that names none, as GRPC's own libraries have it.
const PORT: &str = "443";

/// What goes before a message: whether it is compressed, and how long it is.
pub(crate) const PREFIX_BYTES: usize = 5;

/// Whether an endpoint is one of GRPC: all are that don't say HTTP.
#[must_use]
pub fn speaks_grpc(endpoint: &str) -> bool {
    !endpoint.starts_with("http://") && !endpoint.starts_with("https://")
}

/// A back end that is called.
#[derive(Clone, Debug)]
pub(crate) struct Callee {
    scheme: Scheme,
    authority: Authority,
    /// Whether questions are compressed.
    compresses: bool,
}

impl Callee {
    /// Reads the endpoint: `grpc://host:port`, `dns:///host:port` or only `host:port`. Says what is wrong with it.
    pub(crate) fn read(endpoint: &str, has_tls: bool, compresses: bool) -> Result<Self, &'static str> {
        let host = endpoint.strip_prefix("grpc://").or_else(|| endpoint.strip_prefix("dns:///")).unwrap_or(endpoint);
        if host.contains("://") {
            return Err("it begins with http://, https:// or grpc://, or is host:port for GRPC");
        }
        let host = host.strip_suffix('/').unwrap_or(host);
        if host.contains(['/', '?', '#']) {
            return Err("it is neither a URL with http:// or https:// nor, for GRPC, host:port alone");
        }
        if host.contains('@') {
            return Err("a user and a password in a URL are not sent");
        }
        let authority: Authority = host.parse().map_err(|_| "it is neither a URL nor host:port")?;
        if authority.host().is_empty() {
            return Err("a host is missing");
        }
        let authority = match authority.port() {
            Some(port) if authority.port_u16().is_some_and(|port| port > 0) || port.as_str().is_empty() => authority,
            Some(_) => return Err("a port is from 1 to 65535"),
            None => format!("{host}:{PORT}").parse().map_err(|_| "it is neither a URL nor host:port")?,
        };
        let scheme = if has_tls { Scheme::HTTPS } else { Scheme::HTTP };
        Ok(Self { scheme, authority, compresses })
    }

    /// The body of a call.
    pub(crate) fn body(&self, ask: &Ask, is_binary: bool, wants_meta: bool) -> Option<Bytes> {
        let message = ask.message(is_binary, wants_meta);
        frame(&if self.compresses { deflated(&message)? } else { message }, self.compresses)
    }

    /// The call; `left` is how long it may take.
    pub(crate) fn request(
        &self,
        about: &About,
        body: Bytes,
        metadata: HeaderMap,
        left: Duration,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        let path = format!("/{SERVICE}/{}", about.method());
        let uri = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone()).path_and_query(path);
        // All of its parts are parts of URLs.
        *request.uri_mut() = uri.build().unwrap_or_default();
        let fields = request.headers_mut();
        *fields = metadata;
        fields.insert(CONTENT_TYPE, GRPC);
        fields.insert(TE, HeaderValue::from_static("trailers"));
        fields.insert(ACCEPT_ENCODING, GZIP);
        if self.compresses {
            fields.insert(ENCODING, GZIP);
        }
        // At most eight digits: a day has that many milliseconds.
        let millis = format!("{}m", left.as_millis().clamp(1, 99_999_999));
        if let Ok(millis) = HeaderValue::try_from(millis) {
            fields.insert(TIMEOUT, millis);
        }
        request
    }
}

/// Whether a name may be one of metadata: a library that gets it otherwise refuses the call, or takes it for its own.
pub(crate) fn is_metadata(name: &str) -> bool {
    !name.starts_with("grpc-") && name != "te" && name != "content-type"
}

/// Whether it may be its value: bytes by the name, or else printable ASCII.
pub(crate) fn is_metadata_value(name: &str, value: &[u8]) -> bool {
    name.ends_with("-bin") || value.iter().all(|byte| (b' '..=b'~').contains(byte))
}

/// Header fields as metadata. What ends with `-bin` is base64; of the rest what is not printable ASCII is left out, as no back end takes it.
pub(crate) fn metadata(fields: &HeaderMap) -> HeaderMap {
    let one = |(name, value): (&HeaderName, &HeaderValue)| {
        if name.as_str().ends_with("-bin") {
            let base64 = STANDARD_NO_PAD.encode(value.as_bytes());
            return Some((name.clone(), HeaderValue::try_from(base64).ok()?));
        }
        let is_sent = is_metadata(name.as_str()) && is_metadata_value(name.as_str(), value.as_bytes());
        is_sent.then(|| (name.clone(), value.clone()))
    };
    fields.iter().filter_map(one).collect()
}

/// The message of an answer of at most `bytes_max`, if the call went well.
pub(crate) fn message(answer: &Answer, bytes_max: usize) -> Result<Bytes, Ended> {
    if answer.status != StatusCode::OK {
        return Err(Ended::Status);
    }
    let kind = answer.fields.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let rest = kind.strip_prefix(GRPC.as_bytes());
    if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+proto") || rest.starts_with(b";")) {
        return Err(Ended::ContentType);
    }
    // Where there is no body, and so nothing behind it, the status is in the head.
    let behind = answer.trailers.as_ref().and_then(|trailers| trailers.get(STATUS));
    match behind.or_else(|| answer.fields.get(STATUS)).map(HeaderValue::as_bytes) {
        Some(b"0") => {}
        // DEADLINE_EXCEEDED.
        Some(b"4") => return Err(Ended::TimedOut),
        // RESOURCE_EXHAUSTED, and UNAVAILABLE, which is GRPC's 503.
        Some(b"8" | b"14") => return Err(Ended::Busy),
        Some(_) => return Err(Ended::Status),
        None => return Err(Ended::NoStatus),
    }
    unframed(&answer.body, answer.fields.get(ENCODING), bytes_max)
}

fn unframed(body: &Bytes, encoding: Option<&HeaderValue>, bytes_max: usize) -> Result<Bytes, Ended> {
    let Some((&[flag, a, b, c, d], rest)) = body.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(Ended::BadText);
    };
    if flag > 1 || usize::try_from(u32::from_be_bytes([a, b, c, d])) != Ok(rest.len()) {
        return Err(Ended::BadText);
    }
    if flag == 0 {
        return Ok(body.slice(PREFIX_BYTES..));
    }
    if encoding != Some(&GZIP) {
        return Err(Ended::Compressed);
    }
    let mut message = Vec::new();
    let mut inflater = GzDecoder::new(rest).take(bytes_max as u64 + 1);
    inflater.read_to_end(&mut message).map_err(|_| Ended::BadText)?;
    if message.len() > bytes_max { Err(Ended::TooLarge) } else { Ok(message.into()) }
}

/// `None` for a message of 4 GiB.
fn frame(message: &[u8], is_deflated: bool) -> Option<Bytes> {
    let length = u32::try_from(message.len()).ok()?.to_be_bytes();
    Some([&[u8::from(is_deflated)], &length[..], message].concat().into())
}

fn deflated(message: &[u8]) -> Option<Vec<u8>> {
    let mut deflater = GzEncoder::new(Vec::new(), Compression::fast());
    deflater.write_all(message).ok()?;
    deflater.finish().ok()
}

#[cfg(test)]
mod tests;
