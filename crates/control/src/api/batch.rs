//! `batch`: several methods in one request, one after the other or at once.
use std::collections::BTreeMap;

use base::Object;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::DataPlane;
use crate::app::App;

use super::error::ApiError;
use super::lenient::or_default;
use super::method::{Method, Reply, Single};

/// Most methods of one batch: their answers are kept until the last one is there.
pub(crate) const COMMANDS_MAX: usize = 1_000;

/// Most bytes of their answers; what would be more is answered with an error, though it has been done.
pub(crate) const REPLY_BYTES_MAX: usize = 64 << 20;

/// Methods of one batch that are on their way at a time.
const AHEAD: usize = 64;

/// The parameters.
#[derive(Debug, Deserialize)]
pub(crate) struct Params<'a> {
    /// Objects with one member each: a method's name and its parameters.
    #[serde(borrow, default, deserialize_with = "or_default")]
    commands: Vec<Option<Object<BTreeMap<String, &'a RawValue>>>>,
    #[serde(default, deserialize_with = "or_default")]
    parallel: bool,
}

/// Several methods.
#[derive(Debug)]
pub(crate) struct Batch {
    commands: Vec<Result<(&'static str, Single), ApiError>>,
    parallel: bool,
}

/// An answer a method, in the order asked.
#[derive(Debug, Serialize)]
pub(crate) struct Replies {
    replies: Vec<BTreeMap<&'static str, Told>>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Told {
    Result(Box<RawValue>),
    Error(ApiError),
}

impl Batch {
    /// Decodes all of them; if one can't be, none is run.
    pub(crate) fn parse(params: &Params<'_>) -> serde_json::Result<Self> {
        let read = |command: &Option<Object<BTreeMap<String, &RawValue>>>| {
            let Some(Object(command)) = command else {
                return Ok(Err(ApiError::bad_request("a command is null")));
            };
            let said = |name: &str| command.get(name).filter(|params| params.get() != "null");
            let mut found = Method::ALL.iter().filter_map(|(name, method)| Some((*name, *method, *said(name)?)));
            let Some((name, method, params)) = found.next() else {
                return Ok(Err(ApiError::NOT_FOUND));
            };
            if let Some((second, ..)) = found.next() {
                // Rather than to run one of them and not to tell of the other.
                return Ok(Err(ApiError::bad_request(&format!(
                    "a command has one method, not '{name}' and '{second}'"
                ))));
            }
            Single::parse(method, params).map(|single| Ok((name, single)))
        };
        let commands = params.commands.iter().map(read).collect::<serde_json::Result<_>>()?;
        Ok(Self { commands, parallel: params.parallel })
    }

    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Result<Replies, ApiError> {
        let Self { commands, parallel } = self;
        if commands.len() > COMMANDS_MAX {
            return Err(ApiError::bad_request(&format!("a batch has at most {COMMANDS_MAX} commands")));
        }
        // Made here, and run when their turn comes.
        let commands: Vec<_> = commands.into_iter().map(|command| run(command, app)).collect();
        let ahead = if parallel { AHEAD } else { 1 };
        let mut answers = std::pin::pin!(stream::iter(commands).buffered(ahead));
        let (mut replies, mut bytes) = (Vec::new(), 0);
        while let Some((name, reply)) = answers.next().await {
            bytes += reply.as_ref().map_or(0, |result| result.get().len());
            let reply = match reply {
                Ok(_) if bytes > REPLY_BYTES_MAX => Err(ApiError::bad_request("done, but the answers are too long")),
                reply => reply,
            };
            replies.push(BTreeMap::from([match reply {
                Ok(result) => (name, Told::Result(result)),
                Err(error) => ("error", Told::Error(error)),
            }]));
        }
        Ok(Replies { replies })
    }
}

async fn run(command: Result<(&'static str, Single), ApiError>, app: &App<impl DataPlane>) -> (&'static str, Reply) {
    match command {
        Ok((name, single)) => (name, single.run(app).await),
        Err(error) => ("error", Err(error)),
    }
}
