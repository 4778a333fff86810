//! The back ends of one hook: which of them gets a request, and how many each has at a time.
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::Settings;
use crate::circuit::{Circuit, Watch};
use crate::figures::{Ended, Figures, Held, Purpose};
use crate::governor::Governor;
use crate::settings::{Choice, SettingsError};
use crate::shown::without_secrets;
use crate::target::Target;

/// One back end.
#[derive(Debug)]
pub(crate) struct BackEnd {
    pub(crate) target: Target,
    /// As the metrics call it.
    pub(crate) url: String,
    pub(crate) figures: Figures,
    pub(crate) circuit: Circuit,
    room: Semaphore,
    requests_max: usize,
    governed: Option<Mutex<Governed>>,
    waiting_max: u64,
}

/// A request's place at a back end.
#[derive(Debug)]
pub(crate) struct Place<'b> {
    back_end: &'b BackEnd,
    permit: SemaphorePermit<'b>,
    _counted: Held<'b>,
}

/// What a governor has, and how many places it has given out: free ones and taken ones.
#[derive(Debug)]
struct Governed {
    governor: Governor,
    places: usize,
}

impl Place<'_> {
    /// The request has ended so.
    pub(crate) fn leave(self, purpose: Purpose, ended: Ended, sent: Instant) {
        let Self { back_end, permit, .. } = self;
        let Some(governed) = &back_end.governed else {
            return;
        };
        let mut governed = governed.lock().unwrap_or_else(PoisonError::into_inner);
        let in_flight = usize::try_from(back_end.figures.in_flight.read()).unwrap_or(usize::MAX);
        governed.governor.note(purpose, ended, sent, in_flight, Instant::now());
        let limit = governed.governor.limit();
        if governed.places < limit {
            back_end.room.add_permits(limit - governed.places);
            governed.places = limit;
        } else if governed.places > limit {
            governed.places -= back_end.room.forget_permits(governed.places - limit);
            if governed.places > limit {
                permit.forget();
                governed.places -= 1;
            }
        }
    }
}

impl BackEnd {
    /// Waits for a place, unless too many do. What `must` be told waits in any case: it is bounded elsewhere.
    pub(crate) async fn place(&self, must: bool) -> Result<Place<'_>, Ended> {
        let permit = match self.room.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                let _waits = self.wait(must)?;
                // Fails only if the semaphore is closed, and nobody closes it.
                self.room.acquire().await.map_err(|_| Ended::Flood)?
            }
        };
        Ok(Place { back_end: self, permit, _counted: self.figures.in_flight.hold() })
    }

    /// Requests that it may have at a time.
    pub(crate) fn limit(&self) -> usize {
        let governed = self.governed.as_ref();
        governed.map_or(self.requests_max, |governed| {
            governed.lock().unwrap_or_else(PoisonError::into_inner).governor.limit()
        })
    }

    /// Counts one that waits, unless too many do.
    pub(crate) fn wait(&self, must: bool) -> Result<Held<'_>, Ended> {
        if !must && self.figures.waiting.read() >= self.waiting_max {
            return Err(Ended::Flood);
        }
        Ok(self.figures.waiting.hold())
    }
}

/// All of one hook.
#[derive(Debug)]
pub(crate) struct BackEnds {
    all: Vec<BackEnd>,
    /// Those who wait for a circuit.
    pub(crate) watch: Watch,
    choice: Choice,
    next: AtomicUsize,
}

impl BackEnds {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let targets = settings.targets()?;
        let governed = || {
            let governor = Governor::new(settings.requests_max);
            let places = governor.limit();
            settings.governs.then(|| Mutex::new(Governed { governor, places }))
        };
        let places =
            if settings.governs { Governor::new(settings.requests_max).limit() } else { settings.requests_max };
        let back_end = |(target, url): (Target, &String)| BackEnd {
            target,
            url: without_secrets(url),
            figures: Figures::default(),
            circuit: Circuit::new(settings.circuit),
            room: Semaphore::new(places),
            requests_max: settings.requests_max,
            governed: governed(),
            waiting_max: settings.waiting_max as u64,
        };
        let all = targets.into_iter().zip(&settings.back_ends).map(back_end).collect();
        Ok(Self { all, watch: Watch::default(), choice: settings.choice, next: AtomicUsize::new(0) })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &BackEnd> {
        self.all.iter()
    }

    /// Resolves when one of them may be worth asking.
    pub(crate) async fn until_passable(&self) {
        self.watch.until_passable(self.all.iter().map(|back_end| &back_end.circuit)).await;
    }

    /// By which back end it is decided whether there is room for a ClientID's message: its own where that is always the same one, else the
    /// first for all.
    pub(crate) fn lane(&self, id: &str) -> usize {
        if self.choice == Choice::Hash { self.hashed(id) } else { 0 }
    }

    /// How many back ends a lane decides for.
    pub(crate) fn in_a_lane(&self) -> usize {
        if self.choice == Choice::Hash { 1 } else { self.all.len() }
    }

    fn hashed(&self, id: &str) -> usize {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        usize::try_from(hasher.finish() % self.all.len().max(1) as u64).unwrap_or(0)
    }

    /// The back end for a ClientID's request, and behind it the others, in the order in which they are tried if it can't be reached.
    pub(crate) fn for_id(&self, id: &str) -> impl Iterator<Item = &BackEnd> {
        let count = self.all.len();
        let first = match self.choice {
            _ if count <= 1 => 0,
            Choice::RoundRobin => self.next.fetch_add(1, Ordering::Relaxed) % count,
            Choice::Hash => self.hashed(id),
            Choice::LeastInFlight => {
                let load = |at: &usize| {
                    let figures = &self.all[*at].figures;
                    figures.in_flight.read() + figures.waiting.read()
                };
                (0..count).min_by_key(load).unwrap_or(0)
            }
        };
        self.all.iter().cycle().skip(first).take(count)
    }
}
