//! Methods that are known, and of which there is nothing here: each says why.
use serde::{Deserialize, Serialize};

use crate::DataPlane;
use crate::app::App;

use super::error::ApiError;
use super::lenient::or_default;

/// A method of maps or shared polls; whatever its parameters.
#[derive(Debug, Deserialize)]
pub(crate) struct Absent {}

/// Calls an extension of the server.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Rpc {
    #[serde(default, deserialize_with = "or_default")]
    method: String,
}

/// There is never a result.
#[derive(Debug, Serialize)]
pub(crate) enum Never {}

impl Absent {
    #[expect(clippy::unused_async, reason = "as every method")]
    pub(crate) async fn run(self, _app: &App<impl DataPlane>) -> Result<Never, ApiError> {
        Err(ApiError::bad_request("every channel here is a stream: there are no maps and no shared polls"))
    }
}

impl Rpc {
    #[expect(clippy::unused_async, reason = "as every method")]
    pub(crate) async fn run(self, _app: &App<impl DataPlane>) -> Result<Never, ApiError> {
        Err(if self.method.is_empty() { ApiError::missing("method") } else { ApiError::NOT_FOUND })
    }
}
