//! Event proxies over GRPC against a back end of a few lines: what a call is, and the answers that are none.
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hook::{ProxySettings, Said, Told};
use http_body_util::combinators::WithTrailers;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::proxy::{ask, question};

const STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// What a back end has heard: the heads of the requests, and their bodies.
type Heard = Arc<Mutex<Vec<(Parts, Bytes)>>>;

/// What it answers.
#[derive(Clone)]
struct Answer {
    status: u16,
    kind: &'static str,
    body: Vec<u8>,
    grpc_status: Option<&'static str>,
    is_late: bool,
}

fn well(message: &[u8]) -> Answer {
    let body = [&[0], &u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat();
    Answer { status: 200, kind: "application/grpc", body, grpc_status: Some("0"), is_late: false }
}

type Reply = Response<WithTrailers<Full<Bytes>, Ready<Option<Result<HeaderMap, Infallible>>>>>;

async fn serve(request: Request<Incoming>, heard: Heard, answer: Answer) -> Result<Reply, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    heard.lock().unwrap().push((head, body));
    if answer.is_late {
        std::future::pending::<()>().await;
    }
    let status = answer.grpc_status.map(|status| (STATUS, HeaderValue::from_static(status)));
    let trailers = status.map(|status| Ok(HeaderMap::from_iter([status])));
    let body = Full::new(Bytes::from(answer.body)).with_trailers(ready(trailers));
    Ok(Response::builder().status(answer.status).header(CONTENT_TYPE, answer.kind).body(body).unwrap())
}

/// A back end with this answer.
async fn back_end(answer: Answer) -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("grpc://{}", listener.local_addr().unwrap());
    let heard = Heard::default();
    let all = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (heard, answer) = (Arc::clone(&all), answer.clone());
            let service = service_fn(move |request| serve(request, Arc::clone(&heard), answer.clone()));
            let server = http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
        }
    });
    (endpoint, heard)
}

fn settings(endpoint: &str) -> ProxySettings {
    ProxySettings {
        constant: ["x-a", "x-b", "x-k"].map(|name| (name.into(), "ours".into())).into(),
        credentials: Some(("x-k".into(), "secret".into())),
        emulated: vec!["x-a".into(), "x-d".into(), "x-k".into()],
        ..crate::proxy::settings(endpoint)
    }
}

#[tokio::test]
async fn a_question_is_one_call_with_the_metadata_that_is_told() {
    let (endpoint, heard) = back_end(well(b"\x0A\x05\x0A\x03[1]")).await;
    let (told, outcome) = ask(settings(&endpoint), question()).await;
    let Told::Result(granted) = told else { panic!("{told:?}") };
    assert_eq!((granted.data.as_deref(), outcome), (Some(&b"[1]"[..]), "ok"));
    let heard = heard.lock().unwrap();
    let [(head, body)] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!((head.method.as_str(), head.uri.path()), ("POST", "/centrifugal.centrifugo.proxy.CentrifugoProxy/RPC"));
    let field = |name: &str| head.headers.get(name).map_or("", |value| value.to_str().unwrap());
    assert_eq!((field("content-type"), field("te")), ("application/grpc", "trailers"));
    let millis: u64 = field("grpc-timeout").strip_suffix('m').unwrap().parse().unwrap();
    assert!((1..=60_000).contains(&millis), "{millis}");
    // What a client says goes before the settings', and the credentials before both.
    assert_eq!(["cookie", "x-a", "x-b", "x-d", "x-k"].map(field), ["a=1", "theirs", "ours", "said", "secret"]);
    assert_eq!(["x-c", "x-e", "x-f"].map(field), [""; 3]);
    assert_eq!((body[0], usize::from(body[4])), (0, body.len() - 5));
    assert!(body.ends_with(b"\x5A\x01m\x62\x07{\"d\":1}\x72\x0C{\"m\":[1, 2]}"), "{body:?}");
}

#[tokio::test]
async fn what_is_no_answer_fails_by_its_kind() {
    let ok = || well(b"");
    let large = well(&vec![0; 5 << 20]);
    let mut longer = ok();
    longer.body[4] = 1;
    let mut compressed = ok();
    compressed.body[0] = 1;
    for (answer, wanted) in [
        (Answer { grpc_status: Some("13"), ..ok() }, "status"),
        (Answer { grpc_status: Some("14"), ..ok() }, "busy"),
        (Answer { grpc_status: Some("4"), ..ok() }, "timed_out"),
        (Answer { grpc_status: None, ..ok() }, "no_status"),
        (Answer { status: 502, ..ok() }, "status"),
        (Answer { kind: "text/html", ..ok() }, "content_type"),
        (Answer { body: Vec::new(), ..ok() }, "bad_text"),
        (well(b"no message"), "bad_text"),
        (longer, "bad_text"),
        (compressed, "compressed"),
        (large, "too_large"),
    ] {
        let (endpoint, _) = back_end(answer).await;
        assert_eq!(ask(settings(&endpoint), question()).await, (Told::Failed, wanted));
    }
}

#[tokio::test]
async fn a_back_end_that_is_slow_or_not_there_or_no_server_of_grpc_fails_in_time() {
    let (endpoint, _) = back_end(Answer { is_late: true, ..well(b"") }).await;
    let slow = ProxySettings { timeout: Duration::from_millis(50), ..settings(&endpoint) };
    assert_eq!(ask(slow, question()).await, (Told::Failed, "timed_out"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = listener.local_addr().unwrap().to_string();
    drop(listener);
    assert_eq!(ask(settings(&gone), question()).await, (Told::Failed, "unreachable"));
    let (url, _) = crate::proxy::back_end(b"HTTP/1.1 400 What\r\n\r\n".to_vec()).await;
    let old = url.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    assert_eq!(ask(settings(&old), question()).await, (Told::Failed, "broken"));
}

#[tokio::test]
async fn what_a_back_end_says_instead_is_told() {
    let (endpoint, _) = back_end(well(b"\x1A\x07\x08\x94\x23\x12\x02go")).await;
    let said = Said::Disconnect { code: 4_500, reason: "go".into() };
    assert_eq!(ask(settings(&endpoint), question()).await, (Told::Refused(said), "ok"));
}
