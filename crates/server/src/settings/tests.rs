use std::io::Write;
use std::net::Ipv4Addr;

use super::*;

/// Loads `text` from a file with this ending.
fn load(ending: &str, text: &str) -> Result<Settings, SettingsError> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("ringcast-{}-{number}{ending}", std::process::id()));
    std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    let loaded = Settings::load(Some(&path), Flags::default());
    std::fs::remove_file(&path).unwrap();
    loaded
}

fn refusal(text: &str) -> String {
    load(".toml", text).unwrap_err().to_string()
}

#[test]
fn without_a_file_the_defaults_hold_and_nothing_is_open() {
    let settings = Settings::load(None, Flags::default()).unwrap();
    assert_eq!(settings.address, "0.0.0.0:8000".parse().unwrap());
    assert!(settings.namespaces.is_empty() && settings.api_keys.is_empty() && !settings.dev);
    assert_eq!(settings.batch_window, Duration::from_micros(500));
}

#[test]
fn dev_listens_at_home_unless_told_otherwise() {
    let dev = Flags { dev: true, history: Some(100), ..Flags::default() };
    let settings = Settings::load(None, dev).unwrap();
    assert_eq!(settings.address.ip(), Ipv4Addr::LOCALHOST);
    assert_eq!(settings.namespaces[0].history.map(|history| history.count), Some(100));
    let abroad = Flags { address: Some("0.0.0.0".parse().unwrap()), port: Some(9_000), ..dev };
    assert_eq!(Settings::load(None, abroad).unwrap().address, "0.0.0.0:9000".parse().unwrap());
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
        let namespace = &settings.namespaces[0];
        assert!(namespace.subscribe && !namespace.publish);
        assert_eq!(namespace.history.unwrap().age, Duration::from_secs(60));
        assert_eq!(namespace.outbox, Some(hub::OutboxPolicy::Conflate));
    }
    assert!(load(".ini", "").unwrap_err().to_string().contains(".toml"));
}

#[test]
fn a_namespace_says_who_may_read_its_history() {
    let text = "[[namespace]]\npattern = \"a\"\nallow_history_for_client = true\nallow_history_for_anonymous = true";
    let access = load(".toml", text).unwrap().namespaces[0].history_access;
    assert_eq!((access.client, access.subscriber, access.anonymous), (true, false, true));
    let plural = "[[namespace]]\npattern = \"a\"\nallow_history_for_clients = true";
    assert!(refusal(plural).ends_with("allow_history_for_client'?"), "{}", refusal(plural));
}

#[test]
fn a_key_that_does_not_exist_is_refused_with_the_one_that_was_meant() {
    assert_eq!(refusal("[server]\nprot = 1"), "there is no setting 'server.prot'; did you mean 'server.port'?");
    assert_eq!(refusal("[limit]\nhead_bytes = 1024"), "there is no setting 'limit'; did you mean 'limits'?");
    assert_eq!(refusal("[server]\nzzzzzzzzzzzzz = 1"), "there is no setting 'server.zzzzzzzzzzzzz'");
}

#[test]
fn a_value_out_of_range_is_refused_with_key_and_range() {
    assert_eq!(refusal("[limits]\nhead_bytes = 1"), "limits.head_bytes = 1 is out of range: from 512 to 16384");
    assert_eq!(refusal("[server]\nshards = 500"), "server.shards = 500 is out of range: from 0 to 128");
    assert!(refusal("[server]\nport = 70000").starts_with("server.port: "));
    assert!(refusal("[outbox]\npolicy = \"shrug\"").starts_with("outbox.policy: "));
    assert!(refusal("[[namespace]]\npattern = \"a.>.b\"").starts_with("namespace.pattern: "));
    assert!(refusal("[api]\nkeys = [\"short\"]").starts_with("api.keys: "));
    assert!(refusal("[server").starts_with("the settings can't be read: "));
}

#[test]
fn variables_name_section_and_key() {
    for (name, key) in [
        ("SERVER_PORT", "server.port"),
        ("LIMITS_HEAD_TIMEOUT_MS", "limits.head_timeout_ms"),
        ("BATCH_WAIT_WINDOW_US", "batch_wait.window_us"),
        ("CLIENT_TOKEN_HMAC_SECRET_KEY", "client.token.hmac_secret_key"),
        ("CLIENT_EXPIRED_CLOSE_DELAY_MS", "client.expired_close_delay_ms"),
    ] {
        assert_eq!(unknown::environment_key(name), key);
    }
}

#[test]
fn keys_of_tokens_are_read_and_checked() {
    let settings =
        load(".toml", "[client]\nexpired_close_delay_ms = 0\n[client.token]\nhmac_secret_key = \"secret\"").unwrap();
    assert_eq!(settings.tokens.keys.hmac_secret, "secret");
    assert_eq!(settings.tokens.connection_grace, Duration::ZERO);
    assert_eq!(settings.tokens.subscription_grace, Duration::from_secs(25));
    assert!(settings.tokens.verifier.is_some());
    assert!(!format!("{settings:?}").contains("secret\""), "a secret is not for logs");
    assert!(Settings::load(None, Flags::default()).unwrap().tokens.verifier.is_none());
    for key in ["rsa_public_key", "ecdsa_public_key"] {
        let refusal = refusal(&format!("[client.token]\n{key} = \"none\""));
        assert!(refusal.starts_with(&format!("client.token.{key}: not ")), "{refusal}");
    }
    assert_eq!(
        refusal("[client.token]\nhmac_secret = \"x\""),
        "there is no setting 'client.token.hmac_secret'; did you mean 'client.token.hmac_secret_key'?"
    );
    assert!(refusal("[client.token]\naudience = \"x\"").contains("no key"));
}
