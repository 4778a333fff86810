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
