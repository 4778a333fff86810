//! Namespaces: options for the subjects that a pattern names.
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use crate::{HistoryBounds, Naming};

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
    /// Which clients may subscribe without a token. Nobody is a subscriber yet: that field does not count.
    pub subscribe: Access,
    /// Which clients may publish without an API key.
    pub publish: Access,
    /// The proxy that is asked who may subscribe without a token, whatever else is said here.
    pub subscribe_proxy: Option<Arc<str>>,
    /// The proxy that is asked who may publish, and what.
    pub publish_proxy: Option<Arc<str>>,
    /// The proxy that is asked who may stay subscribed whose time is over; clients do not refresh subscriptions then.
    pub sub_refresh_proxy: Option<Arc<str>>,
    /// Whether a channel whose name ends in a list of users is for them, without a token.
    pub user_limited: bool,
    /// Which names clients may use.
    pub names: Names,
    /// What a publication has to be.
    pub format: DataFormat,
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
    /// Whether subscriptions have a position.
    pub positioning: Offer,
    /// Whether subscriptions recover; one that does has a position.
    pub recovery: Offer,
    /// Whether who recovers gets the newest publication only, from wherever he comes.
    pub cache: bool,
    /// With `cache`: whether he gets it without asking.
    pub auto_cache: bool,
    /// How long a position is kept after the last publication; if that is shorter than the history keeps, as long as that.
    pub position_age: Duration,
    /// Whether subscriptions may choose by tags.
    pub tags_filter: bool,
    /// Whether subscriptions may have publications told as deltas.
    pub delta: bool,
    /// Whether every publication is told as a delta to those, and not only those whose publisher says so.
    pub delta_publish: bool,
    /// Whether clients may subscribe to patterns of its subjects.
    pub wildcards: bool,
    /// Subscribers are sent the newest publication of a subject so often at most; zero: all of them at once.
    pub conflate: Duration,
    /// Overrides the server's outbox policy.
    pub outbox: Option<OutboxPolicy>,
}

impl Namespace {
    /// The one of `all` that names a subject or a pattern: the first that fits.
    #[must_use]
    pub fn of<'n>(all: &'n [Self], name: &str) -> Option<&'n Self> {
        all.iter().find(|namespace| namespace.pattern.matches(name))
    }

    /// Where in `all` that one is.
    #[must_use]
    pub fn position_of(all: &[Self], name: &str) -> Option<usize> {
        all.iter().position(|namespace| namespace.pattern.matches(name))
    }

    /// A namespace in which clients may do nothing and nothing is kept. With a history, subscriptions recover.
    #[must_use]
    pub fn closed(pattern: Pattern) -> Self {
        Self {
            pattern,
            subscribe: Access::default(),
            publish: Access::default(),
            subscribe_proxy: None,
            publish_proxy: None,
            sub_refresh_proxy: None,
            user_limited: false,
            names: Names::Any,
            format: DataFormat::default(),
            history: None,
            history_access: Access::default(),
            presence: false,
            presence_access: Access::default(),
            join_leave: false,
            force_push_join_leave: false,
            positioning: Offer::Withheld,
            recovery: Offer::Always,
            cache: false,
            auto_cache: false,
            position_age: Duration::ZERO,
            tags_filter: false,
            delta: false,
            delta_publish: false,
            wildcards: false,
            conflate: Duration::ZERO,
            outbox: None,
        }
    }
}

/// Whether subscriptions get something that costs the server.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Offer {
    /// Only those that may read the history, if they ask for it.
    #[default]
    Withheld,
    /// Those that ask for it.
    OnRequest,
    /// All of them.
    Always,
}

/// What one subscription has otherwise than its namespace says: of a token, or of the API.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Override {
    /// Whether it is counted and listed among those who are present.
    pub presence: Option<bool>,
    /// Whether others are told that it comes and goes.
    pub join_leave: Option<bool>,
    /// Whether it is told who comes and goes.
    pub force_push_join_leave: Option<bool>,
    /// Whether it has a position.
    pub force_positioning: Option<bool>,
    /// Whether it recovers.
    pub force_recovery: Option<bool>,
}

impl Offer {
    /// The offer if something else is forced, or not forced.
    #[must_use]
    pub fn forced(self, otherwise: Option<bool>) -> Self {
        match otherwise {
            Some(true) => Self::Always,
            Some(false) if self == Self::Always => Self::Withheld,
            Some(false) | None => self,
        }
    }

    /// Whether a subscription gets it.
    #[must_use]
    pub fn grants(self, is_requested: bool, may_read_history: bool) -> bool {
        match self {
            Self::Withheld => is_requested && may_read_history,
            Self::OnRequest => is_requested,
            Self::Always => true,
        }
    }
}

/// Which names of channels clients may use; each is a subject's name besides.
#[derive(Clone, Default, Debug)]
pub enum Names {
    /// All.
    #[default]
    Any,
    /// Those of ASCII characters.
    Ascii,
    /// Those that fit; it is asked about the part behind the namespace's name.
    Fitting(Arc<dyn NameRule>),
}

impl Names {
    /// Whether a client may use the name. `rest` is the part of `channel` behind the namespace's name.
    #[must_use]
    pub fn admit(&self, channel: &str, rest: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Ascii => channel.is_ascii(),
            Self::Fitting(rule) => rule.admits(rest),
        }
    }
}

/// A rule that names have to keep. It is asked on a core's thread, about names of at most [`base::SUBJECT_BYTES_MAX`] bytes: its time has
/// to be linear in them.
pub trait NameRule: fmt::Debug + Send + Sync {
    /// Whether the name fits.
    fn admits(&self, name: &str) -> bool;
}

/// What a publication of a client or of the API has to be.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum DataFormat {
    /// Something.
    #[default]
    NotEmpty,
    /// JSON.
    Json,
    /// A JSON object.
    JsonObject,
    /// Anything, nothing included.
    Binary,
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
    /// Everybody may.
    pub const ALL: Self = Self { client: true, subscriber: true, anonymous: true };

    /// Whether a client may.
    #[must_use]
    pub fn admits(self, is_anonymous: bool, is_subscribed: bool) -> bool {
        (self.anonymous || !is_anonymous) && (self.client || self.subscriber && is_subscribed)
    }
}

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

    /// The part of a subject that [`Names`] are asked about.
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
    fn access_is_for_clients_or_subscribers_and_anonymous_alone_opens_nothing() {
        let access = |client, subscriber, anonymous| Access { client, subscriber, anonymous };
        assert!(access(true, false, false).admits(false, false) && !access(true, false, false).admits(true, true));
        assert!(access(true, false, true).admits(true, false));
        assert!(access(false, true, false).admits(false, true) && !access(false, true, true).admits(true, false));
        assert!(access(false, true, true).admits(true, true) && !access(false, false, true).admits(true, true));
    }

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
    fn what_is_withheld_is_for_those_who_may_read_the_history() {
        assert!(Offer::Withheld.grants(true, true) && !Offer::Withheld.grants(true, false));
        assert!(!Offer::Withheld.grants(false, true) && !Offer::OnRequest.grants(false, true));
        assert!(Offer::OnRequest.grants(true, false) && Offer::Always.grants(false, false));
        assert_eq!(Offer::Withheld.forced(Some(true)), Offer::Always);
        assert_eq!(Offer::Always.forced(Some(false)), Offer::Withheld);
        assert_eq!(Offer::OnRequest.forced(Some(false)), Offer::OnRequest);
        assert_eq!(Offer::Always.forced(None), Offer::Always);
    }

    #[test]
    fn names_are_of_ascii_unless_a_rule_says_otherwise() {
        #[derive(Debug)]
        struct Short;
        impl NameRule for Short {
            fn admits(&self, name: &str) -> bool {
                name.len() < 4
            }
        }
        assert!(Names::Any.admit("n:köln", "köln") && !Names::Ascii.admit("n:köln", "köln"));
        let short = Names::Fitting(Arc::new(Short));
        assert!(short.admit("long:ö", "ö") && !short.admit("n:long", "long"));
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
