//! Other settings while the server runs, on SIGHUP: all of them, or none if one is wrong. The shards get theirs as a message; no
//! connection is disturbed.
use std::sync::Arc;

use auth::KeySets;
use control::{ApiAccess, ApiRules};
use shard::Command;
use tokio::sync::mpsc::UnboundedSender;

use crate::desk::TRIES;
use crate::plane::Plane;
use crate::settings::{Api, LogLevel, Settings};
use crate::shard_config::shard_config;

/// Published keys of tokens, and where to ask for more.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) sets: Arc<KeySets>,
    pub(crate) wanted: UnboundedSender<String>,
}

/// Everybody who has to hear of other settings.
#[derive(Clone, Debug)]
pub(crate) struct Listeners {
    pub(crate) plane: Plane,
    pub(crate) access: ApiAccess,
    pub(crate) published: Published,
}

/// The API's part of the settings.
pub(crate) fn rules(api: &Api) -> ApiRules {
    ApiRules { keys: api.keys.clone(), open: api.open, errors_as_status: api.errors_as_status }
}

impl Listeners {
    /// Reads the settings again; the ones that hold from now on. Shards that are so far behind that they could not be told go by the
    /// old ones, and are named. `started` are those that the server began with, which some keys keep to.
    pub(crate) async fn reload(&self, old: &Arc<Settings>, started: &Settings) -> Arc<Settings> {
        let new = match old.read_again() {
            Ok(new) => Arc::new(new),
            Err(error) => {
                eprintln!("ringcast: the settings stay as they are: {error}");
                return Arc::clone(old);
            }
        };
        let verifiers = new.tokens.verifiers(&self.published.sets);
        for endpoint in verifiers.endpoints() {
            // Whoever fetches lives as long as the server.
            let _ = self.published.wanted.send(endpoint);
        }
        // First of all: a key that was taken away must not be good for as long as a shard is behind.
        self.access.change(rules(&new.api));
        self.plane.configure(&new);
        let shards = self.plane.desk.shards();
        let configure = |id| {
            Command::Configure(Box::new(shard_config(
                &new,
                id,
                shards,
                0,
                self.plane.key,
                &verifiers,
                &self.plane.bans,
            )))
        };
        let behind = self.plane.desk.tell_all(TRIES, configure).await;
        for shard in &behind {
            let id = shard.0;
            eprintln!("ringcast: shard {id} is behind and goes by the old settings: send SIGHUP again");
        }
        if new.log_level >= LogLevel::Warn {
            new.warnings.iter().for_each(|warning| eprintln!("ringcast: warning: {warning}"));
            let fixed = started.fixed_changes(&new);
            fixed.iter().for_each(|key| eprintln!("ringcast: warning: {key} takes effect at the next start"));
        }
        if behind.is_empty() && new.log_level >= LogLevel::Info {
            eprintln!("the settings were read again");
        }
        new
    }
}
