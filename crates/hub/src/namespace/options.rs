//! What the options of a namespace may be, and what each of them decides.
use alloc::sync::Arc;
use core::fmt;

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
}
