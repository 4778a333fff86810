//! Between the shards and the engine of back ends: events go out, replies come in.
use std::sync::Arc;

use base::{ConnId, ShardId};
use hook::{End, Engine, Event, Message, Of, Payload, Reply};
use hub::Kind;
use shard::{Command, HookConn, HookEvent, HookReply, Outcome, Verdict, address_parts};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::asks::{asked, granted};
use crate::desk::{Desk, Refused, TRY_EVERY};

/// Events of one shard that may wait for the engine; beyond them they wait in the shard, and clients are not read.
const EVENTS_MAX: usize = 4_096;

/// A shard's end of its queue of events.
#[derive(Debug)]
pub(crate) struct Events {
    shard: ShardId,
    queue: Sender<Event>,
}

/// A queue for each of so many shards; none where there are no back ends.
pub(crate) fn queues(shards: u16, are_wanted: bool) -> (Vec<Option<Events>>, Vec<Receiver<Event>>) {
    let made = (0..shards).map(ShardId).map(|shard| {
        are_wanted.then(|| {
            let (queue, events) = mpsc::channel(EVENTS_MAX);
            (Events { shard, queue }, events)
        })
    });
    let (ours, theirs): (Vec<_>, Vec<_>) = made.map(Option::unzip).unzip();
    (ours, theirs.into_iter().flatten().collect())
}

impl Events {
    /// Gives the engine an event; gives it back if there is no room.
    pub(crate) fn send(&self, event: HookEvent) -> Result<(), HookEvent> {
        match self.queue.try_reserve() {
            Ok(room) => {
                room.send(told(self.shard, event));
                Ok(())
            }
            Err(TrySendError::Full(())) => Err(event),
            // The engine is gone, and with it whoever could be told: the server is ending.
            Err(TrySendError::Closed(())) => Ok(()),
        }
    }
}

fn told(shard: ShardId, event: HookEvent) -> Event {
    let of = |of: HookConn| Of { shard: shard.0, conn: of.conn.0, generation: of.generation };
    match event {
        HookEvent::Connect { of: conn, upgrades, address, query, fields } => {
            let (hook, id) = address_parts(&address);
            Event::Connect { of: of(conn), upgrades, hook, id: id.into(), query: query.map(Into::into), fields }
        }
        HookEvent::Message { of: conn, address, kind, payload } => {
            let (hook, id) = address_parts(&address);
            let payload = match kind {
                Kind::Text => Payload::Text(payload.into()),
                Kind::Binary => Payload::Binary(payload.into()),
            };
            Event::Message(Message { of: of(conn), hook, id: id.into(), payload })
        }
        HookEvent::Ask { of: conn, ask } => Event::Ask(Box::new(asked(of(conn), *ask))),
        HookEvent::End { of: conn, address, ending } => {
            let (hook, id) = address_parts(&address);
            let by = ending.by.name();
            Event::End(End { of: of(conn), hook, id: id.into(), code: ending.code, by, reason: ending.reason.into() })
        }
    }
}

/// Serves the events of all shards.
pub(crate) fn serve(
    engine: &Engine,
    desk: &Arc<Desk>,
    queues: Vec<Receiver<Event>>,
) -> Vec<tokio::task::JoinHandle<()>> {
    let served = |events| tokio::spawn(engine.clone().serve(Shards(Arc::clone(desk)), events));
    queues.into_iter().map(served).collect()
}

/// The shards, as the engine sees them.
#[derive(Clone, Debug)]
struct Shards(Arc<Desk>);

impl hook::Shards for Shards {
    fn count(&self) -> usize {
        self.0.shards().into()
    }

    async fn reply(&self, reply: Reply) -> Result<(), Reply> {
        let (shard, mut command, left) = command(reply);
        loop {
            match self.0.hand(shard, command) {
                Ok(()) => return Ok(()),
                Err(Refused::Full(same)) => command = same,
                Err(Refused::Left) => return Err(left),
            }
            tokio::time::sleep(TRY_EVERY).await;
        }
    }
}

/// The command that a reply becomes, and for which shard; and what there is to say if that has left.
fn command(reply: Reply) -> (ShardId, Command, Reply) {
    let of = |of: Of| (ShardId(of.shard), HookConn { conn: ConnId(of.conn), generation: of.generation });
    match reply {
        Reply::Verdict { of: it, hook, id, verdict } => {
            let (shard, conn) = of(it);
            let told = match verdict.clone() {
                hook::Verdict::Accept(protocol) => Verdict::Accept { protocol: protocol.map(Into::into) },
                hook::Verdict::Refuse { status, reason } => Verdict::Refuse { status, reason: (&*reason).into() },
            };
            let address = format!("{hook}/{id}").into();
            let command = Command::Hook(Box::new(HookReply::Verdict { of: conn, address, verdict: told }));
            (shard, command, Reply::Verdict { of: it, hook, id, verdict })
        }
        Reply::Told { of: it, number, told: said } => {
            let (shard, conn) = of(it);
            let command = Command::Hook(Box::new(HookReply::Told { of: conn, number, told: granted(said) }));
            (shard, command, Reply::Told { of: it, number, told: hook::Told::Failed })
        }
        Reply::Outcome { of: it, outcome } => {
            let (shard, conn) = of(it);
            let told = match outcome {
                hook::Outcome::Nothing => Outcome::Nothing,
                hook::Outcome::Reply(Payload::Text(bytes)) => {
                    Outcome::Reply { kind: Kind::Text, payload: (*bytes).into() }
                }
                hook::Outcome::Reply(Payload::Binary(bytes)) => {
                    Outcome::Reply { kind: Kind::Binary, payload: (*bytes).into() }
                }
                hook::Outcome::Close { code, reason } => Outcome::Close { code, reason: reason.into() },
            };
            let command = Command::Hook(Box::new(HookReply::Answer { of: conn, outcome: told }));
            (shard, command, Reply::Outcome { of: it, outcome: hook::Outcome::Nothing })
        }
    }
}
