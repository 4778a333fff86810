use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Answers each request of a connection with the next of `answers`, and ends it after the last.
async fn serve(mut stream: TcpStream, answers: &[&str]) {
    for answer in answers {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\nhello") {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        assert!(head.starts_with("post /a%2fb http/1.1\r\n") && head.contains("\r\nhost: 127.0.0.1:"), "{head}");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

/// A back end whose connections each give these answers; its URL, and how many connections there were.
async fn back_end(answers: &'static [&'static str]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/a%2Fb", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(stream, answers));
        }
    });
    (url, count)
}

fn request(url: &str) -> Request<Body> {
    Request::post(url).body(Body::from("hello")).unwrap()
}

async fn ask(pool: &Pool, url: &str) -> Result<String, Ended> {
    let answer = pool.ask(request(url), 100).await?;
    Ok(String::from_utf8(answer.body.to_vec()).unwrap())
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n";
const UNBOUNDED: &str = "HTTP/1.0 200 OK\r\n\r\nok";
const NOTHING: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const CLOSING: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn a_connection_is_used_again_whatever_frames_its_answers() {
    let (url, count) = back_end(&[OK, CHUNKED, NOTHING, OK, CHUNKED, OK]).await;
    let pool = Pool::new(HttpConnector::new(), 4);
    for wanted in ["ok", "ok", "", "ok", "ok", "ok"] {
        assert_eq!(ask(&pool, &url).await.as_deref(), Ok(wanted));
    }
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn one_that_the_back_end_closes_is_not_used_again() {
    for answers in [&[UNBOUNDED][..], &[CLOSING], &[OK]] {
        let (url, count) = back_end(answers).await;
        let pool = Pool::new(HttpConnector::new(), 4);
        for asked in 1..=3 {
            assert_eq!(ask(&pool, &url).await.as_deref(), Ok("ok"));
            assert_eq!(count.load(Ordering::Relaxed), asked);
            // Until its end is there: the next request must not go down with it.
            while pool.shelf.lock().unwrap().idle.iter_mut().any(|idle| !is_over(&mut idle.conn)) {
                tokio::task::yield_now().await;
            }
        }
    }
}

fn is_over(conn: &mut Conn) -> bool {
    conn.drive(&mut Context::from_waker(std::task::Waker::noop()));
    !conn.is_ready()
}

#[tokio::test]
async fn many_at_once_have_a_connection_each_and_leave_so_many() {
    let (url, count) = back_end(&[OK, OK, OK]).await;
    let pool = Pool::new(HttpConnector::new(), 2);
    let (first, second, third) = tokio::join!(ask(&pool, &url), ask(&pool, &url), ask(&pool, &url));
    assert_eq!([first, second, third], [Ok("ok".to_owned()), Ok("ok".to_owned()), Ok("ok".to_owned())]);
    assert_eq!(count.load(Ordering::Relaxed), 3);
    assert_eq!(pool.shelf.lock().unwrap().idle.len(), 2);
}

#[tokio::test]
async fn what_is_wrong_is_told_and_leaves_no_connection() {
    const CUT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok";
    let pool = Pool::new(HttpConnector::new(), 4);
    for answers in [&[CUT][..], &["SSH-2.0\r\n\r\n"], &[""], &[]] {
        let (url, _) = back_end(answers).await;
        assert_eq!(ask(&pool, &url).await, Err(Ended::Broken), "{answers:?}");
        assert!(pool.shelf.lock().unwrap().idle.is_empty());
    }
    for answer in [&[OK, OK][..], &[CHUNKED, OK], &[UNBOUNDED]] {
        let (url, _) = back_end(answer).await;
        assert_eq!(pool.ask(request(&url), 1).await.map(drop), Err(Ended::TooLarge), "{answer:?}");
        assert!(pool.shelf.lock().unwrap().idle.is_empty());
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(ask(&pool, &format!("http://{nobody}/a%2Fb")).await, Err(Ended::Unreachable));
}

#[tokio::test]
async fn what_lies_too_long_is_closed() {
    let (url, _) = back_end(&[OK, OK]).await;
    let pool = Pool::new(HttpConnector::new(), 4);
    assert_eq!(ask(&pool, &url).await.as_deref(), Ok("ok"));
    assert_eq!(pool.shelf.lock().unwrap().idle.len(), 1);
    tokio::time::pause();
    while !pool.shelf.lock().unwrap().idle.is_empty() {
        tokio::time::sleep(IDLE_TIMEOUT).await;
    }
    assert!(!pool.shelf.lock().unwrap().is_watched);
}

#[test]
fn the_host_has_no_usual_port() {
    assert_eq!(
        ["a", "a:80", "a:8080", "[::1]:80"].map(|text| host(&text.parse().unwrap()).to_owned()),
        ["a", "a", "a:8080", "[::1]"]
    );
}
