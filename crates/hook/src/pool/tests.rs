use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::*;

/// Answers each request of a connection with the next of `answers`, and ends it after the last.
async fn serve(mut stream: TcpStream, answers: &[&str]) {
    for answer in answers {
        if !hear(&mut stream).await {
            return;
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

/// Reads one of our requests; false if there is none.
async fn hear(stream: &mut TcpStream) -> bool {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\nhello") {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return false;
        }
    }
    let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    assert!(head.starts_with("post /a%2fb http/1.1\r\n") && head.contains("\r\nhost: 127.0.0.1:"), "{head}");
    true
}

/// A back end whose connections each give these answers; its URL, and how many connections there were.
async fn back_end(answers: &'static [&'static str]) -> (String, Arc<AtomicUsize>) {
    let (url, mut streams) = accepting().await;
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Some(stream) = streams.recv().await {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(stream, answers));
        }
    });
    (url, count)
}

/// A back end's URL, and its connections as they come.
async fn accepting() -> (String, UnboundedReceiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/a%2Fb", listener.local_addr().unwrap());
    let (to, streams) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if to.send(stream).is_err() {
                return;
            }
        }
    });
    (url, streams)
}

fn pool(idle_max: usize) -> Pool {
    Pool::new(HttpConnector::new(), idle_max)
}

fn request(url: &str) -> Request<Body> {
    Request::post(url).body(Body::from("hello")).unwrap()
}

const ALL: Wanted = Wanted { bytes_max: 100, is_read: |_| true };

async fn ask(pool: &Pool, url: &str) -> Result<String, Failed> {
    let answer = pool.ask(request(url), ALL).await?;
    Ok(String::from_utf8(answer.body.to_vec()).unwrap())
}

fn ok() -> Result<String, Failed> {
    Ok("ok".to_owned())
}

/// Resolves when the other side has closed; says whether it did so without a reset.
async fn closed(stream: &mut TcpStream) -> bool {
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut [0; 64])).await;
    matches!(read.expect("it stays open"), Ok(0))
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n";
const UNBOUNDED: &str = "HTTP/1.0 200 OK\r\n\r\nok";
const NOTHING: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const CLOSING: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn a_connection_is_used_again_whatever_frames_its_answers() {
    let (url, count) = back_end(&[OK, CHUNKED, NOTHING, OK, CHUNKED, OK]).await;
    let pool = pool(4);
    for wanted in ["ok", "ok", "", "ok", "ok", "ok"] {
        assert_eq!(ask(&pool, &url).await.as_deref(), Ok(wanted));
    }
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn one_that_the_back_end_ends_with_its_answer_is_not_used_again() {
    for answers in [&[UNBOUNDED][..], &[CLOSING]] {
        let (url, count) = back_end(answers).await;
        let pool = pool(4);
        for asked in 1..=3 {
            assert_eq!(ask(&pool, &url).await, ok());
            assert_eq!((count.load(Ordering::Relaxed), pool.shelf.count()), (asked, 0));
        }
    }
}

/// Asks on a new connection, which answers with `bytes`; the back end's end of it.
async fn first(pool: &Pool, url: &str, streams: &mut UnboundedReceiver<TcpStream>, bytes: &str) -> TcpStream {
    let answered = async {
        let mut stream = streams.recv().await.unwrap();
        assert!(hear(&mut stream).await);
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream
    };
    let (answer, stream) = tokio::join!(ask(pool, url), answered);
    assert_eq!(answer, ok());
    stream
}

#[tokio::test]
async fn one_that_the_back_end_closes_later_is_closed_here_at_once_and_no_request_is_lost_with_it() {
    let (url, mut streams) = accepting().await;
    let pool = pool(4);
    for _ in 0..100 {
        let mut stream = first(&pool, &url, &mut streams, OK).await;
        assert_eq!(pool.shelf.count(), 1);
        stream.shutdown().await.unwrap();
        assert!(closed(&mut stream).await, "nobody asks, and it is closed all the same");
        assert_eq!(pool.shelf.count(), 0);
    }
}

/// Without the keeper: what has come is read before a request is sent.
#[tokio::test]
async fn a_request_is_not_sent_on_one_that_has_ended_or_says_what_nobody_asked() {
    for last_words in ["", OK] {
        let (url, mut streams) = accepting().await;
        let pool = pool(4);
        pool.shelf.leave_unwatched();
        for _ in 0..100 {
            let mut stream = first(&pool, &url, &mut streams, OK).await;
            stream.write_all(last_words.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            pool.shelf.until_rung().await;
            let mut next = first(&pool, &url, &mut streams, OK).await;
            assert!(closed(&mut stream).await || !last_words.is_empty());
            assert_eq!(pool.shelf.count(), 1);
            next.shutdown().await.unwrap();
            pool.shelf.until_rung().await;
        }
    }
}

#[tokio::test]
async fn what_nobody_asked_is_nobodys_answer() {
    // With the answer itself, or when it is there.
    let glued = [OK, OK].concat();
    let long = [OK, "!"].concat();
    for (bytes, later) in [(&*glued, ""), (&*long, ""), (OK, OK), (OK, "garbage"), (OK, "\n")] {
        let (url, mut streams) = accepting().await;
        let pool = pool(4);
        for _ in 0..20 {
            let mut stream = first(&pool, &url, &mut streams, bytes).await;
            stream.write_all(later.as_bytes()).await.unwrap();
            while pool.shelf.count() > 0 {
                tokio::task::yield_now().await;
            }
            closed(&mut stream).await;
        }
    }
}

#[tokio::test]
async fn many_at_once_have_a_connection_each_and_leave_so_many() {
    let (url, count) = back_end(&[OK, OK, OK]).await;
    let pool = pool(2);
    let (first, second, third) = tokio::join!(ask(&pool, &url), ask(&pool, &url), ask(&pool, &url));
    assert_eq!([first, second, third], [ok(), ok(), ok()]);
    assert_eq!((count.load(Ordering::Relaxed), pool.shelf.count()), (3, 2));
    let (other, _) = back_end(&[OK, OK]).await;
    assert_eq!(ask(&pool, &other).await, ok());
    assert_eq!(pool.shelf.count(), 3, "it is for each host");
}

#[tokio::test]
async fn what_is_wrong_is_told_and_leaves_no_connection() {
    const CUT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok";
    let pool = pool(4);
    for (answers, failed) in [
        (&[CUT][..], Failed::Ended(Ended::Broken)),
        (&["SSH-2.0\r\n\r\n"], Failed::Unanswered),
        (&["HTTP/1.1 200"], Failed::Unanswered),
        (&[""], Failed::Unanswered),
        (&[], Failed::Unanswered),
    ] {
        let (url, count) = back_end(answers).await;
        assert_eq!(ask(&pool, &url).await, Err(failed), "{answers:?}");
        assert_eq!((count.load(Ordering::Relaxed), pool.shelf.count()), (1, 0), "{answers:?}");
    }
    for answer in [&[OK, OK][..], &[CHUNKED, OK], &[UNBOUNDED]] {
        let (url, _) = back_end(answer).await;
        let asked = pool.ask(request(&url), Wanted { bytes_max: 1, ..ALL }).await;
        assert_eq!(asked.map(drop), Err(Failed::Ended(Ended::TooLarge)), "{answer:?}");
        assert_eq!(pool.shelf.count(), 0);
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(ask(&pool, &format!("http://{nobody}/a%2Fb")).await, Err(Failed::Ended(Ended::Unreachable)));
}

#[tokio::test]
async fn a_body_that_is_not_wanted_is_not_waited_for() {
    let (url, _) = back_end(&["HTTP/1.1 500 No\r\nContent-Length: 50\r\n\r\nand then nothing", OK]).await;
    let pool = pool(4);
    let answer = pool.ask(request(&url), Wanted { is_read: |status| status == 200, ..ALL }).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..], pool.shelf.count()), (500, &b""[..], 0));
}

#[tokio::test]
async fn who_stops_asking_takes_the_connection_along() {
    let (url, mut streams) = accepting().await;
    let pool = pool(4);
    let mut stream = first(&pool, &url, &mut streams, OK).await;
    let heard = async { assert!(hear(&mut stream).await) };
    tokio::select! {
        biased;
        answer = ask(&pool, &url) => panic!("{answer:?}"),
        () = heard => {}
    }
    assert_eq!(pool.shelf.count(), 0);
    assert!(closed(&mut stream).await);
}

#[tokio::test]
async fn what_lies_too_long_is_closed_and_not_used() {
    let (url, mut streams) = accepting().await;
    let pool = pool(4);
    let mut old = first(&pool, &url, &mut streams, OK).await;
    tokio::time::pause();
    tokio::time::sleep(IDLE_TIMEOUT - Duration::from_millis(10)).await;
    assert_eq!(pool.shelf.count(), 1);
    assert!(closed(&mut old).await, "time passes while it is waited for");
    assert_eq!(pool.shelf.count(), 0);
    assert!(!pool.shelf.is_watched());
    tokio::time::resume();
    // The one after the last one is looked after again.
    pool.shelf.leave_unwatched();
    let _old = first(&pool, &url, &mut streams, OK).await;
    tokio::time::pause();
    tokio::time::advance(IDLE_TIMEOUT).await;
    tokio::time::resume();
    first(&pool, &url, &mut streams, OK).await;
}

#[test]
fn the_host_has_no_usual_port() {
    assert_eq!(
        ["a", "a:80", "a:8080", "[::1]:80"].map(|text| host(&text.parse().unwrap()).to_owned()),
        ["a", "a", "a:8080", "[::1]"]
    );
}
