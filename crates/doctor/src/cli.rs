//! `ringcast doctor`: the arguments, and the run.
use std::fmt;
use std::path::PathBuf;

use crate::capacity::{self, Capacity};
use crate::check;
use crate::cost;
use crate::facts::Facts;
use crate::host::Host;
use crate::report::Report;

/// Check this host: which limit bites first, and the line to type.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Judge the host for so many connections: 12000000, 500k, 12M [default: what its memory holds]
    #[arg(long, value_name = "CONNECTIONS", value_parser = connections)]
    pub target: Option<u64>,
    /// Shards the server will run [default: one per processor]
    #[arg(long, value_name = "COUNT")]
    pub shards: Option<u64>,
    /// Look at the limits of a running process, not at this shell's
    #[arg(long)]
    pub pid: Option<u32>,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Read /proc and /sys below this directory
    #[arg(long, value_name = "DIRECTORY", default_value = "/", hide = true)]
    pub root: PathBuf,
}

/// There is nothing to judge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DoctorError {
    /// `/proc` can't be read below the root.
    NoProc(PathBuf),
    /// No such process, or not ours to look at.
    NoProcess(u32),
}

impl fmt::Display for DoctorError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProc(root) => {
                write!(out, "no /proc below {}: mount it with mount -t proc proc /proc", root.display())
            }
            Self::NoProcess(pid) => write!(out, "can't read /proc/{pid}/limits: is {pid} running? try sudo"),
        }
    }
}

impl std::error::Error for DoctorError {}

/// Looks at the host, and prints nothing: the report has a [`fmt::Display`], [`Report::to_json`] and [`Report::exit_code`].
///
/// # Errors
/// If there is no `/proc`, or not the process that was asked for.
pub fn run(args: &Args) -> Result<Report, DoctorError> {
    let host = Host::new(&args.root, args.pid);
    if host.sysctl("kernel.osrelease").is_none() {
        return Err(DoctorError::NoProc(args.root.clone()));
    }
    if let Some(pid) = args.pid.filter(|_| host.process("limits").is_none()) {
        return Err(DoctorError::NoProcess(pid));
    }
    let ring = host.is_here().then(ring::probe);
    Ok(examine(&Facts::read(&host, args.shards, ring), args.target))
}

/// Judges facts for a target, or for what the memory holds.
#[must_use]
pub fn examine(facts: &Facts, target: Option<u64>) -> Report {
    let capacity = Capacity::of(facts);
    let by_memory = capacity.by_memory().unwrap_or(cost::CONNECTIONS_MIN);
    let goal = check::Goal { connections: target.unwrap_or(by_memory), is_given: target.is_some() };
    Report {
        kernel: facts.release.clone(),
        processors: facts.processors,
        shards: facts.shards,
        target: goal.connections,
        is_target_given: goal.is_given,
        findings: check::all(facts, &capacity, goal),
        connection_bytes: capacity::connection_bytes(facts),
        capacity,
    }
}

/// `12M`, `500k`, `12_000_000`.
fn connections(text: &str) -> Result<u64, String> {
    let plain: String = text.chars().filter(|digit| !matches!(digit, '_' | ',')).collect();
    let (digits, unit) = match plain.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => match plain.strip_suffix(['m', 'M']) {
            Some(digits) => (digits, 1_000_000),
            None => (plain.as_str(), 1),
        },
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(unit))
        // So that no arithmetic on it can overflow, and a typing error is seen.
        .filter(|count| (1..=1_000_000_000).contains(count))
        .ok_or_else(|| format!("{text:?} is no number of connections: write 250000, 500k or 12M"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for (text, count) in
            [("12M", 12_000_000), ("500k", 500_000), ("1_000", 1_000), ("12,000,000", 12_000_000), ("7", 7)]
        {
            assert_eq!(connections(text), Ok(count), "{text}");
        }
        for text in ["", "M", "12G", "-1", "0", "1.5M", "99999999999999999999M", "18446744073709551615k"] {
            assert!(connections(text).is_err(), "{text}");
        }
    }
}
