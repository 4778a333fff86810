//! Health, metrics, the page, and the life of connections.
use std::time::Duration;

use crate::support::Server;
use control::metric::MetricKind;
use control::{ControlSettings, Paths, State};

fn dev() -> ControlSettings {
    ControlSettings { dev: true, ..ControlSettings::default() }
}

#[test]
fn ready_only_between_starting_and_draining() {
    let server = Server::start(ControlSettings::default());
    for (state, status) in [(State::Starting, 503), (State::Ready, 200), (State::Draining, 503)] {
        *server.recorder.state.lock().unwrap() = state;
        assert_eq!(server.get("/readyz").status, status, "{state:?}");
        assert_eq!(server.get("/healthz").status, 200);
    }
}

#[test]
fn centrifugos_health_is_there_if_it_is_wanted() {
    assert_eq!(Server::start(ControlSettings::default()).get("/health").status, 404);
    let server = Server::start(ControlSettings {
        paths: Paths {
            api: None,
            metrics: "/own/metrics".into(),
            health: Some("/health".into()),
            init: Some("/connection/init".into()),
        },
        ..ControlSettings::default()
    });
    let answer = server.get("/health");
    assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
    assert_eq!(server.get("/connection/init").body, "{}");
    assert_eq!((server.get("/own/metrics").status, server.get("/metrics").status), (200, 404));
    assert_eq!(server.post("/api/info", "", "{}").status, 404, "there is no API");
}

#[test]
fn the_api_is_where_it_is_wanted() {
    let paths = Paths { api: Some("/own/api".into()), ..Paths::default() };
    let server = Server::start(ControlSettings { paths, ..dev() });
    assert_eq!(server.post("/own/api/info", "", "{}").status, 200);
    assert_eq!(server.post("/own/api", "", r#"{"method":"info"}"#).status, 200);
    assert_eq!(server.post("/api/info", "", "{}").status, 404);
}

#[test]
fn head_is_get_without_a_body() {
    let server = Server::start(ControlSettings::default());
    let mut peer = server.connect();
    for path in ["/healthz", "/", "/metrics"] {
        peer.send(&format!("HEAD {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let head = peer.head();
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
    }
}

#[test]
fn metrics_come_in_both_formats() {
    let server = Server::start(dev());
    server.get("/nonsense");
    let text = server.get("/metrics");
    assert_eq!(text.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(text.body.contains("# TYPE ringcast_messages_sent_total counter\n"), "{}", text.body);
    assert!(text.body.contains("\nringcast_messages_sent_total{shard=\"1\"} 2.5\n"));
    assert!(text.body.contains("\nringcast_ready 1\n"));
    assert!(text.body.contains("\nringcast_control_answers_total{status=\"404\"} 1\n"));
    assert!(text.body.contains("transport=\"sse\""));
    assert!(text.body.contains("process_resident_memory_bytes "));
    assert!(!text.body.contains("# EOF"));
    let open =
        server.ask("GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: application/openmetrics-text;version=1.0.0\r\n\r\n");
    assert!(open.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(open.body.contains("# TYPE ringcast_messages_sent counter\n"));
    assert!(open.body.ends_with("# EOF\n"));
    assert_eq!(*server.recorder.scrapes.lock().unwrap(), 1, "scrapes within 200 ms share one snapshot");
}

#[test]
fn the_page_is_complete_in_dev_and_modest_otherwise() {
    let server = Server::start(dev());
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/page/style.css", "text/css; charset=utf-8"),
        ("/page/script.js", "text/javascript; charset=utf-8"),
        ("/page/icon.svg", "image/svg+xml"),
        ("/stats", "application/json"),
        ("/openapi.yaml", "application/yaml"),
    ] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(content_type)), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'self';"));
        for elsewhere in ["src=\"http", "url(http", "@import", "<script>", " style=\""] {
            assert!(!answer.body.contains(elsewhere), "{path} has {elsewhere}");
        }
    }
    let stats: serde_json::Value = serde_json::from_str(&server.get("/stats").body).unwrap();
    assert_eq!((&stats["shards"], &stats["connections"]), (&2.into(), &5.0.into()));

    let server = Server::start(ControlSettings::default());
    assert_eq!(server.get("/").status, 200);
    assert!(!server.get("/").body.contains("script"));
    assert!(server.get("/openapi.yaml").body.starts_with("openapi: 3."));
    assert!(server.get("/").body.contains("href=\"/openapi.yaml\""));
    assert_eq!(server.get("/stats").status, 404);
    assert_eq!(server.get("/page/script.js").status, 404);
    let missing = server.get("/nonsense");
    assert_eq!((missing.status, missing.body.as_str()), (404, r#"{"error":"there is nothing at this path"}"#));
}

#[test]
fn too_many_connections_are_turned_away_and_room_comes_back() {
    let server = Server::start(ControlSettings { connections_max: 1, ..dev() });
    // The second may be handed over before the first, which is turned away then.
    let (first, answer) = (0..100)
        .find_map(|_| {
            let mut first = server.connect();
            first.send("GET /healthz HTTP/1.1\r\nHost: test\r\n");
            let answer = (0..20).map(|_| server.get("/healthz")).find(|answer| answer.status == 503)?;
            Some((first, answer))
        })
        .unwrap();
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(answer.body, r#"{"error":"too many connections to the control plane"}"#);
    drop(first);
    let again = (0..100).map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        server.get("/healthz").status
    });
    assert!(again.into_iter().any(|status| status == 200));
}

#[test]
fn who_lies_idle_does_not_shut_others_out() {
    let server = Server::start(ControlSettings { connections_max: 2, ..dev() });
    let mut idle = server.connect();
    idle.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(idle.answer().header("connection"), None, "there is room");
    for _ in 0..3 {
        let mut next = server.connect();
        next.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(next.answer().header("connection"), Some("close"));
        assert!(next.is_closed());
    }
    // The one before may not have left yet.
    assert!((0..100).any(|_| server.get("/healthz").status == 200));
}

#[test]
fn slow_heads_and_idle_connections_are_closed() {
    let server = Server::start(ControlSettings { head_timeout: Duration::from_millis(200), ..dev() });
    let mut slow = server.connect();
    slow.send("GET /healthz HTTP/1.1\r\nHost:");
    let mut idle = server.connect();
    idle.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(idle.answer().status, 200);
    assert!(idle.is_closed());
    assert!(slow.is_closed());
}

#[test]
fn rubbish_is_answered_and_harms_nobody() {
    let server = Server::start(dev());
    for rubbish in [
        "\u{0}\u{1}\u{2}\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /api/publish HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST /api/publish HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut peer = server.connect();
        peer.send(rubbish);
        let answer = peer.answer();
        assert!((400..=505).contains(&answer.status), "{rubbish:?}: {answer:?}");
    }
    assert_eq!(server.get("/healthz").status, 200);
}

/// A proxy in front that reads such a body otherwise would take what is in it for requests of others, or the other way round.
#[test]
fn a_body_with_two_ends_is_refused_and_nothing_behind_it_is_read() {
    let server = Server::start(dev());
    let inside = "GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n";
    for (fields, status) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
        ("Transfer-Encoding: identity, chunked\r\n", 501),
        ("Transfer-Encoding: gzip, chunked\r\n", 501),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 501),
    ] {
        for path in ["/api/publish", "/metrics", "/pub/a"] {
            let mut peer = server.connect();
            peer.send(&format!("POST {path} HTTP/1.1\r\nHost: test\r\n{fields}\r\n0\r\n\r\n{inside}"));
            let answer = peer.answer();
            // A length beside a coding is dropped by hyper, which ends the connection behind such a request.
            let is_dropped = fields.contains("Content-Length");
            assert!(is_dropped || [status, 400].contains(&answer.status), "{fields} {path}: {answer:?}");
            assert!(peer.is_closed(), "{fields} {path}");
        }
    }
    assert!(server.recorder.published.lock().unwrap().is_empty());
}

#[test]
fn draining_closes_idle_connections_and_finishes_open_requests() {
    let patient = Duration::from_secs(60);
    let mut server = Server::start(ControlSettings { drain_silence: patient, drain_timeout: patient, ..dev() });
    let mut idle = server.connect();
    idle.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(idle.answer().status, 200);
    let mut busy = server.connect();
    busy.send("POST /api/publish HTTP/1.1\r\nHost: test\r\nContent-Length: 24\r\n\r\n");
    std::thread::sleep(Duration::from_millis(100));
    drop(server.shutdown.take());
    assert!(idle.is_closed());
    busy.send(r#"{"channel":"a","data":1}"#);
    let answer = busy.answer();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    server.served.take().unwrap().join().unwrap();
}

/// Who says nothing is not waited for until the deadline, whether the drain finds the request half there or its last bytes come later.
#[test]
fn half_a_body_does_not_hold_a_drain() {
    let patient = Duration::from_secs(600);
    let silence = Duration::from_millis(300);
    let settings = ControlSettings { drain_silence: silence, drain_timeout: patient, body_timeout: patient, ..dev() };
    let mut server = Server::start(settings);
    let head = "POST /api/publish HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 24\r\n\r\n";
    let mut peers: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for peer in &mut peers {
        peer.send(head);
        // The body is waited for.
        assert!(peer.head().starts_with("HTTP/1.1 100 "));
        peer.send("{\"channel\"");
    }
    drop(server.shutdown.take());
    for peer in &mut peers {
        let answer = peer.answer();
        assert_eq!((answer.status, answer.header("connection")), (503, Some("close")), "{answer:?}");
        assert!(peer.is_closed());
    }
    server.served.take().unwrap().join().unwrap();
    assert!(server.recorder.published.lock().unwrap().is_empty());
}

#[test]
fn every_metric_is_documented_and_named_as_prometheus_wants() {
    let page = include_str!("../../../docs/METRICS.md");
    for metric in control::metric::ALL {
        let (name, help) = (metric.name, metric.help);
        let is_counter = metric.kind == MetricKind::Counter;
        assert_eq!(is_counter, name.ends_with("_total"), "{name}: counters end in _total, and only they");
        assert!(help.ends_with('.') && !help.contains('\n') && !help.contains('\\'), "{name}: {help}");
        let word = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let row = format!("| `{name}` | {word} | {help} |");
        assert!(page.contains(&row), "docs/METRICS.md lacks: {row}");
    }
}
