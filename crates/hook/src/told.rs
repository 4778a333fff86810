//! What a back end answers about Centrifugo clients: the JSON of the event proxies (protocol page, section 6).
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Longest idempotency key, and longest epoch of versions, in bytes: shards remember them.
pub const KEY_BYTES_MAX: usize = 255;

/// What a back end says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// This; all of it empty if it said nothing.
    Result(Box<Granted>),
    /// Something for the client instead.
    Refused(Said),
    /// Nothing of use, or not in time.
    Failed,
}

/// What a back end says to the client instead of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// An error.
    Error {
        /// Its code.
        code: u32,
        /// Its message.
        message: String,
        /// Whether the client may try again.
        temporary: bool,
    },
    /// The client's connection is to end.
    Disconnect {
        /// The code.
        code: u16,
        /// Why.
        reason: String,
    },
}

/// What a back end grants.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Granted {
    /// Whether it granted anything: a `connect` without a result lets nobody in.
    pub is_there: bool,
    /// The time of what was asked about is over.
    pub expired: bool,
    /// The user.
    pub user: String,
    /// For how long; zero: it is over already.
    pub left: Option<Duration>,
    /// JSON text that others are told; empty without any.
    pub info: Vec<u8>,
    /// JSON text that later questions have; empty without any.
    pub meta: Vec<u8>,
    /// What the client is told, or what is published instead; `None`: nothing is said.
    pub data: Option<Vec<u8>>,
    /// What is otherwise than the namespace says, as in [`GrantedSub::changes`].
    pub changes: [Option<bool>; 5],
    /// Channels that the client is subscribed to.
    pub channels: Vec<GrantedSub>,
    /// What a publication is about.
    pub tags: BTreeMap<String, String>,
    /// Whether it is kept out of the history.
    pub skip_history: bool,
    /// Whether it may be told as a delta.
    pub delta: bool,
    /// Under which key it is published once.
    pub idempotency_key: String,
    /// Which state it is.
    pub version: u64,
    /// Of which row of states.
    pub version_epoch: String,
}

/// A channel that a back end subscribes the client to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct GrantedSub {
    /// The channel.
    pub channel: String,
    /// JSON text that others are told.
    pub info: Vec<u8>,
    /// What the client is told.
    pub data: Vec<u8>,
    /// What is otherwise than the namespace says, in the order `presence`, `join_leave`, `force_push_join_leave`, `force_positioning`,
    /// `force_recovery`.
    pub changes: [Option<bool>; 5],
}

/// As the back end writes it. What is `null` is as if it was not there.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    result: Option<Result<'a>>,
    error: Option<ErrorBody>,
    disconnect: Option<DisconnectBody>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    #[serde(deserialize_with = "even_null")]
    code: u32,
    #[serde(deserialize_with = "even_null")]
    message: String,
    #[serde(deserialize_with = "even_null")]
    temporary: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DisconnectBody {
    #[serde(deserialize_with = "even_null")]
    code: u32,
    #[serde(deserialize_with = "even_null")]
    reason: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Result<'a> {
    #[serde(deserialize_with = "even_null")]
    user: String,
    #[serde(deserialize_with = "even_null")]
    expired: bool,
    #[serde(deserialize_with = "even_null")]
    expire_at: i64,
    #[serde(borrow)]
    info: Option<&'a RawValue>,
    b64info: Option<String>,
    data: Option<&'a RawValue>,
    b64data: Option<String>,
    meta: Option<&'a RawValue>,
    #[serde(deserialize_with = "even_null")]
    channels: Vec<String>,
    #[serde(deserialize_with = "even_null")]
    subs: BTreeMap<String, Option<Sub<'a>>>,
    #[serde(deserialize_with = "even_null")]
    tags: BTreeMap<String, String>,
    #[serde(deserialize_with = "even_null")]
    skip_history: bool,
    #[serde(deserialize_with = "even_null")]
    delta: bool,
    #[serde(deserialize_with = "even_null")]
    idempotency_key: String,
    #[serde(deserialize_with = "even_null")]
    version: u64,
    #[serde(deserialize_with = "even_null")]
    version_epoch: String,
    #[serde(rename = "override")]
    changes: Option<Changes>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Sub<'a> {
    #[serde(borrow)]
    info: Option<&'a RawValue>,
    b64info: Option<String>,
    data: Option<&'a RawValue>,
    b64data: Option<String>,
    #[serde(rename = "override")]
    changes: Option<Changes>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Changes {
    presence: Option<Flag>,
    join_leave: Option<Flag>,
    force_push_join_leave: Option<Flag>,
    force_positioning: Option<Flag>,
    force_recovery: Option<Flag>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Flag {
    value: bool,
}

fn even_null<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> std::result::Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

impl Changes {
    fn flags(self) -> [Option<bool>; 5] {
        let Self { presence, join_leave, force_push_join_leave, force_positioning, force_recovery } = self;
        let flags = [presence, join_leave, force_push_join_leave, force_positioning, force_recovery];
        flags.map(|flag| flag.map(|flag| flag.value))
    }
}

fn bytes(json: Option<&RawValue>) -> Option<&[u8]> {
    json.map(|text| text.get().as_bytes())
}

/// What is said as JSON, or as bytes in base64, which wins. `null` is nothing.
pub(crate) fn said(json: Option<&[u8]>, base64: Option<&str>) -> Option<Option<Vec<u8>>> {
    match base64.filter(|text| !text.is_empty()) {
        Some(base64) => STANDARD.decode(base64).ok().map(Some),
        None => Some(json.filter(|text| *text != b"null").map(<[u8]>::to_vec)),
    }
}

/// The same for what is told beside other things, within their JSON: what is none is left out, as tokens' is.
pub(crate) fn info(json: Option<&[u8]>, base64: Option<&str>) -> Option<Vec<u8>> {
    let bytes = said(json, base64)?.unwrap_or_default();
    Some(if serde_json::from_slice::<&RawValue>(&bytes).is_ok() { bytes } else { Vec::new() })
}

impl Told {
    /// Reads the answer; `now_s` is the time of day.
    pub(crate) fn read(body: &[u8], now_s: i64) -> Self {
        Self::try_read(body, now_s).unwrap_or(Self::Failed)
    }

    fn try_read(body: &[u8], now_s: i64) -> Option<Self> {
        let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
        if let Some(DisconnectBody { code, reason }) = answer.disconnect {
            let code = u16::try_from(code).ok()?;
            return Some(Self::Refused(Said::Disconnect { code, reason }));
        }
        if let Some(ErrorBody { code, message, temporary }) = answer.error {
            return Some(Self::Refused(Said::Error { code, message, temporary }));
        }
        let is_there = answer.result.is_some();
        let result = answer.result.unwrap_or_default();
        let granted = Granted {
            is_there,
            expired: result.expired,
            left: left(result.expire_at, now_s),
            info: info(bytes(result.info), result.b64info.as_deref())?,
            meta: said(bytes(result.meta), None)?.unwrap_or_default(),
            data: said(bytes(result.data), result.b64data.as_deref())?,
            changes: result.changes.unwrap_or_default().flags(),
            channels: channels(result.channels, result.subs)?,
            user: result.user,
            tags: result.tags,
            skip_history: result.skip_history,
            delta: result.delta,
            idempotency_key: result.idempotency_key,
            version: result.version,
            version_epoch: result.version_epoch,
        };
        granted.bounded().map(|granted| Self::Result(Box::new(granted)))
    }
}

impl Granted {
    /// Itself, unless what shards are to remember is too long.
    pub(crate) fn bounded(self) -> Option<Self> {
        let are_bounded = self.idempotency_key.len() <= KEY_BYTES_MAX && self.version_epoch.len() <= KEY_BYTES_MAX;
        are_bounded.then_some(self)
    }
}

/// How long until then; nothing for what never ends.
pub(crate) fn left(expire_at: i64, now_s: i64) -> Option<Duration> {
    (expire_at > 0).then(|| Duration::from_secs(u64::try_from(expire_at.saturating_sub(now_s)).unwrap_or(0)))
}

/// The channels of an answer in JSON.
fn channels(named: Vec<String>, subs: BTreeMap<String, Option<Sub<'_>>>) -> Option<Vec<GrantedSub>> {
    let sub = |(channel, sub): (String, Option<Sub<'_>>)| {
        let sub = sub.unwrap_or_default();
        Some(GrantedSub {
            channel,
            info: info(bytes(sub.info), sub.b64info.as_deref())?,
            data: said(bytes(sub.data), sub.b64data.as_deref())?.unwrap_or_default(),
            changes: sub.changes.unwrap_or_default().flags(),
        })
    };
    Some(merged(named, subs.into_iter().map(sub).collect::<Option<_>>()?))
}

/// Each channel once; what is said of one goes before its being named only.
pub(crate) fn merged(named: Vec<String>, subs: Vec<GrantedSub>) -> Vec<GrantedSub> {
    let mut seen: BTreeSet<_> = subs.iter().map(|sub| sub.channel.clone()).collect();
    let named = named.into_iter().filter(|channel| seen.insert(channel.clone())).collect::<Vec<_>>();
    let named = named.into_iter().map(|channel| GrantedSub { channel, ..GrantedSub::default() });
    named.chain(subs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(answer: &str, now_s: i64) -> Granted {
        match Told::read(answer.as_bytes(), now_s) {
            Told::Result(granted) => *granted,
            other @ (Told::Refused(_) | Told::Failed) => panic!("{answer}: {other:?}"),
        }
    }

    #[test]
    fn an_answer_is_read() {
        let answer = r#"{"result":{"user":"ann","expire_at":1010,"b64info":"e30=","data":{"x":[1, 2]},"meta":{"m": 1},"channels":["a","b","a"],
                      "subs":{"b":{"override":{"presence":{"value":true}}},"c":null},"caps":null}}"#;
        let told = granted(answer, 1_000);
        assert!(told.is_there && told.user == "ann" && told.left == Some(Duration::from_secs(10)));
        assert_eq!((&told.info[..], told.data.as_deref()), (&b"{}"[..], Some(&br#"{"x":[1, 2]}"#[..])));
        assert_eq!(told.meta, br#"{"m": 1}"#);
        let names: Vec<_> = told.channels.iter().map(|sub| sub.channel.as_str()).collect();
        assert_eq!((names, told.channels[1].changes[0]), (vec!["a", "b", "c"], Some(true)));
        assert_eq!(granted(r#"{"result":{"expire_at":5}}"#, 10).left, Some(Duration::ZERO));
    }

    #[test]
    fn what_is_null_is_not_there() {
        let nulls = r#"{"error":null,"disconnect":null,"result":{"user":null,"expired":null,"expire_at":null,"info":null,"b64info":null,"data":null,
                     "b64data":null,"meta":null,"channels":null,"subs":null,"tags":null,"skip_history":null,"delta":null,"idempotency_key":null,
                     "version":null,"version_epoch":null,"override":null}}"#;
        assert_eq!(granted(nulls, 0), Granted { is_there: true, ..Granted::default() });
        for nothing in ["{}", r#"{"result":null}"#] {
            assert_eq!(granted(nothing, 0), Granted::default());
        }
        assert_eq!(granted(r#"{"result":{"b64info":"////"}}"#, 0).info, b"", "it is no JSON");
    }

    #[test]
    fn a_back_end_says_something_else_instead() {
        let both = r#"{"error":{"code":1000},"disconnect":{"code":4500,"reason":"no"},"result":{}}"#;
        let disconnect = Said::Disconnect { code: 4_500, reason: "no".into() };
        assert_eq!(Told::read(both.as_bytes(), 0), Told::Refused(disconnect));
        let error = r#"{"error":{"code":1000,"message":"m","temporary":true},"result":{}}"#;
        let wanted = Said::Error { code: 1_000, message: "m".into(), temporary: true };
        assert_eq!(Told::read(error.as_bytes(), 0), Told::Refused(wanted));
    }

    #[test]
    fn what_is_no_answer_has_failed() {
        let long = format!(r#"{{"result":{{"idempotency_key":"{}"}}}}"#, "k".repeat(KEY_BYTES_MAX + 1));
        for bad in [
            "",
            "[]",
            r#"{"result":1}"#,
            r#"{"result":{"b64data":"*"}}"#,
            r#"{"result":{"user":7}}"#,
            r#"{"result":{}} x"#,
            r#"{"disconnect":{"code":70000}}"#,
            &long,
        ] {
            assert_eq!(Told::read(bad.as_bytes(), 0), Told::Failed, "{bad}");
        }
    }
}
