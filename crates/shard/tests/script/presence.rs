//! Presence of Centrifugo sessions: who is told, what, and that nothing of it stays.
use std::sync::Arc;

use base::ConnId;
use hub::{Access, Headcount, Namespace};
use shard::{Answer, Command, Input, Limits, PresenceError, ShardConfig, Ticket, Tokens};

use crate::desk::{Desk, close_of, dev, frame, namespace, upgrade};
use crate::session::{open, say};
use crate::token::Plain;

const ALL: Access = Access { client: true, subscriber: false, anonymous: true };

fn present(pattern: &str) -> Namespace {
    Namespace { presence: true, presence_access: ALL, ..namespace(pattern, 0) }
}

/// Not in development: access counts. Whoever comes without a token is anonymous.
pub(crate) fn config(shards: u16) -> ShardConfig {
    let tokens = Tokens { verifier: Some(Arc::new(Plain)), ..Tokens::default() };
    ShardConfig { shards, dev: false, anonymous: true, tokens, namespaces: vec![present(">")], ..dev() }
}

pub(crate) fn user(desk: &mut Desk, token: &str) -> ConnId {
    let conn = desk.connect();
    desk.say(conn, upgrade("/connection/websocket"));
    desk.say(conn, frame(0x81, format!("{{\"id\":1,\"connect\":{{\"token\":\"{token}\"}}}}")));
    conn
}

pub(crate) fn subscribe(desk: &mut Desk, conn: ConnId, channel: &str) {
    let reply = say(desk, conn, &format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{channel}\"}}}}"));
    assert!(reply.contains("\"subscribe\":"), "{reply}");
}

fn ask(desk: &mut Desk, conn: ConnId, command: &str, channel: &str) -> String {
    say(desk, conn, &format!("{{\"id\":5,\"{command}\":{{\"channel\":\"{channel}\"}}}}"))
}

fn stats(clients: u32, users: u32) -> String {
    format!("{{\"id\":5,\"presence_stats\":{{\"num_clients\":{clients},\"num_users\":{users}}}}}")
}

#[test]
fn clients_are_present_while_they_are_subscribed() {
    for (shards, owner) in [(1, 0), (3, 0), (3, 2)] {
        let mut desk = Desk::new(&config(shards));
        let channel = desk.subject_of(owner);
        let watcher = user(&mut desk, "");
        assert_eq!(ask(&mut desk, watcher, "presence", &channel), "{\"id\":5,\"presence\":{\"presence\":{}}}");
        assert_eq!(ask(&mut desk, watcher, "presence_stats", &channel), stats(0, 0));
        let conns: Vec<_> = ["ann", "ann", "bob", ""].iter().map(|token| user(&mut desk, token)).collect();
        for conn in &conns {
            subscribe(&mut desk, *conn, &channel);
        }
        assert_eq!(ask(&mut desk, watcher, "presence_stats", &channel), stats(4, 3));
        let told = ask(&mut desk, watcher, "presence", &channel);
        assert_eq!(told.matches("\"user\":\"ann\",\"client\":\"").count(), 2, "{told}");
        assert_eq!(told.matches("\"conn_info\":{\"of\":\"bob\"}").count(), 1, "{told}");
        assert_eq!(told.matches("\"user\":\"\",\"client\":\"").count(), 1, "{told}");

        say(&mut desk, conns[0], &format!("{{\"id\":3,\"unsubscribe\":{{\"channel\":\"{channel}\"}}}}"));
        assert_eq!(ask(&mut desk, watcher, "presence_stats", &channel), stats(3, 3));
        desk.finish(conns[1]);
        assert_eq!(ask(&mut desk, watcher, "presence_stats", &channel), stats(2, 2));
        desk.leave_nothing(&[watcher, conns[0], conns[2], conns[3]]);
    }
}

#[test]
fn plain_listeners_are_no_clients() {
    let mut desk = Desk::new(&config(2));
    let channel = desk.subject_of(1);
    let listener = desk.open(&format!("/sub/{channel}"));
    let conn = user(&mut desk, "ann");
    assert_eq!(ask(&mut desk, conn, "presence_stats", &channel), stats(0, 0));
    assert_eq!(ask(&mut desk, conn, "presence", &channel), "{\"id\":5,\"presence\":{\"presence\":{}}}");
    desk.leave_nothing(&[listener, conn]);
}

#[test]
fn what_a_client_may_ask_the_namespace_says() {
    let access = |client, subscriber, anonymous| Access { client, subscriber, anonymous };
    let with = |pattern, presence_access| Namespace { presence_access, ..present(pattern) };
    let namespaces = vec![
        with("open.*", ALL),
        with("named.*", access(true, true, false)),
        with("ours.*", access(false, true, true)),
        Namespace { presence_access: ALL, ..namespace("off.*", 0) },
    ];
    let mut desk = Desk::new(&ShardConfig { namespaces, ..config(1) });
    let conn = open(&mut desk);
    for command in ["presence", "presence_stats"] {
        for (channel, code) in
            [("open.a", 0), ("named.a", 103), ("ours.a", 103), ("off.a", 108), ("else", 102), ("open.*", 107)]
        {
            let answer = ask(&mut desk, conn, command, channel);
            assert_eq!(answer.contains(&format!("\"{command}\":")), code == 0, "{channel}: {answer}");
            assert!(code == 0 || answer.contains(&format!("\"code\":{code},")), "{channel}: {answer}");
        }
        let other = open(&mut desk);
        let heard = desk.say(other, frame(0x81, format!("{{\"id\":7,\"{command}\":{{}}}}")));
        assert_eq!(close_of(&heard).0, 3501);
    }
    subscribe(&mut desk, conn, "ours.a");
    assert_eq!(ask(&mut desk, conn, "presence_stats", "ours.a"), stats(1, 1));
}

#[test]
fn an_answer_is_bounded_in_clients() {
    for shards in [1, 2] {
        let limits = Limits { presence_clients: 2, ..Limits::default() };
        let mut desk = Desk::new(&ShardConfig { limits, ..config(shards) });
        let conns: Vec<_> = (0..3).map(|_| user(&mut desk, "ann")).collect();
        for conn in &conns[..2] {
            subscribe(&mut desk, *conn, "a");
        }
        assert_eq!(ask(&mut desk, conns[0], "presence", "a").matches("\"user\":\"ann\"").count(), 2);
        subscribe(&mut desk, conns[2], "a");
        let answer = ask(&mut desk, conns[0], "presence", "a");
        assert_eq!(answer, "{\"id\":5,\"error\":{\"code\":106,\"message\":\"limit exceeded\"}}");
        assert_eq!(ask(&mut desk, conns[0], "presence_stats", "a"), stats(3, 1));
        desk.leave_nothing(&conns);
    }
}

#[test]
fn who_goes_while_it_is_asked_for_leaves_nothing() {
    let mut desk = Desk::new(&config(3));
    let channel = desk.subject_of(2);
    let conn = user(&mut desk, "ann");
    desk.tell(conn, frame(0x81, format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{channel}\"}}}}")));
    desk.finish(conn);
    let conn = user(&mut desk, "ann");
    subscribe(&mut desk, conn, &channel);
    desk.tell(conn, frame(0x81, format!("{{\"id\":2,\"presence\":{{\"channel\":\"{channel}\"}}}}")));
    desk.leave_nothing(&[conn]);
}

#[test]
fn the_control_plane_asks_the_owner_how_many_and_every_shard_which() {
    let mut desk = Desk::new(&ShardConfig { namespaces: vec![present("a.*"), namespace("b.*", 0)], ..config(1) });
    let conn = user(&mut desk, "ann");
    subscribe(&mut desk, conn, "a.x");
    let census = |subject: &str| Command::Census { subject: subject.into() };
    let roll_call = |subject: &str| Command::RollCall { subject: subject.into() };
    let mut command = |command| {
        desk.handle(Input::Command { ticket: Ticket(1), command });
        desk.world().answers.pop().unwrap()
    };
    let one = Headcount { clients: 1, users: 1 };
    assert!(matches!(command(census("a.x")), Answer::Headcount(Ok(count)) if count == one));
    assert!(matches!(command(census("b.x")), Answer::Headcount(Err(PresenceError::Off))));
    assert!(matches!(command(census("c")), Answer::Headcount(Err(PresenceError::NoNamespace))));
    let Answer::Roll(Ok(Some(roll))) = command(roll_call("a.x")) else { panic!("no roll") };
    assert_eq!((roll.len(), &*roll[0].user), (1, "ann"));
    assert!(matches!(command(roll_call("b.x")), Answer::Roll(Err(PresenceError::Off))));
}
