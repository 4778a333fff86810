//! Answers that every part gives alike.
use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The body of every refusal: `{"error":"words"}`.
#[derive(Serialize)]
struct Refused<'a> {
    error: &'a str,
}

/// A refusal in words.
pub(crate) fn refuse(status: StatusCode, words: &str) -> Response {
    (status, Json(Refused { error: words })).into_response()
}

/// 404: no such path.
pub(crate) async fn not_found() -> Response {
    refuse(StatusCode::NOT_FOUND, "there is nothing at this path")
}

/// 405: the path is there, the method is not. axum adds `Allow`.
pub(crate) async fn method_not_allowed() -> Response {
    refuse(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method")
}

/// A body in JSON.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    (status, Json(body)).into_response()
}

/// What browsers are told about every answer of ours: nothing from elsewhere, nothing framed, nothing guessed.
const HARDENING: [(HeaderName, HeaderValue); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
];

/// Adds the headers that all our answers have.
pub(crate) async fn harden(mut answer: Response) -> Response {
    for (name, value) in HARDENING {
        answer.headers_mut().entry(name).or_insert(value);
    }
    answer
}
