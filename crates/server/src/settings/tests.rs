use std::io::Write;
use std::net::Ipv4Addr;

use super::*;
use crate::settings::key::{Key, Kind, State};
use crate::settings::keys::{NAMESPACE, SERVER, Table};

mod migration;
mod proxies;
mod rates;
mod sources;
mod strict;
mod suites;
mod transports;

/// Loads `text` from a file with this ending, beside these variables and options.
fn load_all(
    ending: &str,
    text: &str,
    variables: &[(&str, &str)],
    options: &[(&str, &str)],
) -> Result<Settings, SettingsError> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("ringcast-{}-{number}{ending}", std::process::id()));
    std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    let owned = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
    };
    let flags = Flags { options: owned(options), ..Flags::default() };
    let loaded = Settings::load_with(Some(&path), &owned(variables), flags);
    std::fs::remove_file(&path).unwrap();
    loaded
}

fn load(ending: &str, text: &str) -> Result<Settings, SettingsError> {
    load_all(ending, text, &[], &[])
}

fn refusal(text: &str) -> String {
    load(".toml", text).unwrap_err().to_string()
}

fn warnings(settings: &Settings) -> Vec<String> {
    settings.warnings.iter().map(ToString::to_string).collect()
}

/// What `text` has for no effect.
fn warned(text: &str) -> Vec<String> {
    warnings(&load(".toml", text).unwrap())
}

#[test]
fn without_a_file_the_defaults_hold_and_nothing_is_open() {
    let settings = Settings::load_with(None, &[], Flags::default()).unwrap();
    assert_eq!(settings.address, "0.0.0.0:8000".parse().unwrap());
    assert!(settings.api.keys.is_empty() && !settings.api.open && !settings.dev && !settings.admission.insecure);
    assert_eq!(settings.batch_window, Duration::from_millis(1));
    let [bare] = settings.namespaces.as_slice() else { panic!("{:?}", settings.namespaces) };
    assert!(bare.pattern.matches("news") && !bare.pattern.matches("news:a"));
    assert_eq!((bare.subscribe, bare.publish, bare.history), (Access::default(), Access::default(), None));
    assert_eq!(
        format!("{:?}", settings.limits),
        format!("{:?}", Limits::default()),
        "the table has the shard's defaults"
    );
    assert_eq!(format!("{:?}", settings.heartbeat), format!("{:?}", Heartbeat::default()));
    assert_eq!(format!("{:?}", settings.outbox), format!("{:?}", Outbox::default()));
    assert_eq!(format!("{:?}", settings.admission), format!("{:?}", Admission::default()));
}

#[test]
fn dev_listens_at_home_unless_told_otherwise() {
    let dev = Flags { dev: true, history: Some(100), ..Flags::default() };
    let settings = Settings::load_with(None, &[], dev.clone()).unwrap();
    assert_eq!(settings.address.ip(), Ipv4Addr::LOCALHOST);
    assert_eq!(settings.namespaces[0].history.map(|history| history.count), Some(100));
    let abroad = Flags { address: Some("0.0.0.0".parse().unwrap()), port: Some(9_000), ..dev };
    assert_eq!(Settings::load_with(None, &[], abroad).unwrap().address, "0.0.0.0:9000".parse().unwrap());
}

#[test]
fn a_file_may_be_toml_yaml_or_json() {
    let toml = r#"
        [server]
        port = 9000
        [batch_wait]
        enabled = false
        [[namespace]]
        pattern = "news.>"
        subscribe = true
        history = { count = 100, age_ms = 60000 }
        outbox = "conflate"
    "#;
    let yaml = "server: { port: 9000 }\nbatch_wait: { enabled: false }\nnamespace:\n  - pattern: news.>\n    subscribe: true\n    \
                history: { count: 100, age_ms: 60000 }\n    outbox: conflate\n";
    let json = r#"{"server":{"port":9000},"batch_wait":{"enabled":false},"namespace":[{"pattern":"news.>","subscribe":true,
        "history":{"count":100,"age_ms":60000},"outbox":"conflate"}]}"#;
    for (ending, text) in [(".toml", toml), (".yaml", yaml), (".json", json)] {
        let settings = load(ending, text).unwrap();
        assert_eq!((settings.address.port(), settings.batch_window), (9_000, Duration::ZERO), "{ending}");
        let [namespace] = settings.namespaces.as_slice() else { panic!("who names patterns has named all") };
        assert!(namespace.subscribe == Access::ALL && namespace.publish == Access::default());
        assert_eq!(namespace.history.unwrap().age, Duration::from_secs(60));
        assert_eq!((namespace.recovery, namespace.outbox), (hub::Offer::Always, Some(hub::OutboxPolicy::Conflate)));
        assert_eq!(warnings(&settings), [""; 0]);
    }
    assert!(load(".ini", "").unwrap_err().to_string().contains(".toml"));
    assert!(load(".json", "{").unwrap_err().to_string().contains("it can't be read: "));
}

#[test]
fn a_namespace_says_how_its_publications_are_told() {
    let text = "[[namespace]]\npattern = \"a\"\nhistory_size = 5\nallowed_delta_types = [\"fossil\"]\ndelta_publish = true\n\
                force_recovery = true\nforce_recovery_mode = \"cache\"\nauto_cache_recover = true\nallow_tags_filter = true\n\
                conflate_ms = 250\nallow_wildcards = true\nhistory_meta_ttl = \"48h\"\n\
                [channel.without_namespace]\nhistory_size = 1\nhistory_ttl = \"10s\"";
    let settings = load(".toml", text).unwrap();
    let [own, bare] = &settings.namespaces[..] else { panic!("{:?}", settings.namespaces) };
    assert!(own.delta && own.delta_publish && own.cache && own.auto_cache && own.tags_filter && own.wildcards);
    assert_eq!((own.conflate, own.position_age.as_secs()), (Duration::from_millis(250), 48 * 3_600));
    assert!(
        !bare.delta && !bare.delta_publish && !bare.cache && !bare.auto_cache && !bare.tags_filter && !bare.wildcards
    );
    assert_eq!((bare.conflate, bare.position_age.as_secs()), (Duration::ZERO, 720 * 3_600), "as Centrifugo has it");
    for (line, told) in [
        ("allowed_delta_types = [\"xdelta\"]", "namespace[0].allowed_delta_types: 'xdelta': there is one kind, fossil"),
        (
            "auto_cache_recover = true",
            "namespace[0].auto_cache_recover: it wants force_recovery and force_recovery_mode = cache",
        ),
        ("conflate_ms = 3600001", "namespace[0].conflate_ms = 3600001 is out of range: from 0 to 3600000"),
    ] {
        assert_eq!(refusal(&format!("[[namespace]]\npattern = \"a\"\n{line}")), told);
    }
}

#[test]
fn a_namespace_says_who_may_read_its_history() {
    let text = "[[namespace]]\npattern = \"a\"\nallow_history_for_client = true\nallow_history_for_anonymous = true";
    let access = load(".toml", text).unwrap().namespaces[0].history_access;
    assert_eq!((access.client, access.subscriber, access.anonymous), (true, false, true));
}

#[test]
fn a_key_that_does_not_exist_is_told_with_the_one_that_was_meant() {
    assert_eq!(warned("[server]\nprot = 1"), ["there is no setting 'server.prot'; did you mean 'server.port'?"]);
    assert_eq!(warned("[limit]\nhead_bytes = 1024"), ["there is no setting 'limit'; did you mean 'limits'?"]);
    assert_eq!(warned("[server]\nzzzzzzzzzzzzz = 1"), ["there is no setting 'server.zzzzzzzzzzzzz'"]);
    assert_eq!(
        warned("[client.token]\nhmac_secret = \"x\""),
        ["there is no setting 'client.token.hmac_secret'; did you mean 'client.token.hmac_secret_key'?"]
    );
    assert_eq!(
        warned("[[namespace]]\npattern = \"a\"\nallow_history_for_clients = true"),
        ["there is no setting 'namespace[0].allow_history_for_clients'; did you mean 'allow_history_for_client'?"]
    );
}

#[test]
fn a_key_of_centrifugo_v5_is_told_with_its_name_since() {
    let text = r#"{"token_hmac_secret_key":"x","allowed_origins":["*"],"api_key":"k","port":"8000","history_size":1,
                   "namespaces":[{"name":"chat"}],"channel":{"namespaces":[{"name":"news","proxy_subscribe":true}]}}"#;
    let told = warnings(&load(".json", text).unwrap());
    let since = |old: &str, new: &str| {
        format!("there is no setting '{old}': it is a key of Centrifugo v5, and '{new}' since v6")
    };
    let mut wanted = [
        since("token_hmac_secret_key", "client.token.hmac_secret_key"),
        since("allowed_origins", "client.allowed_origins"),
        since("api_key", "http_api.key"),
        since("port", "http_server.port"),
        since("history_size", "channel.without_namespace.history_size"),
        since("namespaces", "channel.namespaces"),
        since("channel.namespaces[0].proxy_subscribe", "subscribe_proxy_enabled"),
    ];
    wanted.sort();
    let mut told = told;
    told.sort();
    assert_eq!(told, wanted);
    let variables = [("CENTRIFUGO_TOKEN_HMAC_SECRET_KEY", "x")];
    assert_eq!(
        warnings(&load_all(".toml", "", &variables, &[]).unwrap()),
        [since("CENTRIFUGO_TOKEN_HMAC_SECRET_KEY", "CENTRIFUGO_CLIENT_TOKEN_HMAC_SECRET_KEY")]
    );
}

#[test]
fn what_is_there_twice_is_refused_with_its_path() {
    let twice = |ending: &str, text: &str| load(ending, text).unwrap_err().to_string();
    let json = r#"{"client":{"insecure":true,"token":{},"insecure":false}}"#;
    assert_eq!(twice(".json", json), "client.insecure: it is there twice: one of them has to go");
    let json = r#"{"channel":{"namespaces":[{"name":"aa"},{"name":"bb","presence":true,"presence":false}]}}"#;
    assert_eq!(twice(".json", json), "channel.namespaces[1].presence: it is there twice: one of them has to go");
    let yaml = "client:\n  insecure: true\n  insecure: false\n";
    assert!(twice(".yaml", yaml).contains("insecure"), "{}", twice(".yaml", yaml));
    let toml = twice(".toml", "[client]\ninsecure = true\ninsecure = false");
    assert!(toml.contains("duplicate"), "{toml}");
    let variables = [("CENTRIFUGO_CHANNEL_NAMESPACES", r#"[{"name":"aa","presence":true,"presence":false}]"#)];
    let list = load_all(".toml", "", &variables, &[]).unwrap_err().to_string();
    assert_eq!(list, "CENTRIFUGO_CHANNEL_NAMESPACES: [0].presence is there twice");
}

#[test]
fn what_does_not_work_yet_is_told_if_it_is_switched_on() {
    assert_eq!(warned("[admin]\nenabled = false\npassword = \"x\"\n[grpc_api]\nport = 0"), [""; 0]);
    assert_eq!(warned("[health]\nenabled = true\nhandler_prefix = \"/health\""), [""; 0]);
    assert_eq!(warned("[health]\nhandler_prefix = \"/alive\""), [""; 0]);
    let told = warned("[admin]\nenabled = true\n[channel.without_namespace]\nsubscribe_stream_proxy_enabled = true");
    assert_eq!(told.len(), 2);
    assert!(told[0].starts_with("admin is not supported yet: "), "{told:?}");
    assert!(
        told[1].starts_with("channel.without_namespace.subscribe_stream_proxy_enabled is not supported yet: "),
        "{told:?}"
    );
}

#[test]
fn a_value_out_of_range_is_refused_with_key_and_range() {
    assert_eq!(refusal("[limits]\nhead_bytes = 1"), "limits.head_bytes = 1 is out of range: from 512 to 16384");
    assert_eq!(refusal("[server]\nshards = 500"), "server.shards = 500 is out of range: from 0 to 128");
    let twice = refusal("[[namespace]]\npattern = \"a.*\"\n[[namespace]]\npattern = \"a.*\"");
    assert!(twice.contains("there are two namespaces of 'a.*'"), "{twice}");
    assert_eq!(refusal("[server]\nport = 70000"), "server.port = 70000 is out of range: from 0 to 65535");
    assert_eq!(
        refusal("[client]\nping_interval = \"48h\""),
        "client.ping_interval = 48h is out of range: 0s, or from 100ms to 24h"
    );
    assert_eq!(
        refusal("[client]\nping_interval = 25\npong_timeout = 8"),
        "client.ping_interval = 25ns (a number without a unit is nanoseconds) is out of range: 0s, or from 100ms to 24h"
    );
    assert_eq!(refusal("[engine]\ntype = \"redis\""), "engine.type = \"redis\" is out of range: \"memory\"");
    assert!(
        refusal("[outbox]\npolicy = \"shrug\"").starts_with("outbox.policy = \"shrug\" is out of range: \"close\"")
    );
    assert!(refusal("[[namespace]]\npattern = \"a.>.b\"").starts_with("namespace[0].pattern: "));
    assert!(refusal("[api]\nkeys = [\"short\"]").starts_with("api.keys: "));
    assert!(refusal("[server").contains("it can't be read: "));
    assert!(refusal("[client]\ninsecure = \"perhaps\"").starts_with("client.insecure: true or false is wanted"));
}

#[test]
fn values_have_to_go_together() {
    for (text, key) in [
        ("[client]\nping_interval = \"5s\"", "client.ping_interval: "),
        ("[client]\npong_timeout = \"25s\"", "client.pong_timeout: "),
        ("[channel.without_namespace]\nhistory_size = 1", "channel.without_namespace.history_size: "),
        ("[channel.without_namespace]\nhistory_ttl = \"1s\"", "channel.without_namespace.history_ttl: "),
        ("[channel.without_namespace]\nforce_recovery = true", "channel.without_namespace.force_recovery: "),
        ("[[channel.namespaces]]\nname = \"a\"", "channel.namespaces[0].name: "),
        (
            "[[channel.namespaces]]\nname = \"aa\"\n[[channel.namespaces]]\nname = \"aa\"",
            "channel.namespaces[1].name: ",
        ),
        ("[server]\nport = 1\n[http_server]\nport = 2", "server.port: it is the same setting as http_server.port"),
        ("[outbox]\nsocket_bytes = 100", "outbox.socket_bytes: "),
        (
            "[channel.without_namespace]\nhistory_size = 1\nhistory_ttl = \"1s\"\nhistory = { bytes = 1073741825 }",
            "channel.without_namespace.history.bytes: ",
        ),
        ("[client.token]\naudience = \"x\"", "client.token.audience: there is no key"),
    ] {
        assert!(refusal(text).starts_with(key), "{text}: {}", refusal(text));
    }
}

#[test]
fn keys_of_tokens_are_read_and_checked() {
    let text = "[client]\nexpired_close_delay_ms = 0\n[client.token]\nhmac_secret_key = \"secret\"";
    let settings = load(".toml", text).unwrap();
    assert_eq!(settings.tokens.keys.hmac_secret, "secret");
    assert_eq!(settings.tokens.connection_grace, Duration::ZERO);
    assert_eq!(settings.tokens.subscription_grace, Duration::from_secs(25));
    assert!(!format!("{settings:?}").contains("secret\""), "a secret is not for logs");
    for key in ["rsa_public_key", "ecdsa_public_key"] {
        let refusal = refusal(&format!("[client.token]\n{key} = \"none\""));
        assert!(refusal.starts_with(&format!("client.token.{key}: not ")), "{refusal}");
    }
}

fn rows(table: &'static Table) -> Vec<&'static Key> {
    table.keys().collect()
}

#[test]
fn every_row_of_the_tables_is_whole() {
    for table in [&SERVER, &NAMESPACE] {
        for key in rows(table) {
            let same = rows(table).iter().filter(|other| other.name == key.name).count();
            assert_eq!(same, 1, "{} is there {same} times", key.name);
            match key.state {
                State::Works => {
                    assert!(!key.says.is_empty(), "{}: what does it do?", key.name);
                    assert!(!matches!(key.kind, Kind::Anything), "{}: what may it be?", key.name);
                }
                State::Same(of) | State::SameInMillis(of) => {
                    let meant = table.exact(of).unwrap_or_else(|| panic!("{}: no {of}", key.name));
                    assert!(matches!(meant.state, State::Works), "{}: {of} does not work", key.name);
                }
                State::Missing(why) | State::Idle(why) => assert!(!why.is_empty(), "{}: why?", key.name),
            }
            // Panics if it is none.
            let _ = values::default(table.meant(key));
        }
    }
}

#[test]
fn the_page_of_all_settings_is_up_to_date() {
    let committed = include_str!("../../../../docs/CONFIG.md");
    assert!(committed == page(), "docs/CONFIG.md is stale: write it anew with `ringcast config keys > docs/CONFIG.md`");
}
