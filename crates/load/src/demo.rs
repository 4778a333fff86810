//! `ringcast demo`: a server, a swarm beside it, and the 12-million benchmark's table for this machine.
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::bench::on_interrupt;
use crate::cli::DemoArgs;
use crate::report::{Bar, say, table};
use crate::{IsolateFiles, Kind, LoadError, Settings};

mod child;
mod size;

use child::Child;
pub use child::end_with_parent;

/// What the demo calls its scenario.
const NAME: &str = "demo";

/// How long the load goes on after the table, for those who look at the page: longer than anybody does.
const AFTER_SECS: f64 = 7.0 * 86_400.0;

/// Runs the demo until Ctrl-C. `isolate_files` gives a thread its own file table.
///
/// # Errors
/// If the server does not start, or the load can't be made.
pub fn demo(args: &DemoArgs, isolate_files: IsolateFiles) -> Result<(), LoadError> {
    let interrupted = on_interrupt()?;
    let size = size::fit(args.clients);
    let mut server = Child::start(args.port)?;
    say(&format!(
        "\n  Ringcast is serving on {url}  (open it in a browser)\n  {size}; each has a subject of its own.\n  \
         {rate:.0} messages a second of 512 random characters, to random subjects, for {secs:.0} s.\n\n",
        url = server.url(),
        rate = args.rate,
        secs = args.secs
    ));
    let settings = Settings {
        name: NAME.to_owned(),
        about: "every message checked, latency from the intended send time".to_owned(),
        targets: vec![server.host()],
        clients: size.clients,
        rate: args.rate,
        secs: args.secs,
        server_pid: Some(server.pid()),
        ..Settings::of(Kind::Seed)
    };
    let result = measure(&settings, isolate_files, &interrupted, &mut server);
    // Ctrl-C is how a demo ends, whenever it comes.
    let result = if matches!(result, Err(LoadError::Interrupted)) { Ok(()) } else { result };
    server.stop();
    result
}

fn measure(
    settings: &Settings,
    isolate_files: IsolateFiles,
    interrupted: &AtomicBool,
    server: &mut Child,
) -> Result<(), LoadError> {
    let bar = Bar::new(false);
    let outcome = crate::run(settings, isolate_files, &mut |snapshot| {
        bar.show(snapshot);
        go_on(interrupted)
    });
    bar.clear();
    let outcome = outcome.map_err(|error| server.explain(error))?;
    say(&table::result(&outcome));
    say(&format!(
        "  {url} stays up, and the messages keep flowing. Publish by hand:\n    \
         curl -d 'hello' {url}/pub/news      ringcast sub news --url {url}\n  Ctrl-C ends it.\n\n",
        url = server.url()
    ));
    let after = Settings { secs: AFTER_SECS, ..settings.clone() };
    match crate::run(&after, isolate_files, &mut |_| go_on(interrupted)) {
        Ok(_) | Err(LoadError::Interrupted) => Ok(()),
        Err(error) => Err(server.explain(error)),
    }
}

fn go_on(interrupted: &AtomicBool) -> ControlFlow<()> {
    if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}
