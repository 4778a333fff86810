//! Namespaces: options for the subjects that a pattern names.
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use crate::HistoryBounds;

/// What happens when a subscriber reads too slowly and its outbox is at its bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutboxPolicy {
    /// The connection is closed; the client comes back and recovers.
    Close,
    /// The oldest waiting publications make room.
    DropOldest,
    /// Of each subject only the newest waiting publication is kept.
    Conflate,
}

/// Options for the subjects that `pattern` names.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Which subjects.
    pub pattern: Pattern,
    /// Whether clients may subscribe.
    pub subscribe: bool,
    /// Whether clients may publish without an API key.
    pub publish: bool,
    /// How much is kept for recovery; `None`: nothing.
    pub history: Option<HistoryBounds>,
    /// Which clients may read the history.
    pub history_access: Access,
    /// Whether it is known which clients are subscribed.
    pub presence: bool,
    /// Which clients may ask who is.
    pub presence_access: Access,
    /// Whether subscribers that come and go are told of to those who ask to hear it.
    pub join_leave: bool,
    /// Whether every subscriber hears it.
    pub force_push_join_leave: bool,
    /// Overrides the server's outbox policy.
    pub outbox: Option<OutboxPolicy>,
}

impl Namespace {
    /// A namespace in which clients may do nothing and nothing is kept.
    #[must_use]
    pub fn closed(pattern: Pattern) -> Self {
        Self {
            pattern,
            subscribe: false,
            publish: false,
            history: None,
            history_access: Access::default(),
            presence: false,
            presence_access: Access::default(),
            join_leave: false,
            force_push_join_leave: false,
            outbox: None,
        }
    }
}

/// Which clients may ask something of a subject. Each field is an option of Centrifugo's.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Access {
    /// Every client with a user.
    pub client: bool,
    /// Those with a user that are subscribed to it.
    pub subscriber: bool,
    /// Where one of the others is set: clients without a user too.
    pub anonymous: bool,
}

impl Access {
    /// Whether a client may.
    #[must_use]
    pub fn admits(self, is_anonymous: bool, is_subscribed: bool) -> bool {
        (self.anonymous || !is_anonymous) && (self.client || self.subscriber && is_subscribed)
    }
}

/// Names subjects by their dot-separated tokens: `*` stands for one token, a last `>` for one or more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern(Box<str>);

/// Why a text is not a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PatternError {
    /// An empty pattern.
    Empty,
    /// A `>` that is not the last token.
    TailNotLast,
}

impl fmt::Display for PatternError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Empty => "a pattern has at least one character",
            Self::TailNotLast => "'>' stands for all that follows and must be the last token",
        })
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`PatternError`] if it is empty or has a `>` before its end.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        let mut tokens = text.rsplit('.');
        let _last = tokens.next();
        if tokens.any(|token| token == ">") {
            return Err(PatternError::TailNotLast);
        }
        Ok(Self(String::from(text).into()))
    }

    /// The pattern that names every subject.
    #[must_use]
    pub fn everything() -> Self {
        Self(">".into())
    }

    /// Whether the pattern names `subject`.
    #[must_use]
    pub fn matches(&self, subject: &str) -> bool {
        let mut wanted = self.0.split('.');
        let mut given = subject.split('.');
        loop {
            match (wanted.next(), given.next()) {
                (Some(">"), Some(_)) | (None, None) => return true,
                (Some("*"), Some(_)) => {}
                (Some(want), Some(have)) if want == have => {}
                (Some(_), _) | (None, Some(_)) => return false,
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_is_for_clients_or_subscribers_and_anonymous_alone_opens_nothing() {
        let access = |client, subscriber, anonymous| Access { client, subscriber, anonymous };
        assert!(access(true, false, false).admits(false, false) && !access(true, false, false).admits(true, true));
        assert!(access(true, false, true).admits(true, false));
        assert!(access(false, true, false).admits(false, true) && !access(false, true, true).admits(true, false));
        assert!(access(false, true, true).admits(true, true) && !access(false, false, true).admits(true, true));
    }

    #[test]
    fn patterns_match_by_token() {
        let matches = |pattern: &str, subject: &str| Pattern::parse(pattern).unwrap().matches(subject);
        assert!(matches("news.*", "news.sport"));
        assert!(!matches("news.*", "news"));
        assert!(!matches("news.*", "news.sport.tennis"));
        assert!(matches("news.>", "news.sport.tennis"));
        assert!(!matches("news.>", "news"));
        assert!(matches("news", "news") && !matches("news", "newspaper"));
        assert!(Pattern::everything().matches("anything.at.all"));
        assert_eq!(Pattern::parse("a.>.b"), Err(PatternError::TailNotLast));
        assert_eq!(Pattern::parse(""), Err(PatternError::Empty));
    }
}
