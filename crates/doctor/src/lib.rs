//! Checks the host: which limit bites first, and the exact fix.
//!
//! Owns what is known about the limits of a Linux host that holds millions of connections: where each is read, what it has to be for
//! a number of connections, and the line to type. Reads `/proc` and `/sys` and opens one io_uring; changes nothing, ever.
//!
//! Four steps, one direction: [`host::Host`] reads files below a root directory, [`parse`] turns their text into numbers (pure),
//! [`facts::Facts`] is all of them at one moment, and each file of `check` judges a part of the facts into findings. The
//! [`capacity`] is the same facts as numbers of connections; [`report::Report`] is what a person or a program gets to read.
//!
//! Invariants: a check looks at facts only, so that a directory of files is a host for the tests; a finding that is not a pass has a
//! fix of one line; what can't be read is a warning, never a pass.
#![forbid(unsafe_code)]

pub mod capacity;
mod check;
pub mod cli;
pub mod cost;
pub mod facts;
pub mod host;
pub mod parse;
pub mod report;

pub use cli::{Args, run};
pub use report::Report;
