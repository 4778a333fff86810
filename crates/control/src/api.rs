//! The HTTP API for backends: `POST /api/<method>`, and all methods in one stream at `POST /api`.
//!
//! Requests and answers are those of Centrifugo's HTTP API, which existing client libraries speak.
mod absent;
mod ban;
mod batch;
mod channels;
mod error;
mod history;
mod info;
mod key;
mod lenient;
mod method;
mod order;
mod presence;
mod publish;
mod subscribe;

use std::sync::Arc;

use self::batch::REPLY_BYTES_MAX;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base::Object;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::answer::{json, refuse};
use crate::app::App;
use crate::body::{self, Bounds, Missing};
use crate::half_close::Line;
use crate::{ApiRules, DataPlane};

use self::error::ApiError;
use self::method::{Call, Reply};

/// The paths of the API, all behind a key.
pub(crate) fn routes<P: DataPlane>(app: &Arc<App<P>>, path: &str) -> Router<Arc<App<P>>> {
    Router::new()
        .route(path, post(stream::<P>))
        .route(&format!("{path}/{{method}}"), post(single::<P>))
        .route_layer(from_fn_with_state(Arc::clone(app), authorize::<P>))
}

async fn authorize<P: DataPlane>(State(app): State<Arc<App<P>>>, request: Request, next: Next) -> Response {
    let admits = |rules: &ApiRules| rules.open || key::admits(&rules.keys, request.headers(), request.uri());
    if app.settings.dev || app.settings.access.look(admits) {
        return next.run(request).await;
    }
    refuse(StatusCode::UNAUTHORIZED, "the API wants a key: 'X-API-Key: KEY' or 'Authorization: apikey KEY'")
}

/// `POST /api/<method>`: the body is the method's parameters.
async fn single<P: DataPlane>(State(app): State<Arc<App<P>>>, Path(name): Path<String>, request: Request) -> Response {
    if !Call::is_known(&name) {
        return refuse(StatusCode::NOT_FOUND, "the API has no such method");
    }
    let as_status =
        app.settings.access.look(|rules| rules.errors_as_status) || wants_errors_as_status(request.headers());
    let body = match read(&app, request).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let call = match serde_json::from_slice(&body).and_then(|params| Call::parse(&name, params)) {
        Ok(Some(call)) => call,
        Ok(None) => return json(StatusCode::OK, &Answer::new(None, Err(ApiError::NOT_FOUND))),
        Err(error) => return undecodable(&error),
    };
    let is_batch = matches!(call, Call::Batch(_));
    match call.run(&app).await {
        // Its answers are told without a result around them.
        Ok(replies) if is_batch => json(StatusCode::OK, &replies),
        Err(error) if as_status => json(error.status(), &error),
        reply => json(StatusCode::OK, &Answer::new(None, reply)),
    }
}

/// A command of the stream form.
#[derive(Deserialize)]
struct Command<'a> {
    id: Option<u64>,
    /// Without one it is `publish`, as in Centrifugo.
    method: Option<&'a str>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

impl Command<'_> {
    fn method(&self) -> &str {
        self.method.unwrap_or("publish")
    }
}

#[derive(Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ApiError>,
}

impl Answer {
    fn new(id: Option<u64>, reply: Reply) -> Self {
        match reply {
            Ok(result) => Self { id, result: Some(result), error: None },
            Err(error) => Self { id, result: None, error: Some(error) },
        }
    }
}

/// `POST /api`: `{"method":…,"params":…}` one after the other; run in order, answered a line each.
async fn stream<P: DataPlane>(State(app): State<Arc<App<P>>>, request: Request) -> Response {
    let body = match read(&app, request).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    // All or nothing: whoever sent something that is no command gets none of it run.
    let commands = serde_json::Deserializer::from_slice(&body).into_iter::<Object<Command<'_>>>();
    let commands = match commands.collect::<Result<Vec<_>, _>>() {
        Ok(commands) => commands,
        Err(error) => return undecodable(&error),
    };
    if commands.is_empty() {
        return refuse(StatusCode::BAD_REQUEST, "the body has no command");
    }
    if commands.iter().any(|Object(command)| !Call::is_known(command.method())) {
        return refuse(StatusCode::BAD_REQUEST, "the API has no such method");
    }
    let mut lines = Vec::new();
    for Object(command) in commands {
        let id = command.id;
        let reply = match Call::parse(command.method(), command.params.unwrap_or(RawValue::NULL)) {
            Ok(Some(call)) => call.run(&app).await,
            Ok(None) => Err(ApiError::NOT_FOUND),
            Err(error) => Err(ApiError::bad_request(&error.to_string())),
        };
        let reply = match reply {
            Ok(_) if lines.len() > REPLY_BYTES_MAX => Err(ApiError::bad_request("done, but the answers are too long")),
            reply => reply,
        };
        if !lines.is_empty() {
            lines.push(b'\n');
        }
        let begin = lines.len();
        if serde_json::to_writer(&mut lines, &Answer::new(id, reply)).is_err() {
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written");
        }
        flatten(&mut lines, begin);
    }
    ([(header::CONTENT_TYPE, "application/json")], lines).into_response()
}

/// Payloads are told as they were published, over several lines too; in the text of JSON a line break is only space.
fn flatten(lines: &mut Vec<u8>, begin: usize) {
    let mut line = lines.split_off(begin);
    line.retain(|byte| !matches!(byte, b'\n' | b'\r'));
    lines.append(&mut line);
}

fn undecodable(error: &serde_json::Error) -> Response {
    refuse(StatusCode::BAD_REQUEST, &format!("the body is not what the method takes: {error}"))
}

fn wants_errors_as_status(headers: &HeaderMap) -> bool {
    headers.get("x-centrifugo-error-mode").is_some_and(|mode| mode == "transport")
}

/// The body, bounded in bytes and time; or the refusal.
async fn read<P>(app: &App<P>, request: Request) -> Result<Vec<u8>, Response> {
    let plain = request.headers().get(header::CONTENT_ENCODING).is_none_or(|coding| coding == "identity");
    if !plain {
        return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body has to come without a content coding"));
    }
    let settings = &app.settings;
    let bytes_max = settings.body_bytes_max;
    let bounds = Bounds { bytes_max, time_max: settings.body_timeout, silence_max: settings.drain_silence };
    let line = request.extensions().get::<Line>().cloned();
    body::read(request.into_body(), bounds, line.as_ref(), &app.draining).await.map_err(|missing| match missing {
        Missing::BrokenOff => refuse(StatusCode::BAD_REQUEST, "the body broke off"),
        Missing::Draining => {
            refuse(StatusCode::SERVICE_UNAVAILABLE, "the server is shutting down, and the body did not arrive")
        }
        Missing::TooLong => {
            refuse(StatusCode::PAYLOAD_TOO_LARGE, &format!("the body is longer than {bytes_max} bytes"))
        }
        Missing::TooSlow => refuse(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"),
    })
}
