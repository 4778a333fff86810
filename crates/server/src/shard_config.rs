//! What a shard is told of the settings, at the start and when they are read anew.
use std::sync::Arc;

use base::{ShardId, SubjectKey};
use shard::{Admission, Blocks, ShardConfig};

use crate::bans::Bans;
use crate::settings::{Settings, Verifiers};
use crate::tokens::tokens;

/// What one of `shards` shards is told.
pub(crate) fn shard_config(
    settings: &Settings,
    shard: ShardId,
    shards: u16,
    seed: u64,
    key: SubjectKey,
    verifiers: &Verifiers,
    bans: &Arc<Bans>,
) -> ShardConfig {
    let blocks: Arc<dyn Blocks> = Arc::clone(bans) as _;
    let mut limits = settings.limits;
    limits.history_bytes /= usize::from(shards);
    ShardConfig {
        shard,
        shards,
        seed,
        key,
        dev: settings.dev,
        anonymous: settings.anonymous,
        endpoints: settings.endpoints.clone(),
        tokens: tokens(&settings.tokens, verifiers, bans),
        api_keys: settings.api.keys.clone(),
        admission: Admission { blocks: Some(blocks), ..settings.admission.clone() },
        namespaces: settings.namespaces.clone(),
        limits,
        heartbeat: settings.heartbeat,
        outbox: settings.outbox,
        compression: settings.compression,
        proxies: Arc::clone(&settings.proxies.shard),
        hooks: settings.hooks.iter().map(|hook| hook.shard.clone()).collect(),
    }
}
