//! The table of the API's methods. A new one is a variant here and a file beside.
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::DataPlane;
use crate::router::App;

use super::channels::Channels;
use super::error::ApiError;
use super::history::{History, HistoryRemove};
use super::info::Info;
use super::order::Disconnect;
use super::presence::{Presence, PresenceStats};
use super::publish::{Broadcast, Publish};

/// What a method answers.
pub(crate) type Reply = Result<Box<RawValue>, ApiError>;

/// A method's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Method {
    Broadcast,
    Channels,
    Disconnect,
    History,
    HistoryRemove,
    Info,
    Presence,
    PresenceStats,
    Publish,
}

/// A method with its parameters, decoded but not validated.
#[derive(Debug)]
pub(crate) enum Call {
    Broadcast(Broadcast),
    Channels(Channels),
    Disconnect(Disconnect),
    History(History),
    HistoryRemove(HistoryRemove),
    Info(Info),
    Presence(Presence),
    PresenceStats(PresenceStats),
    Publish(Publish),
}

impl Method {
    /// The method of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "broadcast" => Some(Self::Broadcast),
            "channels" => Some(Self::Channels),
            "disconnect" => Some(Self::Disconnect),
            "history" => Some(Self::History),
            "history_remove" => Some(Self::HistoryRemove),
            "info" => Some(Self::Info),
            "presence" => Some(Self::Presence),
            "presence_stats" => Some(Self::PresenceStats),
            "publish" => Some(Self::Publish),
            _ => None,
        }
    }
}

impl Call {
    /// Decodes a method's parameters. `null` is what no parameters are.
    pub(crate) fn parse(method: Method, params: &RawValue) -> serde_json::Result<Self> {
        let params = if params.get() == "null" { "{}" } else { params.get() };
        Ok(match method {
            Method::Broadcast => Self::Broadcast(serde_json::from_str(params)?),
            Method::Channels => Self::Channels(serde_json::from_str(params)?),
            Method::Disconnect => Self::Disconnect(serde_json::from_str(params)?),
            Method::History => Self::History(serde_json::from_str(params)?),
            Method::HistoryRemove => Self::HistoryRemove(serde_json::from_str(params)?),
            Method::Info => Self::Info(serde_json::from_str(params)?),
            Method::Presence => Self::Presence(serde_json::from_str(params)?),
            Method::PresenceStats => Self::PresenceStats(serde_json::from_str(params)?),
            Method::Publish => Self::Publish(serde_json::from_str(params)?),
        })
    }

    /// Validates and runs it.
    pub(crate) async fn run(self, app: &App<impl DataPlane>) -> Reply {
        match self {
            Self::Broadcast(params) => params.run(&app.plane).await.and_then(|result| raw(&result)),
            Self::Channels(params) => params.run(&app.plane).await.and_then(|result| raw(&result)),
            Self::Disconnect(params) => params.run(&app.plane).await.and_then(|result| raw(&result)),
            Self::History(params) => params.run(&app.plane).await.and_then(|result| raw(&result)),
            Self::HistoryRemove(params) => params.run(&app.plane).await.and_then(|result| raw(&result)),
            Self::Info(params) => raw(&params.run(app).await),
            Self::Presence(params) => params.run(&app.plane).await.and_then(|result| raw(&result)),
            Self::PresenceStats(params) => params.run(&app.plane).await.and_then(|result| raw(&result)),
            Self::Publish(params) => params.run(&app.plane).await.and_then(|result| raw(&result)),
        }
    }
}

fn raw(result: &impl Serialize) -> Reply {
    to_raw_value(result).map_err(|_| ApiError::INTERNAL)
}
