//! Descriptors: a shard owns its file table, so the limit of a process holds for each shard.
use crate::capacity::{Capacity, Resource, files_per_shard};
use crate::cost;
use crate::facts::Facts;
use crate::report::{Finding, Verdict, grouped};

use super::Goal;

pub(super) fn all(facts: &Facts, capacity: &Capacity, goal: Goal) -> [Finding; 3] {
    [open_files(facts, capacity, goal), per_table(facts, goal), system(facts, capacity, goal)]
}

/// What a shard's table has to allow, rounded up to a number one remembers.
fn needed(facts: &Facts, goal: Goal) -> u64 {
    files_per_shard(goal.connections, facts.shards).next_multiple_of(65_536)
}

fn open_files(facts: &Facts, capacity: &Capacity, goal: Goal) -> Finding {
    const CHECK: &str = "nofile";
    let (Some((soft, hard)), Some(connections)) = (facts.process.open_files, capacity.by(Resource::OpenFiles)) else {
        return Finding::unreadable(CHECK, "/proc/self/limits");
    };
    let found = format!("soft {}, hard {}, for each of {} shards", limit(soft), limit(hard), facts.shards);
    match goal.verdict(connections) {
        Verdict::Pass => {
            let why = "enough for each shard's own file table; the server raises the soft limit to the hard one";
            Finding::pass(CHECK, found, why).at(Some(connections))
        }
        verdict @ (Verdict::Warn | Verdict::Fail) => {
            let needed = needed(facts, goal);
            let why = format!(
                "a connection is a descriptor: the shards' tables together hold {}; with {needed} each they hold the target",
                grouped(connections)
            );
            // The limit can't be raised above fs.nr_open, so that comes first.
            let first = match facts.files.per_table_max {
                Some(most) if most < needed => format!("sysctl -w fs.nr_open={needed} && "),
                Some(_) | None => String::new(),
            };
            let fix = format!(
                "{first}ulimit -Hn {needed} && ulimit -Sn {needed}   # under systemd: LimitNOFILE={needed} in the unit"
            );
            Finding::wrong(CHECK, verdict, found, why, fix).at(Some(connections))
        }
    }
}

fn limit(number: u64) -> String {
    if number == u64::MAX { "unlimited".to_owned() } else { grouped(number) }
}

/// `nr_open` bounds what the limit may be raised to; where the limit already suffices it does not matter.
fn per_table(facts: &Facts, goal: Goal) -> Finding {
    const CHECK: &str = "fs.nr_open";
    let Some(most) = facts.files.per_table_max else {
        return Finding::unreadable(CHECK, "/proc/sys/fs/nr_open");
    };
    let per_shard = files_per_shard(goal.connections, facts.shards);
    if most >= per_shard {
        return Finding::pass(CHECK, grouped(most), "nofile can be raised as far as the target needs");
    }
    let usable = most.saturating_sub(cost::SHARD_FILES).saturating_mul(facts.shards);
    let connections = usable - usable / (cost::SPREAD_DIVISOR + 1);
    let needed = needed(facts, goal);
    let why = format!("nofile can't be raised above it, and a shard needs {} descriptors", grouped(per_shard));
    let fix = format!("sysctl -w fs.nr_open={needed}");
    Finding::wrong(CHECK, goal.verdict(connections), grouped(most), why, fix).at(Some(connections))
}

fn system(facts: &Facts, capacity: &Capacity, goal: Goal) -> Finding {
    const CHECK: &str = "fs.file-max";
    let (Some(most), Some(connections)) = (facts.files.system_max, capacity.by(Resource::SystemFiles)) else {
        return Finding::unreadable(CHECK, "/proc/sys/fs/file-max");
    };
    let found = grouped(most);
    match goal.verdict(connections) {
        Verdict::Pass => Finding::pass(CHECK, found, "enough open files for the whole system").at(Some(connections)),
        verdict @ (Verdict::Warn | Verdict::Fail) => {
            let why = "all processes' open files together; accepting fails with ENFILE, for everybody on the host";
            let needed = (goal.connections + goal.connections / 16 + 65_536).next_multiple_of(65_536);
            let fix = format!("sysctl -w fs.file-max={needed}");
            Finding::wrong(CHECK, verdict, found, why, fix).at(Some(connections))
        }
    }
}
