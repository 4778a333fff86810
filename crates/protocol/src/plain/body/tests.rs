//! Bodies as a client of the plain transports reads them.
use alloc::format;
use alloc::string::String;

use serde_json::Value;

use super::*;
use crate::plain::{read_position, subject_tag};

fn mark(offset: u64) -> Mark {
    Mark { subject_tag: subject_tag("news"), epoch: 7, offset }
}

fn position_text(offset: u64) -> String {
    let mut out = Vec::new();
    write_position(&mut out, &[mark(offset)]);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_poll_has_publications_and_where_to_go_on() {
    let mut out = Vec::new();
    let mut body = PollBody::open(&mut out);
    body.publication("news", Payload::Json(b"{\"a\":\n1}"), &[mark(1)]);
    body.publication("n\"ws", Payload::Text("not \"json"), &[mark(2)]);
    body.publication("news", Payload::Binary(b"\xff\x00"), &[mark(3)]);
    body.close(&[mark(3)], false);
    let body: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(body["publications"][0]["data"]["a"], 1);
    assert_eq!(body["publications"][1]["data"], "not \"json");
    assert_eq!(body["publications"][1]["subject"], "n\"ws");
    assert_eq!(body["publications"][2]["data"]["base64"], "/wA=");
    assert_eq!(body["publications"][2]["position"], position_text(3));
    assert_eq!(body["position"], position_text(3));
    assert_eq!(body.get("reset"), None);
}

#[test]
fn a_gap_is_told() {
    let mut out = Vec::new();
    PollBody::open(&mut out).close(&[mark(9)], true);
    let want = format!(r#"{{"publications":[],"position":"{}","reset":true}}"#, position_text(9));
    assert_eq!(String::from_utf8(out).unwrap(), want);
}

#[test]
fn a_publish_is_answered_with_its_place() {
    let mut out = Vec::new();
    write_published(&mut out, mark(300));
    let body: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(body["offset"], 300);
    assert_eq!(epoch::read(body["epoch"].as_str().unwrap()), Some(7));
    assert_eq!(read_position(body["position"].as_str().unwrap()), Ok([mark(300)].into()));
}

#[test]
fn a_refusal_and_a_reset_are_words() {
    let mut out = Vec::new();
    write_error(&mut out, "no such \"path\"");
    assert_eq!(out, br#"{"error":"no such \"path\""}"#);
    out.clear();
    write_subject(&mut out, "n\"ws");
    assert_eq!(out, br#"{"subject":"n\"ws"}"#);
}
