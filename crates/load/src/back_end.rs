//! The stub back end of `ringcast bench ws2api`: what a web application would be, at the least price, and a witness of all it is told.
//!
//! One thread with an epoll and a file table of its own. It lets every client in, answers every message by [`Answer`], hears every end; and it
//! checks: each client's messages in order, none missing or twice, and one end for each time that a client was let in.
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread::JoinHandle;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
use serde::{Deserialize, Serialize};

use crate::LoadError;
use crate::board::Board;
use crate::swarm::{IsolateFiles, settle_thread};

mod register;
mod request;
mod serving;

pub(crate) use register::Heard;
use register::Register;
use serving::Serving;

/// Connections that wait to be accepted: a storm of clients is one of requests.
const BACKLOG: i32 = 4_096;

/// What the stub says to a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The message itself.
    #[default]
    Echo,
    /// Nothing: latency counts to the back end, and nothing comes back to the client.
    Empty,
}

/// What the stub is to do.
#[derive(Clone, Debug)]
pub(crate) struct BackEndPlan {
    pub(crate) answer: Answer,
    /// How many clients there are: those whose ClientIDs it knows.
    pub(crate) clients: u32,
    /// Cores to pin the thread to, in turn; empty: none.
    pub(crate) cpus: Vec<usize>,
    pub(crate) isolate_files: IsolateFiles,
    /// On 127.0.0.1.
    pub(crate) port: u16,
    pub(crate) size_bytes: usize,
}

/// Counters that the stub's thread writes and others read.
#[derive(Default, Debug)]
pub(crate) struct Ledger {
    /// Clients that were let in, each time.
    pub(crate) asked: AtomicU64,
    /// Ends heard of.
    pub(crate) ended: AtomicU64,
    /// The thread is to end.
    stop: AtomicBool,
}

/// The running stub.
#[derive(Debug)]
pub(crate) struct BackEnd {
    pub(crate) ledger: Arc<Ledger>,
    thread: JoinHandle<Result<Heard, LoadError>>,
}

impl BackEnd {
    /// Starts it; it listens when this returns.
    ///
    /// # Errors
    /// If the port is taken, or the thread can't be made.
    pub(crate) fn start(plan: BackEndPlan, board: &Arc<Board>) -> Result<Self, LoadError> {
        let ledger = Arc::new(Ledger::default());
        let (ready, listens) = mpsc::channel();
        let (theirs, board) = (Arc::clone(&ledger), Arc::clone(board));
        let run = move || {
            let prepared = prepare(&plan).and_then(|listener| Serving::new(listener, Register::new(&plan)));
            match prepared {
                Ok(serving) => {
                    let _ = ready.send(Ok(()));
                    serving.run(&theirs, &board)
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                    Ok(Heard::nothing())
                }
            }
        };
        let thread = std::thread::Builder::new().name("back-end".to_owned());
        let thread = thread.spawn(run).map_err(LoadError::io("starting the back end's thread"))?;
        listens.recv().map_err(|_| LoadError::Argument("the back end's thread panicked".to_owned()))??;
        Ok(Self { ledger, thread })
    }

    /// True if it has heard of as many ends as it has let clients in.
    pub(crate) fn has_heard_all_ends(&self) -> bool {
        self.ledger.ended.load(Relaxed) >= self.ledger.asked.load(Relaxed)
    }

    /// Ends it and says what it has heard.
    pub(crate) fn finish(self) -> Result<Heard, LoadError> {
        self.ledger.stop.store(true, Relaxed);
        self.thread.join().map_err(|_| LoadError::Argument("the back end's thread panicked".to_owned()))?
    }
}

fn prepare(plan: &BackEndPlan) -> Result<OwnedFd, LoadError> {
    // A server that opens a connection for each of many requests must not take the swarm's descriptors.
    (plan.isolate_files)().map_err(LoadError::io("giving a thread its own file table"))?;
    settle_thread(&plan.cpus, 0)?;
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let listener =
        socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).map_err(LoadError::os("opening a socket"))?;
    sockopt::set_socket_reuseaddr(&listener, true).map_err(LoadError::os("SO_REUSEADDR"))?;
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, plan.port);
    bind(&listener, &address).map_err(LoadError::os("binding the back end's port (--back-end-port)"))?;
    listen(&listener, BACKLOG).map_err(LoadError::os("listening on the back end's port"))?;
    Ok(listener)
}
