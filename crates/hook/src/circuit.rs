//! A circuit: whether a back end is worth asking. It opens after so many failures in a row; when its pause is over it lets one request
//! through, the probe; and it closes with the first answer. Each probe that fails doubles the pause, up to a bound.
//!
//! ```text
//!          failures in a row                    pause is over
//! Closed ────────────────────→ Open ──────────────────────────→ Probing
//!   ↑                            ↑──── the probe failed ───────────┤
//!   └───────────────────────── an answer, to whomever ─────────────┘
//! ```
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::figures::{Ended, Meter};
use crate::settings::CircuitSettings;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant, pause: Duration },
    Probing { pause: Duration },
}

/// The circuit of one back end.
#[derive(Debug)]
pub(crate) struct Circuit {
    state: Mutex<State>,
    settings: CircuitSettings,
    /// Times that it opened; a probe that fails is none.
    pub(crate) openings: Meter,
}

/// What a circuit has become by a request's end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turned {
    /// What it was.
    Same,
    Closed,
    /// Open again, after a probe.
    Reopened,
}

impl Circuit {
    pub(crate) fn new(settings: CircuitSettings) -> Self {
        Self { state: Mutex::new(State::Closed { failures: 0 }), settings, openings: Meter::default() }
    }

    /// A request is about to be made; `None` if it is not to be.
    pub(crate) fn enter<'c>(&'c self, watch: &'c Watch, now: Instant) -> Option<Pass<'c>> {
        let mut state = self.lock();
        let probes = match *state {
            State::Closed { .. } => false,
            State::Open { until, pause } if now >= until => {
                *state = State::Probing { pause };
                true
            }
            State::Open { .. } | State::Probing { .. } => return None,
        };
        Some(Pass { circuit: self, watch, probes })
    }

    /// True unless a request would be turned away now.
    pub(crate) fn is_passable(&self, now: Instant) -> bool {
        match *self.lock() {
            State::Closed { .. } => true,
            State::Open { until, .. } => now >= until,
            State::Probing { .. } => false,
        }
    }

    /// When it may be probed, if it is open and nobody does.
    fn due(&self) -> Option<Instant> {
        match *self.lock() {
            State::Open { until, .. } => Some(until),
            State::Closed { .. } | State::Probing { .. } => None,
        }
    }

    /// True while the back end is taken to be down.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(*self.lock(), State::Closed { .. })
    }

    fn answered(&self) -> Turned {
        let before = std::mem::replace(&mut *self.lock(), State::Closed { failures: 0 });
        if matches!(before, State::Closed { .. }) { Turned::Same } else { Turned::Closed }
    }

    fn failed(&self, probed: bool, now: Instant) -> Turned {
        let CircuitSettings { failures: most, pause: first, pause_max } = self.settings;
        let mut state = self.lock();
        match *state {
            State::Closed { failures } => {
                let failures = failures.saturating_add(1);
                if most == 0 || failures < most {
                    *state = State::Closed { failures };
                } else {
                    *state = open(first, now);
                    self.openings.add(1);
                }
                Turned::Same
            }
            State::Probing { pause } if probed => {
                *state = open((pause * 2).min(pause_max), now);
                Turned::Reopened
            }
            // A request that began before it opened.
            State::Open { .. } | State::Probing { .. } => Turned::Same,
        }
    }

    /// A probe that was given up says nothing: the next one may come at once.
    fn abandoned(&self, now: Instant) -> Turned {
        let mut state = self.lock();
        let State::Probing { pause } = *state else {
            return Turned::Same;
        };
        *state = State::Open { until: now, pause };
        Turned::Reopened
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A state is whole at any time.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Open, for the pause or up to half less, so that not all servers probe at once.
fn open(pause: Duration, now: Instant) -> State {
    State::Open { until: now + pause.mul_f64(0.5 + fastrand::f64() / 2.0), pause }
}

/// A request's leave to be made.
#[derive(Debug)]
pub(crate) struct Pass<'c> {
    circuit: &'c Circuit,
    watch: &'c Watch,
    probes: bool,
}

impl Pass<'_> {
    /// The request has ended so. `was_patient`: the back end had enough time for a time-out to be its fault.
    pub(crate) fn settle(mut self, ended: Ended, was_patient: bool, now: Instant) {
        let turned = match ended {
            Ended::Unreachable | Ended::Broken => self.circuit.failed(self.probes, now),
            Ended::TimedOut if was_patient => self.circuit.failed(self.probes, now),
            // Says nothing: as if it had not been made.
            Ended::TimedOut | Ended::Flood | Ended::Open => return,
            Ended::Ok | Ended::Status | Ended::Busy | Ended::TooLarge | Ended::Redirected => self.circuit.answered(),
            Ended::BadText | Ended::ContentType | Ended::NoStatus | Ended::Compressed => self.circuit.answered(),
        };
        self.probes = false;
        self.watch.tell(turned);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.probes {
            self.watch.tell(self.circuit.abandoned(Instant::now()));
        }
    }
}

/// Those who wait for one of a hook's circuits. One of them at a time waits for its turn to probe, the others for a circuit to close, so
/// that a pause that is over does not wake all of them.
#[derive(Default, Debug)]
pub(crate) struct Watch {
    turn: tokio::sync::Mutex<()>,
    closed: Notify,
    reopened: Notify,
}

impl Watch {
    fn tell(&self, turned: Turned) {
        match turned {
            Turned::Same => {}
            Turned::Closed => {
                self.closed.notify_waiters();
                self.reopened.notify_waiters();
            }
            Turned::Reopened => self.reopened.notify_waiters(),
        }
    }

    /// Resolves when one of the circuits may be worth a try.
    pub(crate) async fn until_passable<'c>(&self, circuits: impl Iterator<Item = &'c Circuit> + Clone + Send) {
        let mut closed = std::pin::pin!(self.closed.notified());
        closed.as_mut().enable();
        if circuits.clone().any(|circuit| circuit.is_passable(Instant::now())) {
            return;
        }
        let probes = async {
            let _turn = self.turn.lock().await;
            self.until_due(circuits).await;
        };
        tokio::select! {
            () = closed => {}
            () = probes => {}
        }
    }

    async fn until_due<'c>(&self, circuits: impl Iterator<Item = &'c Circuit> + Clone + Send) {
        loop {
            let mut changed = std::pin::pin!(self.reopened.notified());
            changed.as_mut().enable();
            if circuits.clone().any(|circuit| circuit.is_passable(Instant::now())) {
                return;
            }
            match circuits.clone().filter_map(Circuit::due).min() {
                Some(due) => {
                    // What comes first: another one may be due earlier by then.
                    let _ = tokio::time::timeout_at(due, changed).await;
                }
                None => changed.await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);
    const SETTINGS: CircuitSettings = CircuitSettings { failures: 3, pause: PAUSE, pause_max: Duration::from_secs(5) };

    fn request(circuit: &Circuit, watch: &Watch, ended: Ended, now: Instant) -> bool {
        circuit.enter(watch, now).map(|pass| pass.settle(ended, true, now)).is_some()
    }

    fn opened(now: Instant) -> (Circuit, Watch) {
        let (circuit, watch) = (Circuit::new(SETTINGS), Watch::default());
        for _ in 0..3 {
            assert!(request(&circuit, &watch, Ended::Unreachable, now));
        }
        (circuit, watch)
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_between_does_not() {
        let now = Instant::now();
        let (circuit, watch) = (Circuit::new(SETTINGS), Watch::default());
        for ended in [Ended::Unreachable, Ended::Broken, Ended::Status, Ended::TimedOut, Ended::Broken, Ended::Flood] {
            assert!(request(&circuit, &watch, ended, now) && !circuit.is_open(), "{ended:?}");
        }
        assert!(request(&circuit, &watch, Ended::TimedOut, now) && circuit.is_open());
        assert!(!request(&circuit, &watch, Ended::Ok, now) && !circuit.is_passable(now + PAUSE / 4));
        assert_eq!(circuit.openings.read(), 1);
    }

    #[test]
    fn a_time_out_of_one_that_came_late_says_nothing() {
        let now = Instant::now();
        let (circuit, watch) = (Circuit::new(SETTINGS), Watch::default());
        for _ in 0..10 {
            circuit.enter(&watch, now).unwrap().settle(Ended::TimedOut, false, now);
        }
        assert!(!circuit.is_open());
    }

    #[test]
    fn it_is_off_without_a_bound() {
        let now = Instant::now();
        let (circuit, watch) = (Circuit::new(CircuitSettings { failures: 0, ..SETTINGS }), Watch::default());
        assert!((0..10_000).all(|_| request(&circuit, &watch, Ended::Unreachable, now)));
    }

    #[test]
    fn one_probes_and_the_pause_doubles_up_to_its_bound() {
        let mut now = Instant::now();
        let (circuit, watch) = opened(now);
        for longest in [1, 2, 4, 5, 5] {
            let longest = Duration::from_secs(longest);
            assert!(!circuit.is_passable(now + longest.mul_f64(0.49)), "{longest:?}");
            now += longest;
            let probe = circuit.enter(&watch, now).unwrap();
            assert!(circuit.enter(&watch, now).is_none() && circuit.is_open(), "one at a time");
            probe.settle(Ended::TimedOut, true, now);
        }
        now += SETTINGS.pause_max;
        assert!(request(&circuit, &watch, Ended::Status, now) && !circuit.is_open(), "any answer is one");
        assert_eq!(circuit.openings.read(), 1);
        assert!(request(&circuit, &watch, Ended::Broken, now) && !circuit.is_open(), "it counts anew");
    }

    #[test]
    fn a_request_from_before_closes_it_by_an_answer_and_nothing_by_a_failure() {
        let now = Instant::now();
        let (circuit, watch) = (Circuit::new(SETTINGS), Watch::default());
        let mut before: Vec<_> = (0..5).map(|_| circuit.enter(&watch, now).unwrap()).collect();
        for _ in 0..4 {
            before.pop().unwrap().settle(Ended::Broken, true, now);
        }
        let probe = circuit.enter(&watch, now + PAUSE).unwrap();
        before.pop().unwrap().settle(Ended::Ok, true, now);
        assert!(!circuit.is_open());
        probe.settle(Ended::Broken, true, now);
        assert!(!circuit.is_open(), "one failure of three");
    }

    #[test]
    fn a_probe_that_is_given_up_leaves_room_for_the_next() {
        let now = Instant::now();
        let (circuit, watch) = opened(now);
        drop(circuit.enter(&watch, now + PAUSE));
        assert!(circuit.is_open() && circuit.enter(&watch, Instant::now() + PAUSE).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_probe_one_after_the_other_and_all_go_on_when_it_closes() {
        let (circuit, watch) = opened(Instant::now());
        let tries = Meter::default();
        let one = async || {
            loop {
                watch.until_passable([&circuit].into_iter()).await;
                let Some(pass) = circuit.enter(&watch, Instant::now()) else {
                    continue;
                };
                tries.add(1);
                tokio::time::sleep(PAUSE).await;
                let ended = if tries.read() < 4 { Ended::Unreachable } else { Ended::Ok };
                pass.settle(ended, true, Instant::now());
                if ended == Ended::Ok {
                    return;
                }
            }
        };
        tokio::join!(one(), one(), one(), one(), one(), one());
        assert_eq!(tries.read(), 3 + 6, "three failed probes, the fourth and those behind it");
    }
}
