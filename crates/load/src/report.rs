//! How a run is shown: a progress bar, a table, a plot.
mod bar;
pub(crate) mod plot;
pub(crate) mod published;
pub(crate) mod table;

pub(crate) use bar::Bar;
