//! Requests that are answered with an error.
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::{String, ToString};

use wire::head::HeadError;

use super::Cors;
use crate::report::Refusal;

/// A request that is answered with an error.
#[derive(Debug)]
pub(crate) struct Denied {
    pub(crate) status: u16,
    pub(crate) reason: Cow<'static, str>,
    pub(crate) refusal: Refusal,
    /// The methods that the path has, where it has not this one.
    pub(crate) allow: Option<&'static str>,
    /// The answer has no content.
    pub(crate) is_bare: bool,
    /// What a browser is told about the page that asked, so that the page sees the status.
    pub(crate) cors: Option<Box<Cors>>,
}

impl Denied {
    pub(crate) fn new(status: u16, refusal: Refusal, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { status, reason: reason.into(), refusal, allow: None, is_bare: false, cors: None }
    }

    /// The path has only these methods.
    pub(crate) fn method(allow: &'static str, reason: &'static str) -> Self {
        Self { allow: Some(allow), ..Self::new(405, Refusal::NotFound, reason) }
    }

    pub(crate) fn with(self, cors: Option<Box<Cors>>) -> Self {
        Self { cors, ..self }
    }
}

/// The answer to a head that is not HTTP, or not to the letter.
pub(crate) fn bad_head(error: &HeadError) -> Denied {
    let refusal = if error.status() == 431 { Refusal::HeadTooLarge } else { Refusal::BadRequest };
    Denied::new(error.status(), refusal, String::from("the request is not understood: ") + &error.to_string())
}
