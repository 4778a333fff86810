//! How many clients may come, and how often they may say what.
mod gate;
mod meter;
mod overrides;
mod rates;
mod roster;

pub use gate::Gate;
pub use meter::{BUCKETS_MAX, BUCKETS_MIN, EMISSION_MIN, INTERVAL_MAX, Meter, Rate};
pub use overrides::Overrides;
pub use rates::{BUCKETS_OF_COMMAND_MAX, Layer, Metered, Rates, Whose};
pub use roster::{Roster, TimeOfDay};
