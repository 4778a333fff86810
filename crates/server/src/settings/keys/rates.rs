//! How often clients may say what: `client.rate_limit`, as Centrifugo PRO names it.
use crate::settings::key::{Key, Kind};

/// Which namespaces have buckets of their own.
const OF_NAMESPACES: &str =
    "the same for channels of a namespace, in place of those above; without buckets those of `default`";
/// Which methods have.
const OF_METHODS: &str = "the same for calls of a method, in place of those above; without buckets those of `default`";

/// A layer's keys: `enabled`, and two of each of its containers of buckets.
macro_rules! layer {
    ($layer:literal, $says:literal, of its own: [$($own:tt),*]) => {
        layer!($layer, $says, [
            ("total", "the number of all commands"),
            ("default", "each command that has no buckets of its own"),
            $($own,)*
            ("subscribe", "`subscribe`"),
            ("unsubscribe", "`unsubscribe`, which is counted and never refused,"),
            ("publish", "`publish`"),
            ("history", "`history`"),
            ("presence", "`presence`"),
            ("presence_stats", "`presence_stats`"),
            ("refresh", "`refresh`"),
            ("sub_refresh", "`sub_refresh`"),
            ("rpc", "`rpc`"),
        ], ["subscribe", "unsubscribe", "publish", "history", "presence", "presence_stats", "sub_refresh"])
    };
    ($layer:literal, $says:literal, [$(($command:literal, $of:literal)),* $(,)?], [$($channel:literal),*]) => {
        &[
            Key::flag(concat!("client.rate_limit.", $layer, ".enabled"), $says),
            $(
                Key::flag(concat!("client.rate_limit.", $layer, ".", $command, ".enabled"), concat!("whether ", $of, " is limited by the buckets below")),
                Key::new(concat!("client.rate_limit.", $layer, ".", $command, ".buckets"), Kind::Buckets, "", "so many in each interval, and as many at once (111); a command has to fit all of them"),
            )*
            $(
                Key::new(concat!("client.rate_limit.", $layer, ".", $channel, ".namespace_overrides"), Kind::Overrides("namespace_name"), "", OF_NAMESPACES),
            )*
            Key::new(concat!("client.rate_limit.", $layer, ".rpc.method_overrides"), Kind::Overrides("method"), "", OF_METHODS),
            Key::same(concat!("client.rate_limit.", $layer, ".rpc.method_override"), concat!("client.rate_limit.", $layer, ".rpc.method_overrides")),
            Key::missing(concat!("client.rate_limit.", $layer, ".dry_run"), "what is over a limit is refused"),
            Key::missing(concat!("client.rate_limit.", $layer, ".disconnect_on_accounted_limit"), "too many unsubscribes are counted"),
        ]
    };
}

pub(super) const CLIENT: &[Key] =
    layer!("client_command", "whether the commands of each connection are limited", of its own: []);

pub(super) const USER: &[Key] = layer!(
    "user_command",
    "whether the commands of each user are limited, of all connections together; those of anonymous clients are not",
    of its own: [("connect", "`connect`")]
);

pub(super) const REST: &[Key] = &[
    Key::missing("client.rate_limit.redis_user_command", "there is one node, whose limits are exact in memory"),
    Key::missing("client.rate_limit.client_error", "errors are not counted by connection"),
    Key::missing("client.rate_limit.ip_connect", "connections are not counted by address"),
];
