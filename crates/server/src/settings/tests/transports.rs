use super::*;

fn endpoints(text: &str, dev: bool) -> shard::Endpoints {
    let path = std::env::temp_dir().join(format!("ringcast-endpoints-{}-{}.toml", std::process::id(), text.len()));
    std::fs::write(&path, text).unwrap();
    let loaded = Settings::load_with(Some(&path), &[], Flags { dev, ..Flags::default() });
    std::fs::remove_file(&path).unwrap();
    loaded.unwrap().endpoints
}

#[test]
fn only_the_websocket_is_on_unless_told_or_in_development() {
    let normal = Settings::load_with(None, &[], Flags::default()).unwrap().endpoints;
    assert_eq!(
        format!("{normal:?}"),
        format!("{:?}", shard::Endpoints::default()),
        "the table has the shard's defaults"
    );
    assert_eq!(normal.paths().collect::<Vec<_>>(), ["/connection/websocket"]);
    let dev = Settings::load_with(None, &[], Flags { dev: true, ..Flags::default() }).unwrap().endpoints;
    assert!(dev.sse.enabled && dev.http_stream.enabled && dev.emulation.enabled);
    assert!(dev.origins.admit("https://example.com"));
    let told = endpoints("[sse]\nenabled = true\n[websocket]\ndisabled = true", false);
    assert_eq!(told.paths().collect::<Vec<_>>(), ["/connection/sse", "/emulation"]);
    let off = endpoints("[sse]\nenabled = false\n[http_stream]\nenabled = false", true);
    assert!(!off.sse.enabled && !off.http_stream.enabled && !off.emulation.enabled);
}

#[test]
fn paths_and_sizes_of_transports_are_checked() {
    let sse = endpoints("[sse]\nhandler_prefix = \"/a/b/\"\nmax_request_body_size = 1000", true).sse;
    assert_eq!((&*sse.path, sse.body_bytes), ("/a/b", 1_000));
    for (text, said) in [
        ("[sse]\nhandler_prefix = \"a\"", "sse.handler_prefix"),
        ("[sse]\nhandler_prefix = \"/\"", "sse.handler_prefix"),
        ("[websocket]\nhandler_prefix = \"/a b\"", "websocket.handler_prefix"),
        ("[emulation]\nhandler_prefix = \"/api/x\"", "'/api' has another meaning"),
        ("[sse]\nenabled = true\nhandler_prefix = \"/emulation\"", "two transports are served at '/emulation'"),
        ("[http_stream]\nmax_request_body_size = 1", "http_stream.max_request_body_size"),
    ] {
        let error = refusal(text);
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn origins_are_globs() {
    let admit =
        |list: &str, dev, origin| endpoints(&format!("[client]\nallowed_origins = {list}"), dev).origins.admit(origin);
    assert!(admit("[\"https://Example.com\"]", false, "https://example.com"));
    assert!(
        !admit("[\"https://example.com\"]", true, "https://example.org"),
        "development too, once origins are listed"
    );
    assert!(admit("[\"https://example.com\", \"*\"]", false, "https://example.org"));
    assert!(!admit("[]", false, "https://example.org"));
    for wrong in ["\"\"", "\"https://{a,b}.example.com\""] {
        let error = refusal(&format!("[client]\nallowed_origins = [{wrong}]"));
        assert!(error.starts_with("client.allowed_origins"), "{error}");
    }
}

#[test]
fn paths_of_the_control_plane_can_be_chosen() {
    let load = |text: &str| load(".toml", text);
    let settings = load(
        "[http_api]\nhandler_prefix = \"/own/api/\"\n[prometheus]\nhandler_prefix = \"/own\"\n[init]\nenabled = true",
    )
    .unwrap();
    let paths = control::Paths {
        api: Some("/own/api".into()),
        metrics: "/own".into(),
        health: None,
        init: Some("/connection/init".into()),
    };
    assert_eq!(settings.paths, paths);
    assert_eq!(load("[http_api]\ndisabled = true").unwrap().paths.api, None);
    for (text, says) in [
        ("[http_api]\nhandler_prefix = \"/sub\"", "'/sub' has another meaning"),
        ("[init]\nhandler_prefix = \"/connection/websocket\"", "something else is served at '/connection/websocket'"),
        ("[health]\nhandler_prefix = \"health\"", "a path begins with '/'"),
    ] {
        let error = load(text).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn codes_are_told_as_the_settings_say() {
    let load = |text: &str| load(".toml", text);
    let disconnect = "[client.connect_code_to_unidirectional_disconnect]\nenabled = true\n\
        transforms = [{ code = 109, to = { code = 4109, reason = \"own words\" } }]";
    let codes = load(disconnect).unwrap().endpoints.refusal_codes;
    assert_eq!(codes.disconnects, [shard::CodeToDisconnect { of: 109, code: 4109, reason: "own words".into() }]);
    assert_eq!((codes.sse, codes.http_stream), (None, None));
    let off = disconnect.replace("true", "false");
    assert_eq!(load(&off).unwrap().endpoints.refusal_codes, shard::RefusalCodes::default());
    let status = "[uni_sse.connect_code_to_http_response]\nenabled = true\n\
        transforms = '[{\"code\":3501,\"to\":{\"status_code\":403,\"body\":\"no\"}}]'";
    let codes = load(status).unwrap().endpoints.refusal_codes;
    assert_eq!(codes.sse, Some(vec![shard::CodeToStatus { of: 3501, status: 403, body: "no".into() }]));
    for (from, to, says) in [
        ("4109", "2999", "2999"),
        (
            "4109",
            "5000",
            "transforms = a code of 5000 is out of range: a list of {code, to: {code, reason}} with a code from 3000 to 4999",
        ),
        ("own words", &"w".repeat(124), "transforms = a reason of 124 bytes is out of range: "),
        ("109,", "\"x\",", "a whole number"),
        ("reason", "words", "'words' is unknown"),
        ("code = 109, ", "", "'code' is missing"),
        ("[{", "{", "transforms"),
    ] {
        let wrong = disconnect.replacen(from, to, 1).replace(if from == "[{" { "}]" } else { "never" }, "}");
        let error = load(&wrong).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
