//! Which subjects a namespace is for.
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use crate::Naming;

/// Names subjects: by their dot-separated tokens, where `*` stands for one token and a last `>` for one or more; or by the name of
/// the namespace that they carry themselves, as Centrifugo does it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern(Scope);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Scope {
    Tokens(Box<str>),
    /// The channels that carry this name, or none.
    Carried(Option<Box<str>>, Arc<Naming>),
}

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
        Ok(Self(Scope::Tokens(String::from(text).into())))
    }

    /// The pattern that names every subject.
    #[must_use]
    pub fn everything() -> Self {
        Self(Scope::Tokens(">".into()))
    }

    /// The pattern of the channels whose names carry `namespace`; without one, of those that carry none.
    #[must_use]
    pub fn carrying(namespace: Option<&str>, naming: &Arc<Naming>) -> Self {
        Self(Scope::Carried(namespace.map(Box::from), Arc::clone(naming)))
    }

    /// Whether the pattern names `subject`.
    #[must_use]
    pub fn matches(&self, subject: &str) -> bool {
        let tokens = match &self.0 {
            Scope::Tokens(tokens) => tokens,
            Scope::Carried(namespace, naming) => return naming.split(subject).0 == namespace.as_deref(),
        };
        let mut wanted = tokens.split('.');
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

    /// The part of a subject that [`crate::Names`] are asked about.
    #[must_use]
    pub fn rest<'a>(&self, subject: &'a str) -> &'a str {
        match &self.0 {
            Scope::Tokens(_) => subject,
            Scope::Carried(_, naming) => naming.split(subject).1,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Scope::Tokens(tokens) => out.write_str(tokens),
            Scope::Carried(Some(namespace), naming) => write!(out, "{namespace}{}…", naming.namespace_boundary),
            Scope::Carried(None, _) => out.write_str("channels without a namespace"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_carry_their_namespace() {
        let naming = Arc::new(Naming::default());
        let chat = Pattern::carrying(Some("chat"), &naming);
        assert!(chat.matches("chat:room") && chat.matches("$chat:room") && !chat.matches("chatter:room"));
        assert!(!chat.matches("chat") && !chat.matches("chat.room"));
        let bare = Pattern::carrying(None, &naming);
        assert!(bare.matches("chat") && bare.matches("$chat") && !bare.matches("chat:room"));
        assert_eq!((chat.rest("chat:a:b"), Pattern::everything().rest("a.b")), ("a:b", "a.b"));
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
