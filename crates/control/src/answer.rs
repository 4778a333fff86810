//! Answers that every part gives alike.
use axum::Json;
use axum::http::StatusCode;
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
