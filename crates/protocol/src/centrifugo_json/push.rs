//! What the server sends unasked.
use alloc::vec::Vec;

use crate::centrifugo::{ClientInfo, Data, Publication, RefreshResult, SubscribeResult, UnsubscribeCode};
use crate::epoch;
use crate::json::Object;

/// An empty reply, which is a ping.
pub const PING: &[u8] = b"{}";

/// Appends a publication of `channel`. The same bytes for every subscriber: written once, sent to all.
pub fn push_publication(out: &mut Vec<u8>, channel: &str, publication: &Publication<'_>) {
    push(out, |push| {
        push.text("channel", channel);
        write_publication(push.key("pub"), publication);
    });
}

/// Appends that `client` has subscribed to `channel`. The same bytes for all who are told.
pub fn push_join(out: &mut Vec<u8>, channel: &str, client: &ClientInfo<'_>) {
    push_client(out, channel, "join", client);
}

/// Appends that it has left.
pub fn push_leave(out: &mut Vec<u8>, channel: &str, client: &ClientInfo<'_>) {
    push_client(out, channel, "leave", client);
}

fn push_client(out: &mut Vec<u8>, channel: &str, kind: &'static str, client: &ClientInfo<'_>) {
    let mut reply = Object::open(out);
    let mut push = reply.object("push");
    push.text("channel", channel);
    let mut body = push.object(kind);
    write_info(body.object("info"), client);
    body.close();
    push.close();
    reply.close();
}

/// Appends the end of the subscription to `channel`.
pub fn push_unsubscribe(out: &mut Vec<u8>, channel: &str, code: UnsubscribeCode) {
    push(out, |push| {
        push.text("channel", channel);
        let mut unsubscribe = push.object("unsubscribe");
        unsubscribe.number("code", code.code().into());
        unsubscribe.text("reason", code.reason());
        unsubscribe.close();
    });
}

/// Appends that the server has subscribed the client to `channel`. What was recovered comes behind it, as publications.
pub fn push_subscribe(out: &mut Vec<u8>, channel: &str, result: &SubscribeResult<'_>) {
    push(out, |push| {
        push.text("channel", channel);
        let mut subscribe = push.object("subscribe");
        subscribe.flag_if_set("recoverable", result.recoverable);
        subscribe.text_unless_empty("epoch", result.epoch);
        subscribe.number_unless_zero("offset", result.offset);
        subscribe.flag_if_set("positioned", result.positioned);
        subscribe.raw_unless_empty("data", result.data);
        subscribe.close();
    });
}

/// Appends until when the session lasts from now on.
pub fn push_refresh(out: &mut Vec<u8>, result: &RefreshResult) {
    push(out, |push| {
        let mut refresh = push.object("refresh");
        refresh.flag_if_set("expires", result.expires);
        refresh.number_unless_zero("ttl", result.ttl_s.into());
        refresh.close();
    });
}

/// Appends a disconnect, for transports without a close frame; on a WebSocket code and reason go into that instead.
pub fn push_disconnect(out: &mut Vec<u8>, code: u16, reason: &str) {
    push(out, |push| {
        let mut body = push.object("disconnect");
        body.number("code", code.into());
        body.text("reason", reason);
        body.close();
    });
}

/// A push in its reply.
fn push(out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
    let mut reply = Object::open(out);
    let mut push = reply.object("push");
    write(&mut push);
    push.close();
    reply.close();
}

pub(super) fn write_publication(out: &mut Vec<u8>, publication: &Publication<'_>) {
    let mut body = Object::open(out);
    match publication.data {
        Data::Json(json) => body.raw("data", json),
        Data::Text(text) => body.text("data", text),
        Data::Bytes(_) => debug_assert!(false, "JSON can't say any bytes"),
    }
    if let Some(info) = &publication.info {
        write_info(body.object("info"), info);
    }
    body.number_unless_zero("offset", publication.offset);
    body.texts_unless_empty("tags", publication.tags);
    body.flag_if_set("delta", publication.delta);
    body.text_unless_empty("channel", publication.channel);
    if let Some(epoch) = publication.epoch {
        body.text("epoch", core::str::from_utf8(&epoch::text(epoch)).unwrap_or_default());
    }
    body.number_unless_zero("version", publication.version);
    body.close();
}

pub(super) fn write_info(mut body: Object<'_>, info: &ClientInfo<'_>) {
    body.text("user", info.user);
    body.text("client", info.client);
    body.raw_unless_empty("conn_info", info.conn_info);
    body.raw_unless_empty("chan_info", info.chan_info);
    body.close();
}
