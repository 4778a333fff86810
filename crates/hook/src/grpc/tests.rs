use super::*;
use crate::Of;

fn answer(status: Option<&'static str>, body: &[u8]) -> Answer {
    let trailers = status.map(|status| HeaderMap::from_iter([(STATUS, HeaderValue::from_static(status))]));
    let fields = HeaderMap::from_iter([(CONTENT_TYPE, GRPC)]);
    Answer { status: StatusCode::OK, fields, body: Bytes::copy_from_slice(body), trailers }
}

fn ask() -> Ask {
    Ask {
        of: Of { shard: 0, conn: 1, generation: 1 },
        proxy: "p".into(),
        number: 0,
        client: "c".into(),
        transport: "websocket",
        protocol: "json",
        user: Some("ann".into()),
        about: About::Rpc { method: "m".into() },
        data: vec![b'd'; 1_000],
        fields: Vec::new(),
        emulated: Vec::new(),
        meta: None,
    }
}

#[test]
fn an_endpoint_is_host_and_port() {
    for (endpoint, authority) in [
        ("grpc://127.0.0.1:9000", "127.0.0.1:9000"),
        ("127.0.0.1:9000", "127.0.0.1:9000"),
        ("grpc://back.example:9000/", "back.example:9000"),
        ("dns:///back.example:9000", "back.example:9000"),
        ("[::1]:9000", "[::1]:9000"),
        ("back.example", "back.example:443"),
        ("grpc://[::1]", "[::1]:443"),
    ] {
        assert!(speaks_grpc(endpoint), "{endpoint}");
        let callee = Callee::read(endpoint, false, false).unwrap();
        assert_eq!((callee.authority.as_str(), callee.scheme), (authority, Scheme::HTTP), "{endpoint}");
    }
    assert_eq!(Callee::read("a:1", true, false).unwrap().scheme, Scheme::HTTPS);
    for wrong in [
        "",
        "grpc://",
        "grpc://a:1/x",
        "a/x",
        "a:1?x",
        "u:p@a:1",
        "ftp://a",
        "unix:///x",
        "a b",
        ":1",
        "a:0",
        "a:65536",
    ] {
        assert!(Callee::read(wrong, false, false).is_err(), "{wrong}");
    }
    assert!(!speaks_grpc("http://a") && !speaks_grpc("https://a"));
}

#[test]
fn a_call_is_a_post_of_one_message() {
    let callee = Callee::read("a:1", false, false).unwrap();
    let body = callee.body(&ask(), false, false).unwrap();
    assert_eq!(&body[..PREFIX_BYTES], [&[0], &u32::try_from(body.len() - 5).unwrap().to_be_bytes()[..]].concat());
    let metadata = HeaderMap::from_iter([(TIMEOUT, GZIP), (CONTENT_TYPE, GZIP)]);
    let request = callee.request(&ask().about, body, metadata, Duration::from_millis(1_500));
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri(), "http://a:1/centrifugal.centrifugo.proxy.CentrifugoProxy/RPC");
    let field = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    assert_eq!(
        (field(CONTENT_TYPE), field(TE), field(TIMEOUT)),
        (Some("application/grpc"), Some("trailers"), Some("1500m"))
    );
    assert_eq!((field(ACCEPT_ENCODING), field(ENCODING)), (Some("gzip"), None));
    for (left, said) in [(Duration::ZERO, "1m"), (Duration::from_secs(1 << 40), "99999999m")] {
        let request = callee.request(&About::Refresh, Bytes::new(), HeaderMap::new(), left);
        assert_eq!(request.headers()[TIMEOUT], said);
    }
}

#[test]
fn what_is_compressed_is_read_again() {
    let callee = Callee::read("a:1", false, true).unwrap();
    let body = callee.body(&ask(), false, false).unwrap();
    assert!(body[0] == 1 && body.len() < 500);
    assert_eq!(
        callee.request(&About::Refresh, Bytes::new(), HeaderMap::new(), Duration::ZERO).headers()[ENCODING],
        GZIP
    );
    let whole = ask().message(false, false);
    let mut answer = answer(Some("0"), &body);
    assert_eq!(message(&answer, whole.len()), Err(Ended::Compressed), "nobody says how");
    answer.fields.insert(ENCODING, HeaderValue::from_static("br"));
    assert_eq!(message(&answer, whole.len()), Err(Ended::Compressed));
    answer.fields.insert(ENCODING, GZIP);
    assert_eq!(message(&answer, whole.len()).unwrap(), whole);
    assert_eq!(message(&answer, whole.len() - 1), Err(Ended::TooLarge));
    answer.body = frame(b"no gzip", true).unwrap();
    assert_eq!(message(&answer, 100), Err(Ended::BadText));
    answer.body = frame(&body[5..body.len() - 4], true).unwrap();
    assert_eq!(message(&answer, whole.len()), Err(Ended::BadText), "its end is missing");
}

#[test]
fn an_answer_is_one_whole_message_and_a_status() {
    let framed = |message: &[u8]| frame(message, false).unwrap();
    assert_eq!(message(&answer(Some("0"), &framed(b"m")), 9).unwrap(), &b"m"[..]);
    assert_eq!(message(&answer(Some("0"), &framed(b"")), 9).unwrap(), &b""[..]);
    let with_kind = |kind: &'static str| {
        let mut answer = answer(Some("0"), &framed(b"m"));
        answer.fields.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        message(&answer, 9)
    };
    assert!(with_kind("application/grpc+proto").is_ok() && with_kind("application/grpc;x=y").is_ok());
    for kind in ["application/json", "application/grpc+json", "application/grpc-web", "text/html", ""] {
        assert_eq!(with_kind(kind), Err(Ended::ContentType), "{kind}");
    }
    let two = [framed(b"m"), framed(b"m")].concat();
    for body in [&b""[..], b"\0\0\0\0", b"\0\0\0\0\x02m", b"\0\xFF\xFF\xFF\xFFm", b"\x02\0\0\0\x01m", &two] {
        assert_eq!(message(&answer(Some("0"), body), 9), Err(Ended::BadText), "{body:?}");
    }
    for (status, ended) in
        [("4", Ended::TimedOut), ("8", Ended::Busy), ("14", Ended::Busy), ("13", Ended::Status), ("", Ended::Status)]
    {
        assert_eq!(message(&answer(Some(status), &framed(b"m")), 9), Err(ended), "{status}");
    }
    assert_eq!(message(&answer(None, &framed(b"m")), 9), Err(Ended::NoStatus));
    let mut head_only = answer(None, b"");
    head_only.fields.insert(STATUS, HeaderValue::from_static("12"));
    assert_eq!(message(&head_only, 9), Err(Ended::Status));
    head_only.status = StatusCode::BAD_GATEWAY;
    assert_eq!(message(&head_only, 9), Err(Ended::Status));
}

#[test]
fn fields_become_metadata() {
    let field =
        |name: &'static str, value: &[u8]| (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
    let all = HeaderMap::from_iter([
        field("x-a", b"1"),
        field("x-b-bin", b"\xFF\xFE"),
        field("x-c", b"\xC3\xA4"),
        field("x-d", b"a\tb"),
        field("grpc-timeout", b"1H"),
        field("te", b"x"),
        field("content-type", b"x"),
    ]);
    let wanted = HeaderMap::from_iter([field("x-a", b"1"), field("x-b-bin", b"//4")]);
    assert_eq!(metadata(&all), wanted);
}
