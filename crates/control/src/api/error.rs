//! Errors of the API: their numbers are Centrifugo's.
use std::borrow::Cow;

use axum::http::StatusCode;
use serde::Serialize;

use crate::{BanError, HistoryError, OrderError, PresenceError, PublishError, SubjectsError};

/// `{"code":…,"message":…}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct ApiError {
    code: u16,
    message: Cow<'static, str>,
}

impl ApiError {
    pub(crate) const INTERNAL: Self = Self::new(100, "internal server error");
    pub(crate) const NOT_FOUND: Self = Self::new(104, "not found");

    const UNKNOWN_CHANNEL: Self = Self::new(102, "unknown channel");
    const UNRECOVERABLE: Self = Self::new(112, "unrecoverable position");

    const fn new(code: u16, message: &'static str) -> Self {
        Self { code, message: Cow::Borrowed(message) }
    }

    /// The parameters break a rule.
    pub(crate) fn bad_request(rule: &str) -> Self {
        Self { code: 107, message: format!("bad request: {rule}").into() }
    }

    /// A parameter is missing.
    pub(crate) fn missing(name: &str) -> Self {
        Self::bad_request(&format!("'{name}' is missing"))
    }

    /// Centrifugo has it, this server does not, or has it switched off.
    pub(crate) fn not_available(what: &str) -> Self {
        Self { code: 108, message: format!("not available: {what}").into() }
    }

    /// The HTTP status in the error mode `transport`.
    pub(crate) fn status(&self) -> StatusCode {
        match self.code {
            102 | 104 => StatusCode::NOT_FOUND,
            107 | 108 => StatusCode::BAD_REQUEST,
            112 => StatusCode::RANGE_NOT_SATISFIABLE,
            113 => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<PublishError> for ApiError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::BadSubject(_) | PublishError::TooLarge { .. } | PublishError::BadData => {
                Self::bad_request(&error.to_string())
            }
            PublishError::UnknownSubject => Self::UNKNOWN_CHANNEL,
            PublishError::Unavailable => Self::INTERNAL,
        }
    }
}

impl From<HistoryError> for ApiError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::BadSubject(_) => Self::bad_request(&error.to_string()),
            HistoryError::UnknownSubject => Self::UNKNOWN_CHANNEL,
            HistoryError::NotKept => Self::not_available("the subject keeps no history"),
            HistoryError::OtherEpoch => Self::UNRECOVERABLE,
            HistoryError::Unavailable => Self::INTERNAL,
        }
    }
}

impl From<PresenceError> for ApiError {
    fn from(error: PresenceError) -> Self {
        match error {
            PresenceError::BadSubject(_) | PresenceError::TooMany => Self::bad_request(&error.to_string()),
            PresenceError::UnknownSubject => Self::UNKNOWN_CHANNEL,
            PresenceError::Off => Self::not_available("the subject keeps no presence"),
            PresenceError::Unavailable => Self::INTERNAL,
        }
    }
}

impl From<OrderError> for ApiError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::BadSubject(_) | OrderError::Over => Self::bad_request(&error.to_string()),
            OrderError::UnknownSubject => Self::UNKNOWN_CHANNEL,
            OrderError::Unavailable => Self::INTERNAL,
        }
    }
}

impl From<BanError> for ApiError {
    fn from(error: BanError) -> Self {
        match error {
            BanError::Full { .. } => Self::not_available(&error.to_string()),
            BanError::Over | BanError::TooLong { .. } => Self::bad_request(&error.to_string()),
            BanError::NotSaved(_) => {
                Self { message: format!("internal server error: {error}").into(), ..Self::INTERNAL }
            }
            BanError::Unavailable => Self::INTERNAL,
        }
    }
}

impl From<SubjectsError> for ApiError {
    fn from(error: SubjectsError) -> Self {
        match error {
            SubjectsError::TooMany => Self::bad_request(&error.to_string()),
            SubjectsError::Unavailable => Self::INTERNAL,
        }
    }
}
