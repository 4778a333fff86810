//! The demo's server: this binary's `serve --dev` as a child process.
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::process::{Child as Process, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::http::{HttpClient, Request};
use crate::{LoadError, clock};

/// How long the server may take to be ready.
const START_TIMEOUT: Duration = Duration::from_secs(15);

/// How long it may take to leave before it is told again, and before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(20);

/// Lines that are kept of what it says.
const LINES_MAX: usize = 40;

/// The running server. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Child {
    process: Process,
    port: u16,
    /// The last lines of its standard error, for the case that it fails.
    said: Arc<Mutex<Vec<String>>>,
}

impl Child {
    /// Starts the server and waits until it is ready.
    pub(super) fn start(port: u16) -> Result<Self, LoadError> {
        // Who listens there already would answer in the child's place.
        if let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            let other = port.wrapping_add(1).max(1_024);
            return Err(LoadError::Server(format!("port {port}: {error}; try ringcast demo --port {other}")));
        }
        let binary = std::env::current_exe().map_err(LoadError::io("finding this binary"))?;
        let mut command = Command::new(binary);
        command.args(["serve", "--dev", "--end-with-parent", "--address", "127.0.0.1", "--port", &port.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // A group of its own: Ctrl-C is for the demo, which then ends its server in good order.
        command.process_group(0);
        let mut process = command.spawn().map_err(LoadError::io("starting the server"))?;
        let said = Arc::new(Mutex::new(Vec::new()));
        if let Some(stderr) = process.stderr.take() {
            let said = Arc::clone(&said);
            std::thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let Ok(mut lines) = said.lock() else { return };
                    if lines.len() == LINES_MAX {
                        lines.remove(0);
                    }
                    lines.push(line);
                }
            });
        }
        let mut child = Self { process, port, said };
        child.wait_ready()?;
        Ok(child)
    }

    fn wait_ready(&mut self) -> Result<(), LoadError> {
        let deadline = clock::now() + START_TIMEOUT;
        while clock::now() < deadline {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(self.explain(LoadError::Server(format!("the server did not start ({status})"))));
            }
            let request = Request { method: "GET", path: "/readyz", content_type: "", body: b"" };
            let answer = HttpClient::connect(&self.host(), "").and_then(|mut client| client.send(request));
            if answer.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        Err(self.explain(LoadError::Server(format!("the server is not ready after {START_TIMEOUT:?}"))))
    }

    /// Adds to an error what the server said, if it has ended.
    pub(super) fn explain(&mut self, error: LoadError) -> LoadError {
        // Its last words may still be on their way.
        std::thread::sleep(LOOK);
        let ended = matches!(self.process.try_wait(), Ok(Some(_)));
        let said = self.said.lock().map(|lines| lines.join("\n")).unwrap_or_default();
        if ended && !said.is_empty() { LoadError::Server(format!("{error}\n{said}")) } else { error }
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(super) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.host())
    }

    /// Ends the server: asks twice, then kills it.
    pub(super) fn stop(mut self) {
        for _ in 0..2 {
            if let Some(pid) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
                // It may have ended by itself.
                let _ = kill_process(pid, Signal::TERM);
            }
            let deadline = clock::now() + STOP_TIMEOUT;
            while clock::now() < deadline {
                if matches!(self.process.try_wait(), Ok(Some(_))) {
                    return;
                }
                std::thread::sleep(LOOK);
            }
        }
    }
}

/// Asks the kernel to send this process SIGTERM when the thread that started it ends: a demo that is killed leaves no server
/// behind.
///
/// # Errors
/// Never, on Linux.
pub fn end_with_parent() -> std::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
    Ok(())
}

impl Drop for Child {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(Some(_))) {
            return;
        }
        // Nothing more can be done if even this fails.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
