//! What leaves, against the protocol page's bytes, and against prost: byte by byte the same, whatever is in it.
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};

use base::Prng;
use prost::Message as _;

use super::*;
use crate::centrifugo::{ClientInfo, Data, ServerSub, UnsubscribeCode};
use crate::centrifugo_protobuf::{
    PING, message, push_disconnect, push_join, push_leave, push_publication, push_refresh, push_subscribe,
    push_unsubscribe,
};
use crate::epoch;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = b"kept".to_vec();
    write(&mut out);
    out.strip_prefix(b"kept").unwrap().to_vec()
}

fn same(reply: &message::Reply, write: impl FnOnce(&mut Vec<u8>)) {
    assert_eq!(written(write), reply.encode_length_delimited_to_vec(), "{reply:?}");
}

fn reply(id: u32) -> message::Reply {
    message::Reply { id, ..message::Reply::default() }
}

#[test]
fn the_bytes_of_the_protocol_page() {
    let publication = Publication {
        data: Data::Bytes(b"{\"a\":1}"),
        offset: 7,
        info: None,
        tags: &[],
        channel: "",
        delta: false,
        epoch: None,
        version: 0,
    };
    let want = b"\x15\x22\x13\x12\x04news\x22\x0b\x22\x07{\"a\":1}\x30\x07";
    assert_eq!(written(|out| push_publication(out, "news", &publication)), want);
    let want = b"\x19\x08\x02\x12\x15\x08\x67\x12\x11permission denied";
    assert_eq!(written(|out| reply_error(out, 2, ErrorCode::PermissionDenied)), want);
    // The page's example has 6 here, which its table gives to `subscribe`.
    assert_eq!(written(|out| reply_unsubscribe(out, 5)), b"\x04\x08\x05\x3a\x00");
    assert_eq!(message::Reply::decode_length_delimited(PING), Ok(message::Reply::default()));
}

#[test]
fn what_has_no_payload_is_as_prost_has_it() {
    same(&message::Reply { publish: Some(message::Empty {}), ..reply(4) }, |out| reply_publish(out, 4));
    same(&message::Reply { unsubscribe: Some(message::Empty {}), ..reply(300) }, |out| reply_unsubscribe(out, 300));
    for code in [ErrorCode::Internal, ErrorCode::TokenExpired] {
        let (number, message) = (code.code(), code.message().into());
        let error = message::Error { code: number, message, temporary: code.is_temporary() };
        same(&message::Reply { error: Some(error), ..reply(u32::MAX) }, |out| reply_error(out, u32::MAX, code));
    }
    for (expires, ttl_s) in [(true, 60), (false, 0)] {
        let result = RefreshResult { expires, ttl_s };
        let refresh = Some(message::RefreshResult { expires, ttl: ttl_s });
        same(&message::Reply { refresh, ..reply(1) }, |out| reply_refresh(out, 1, &result));
        let sub_refresh = Some(message::SubRefreshResult { expires, ttl: ttl_s });
        same(&message::Reply { sub_refresh, ..reply(1) }, |out| reply_sub_refresh(out, 1, &result));
    }
    let push = |push| message::Reply { push: Some(push), ..reply(0) };
    let code = UnsubscribeCode::InsufficientState;
    let unsubscribe = message::Unsubscribe { code: 2500, reason: code.reason().into() };
    let want = message::Push { channel: "h".into(), unsubscribe: Some(unsubscribe), ..message::Push::default() };
    same(&push(want), |out| push_unsubscribe(out, "h", code));
    let disconnect = message::Disconnect { code: 3001, reason: "shutdown".into() };
    let want = message::Push { disconnect: Some(disconnect), ..message::Push::default() };
    same(&push(want), |out| push_disconnect(out, 3_001, "shutdown"));
}

#[test]
fn who_is_there_is_as_prost_has_it() {
    let told = |client| ClientInfo { user: "ann", client, conn_info: b"{}", chan_info: b"" };
    let wire = |client: &str| message::ClientInfo {
        user: "ann".into(),
        client: client.into(),
        conn_info: b"{}".into(),
        chan_info: Vec::new(),
    };
    let presence = ["c1", "c2"].map(|client| (client.to_string(), wire(client))).into();
    let want = message::Reply { presence: Some(message::PresenceResult { presence }), ..reply(3) };
    same(&want, |out| reply_presence(out, 3, &[told("c1"), told("c2")]));
    let nobody = Some(message::PresenceResult::default());
    same(&message::Reply { presence: nobody, ..reply(3) }, |out| reply_presence(out, 3, &[]));
    for (clients, users) in [(0, 0), (3, 2)] {
        let stats = message::PresenceStatsResult { num_clients: clients, num_users: users };
        let want = message::Reply { presence_stats: Some(stats), ..reply(3) };
        same(&want, |out| reply_presence_stats(out, 3, &PresenceStatsResult { clients, users }));
    }
    let push = |push| message::Reply { push: Some(push), ..reply(0) };
    let coming = || Some(message::Coming { info: Some(wire("c1")) });
    let want = message::Push { channel: "a".into(), join: coming(), ..message::Push::default() };
    same(&push(want), |out| push_join(out, "a", &told("c1")));
    let want = message::Push { channel: "a".into(), leave: coming(), ..message::Push::default() };
    same(&push(want), |out| push_leave(out, "a", &told("c1")));
}

/// Values that a property is tried with: often empty or zero, at times long.
struct Any(Prng);

impl Any {
    fn bytes(&mut self) -> Vec<u8> {
        let length = match self.0.below(8) {
            0 | 1 => 0,
            2 => self.0.below(20_000),
            _ => self.0.below(200),
        };
        (0..length).map(|_| u8::try_from(self.0.below(256)).unwrap()).collect()
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(&self.bytes()).to_string()
    }

    fn number(&mut self) -> u64 {
        let shift = self.0.below(64);
        if self.0.below(4) == 0 { 0 } else { self.0.next_u64() >> shift }
    }

    fn small(&mut self) -> u32 {
        u32::try_from(self.number() & 0xffff_ffff).unwrap()
    }

    fn epoch(&mut self) -> String {
        String::from_utf8(epoch::text(self.small()).to_vec()).unwrap()
    }

    fn flag(&mut self) -> bool {
        self.0.below(2) == 1
    }

    fn publication(&mut self) -> message::Publication {
        let info = self.flag().then(|| message::ClientInfo {
            user: self.text(),
            client: self.text(),
            conn_info: self.bytes(),
            chan_info: self.bytes(),
        });
        let tags = (0..self.0.below(3)).map(|_| (self.text(), self.text())).collect();
        message::Publication {
            data: self.bytes(),
            info,
            offset: self.number(),
            tags,
            delta: self.flag(),
            channel: self.text(),
            epoch: if self.flag() { self.epoch() } else { String::new() },
            version: if self.flag() { self.number() } else { 0 },
        }
    }
}

type Tags = Vec<(Box<str>, Box<str>)>;

fn tags(publication: &message::Publication) -> Tags {
    publication.tags.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect()
}

fn ours<'a>(publication: &'a message::Publication, tags: &'a Tags) -> Publication<'a> {
    let info = publication.info.as_ref().map(|info| ClientInfo {
        user: &info.user,
        client: &info.client,
        conn_info: &info.conn_info,
        chan_info: &info.chan_info,
    });
    Publication {
        data: Data::Bytes(&publication.data),
        offset: publication.offset,
        info,
        tags,
        delta: publication.delta,
        channel: &publication.channel,
        epoch: epoch::read(&publication.epoch),
        version: publication.version,
    }
}

#[test]
fn whatever_is_said_is_as_prost_has_it() {
    for seed in 0..2_000 {
        let mut any = Any(Prng::new(seed, "twin"));
        let (id, channel, one) = (any.small(), any.text(), any.publication());
        let its = tags(&one);
        let push = message::Push { channel: channel.clone(), publication: Some(one.clone()), ..Default::default() };
        let want = message::Reply { push: Some(push), ..reply(0) };
        same(&want, |out| push_publication(out, &channel, &ours(&one, &its)));
        if let Ok(text) = core::str::from_utf8(&one.data) {
            let as_text = Publication { data: Data::Text(text), ..ours(&one, &its) };
            same(&want, |out| push_publication(out, &channel, &as_text));
        }
        let publications: Vec<_> = (0..any.0.below(4)).map(|_| any.publication()).collect();
        let (epoch, offset, data) = (any.text(), any.number(), any.bytes());
        let theirs: Vec<_> = publications.iter().map(tags).collect();
        let borrowed: Vec<_> = publications.iter().zip(&theirs).map(|(one, tags)| ours(one, tags)).collect();
        let history = message::HistoryResult { publications: publications.clone(), epoch: epoch.clone(), offset };
        let result = HistoryResult { epoch: &epoch, offset };
        let want = message::Reply { history: Some(history), ..reply(id) };
        same(&want, |out| reply_history(out, id, &result, &borrowed));
        let wire = message::SubscribeResult {
            expires: any.flag(),
            ttl: any.small(),
            recoverable: any.flag(),
            epoch: epoch.clone(),
            publications: publications.clone(),
            recovered: any.flag(),
            offset,
            positioned: any.flag(),
            data: data.clone(),
            was_recovering: any.flag(),
            delta: any.flag(),
        };
        let result = SubscribeResult {
            expires: wire.expires,
            ttl_s: wire.ttl,
            recoverable: wire.recoverable,
            epoch: &epoch,
            recovered: wire.recovered,
            offset,
            positioned: wire.positioned,
            data: &data,
            was_recovering: wire.was_recovering,
            delta: wire.delta,
        };
        let want = message::Reply { subscribe: Some(wire), ..reply(id) };
        same(&want, |out| reply_subscribe(out, id, &result, &borrowed));
        connects_as_prost(&mut any, id, &epoch, &data);
    }
}

fn connects_as_prost(any: &mut Any, id: u32, client: &str, data: &[u8]) {
    let wire = message::ConnectResult {
        client: client.into(),
        version: any.text(),
        expires: any.flag(),
        ttl: any.small(),
        data: data.into(),
        subs: BTreeMap::new(),
        ping: any.small(),
        pong: any.flag(),
        session: any.text(),
        node: any.text(),
    };
    let version = wire.version.clone();
    let result = ConnectResult {
        client,
        version: &version,
        expires: wire.expires,
        ttl_s: wire.ttl,
        data,
        subs: &[],
        ping_s: wire.ping,
        pong: wire.pong,
        session: &wire.session.clone(),
        node: &wire.node.clone(),
    };
    same(&message::Reply { connect: Some(wire), ..reply(id) }, |out| reply_connect(out, id, &result));
}

#[test]
fn what_the_server_subscribes_to_is_as_prost_has_it() {
    let missed = [Publication {
        data: Data::Bytes(b"1"),
        offset: 4,
        info: None,
        tags: &[],
        delta: false,
        channel: "",
        epoch: None,
        version: 0,
    }];
    let plain = SubscribeResult { recoverable: true, recovered: true, offset: 3, ..SubscribeResult::default() };
    let subs = [
        ServerSub { channel: "#ann", result: SubscribeResult::default(), recovered: &[] },
        ServerSub { channel: "news", result: plain, recovered: &missed },
    ];
    let result = ConnectResult { client: "id", subs: &subs, ..ConnectResult::default() };
    let publications = alloc::vec![message::Publication { data: b"1".into(), offset: 4, ..Default::default() }];
    let news =
        message::SubscribeResult { recoverable: true, recovered: true, offset: 3, publications, ..Default::default() };
    let wire = [("#ann".to_string(), message::SubscribeResult::default()), ("news".to_string(), news)].into();
    let connect = Some(message::ConnectResult { client: "id".into(), subs: wire, ..Default::default() });
    // prost leaves an empty message out of a map's entry, which says the same.
    let read = message::Reply::decode_length_delimited(&*written(|out| reply_connect(out, 1, &result)));
    assert_eq!(read, Ok(message::Reply { connect, ..reply(1) }));

    let push = |push| message::Reply { push: Some(push), ..reply(0) };
    let result = SubscribeResult { positioned: true, epoch: "e", offset: 7, data: b"{}", ..SubscribeResult::default() };
    let subscribe =
        message::Subscribed { recoverable: false, epoch: "e".into(), offset: 7, positioned: true, data: b"{}".into() };
    let want = message::Push { channel: "a".into(), subscribe: Some(subscribe), ..message::Push::default() };
    same(&push(want), |out| push_subscribe(out, "a", &result));
    let refresh = Some(message::SubRefreshResult { expires: true, ttl: 60 });
    let want = message::Push { refresh, ..message::Push::default() };
    same(&push(want), |out| push_refresh(out, &RefreshResult { expires: true, ttl_s: 60 }));
}
