//! Which source wins, and how variables and options are written.
use super::*;

#[test]
fn the_environment_wins_over_the_file_and_options_win_over_both() {
    let file = "[client]\nping_interval = \"10s\"\npong_timeout = \"2s\"\nchannel_limit = 1";
    let variables = [
        ("CENTRIFUGO_CLIENT_PING_INTERVAL", "11s"),
        ("RINGCAST_CLIENT_PONG_TIMEOUT", "3s"),
        ("CENTRIFUGO_CLIENT_PONG_TIMEOUT", "4s"),
    ];
    let settings = load_all(".toml", file, &variables, &[("client.ping_interval", "12s")]).unwrap();
    assert_eq!(settings.heartbeat.ping_interval, Duration::from_secs(12));
    assert_eq!(settings.heartbeat.pong_timeout, Duration::from_secs(3), "ours before Centrifugo's");
    assert_eq!(settings.limits.subscriptions_per_connection, 1);
}

#[test]
fn a_setting_may_have_another_name_in_each_source() {
    let file = "[heartbeat]\nping_interval_ms = 9000\n[server]\nport = 1\n[limits]\nsubjects_per_connection = 5";
    let settings = load(".toml", file).unwrap();
    assert_eq!(settings.heartbeat.ping_interval, Duration::from_secs(9));
    assert_eq!((settings.address.port(), settings.limits.subscriptions_per_connection), (1, 5));
    let variables = [("CENTRIFUGO_HTTP_SERVER_PORT", "2"), ("RINGCAST_HEARTBEAT_PING_INTERVAL_MS", "10000")];
    let settings = load_all(".toml", file, &variables, &[]).unwrap();
    assert_eq!((settings.address.port(), settings.heartbeat.ping_interval.as_secs()), (2, 10));
    let settings = load_all(".toml", file, &variables, &[("server.port", "3")]).unwrap();
    assert_eq!(settings.address.port(), 3);
}

#[test]
fn a_wrong_value_is_refused_under_the_name_by_which_it_was_written() {
    for (variables, options, expected) in [
        (
            &[("CENTRIFUGO_HTTP_SERVER_PORT", "x")][..],
            &[][..],
            "CENTRIFUGO_HTTP_SERVER_PORT: a whole number is wanted, not 'x'",
        ),
        (&[("RINGCAST_SERVER_PORT", "70000")], &[], "RINGCAST_SERVER_PORT = 70000 is out of range: from 0 to 65535"),
        (&[], &[("http_server.port", "-1")], "--http_server.port = -1 is out of range: from 0 to 65535"),
        (
            &[],
            &[("http_server.prot", "1")],
            "--http_server.prot: there is no such option; did you mean '--http_server.port'?",
        ),
        (
            &[("CENTRIFUGO_CHANNEL_NAMESPACES", "[")],
            &[],
            "CENTRIFUGO_CHANNEL_NAMESPACES: it is neither names nor JSON: ",
        ),
    ] {
        let refusal = load_all(".toml", "", variables, options).unwrap_err().to_string();
        assert!(refusal.starts_with(expected), "{refusal}");
    }
}

#[test]
fn namespaces_are_declared_by_name_or_as_json() {
    let by_name = [
        ("CENTRIFUGO_CHANNEL_NAMESPACES", "recovery small.history small"),
        ("CENTRIFUGO_CHANNEL_NAMESPACES_RECOVERY_FORCE_RECOVERY", "true"),
        ("CENTRIFUGO_CHANNEL_NAMESPACES_RECOVERY_HISTORY_SIZE", "100"),
        ("CENTRIFUGO_CHANNEL_NAMESPACES_RECOVERY_HISTORY_TTL", "300s"),
        ("CENTRIFUGO_CHANNEL_NAMESPACES_SMALL_HISTORY_HISTORY_SIZE", "2"),
        ("CENTRIFUGO_CHANNEL_NAMESPACES_SMALL_HISTORY_HISTORY_TTL", "1m"),
        ("CENTRIFUGO_CHANNEL_NAMESPACES_SMALL_ALLOW_PUBLISH_FOR_CLIENT", "1"),
        ("CENTRIFUGO_CHANNEL_NAMESPACES_SMALL_HISTORY_SIZES", "2"),
    ];
    let settings = load_all(".toml", "", &by_name, &[]).unwrap();
    let [recovery, small_history, small, bare] = settings.namespaces.as_slice() else {
        panic!("{:?}", settings.namespaces)
    };
    assert!(recovery.pattern.matches("recovery:a") && bare.pattern.matches("a"));
    assert_eq!((recovery.recovery, recovery.history.unwrap().count), (hub::Offer::Always, 100));
    assert_eq!(recovery.history.unwrap().age, Duration::from_secs(300));
    assert_eq!(small_history.history.unwrap().count, 2);
    assert!(small.history.is_none() && small.publish.client);
    assert_eq!(warnings(&settings).len(), 1);

    let json = r#"[{"name":"recovery","history_size":100,"history_ttl":"300s","force_recovery":true}]"#;
    for list in [json, "[{name=recovery,history_size=100,history_ttl=\"300s\",force_recovery=true}]"] {
        let settings = load_all(".toml", "", &[("CENTRIFUGO_CHANNEL_NAMESPACES", list)], &[]).unwrap();
        assert_eq!(settings.namespaces[0].history, recovery.history, "{list}");
    }
}

#[test]
fn variables_change_namespaces_of_the_file() {
    let file = "[[channel.namespaces]]\nname = \"chat\"\nhistory_size = 10\nhistory_ttl = \"1m\"";
    let variables = [("CENTRIFUGO_CHANNEL_NAMESPACES_CHAT_HISTORY_SIZE", "20")];
    let settings = load_all(".toml", file, &variables, &[]).unwrap();
    assert_eq!(settings.namespaces[0].history.unwrap().count, 20);
    let replaced = [("CENTRIFUGO_CHANNEL_NAMESPACES", "news")];
    let settings = load_all(".toml", file, &replaced, &[]).unwrap();
    assert!(settings.namespaces[0].pattern.matches("news:a") && settings.namespaces[0].history.is_none());
}

#[test]
fn lists_of_texts_are_words_or_json() {
    let keys = |value: &str| load_all(".toml", "", &[("RINGCAST_API_KEYS", value)], &[]).unwrap().api.keys;
    let both = ["0123456789abcdef", "fedcba9876543210"];
    assert_eq!(keys("0123456789abcdef fedcba9876543210"), both);
    assert_eq!(keys(r#"["0123456789abcdef", "fedcba9876543210"]"#), both);
    let one_more = load(".toml", "[api]\nkeys = [\"0123456789abcdef\"]\n[http_api]\nkey = \"test-api-key\"").unwrap();
    assert_eq!(one_more.api.keys, ["0123456789abcdef", "test-api-key"]);
}

#[test]
fn what_the_command_line_reads_itself_is_no_setting() {
    let variables = [("RINGCAST_CONFIG", "x"), ("RINGCAST_KEY", "x"), ("CENTRIFUGO_PORT", "tcp://10.0.0.7:8000")];
    assert_eq!(warnings(&load_all(".toml", "", &variables, &[]).unwrap()), [""; 0]);
    let unknown = [("CENTRIFUGO_CLIENT_PUBLISH_DEBOUNCE_INTERVAL", "1s"), ("RINGCAST_SERVER_PROT", "1")];
    let settings = load_all(".toml", "", &unknown, &[]).unwrap();
    assert_eq!(
        warnings(&settings),
        [
            "there is no setting 'CENTRIFUGO_CLIENT_PUBLISH_DEBOUNCE_INTERVAL'",
            "there is no setting 'RINGCAST_SERVER_PROT'; did you mean 'RINGCAST_SERVER_PORT'?"
        ]
    );
}

#[test]
fn options_are_taken_out_of_the_arguments() {
    let arguments =
        ["ringcast", "serve", "--client.insecure", "--port", "9", "--http_server.port=8000", "-c", "f.json"];
    let more = ["--client.ping_interval", "5s", "--dev", "--channel.without_namespace.presence", "--", "--a.b"];
    let (left, options) = take_options(arguments.iter().chain(&more).map(Into::into)).unwrap();
    assert_eq!(left, ["ringcast", "serve", "--port", "9", "-c", "f.json", "--dev", "--", "--a.b"]);
    let pairs: Vec<_> = options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected = [
        ("client.insecure", "true"),
        ("http_server.port", "8000"),
        ("client.ping_interval", "5s"),
        ("channel.without_namespace.presence", "true"),
    ];
    assert_eq!(pairs, expected);
}

#[test]
fn an_option_without_its_value_is_no_empty_secret() {
    use std::os::unix::ffi::OsStringExt;
    let secret = || "--client.token.hmac_secret_key".into();
    let refusal = |arguments: Vec<_>| take_options(arguments).unwrap_err().to_string();
    assert_eq!(refusal(vec![secret()]), "--client.token.hmac_secret_key: it wants a value");
    let binary = std::ffi::OsString::from_vec(vec![b's', 0xFF]);
    assert_eq!(refusal(vec![secret(), binary]), "--client.token.hmac_secret_key: it wants a value in UTF-8");
}
