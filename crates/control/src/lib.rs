//! `control`: everything that is rare, or that a well-kept library already does: HTTP API, page, metrics, health.
//!
//! Owns: the connections that shards hand over ([`Handed`]), and the answers to what comes on them.
//! Never touches: shards. It talks to them through [`DataPlane`], in messages; `server` implements it.
//! Driven by: [`serve()`], a future on a tokio runtime whose threads share one file table.
//!
//! A connection that was handed over never goes back. If a request for the data plane arrives on it all the same (a
//! browser keeps connections alive and reuses them), it is passed on over loopback, streaming.
#![forbid(unsafe_code)]

mod access;
mod answer;
mod api;
mod app;
mod ban;
mod body;
mod clock;
mod connection;
mod half_close;
mod health;
mod history;
pub mod metric;
mod metrics;
mod order;
mod page;
mod plane;
mod presence;
mod process;
mod proxy;
mod router;
mod serve;
mod settings;
mod subjects;

pub use access::{ApiAccess, ApiRules};
pub use ban::{Ban, BanError};
pub use history::{History, HistoryError, HistoryWanted, Kept};
pub use order::{Changes, Order, OrderError, Subscription, Whom};
pub use plane::{Accepted, DataPlane, Extra, PayloadKind, Publish, PublishError, State};
pub use presence::{Headcount, PresenceError, Present};
pub use serve::{Handed, serve};
pub use settings::{ControlSettings, Paths};
pub use subjects::{Subjects, SubjectsError};

/// The version in metrics and on the page.
const VERSION: &str = env!("CARGO_PKG_VERSION");
