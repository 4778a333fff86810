//! How a run is shown: a progress bar, a table, a plot.
mod bar;
pub(crate) mod plot;
pub(crate) mod published;
pub(crate) mod table;

pub(crate) use bar::Bar;

/// Prints to standard output. Whoever reads it may have seen enough and gone away (`ringcast bench … | head`): that is no error.
pub(crate) fn say(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
