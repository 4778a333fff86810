//! `client.rate_limit`: which command has which buckets.
use std::sync::Arc;

use shard::{BUCKETS_OF_COMMAND_MAX, Layer, Meter, Metered, Rate, Rates, Whose};

use super::SettingsError;
use super::values::Values;

/// Puts the limits together; without any there is no table of buckets.
pub(super) fn build(values: &Values) -> Result<Rates, SettingsError> {
    let [client, user] = Whose::ALL;
    let layers = [layer(values, client)?, layer(values, user)?];
    if layers.iter().all(|layer| *layer == Layer::default()) {
        return Ok(Rates::default());
    }
    let meter = Meter::new(values.number("limits.rate_buckets"));
    Ok(Rates { layers: Some(Arc::new(layers)), meter: Some(Arc::new(meter)) })
}

fn layer(values: &Values, whose: Whose) -> Result<Layer, SettingsError> {
    let section = format!("client.rate_limit.{}", whose.name());
    if !values.flag(&format!("{section}.enabled")) {
        return Ok(Layer::default());
    }
    let of = |command: &str, default: &[Rate]| -> Result<Vec<Rate>, SettingsError> {
        if !values.flag(&format!("{section}.{command}.enabled")) {
            return Ok(default.to_vec());
        }
        let key = format!("{section}.{command}.buckets");
        let rates: Vec<_> =
            values.buckets(&key).into_iter().map(|(interval, count)| Rate::new(interval, count)).collect();
        if rates.len() > BUCKETS_OF_COMMAND_MAX {
            return Err(values.malformed(&key, format!("at most {BUCKETS_OF_COMMAND_MAX} buckets")));
        }
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
    Ok(layer)
}
