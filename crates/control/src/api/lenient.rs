//! What a parameter may be besides itself: `null` is as good as not there, since clients written in dynamic languages send all that they have
//! no value for. Centrifugo reads it so too.
use serde::{Deserialize, Deserializer};

/// For `#[serde(default, deserialize_with = "…")]`: `null` is the default.
pub(crate) fn or_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// For the same of what is to be published, an `Option`: there `null` is a value, and only what is missing is none.
pub(crate) fn even_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}
