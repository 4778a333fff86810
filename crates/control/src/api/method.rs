//! The table of the API's methods. A new one is a row here and a file beside.
use base::Object;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::DataPlane;
use crate::app::App;

use super::absent::{Absent, Rpc};
use super::ban::{BlockUser, InvalidateUserTokens, RevokeToken, UnblockUser};
use super::batch::Batch;
use super::channels::Channels;
use super::error::ApiError;
use super::history::{History, HistoryRemove};
use super::info::Info;
use super::order::{Disconnect, Refresh};
use super::presence::{Presence, PresenceStats};
use super::publish::{Broadcast, Publish};
use super::subscribe::{Subscribe, Unsubscribe};

/// What a method answers.
pub(crate) type Reply = Result<Box<RawValue>, ApiError>;

macro_rules! methods {
    ($($variant:ident($params:ident) $name:literal;)*) => {
        /// A method of the API, but for `batch`, which is some of them.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Method {
            $($variant,)*
        }

        /// A method with its parameters, decoded but not validated.
        #[derive(Debug)]
        pub(crate) enum Single {
            $($variant(Box<$params>),)*
        }

        impl Method {
            /// Their names, in the order of the table.
            pub(crate) const ALL: &'static [(&'static str, Self)] = &[$(($name, Self::$variant),)*];
        }

        impl Single {
            /// Decodes a method's parameters. `null` is what no parameters are.
            pub(crate) fn parse(method: Method, params: &RawValue) -> serde_json::Result<Self> {
                Ok(match method {
                    $(Method::$variant => Self::$variant(read(params)?),)*
                })
            }

            /// Validates and runs it.
            pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Reply {
                match self {
                    $(Self::$variant(params) => params.run(app).await.and_then(|result| raw(&result)),)*
                }
            }
        }
    };
}

methods! {
    Publish(Publish) "publish";
    Broadcast(Broadcast) "broadcast";
    Subscribe(Subscribe) "subscribe";
    Unsubscribe(Unsubscribe) "unsubscribe";
    Disconnect(Disconnect) "disconnect";
    Presence(Presence) "presence";
    PresenceStats(PresenceStats) "presence_stats";
    History(History) "history";
    HistoryRemove(HistoryRemove) "history_remove";
    Info(Info) "info";
    Rpc(Rpc) "rpc";
    Refresh(Refresh) "refresh";
    Channels(Channels) "channels";
    MapClear(Absent) "map_clear";
    MapPublish(Absent) "map_publish";
    MapReadState(Absent) "map_read_state";
    MapReadStream(Absent) "map_read_stream";
    MapRemove(Absent) "map_remove";
    MapStats(Absent) "map_stats";
    SharedPollPublish(Absent) "shared_poll_publish";
    BlockUser(BlockUser) "block_user";
    UnblockUser(UnblockUser) "unblock_user";
    RevokeToken(RevokeToken) "revoke_token";
    InvalidateUserTokens(InvalidateUserTokens) "invalidate_user_tokens";
}

/// What a request asks for.
#[derive(Debug)]
pub(crate) enum Call {
    /// One method.
    Single(Single),
    /// Several.
    Batch(Batch),
}

impl Method {
    /// The method of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, method)| *method)
    }
}

impl Call {
    /// True if there is a method of that name.
    pub(crate) fn is_known(name: &str) -> bool {
        name == "batch" || Method::named(name).is_some()
    }

    /// Decodes what is asked for; `None`: there is no such method.
    pub(crate) fn parse(name: &str, params: &RawValue) -> serde_json::Result<Option<Self>> {
        if name == "batch" {
            return Batch::parse(&*read::<super::batch::Params<'_>>(params)?).map(|batch| Some(Self::Batch(batch)));
        }
        Method::named(name).map(|method| Single::parse(method, params).map(Self::Single)).transpose()
    }

    /// Validates and runs it.
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Reply {
        match self {
            Self::Single(single) => single.run(app).await,
            Self::Batch(batch) => batch.run(app).await.and_then(|replies| raw(&replies)),
        }
    }
}

fn read<'a, T: serde::Deserialize<'a>>(params: &'a RawValue) -> serde_json::Result<Box<T>> {
    let params = if params.get() == "null" { "{}" } else { params.get() };
    serde_json::from_str::<Object<Box<T>>>(params).map(|Object(params)| params)
}

fn raw(result: &impl Serialize) -> Reply {
    to_raw_value(result).map_err(|_| ApiError::INTERNAL)
}
