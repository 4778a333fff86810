//! Replies: one for each command with an id.
use alloc::vec::Vec;

use crate::centrifugo::{
    ClientInfo, ConnectResult, ErrorCode, HistoryResult, PresenceStatsResult, Publication, RefreshResult,
    SubscribeResult,
};
use crate::centrifugo_protobuf::push::{write_info, write_publication};
use crate::centrifugo_protobuf::writer::{Fields, delimited};

/// Appends the reply to `connect`.
pub fn reply_connect(out: &mut Vec<u8>, id: u32, result: &ConnectResult<'_>) {
    reply(out, id, 5, |connect| {
        connect.text(1, result.client);
        connect.text(2, result.version);
        connect.flag(3, result.expires);
        connect.number(4, result.ttl_s.into());
        connect.bytes(5, result.data);
        for sub in result.subs {
            connect.message(6, |entry| {
                entry.text(1, sub.channel);
                entry.message(2, |body| write_subscribed(body, &sub.result, sub.recovered));
            });
        }
        connect.number(7, result.ping_s.into());
        connect.flag(8, result.pong);
        connect.text(9, result.session);
        connect.text(10, result.node);
        connect.number(11, result.time_ms);
    });
}

/// Appends the reply to `subscribe`, with what was recovered, oldest first.
pub fn reply_subscribe(out: &mut Vec<u8>, id: u32, result: &SubscribeResult<'_>, recovered: &[Publication<'_>]) {
    reply(out, id, 6, |subscribe| write_subscribed(subscribe, result, recovered));
}

fn write_subscribed(subscribe: &mut Fields<'_>, result: &SubscribeResult<'_>, recovered: &[Publication<'_>]) {
    subscribe.flag(1, result.expires);
    subscribe.number(2, result.ttl_s.into());
    subscribe.flag(3, result.recoverable);
    subscribe.text(6, result.epoch);
    write_publications(subscribe, 7, recovered);
    subscribe.flag(8, result.recovered);
    subscribe.number(9, result.offset);
    subscribe.flag(10, result.positioned);
    subscribe.bytes(11, result.data);
    subscribe.flag(12, result.was_recovering);
    subscribe.flag(13, result.delta);
}

/// Appends the reply to `history`.
pub fn reply_history(out: &mut Vec<u8>, id: u32, result: &HistoryResult<'_>, publications: &[Publication<'_>]) {
    reply(out, id, 11, |history| {
        write_publications(history, 1, publications);
        history.text(2, result.epoch);
        history.number(3, result.offset);
    });
}

fn write_publications(body: &mut Fields<'_>, tag: u32, publications: &[Publication<'_>]) {
    for publication in publications {
        body.message(tag, |body| write_publication(body, publication));
    }
}

/// Appends the reply to `presence`: clients by their ids.
pub fn reply_presence(out: &mut Vec<u8>, id: u32, clients: &[ClientInfo<'_>]) {
    reply(out, id, 9, |presence| {
        for client in clients {
            presence.message(1, |entry| {
                entry.text(1, client.client);
                entry.message(2, |body| write_info(body, client));
            });
        }
    });
}

/// Appends the reply to `presence_stats`.
pub fn reply_presence_stats(out: &mut Vec<u8>, id: u32, result: &PresenceStatsResult) {
    reply(out, id, 10, |stats| {
        stats.number(1, result.clients.into());
        stats.number(2, result.users.into());
    });
}

/// Appends the reply to `unsubscribe`.
pub fn reply_unsubscribe(out: &mut Vec<u8>, id: u32) {
    reply(out, id, 7, |_| {});
}

/// Appends the reply to `publish`.
pub fn reply_publish(out: &mut Vec<u8>, id: u32) {
    reply(out, id, 8, |_| {});
}

/// Appends the reply to `refresh`.
pub fn reply_refresh(out: &mut Vec<u8>, id: u32, result: &RefreshResult) {
    reply(out, id, 14, |refresh| {
        refresh.flag(3, result.expires);
        refresh.number(4, result.ttl_s.into());
    });
}

/// Appends the reply to `sub_refresh`.
pub fn reply_sub_refresh(out: &mut Vec<u8>, id: u32, result: &RefreshResult) {
    reply(out, id, 15, |refresh| {
        refresh.flag(1, result.expires);
        refresh.number(2, result.ttl_s.into());
    });
}

/// Appends an error in reply to any command.
pub fn reply_error(out: &mut Vec<u8>, id: u32, code: ErrorCode) {
    reply_told_error(out, id, code.code(), code.message(), code.is_temporary());
}

/// Appends the reply to `rpc`.
pub fn reply_rpc(out: &mut Vec<u8>, id: u32, data: &[u8]) {
    reply(out, id, 13, |rpc| rpc.bytes(1, data));
}

/// Appends an error that somebody else made.
pub fn reply_told_error(out: &mut Vec<u8>, id: u32, code: u32, message: &str, temporary: bool) {
    reply(out, id, 2, |error| {
        error.number(1, code.into());
        error.text(2, message);
        error.flag(3, temporary);
    });
}

/// A reply with its result, which is there even if it is empty: SDKs reach into it.
fn reply(out: &mut Vec<u8>, id: u32, tag: u32, write: impl Fn(&mut Fields<'_>)) {
    delimited(out, |reply| {
        reply.number(1, id.into());
        reply.message(tag, &write);
    });
}

#[cfg(test)]
mod tests;
