//! `client.rate_limit`.
use super::*;
use shard::{Metered, Overrides, Rate, Whose};

const PUBLISH: &str = "[client.rate_limit.client_command]\nenabled = true\n\
    [client.rate_limit.client_command.publish]\nenabled = true\n";

fn one(interval_s: u64, count: u64) -> Vec<Rate> {
    vec![Rate::new(Duration::from_secs(interval_s), count)]
}

#[test]
fn limits_are_read_as_they_are_published() {
    let json = r#"{"client": {"rate_limit": {
        "client_command": {"enabled": true,
            "total": {"enabled": true, "buckets": [{"interval": "1s", "rate": 20}]},
            "default": {"enabled": true, "buckets": [{"interval": "1s", "rate": 60}]},
            "publish": {"enabled": true, "buckets": [{"interval": "1s", "rate": 1}, {"interval": "1m", "rate": 30}]},
            "history": {"enabled": true},
            "presence": {"enabled": false, "buckets": [{"interval": "1s", "rate": 7}]}},
        "user_command": {"enabled": true, "connect": {"enabled": true, "buckets": [{"interval": "20s", "rate": 5}]}}}}}"#;
    let settings = load(".json", json).unwrap();
    assert_eq!(warnings(&settings), Vec::<String>::new());
    let layers = settings.admission.rates.layers.unwrap();
    let client = &layers[Whose::Client as usize];
    let of = |command: Metered| client.buckets[command as usize].clone();
    assert_eq!((client.total.clone(), of(Metered::Subscribe)), (one(1, 20), one(1, 60)));
    assert_eq!(of(Metered::Publish), [one(1, 1), one(60, 30)].concat());
    assert_eq!((of(Metered::History), of(Metered::Presence)), (one(1, 60), one(1, 60)), "by default");
    assert_eq!(of(Metered::Connect), [], "a connection connects once");
    let user = &layers[Whose::User as usize];
    assert_eq!(user.buckets[Metered::Connect as usize], one(20, 5));
    assert_eq!((user.buckets[Metered::Publish as usize].len(), user.total.len()), (0, 0));
    assert_eq!(settings.admission.rates.meter.unwrap().capacity(), 1 << 20);
}

#[test]
fn without_a_limit_there_is_no_table() {
    for text in ["", "[client.rate_limit.client_command]\nenabled = true\n"] {
        let rates = load(".toml", text).unwrap().admission.rates;
        assert!(rates.layers.is_none() && rates.meter.is_none());
    }
    // Buckets of what is not enabled.
    let text =
        "[client.rate_limit.user_command.publish]\nenabled = true\nbuckets = [{ interval = \"1s\", rate = 1 }]\n";
    assert!(load(".toml", text).unwrap().admission.rates.layers.is_none());
}

#[test]
fn what_is_enabled_and_has_no_buckets_is_refused() {
    let told = load(".toml", PUBLISH).unwrap_err().to_string();
    assert!(told.starts_with("client.rate_limit.client_command.publish.buckets: it is enabled"), "{told}");
}

#[test]
fn buckets_come_from_the_environment_too() {
    let variables = [
        ("CENTRIFUGO_CLIENT_RATE_LIMIT_CLIENT_COMMAND_ENABLED", "true"),
        ("CENTRIFUGO_CLIENT_RATE_LIMIT_CLIENT_COMMAND_RPC_ENABLED", "true"),
        ("CENTRIFUGO_CLIENT_RATE_LIMIT_CLIENT_COMMAND_RPC_BUCKETS", r#"[{"interval":"2s","rate":3}]"#),
    ];
    let layers = load_all(".toml", "", &variables, &[]).unwrap().admission.rates.layers.unwrap();
    assert_eq!(layers[Whose::Client as usize].buckets[Metered::Rpc as usize], one(2, 3));
}

#[test]
fn what_is_no_bucket_is_refused() {
    let with = |buckets: &str| refusal(&format!("{PUBLISH}buckets = {buckets}\n"));
    for (buckets, reason) in [
        ("1", "a list of {interval, rate} is wanted"),
        ("[1]", "{interval, rate} is wanted"),
        ("[{ rate = 1 }]", "{interval, rate} is wanted"),
        ("[{ interval = \"1s\", rate = 0 }]", "0"),
        ("[{ interval = \"1s\", rate = 100001 }]", "100001"),
        ("[{ interval = \"500ms\", rate = 1 }]", "500ms"),
        ("[{ interval = \"2h\", rate = 1 }]", "2h"),
        ("[{ interval = \"1s\", rate = 1, burst = 2 }]", "no 'burst'"),
        ("[{ interval = 1, rate = 1 }]", "nanoseconds"),
    ] {
        let refusal = with(buckets);
        assert!(refusal.contains("client_command.publish.buckets") && refusal.contains(reason), "{buckets}: {refusal}");
    }
    let nine = "{ interval = \"1s\", rate = 1 },".repeat(9);
    assert!(with(&format!("[{nine}]")).contains("at most 8 buckets"));
}

#[test]
fn what_is_not_there_yet_is_told() {
    let text = "[client.rate_limit.ip_connect]\nenabled = true\n\
        [client.rate_limit.client_command]\ndry_run = true\n\
        [client.rate_limit.redis_user_command]\nenabled = true\n";
    assert_eq!(warned(text).len(), 3, "{:?}", warned(text));
}

#[test]
fn namespaces_and_methods_have_buckets_of_their_own() {
    let json = r#"{"channel": {"namespaces": [{"name": "chat"}, {"name": "news"}]}, "client": {"rate_limit": {
        "client_command": {"enabled": true,
            "default": {"enabled": true, "buckets": [{"interval": "1s", "rate": 60}]},
            "publish": {"enabled": true, "buckets": [{"interval": "1s", "rate": 5}], "namespace_overrides": [
                {"namespace_name": "chat", "enabled": true, "buckets": [{"interval": "1s", "rate": 20}]},
                {"namespace_name": "news", "enabled": false, "buckets": [{"interval": "10s", "rate": 1}]}]},
            "history": {"namespace_overrides": [{"namespace_name": "news", "enabled": true}]},
            "rpc": {"method_overrides": [{"method": "up", "enabled": true, "buckets": [{"interval": "20s", "rate": 1}]}]}},
        "user_command": {"enabled": true, "rpc": {
            "method_override": {"up": {"enabled": true, "buckets": [{"interval": "5s", "rate": 5}]}, "down": {}}}}}}}"#;
    let settings = load(".json", json).unwrap();
    assert_eq!(warnings(&settings), [""; 0]);
    let layers = settings.admission.rates.layers.unwrap();
    let of = |whose: Whose, command: Metered| layers[whose as usize].overrides[command as usize].clone();
    let named = |name: &str, rates: Vec<Rate>| Overrides::new([(name.into(), rates)]);
    assert_eq!(of(Whose::Client, Metered::Publish), named("chat", one(1, 20)), "what is not enabled is not there");
    assert_eq!(of(Whose::Client, Metered::History), named("news", one(1, 60)), "by default");
    assert_eq!(of(Whose::Client, Metered::Rpc), named("up", one(20, 1)));
    assert_eq!(of(Whose::User, Metered::Rpc), named("up", one(5, 5)));
    assert_eq!(of(Whose::Client, Metered::Subscribe), Overrides::default());
    let variables = [
        ("CENTRIFUGO_CLIENT_RATE_LIMIT_USER_COMMAND_ENABLED", "true"),
        (
            "CENTRIFUGO_CLIENT_RATE_LIMIT_USER_COMMAND_RPC_METHOD_OVERRIDES",
            r#"[{"method":"up","enabled":true,"buckets":[{"interval":"2s","rate":3}]}]"#,
        ),
    ];
    let layers = load_all(".toml", "", &variables, &[]).unwrap().admission.rates.layers.unwrap();
    assert_eq!(layers[Whose::User as usize].overrides[Metered::Rpc as usize], named("up", one(2, 3)));
}

#[test]
fn what_is_no_override_is_refused() {
    let with = |key: &str, written: &str| {
        refusal(&format!(
            "{PUBLISH}buckets = [{{ interval = \"1s\", rate = 1 }}]\n{key} = {written}\n\
        [[channel.namespaces]]\nname = \"chat\"\n"
        ))
    };
    for (written, reason) in [
        ("1", "a list of {namespace_name, enabled, buckets} is wanted"),
        ("[1]", "a list of {namespace_name, enabled, buckets} is wanted"),
        ("[{ enabled = true }]", "an entry without a namespace_name"),
        ("[{ namespace_name = \"chats\" }]", "there is no namespace 'chats' in channel.namespaces"),
        (
            "[{ namespace_name = \"chat\" }, { namespace_name = \"chat\" }]",
            "there are two entries of the namespace_name 'chat'",
        ),
        ("[{ namespace_name = \"chat\", method = \"m\" }]", "and no 'method'"),
        ("[{ namespace_name = \"chat\", buckets = [{ interval = \"1s\", rate = 0 }] }]", "0"),
        ("[{ namespace_name = \"chat\", enabled = \"perhaps\" }]", "true or false is wanted"),
    ] {
        let told = with("namespace_overrides", written);
        assert!(
            told.contains("client_command.publish.namespace_overrides") && told.contains(reason),
            "{written}: {told}"
        );
    }
    let nine = "{ interval = \"1s\", rate = 1 },".repeat(9);
    let nine = with("namespace_overrides", &format!("[{{ namespace_name = \"chat\", buckets = [{nine}] }}]"));
    assert!(nine.contains("at most 8 buckets"), "{nine}");
    let both = "[client.rate_limit.client_command]\nenabled = true\nrpc = { method_override = { a = {} }, method_overrides = [] }";
    assert!(refusal(both).contains("it is the same setting as"), "{}", refusal(both));
}
