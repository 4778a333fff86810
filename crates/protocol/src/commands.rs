//! A message's commands, one after the other, whatever they are written in.
use crate::centrifugo::Command;

/// How a codec reads the first command of what is left of a message, and how many bytes it took. What is left is empty only if the
/// message is.
pub(crate) type Read<'a, E> = fn(&'a [u8]) -> (usize, Result<Command<'a>, E>);

/// The commands of one message, in order. After an error there are no more.
///
/// A command may have to wait for another core. [`Commands::rest`] is then what to keep, and to read on from
/// later, unless it is empty.
#[derive(Clone, Debug)]
pub struct Commands<'a, E> {
    message: &'a [u8],
    /// Bytes of `message` that the commands so far took, with what separates them.
    consumed: usize,
    ended: bool,
    read: Read<'a, E>,
}

impl<'a, E> Commands<'a, E> {
    pub(crate) fn new(message: &'a [u8], read: Read<'a, E>) -> Self {
        Self { message, consumed: 0, ended: false, read }
    }

    /// Bytes of the message that the commands so far took, line feeds or lengths included.
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

impl<'a, E> Iterator for Commands<'a, E> {
    type Item = Result<Command<'a>, E>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended || (self.rest().is_empty() && self.consumed > 0) {
            return None;
        }
        let (taken, command) = (self.read)(self.rest());
        self.consumed += taken;
        self.ended = command.is_err();
        Some(command)
    }
}
