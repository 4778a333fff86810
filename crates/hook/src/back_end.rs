//! The back ends of one hook: which of them gets a request, and how many each has at a time.
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::Settings;
use crate::circuit::{Circuit, Watch};
use crate::figures::{Ended, Figures, Held};
use crate::settings::{Choice, SettingsError};
use crate::target::Target;

/// One back end.
#[derive(Debug)]
pub(crate) struct BackEnd {
    pub(crate) target: Target,
    /// As it was written, for the metrics.
    pub(crate) url: String,
    pub(crate) figures: Figures,
    pub(crate) circuit: Circuit,
    room: Semaphore,
    waiting_max: u64,
}

/// A request's place at a back end.
#[derive(Debug)]
pub(crate) struct Place<'b> {
    _permit: SemaphorePermit<'b>,
    _counted: Held<'b>,
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
        Ok(Place { _permit: permit, _counted: self.figures.in_flight.hold() })
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
        let back_end = |(target, url): (Target, &String)| BackEnd {
            target,
            url: url.clone(),
            figures: Figures::default(),
            circuit: Circuit::new(settings.circuit),
            room: Semaphore::new(settings.requests_max),
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

    /// The back end for a ClientID's request, and behind it the others, in the order in which they are tried if it can't be reached.
    pub(crate) fn for_id(&self, id: &str) -> impl Iterator<Item = &BackEnd> {
        let count = self.all.len();
        let first = match self.choice {
            _ if count <= 1 => 0,
            Choice::RoundRobin => self.next.fetch_add(1, Ordering::Relaxed) % count,
            Choice::Hash => {
                let mut hasher = DefaultHasher::new();
                id.hash(&mut hasher);
                usize::try_from(hasher.finish() % count as u64).unwrap_or(0)
            }
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
