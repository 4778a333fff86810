//! The options of namespaces.
use crate::settings::key::{Key, Kind, State, YEAR};

const NO_PROXY: &str = "this event is not passed on to a backend";
const NO_STREAM: &str = "backends answer questions; what they have to say themselves they publish through the API";
const NO_MAP: &str = "channels are streams";

pub(super) const KEYS: &[Key] = &[
    Key::text("name", "of one of `channel.namespaces`: two characters at least, of a-z A-Z 0-9 - _ ."),
    Key::text(
        "pattern",
        "of one of `namespace`: subjects by their tokens between dots; `*` is one token, a last `>` one or more",
    ),
    Key::flag("subscribe", "everybody may subscribe: `allow_subscribe_for_client` and `allow_subscribe_for_anonymous`"),
    Key::flag(
        "publish",
        "everybody may publish without an API key: `allow_publish_for_client` and `allow_publish_for_anonymous`",
    ),
    Key::flag("allow_subscribe_for_client", "clients with a user may subscribe without a token"),
    Key::flag("allow_subscribe_for_anonymous", "with the one before: clients without a user too"),
    Key::flag(
        "allow_user_limited_channels",
        "a channel `name#user1,user2` is for these users, without a token, and for nobody else without one",
    ),
    Key::flag("allow_publish_for_client", "clients with a user may publish"),
    Key::flag("allow_publish_for_subscriber", "clients with a user that are subscribed may publish"),
    Key::flag("allow_publish_for_anonymous", "with one of the two before: clients without a user too"),
    Key::flag("allow_history_for_client", "clients with a user may read the history"),
    Key::flag("allow_history_for_subscriber", "clients with a user that are subscribed may read the history"),
    Key::flag("allow_history_for_anonymous", "with one of the two before: clients without a user too"),
    Key::flag("presence", "it is known which clients are subscribed, and how many"),
    Key::flag("allow_presence_for_client", "clients with a user may see it"),
    Key::flag("allow_presence_for_subscriber", "clients with a user that are subscribed may see it"),
    Key::flag("allow_presence_for_anonymous", "with one of the two before: clients without a user too"),
    Key::flag(
        "join_leave",
        "subscribers that come and go are told of, to those that ask to hear it and may see the presence",
    ),
    Key::flag("force_push_join_leave", "and to all other subscribers too"),
    Key::number("history_size", "0", (0, 1 << 24), "publications that are kept of each channel; 0: none"),
    Key::new(
        "history_ttl",
        Kind::Time { or_zero: true, max: YEAR },
        "0s",
        "how long they are kept; in a `namespace`: an hour unless it is said",
    ),
    Key::number(
        "history.bytes",
        "16777216",
        (1, 1 << 40),
        "bytes of payloads that are kept of each channel; at most a shard's share of `limits.history_bytes`",
    ),
    Key::same("history.count", "history_size"),
    Key::same_in_millis("history.age_ms", "history_ttl"),
    Key::new(
        "history_meta_ttl",
        Kind::Time { or_zero: true, max: YEAR },
        "0s",
        "how long a channel's position is kept after it was last published to or read; 0: as `channel.history_meta_ttl` says, in a `namespace` as long as the history",
    ),
    Key::flag("force_positioning", "every subscription is told where it stands"),
    Key::flag("allow_positioning", "subscriptions that ask for it are; so are those that may read the history"),
    Key::flag(
        "force_recovery",
        "every subscription resumes without a gap, if the history reaches back so far; in a `namespace` with a history: true unless it is said",
    ),
    Key::flag("allow_recovery", "subscriptions that ask for it do; so do those that may read the history"),
    Key::new(
        "channel_regex",
        Kind::Regex,
        "",
        "names that clients may use, compared with the part behind the namespace; empty: of ASCII, in a `namespace`: all",
    ),
    Key::new(
        "publication_data_format",
        Kind::Choice(&["", "json", "json_object", "binary"]),
        "",
        "what publications have to be; empty: as `channel.publication_data_format` says",
    ),
    Key::new(
        "outbox",
        Kind::Choice(&["", "close", "drop_oldest", "conflate"]),
        "",
        "the policy for slow readers; empty: `outbox.policy`",
    ),
    Key::flag(
        "allow_wildcards",
        "who may subscribe may subscribe to patterns: `*` is one token between dots, a last `>` one or more; they bring what this namespace names",
    ),
    Key::number(
        "conflate_ms",
        "0",
        (0, 3_600_000),
        "subscribers are sent the newest publication of a channel every so many milliseconds, and no more; 0: every publication, at once",
    ),
    Key::new(
        "force_recovery_mode",
        Kind::Choice(&["", "stream", "cache"]),
        "",
        "what recovery brings: all that was missed (`stream`), or the newest publication from wherever a client comes (`cache`)",
    ),
    Key::flag("auto_cache_recover", "with `force_recovery` and `cache`: every subscription gets it, without asking"),
    Key::new(
        "allowed_delta_types",
        Kind::Words,
        "",
        "what subscriptions may have publications told as, if they ask for it: `fossil`, deltas of the publication before",
    ),
    Key::flag("delta_publish", "every publication is, and not only those whose publisher says so"),
    Key::flag("allow_tags_filter", "subscriptions may choose publications by their tags"),
    Key::flag("subscribe_proxy_enabled", "`channel.proxy.subscribe` is asked who may subscribe without a token"),
    Key::new("subscribe_proxy_name", Kind::Text, "default", "or one of `proxies`"),
    Key::flag("publish_proxy_enabled", "`channel.proxy.publish` is asked who may publish, and what"),
    Key::new("publish_proxy_name", Kind::Text, "default", "or one of `proxies`"),
    Key::flag(
        "sub_refresh_proxy_enabled",
        "`channel.proxy.sub_refresh` is asked who stays subscribed whose time is over; clients don't refresh",
    ),
    Key::new("sub_refresh_proxy_name", Kind::Text, "default", "or one of `proxies`"),
    Key::missing("subscribe_stream_proxy_enabled", NO_STREAM),
    Key::missing("subscribe_stream_proxy_bidirectional", NO_STREAM),
    Key::missing("subscribe_stream_proxy_name", NO_STREAM),
    Key { state: State::Missing(NO_MAP), ..Key::new("subscription_type", Kind::Text, "", "") },
    Key::missing("map", NO_MAP),
    Key::missing("shared_poll", NO_MAP),
];
