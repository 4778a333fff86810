//! `ringcast bench`: gather settings, run, show, judge.
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cli::BenchArgs;
use crate::report::{Bar, plot, say, table};
use crate::{Faults, IsolateFiles, LoadError, Outcome, Settings};

/// Answers the question of `args` and prints the result. `isolate_files` gives a thread its own file table.
///
/// # Errors
/// [`LoadError::Unexpected`] if the result has faults or differs from what the scenario expects; else whatever kept the
/// run from being made.
pub fn bench(args: &BenchArgs, isolate_files: IsolateFiles) -> Result<(), LoadError> {
    let (kind, scenario, run) = args.question.parts();
    let settings = Settings::gather(kind, scenario.map(|path| path.as_path()), &run.flags)?;
    let interrupted = on_interrupt()?;
    let bar = Bar::new(run.quiet);
    let outcome = crate::run(&settings, isolate_files, &mut |snapshot| {
        bar.show(snapshot);
        if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.clear();
    let mut outcome = outcome?;
    if let Some(commit) = &run.commit {
        outcome.commit.clone_from(commit);
    }
    say(&table::result(&outcome));
    if let Some(path) = &run.json {
        let json = serde_json::to_string_pretty(&outcome).expect("an outcome has only string keys");
        write(path, &json)?;
    }
    if let Some(path) = &run.svg {
        write(path, &plot::svg(&outcome)?)?;
    }
    judge(&outcome)
}

/// A flag that Ctrl-C sets; a second Ctrl-C ends the process at once.
pub(crate) fn on_interrupt() -> Result<Arc<AtomicBool>, LoadError> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let set = move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(set).map_err(|error| LoadError::Argument(format!("Ctrl-C can't be caught: {error}")))?;
    Ok(interrupted)
}

fn write(path: &Path, text: &str) -> Result<(), LoadError> {
    fs::write(path, text).map_err(LoadError::io("writing the result"))
}

/// Compares the outcome with what its settings expect.
fn judge(outcome: &Outcome) -> Result<(), LoadError> {
    let mut differences = Vec::new();
    let expect = outcome.settings.expect;
    let mut compare = |what: &str, wanted: Option<u64>, found: u64| {
        if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
            differences.push(format!("{what}: {found} instead of {wanted}"));
        }
    };
    if let Some(connect) = &outcome.connect {
        compare("connected", expect.connected, connect.connected);
        compare("closed by the server", Some(0), connect.dropped);
    }
    for traffic in outcome.traffic.iter().chain(&outcome.undisturbed) {
        compare("published", expect.published, traffic.published);
        compare("received", expect.received, traffic.received);
        for (what, found) in faults(&traffic.faults) {
            compare(what, Some(0), found);
        }
    }
    if let Some(back_end) = &outcome.back_end {
        for (what, found) in faults(&back_end.faults) {
            compare(&format!("{what} before the back end"), Some(0), found);
        }
        compare("clients whose end was not told", Some(0), back_end.ends_missing);
        compare("clients whose end was told again", Some(0), back_end.ends_extra);
        compare("requests of nobody", Some(0), back_end.stray);
    }
    if differences.is_empty() { Ok(()) } else { Err(LoadError::Unexpected(differences)) }
}

fn faults(faults: &Faults) -> [(&'static str, u64); 5] {
    [
        ("lost", faults.lost),
        ("duplicated", faults.duplicated),
        ("reordered", faults.reordered),
        ("garbled", faults.garbled),
        ("misrouted", faults.misrouted),
    ]
}
