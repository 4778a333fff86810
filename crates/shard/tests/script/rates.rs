//! How often clients and users may say what, on whatever shard, and under other settings.
use std::sync::Arc;
use std::time::Duration;

use base::ConnId;
use serde_json::Value;
use shard::{
    Admission, Command, Input, Layer, Meter, Metered, Overrides, Rate, Rates, ShardConfig, Ticket, Tokens, Whose,
};

use crate::desk::{Desk, dev, frame, upgrade};
use crate::emulation::post;
use crate::session::lines;
use crate::token::Plain;

fn rate(interval_s: u64, count: u64) -> Vec<Rate> {
    vec![Rate::new(Duration::from_secs(interval_s), count)]
}

fn layer(buckets: &[(Metered, u64)], total: u64) -> Layer {
    let mut layer = Layer::default();
    for (command, count) in buckets {
        layer.buckets[*command as usize] = rate(60, *count);
    }
    if total > 0 {
        layer.total = rate(60, total);
    }
    layer
}

fn config(shards: u16, client: Layer, user: Layer) -> ShardConfig {
    let rates = Rates { layers: Some(Arc::new([client, user])), meter: Some(Arc::new(Meter::new(0))) };
    let tokens = Tokens { verifier: Some(Arc::new(Plain)), ..Tokens::default() };
    ShardConfig { shards, tokens, admission: Admission { rates, ..Admission::default() }, ..dev() }
}

fn connect(desk: &mut Desk, token: &str) -> (ConnId, Vec<u8>) {
    let conn = desk.connect();
    desk.say(conn, upgrade("/connection/websocket"));
    let heard = desk.say(conn, frame(0x81, format!("{{\"id\":1,\"connect\":{{\"token\":\"{token}\"}}}}")));
    (conn, heard)
}

fn session(desk: &mut Desk, token: &str) -> ConnId {
    let (conn, heard) = connect(desk, token);
    assert!(String::from_utf8_lossy(&heard).contains("\"client\""));
    conn
}

/// Error codes of the replies to so many of a command in one message; 0 for a result.
fn codes(desk: &mut Desk, conn: ConnId, command: &str, count: usize) -> Vec<u64> {
    let line = |number: usize| format!("{{\"id\":{},{command}}}", number + 7).replace("NUMBER", &number.to_string());
    let message = (0..count).map(line).collect::<Vec<_>>().join("\n");
    let heard = desk.say(conn, frame(0x81, message));
    let answers = lines(&heard).into_iter().map(|line| serde_json::from_str::<Value>(&line).unwrap());
    answers
        .filter(|answer| answer["id"].is_number())
        .map(|answer| answer["error"]["code"].as_u64().unwrap_or(0))
        .collect()
}

const PUBLISH: &str = "\"publish\":{\"channel\":\"a\",\"data\":1}";
const SUBSCRIBE: &str = "\"subscribe\":{\"channel\":\"aNUMBER\"}";
const UNSUBSCRIBE: &str = "\"unsubscribe\":{\"channel\":\"aNUMBER\"}";

#[test]
fn each_command_of_a_message_counts_and_what_is_over_the_limit_does_nothing() {
    let mut desk = Desk::new(&config(1, layer(&[(Metered::Publish, 3)], 0), Layer::default()));
    let (one, other) = (session(&mut desk, "ann"), session(&mut desk, "ann"));
    let heard = desk.say(other, frame(0x81, "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}"));
    assert!(!heard.is_empty());
    assert_eq!(codes(&mut desk, one, PUBLISH, 5), [0, 0, 0, 111, 111]);
    assert_eq!(lines(&desk.hear(other)).len(), 3, "what was refused was not published");
    assert_eq!(codes(&mut desk, other, PUBLISH, 4), [0, 0, 0, 111], "another connection has buckets of its own");
    assert_eq!(codes(&mut desk, one, SUBSCRIBE, 9), [0; 9], "another command too");
    let report = desk.report();
    assert_eq!(report.limited[Whose::Client as usize][Metered::Publish as usize], 3);
    assert_eq!(report.limited.iter().flatten().sum::<u64>(), 3);
    // A third of a minute for one more.
    desk.pass(Duration::from_secs(21));
    assert_eq!(codes(&mut desk, one, PUBLISH, 2), [0, 111]);
    let answer = desk.say(one, frame(0x81, format!("{{\"id\":2,{PUBLISH}}}")));
    assert!(
        String::from_utf8_lossy(&answer)
            .contains("{\"code\":111,\"message\":\"too many requests\",\"temporary\":true}")
    );
}

#[test]
fn a_users_connections_share_his_buckets_on_whatever_shard() {
    let mut desk = Desk::new(&config(3, Layer::default(), layer(&[(Metered::Publish, 4)], 0)));
    let mut all = Vec::new();
    for shard in 0..3 {
        desk.turn_to(shard);
        let conn = session(&mut desk, "ann");
        all.extend(codes(&mut desk, conn, PUBLISH, 2));
    }
    assert_eq!(all, [0, 0, 0, 0, 111, 111]);
    let other = session(&mut desk, "bob");
    assert_eq!(codes(&mut desk, other, PUBLISH, 2), [0, 0]);
    let nobody = session(&mut desk, "");
    assert_eq!(codes(&mut desk, nobody, PUBLISH, 9), [0; 9], "who has no user shares nothing");
}

#[test]
fn a_user_connects_so_often_and_comes_back_later() {
    let mut desk = Desk::new(&config(2, Layer::default(), layer(&[(Metered::Connect, 2)], 0)));
    session(&mut desk, "ann");
    desk.turn_to(1);
    session(&mut desk, "ann");
    let (_, heard) = connect(&mut desk, "ann");
    assert!(String::from_utf8_lossy(&heard).contains("\"id\":1,\"error\":{\"code\":111"), "{heard:?}");
    session(&mut desk, "bob");
    let conn = desk.connect();
    let answer = desk.say(conn, post("/connection/uni_sse", "{\"token\":\"ann\"}"));
    assert!(String::from_utf8_lossy(&answer).contains("\"disconnect\":{\"code\":3013"), "{answer:?}");
    desk.pass(Duration::from_secs(31));
    session(&mut desk, "ann");
}

#[test]
fn total_counts_what_is_let_pass_and_unsubscribe_is_never_refused() {
    let mut desk =
        Desk::new(&config(1, layer(&[(Metered::Publish, 2), (Metered::Unsubscribe, 1)], 6), Layer::default()));
    let conn = session(&mut desk, "ann");
    assert_eq!(codes(&mut desk, conn, PUBLISH, 9), [0, 0, 111, 111, 111, 111, 111, 111, 111]);
    assert_eq!(codes(&mut desk, conn, SUBSCRIBE, 3), [0, 0, 0], "what was refused took nothing of the total");
    assert_eq!(codes(&mut desk, conn, UNSUBSCRIBE, 3), [0, 0, 0]);
    assert_eq!(codes(&mut desk, conn, SUBSCRIBE, 1), [111], "but it counts");
    assert!(desk.report().limited[Whose::Client as usize][Metered::Unsubscribe as usize] >= 2);
}

#[test]
fn what_was_used_up_is_used_up_under_other_settings_too() {
    let publish = |count| config(1, layer(&[(Metered::Publish, count)], 0), Layer::default());
    let mut desk = Desk::new(&publish(2));
    let conn = session(&mut desk, "ann");
    assert_eq!(codes(&mut desk, conn, PUBLISH, 3), [0, 0, 111]);
    let configure = |desk: &mut Desk, config: ShardConfig| {
        desk.handle(Input::Command { ticket: Ticket(3), command: Command::Configure(Box::new(config)) });
    };
    configure(&mut desk, publish(3));
    let again = codes(&mut desk, conn, PUBLISH, 3);
    assert!(again.iter().filter(|code| **code == 0).count() <= 1, "{again:?}");
    configure(&mut desk, ShardConfig { admission: Admission::default(), ..publish(1) });
    assert_eq!(codes(&mut desk, conn, PUBLISH, 9), [0; 9]);
}

#[test]
fn commands_beside_a_stream_count_as_well() {
    let mut desk = Desk::new(&config(1, layer(&[(Metered::Subscribe, 1)], 0), Layer::default()));
    let stream = desk.connect();
    let begun = desk.say(stream, post("/connection/http_stream", "{\"id\":1,\"connect\":{\"token\":\"ann\"}}"));
    let begun = String::from_utf8_lossy(&begun).into_owned();
    let answer: Value = serde_json::from_str(begun.lines().last().unwrap()).unwrap();
    let session = answer["connect"]["session"].as_str().unwrap();
    for (channel, code) in [("a", Value::Null), ("b", 111.into())] {
        let data = format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{channel}\"}}}}");
        let body = serde_json::json!({"session": session, "node": "node", "data": data}).to_string();
        assert!(desk.request(post("/emulation", &body)).starts_with("HTTP/1.1 204 "));
        let reply = desk.hear_text(stream);
        let reply: Value = serde_json::from_str(reply.trim()).unwrap();
        assert_eq!(reply["error"]["code"], code, "{reply}");
    }
}

#[test]
fn a_namespace_or_a_method_has_buckets_of_its_own_in_place_of_the_commands() {
    let mut client = layer(&[(Metered::Publish, 2), (Metered::Rpc, 1)], 12);
    let own = |name: &str, count| Overrides::new([(name.into(), if count > 0 { rate(60, count) } else { Vec::new() })]);
    client.overrides[Metered::Publish as usize] =
        Overrides::new([("chat".into(), rate(60, 4)), ("news".into(), rate(60, 1)), ("free".into(), Vec::new())]);
    client.overrides[Metered::Rpc as usize] = own("up", 2);
    let mut user = Layer::default();
    user.overrides[Metered::History as usize] = own("chat", 1);
    let mut desk = Desk::new(&config(2, client, user));
    let conn = session(&mut desk, "ann");
    let publish = |channel: &str| format!("\"publish\":{{\"channel\":\"{channel}\",\"data\":1}}");
    assert_eq!(codes(&mut desk, conn, &publish("chat:a"), 3), [0, 0, 0]);
    assert_eq!(codes(&mut desk, conn, &publish("$chat:b"), 2), [0, 111], "the namespace has them, not the channel");
    assert_eq!(codes(&mut desk, conn, &publish("news:a"), 2), [0, 111]);
    assert_eq!(codes(&mut desk, conn, &publish("other:a"), 1), [0]);
    assert_eq!(codes(&mut desk, conn, &publish("chat"), 2), [0, 111], "who has none of its own has the command's");
    let call = |method: &str| format!("\"rpc\":{{\"method\":\"{method}\"}}");
    assert_eq!(codes(&mut desk, conn, &call("up"), 3), [108, 108, 111]);
    assert_eq!(codes(&mut desk, conn, &call("other"), 2), [108, 111]);
    // Ten were let pass: two are left of the total for what is not limited by itself.
    assert_eq!(codes(&mut desk, conn, &publish("free:a"), 4), [0, 0, 111, 111]);
    // A user has them on whatever shard.
    let mut all = Vec::new();
    for shard in 0..2 {
        desk.turn_to(shard);
        let conn = session(&mut desk, "bob");
        all.extend(codes(&mut desk, conn, "\"history\":{\"channel\":\"chat:a\"}", 1));
        all.extend(codes(&mut desk, conn, "\"history\":{\"channel\":\"news:a\"}", 1));
    }
    assert!(all[2] == 111 && all[0] != 111 && all[1] == all[3] && all[1] != 111, "{all:?}");
}
