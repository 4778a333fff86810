//! Other settings while the server runs, on SIGHUP: all of them, or none if one is wrong. The shards get theirs as a message; no
//! connection is disturbed.
use std::sync::Arc;
use std::time::Duration;

use auth::KeySets;
use base::ShardId;
use control::{ApiAccess, ApiRules};
use shard::Command;
use tokio::sync::mpsc::UnboundedSender;

use crate::plane::Plane;
use crate::run::shard_config;
use crate::settings::{Api, LogLevel, Settings};

/// How long a shard that is behind with its commands is given to catch up, and how often it is tried.
const TRY_EVERY: Duration = Duration::from_millis(10);
const TRIES: u32 = 500;

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
    /// Reads the settings again; the ones that hold from now on.
    pub(crate) async fn reload(&self, old: &Arc<Settings>) -> Arc<Settings> {
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
        let shards = self.plane.desk.shards();
        for id in (0..shards).map(ShardId) {
            for _ in 0..TRIES {
                let config = shard_config(&new, id, shards, 0, self.plane.key, &verifiers);
                if self.plane.desk.tell(id, Command::Configure(Box::new(config))) {
                    break;
                }
                tokio::time::sleep(TRY_EVERY).await;
            }
        }
        self.access.change(rules(&new.api));
        self.plane.set_limits(&new.limits);
        if new.log_level >= LogLevel::Warn {
            new.warnings.iter().for_each(|warning| eprintln!("ringcast: warning: {warning}"));
            let fixed = old.fixed_changes(&new);
            fixed.iter().for_each(|key| eprintln!("ringcast: warning: {key} takes effect at the next start"));
        }
        if new.log_level >= LogLevel::Info {
            eprintln!("the settings were read again");
        }
        new
    }
}
