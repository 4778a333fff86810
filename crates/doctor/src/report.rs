//! What a person or a program gets to read.
use std::fmt;

use serde::Serialize;

use crate::capacity::Capacity;
use crate::cost;

/// What a check found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The server can't start, or not hold the target.
    Fail,
    /// It works, at a price.
    Warn,
    /// Fine.
    Pass,
}

/// One check's result.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What was looked at, as it is called on the system.
    pub check: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// The value, with its unit.
    pub found: String,
    /// What it means for the server.
    pub why: String,
    /// One line to type; none for a pass.
    pub fix: Option<String>,
    /// Connections at which it bites; none if it does not decide over a number.
    pub connections: Option<u64>,
}

impl Finding {
    /// All is well.
    #[must_use]
    pub fn pass(check: &'static str, found: impl Into<String>, why: impl Into<String>) -> Self {
        let (found, why) = (found.into(), why.into());
        Self { check, verdict: Verdict::Pass, found, why, fix: None, connections: None }
    }

    /// Something is wrong; `fix` is the line to type.
    #[must_use]
    pub fn wrong(
        check: &'static str,
        verdict: Verdict,
        found: impl Into<String>,
        why: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let fix = Some(fix.into());
        Self { check, verdict, found: found.into(), why: why.into(), fix, connections: None }
    }

    /// A file that should be there can't be read.
    #[must_use]
    pub fn unreadable(check: &'static str, path: &str) -> Self {
        let why = "it can't be judged; in a container /proc or /sys may be hidden";
        Self::wrong(check, Verdict::Warn, "not readable", why, format!("cat {path}"))
    }

    /// At how many connections it bites.
    #[must_use]
    pub fn at(mut self, connections: Option<u64>) -> Self {
        self.connections = connections;
        self
    }
}

/// The doctor's report on a host.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The kernel's release.
    pub kernel: String,
    /// Processors that the process may use.
    pub processors: u64,
    /// Shards that the report is for.
    pub shards: u64,
    /// Connections that the host is judged for.
    pub target: u64,
    /// The target was asked for, not reckoned from the memory.
    pub is_target_given: bool,
    /// The worst first, and of equals the one that bites first.
    pub findings: Vec<Finding>,
    /// How many connections the host will hold.
    pub capacity: Capacity,
    /// Bytes that a connection takes.
    pub connection_bytes: u64,
}

impl Report {
    /// True if a check failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.findings.iter().any(|finding| finding.verdict == Verdict::Fail)
    }

    /// The status to end the program with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        u8::from(self.has_failed())
    }

    /// As JSON, indented.
    ///
    /// # Errors
    /// None in practice: every part of a report has a form in JSON.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}

/// 12345678 as `12,345,678`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes as a person reads them, rounded down: `512 KiB`, `96 GiB`; `unlimited` for the largest number.
#[must_use]
pub fn bytes(count: u64) -> String {
    const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    if count == u64::MAX {
        return "unlimited".to_owned();
    }
    UNITS
        .iter()
        .find(|(_, shift)| count >> shift >= 4)
        .map_or_else(|| format!("{count} B"), |(unit, shift)| format!("{} {unit}", count >> shift))
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "Linux {}, {} processors, {} shards", self.kernel, self.processors, self.shards)?;
        let source = if self.is_target_given { "asked for" } else { "what the memory holds" };
        writeln!(out, "judged for {} connections ({source})\n", grouped(self.target))?;
        for finding in &self.findings {
            let sign = match finding.verdict {
                Verdict::Fail => "FAIL",
                Verdict::Warn => "warn",
                Verdict::Pass => "pass",
            };
            writeln!(out, "{sign}  {:<22} {}", finding.check, finding.found)?;
            if finding.verdict != Verdict::Pass {
                writeln!(out, "      why  {}", finding.why)?;
            }
            if let Some(fix) = &finding.fix {
                writeln!(out, "      fix  {fix}")?;
            }
        }
        self.prediction(out)
    }
}

impl Report {
    fn prediction(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.capacity.first() else {
            return writeln!(out, "\nno prediction: neither memory nor limits could be read");
        };
        let total = grouped(first.connections);
        writeln!(
            out,
            "\nThis host holds {total} idle subscribed connections; first bites: {}.",
            first.resource.name()
        )?;
        for bound in &self.capacity.bounds {
            writeln!(out, "{:>26}  {}", grouped(bound.connections), bound.resource.name())?;
        }
        writeln!(out, "{:>26}  ports: a connection is told apart by both ends' address and port", "no limit")?;
        writeln!(
            out,
            "A connection takes {} bytes: {} kernel socket, {} kernel poll, {} user space{}.",
            grouped(self.connection_bytes),
            grouped(cost::KERNEL_SOCKET_BYTES),
            cost::KERNEL_POLL_BYTES,
            cost::USER_BYTES,
            if self.connection_bytes > cost::CONNECTION_BYTES {
                format!(", {} connection tracking", cost::CONNTRACK_BYTES)
            } else {
                String::new()
            },
        )
    }
}
