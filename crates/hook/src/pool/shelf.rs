//! Where connections are that nobody uses.
//!
//! A connection that comes here is polled once more with its [`Bell`] for a waker, and after that only when the bell has rung: that is a byte that nobody
//! asked for, or its end. Then the keeper, a task while anything is here, polls it and closes it, so that a back end's close is answered at once, and a
//! request is not sent where nobody reads. The keeper closes what has been here too long, too.
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use hyper::http::uri::Authority;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::Conn;

/// How long a connection to a back end may lie idle: below what servers commonly allow.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection's waker while nobody uses it.
#[derive(Debug)]
pub(super) struct Bell {
    ringer: Arc<Ringer>,
    waker: Waker,
}

#[derive(Debug)]
struct Ringer {
    /// Something has come that has not been looked at.
    has_rung: AtomicBool,
    /// The connection is on the shelf. Else whoever uses it looks.
    is_kept: AtomicBool,
    keeper: Arc<Notify>,
}

// Both read what the other wrote before: either `wake` sees that it is kept, or `keep` that it has rung.
impl Wake for Ringer {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_rung.store(true, Ordering::SeqCst);
        if self.is_kept.load(Ordering::SeqCst) {
            self.keeper.notify_one();
        }
    }
}

/// A connection on the shelf.
#[derive(Debug)]
struct Idle {
    since: Instant,
    conn: Box<Conn>,
}

/// The idle connections to a host, the one used last at the end.
#[derive(Debug)]
struct Host {
    authority: Authority,
    idle: VecDeque<Idle>,
}

#[derive(Default, Debug)]
struct Hosts {
    all: Vec<Host>,
    /// Whether there is a keeper.
    are_watched: bool,
}

/// Idle connections.
#[derive(Debug)]
pub(super) struct Shelf {
    hosts: Mutex<Hosts>,
    /// Of one host.
    idle_max: usize,
    keeper: Arc<Notify>,
}

impl Shelf {
    pub(super) fn new(idle_max: usize) -> Self {
        Self { hosts: Mutex::default(), idle_max, keeper: Arc::default() }
    }

    /// A bell for a new connection.
    pub(super) fn bell(&self) -> Bell {
        let (has_rung, is_kept) = (AtomicBool::new(false), AtomicBool::new(false));
        let ringer = Arc::new(Ringer { has_rung, is_kept, keeper: Arc::clone(&self.keeper) });
        Bell { waker: Waker::from(Arc::clone(&ringer)), ringer }
    }

    /// The connection that was used last, so that what is not needed grows old.
    pub(super) fn take(&self, authority: &Authority) -> Option<Box<Conn>> {
        let mut hosts = self.lock();
        let host = hosts.all.iter_mut().find(|host| host.authority == *authority)?;
        let Idle { conn, .. } = host.idle.pop_back().filter(|idle| idle.since.elapsed() < IDLE_TIMEOUT)?;
        conn.bell.ringer.is_kept.store(false, Ordering::SeqCst);
        Some(conn)
    }

    /// Keeps a connection whose answer is there, if it can have another one and there is room; else it is closed.
    pub(super) fn keep(shelf: &Arc<Self>, authority: &Authority, mut conn: Box<Conn>) {
        if !conn.rests() {
            return;
        }
        let ringer = Arc::clone(&conn.bell.ringer);
        let mut hosts = shelf.lock();
        let hosts = &mut *hosts;
        let host = match hosts.all.iter().position(|host| host.authority == *authority) {
            Some(at) => &mut hosts.all[at],
            None => hosts.all.push_mut(Host { authority: authority.clone(), idle: VecDeque::new() }),
        };
        if host.idle.len() >= shelf.idle_max {
            return;
        }
        host.idle.push_back(Idle { since: Instant::now(), conn });
        ringer.is_kept.store(true, Ordering::SeqCst);
        if ringer.has_rung.load(Ordering::SeqCst) {
            shelf.keeper.notify_one();
        }
        if !hosts.are_watched {
            hosts.are_watched = true;
            tokio::spawn(watch(Arc::downgrade(shelf), Arc::clone(&shelf.keeper)));
        }
    }

    /// Closes what is over or has been here too long. When to look again; `None` if nothing is left, and nobody looks any more.
    fn tidy(&self) -> Option<Instant> {
        // Dropped, and so closed, when the lock is free again.
        let mut over = Vec::new();
        let mut hosts = self.lock();
        let now = Instant::now();
        for host in &mut hosts.all {
            let stays = |idle: &mut Idle| {
                let has_rung = idle.conn.bell.ringer.has_rung.load(Ordering::SeqCst);
                now < idle.since + IDLE_TIMEOUT && (!has_rung || idle.conn.rests())
            };
            let mut at = 0;
            while let Some(idle) = host.idle.get_mut(at) {
                if stays(idle) {
                    at += 1;
                } else {
                    over.extend(host.idle.remove(at));
                }
            }
        }
        let next = hosts.all.iter().filter_map(|host| host.idle.front()).map(|idle| idle.since + IDLE_TIMEOUT).min();
        hosts.are_watched = next.is_some();
        drop(hosts);
        next
    }

    fn lock(&self) -> MutexGuard<'_, Hosts> {
        // Lists are whole whoever panicked over them.
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Shelf {
    pub(super) fn count(&self) -> usize {
        self.lock().all.iter().map(|host| host.idle.len()).sum()
    }

    pub(super) fn is_watched(&self) -> bool {
        self.lock().are_watched
    }

    /// No keeper comes.
    pub(super) fn leave_unwatched(&self) {
        self.lock().are_watched = true;
    }

    /// Resolves when a bell has rung.
    pub(super) async fn until_rung(&self) {
        self.keeper.notified().await;
    }
}

/// The keeper: tidies when a bell has rung or something is old, until nothing is left.
async fn watch(shelf: Weak<Shelf>, rung: Arc<Notify>) {
    loop {
        let Some(next) = shelf.upgrade().and_then(|shelf| shelf.tidy()) else { return };
        // Late or rung: it looks.
        let _ = timeout_at(next, rung.notified()).await;
    }
}

impl Conn {
    /// Has it wake its bell from now on; false if it can't have another request.
    fn rests(&mut self) -> bool {
        self.bell.ringer.has_rung.store(false, Ordering::SeqCst);
        let waker = self.bell.waker.clone();
        self.drive(&mut Context::from_waker(&waker));
        self.is_ready()
    }
}
