use super::*;

const ONE: &str = "[client.proxy.connect]\nenabled = true\nendpoint = \"http://127.0.0.1:9000/connect\"\n";

const GRPC: &str = "[client.proxy.connect]\nenabled = true\nendpoint = \"grpc://127.0.0.1:9000\"\n";

#[test]
fn nobody_is_asked_unless_told() {
    let settings = load(".toml", "").unwrap();
    assert!(settings.proxies == ProxySettings::default() || settings.proxies.engine.is_empty());
    let off = load(".toml", "[client.proxy.connect]\nendpoint = \"http://127.0.0.1:9000/connect\"").unwrap();
    assert!(off.proxies.engine.is_empty() && off.proxies.shard.connect.is_none());
}

#[test]
fn each_event_has_its_proxy_and_namespaces_may_name_another() {
    let text = format!(
        "{ONE}timeout = \"3s\"\nhttp_headers = [\"Cookie\"]\n[client.proxy.connect.http.static_headers]\nX-Secret = \"s\"\n\
         [channel.proxy.subscribe]\nendpoint = \"http://127.0.0.1:9000/subscribe\"\n\
         [[proxies]]\nname = \"other\"\nendpoint = \"https://example.com/other\"\nhttp_headers = [\"X-A\"]\nbinary_encoding = true\n\
         http = {{ status_to_code_transforms = [{{ status_code = 404, to_error = {{ code = 404, message = \"no\" }} }}] }}\n\
         [[proxies]]\nname = \"unused\"\n\
         [channel.without_namespace]\nsubscribe_proxy_enabled = true\n\
         [[channel.namespaces]]\nname = \"chat\"\nsubscribe_proxy_enabled = true\nsubscribe_proxy_name = \"other\"\n\
         publish_proxy_enabled = true\npublish_proxy_name = \"other\"\n\
         [[rpc.namespaces]]\nname = \"math\"\nproxy_enabled = true\nproxy_name = \"other\"\n\
         [[rpc.namespaces]]\nname = \"shut\"\n"
    );
    let settings = load(".toml", &text).unwrap();
    assert_eq!(warnings(&settings), [""; 0]);
    let names: Vec<_> = settings.proxies.engine.iter().map(|one| (&*one.name, &*one.endpoint)).collect();
    let wanted = [
        ("channel.proxy.subscribe", "http://127.0.0.1:9000/subscribe"),
        ("client.proxy.connect", "http://127.0.0.1:9000/connect"),
        ("proxies.other", "https://example.com/other"),
    ];
    assert_eq!(names, wanted);
    let [_, connect, other] = &settings.proxies.engine[..] else { panic!("{names:?}") };
    assert_eq!((connect.timeout, &*connect.constant), (Duration::from_secs(3), &[("x-secret".into(), "s".into())][..]));
    let said = hook::Said::Error { code: 404, message: "no".into(), temporary: false };
    assert!(other.binary && other.statuses == [hook::StatusMeans { status: 404, said }]);
    let of = |name: &Option<std::sync::Arc<str>>| name.as_deref().map(str::to_owned);
    let namespaces: Vec<_> =
        settings.namespaces.iter().map(|one| (of(&one.subscribe_proxy), of(&one.publish_proxy))).collect();
    let named = Some("proxies.other".to_owned());
    assert_eq!(namespaces, [(named.clone(), named), (Some("channel.proxy.subscribe".into()), None)]);
    let shard = &settings.proxies.shard;
    assert_eq!(shard.connect.as_deref(), Some("client.proxy.connect"));
    assert_eq!(shard.calls.namespaces["math"].proxy.as_deref(), Some("proxies.other"));
    assert!(shard.calls.namespaces["shut"].proxy.is_none() && shard.calls.bare.proxy.is_none());
    let fields: Vec<_> = shard.fields.iter().map(|one| (&*one.name, one.is_emulated, one.is_kept)).collect();
    assert_eq!(fields, [("cookie", false, false), ("x-a", false, true)]);
    assert!(!shard.meta && !connect.meta);
}

#[test]
fn what_is_kept_of_a_client_is_what_somebody_is_told_later() {
    let more = "emulated_headers = [\"X-A\", \"X-B\"]\ninclude_connection_meta = true\n";
    let alone = load(".toml", &format!("{ONE}{more}")).unwrap();
    assert_eq!(warnings(&alone), [""; 0]);
    let fields = |settings: &Settings| {
        let fields = settings.proxies.shard.fields.iter();
        fields.map(|one| (one.name.to_string(), one.is_emulated, one.is_kept)).collect::<Vec<_>>()
    };
    assert_eq!(fields(&alone), [("x-a".into(), true, false), ("x-b".into(), true, false)]);
    assert!(!alone.proxies.shard.meta, "who connects has none yet");
    let rpc = "[rpc.without_namespace]\nproxy_enabled = true\n[rpc.proxy]\nendpoint = \"http://127.0.0.1:9000/rpc\"\n\
               emulated_headers = [\"x-b\"]\nhttp_headers = [\"x-a\"]\ninclude_connection_meta = true";
    let both = load(".toml", &format!("{ONE}{more}{rpc}")).unwrap();
    let wanted = [("x-a", false, true), ("x-a", true, false), ("x-b", true, true)];
    assert_eq!(fields(&both), wanted.map(|(name, is_emulated, is_kept)| (name.to_owned(), is_emulated, is_kept)));
    assert!(both.proxies.shard.meta && both.proxies.engine.iter().all(|one| one.meta));
    let variables = [
        ("CENTRIFUGO_CLIENT_PROXY_CONNECT_ENABLED", "true"),
        ("CENTRIFUGO_CLIENT_PROXY_CONNECT_ENDPOINT", "http://127.0.0.1:9000/connect"),
        ("CENTRIFUGO_CLIENT_PROXY_CONNECT_EMULATED_HEADERS", "Authorization X-A"),
        ("CENTRIFUGO_CLIENT_PROXY_CONNECT_INCLUDE_CONNECTION_META", "true"),
    ];
    let settings = load_all(".toml", "", &variables, &[]).unwrap();
    assert_eq!(&*settings.proxies.engine[0].emulated, ["authorization".into(), "x-a".into()]);
    assert!(settings.proxies.engine[0].meta);
}

#[test]
fn a_proxy_is_asked_over_grpc_by_its_own_section() {
    let pem = include_str!("../../../../hook/src/tls/certificate.pem");
    let key = include_str!("../../../../hook/src/tls/key.pem");
    let text = format!(
        "{GRPC}http = {{ static_headers = {{ X-H = \"h\" }} }}\ngrpc_metadata = [\"x-m\"]\n[client.proxy.connect.grpc]\n\
         credentials_key = \"X-Key\"\ncredentials_value = \"secret\"\ncompression = true\nstatic_metadata = {{ X-S = \"s\" }}\n\
         [client.proxy.connect.grpc.tls]\nenabled = true\nserver_ca_pem = \"\"\"{pem}\"\"\"\ncert_pem = \"\"\"{pem}\"\"\"\n\
         key_pem = \"\"\"{key}\"\"\"\nserver_name = \"back.example\"\n"
    );
    let settings = load(".toml", &text).unwrap();
    assert_eq!(warnings(&settings), [""; 0]);
    let [connect] = &settings.proxies.engine[..] else { panic!("{:?}", settings.proxies.engine) };
    assert_eq!((&*connect.endpoint, &*connect.constant), ("grpc://127.0.0.1:9000", &[("x-s".into(), "s".into())][..]));
    assert_eq!((&connect.credentials, connect.compresses), (&Some(("x-key".into(), "secret".into())), true));
    let authorities = pem.as_bytes().to_vec();
    let identity = Some(hook::Identity { chain: authorities.clone(), key: key.as_bytes().to_vec() });
    assert_eq!(
        connect.tls,
        Some(hook::TlsSettings { authorities, identity, name: "back.example".into(), is_unverified: false })
    );
    let bare = load(".toml", &GRPC.replace("grpc://", "")).unwrap();
    assert!(bare.proxies.engine[0].endpoint == "127.0.0.1:9000" && bare.proxies.engine[0].tls.is_none());
    let unverified =
        load(".toml", &format!("{GRPC}grpc = {{ tls = {{ enabled = true, insecure_skip_verify = true }} }}"));
    let unverified = unverified.unwrap();
    assert_eq!(warnings(&unverified), [""; 0]);
    assert!(unverified.proxies.engine[0].tls.as_ref().is_some_and(|tls| tls.is_unverified));
}

#[test]
fn variables_name_proxies_too() {
    let variables = [
        ("CENTRIFUGO_PROXIES", "other"),
        ("CENTRIFUGO_PROXIES_OTHER_ENDPOINT", "http://127.0.0.1:9000/other"),
        ("CENTRIFUGO_PROXIES_OTHER_HTTP_STATIC_HEADERS", "X-A:1,X-B:2"),
        ("CENTRIFUGO_RPC_WITHOUT_NAMESPACE_PROXY_ENABLED", "true"),
        ("CENTRIFUGO_RPC_WITHOUT_NAMESPACE_PROXY_NAME", "other"),
    ];
    let settings = load_all(".toml", "", &variables, &[]).unwrap();
    assert_eq!(warnings(&settings), [""; 0]);
    let [other] = &settings.proxies.engine[..] else { panic!("{:?}", settings.proxies.engine) };
    assert_eq!((&*other.name, other.constant.len()), ("proxies.other", 2));
}

/// A proxy with one status that means something.
fn statuses(one: &str) -> String {
    format!("{ONE}http = {{ status_to_code_transforms = [{{ {one} }}] }}")
}

#[test]
fn what_no_request_can_be_made_of_is_refused_with_its_key() {
    let subscribe = "[channel.without_namespace]\nsubscribe_proxy_enabled = true\n";
    for (text, said) in [
        ("[client.proxy.connect]\nenabled = true".to_owned(), "client.proxy.connect.endpoint"),
        (
            ONE.replace("http:", "grpc:"),
            "client.proxy.connect.endpoint: 'grpc://127.0.0.1:9000/connect': it is neither",
        ),
        (
            format!("{ONE}http_headers = [\"Host\"]"),
            "client.proxy.connect.http_headers: 'host' is no field that is passed on",
        ),
        (
            format!("{ONE}emulated_headers = [\"Content-Length\"]"),
            "client.proxy.connect.emulated_headers: 'content-length' is no field that is passed on",
        ),
        (
            format!("{ONE}http = {{ static_headers = {{ \"a b\" = \"1\" }} }}"),
            "client.proxy.connect.http.static_headers",
        ),
        (format!("{ONE}http = {{ static_headers = {{ a = \"1\\n\" }} }}"), "'a' has a value that no field may have"),
        (
            statuses("status_code = 600, to_error = { code = 400 }"),
            "transforms = a status_code of 600 is out of range: a list of {status_code, ",
        ),
        (
            statuses("status_code = 200, to_error = { code = 400 }"),
            "transforms = a status_code of 200 is out of range: ",
        ),
        (statuses("status_code = 404, to_error = { code = 99 }"), "transforms = a code of 99 is out of range: "),
        (
            statuses("status_code = 404, to_disconnect = { code = 5000 }"),
            "client.proxy.connect.http.status_to_code_transforms = a code of 5000",
        ),
        (
            statuses(&format!("status_code = 404, to_disconnect = {{ code = 4000, reason = \"{}\" }}", "ä".repeat(62))),
            "transforms = a reason of 124 bytes is out of range: ",
        ),
        (format!("{ONE}timeout = \"0s\""), "client.proxy.connect.timeout"),
        (subscribe.to_owned(), "channel.proxy.subscribe.endpoint"),
        (
            format!("{subscribe}subscribe_proxy_name = \"none\""),
            "channel.without_namespace.subscribe_proxy_name: there is no proxy 'none'",
        ),
        (format!("{subscribe}subscribe_proxy_name = \"a\"\n[[proxies]]\nname = \"a\""), "proxies[0].endpoint"),
        ("[[proxies]]\nname = \"a\"\n[[proxies]]\nname = \"a\"".to_owned(), "there are two proxies 'a'"),
        ("[[proxies]]\nname = \"default\"".to_owned(), "there are two proxies 'default'"),
        ("[[proxies]]\nname = \"a b\"".to_owned(), "proxies[0].name"),
        ("[[rpc.namespaces]]\nname = \"a\"\n[[rpc.namespaces]]\nname = \"a\"".to_owned(), "rpc.namespaces[1].name"),
        ("[[rpc.namespaces]]\nproxy_enabled = false".to_owned(), "rpc.namespaces[0].name"),
    ] {
        let refused = refusal(&text);
        assert!(refused.contains(said), "{text}: {refused}");
    }
}

#[test]
fn what_no_call_over_grpc_can_be_made_of_is_refused_with_its_key() {
    for (text, said) in [
        (ONE.replace("http:", "ftp:"), "it begins with http://, https:// or grpc://, or is host:port for GRPC"),
        (format!("{GRPC}http_headers = [\"grpc-a\"]"), "client.proxy.connect.http_headers: 'grpc-a' is GRPC's own"),
        (format!("{GRPC}emulated_headers = [\"grpc-a\"]"), "connect.emulated_headers: 'grpc-a' is GRPC's own"),
        (
            format!("{GRPC}grpc = {{ static_metadata = {{ grpc-a = \"1\" }} }}"),
            "connect.grpc.static_metadata: 'grpc-a' is",
        ),
        (format!("{GRPC}grpc = {{ credentials_key = \"a b\" }}"), "client.proxy.connect.grpc.credentials_key: 'a b'"),
        (
            format!("{GRPC}grpc = {{ credentials_key = \"a\", credentials_value = \"ä\" }}"),
            "connect.grpc.credentials_key: 'a' has a value that no field may have",
        ),
        (
            format!("{GRPC}grpc = {{ tls = {{ enabled = true, server_ca_pem = \"/none\" }} }}"),
            "connect.grpc.tls.server_ca_pem: it is neither PEM nor",
        ),
        (
            format!("{GRPC}grpc = {{ tls = {{ enabled = true, server_name = \"a b\" }} }}"),
            "connect.grpc.tls.server_name: 'a b'",
        ),
        (
            format!("{GRPC}grpc = {{ tls = {{ enabled = true, cert_pem = \"-----BEGIN \" }} }}"),
            "connect.grpc.tls.key_pem: cert_pem is there",
        ),
        (
            format!("{ONE}http = {{ tls = {{ enabled = true, server_ca_pem = \"-----BEGIN \" }} }}"),
            "connect.http.tls.server_ca_pem: ",
        ),
    ] {
        let refused = refusal(&text);
        assert!(refused.contains(said), "{text}: {refused}");
    }
}
