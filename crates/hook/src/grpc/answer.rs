//! What a message answers.
use hyper::body::Bytes;
use prost::Message;

use super::message::{Changes, ConnectResult, Flag, PublishResult, RefreshResult, Response, SubscribeResult};
use crate::told::{info, left, merged, said};
use crate::{About, Granted, GrantedSub, Said, Told};

/// Reads the answer to such a question; `now_s` is the time of day.
pub(crate) fn told(about: &About, message: Bytes, now_s: i64) -> Told {
    read(about, message, now_s).unwrap_or(Told::Failed)
}

fn read(about: &About, message: Bytes, now_s: i64) -> Option<Told> {
    let Response { result, error, disconnect } = Response::decode(message).ok()?;
    if let Some(disconnect) = disconnect {
        let code = u16::try_from(disconnect.code).ok()?;
        return Some(Told::Refused(Said::Disconnect { code, reason: disconnect.reason }));
    }
    if let Some(error) = error {
        return Some(Told::Refused(Said::Error {
            code: error.code,
            message: error.message,
            temporary: error.temporary,
        }));
    }
    let granted = match result {
        None => Granted::default(),
        Some(result) => match about {
            About::Connect { .. } => connect(ConnectResult::decode(result).ok()?, now_s)?,
            About::Refresh | About::SubRefresh { .. } => refresh(RefreshResult::decode(result).ok()?, now_s)?,
            About::Subscribe { .. } => subscribe(SubscribeResult::decode(result).ok()?, now_s)?,
            About::Publish { .. } | About::Rpc { .. } => publish(PublishResult::decode(result).ok()?)?,
        },
    };
    granted.bounded().map(|granted| Told::Result(Box::new(granted)))
}

/// Bytes without which nothing is said.
fn some(bytes: &[u8]) -> Option<&[u8]> {
    Some(bytes).filter(|bytes| !bytes.is_empty())
}

fn connect(result: ConnectResult, now_s: i64) -> Option<Granted> {
    let sub = |(channel, sub): (String, SubscribeResult)| {
        Some(GrantedSub {
            channel,
            info: info(some(&sub.info), Some(&sub.b64info))?,
            data: said(some(&sub.data), Some(&sub.b64data))?.unwrap_or_default(),
            changes: changes(sub.changes),
        })
    };
    Some(Granted {
        is_there: true,
        left: left(result.expire_at, now_s),
        info: info(some(&result.info), Some(&result.b64info))?,
        data: said(some(&result.data), Some(&result.b64data))?,
        channels: merged(result.channels, result.subs.into_iter().map(sub).collect::<Option<_>>()?),
        meta: info(some(&result.meta), None)?,
        user: result.user,
        ..Granted::default()
    })
}

fn refresh(result: RefreshResult, now_s: i64) -> Option<Granted> {
    Some(Granted {
        is_there: true,
        expired: result.expired,
        left: left(result.expire_at, now_s),
        info: info(some(&result.info), Some(&result.b64info))?,
        meta: info(some(&result.meta), None)?,
        ..Granted::default()
    })
}

fn subscribe(result: SubscribeResult, now_s: i64) -> Option<Granted> {
    Some(Granted {
        is_there: true,
        left: left(result.expire_at, now_s),
        info: info(some(&result.info), Some(&result.b64info))?,
        data: said(some(&result.data), Some(&result.b64data))?,
        changes: changes(result.changes),
        ..Granted::default()
    })
}

fn publish(result: PublishResult) -> Option<Granted> {
    Some(Granted {
        is_there: true,
        data: said(some(&result.data), Some(&result.b64data))?,
        tags: result.tags,
        skip_history: result.skip_history,
        delta: result.delta,
        idempotency_key: result.idempotency_key,
        version: result.version,
        version_epoch: result.version_epoch,
        ..Granted::default()
    })
}

/// In the order of [`GrantedSub::changes`].
fn changes(changes: Option<Changes>) -> [Option<bool>; 5] {
    let Changes { presence, join_leave, force_push_join_leave, force_positioning, force_recovery } =
        changes.unwrap_or_default();
    let flags = [presence, join_leave, force_push_join_leave, force_positioning, force_recovery];
    flags.map(|flag| flag.map(|Flag { value }| value))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::KEY_BYTES_MAX;
    use crate::grpc::message::{Disconnect, Error};

    fn connecting() -> About {
        About::Connect { name: String::new(), version: String::new(), channels: Vec::new() }
    }

    fn publishing() -> About {
        About::Publish { channel: "ch".into() }
    }

    fn response(result: &impl Message) -> Bytes {
        Response { result: Some(result.encode_to_vec().into()), error: None, disconnect: None }.encode_to_vec().into()
    }

    fn granted(about: &About, result: &impl Message) -> Granted {
        match told(about, response(result), 1_000) {
            Told::Result(granted) => *granted,
            other @ (Told::Refused(_) | Told::Failed) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_connect_is_granted() {
        let presence = Some(Changes { presence: Some(Flag { value: true }), ..Changes::default() });
        let recovery = Some(Changes { force_recovery: Some(Flag { value: false }), ..Changes::default() });
        let sub = |changes| SubscribeResult { changes, info: b"{}".to_vec(), ..SubscribeResult::default() };
        let told = granted(
            &connecting(),
            &ConnectResult {
                user: "ann".into(),
                expire_at: 1_010,
                info: b"not this".to_vec(),
                b64info: "e30=".into(),
                data: b"\xFF".to_vec(),
                channels: vec!["a".into(), "b".into(), "a".into()],
                subs: [("b".to_owned(), sub(presence)), ("c".to_owned(), sub(recovery))].into(),
                meta: b"{\"m\":1}".to_vec(),
                ..ConnectResult::default()
            },
        );
        assert!(told.is_there && told.user == "ann" && told.left == Some(Duration::from_secs(10)));
        assert_eq!(
            (&told.info[..], told.data.as_deref(), &told.meta[..]),
            (&b"{}"[..], Some(&b"\xFF"[..]), &b"{\"m\":1}"[..])
        );
        let names: Vec<_> = told.channels.iter().map(|sub| sub.channel.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(
            (told.channels[1].changes, &told.channels[1].info[..]),
            ([Some(true), None, None, None, None], &b"{}"[..])
        );
        assert_eq!(told.channels[2].changes, [None, None, None, None, Some(false)]);
    }

    #[test]
    fn the_other_results_are_read() {
        let refreshed = RefreshResult {
            expired: true,
            info: b"no JSON".to_vec(),
            meta: b"[]".to_vec(),
            ..RefreshResult::default()
        };
        let told = granted(&About::Refresh, &refreshed);
        assert!(told.expired && told.left.is_none() && told.info.is_empty() && told.meta == b"[]");
        let refreshed = RefreshResult { expire_at: 5, ..RefreshResult::default() };
        assert_eq!(granted(&About::SubRefresh { channel: "ch".into() }, &refreshed).left, Some(Duration::ZERO));
        let subscribed = SubscribeResult { expire_at: 1_001, b64data: "AQ==".into(), ..SubscribeResult::default() };
        let told = granted(&About::Subscribe { channel: "ch".into() }, &subscribed);
        assert_eq!((told.left, told.data), (Some(Duration::from_secs(1)), Some(vec![1])));
        let published = PublishResult {
            data: b"d".to_vec(),
            skip_history: true,
            tags: [("k".to_owned(), "v".to_owned())].into(),
            idempotency_key: "i".into(),
            delta: true,
            version: 7,
            version_epoch: "e".into(),
            ..PublishResult::default()
        };
        let told = granted(&publishing(), &published);
        assert_eq!((told.data.as_deref(), told.tags["k"].as_str(), told.version), (Some(&b"d"[..]), "v", 7));
        assert!(told.skip_history && told.delta && told.idempotency_key == "i" && told.version_epoch == "e");
        let told = granted(&About::Rpc { method: "m".into() }, &PublishResult::default());
        assert_eq!(told, Granted { is_there: true, ..Granted::default() });
    }

    #[test]
    fn nothing_and_refusals_are_answers_too() {
        assert_eq!(told(&connecting(), Bytes::new(), 0), Told::Result(Box::default()));
        let error = Some(Error { code: 1_000, message: "m".into(), temporary: true });
        let disconnect = Some(Disconnect { code: 4_500, reason: "no".into() });
        let all = Response { result: Some(Bytes::new()), error, disconnect };
        let said = |response: &Response| told(&connecting(), response.encode_to_vec().into(), 0);
        let wanted = Said::Disconnect { code: 4_500, reason: "no".into() };
        assert_eq!(said(&all), Told::Refused(wanted), "the end goes before the error");
        let wanted = Said::Error { code: 1_000, message: "m".into(), temporary: true };
        assert_eq!(said(&Response { disconnect: None, ..all }), Told::Refused(wanted));
    }

    #[test]
    fn what_is_no_answer_has_failed() {
        let key = PublishResult { idempotency_key: "k".repeat(KEY_BYTES_MAX + 1), ..PublishResult::default() };
        let base64 = PublishResult { b64data: "*".into(), ..PublishResult::default() };
        let disconnect = Some(Disconnect { code: 70_000, reason: String::new() });
        let code = Response { result: None, error: None, disconnect };
        let cut = response(&PublishResult { data: vec![1; 9], ..PublishResult::default() }).slice(..5);
        // A text that is no text, a length over all there is, a group that does not end, a varint without an end.
        let text = Bytes::from_static(b"\x12\x03\x12\x01\xFF");
        let long = Bytes::from_static(b"\x0A\xFF\xFF\xFF\xFF\x0F");
        let group = Bytes::from(vec![0x7B; 10_000]);
        let endless = Bytes::from_static(&[0xFF; 20]);
        for bad in [response(&key), response(&base64), code.encode_to_vec().into(), cut, text, long, group, endless] {
            assert_eq!(told(&publishing(), bad.clone(), 0), Told::Failed, "{bad:?}");
        }
    }
}
