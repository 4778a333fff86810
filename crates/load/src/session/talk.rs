//! A run whose clients speak and whose server asks a back end: the stub is there before the first client and after the last.
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::Session;
use super::traffic::LEAD;
use crate::back_end::{Answer, BackEnd, BackEndPlan, Heard};
use crate::outcome::{self, Latency, Traffic, bars};
use crate::settings::Kind;
use crate::swarm::{IsolateFiles, TalkPlan, Tally};
use crate::watch::{Stage, Watch};
use crate::{LoadError, Settings, clock};

/// Without a new end for so long, what is missing is lost.
const ENDS_PATIENCE: Duration = Duration::from_secs(5);

/// What the clients of a run say, if it is one in which they speak.
pub(super) fn talk_plan(settings: &Settings) -> Option<TalkPlan> {
    (settings.kind == Kind::Ws2api).then(|| TalkPlan {
        arrivals: settings.arrivals,
        count: settings.messages(),
        span_nanos: ((settings.warmup_secs + settings.secs) * 1e9) as u64,
        tick_nanos: settings.tick_us * 1_000,
    })
}

impl Session<'_> {
    /// Starts the back end, if the run has one.
    pub(super) fn open_back_end(&self, isolate_files: IsolateFiles) -> Result<Option<BackEnd>, LoadError> {
        let settings = self.settings;
        if settings.kind != Kind::Ws2api {
            return Ok(None);
        }
        let cpus = if settings.publisher_cpu.is_empty() { &settings.cpu } else { &settings.publisher_cpu };
        let plan = BackEndPlan {
            answer: settings.answer,
            clients: settings.clients,
            cpus: cpus.clone(),
            isolate_files,
            port: settings.back_end_port,
            size_bytes: settings.size,
        };
        BackEnd::start(plan, &self.board).map(Some)
    }

    /// Lets the clients speak.
    pub(super) fn talk_and_measure(&self, watch: &mut Watch<'_>) -> Result<Traffic, LoadError> {
        let start_nanos = (clock::now() + LEAD).as_nanos();
        let from_nanos = start_nanos + (self.settings.warmup_secs * 1e9) as u64;
        let until_nanos = from_nanos + (self.settings.secs * 1e9) as u64;
        self.board.window_from.store(from_nanos, Relaxed);
        self.board.window_until.store(until_nanos, Relaxed);
        self.board.talk_from.store(start_nanos, Relaxed);
        watch.restart();
        let mut traffic = self.measure(watch, from_nanos, until_nanos)?;
        self.drain(watch)?;
        traffic.received = self.board.sum(|post| &post.received);
        Ok(traffic)
    }

    /// Waits until the back end has heard of the end of each client that it let in, or of no more; what it has heard.
    pub(super) fn close_back_end(back_end: BackEnd, watch: &mut Watch<'_>) -> Result<Heard, LoadError> {
        let mut best = 0;
        let mut patience_until = clock::now() + ENDS_PATIENCE;
        while !back_end.has_heard_all_ends() && clock::now() < patience_until {
            let ended = back_end.ledger.ended.load(Relaxed);
            if ended > best {
                best = ended;
                patience_until = clock::now() + ENDS_PATIENCE;
            }
            watch.look(Stage::Draining, 1.0, patience_until.as_nanos())?;
        }
        // One that comes twice comes soon.
        watch.rest(Stage::Draining, (clock::now() + LEAD).as_nanos())?;
        back_end.finish()
    }

    /// Compares what was said with what was heard, on both sides.
    pub(super) fn settle_talk(&self, traffic: &mut Traffic, tally: &mut Tally, mut heard: Heard) -> outcome::BackEnd {
        let said = std::mem::take(&mut tally.said);
        traffic.published = said.iter().map(|count| u64::from(*count)).sum();
        traffic.lag = Latency::of(&tally.lag);
        heard.settle(&said);
        match self.settings.answer {
            Answer::Echo => tally.settle(&said),
            Answer::Empty => {
                tally.faults.add(heard.faults);
                tally.latency = heard.latency.clone();
            }
        }
        outcome::BackEnd {
            asked: heard.asked,
            said: heard.said,
            ended: heard.ended,
            ends_missing: heard.ends_missing,
            ends_extra: heard.ends_extra,
            stray: heard.stray,
            connections_max: heard.connections_max,
            faults: heard.faults,
            latency: Latency::of(&heard.latency),
            histogram: bars(&heard.latency),
        }
    }
}
