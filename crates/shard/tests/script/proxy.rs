//! Event proxies: whom a back end is asked about, in which order, and what becomes of its answers.
use std::sync::Arc;
use std::time::Duration;

use base::ConnId;
use hub::{Access, Extra, Namespace, Override};
use shard::{
    About, Admission, Ask, Calls, Command, Field, Granted, Holdings, HookConn, HookEvent, HookReply, Input, Layer,
    Meter, Metered, Methods, Proxies, ProxyName, Rate, Rates, Said, ShardConfig, Ticket, Token, TokenSub, Tokens, Told,
};

use crate::desk::{Desk, close_of, dev, frame, namespace, text_of, upgrade};
use crate::session::lines;
use crate::token::Plain;

pub(crate) fn proxies() -> Proxies {
    let calls = Calls { bare: Methods { proxy: Some("rpc".into()) }, boundary: ":".into(), ..Calls::default() };
    let field = |name: &str, is_kept| Field { name: name.into(), is_emulated: false, is_kept };
    Proxies {
        connect: Some("connect".into()),
        calls,
        fields: vec![field("cookie", false), field("x-kept", true)],
        ..Proxies::default()
    }
}

pub(crate) fn config() -> ShardConfig {
    let asked = Namespace {
        subscribe: Access::default(),
        subscribe_proxy: Some("subscribe".into()),
        publish_proxy: Some("publish".into()),
        ..namespace("asked.>", 10)
    };
    let tokens = Tokens { verifier: Some(Arc::new(Plain)), ..Tokens::default() };
    let namespaces = vec![asked, namespace(">", 0)];
    ShardConfig { dev: false, tokens, namespaces, proxies: Arc::new(proxies()), ..dev() }
}

/// The questions that the script's shard has given out since the last time.
pub(crate) fn asks(desk: &mut Desk) -> Vec<(HookConn, Box<Ask>)> {
    let events = core::mem::take(&mut desk.world().events);
    let ask = |event| match event {
        HookEvent::Ask { of, ask } => (of, ask),
        HookEvent::Connect { .. } | HookEvent::Message { .. } | HookEvent::End { .. } => panic!("{event:?}"),
    };
    events.into_iter().map(ask).collect()
}

pub(crate) fn ask(desk: &mut Desk) -> (HookConn, Box<Ask>) {
    let mut all = asks(desk);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

pub(crate) fn tell(desk: &mut Desk, of: HookConn, told: Told) {
    let command = Command::Hook(Box::new(HookReply::Told { of, number: 0, told }));
    desk.handle(Input::Command { ticket: Ticket(0), command });
    desk.settle();
}

pub(crate) fn granted(granted: Granted) -> Told {
    Told::Granted(Box::new(granted))
}

pub(crate) fn user(name: &str) -> Granted {
    Granted { is_there: true, token: Token { user: name.into(), ..Token::default() }, ..Granted::default() }
}

pub(crate) fn data(json: &str) -> Told {
    granted(Granted { is_there: true, data: Some(json.as_bytes().into()), ..Granted::default() })
}

pub(crate) fn error(code: u32) -> Told {
    Told::Refused(Said::Error { code, message: "so it is".into(), temporary: false })
}

pub(crate) fn begin(desk: &mut Desk, message: &str) -> ConnId {
    let conn = desk.connect();
    let request = upgrade("/connection/websocket");
    let fields = "Cookie: a=1\r\nCookie: b=2\r\nX-Kept: k\r\nX-Other: o\r\n\r\n";
    desk.say(conn, request.strip_suffix("\r\n").unwrap().to_owned() + fields);
    assert!(desk.say(conn, frame(0x81, message)).is_empty());
    conn
}

/// A client that has been let in as this user.
pub(crate) fn session(desk: &mut Desk, name: &str) -> ConnId {
    let conn = begin(desk, "{\"id\":1,\"connect\":{}}");
    let (of, _) = ask(desk);
    tell(desk, of, granted(user(name)));
    assert!(text_of(&desk.hear(conn)).contains("\"client\""));
    conn
}

pub(crate) fn say(desk: &mut Desk, conn: ConnId, command: &str) -> Vec<String> {
    lines(&desk.say(conn, frame(0x81, command)))
}

#[test]
fn a_connect_waits_for_the_back_end_and_what_comes_behind_it_waits_too() {
    let mut desk = Desk::new(&config());
    let first = "{\"id\":1,\"connect\":{\"name\":\"n\",\"version\":\"v\",\"data\":{\"d\":1},\"subs\":{\"own\":{},\"given\":{}}}}\n\
                 {\"id\":2,\"subscribe\":{\"channel\":\"open\"}}";
    let conn = begin(&mut desk, first);
    assert!(desk.say(conn, frame(0x81, "{\"id\":3,\"subscribe\":{\"channel\":\"later\"}}")).is_empty());
    let (of, question) = ask(&mut desk);
    let Ask { proxy, transport, protocol, user: nobody, about, data, fields, .. } = *question;
    assert_eq!((&*proxy, transport, protocol, nobody), ("connect", "websocket", "json", None));
    let About::Connect { name, version, mut channels } = about else { panic!("{about:?}") };
    channels.sort();
    assert_eq!((&*name, &*version, &*data), ("n", "v", &b"{\"d\":1}"[..]));
    assert_eq!(channels, ["given", "own"].map(Box::from));
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, core::str::from_utf8(value).unwrap())).collect();
    assert_eq!(fields, [("cookie", "a=1; b=2"), ("x-kept", "k")]);
    let sub = TokenSub { channel: "given".into(), data: b"{\"s\":1}"[..].into(), ..TokenSub::default() };
    let token = Token { user: "ann".into(), subs: [sub].into(), ..Token::default() };
    let answer = Granted { is_there: true, token, data: Some(b"{\"r\":1}"[..].into()), ..Granted::default() };
    tell(&mut desk, of, granted(answer));
    let heard = lines(&desk.hear(conn));
    assert_eq!(heard.len(), 3, "{heard:?}");
    assert!(
        heard[0].starts_with("{\"id\":1,\"connect\":{\"client\":") && heard[0].contains("\"data\":{\"r\":1}"),
        "{heard:?}"
    );
    let subs = &heard[0][heard[0].find("\"subs\"").unwrap()..];
    assert!(subs.contains("\"given\"") && subs.contains("{\"s\":1}") && !subs.contains("\"own\""), "{subs}");
    assert!(
        heard[1].starts_with("{\"id\":2,\"subscribe\"") && heard[2].starts_with("{\"id\":3,\"subscribe\""),
        "{heard:?}"
    );
    // What only connects are told is kept no longer.
    say(&mut desk, conn, "{\"id\":4,\"rpc\":{\"method\":\"m\"}}");
    let (_, question) = ask(&mut desk);
    assert_eq!((question.user.as_deref(), question.fields.len()), (Some("ann"), 1));
    assert_eq!(&*question.fields[0].0, "x-kept");
    desk.break_off(conn);
    desk.leave_nothing(&[]);
}

#[test]
fn who_is_not_let_in_is_told_so_by_its_code() {
    let over = Token { left: Some(Duration::ZERO), ..Token::default() };
    let unknown = Token { subs: [TokenSub { channel: "".into(), ..TokenSub::default() }].into(), ..Token::default() };
    let is_there = Granted { is_there: true, ..Granted::default() };
    for (told, close, code) in [
        (Told::Failed, 0, 100),
        (granted(Granted::default()), 3501, 0),
        (granted(Granted { token: over, ..is_there.clone() }), 0, 110),
        (granted(Granted { token: unknown, ..is_there }), 0, 107),
        (error(4_242), 0, 4_242),
        (Told::Refused(Said::Disconnect { code: 4_501, reason: "not you".into() }), 4_501, 0),
        (Told::Refused(Said::Disconnect { code: 4_502, reason: "".into() }), 4_502, 0),
    ] {
        let mut desk = Desk::new(&config());
        let conn = begin(&mut desk, "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"open\"}}");
        let (of, _) = ask(&mut desk);
        tell(&mut desk, of, told);
        let heard = desk.hear(conn);
        if close > 0 {
            let (got, reason) = close_of(&heard);
            assert!(got == close && !reason.is_empty(), "{got} {reason}");
        } else {
            let answer = text_of(&heard);
            assert!(
                answer.starts_with("{\"id\":1,\"error\":") && answer.contains(&format!("\"code\":{code},")),
                "{answer}"
            );
            assert_eq!(answer.lines().count(), 1, "what comes behind it is dropped: {answer}");
        }
        desk.leave_nothing(&[conn]);
    }
}

#[test]
fn who_shows_a_token_is_not_asked_about() {
    let mut desk = Desk::new(&config());
    let conn = desk.connect();
    desk.say(conn, upgrade("/connection/websocket"));
    let heard = desk.say(conn, frame(0x81, "{\"id\":1,\"connect\":{\"token\":\"ann\"}}"));
    assert!(text_of(&heard).contains("\"client\""), "{}", text_of(&heard));
    assert!(asks(&mut desk).is_empty());
    desk.leave_nothing(&[conn]);
}

#[test]
fn a_back_end_decides_who_subscribes_and_what_is_published() {
    let mut desk = Desk::new(&config());
    let conn = session(&mut desk, "ann");
    assert!(say(&mut desk, conn, "{\"id\":2,\"subscribe\":{\"channel\":\"asked.a\",\"data\":{\"d\":2}}}").is_empty());
    let (of, question) = ask(&mut desk);
    assert_eq!((&*question.proxy, question.user.as_deref()), ("subscribe", Some("ann")));
    assert_eq!((question.about, &*question.data), (About::Subscribe { channel: "asked.a".into() }, &b"{\"d\":2}"[..]));
    tell(&mut desk, of, data("{\"hi\":1}"));
    let heard = lines(&desk.hear(conn));
    assert!(heard[0].starts_with("{\"id\":2,\"subscribe\":{") && heard[0].contains("\"data\":{\"hi\":1}"), "{heard:?}");
    say(&mut desk, conn, "{\"id\":3,\"publish\":{\"channel\":\"asked.a\",\"data\":{\"d\":3}}}");
    let (of, question) = ask(&mut desk);
    assert_eq!((&*question.proxy, &question.about), ("publish", &About::Publish { channel: "asked.a".into() }));
    let extra = Extra { tags: [("k".into(), "v".into())].into(), ..Extra::default() };
    let answer = Granted { data: Some(b"{\"other\":3}"[..].into()), extra, ..Granted::default() };
    tell(&mut desk, of, granted(answer));
    let heard = lines(&desk.hear(conn));
    let push = heard.iter().find(|line| line.starts_with("{\"push\"")).unwrap();
    assert!(
        push.contains("{\"other\":3}") && push.contains("\"k\":\"v\"") && push.contains("\"user\":\"ann\""),
        "{push}"
    );
    assert!(heard.contains(&"{\"id\":3,\"publish\":{}}".to_owned()), "{heard:?}");
    // A result that is empty allows both.
    say(
        &mut desk,
        conn,
        "{\"id\":4,\"publish\":{\"channel\":\"asked.a\",\"data\":4}}\n{\"id\":5,\"subscribe\":{\"channel\":\"asked.b\"}}",
    );
    for _ in 0..2 {
        let (of, _) = ask(&mut desk);
        tell(&mut desk, of, granted(Granted::default()));
    }
    let heard = lines(&desk.hear(conn)).concat();
    assert!(heard.contains("\"data\":4,") && heard.contains("{\"id\":5,\"subscribe\":{"), "{heard}");
    desk.leave_nothing(&[conn]);
}

#[test]
fn what_is_refused_is_answered_with_its_error_and_the_next_command_is_handled() {
    let mut desk = Desk::new(&config());
    let conn = session(&mut desk, "ann");
    let binary = granted(Granted { data: Some(b""[..].into()), ..Granted::default() });
    let over = Token { left: Some(Duration::ZERO), ..Token::default() };
    for (command, told, code) in [
        ("\"subscribe\":{\"channel\":\"asked.a\"}", error(1_000), 1_000),
        ("\"subscribe\":{\"channel\":\"asked.a\"}", Told::Failed, 100),
        ("\"subscribe\":{\"channel\":\"asked.a\"}", granted(Granted { token: over, ..Granted::default() }), 110),
        ("\"publish\":{\"channel\":\"asked.a\",\"data\":1}", error(1_001), 1_001),
        ("\"publish\":{\"channel\":\"asked.a\",\"data\":1}", Told::Failed, 100),
        // An empty publication is none: the back end's mistake.
        ("\"publish\":{\"channel\":\"asked.a\",\"data\":1}", binary, 100),
        ("\"rpc\":{\"method\":\"m\"}", error(1_002), 1_002),
        ("\"rpc\":{\"method\":\"m\"}", Told::Failed, 100),
        ("\"rpc\":{\"method\":\"m\"}", data("no JSON"), 100),
    ] {
        say(&mut desk, conn, &format!("{{\"id\":7,{command}}}\n{{\"id\":8,\"presence\":{{\"channel\":\"open\"}}}}"));
        let (of, _) = ask(&mut desk);
        tell(&mut desk, of, told);
        let heard = lines(&desk.hear(conn));
        assert!(
            heard[0].starts_with("{\"id\":7,\"error\":") && heard[0].contains(&format!("\"code\":{code},")),
            "{heard:?}"
        );
        assert!(heard[1].starts_with("{\"id\":8,\"error\":{\"code\":108,"), "{heard:?}");
    }
    // What the shard can refuse by itself is not asked about.
    for (command, code) in [
        ("\"publish\":{\"channel\":\"asked.a\"}", 107),
        ("\"rpc\":{\"method\":\"some:m\"}", 104),
        ("\"subscribe\":{\"channel\":\"asked.a\",\"type\":1}", 103),
    ] {
        let heard = say(&mut desk, conn, &format!("{{\"id\":9,{command}}}"));
        assert!(heard[0].contains(&format!("\"code\":{code},")), "{heard:?}");
    }
    assert!(asks(&mut desk).is_empty());
    desk.leave_nothing(&[conn]);
}

#[test]
fn calls_are_answered_one_after_the_other() {
    let mut desk = Desk::new(&config());
    let conn = session(&mut desk, "ann");
    let all: Vec<_> =
        (2..6).map(|id| format!("{{\"id\":{id},\"rpc\":{{\"method\":\"m{id}\",\"data\":{id}}}}}")).collect();
    assert!(say(&mut desk, conn, &all.join("\n")).is_empty());
    for id in 2..6 {
        let (of, question) = ask(&mut desk);
        assert_eq!(
            (&question.about, &*question.data),
            (&About::Rpc { method: format!("m{id}").into() }, format!("{id}").as_bytes())
        );
        tell(&mut desk, of, data(&format!("[{id}]")));
        assert_eq!(lines(&desk.hear(conn)), [format!("{{\"id\":{id},\"rpc\":{{\"data\":[{id}]}}}}")]);
    }
    say(&mut desk, conn, "{\"id\":6,\"rpc\":{}}");
    let (of, _) = ask(&mut desk);
    tell(&mut desk, of, Told::Refused(Said::Disconnect { code: 4_500, reason: "go".into() }));
    assert_eq!(close_of(&desk.hear(conn)), (4_500, "go".to_owned()));
    desk.leave_nothing(&[conn]);
}

#[test]
fn without_a_proxy_there_is_nothing_to_call() {
    let calls = Calls { ping: Some("ping".into()), ..Calls::default() };
    for (calls, method, wanted) in [
        (Calls::default(), "m", "{\"id\":2,\"error\":{\"code\":108,\"message\":\"not available\"}}"),
        (calls.clone(), "m", "{\"id\":2,\"error\":{\"code\":108,\"message\":\"not available\"}}"),
        (calls, "ping", "{\"id\":2,\"rpc\":{}}"),
    ] {
        let mut desk = Desk::new(&ShardConfig { proxies: Arc::new(Proxies { calls, ..proxies() }), ..config() });
        let conn = session(&mut desk, "ann");
        assert_eq!(say(&mut desk, conn, &format!("{{\"id\":2,\"rpc\":{{\"method\":\"{method}\"}}}}")), [wanted]);
        assert!(asks(&mut desk).is_empty());
    }
}

#[test]
fn an_answer_is_for_the_command_that_asked_and_for_no_other() {
    let mut desk = Desk::new(&config());
    let conn = session(&mut desk, "ann");
    say(&mut desk, conn, "{\"id\":2,\"subscribe\":{\"channel\":\"asked.a\"}}\n{\"id\":3,\"rpc\":{\"method\":\"m\"}}");
    let (of, _) = ask(&mut desk);
    // Meanwhile the server has subscribed the client itself: the command is refused when it comes again.
    let subscription = shard::Subscription {
        subject: "asked.a".into(),
        info: Box::default(),
        data: Box::default(),
        left: None,
        since: None,
        changes: Override::default(),
    };
    let whom = shard::Whom { user: "ann".into(), ..shard::Whom::default() };
    let order = shard::Order::Subscribe(subscription);
    desk.handle(Input::Command {
        ticket: Ticket(9),
        command: Command::Order { whom: Box::new(whom), order: Box::new(order) },
    });
    desk.settle();
    assert!(text_of(&desk.hear(conn)).contains("\"subscribe\""));
    tell(&mut desk, of, data("{\"of\":\"the subscribe\"}"));
    let heard = lines(&desk.hear(conn));
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].starts_with("{\"id\":2,\"error\":{\"code\":105,"), "{heard:?}");
    let (of, question) = ask(&mut desk);
    assert_eq!(question.about, About::Rpc { method: "m".into() });
    tell(&mut desk, of, data("7"));
    assert_eq!(lines(&desk.hear(conn)), ["{\"id\":3,\"rpc\":{\"data\":7}}"]);
    desk.leave_nothing(&[conn]);
}

#[test]
fn who_leaves_meanwhile_is_forgotten_and_the_next_one_in_the_slot_hears_nothing_of_it() {
    let mut desk = Desk::new(&config());
    let conn = begin(&mut desk, "{\"id\":1,\"connect\":{}}");
    let (of, _) = ask(&mut desk);
    desk.break_off(conn);
    desk.settle();
    assert_eq!(desk.shard().holdings(), Holdings::default());
    tell(&mut desk, of, granted(user("ann")));
    // Another connection in the same slot, about which a back end is asked too.
    desk.handle(Input::Accepted { conn });
    desk.say(conn, upgrade("/connection/websocket"));
    desk.say(conn, frame(0x81, "{\"id\":1,\"connect\":{}}"));
    let (own, _) = ask(&mut desk);
    assert!(own != of);
    tell(&mut desk, of, granted(user("ann")));
    assert!(desk.hear(conn).is_empty());
    tell(&mut desk, own, granted(user("bob")));
    assert!(text_of(&desk.hear(conn)).contains("\"client\""));
    // One that has sent its FIN still gets its answer, and ends.
    say(&mut desk, conn, "{\"id\":2,\"rpc\":{}}");
    let (of, _) = ask(&mut desk);
    desk.finish(conn);
    tell(&mut desk, of, data("1"));
    assert_eq!(lines(&desk.hear(conn)), ["{\"id\":2,\"rpc\":{\"data\":1}}"]);
    desk.pass(Duration::from_secs(6));
    assert_eq!(desk.shard().holdings(), Holdings::default());
    // And one that is disconnected meanwhile, by whomever, hears no answer.
    let conn = session(&mut desk, "cat");
    say(&mut desk, conn, "{\"id\":2,\"rpc\":{}}");
    let (of, _) = ask(&mut desk);
    let whom = shard::Whom { user: "cat".into(), ..shard::Whom::default() };
    let order = shard::Order::Disconnect { code: 3_503, reason: "".into(), spared: Vec::new() };
    desk.handle(Input::Command {
        ticket: Ticket(9),
        command: Command::Order { whom: Box::new(whom), order: Box::new(order) },
    });
    let command = Command::Hook(Box::new(HookReply::Told { of, number: 0, told: data("1") }));
    desk.handle(Input::Command { ticket: Ticket(0), command });
    desk.settle();
    assert_eq!(close_of(&desk.hear(conn)).0, 3_503);
    desk.leave_nothing(&[conn]);
}

#[test]
fn a_command_that_comes_again_is_counted_once() {
    let mut layer = Layer::default();
    layer.buckets[Metered::Rpc as usize] = vec![Rate::new(Duration::from_secs(60), 2)];
    let rates = Rates { layers: Some(Arc::new([layer, Layer::default()])), meter: Some(Arc::new(Meter::new(0))) };
    let mut desk = Desk::new(&ShardConfig { admission: Admission { rates, ..Admission::default() }, ..config() });
    let conn = session(&mut desk, "ann");
    for id in 2..4 {
        say(&mut desk, conn, &format!("{{\"id\":{id},\"rpc\":{{}}}}"));
        let (of, _) = ask(&mut desk);
        tell(&mut desk, of, data("1"));
        assert_eq!(lines(&desk.hear(conn)), [format!("{{\"id\":{id},\"rpc\":{{\"data\":1}}}}")]);
    }
    let heard = say(&mut desk, conn, "{\"id\":4,\"rpc\":{}}");
    assert!(heard[0].contains("\"code\":111,"), "{heard:?}");
    assert!(asks(&mut desk).is_empty());
}

#[test]
fn while_the_engine_takes_nothing_no_more_than_a_bound_is_asked_and_all_come_in_afterwards() {
    let mut desk = Desk::new(&config());
    desk.world().engine_is_full = true;
    let conns: Vec<_> = (0..5_000).map(|_| begin(&mut desk, "{\"id\":1,\"connect\":{}}")).collect();
    assert_eq!(desk.shard().holdings().events, 4_096);
    desk.world().engine_is_full = false;
    let mut asked = 0;
    while asked < conns.len() {
        desk.settle();
        let some = asks(&mut desk);
        assert!(!some.is_empty(), "{asked}");
        asked += some.len();
        for (of, _) in some {
            tell(&mut desk, of, granted(user("ann")));
        }
    }
    for conn in &conns {
        assert!(text_of(&desk.hear(*conn)).contains("\"client\""), "{conn:?}");
    }
    desk.leave_nothing(&conns);
}

#[test]
fn a_back_end_that_is_never_heard_of_again_leaves_the_rest_alone() {
    let mut desk = Desk::new(&config());
    let silent = session(&mut desk, "ann");
    say(&mut desk, silent, "{\"id\":2,\"rpc\":{}}");
    asks(&mut desk);
    let other = session(&mut desk, "bob");
    let heard = say(&mut desk, other, "{\"id\":2,\"subscribe\":{\"channel\":\"open\"}}");
    assert!(heard[0].starts_with("{\"id\":2,\"subscribe\":{"), "{heard:?}");
    desk.pass(Duration::from_secs(100));
    assert!(desk.hear(silent).is_empty());
    desk.break_off(silent);
    desk.leave_nothing(&[other]);
}

/// The names of proxies are as good as indices.
#[test]
fn streams_and_unidirectional_clients_are_asked_about_too() {
    let namespaces = config().namespaces;
    let proxies = Proxies { connect: Some(ProxyName::from("connect")), ..Proxies::default() };
    let mut desk = Desk::new(&ShardConfig { namespaces, proxies: Arc::new(proxies), ..config() });
    let requests = [
        ("GET /connection/uni_sse HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "uni_sse"),
        (
            "GET /connection/sse?cf_connect=%7B%22id%22%3A1%2C%22connect%22%3A%7B%7D%7D HTTP/1.1\r\nHost: h\r\n\r\n"
                .to_owned(),
            "sse",
        ),
        (
            "POST /connection/uni_http_stream HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}".to_owned(),
            "uni_http_stream",
        ),
    ];
    for (request, transport) in requests {
        let conn = desk.connect();
        let head = desk.ask(conn, request);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && !head.contains("\"client\""), "{head}");
        let (of, question) = ask(&mut desk);
        assert_eq!(question.transport, transport);
        tell(&mut desk, of, granted(user("ann")));
        let heard = desk.hear_text(conn);
        assert!(heard.contains("\"connect\":{\"client\""), "{transport}: {heard}");
        desk.leave_nothing(&[conn]);
    }
    let conn = desk.open("/connection/uni_websocket");
    desk.say(conn, frame(0x81, "{\"name\":\"n\"}"));
    let (of, _) = ask(&mut desk);
    tell(&mut desk, of, error(111));
    let heard = desk.hear(conn);
    assert!(String::from_utf8_lossy(&heard).contains("{\"disconnect\":{\"code\":3013,"), "{}", heard.escape_ascii());
    desk.leave_nothing(&[conn]);
}
