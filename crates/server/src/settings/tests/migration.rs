//! What `config migrate` makes of a file, and `genconfig`'s.
use super::*;
use crate::settings::{Fate, Migration, migrate};

const FILE: &str = r#"{
    "client": {"insecure": false, "token": {"hmac_secret_key": "secret"}, "concurrency": 8, "ping_interval": "10s", "pong_timeout": "3s"},
    "channel": {
        "without_namespace": {"history_size": 1, "history_ttl": "10s", "delta_publish_x": true, "subscription_type": "map"},
        "namespaces": [{"name": "chat", "allow_subscribe_for_client": true}, {"name": "map", "subscription_type": ""}]
    },
    "grpc_api": {"enabled": false, "port": 1},
    "consumers": [{"name": "kafka"}]
}"#;

fn migrated(text: &str) -> Result<Migration, SettingsError> {
    let path = std::env::temp_dir().join(format!("ringcast-migrate-{}-{}.json", std::process::id(), text.len()));
    std::fs::write(&path, text).unwrap();
    let migration = migrate(&path);
    std::fs::remove_file(&path).unwrap();
    migration
}

#[test]
fn every_key_is_told_and_what_carries_over_is_a_file() {
    let Migration { keys, toml } = migrated(FILE).unwrap();
    let fate = |name: &str| keys.iter().find(|(key, _)| key == name).map(|(_, fate)| fate.clone()).unwrap();
    assert_eq!(keys.len(), 15, "{keys:?}");
    assert_eq!(fate("client.token.hmac_secret_key"), Fate::Carried);
    assert_eq!(fate("channel.namespaces[0].name"), Fate::Carried);
    assert!(matches!(fate("client.concurrency"), Fate::Idle(_)));
    assert!(matches!(fate("channel.without_namespace.subscription_type"), Fate::Missing(_)));
    assert_eq!(fate("channel.namespaces[1].subscription_type"), Fate::Off);
    let v5 = migrated(r#"{"token_hmac_secret_key":"x"}"#).unwrap();
    assert_eq!(v5.keys, [("token_hmac_secret_key".to_owned(), Fate::Older("client.token.hmac_secret_key".into()))]);
    assert!(v5.keys[0].1.is_loss());
    assert_eq!(fate("channel.without_namespace.delta_publish_x"), Fate::Unknown(Some("delta_publish")));
    assert_eq!(fate("grpc_api"), Fate::Off);
    assert!(fate("consumers").is_loss() && !fate("grpc_api").is_loss());

    let settings = load(".toml", &toml).unwrap();
    assert_eq!(warnings(&settings), [""; 0]);
    assert_eq!(settings.heartbeat.ping_interval, Duration::from_secs(10));
    let [chat, map, bare] = settings.namespaces.as_slice() else { panic!("{toml}") };
    assert!(chat.subscribe.client && map.pattern.matches("map:a"));
    assert_eq!(bare.history.unwrap().age, Duration::from_secs(10));
}

#[test]
fn a_file_with_a_wrong_value_is_refused() {
    let refusal = migrated(r#"{"client":{"insecure":"perhaps"}}"#).unwrap_err().to_string();
    assert!(refusal.starts_with("client.insecure: "), "{refusal}");
}
