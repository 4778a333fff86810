//! One shard's service: its events in their connections' order, and no more of them in requests than there is room for.
use tokio::sync::mpsc::{self, Receiver, UnboundedReceiver, UnboundedSender};

use super::{Engine, Shards};
use crate::event::{End, Event, Of, Reply, Verdict};
use crate::lanes::{LaneId, Lanes};
use crate::line::Lines;

/// What is under way for a shard.
#[derive(Debug)]
pub(super) struct Service<S> {
    engine: Engine,
    shards: S,
    lines: Lines,
    lanes: Lanes,
    done: UnboundedSender<(Of, LaneId)>,
    finished: UnboundedReceiver<(Of, LaneId)>,
}

impl<S: Shards> Service<S> {
    pub(super) fn new(engine: Engine, shards: S) -> Self {
        let (done, finished) = mpsc::unbounded_channel();
        Self { engine, shards, lines: Lines::default(), lanes: Lanes::default(), done, finished }
    }

    /// Serves until there are no more events, and every message is answered.
    pub(super) async fn run(mut self, mut events: Receiver<Event>) {
        let mut is_open = true;
        while is_open || !self.lines.is_empty() {
            tokio::select! {
                event = events.recv(), if is_open => match event {
                    Some(event) => self.take(event),
                    None => is_open = false,
                },
                Some((of, lane)) = self.finished.recv() => self.finish(of, lane),
            }
        }
    }

    fn take(&mut self, event: Event) {
        let (engine, shards) = (self.engine.clone(), self.shards.clone());
        match event {
            Event::Connect { of, upgrades, hook, id, query, fields } => {
                tokio::spawn(async move {
                    let verdict = engine.connect(of, hook, upgrades, &id, query.as_deref(), &fields).await;
                    let reply = Reply::Verdict { of, hook, id, verdict };
                    if let Err(Reply::Verdict { of, hook, id, verdict: Verdict::Accept(_) }) = shards.reply(reply).await
                    {
                        // The shard has left: nobody else will say that it is over.
                        let reason = "the server is gone".to_owned();
                        engine.tell_end(End { of, hook, id, code: 1006, by: "server", reason });
                    }
                });
            }
            Event::Ask(ask) => {
                tokio::spawn(async move {
                    let told = engine.proxies.ask(&ask, engine.now_s).await;
                    // A shard that has left has no use for it.
                    let _ = shards.reply(Reply::Told { of: ask.of, number: ask.number, told }).await;
                });
            }
            Event::Message(message) => {
                let of = message.of;
                self.lines.push(message);
                self.go_on(of);
            }
            Event::End(end) if self.engine.hooks.get(end.hook).is_some_and(|hook| hook.settings.strict) => {
                self.engine.tell_end(end);
            }
            Event::End(end) => {
                if let Some(end) = self.lines.end(end) {
                    self.engine.tell_end(end);
                }
            }
        }
    }

    /// Sends what of a connection's messages may be sent now.
    fn go_on(&mut self, of: Of) {
        while let Some(lane) = self.next(of) {
            if !self.lanes.enter(lane, of, self.places(lane)) {
                self.lines.park(of, true);
                return;
            }
            self.post(of, lane);
        }
    }

    /// The lane of a connection's next message, if it may be sent.
    fn next(&self, of: Of) -> Option<LaneId> {
        let (message, in_flight) = self.lines.peek(of)?;
        let most = self.engine.hooks.get(message.hook).map_or(1, |hook| hook.settings.in_flight);
        (in_flight < most).then(|| self.engine.lane(message.hook, &message.id))
    }

    fn places(&self, lane: LaneId) -> usize {
        self.engine.places(lane.hook, self.shards.count())
    }

    fn post(&mut self, of: Of, lane: LaneId) {
        let Some(message) = self.lines.send(of) else {
            return;
        };
        let (engine, shards, done) = (self.engine.clone(), self.shards.clone(), self.done.clone());
        tokio::spawn(async move {
            let outcome = engine.post(message).await;
            // A shard that has left has no use for it.
            let _ = shards.reply(Reply::Outcome { of, outcome }).await;
            let _ = done.send((of, lane));
        });
    }

    /// A message has been answered.
    fn finish(&mut self, of: Of, lane: LaneId) {
        if let Some(end) = self.lines.done(of) {
            self.engine.tell_end(end);
        }
        self.lanes.leave(lane);
        // Behind those who have waited.
        self.go_on(of);
        while let Some(parked) = self.lanes.resume(lane, self.places(lane)) {
            self.lines.park(parked, false);
            self.post(parked, lane);
            self.go_on(parked);
        }
    }
}
