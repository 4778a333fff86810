//! WS2API in strict mode: what nobody says is as the original has it.
use std::time::Duration;

use super::load;

const STRICT: &str =
    "[[ws2api]]\nprefix = \"/ws/\"\nmode = \"strict\"\ninsecure = true\nbackends = [\"http://127.0.0.1:9\"]\n";

#[test]
fn what_is_not_said_is_the_originals() {
    let settings = load(".toml", STRICT).unwrap();
    let [hook] = &settings.hooks[..] else { panic!("{:?}", settings.hooks) };
    let minute = Duration::from_secs(60);
    let (engine, shard) = (&hook.engine, &hook.shard);
    assert!(engine.strict && shard.strict);
    assert_eq!([engine.connect_timeout, engine.message_timeout, engine.end_timeout], [minute; 3]);
    assert_eq!((engine.in_flight, shard.messages), (16, 16), "and none waits");
    assert_eq!([engine.answer_bytes_max, shard.message_bytes, shard.push_bytes], [16 << 20; 3]);
    assert_eq!((engine.redirects_max, engine.circuit.failures, engine.ends_age), (10, 0, Duration::ZERO));
    assert_eq!(shard.duplicates, shard::Duplicates::Keep);
}

#[test]
fn what_is_said_holds() {
    let said = "connect_timeout = \"2s\"\nmessage_timeout = \"3s\"\nclose_timeout = \"4s\"\nmax_in_flight = 2\nduplicate_id = \"refuse\"";
    let settings = load(".toml", &format!("{STRICT}{said}")).unwrap();
    let engine = &settings.hooks[0].engine;
    let seconds = [engine.connect_timeout, engine.message_timeout, engine.end_timeout].map(|time| time.as_secs());
    assert_eq!((seconds, engine.in_flight), ([2, 3, 4], 2));
    assert_eq!(settings.hooks[0].shard.duplicates, shard::Duplicates::Refuse);
}

#[test]
fn a_secret_of_a_back_ends_url_is_not_shown_and_none_is_listed_twice() {
    let refused = |url: &str| load(".toml", &STRICT.replace("\"http://127.0.0.1:9\"", url)).unwrap_err().to_string();
    let secret = refused("\"http://ann:secret@a/x?key=secret\"");
    assert!(secret.starts_with("ws2api[0].backends: 'http://a/x': "), "{secret}");
    assert!(refused("\"http://a/x\", \"http://a/x\"").ends_with("it is listed twice"));
}
