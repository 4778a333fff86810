//! What clients are, may do and have to keep to.
use base::units::{GIB, KIB};

use crate::settings::key::{DAY, Key, Kind, Told};

const RECOVERY: (u64, u64) = (0, 1 << 20);

/// Lists that a backend keeps may be wide: a subscription costs its row. A connection counts them in 16 bits.
const CHANNELS: (u64, u64) = (1, u16::MAX as u64);

pub(super) const KEYS: &[Key] = &[
    Key::flag(
        "client.insecure",
        "for development: no token is wanted to connect, and every namespace lets clients subscribe, publish and read; private channels want their token",
    ),
    Key::flag("client.allow_anonymous_connect_without_token", "whether a client may connect without a token"),
    Key::same("centrifugo.anonymous", "client.allow_anonymous_connect_without_token"),
    Key::flag(
        "client.disallow_anonymous_connection_tokens",
        "whether a connection token without a user is refused (3507)",
    ),
    Key::time("client.ping_interval", "25s", "between pings, the first at a random time; 0s: none"),
    Key::time(
        "client.pong_timeout",
        "8s",
        "a sign of life after a ping; shorter than the interval; 0s: none is waited for",
    ),
    Key::new(
        "client.stale_close_delay",
        Kind::Time { or_zero: false, max: DAY },
        "10s",
        "from the handshake to the end of `connect` (3502)",
    ),
    Key::time("client.expired_close_delay", "25s", "how long a connection outlasts its token (3005)"),
    Key::same_in_millis("client.expired_close_delay_ms", "client.expired_close_delay"),
    Key::time("client.expired_sub_close_delay", "25s", "how long a subscription outlasts its token (2501)"),
    Key::same_in_millis("client.expired_sub_close_delay_ms", "client.expired_sub_close_delay"),
    Key::number("client.channel_limit", "128", CHANNELS, "subscriptions of one connection (106)"),
    Key::number(
        "client.queue_max_size",
        "1048576",
        (4 * KIB as u64, GIB as u64),
        "bytes that may wait for one slow reader (3008)",
    ),
    Key::number(
        "client.history_max_publication_limit",
        "300",
        RECOVERY,
        "publications that one `history` of a client brings; half of `client.queue_max_size` bounds it too",
    ),
    Key::number(
        "client.recovery_max_publication_limit",
        "300",
        RECOVERY,
        "publications that one recovery brings; more is a gap, and so is more than half of `client.queue_max_size`, and the client is told",
    ),
    Key::new(
        "client.allowed_origins",
        Kind::Words,
        "",
        "whose pages may connect, such as \"https://*.example.com\", where * is any characters and ? one; \"*\": all; none: no page, but with `--dev` all",
    ),
    Key::flag(
        "client.subscribe_to_user_personal_channel.enabled",
        "whether every client with a user is subscribed to its own channel, `#user`",
    ),
    Key::text(
        "client.subscribe_to_user_personal_channel.personal_channel_namespace",
        "the namespace of these channels, `namespace:#user`",
    ),
    Key::flag(
        "client.subscribe_to_user_personal_channel.single_connection",
        "whether a user has one connection only: a new one ends the other (3504)",
    ),
    Key::number(
        "client.user_connection_limit",
        "0",
        (0, u32::MAX as u64),
        "connections of one user to all shards together (3504), clients without a user aside; 0: any number",
    ),
    Key::number(
        "client.connection_limit",
        "0",
        (0, 1 << 32),
        "connections of Centrifugo clients to all shards together, whatever the transport (503); 0: any number",
    ),
    Key::number(
        "client.connection_rate_limit",
        "0",
        (0, 1 << 20),
        "new ones of them in a second (503); a second's worth may come at once; 0: any number",
    ),
    Key::text(
        "client.user_id_http_header",
        "the header field in which a proxy that clients can't pass by says who the user is, for clients without a token",
    ),
    Key::flag(
        "client.connect_include_server_time",
        "whether the answer to `connect` has the time of day in it, in milliseconds since 1970",
    ),
    Key::flag(
        "client.connect_code_to_unidirectional_disconnect.enabled",
        "whether unidirectional clients that may not connect are told so by disconnects of the settings",
    ),
    Key::new(
        "client.connect_code_to_unidirectional_disconnect.transforms",
        Kind::Transforms(Told::Disconnect),
        "",
        "by which, for errors; what is not here is told as ever: docs/TRANSPORTS.md",
    ),
    Key::idle("client.channel_position_max_time_lag", "there is one node, and between its cores no publication lags"),
    Key::missing("client.proxy.refresh", "this event is not passed on to a backend"),
    Key::idle(
        "client.channel_position_check_delay",
        "a subject's owner sees every gap at once: there is nothing to check for",
    ),
    Key::idle(
        "client.presence_update_interval",
        "who is there is known by the connections themselves, and does not age",
    ),
    Key::idle("client.concurrency", "commands of a connection are run in order, and none of them waits for a backend"),
    Key::flag(
        "client.insecure_skip_token_signature_verify",
        "for tests: tokens are read, and whoever signed them is believed",
    ),
    Key::flag(
        "client.subscription_token.enabled",
        "whether subscription tokens have keys of their own, those of `client.subscription_token`",
    ),
];

/// The keys of one kind of token.
macro_rules! token_keys {
    ($section:literal) => {
        &[
            Key::secret(
                concat!($section, ".hmac_secret_key"),
                "verifies tokens by HS256, HS384, HS512: the secret that the backend signs with",
            ),
            Key::text(concat!($section, ".rsa_public_key"), "verifies tokens by RS256, RS384, RS512; PEM"),
            Key::text(
                concat!($section, ".ecdsa_public_key"),
                "verifies tokens by ES256, ES384 or ES512, as the curve is P-256, P-384 or P-521; PEM",
            ),
            Key::text(concat!($section, ".audience"), "what `aud` must contain"),
            Key::text(concat!($section, ".issuer"), "what `iss` must be"),
            Key::secret(concat!($section, ".hmac_previous_secret_key"), "the secret before, still good for tokens signed with it"),
            Key::number(concat!($section, ".hmac_previous_secret_key_valid_until"), "0", (0, 1 << 40), "until when, in seconds since 1970; 0: for ever"),
            Key::text(concat!($section, ".jwks_public_endpoint"), "where the issuer publishes its keys (JWKS): RSA, EC and EdDSA, fetched and kept, looked at again every hour and when a token names an unknown one; the other keys are not used then. `{{name}}` is what the group of this name caught in one of the two expressions"),
            Key::new(concat!($section, ".audience_regex"), Kind::Regex, "", "what one of `aud` must fit"),
            Key::new(concat!($section, ".issuer_regex"), Kind::Regex, "", "what `iss` must fit"),
            Key::text(concat!($section, ".user_id_claim"), "the claim that names the user; points lead into objects; empty: `sub`"),
        ]
    };
}

pub(super) const TOKEN: &[Key] = token_keys!("client.token");

pub(super) const SUBSCRIPTION_TOKEN: &[Key] = token_keys!("client.subscription_token");
