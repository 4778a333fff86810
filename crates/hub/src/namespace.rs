//! Namespaces: options for the subjects that a pattern names.
use alloc::sync::Arc;
use core::time::Duration;

use crate::HistoryBounds;

mod options;
mod pattern;

pub use options::{Access, DataFormat, NameRule, Names, Offer, OutboxPolicy, Override};
pub use pattern::{Pattern, PatternError};

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
