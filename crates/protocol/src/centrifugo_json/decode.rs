//! From a message to its commands.
use core::fmt;

use crate::centrifugo::{Command, Connect};
use crate::centrifugo_json::line::{command, connect};

/// What is wrong with a message; all are answered by disconnect 3501.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// A message without a command.
    Nothing,
    /// An empty line before the end.
    BlankLine,
    /// Not a command: not JSON, not an object, or a member of the wrong type.
    Malformed {
        /// Where in its line, in bytes from 1.
        column: usize,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => out.write_str("a message without a command"),
            Self::BlankLine => out.write_str("a blank line between commands"),
            Self::Malformed { column } => write!(out, "not a command at byte {column} of its line"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// The commands of one message: JSON objects, a line each.
pub type Commands<'a> = crate::commands::Commands<'a, DecodeError>;

/// The commands of `message`, a WebSocket message's payload, not necessarily UTF-8.
#[must_use]
pub fn commands(message: &[u8]) -> Commands<'_> {
    Commands::new(message, read)
}

/// What the client of a unidirectional transport says: a connect request by itself; `null` is one that says nothing.
///
/// # Errors
/// Where it is something else.
pub fn connect_request(message: &[u8]) -> Result<Connect<'_>, DecodeError> {
    connect(message)
}

fn read(rest: &[u8]) -> (usize, Result<Command<'_>, DecodeError>) {
    let line = rest.split(|&byte| byte == b'\n').next().unwrap_or(rest);
    if rest.is_empty() {
        (0, Err(DecodeError::Nothing))
    } else if line.is_empty() {
        (0, Err(DecodeError::BlankLine))
    } else {
        (rest.len().min(line.len() + 1), command(line))
    }
}

#[cfg(test)]
mod tests;
