//! The order of each connection's requests. Only connections with something under way have a line.
use std::collections::{BTreeMap, VecDeque};

use crate::event::{End, Message, Of};

/// What is under way for one connection.
#[derive(Default, Debug)]
struct Line {
    in_flight: u16,
    waiting: VecDeque<Message>,
    is_parked: bool,
    end: Option<End>,
}

/// All lines of a shard's connections.
#[derive(Default, Debug)]
pub(crate) struct Lines(BTreeMap<Of, Line>);

impl Lines {
    /// A message has come.
    pub(crate) fn push(&mut self, message: Message) {
        self.0.entry(message.of).or_default().waiting.push_back(message);
    }

    /// The connection has ended; given back if nothing of it is under way, else with its last message.
    pub(crate) fn end(&mut self, end: End) -> Option<End> {
        match self.0.get_mut(&end.of) {
            Some(line) => {
                line.end = Some(end);
                None
            }
            None => Some(end),
        }
    }

    /// The message that is next, and how many are in requests, unless the line is parked.
    pub(crate) fn peek(&self, of: Of) -> Option<(&Message, u16)> {
        let line = self.0.get(&of).filter(|line| !line.is_parked)?;
        Some((line.waiting.front()?, line.in_flight))
    }

    /// Takes the next message to send it.
    pub(crate) fn send(&mut self, of: Of) -> Option<Message> {
        let line = self.0.get_mut(&of)?;
        let message = line.waiting.pop_front()?;
        line.in_flight += 1;
        Some(message)
    }

    /// The connection waits, or no longer, until there is room at its back end.
    pub(crate) fn park(&mut self, of: Of, is_parked: bool) {
        if let Some(line) = self.0.get_mut(&of) {
            line.is_parked = is_parked;
        }
    }

    /// A message has been answered. The connection's end, if that was its last.
    pub(crate) fn done(&mut self, of: Of) -> Option<End> {
        let line = self.0.get_mut(&of)?;
        line.in_flight = line.in_flight.saturating_sub(1);
        if line.in_flight > 0 || !line.waiting.is_empty() {
            return None;
        }
        self.0.remove(&of)?.end
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Payload;

    const OF: Of = Of { shard: 0, conn: 1, generation: 2 };

    fn message(text: &'static str) -> Message {
        Message { of: OF, hook: 0, id: "a".into(), payload: Payload::Text(text.into()) }
    }

    fn end() -> End {
        End { of: OF, hook: 0, id: "a".into(), code: 1000, by: "client", reason: String::new() }
    }

    #[test]
    fn one_after_the_other_and_the_end_behind_the_last() {
        let mut lines = Lines::default();
        let next = |lines: &mut Lines, in_flight| {
            lines.peek(OF).filter(|(_, under_way)| *under_way < in_flight)?;
            lines.send(OF).map(|message| message.payload.bytes().clone())
        };
        for text in ["a", "b", "c"] {
            lines.push(message(text));
        }
        assert_eq!(next(&mut lines, 1).as_deref(), Some(&b"a"[..]));
        assert!(next(&mut lines, 1).is_none());
        assert!(lines.end(end()).is_none() && lines.done(OF).is_none());
        lines.park(OF, true);
        assert!(next(&mut lines, 2).is_none(), "it is parked");
        lines.park(OF, false);
        assert_eq!(next(&mut lines, 2).as_deref(), Some(&b"b"[..]));
        assert_eq!(next(&mut lines, 2).as_deref(), Some(&b"c"[..]));
        assert!(lines.done(OF).is_none());
        assert!(lines.done(OF).is_some() && lines.is_empty());
        assert!(lines.end(end()).is_some(), "nothing is under way");
    }
}
