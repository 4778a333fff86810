//! What the server sends unasked.
use alloc::vec::Vec;

use crate::centrifugo::{ClientInfo, Data, Publication, RefreshResult, SubscribeResult, UnsubscribeCode};
use crate::centrifugo_protobuf::writer::{Fields, delimited};
use crate::epoch;

/// An empty reply, which is a ping.
pub const PING: &[u8] = &[0];

/// Appends a publication of `channel`. The same bytes for every subscriber: written once, sent to all.
pub fn push_publication(out: &mut Vec<u8>, channel: &str, publication: &Publication<'_>) {
    push(out, |push| {
        push.text(2, channel);
        push.message(4, |body| write_publication(body, publication));
    });
}

/// Appends that `client` has subscribed to `channel`. The same bytes for all who are told.
pub fn push_join(out: &mut Vec<u8>, channel: &str, client: &ClientInfo<'_>) {
    push_client(out, channel, 5, client);
}

/// Appends that it has left.
pub fn push_leave(out: &mut Vec<u8>, channel: &str, client: &ClientInfo<'_>) {
    push_client(out, channel, 6, client);
}

fn push_client(out: &mut Vec<u8>, channel: &str, tag: u32, client: &ClientInfo<'_>) {
    push(out, |push| {
        push.text(2, channel);
        push.message(tag, |body| body.message(1, |info| write_info(info, client)));
    });
}

/// Appends the end of the subscription to `channel`.
pub fn push_unsubscribe(out: &mut Vec<u8>, channel: &str, code: UnsubscribeCode) {
    push(out, |push| {
        push.text(2, channel);
        push.message(7, |body| {
            body.number(2, code.code().into());
            body.text(3, code.reason());
        });
    });
}

/// Appends that the server has subscribed the client to `channel`. What was recovered comes behind it, as publications.
pub fn push_subscribe(out: &mut Vec<u8>, channel: &str, result: &SubscribeResult<'_>) {
    push(out, |push| {
        push.text(2, channel);
        push.message(9, |body| {
            body.flag(1, result.recoverable);
            body.text(4, result.epoch);
            body.number(5, result.offset);
            body.flag(6, result.positioned);
            body.bytes(7, result.data);
        });
    });
}

/// Appends until when the session lasts from now on.
pub fn push_refresh(out: &mut Vec<u8>, result: &RefreshResult) {
    push(out, |push| {
        push.message(12, |body| {
            body.flag(1, result.expires);
            body.number(2, result.ttl_s.into());
        });
    });
}

/// Appends a disconnect, for transports without a close frame; on a WebSocket code and reason go into that instead.
pub fn push_disconnect(out: &mut Vec<u8>, code: u16, reason: &str) {
    push(out, |push| {
        push.message(11, |body| {
            body.number(1, code.into());
            body.text(2, reason);
        });
    });
}

/// A push in its reply.
fn push(out: &mut Vec<u8>, write: impl Fn(&mut Fields<'_>)) {
    delimited(out, |reply| reply.message(4, &write));
}

pub(super) fn write_publication(body: &mut Fields<'_>, publication: &Publication<'_>) {
    match publication.data {
        Data::Json(data) | Data::Bytes(data) => body.bytes(4, data),
        Data::Text(text) => body.text(4, text),
    }
    if let Some(info) = &publication.info {
        body.message(5, |body| write_info(body, info));
    }
    body.number(6, publication.offset);
    for (key, value) in publication.tags {
        body.message(7, |entry| {
            entry.text(1, key);
            entry.text(2, value);
        });
    }
    body.flag(8, publication.delta);
    body.text(10, publication.channel);
    if let Some(epoch) = publication.epoch {
        body.bytes(14, &epoch::text(epoch));
    }
    body.number(16, publication.version);
}

pub(super) fn write_info(body: &mut Fields<'_>, info: &ClientInfo<'_>) {
    body.text(1, info.user);
    body.text(2, info.client);
    body.bytes(3, info.conn_info);
    body.bytes(4, info.chan_info);
}
