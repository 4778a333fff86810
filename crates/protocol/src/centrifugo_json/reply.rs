//! Replies: one for each command with an id.
use alloc::vec::Vec;

use crate::centrifugo::{
    ClientInfo, ConnectResult, ErrorCode, HistoryResult, PresenceStatsResult, Publication, RefreshResult, ServerSub,
    SubscribeResult,
};
use crate::centrifugo_json::push::{write_info, write_publication};
use crate::json::Object;

/// Appends the reply to `connect`.
pub fn reply_connect(out: &mut Vec<u8>, id: u32, result: &ConnectResult<'_>) {
    let mut reply = open(out, id);
    let mut connect = reply.object("connect");
    connect.text_unless_empty("client", result.client);
    connect.text_unless_empty("version", result.version);
    connect.flag_if_set("expires", result.expires);
    connect.number_unless_zero("ttl", result.ttl_s.into());
    connect.raw_unless_empty("data", result.data);
    connect.number_unless_zero("ping", result.ping_s.into());
    connect.flag_if_set("pong", result.pong);
    write_subs(&mut connect, result.subs);
    connect.text_unless_empty("session", result.session);
    connect.text_unless_empty("node", result.node);
    connect.number_unless_zero("time", result.time_ms);
    connect.close();
    reply.close();
}

fn write_subs(connect: &mut Object<'_>, subs: &[ServerSub<'_>]) {
    if subs.is_empty() {
        return;
    }
    let mut by_channel = connect.object("subs");
    for sub in subs {
        write_subscribed(by_channel.object_of(sub.channel), &sub.result, sub.recovered);
    }
    by_channel.close();
}

/// Appends the reply to `subscribe`, with what was recovered, oldest first.
pub fn reply_subscribe(out: &mut Vec<u8>, id: u32, result: &SubscribeResult<'_>, recovered: &[Publication<'_>]) {
    let mut reply = open(out, id);
    write_subscribed(reply.object("subscribe"), result, recovered);
    reply.close();
}

fn write_subscribed(mut subscribe: Object<'_>, result: &SubscribeResult<'_>, recovered: &[Publication<'_>]) {
    subscribe.flag_if_set("expires", result.expires);
    subscribe.number_unless_zero("ttl", result.ttl_s.into());
    subscribe.flag_if_set("recoverable", result.recoverable);
    subscribe.text_unless_empty("epoch", result.epoch);
    if !recovered.is_empty() {
        write_publications(subscribe.key("publications"), recovered);
    }
    subscribe.flag_if_set("recovered", result.recovered);
    subscribe.number_unless_zero("offset", result.offset);
    subscribe.flag_if_set("positioned", result.positioned);
    subscribe.raw_unless_empty("data", result.data);
    subscribe.flag_if_set("was_recovering", result.was_recovering);
    subscribe.flag_if_set("delta", result.delta);
    subscribe.close();
}

/// Appends the reply to `history`. All members are there even if nothing is.
pub fn reply_history(out: &mut Vec<u8>, id: u32, result: &HistoryResult<'_>, publications: &[Publication<'_>]) {
    let mut reply = open(out, id);
    let mut history = reply.object("history");
    write_publications(history.key("publications"), publications);
    history.text("epoch", result.epoch);
    history.number("offset", result.offset);
    history.close();
    reply.close();
}

fn write_publications(out: &mut Vec<u8>, publications: &[Publication<'_>]) {
    out.push(b'[');
    for (at, publication) in publications.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_publication(out, publication);
    }
    out.push(b']');
}

/// Appends the reply to `presence`: clients by their ids.
pub fn reply_presence(out: &mut Vec<u8>, id: u32, clients: &[ClientInfo<'_>]) {
    let mut reply = open(out, id);
    let mut presence = reply.object("presence");
    let mut by_id = presence.object("presence");
    for client in clients {
        write_info(by_id.object_of(client.client), client);
    }
    by_id.close();
    presence.close();
    reply.close();
}

/// Appends the reply to `presence_stats`.
pub fn reply_presence_stats(out: &mut Vec<u8>, id: u32, result: &PresenceStatsResult) {
    let mut reply = open(out, id);
    let mut stats = reply.object("presence_stats");
    stats.number("num_clients", result.clients.into());
    stats.number("num_users", result.users.into());
    stats.close();
    reply.close();
}

/// Appends the reply to `unsubscribe`.
pub fn reply_unsubscribe(out: &mut Vec<u8>, id: u32) {
    reply_empty(out, id, "unsubscribe");
}

/// Appends the reply to `publish`.
pub fn reply_publish(out: &mut Vec<u8>, id: u32) {
    reply_empty(out, id, "publish");
}

/// Appends the reply to `refresh`.
pub fn reply_refresh(out: &mut Vec<u8>, id: u32, result: &RefreshResult) {
    write_refreshed(out, id, "refresh", result);
}

/// Appends the reply to `sub_refresh`.
pub fn reply_sub_refresh(out: &mut Vec<u8>, id: u32, result: &RefreshResult) {
    write_refreshed(out, id, "sub_refresh", result);
}

fn write_refreshed(out: &mut Vec<u8>, id: u32, kind: &'static str, result: &RefreshResult) {
    let mut reply = open(out, id);
    let mut refreshed = reply.object(kind);
    refreshed.flag_if_set("expires", result.expires);
    refreshed.number_unless_zero("ttl", result.ttl_s.into());
    refreshed.close();
    reply.close();
}

/// Appends an error in reply to any command.
pub fn reply_error(out: &mut Vec<u8>, id: u32, code: ErrorCode) {
    reply_told_error(out, id, code.code(), code.message(), code.is_temporary());
}

/// Appends the reply to `rpc`: JSON text.
pub fn reply_rpc(out: &mut Vec<u8>, id: u32, data: &[u8]) {
    let mut reply = open(out, id);
    let mut rpc = reply.object("rpc");
    rpc.raw_unless_empty("data", data);
    rpc.close();
    reply.close();
}

/// Appends an error that somebody else made.
pub fn reply_told_error(out: &mut Vec<u8>, id: u32, code: u32, message: &str, temporary: bool) {
    let mut reply = open(out, id);
    let mut error = reply.object("error");
    error.number("code", code.into());
    error.text("message", message);
    error.flag_if_set("temporary", temporary);
    error.close();
    reply.close();
}

/// SDKs reach into the result, so an empty one is there all the same.
fn reply_empty(out: &mut Vec<u8>, id: u32, kind: &'static str) {
    let mut reply = open(out, id);
    reply.object(kind).close();
    reply.close();
}

fn open(out: &mut Vec<u8>, id: u32) -> Object<'_> {
    let mut reply = Object::open(out);
    reply.number_unless_zero("id", id.into());
    reply
}

#[cfg(test)]
mod tests;
