//! One run: a crowd of clients acts at random, comes to rest, is examined, and leaves nothing behind.
use core::time::Duration;
use std::collections::BTreeMap;

use base::{Instant, Prng, ShardId};
use hub::{Draft, Extra, Kind};
use shard::{Answer, Command, Holdings, Report, Ticket};

use crate::back_end::BackEnd;
use crate::client::{
    Client, EventStream, Hooked, Listener, LongPoll, Patience, Poster, Publisher, Pusher, Rude, Scene, Session,
};
use crate::cluster::Cluster;
use crate::model::{Model, Place, Tally};
use crate::plan::Plan;
use crate::trace::Trace;

/// How a run is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Steps until the clients come to rest.
    pub steps: u64,
    /// Whether every event is printed.
    pub trace: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { steps: 600, trace: false }
    }
}

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// All that happened, in one number: the same seed gives the same.
    pub hash: u64,
    /// How much happened.
    pub events: u64,
    /// What it brought about.
    pub tally: Tally,
}

/// Names the seed if the run panics, wherever that is.
struct Guard(u64);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seed = self.0;
            eprintln!("seed {seed} fails; to replay it: cargo run -p ringcast-sim -- --seed {seed} --trace");
        }
    }
}

/// Runs the seed.
///
/// # Panics
/// If the server breaks a promise. The seed is printed.
#[must_use]
pub fn run(seed: u64, options: Options) -> Outcome {
    let _guard = Guard(seed);
    let mut run = Run::new(Plan::of(seed), options);
    run.begin();
    for _ in 0..options.steps {
        run.step();
    }
    run.settle();
    run.examine();
    run.leave();
    run.examine_what_is_left();
    Outcome { hash: run.cluster.trace.hash(), events: run.cluster.trace.events(), tally: run.model.tally }
}

struct Run {
    plan: Plan,
    cluster: Cluster,
    back_end: BackEnd,
    model: Model,
    clients: Vec<Client>,
    witnesses: Vec<Client>,
    random: Prng,
    tickets: u64,
    /// Publications of the control plane that are not answered yet.
    ordered: BTreeMap<Ticket, (usize, u32)>,
}

macro_rules! scene {
    ($run:expr) => {
        Scene { plan: &$run.plan, model: &mut $run.model, random: &mut $run.random, cluster: &mut $run.cluster }
    };
}

impl Run {
    fn new(plan: Plan, options: Options) -> Self {
        let cluster = Cluster::new(&plan, Trace::new(options.trace));
        if options.trace {
            eprintln!("{plan:#?}");
        }
        let mut random = Prng::new(plan.seed, "clients");
        let witnesses = (0..plan.subjects.len())
            .filter(|&subject| plan.subjects[subject].witnessed)
            .map(|subject| {
                let talk = Box::new(EventStream::new(vec![subject], true));
                Client::new(1_000 + subject, Patience::Fast, talk)
            })
            .collect();
        let clients = (0..plan.clients).map(|number| client(number, &plan, &mut random)).collect();
        let model = Model::new(&plan);
        let back_end = BackEnd::new(plan.seed, plan.hook.messages);
        Self { plan, cluster, back_end, model, clients, witnesses, random, tickets: 0, ordered: BTreeMap::new() }
    }

    /// The witnesses take their places, each with the owner of its subject.
    fn begin(&mut self) {
        let watched: Vec<usize> =
            (0..self.plan.subjects.len()).filter(|&at| self.plan.subjects[at].witnessed).collect();
        for (witness, subject) in self.witnesses.iter_mut().zip(watched) {
            witness.connect(self.plan.owner(subject), usize::MAX, &mut scene!(self));
        }
        while self.witnesses.iter().any(|witness| !witness.is_open()) {
            for shard in self.cluster.shards() {
                self.turn(shard, 1);
            }
        }
    }

    /// A turn, after which the witnesses have seen what it brought.
    fn turn(&mut self, shard: ShardId, patience: u64) -> usize {
        let handled = self.cluster.turn(shard, patience);
        for witness in &mut self.witnesses {
            while witness.read(usize::MAX, &mut scene!(self)) {}
        }
        self.examine_answers();
        handled + self.back_end.work(&mut self.cluster)
    }

    fn step(&mut self) {
        match self.random.below(10) {
            0..=3 => {
                let shard = self.any_shard();
                let patience = 1 + self.random.below(3);
                self.turn(shard, patience);
            }
            4 => self.pass_time(),
            5..=6 => self.read_a_bit(),
            _ => self.act(),
        }
        if self.random.one_in(50) {
            self.control();
        }
        if self.plan.drains_early && self.random.one_in(300) {
            self.drain();
        }
    }

    /// The control plane asks a shard for something.
    fn control(&mut self) {
        let shard = self.any_shard();
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        if self.random.one_in(2) {
            self.cluster.command(shard, ticket, Command::Report);
            return;
        }
        let subject = usize::try_from(self.random.below(self.plan.subjects.len() as u64)).unwrap_or(0);
        let number = self.model.publish(subject, true, &mut self.random);
        self.ordered.insert(ticket, (subject, number));
        let tag = self.model.set_tag(number).to_string();
        let extra = Extra { tags: [("k".into(), tag.into())].into(), ..Extra::default() };
        let draft = Draft { payload: self.model.payload(number).into(), kind: Kind::Text, extra: Some(extra.into()) };
        let subject = self.plan.subjects[subject].name.as_str().into();
        self.cluster.command(shard, ticket, Command::Publish { subject, draft });
    }

    fn any_shard(&mut self) -> ShardId {
        ShardId(u16::try_from(self.random.below(self.plan.shards.into())).unwrap_or(0))
    }

    fn pass_time(&mut self) {
        let span = if self.plan.leaps && self.random.one_in(12) {
            Duration::from_millis(self.random.below(20_000))
        } else {
            Duration::from_micros(self.random.below(4_000))
        };
        self.cluster.advance(span);
    }

    fn any_client(&mut self) -> usize {
        usize::try_from(self.random.below(self.clients.len() as u64)).unwrap_or(0)
    }

    fn read_a_bit(&mut self) {
        let at = self.any_client();
        let most = match self.clients[at].patience {
            Patience::Fast => usize::MAX,
            Patience::Slow => 1 + usize::try_from(self.random.below(100)).unwrap_or(0),
            Patience::Never => return,
        };
        self.clients[at].read(most, &mut scene!(self));
    }

    fn act(&mut self) {
        let at = self.any_client();
        if self.clients[at].link.is_none() {
            let shard = self.any_shard();
            let capacity = self.plan.socket_bytes;
            self.clients[at].connect(shard, capacity, &mut scene!(self));
        } else if self.plan.faults > 0 && self.random.one_in(self.plan.faults) {
            // In the middle of something, more often than not.
            self.clients[at].act(&mut scene!(self));
            if self.random.one_in(2) {
                self.clients[at].reset(&mut scene!(self));
            } else {
                self.clients[at].finish(&mut scene!(self));
            }
        } else {
            self.clients[at].act(&mut scene!(self));
        }
    }

    /// Nobody acts any more; everything that is on its way arrives.
    fn settle(&mut self) {
        let mut quiet = 0;
        while quiet < 4 {
            let busy = self.everyone_reads() + self.all_turns();
            let is_quiet = busy == 0 && !self.has_backlog() && !self.back_end.is_busy(&mut self.cluster);
            quiet = if is_quiet { quiet + 1 } else { 0 };
            if busy == 0 {
                // What is reported with a delay.
                self.cluster.advance(Duration::from_millis(60));
            }
        }
    }

    fn all_turns(&mut self) -> usize {
        self.cluster.shards().map(|shard| self.turn(shard, 1)).sum()
    }

    fn has_backlog(&self) -> bool {
        self.cluster.shards().any(|shard| self.cluster.shard(shard).has_backlog() || self.cluster.mail(shard) > 0)
    }

    fn everyone_reads(&mut self) -> usize {
        let mut busy = 0;
        for at in 0..self.clients.len() {
            busy += usize::from(self.clients[at].read(usize::MAX, &mut scene!(self)));
        }
        busy
    }

    fn examine(&mut self) {
        self.model.settled();
        for at in 0..self.clients.len() {
            self.clients[at].settled(&mut scene!(self));
        }
        assert!(self.ordered.is_empty(), "the control plane waits for {:?}", self.ordered);
        let holders = self.clients.iter().filter(|client| client.holds()).count();
        let held: usize = self.cluster.shards().map(|shard| self.cluster.shard(shard).holdings().lent).sum();
        assert!(held <= holders, "something is lent to {held} connections, {holders} need it");
        if self.plan.is_calm() {
            let spurious = self.model.tally.closes.keys().find(|&&code| code != 3506);
            assert_eq!(spurious, None, "a healthy connection was closed");
        }
    }

    /// Everyone leaves, or is told to; and then so much time passes that nothing is worth keeping.
    fn leave(&mut self) {
        if self.plan.drains {
            self.drain();
        } else {
            for client in self.clients.iter_mut().chain(&mut self.witnesses) {
                if self.random.one_in(2) {
                    client.reset(&mut scene!(self));
                } else {
                    client.finish(&mut scene!(self));
                }
            }
        }
        let end = self.cluster.now + Duration::from_secs(700);
        while self.cluster.now < end {
            while self.everyone_reads() + self.all_turns() > 0 || self.has_backlog() {}
            let is_awaited = self.back_end.is_busy(&mut self.cluster);
            let due = if is_awaited { Some(self.cluster.now) } else { self.cluster.next_timeout() };
            let next = due.unwrap_or(end).max(self.cluster.now);
            self.cluster.now = next.min(end);
            self.cluster.advance(Duration::from_millis(1));
        }
    }

    fn drain(&mut self) {
        for shard in self.cluster.shards() {
            self.tickets += 1;
            let spread = Duration::from_millis(self.random.below(3_000));
            self.cluster.command(shard, Ticket(self.tickets), Command::Drain { spread });
        }
    }

    fn examine_answers(&mut self) {
        for shard in self.cluster.shards() {
            for (ticket, answer) in core::mem::take(&mut self.cluster.world(shard).answers) {
                match answer {
                    Answer::Published(position) => {
                        let (subject, number) = self.ordered.remove(&ticket).expect("an answer to what was asked");
                        let place = Place { epoch: position.epoch, offset: position.offset };
                        self.model.learn(subject, number, place);
                        self.model.confirm(number);
                    }
                    Answer::Report(report) => self.examine_report(&report),
                    Answer::History(_)
                    | Answer::HistoryRemoved(_)
                    | Answer::Subjects(_)
                    | Answer::Headcount(_)
                    | Answer::Obeyed(_)
                    | Answer::Users { .. }
                    | Answer::Roll(_) => {}
                }
            }
        }
    }

    fn examine_report(&self, report: &Report) {
        let open: u64 = report.connections.iter().sum();
        assert_eq!(open, report.accepted - report.closed, "connections are counted well: {report:?}");
        if self.plan.history.is_none() {
            // One frame may be over the bound by itself, and answers and pongs may stand behind it.
            let most = open * (self.plan.outbox.bytes as u64 + 16_000);
            assert!(report.outbox_bytes <= most, "outboxes hold {} bytes, {most} are enough", report.outbox_bytes);
        }
    }

    fn examine_what_is_left(&mut self) {
        self.back_end.examine_what_is_left();
        self.model.tally.accepted = self.back_end.accepted;
        for shard in self.cluster.shards() {
            assert_eq!(self.cluster.shard(shard).connections(), 0, "connections are left on shard {}", shard.0);
            assert!(!self.plan.drains || self.cluster.shard(shard).is_drained(), "shard {} is not drained", shard.0);
            assert_eq!(self.cluster.shard(shard).holdings(), Holdings::default(), "shard {} holds on", shard.0);
            self.cluster.command(shard, Ticket(0), Command::Report);
            self.cluster.turn(shard, 1);
            for (_, answer) in core::mem::take(&mut self.cluster.world(shard).answers) {
                if let Answer::Report(report) = answer {
                    nothing_is_left(shard, &report, self.cluster.now);
                }
            }
        }
    }
}

fn nothing_is_left(shard: ShardId, report: &Report, now: Instant) {
    let gauges = [
        ("connections", report.connections.iter().sum()),
        ("subjects", report.subjects),
        ("subscribed subjects", report.subjects_subscribed),
        ("subscriptions", report.subscriptions),
        ("history", report.history_publications),
        ("outbox bytes", report.outbox_bytes),
        ("parcels", report.backlog_parcels),
    ];
    for (name, value) in gauges {
        assert_eq!(value, 0, "{name} are left on shard {} at {} ms: {report:?}", shard.0, now.as_millis());
    }
}

fn client(number: usize, plan: &Plan, random: &mut Prng) -> Client {
    let patience = match random.below(8) {
        0 => Patience::Never,
        1 | 2 => Patience::Slow,
        _ => Patience::Fast,
    };
    let mut subjects: Vec<usize> =
        (0..=random.below(3)).map(|_| usize::try_from(random.below(plan.subjects.len() as u64)).unwrap_or(0)).collect();
    subjects.sort_unstable();
    subjects.dedup();
    match random.below(16) {
        0 | 1 => Client::new(number, patience, Box::new(Listener::new(subjects))),
        2 | 3 => Client::new(number, patience, Box::new(EventStream::new(subjects, false))),
        8 | 9 => Client::new(number, patience, Box::new(LongPoll::new(subjects))),
        10 | 11 => Client::new(number, patience, Box::new(Session::default())),
        13 | 14 => Client::new(number, patience, Box::new(Hooked::default())),
        15 => Client::new(number, patience, Box::new(Pusher::default())),
        12 => Client::new(number, patience, Box::new(Rude::default())),
        4 | 5 => Client::new(number, patience, Box::new(Poster::default())),
        6 => Client::new(number, patience, Box::new(Publisher::new(true))),
        _ => Client::new(number, patience, Box::new(Publisher::new(false))),
    }
}
