//! Deltas: who gets them, of what, and that whoever applies them has what was published.
use base::{ConnId, Prng};
use hub::{Extra, Namespace, OutboxPolicy};
use prost::Message as _;
use protocol::centrifugo_protobuf::message::{Command, Reply, SubscribeRequest};
use protocol::fossil;
use serde_json::Value;
use shard::{Outbox, ShardConfig};

use crate::delivery::publish;
use crate::desk::{Desk, dev, frame, namespace};
use crate::session::{lines, open, say};

const PRICES: [&str; 4] = [
    "{\"price\":100,\"symbol\":\"AAPL\",\"venue\":\"NASDAQ\"}",
    "{\"price\":101,\"symbol\":\"AAPL\",\"venue\":\"NASDAQ\"}",
    "{\"price\":102,\"symbol\":\"AAPL\",\"venue\":\"NASDAQ\"}",
    "{\"price\":103,\"symbol\":\"AAPL\",\"venue\":\"NASDAQ\"}",
];

fn deltas() -> Namespace {
    Namespace { delta: true, delta_publish: true, ..namespace("d.>", 10) }
}

fn config() -> ShardConfig {
    let on_request = Namespace { delta: true, ..namespace("asked.>", 10) };
    ShardConfig { namespaces: vec![deltas(), on_request, namespace(">", 10)], ..dev() }
}

/// What an SDK keeps of a subscription, and does with what comes.
#[derive(Default)]
struct Reader {
    base: Vec<u8>,
    /// How many of what has come were deltas.
    deltas: usize,
}

impl Reader {
    fn read(&mut self, publication: &Value) -> Value {
        let data = publication["data"].as_str().expect("with deltas all data are strings").as_bytes();
        self.base = if publication["delta"] == true {
            self.deltas += 1;
            fossil::apply(&self.base, data, 1 << 20).expect("a delta of what was sent before")
        } else {
            data.to_vec()
        };
        serde_json::from_slice(&self.base).unwrap()
    }

    fn hear(&mut self, desk: &mut Desk, conn: ConnId) -> Vec<Value> {
        let heard = lines(&desk.hear(conn));
        heard.iter().map(|line| self.read(&serde_json::from_str::<Value>(line).unwrap()["push"]["pub"])).collect()
    }
}

fn subscribe(desk: &mut Desk, conn: ConnId, subject: &str, more: &str) -> Value {
    let command = format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{subject}\",\"delta\":\"fossil\"{more}}}}}");
    serde_json::from_str::<Value>(&say(desk, conn, &command)).unwrap()["subscribe"].take()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_first_is_whole_and_the_others_are_deltas() {
    for shards in [1, 2] {
        let mut desk = Desk::new(&ShardConfig { shards, ..config() });
        let subject = (0..).map(|number| format!("d.{number}")).find(|name| desk.owner_of(name) == shards - 1).unwrap();
        publish(&mut desk, &subject, PRICES[0], Extra::default());
        let (conn, plain) = (open(&mut desk), open(&mut desk));
        assert_eq!(subscribe(&mut desk, conn, &subject, "")["delta"], true);
        say(&mut desk, plain, &format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{subject}\"}}}}"));
        let mut reader = Reader::default();
        for (at, price) in PRICES.iter().enumerate().skip(1) {
            publish(&mut desk, &subject, price, Extra::default());
            assert_eq!(reader.hear(&mut desk, conn), [json(price)]);
            assert_eq!(reader.deltas, at - 1);
            let told = lines(&desk.hear(plain)).concat();
            assert!(told.contains(&format!("\"pub\":{{\"data\":{price},\"offset\":")), "as it is to others: {told}");
        }
        // Nothing of it is shorter as a delta.
        publish(&mut desk, &subject, "7", Extra::default());
        assert_eq!((reader.hear(&mut desk, conn), reader.deltas), (vec![json("7")], 2));
        publish(&mut desk, &subject, "text that is no JSON, and not short either: aaaaaaaaa", Extra::default());
        publish(&mut desk, &subject, "text that is no JSON, and not short either: aaaaaaaab", Extra::default());
        let texts =
            ["a", "b"].map(|end| Value::from(format!("text that is no JSON, and not short either: aaaaaaaa{end}")));
        assert_eq!((reader.hear(&mut desk, conn), reader.deltas), (texts.to_vec(), 3));
    }
}

#[test]
fn they_are_for_those_who_may_have_them_and_ask() {
    let mut desk = Desk::new(&config());
    let conn = open(&mut desk);
    assert_eq!(subscribe(&mut desk, conn, "other", "")["delta"], Value::Null);
    assert_eq!(subscribe(&mut desk, conn, "asked.a", "")["delta"], true);
    let mut reader = Reader::default();
    let asks = Extra { delta: true, ..Extra::default() };
    for (price, extra, count) in [
        (PRICES[0], asks.clone(), 0),
        (PRICES[1], Extra::default(), 0),
        (PRICES[2], asks.clone(), 1),
        (PRICES[3], Extra { skip_history: true, ..asks.clone() }, 1),
        // What came last is in no history.
        (PRICES[0], asks.clone(), 1),
        (PRICES[1], asks, 2),
    ] {
        publish(&mut desk, "asked.a", price, extra);
        assert_eq!((reader.hear(&mut desk, conn), reader.deltas), (vec![json(price)], count));
    }
    let unknown = desk.say(conn, frame(0x81, "{\"id\":2,\"subscribe\":{\"channel\":\"b\",\"delta\":\"x\"}}"));
    assert_eq!(crate::desk::close_of(&unknown).0, 3501);
}

#[test]
fn what_is_recovered_is_a_chain_that_goes_on_live() {
    for shards in [1, 2] {
        let mut desk = Desk::new(&ShardConfig { shards, ..config() });
        let subject = (0..).map(|number| format!("d.{number}")).find(|name| desk.owner_of(name) == shards - 1).unwrap();
        for price in &PRICES[..3] {
            publish(&mut desk, &subject, price, Extra::default());
        }
        let conn = open(&mut desk);
        let answer = subscribe(&mut desk, conn, &subject, ",\"recover\":true");
        let mut reader = Reader::default();
        let recovered: Vec<_> = answer["publications"].as_array().unwrap().iter().map(|one| reader.read(one)).collect();
        assert_eq!((recovered, reader.deltas), (PRICES[..3].iter().map(|price| json(price)).collect(), 2));
        publish(&mut desk, &subject, PRICES[3], Extra::default());
        assert_eq!((reader.hear(&mut desk, conn), reader.deltas), (vec![json(PRICES[3])], 3));
        let history =
            say(&mut desk, conn, &format!("{{\"id\":3,\"history\":{{\"channel\":\"{subject}\",\"limit\":-1}}}}"));
        assert!(history.contains(PRICES[1]) && !history.contains("\"delta\""), "a history is never deltas: {history}");

        // Already there: what it has, the server does not know.
        let epoch = answer["epoch"].as_str().unwrap();
        let other = open(&mut desk);
        let answer =
            subscribe(&mut desk, other, &subject, &format!(",\"recover\":true,\"offset\":4,\"epoch\":\"{epoch}\""));
        assert_eq!((&answer["recovered"], &answer["publications"]), (&Value::Bool(true), &Value::Null));
        publish(&mut desk, &subject, PRICES[0], Extra::default());
        let mut fresh = Reader::default();
        assert_eq!((fresh.hear(&mut desk, other), fresh.deltas), (vec![json(PRICES[0])], 0));
    }
}

#[test]
fn a_run_is_a_chain_to_each_of_its_readers() {
    let mut desk = Desk::new(&config());
    let (early, late, stream) = (open(&mut desk), open(&mut desk), desk.open("/pub"));
    let (mut one, mut two) = (Reader::default(), Reader::default());
    subscribe(&mut desk, early, "d.a", "");
    publish(&mut desk, "d.a", PRICES[0], Extra::default());
    one.hear(&mut desk, early);
    subscribe(&mut desk, late, "d.a", "");
    let run: Vec<u8> = PRICES[1..].iter().flat_map(|price| frame(0x82, format!("\x03d.a{price}"))).collect();
    desk.say(stream, run);
    let wanted: Vec<_> = PRICES[1..].iter().map(|price| json(price)).collect();
    assert_eq!((one.hear(&mut desk, early), one.deltas), (wanted.clone(), 3));
    assert_eq!((two.hear(&mut desk, late), two.deltas), (wanted, 2));
}

/// Whatever an outbox drops, what is left of it can be read.
#[test]
fn who_loses_publications_can_read_the_others() {
    for (policy, seed) in [OutboxPolicy::DropOldest, OutboxPolicy::Conflate]
        .into_iter()
        .flat_map(|policy| (0..40).map(move |seed| (policy, seed)))
    {
        let mut random = Prng::new(seed, "slow");
        let mut desk = Desk::new(&ShardConfig { outbox: Outbox { bytes: 600, policy }, ..config() });
        let (conn, stream) = (open(&mut desk), desk.open("/pub"));
        let mut readers = [Reader::default(), Reader::default()];
        for subject in ["d.a", "d.b"] {
            subscribe(&mut desk, conn, subject, "");
        }
        let mut last = [Value::Null, Value::Null];
        for round in 0..60 {
            let mut run = Vec::new();
            let at = usize::from(random.one_in(2));
            for number in 0..1 + random.below(3) {
                let subject = ["d.a", "d.b"][at];
                let payload = format!(
                    "{{\"subject\":\"{subject}\",\"round\":{round},\"of\":\"many of its kind\",\"n\":{number}}}"
                );
                run.extend(frame(0x82, format!("\x03{subject}{payload}")));
                last[at] = json(&payload);
            }
            desk.say(stream, run);
            if random.one_in(4) {
                desk.writable(conn, usize::try_from(random.below(900)).unwrap());
                desk.world().room.insert(conn.0, 0);
            }
        }
        desk.writable(conn, usize::MAX);
        let mut seen = [Value::Null, Value::Null];
        for line in lines(&desk.hear(conn)) {
            let push = json(&line)["push"].take();
            let at = usize::from(push["channel"] == "d.b");
            seen[at] = readers[at].read(&push["pub"]);
        }
        // The newest of all is there; under the other policy of each.
        assert!(seen.iter().zip(&last).any(|(seen, last)| seen == last), "{policy:?} {seed}");
    }
}

#[test]
fn protobuf_has_deltas_of_bytes() {
    let mut desk = Desk::new(&config());
    let conn = desk.open("/connection/websocket?format=protobuf");
    let subscribe = SubscribeRequest { channel: "d.a".into(), delta: "fossil".into(), ..SubscribeRequest::default() };
    for command in [
        Command { id: 1, connect: Some(Default::default()), ..Command::default() },
        Command { id: 2, subscribe: Some(subscribe), ..Command::default() },
    ] {
        desk.say(conn, frame(0x82, command.encode_length_delimited_to_vec()));
    }
    let mut told = |payload: &[u8]| {
        let head = format!("POST /pub/d.a HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", payload.len());
        desk.say_alone(&[head.as_bytes(), payload].concat());
        let heard = desk.hear(conn);
        Reply::decode_length_delimited(&heard[2..]).unwrap().push.unwrap().publication.unwrap()
    };
    let (one, mut two) = ([0xff; 60], [0xff; 60]);
    two[30] = 0x80;
    assert_eq!((told(&one).data, told(&two).delta), (one.to_vec(), true));
    let back = told(&one);
    assert_eq!((fossil::apply(&two, &back.data, 60), back.delta), (Ok(one.to_vec()), true));
}
