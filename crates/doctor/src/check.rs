//! The checks: a file a part of the host, each a function from facts to findings.
mod files;
mod memory;
mod network;
mod ring;
mod tcp;

use crate::capacity::Capacity;
use crate::cost;
use crate::facts::Facts;
use crate::report::{Finding, Verdict};

/// What the host is judged for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    /// Connections it shall hold.
    pub(crate) connections: u64,
    /// Asked for: missing it is a failure. Else it is what the memory holds, and missing it is waste.
    pub(crate) is_given: bool,
}

impl Goal {
    /// How bad it is that something ends at `connections`.
    fn verdict(self, connections: u64) -> Verdict {
        if connections >= self.connections {
            Verdict::Pass
        } else if self.is_given || connections < cost::CONNECTIONS_MIN {
            Verdict::Fail
        } else {
            Verdict::Warn
        }
    }
}

/// All findings, the worst first, and of equals the one that bites first.
pub(crate) fn all(facts: &Facts, capacity: &Capacity, goal: Goal) -> Vec<Finding> {
    let mut findings = vec![ring::kernel(facts), ring::io_uring(facts), ring::locked_memory(facts)];
    findings.extend(files::all(facts, capacity, goal));
    findings.extend(memory::all(facts, capacity, goal));
    findings.extend(tcp::all(facts, capacity, goal));
    findings.extend(network::all(facts, capacity, goal));
    findings.sort_by_key(|finding| {
        // What fails without a number fails at the start; what warns without one costs speed, not connections.
        let unnumbered = if finding.verdict == Verdict::Fail { 0 } else { u64::MAX };
        (finding.verdict, finding.connections.unwrap_or(unnumbered))
    });
    findings
}
