//! What clients may do: the options of their namespace, and what the server permits whatever those say (the protocol page, sections
//! 4.3, 4.6 and 4.7).
use alloc::sync::Arc;

use base::ConnId;
use hub::{DataFormat, Namespace, Operation, Override, Ruling, is_pattern};
use protocol::centrifugo::Subscribe;
use protocol::is_json;

use crate::config::Admission;
use crate::shard::Shard;

/// What a subscription gets of what its namespace has to offer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Features {
    /// The client is told where its subscription stands.
    pub(crate) positioned: bool,
    /// It may resume from there.
    pub(crate) recoverable: bool,
    /// Publications may be told as deltas.
    pub(crate) delta: bool,
    /// What recovery brings is the newest publication.
    pub(crate) cache: bool,
    /// Even if it is not asked for.
    pub(crate) auto_cache: bool,
}

/// Whether a client may use a channel of this name.
pub(crate) fn to_name(namespace: &Namespace, channel: &str) -> bool {
    namespace.names.admit(channel, namespace.pattern.rest(channel))
}

/// Whether `user`, empty for an anonymous one, may subscribe without a token: rules 1, 3, 6 and 7 of section 4.3.
pub(crate) fn to_subscribe(admission: &Admission, namespace: &Namespace, channel: &str, user: &str) -> bool {
    let naming = &admission.naming;
    if naming.is_private(channel) {
        return false;
    }
    let is_limited = namespace.user_limited && naming.is_limited(channel);
    is_limited && naming.lists(channel, user)
        || !is_limited && namespace.subscribe_proxy.is_none() && namespace.subscribe.admits(user.is_empty(), false)
        || admission.insecure && (namespace.subscribe_proxy.is_none() || is_limited)
}

/// The proxy that decides who may subscribe without a token, if one does: rule 4.
pub(crate) fn asked_to_subscribe<'n>(
    admission: &Admission,
    namespace: &'n Namespace,
    channel: &str,
) -> Option<&'n Arc<str>> {
    let naming = &admission.naming;
    let is_limited = namespace.user_limited && naming.is_limited(channel);
    let is_others = is_limited || naming.is_private(channel) || is_pattern(channel);
    namespace.subscribe_proxy.as_ref().filter(|_| !is_others)
}

/// Whether a client may publish without a key.
pub(crate) fn to_publish(
    admission: &Admission,
    namespace: &Namespace,
    is_anonymous: bool,
    is_subscribed: bool,
) -> bool {
    namespace.publish.admits(is_anonymous, is_subscribed) || admission.insecure
}

/// Whether a client may read what the namespace keeps.
pub(crate) fn to_read(admission: &Admission, namespace: &Namespace, is_anonymous: bool, is_subscribed: bool) -> bool {
    namespace.history_access.admits(is_anonymous, is_subscribed) || admission.insecure
}

/// Whether a client may see who is subscribed.
pub(crate) fn to_see(admission: &Admission, namespace: &Namespace, is_anonymous: bool, is_subscribed: bool) -> bool {
    namespace.presence_access.admits(is_anonymous, is_subscribed) || admission.insecure
}

/// Whether a publication may be these bytes.
#[must_use]
pub fn to_carry(format: DataFormat, data: &[u8]) -> bool {
    match format {
        DataFormat::NotEmpty => !data.is_empty(),
        DataFormat::Json => is_json(data),
        DataFormat::JsonObject => data.trim_ascii_start().first() == Some(&b'{') && is_json(data),
        DataFormat::Binary => true,
    }
}

impl Shard {
    /// What a subscription gets: what is asked for in vain is left out, without an error.
    pub(crate) fn features(
        &self,
        conn: ConnId,
        subject: u32,
        subscribe: &Subscribe<'_>,
        changes: &Override,
    ) -> Features {
        // A pattern has no place, no history and nothing that comes before.
        if is_pattern(&subscribe.channel) {
            return Features::default();
        }
        let is_anonymous = self.user(conn).is_empty();
        // It is subscribing, so that it is as good as a subscriber.
        let admits = |namespace| to_read(&self.config.admission, namespace, is_anonymous, true);
        let by_namespace = || self.hub.namespace(subject).is_some_and(admits);
        let may_read = self.permits(conn, Operation::History, &subscribe.channel, by_namespace);
        // Whoever asks to recover asks for a subscription that can.
        let asks = Features {
            positioned: subscribe.positioned,
            recoverable: subscribe.recoverable || subscribe.recover,
            delta: !subscribe.delta.is_empty(),
            ..Features::default()
        };
        self.features_of(conn, subject, may_read, asks, changes)
    }

    /// The same for one who asks for `asks`, and may read the history or not.
    pub(crate) fn features_of(
        &self,
        conn: ConnId,
        subject: u32,
        may_read: bool,
        asks: Features,
        changes: &Override,
    ) -> Features {
        let Some(namespace) = self.hub.namespace(subject) else {
            return Features::default();
        };
        let delta = namespace.delta && asks.delta;
        // Recovering is reading too, even where everybody recovers.
        let is_denied = || self.ruling(conn, Operation::History, self.hub.name(subject)) == Ruling::Denied;
        if namespace.history.is_none() || is_denied() {
            return Features { delta, ..Features::default() };
        }
        let recovery = namespace.recovery.forced(changes.force_recovery);
        let positioning = namespace.positioning.forced(changes.force_positioning);
        let recoverable = recovery.grants(asks.recoverable, may_read);
        Features {
            positioned: recoverable || positioning.grants(asks.positioned, may_read),
            recoverable,
            delta,
            cache: namespace.cache,
            auto_cache: recoverable && namespace.cache && namespace.auto_cache,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hub::{Access, Pattern};

    const USERS: Access = Access { client: true, subscriber: false, anonymous: false };

    fn closed() -> Namespace {
        Namespace::closed(Pattern::everything())
    }

    #[test]
    fn subscribing_without_a_token_is_decided_by_the_first_rule_that_fits() {
        let strict = Admission::default();
        let insecure = Admission { insecure: true, ..Admission::default() };
        let open = Namespace { subscribe: Access::ALL, ..closed() };
        let users = Namespace { subscribe: USERS, ..closed() };
        let limited = Namespace { user_limited: true, ..closed() };
        let open_limited = Namespace { user_limited: true, subscribe: Access::ALL, ..closed() };
        for (admission, namespace, channel, user, expected) in [
            (&strict, &open, "a", "", true),
            (&strict, &open, "$a", "ann", false),
            (&insecure, &open, "$a", "ann", false),
            (&strict, &users, "a", "ann", true),
            (&strict, &users, "a", "", false),
            (&insecure, &users, "a", "", true),
            (&strict, &limited, "a#ann", "ann", true),
            (&strict, &limited, "a#ann", "bob", false),
            (&strict, &limited, "a#", "", false),
            (&strict, &limited, "a", "ann", false),
            (&insecure, &limited, "a#ann", "bob", true),
            (&strict, &open_limited, "a#ann", "bob", false),
            (&strict, &open_limited, "a", "bob", true),
            (&strict, &open, "a#ann", "bob", true),
            (&strict, &closed(), "a", "ann", false),
            (&insecure, &closed(), "a", "", true),
        ] {
            let admitted = to_subscribe(admission, namespace, channel, user);
            assert_eq!(admitted, expected, "{channel} for {user:?} in {namespace:?}, {admission:?}");
        }
    }

    #[test]
    fn a_format_says_what_a_publication_is() {
        for (format, empty, text, number, object) in [
            (DataFormat::NotEmpty, false, true, true, true),
            (DataFormat::Json, false, false, true, true),
            (DataFormat::JsonObject, false, false, false, true),
            (DataFormat::Binary, true, true, true, true),
        ] {
            let carried = [&b""[..], b"text", b"1", b" {\"a\":1}"].map(|data| to_carry(format, data));
            assert_eq!(carried, [empty, text, number, object], "{format:?}");
        }
    }
}
