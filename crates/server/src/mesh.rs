//! The mailboxes between the shards, and who has to be woken.
//!
//! An ordered pair of shards has two lanes, each a bounded single-producer queue. A shard that is about to sleep says so,
//! and whoever put something into its mailbox meanwhile rings its doorbell.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use base::ShardId;
use glommio::channels::spsc_queue::{self, Consumer, Producer};
use ring::RingAddress;
use shard::{Lane, Parcel};

/// Slots of all lanes that end at one shard, together: about 100 B each.
const SLOTS_PER_SHARD: usize = 32_768;

/// Slots of one lane: enough for a burst, whatever the number of shards.
fn lane_slots(shards: u16) -> usize {
    (SLOTS_PER_SHARD / usize::from(shards)).clamp(128, 4_096).next_power_of_two()
}

/// A shard's sleep, as the others see it, on a cache line of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Bed {
    sleeping: AtomicBool,
    /// It drains, has no connection and nothing to send: it may leave once that holds for all.
    empty: AtomicBool,
    bell: RingAddress,
}

/// Everyone's sleep. Shared by all shards and the control plane.
#[derive(Clone, Debug)]
pub(crate) struct Beds(Arc<[Bed]>);

impl Beds {
    pub(crate) fn new(bells: impl Iterator<Item = RingAddress>) -> Self {
        Self(bells.map(|bell| Bed { sleeping: AtomicBool::new(false), empty: AtomicBool::new(false), bell }).collect())
    }

    /// Says that `shard` is about to sleep. It must then look into its mailboxes once more, and sleep only if they are empty.
    ///
    /// Why nothing is missed: the sleeper stores the flag, fences, then reads the mailbox; a sender writes the mailbox,
    /// fences (in [`Beds::wake`]), then reads the flag. Both fences are sequentially consistent, so one of them is first: if
    /// the sleeper's, the sender sees the flag and rings; if the sender's, the sleeper sees the parcel and stays awake.
    pub(crate) fn lie_down(&self, shard: ShardId) {
        self.0[shard.index()].sleeping.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Says that `shard` is awake.
    pub(crate) fn get_up(&self, shard: ShardId) {
        self.0[shard.index()].sleeping.store(false, Ordering::Relaxed);
    }

    /// Says that `shard` has drained. It can't take back: no connection comes any more, and what others ask of it is no connection.
    pub(crate) fn say_empty(&self, shard: ShardId) {
        self.0[shard.index()].empty.store(true, Ordering::Release);
    }

    /// True once every shard has drained. Before that each is needed: it owns subjects that the clients of others listen to.
    pub(crate) fn are_empty(&self) -> bool {
        self.0.iter().all(|bed| bed.empty.load(Ordering::Acquire))
    }

    /// After something was put where `shard` looks before it sleeps: whom to ring, if it sleeps. Only one of several callers
    /// gets the bell, and must ring it.
    pub(crate) fn wake(&self, shard: ShardId) -> Option<RingAddress> {
        let bed = &self.0[shard.index()];
        fence(Ordering::SeqCst);
        // Looking first leaves the line shared while it is awake, which is when there is much to say.
        let asleep = bed.sleeping.load(Ordering::Relaxed) && bed.sleeping.swap(false, Ordering::Relaxed);
        asleep.then_some(bed.bell)
    }
}

/// The end of a mailbox that one shard writes.
struct Outgoing {
    request: Producer<Parcel>,
    delivery: Producer<Parcel>,
    /// Something was put in since the last [`Mesh::bells`].
    written: bool,
}

/// The end of a mailbox that one shard reads.
struct Incoming {
    from: ShardId,
    request: Lookahead,
    delivery: Lookahead,
}

/// A queue into which one can look without taking.
struct Lookahead {
    queue: Consumer<Parcel>,
    front: Option<Parcel>,
}

impl Lookahead {
    fn new(queue: Consumer<Parcel>) -> Self {
        Self { queue, front: None }
    }

    fn take(&mut self) -> Option<Parcel> {
        self.front.take().or_else(|| self.queue.try_pop())
    }

    fn is_empty(&mut self) -> bool {
        if self.front.is_none() {
            self.front = self.queue.try_pop();
        }
        self.front.is_none()
    }
}

/// One shard's ends of all its mailboxes.
pub(crate) struct Mesh {
    /// By the receiver's number; none for the shard itself.
    outgoing: Vec<Option<Outgoing>>,
    incoming: Vec<Incoming>,
}

/// All mailboxes of a server, as each shard's part.
pub(crate) fn meshes(shards: u16) -> Vec<Mesh> {
    let slots = lane_slots(shards);
    let mut meshes: Vec<Mesh> = (0..shards).map(|_| Mesh { outgoing: Vec::new(), incoming: Vec::new() }).collect();
    for from in 0..shards {
        for to in 0..shards {
            if from == to {
                meshes[usize::from(from)].outgoing.push(None);
                continue;
            }
            let (request, requested) = spsc_queue::make(slots);
            let (delivery, delivered) = spsc_queue::make(slots);
            meshes[usize::from(from)].outgoing.push(Some(Outgoing { request, delivery, written: false }));
            meshes[usize::from(to)].incoming.push(Incoming {
                from: ShardId(from),
                request: Lookahead::new(requested),
                delivery: Lookahead::new(delivered),
            });
        }
    }
    meshes
}

impl Mesh {
    /// Puts a parcel into the mailbox of `to`.
    ///
    /// # Errors
    /// The parcel itself, if its lane is full.
    pub(crate) fn send(&mut self, to: ShardId, parcel: Parcel) -> Result<(), Parcel> {
        let Some(Some(mailbox)) = self.outgoing.get_mut(to.index()) else {
            debug_assert!(false, "no mailbox leads to shard {}", to.0);
            return Err(parcel);
        };
        // Even if it is full: the receiver has to empty it.
        mailbox.written = true;
        let lane = match parcel.lane() {
            Lane::Request => &mailbox.request,
            Lane::Delivery => &mailbox.delivery,
        };
        lane.try_push(parcel).map_or(Ok(()), Err)
    }

    /// The next parcel of a mailbox, deliveries first. `mailbox` counts from 0 to [`Mesh::mailboxes`].
    pub(crate) fn receive(&mut self, mailbox: usize, lane: Lane) -> Option<(ShardId, Parcel)> {
        let incoming = self.incoming.get_mut(mailbox)?;
        let queue = match lane {
            Lane::Request => &mut incoming.request,
            Lane::Delivery => &mut incoming.delivery,
        };
        queue.take().map(|parcel| (incoming.from, parcel))
    }

    /// How many mailboxes there are to read.
    pub(crate) fn mailboxes(&self) -> usize {
        self.incoming.len()
    }

    /// Whether nothing waits that would be taken: requests count only if they are `accepted`.
    pub(crate) fn is_quiet(&mut self, requests_accepted: bool) -> bool {
        self.incoming
            .iter_mut()
            .all(|mailbox| mailbox.delivery.is_empty() && (!requests_accepted || mailbox.request.is_empty()))
    }

    /// The doorbells that have to be rung for what was sent since the last call: one a sleeping receiver.
    pub(crate) fn bells<'a>(&'a mut self, beds: &'a Beds) -> impl Iterator<Item = RingAddress> + 'a {
        self.outgoing.iter_mut().zip(0..).filter_map(|(mailbox, to)| {
            let mailbox = mailbox.as_mut().filter(|mailbox| mailbox.written)?;
            mailbox.written = false;
            beds.wake(ShardId(to))
        })
    }
}

impl std::fmt::Debug for Mesh {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Mesh({} mailboxes)", self.incoming.len())
    }
}
