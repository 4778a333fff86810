//! What Centrifugo v6's client protocol says, whatever the encoding: codes, requests, results.
//!
//! In this dialect a subject is called *channel*.
mod code;
mod request;
mod result;

pub use code::{Disconnect, ErrorCode, UnsubscribeCode};
pub use request::{
    Command, Connect, History, Presence, PresenceStats, Publish, Refresh, Request, Rpc, Send, Since, SubRefresh,
    Subscribe, Unsubscribe, Uplink,
};
pub use result::{
    ClientInfo, ConnectResult, Data, HistoryResult, PresenceStatsResult, Publication, RefreshResult, ServerSub,
    SubscribeResult,
};
