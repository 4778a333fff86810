//! From a message to its commands.
use core::fmt;

use crate::centrifugo::Command;
use crate::centrifugo_json::line::command;

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

/// The commands of one message, in order. After an error there are no more.
///
/// A command may have to wait for another core. [`Commands::rest`] is then what to keep, and to give to [`commands`]
/// later, unless it is empty.
#[derive(Clone, Debug)]
pub struct Commands<'a> {
    message: &'a [u8],
    /// Bytes of `message` that the commands so far took, with their line feeds.
    consumed: usize,
    ended: bool,
}

/// The commands of `message`, a WebSocket message's payload, not necessarily UTF-8.
#[must_use]
pub fn commands(message: &[u8]) -> Commands<'_> {
    Commands { message, consumed: 0, ended: false }
}

impl<'a> Commands<'a> {
    /// Bytes of the message that the commands so far took, line feeds included.
    #[must_use]
    pub fn consumed(&self) -> usize {
        self.consumed
    }

    /// What comes after the commands so far; empty after the last one.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        &self.message[self.consumed..]
    }
}

impl<'a> Iterator for Commands<'a> {
    type Item = Result<Command<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest();
        if self.ended || (rest.is_empty() && self.consumed > 0) {
            return None;
        }
        let line = rest.split(|&byte| byte == b'\n').next().unwrap_or(rest);
        let command = if rest.is_empty() {
            Err(DecodeError::Nothing)
        } else if line.is_empty() {
            Err(DecodeError::BlankLine)
        } else {
            self.consumed += rest.len().min(line.len() + 1);
            command(line)
        };
        self.ended = command.is_err();
        Some(command)
    }
}

#[cfg(test)]
mod tests;
