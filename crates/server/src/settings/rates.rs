//! `client.rate_limit`: which command has which buckets.
use std::sync::Arc;
use std::time::Duration;

use shard::{BUCKETS_OF_COMMAND_MAX, Layer, Meter, Metered, Overrides, Rate, Rates, Whose};

use super::SettingsError;
use super::reading::Section;
use super::values::Values;

/// Puts the limits together; without any there is no table of buckets.
pub(super) fn build(values: &Values, namespaces: &[Section]) -> Result<Rates, SettingsError> {
    let [client, user] = Whose::ALL;
    let layers = [layer(values, namespaces, client)?, layer(values, namespaces, user)?];
    if layers.iter().all(|layer| *layer == Layer::default()) {
        return Ok(Rates::default());
    }
    let meter = Meter::new(values.number("limits.rate_buckets"));
    Ok(Rates { layers: Some(Arc::new(layers)), meter: Some(Arc::new(meter)) })
}

fn layer(values: &Values, namespaces: &[Section], whose: Whose) -> Result<Layer, SettingsError> {
    let section = format!("client.rate_limit.{}", whose.name());
    if !values.flag(&format!("{section}.enabled")) {
        return Ok(Layer::default());
    }
    let of = |command: &str, default: &[Rate]| -> Result<Vec<Rate>, SettingsError> {
        if !values.flag(&format!("{section}.{command}.enabled")) {
            return Ok(default.to_vec());
        }
        let key = format!("{section}.{command}.buckets");
        let rates = rates(values, &key, values.buckets(&key))?;
        // Enabled without saying how: by default. What is limited by nothing is not limited, and whoever enables it means otherwise.
        let rates = if rates.is_empty() { default.to_vec() } else { rates };
        if rates.is_empty() {
            return Err(values.malformed(&key, "it is enabled and has no buckets, and there are none by default"));
        }
        Ok(rates)
    };
    let default = of("default", &[])?;
    let mut layer = Layer { total: of("total", &[])?, ..Layer::default() };
    for (command, buckets) in Metered::ALL.into_iter().zip(&mut layer.buckets) {
        // A connection connects once.
        if (whose, command) != (Whose::Client, Metered::Connect) {
            *buckets = of(command.name(), &default)?;
        }
    }
    for (command, own) in Metered::ALL.into_iter().zip(&mut layer.overrides) {
        let key = match command {
            Metered::Connect | Metered::Refresh => continue,
            Metered::Rpc => format!("{section}.rpc.method_overrides"),
            Metered::Subscribe
            | Metered::Unsubscribe
            | Metered::Publish
            | Metered::History
            | Metered::Presence
            | Metered::PresenceStats
            | Metered::SubRefresh => format!("{section}.{}.namespace_overrides", command.name()),
        };
        *own = overrides(values, &key, (command != Metered::Rpc).then_some(namespaces), &default)?;
    }
    Ok(layer)
}

/// Buckets by name; with namespaces, the name is one of theirs.
fn overrides(
    values: &Values,
    key: &str,
    namespaces: Option<&[Section]>,
    default: &[Rate],
) -> Result<Overrides, SettingsError> {
    let mut all = Vec::new();
    for one in values.overrides(key) {
        let is_known = |all: &[Section]| all.iter().any(|section| section.values.text("name") == one.name);
        if !namespaces.is_none_or(is_known) {
            return Err(values.malformed(key, format!("there is no namespace '{}' in channel.namespaces", one.name)));
        }
        let own = rates(values, key, one.buckets)?;
        if one.enabled {
            all.push((one.name.into(), if own.is_empty() { default.to_vec() } else { own }));
        }
    }
    Ok(Overrides::new(all))
}

fn rates(values: &Values, key: &str, buckets: Vec<(Duration, u64)>) -> Result<Vec<Rate>, SettingsError> {
    if buckets.len() > BUCKETS_OF_COMMAND_MAX {
        return Err(values.malformed(key, format!("at most {BUCKETS_OF_COMMAND_MAX} buckets")));
    }
    Ok(buckets.into_iter().map(|(interval, count)| Rate::new(interval, count)).collect())
}
