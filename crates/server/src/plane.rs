//! The data plane as the control plane sees it: calls become commands, answers come back.
use std::borrow::Cow;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base::{ShardId, SubjectKey, SubjectName};
use control::metric::{self, Histogram, Metric, Sample};
use control::{
    Accepted, Ban, BanError, DataPlane, Headcount, History, HistoryError, HistoryWanted, Order, OrderError,
    PayloadKind, PresenceError, Present, Publish, PublishError, State, Subjects, SubjectsError, Whom,
};
use hook::Engine;
use hub::{Draft, Extra, Kind, Namespace, Position, Version};
use protocol::epoch;
use protocol::plain::{Mark, subject_tag, write_position};
use shard::{Answer, Command, Metered, Refusal, Report, Transport, Whose};

use crate::bans::Bans;
use crate::desk::{Desk, Reply};
use crate::hook_metrics;
use crate::settings::Settings;
use crate::tally::Tally;

/// A shard that has not answered by then is not going to.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A handle to all shards.
#[derive(Clone, Debug)]
pub(crate) struct Plane {
    pub(crate) desk: Arc<Desk>,
    pub(crate) key: SubjectKey,
    /// Names this run of the server.
    pub(crate) uid: u64,
    pub(crate) engine: Engine,
    dev: bool,
    bounds: Arc<Bounds>,
    pub(crate) bans: Arc<Bans>,
}

/// What changes with the settings.
#[derive(Default, Debug)]
struct Bounds {
    payload_bytes: AtomicUsize,
    presence_clients: AtomicUsize,
    namespaces: RwLock<Arc<[Namespace]>>,
}

impl Plane {
    pub(crate) fn new(
        desk: Arc<Desk>,
        key: SubjectKey,
        uid: u64,
        settings: &Settings,
        engine: Engine,
        bans: Arc<Bans>,
    ) -> Self {
        let plane = Self { desk, key, uid, engine, dev: settings.dev, bounds: Arc::default(), bans };
        plane.configure(settings);
        plane
    }

    /// From now on these settings hold.
    pub(crate) fn configure(&self, settings: &Settings) {
        let limits = &settings.limits;
        self.bounds.payload_bytes.store(limits.payload_bytes, Ordering::Relaxed);
        self.bounds.presence_clients.store(limits.presence_clients, Ordering::Relaxed);
        self.bans.configure(settings.bans_max);
        // A list is whole whoever panicked over it.
        let mut namespaces = self.bounds.namespaces.write().unwrap_or_else(PoisonError::into_inner);
        *namespaces = settings.namespaces.as_slice().into();
    }

    /// What the subject's namespace says, or what holds in development where there is none; `None`: there is no such subject.
    pub(crate) fn look<T: Default>(&self, subject: &str, at: impl FnOnce(&Namespace) -> T) -> Option<T> {
        let namespaces = Arc::clone(&self.bounds.namespaces.read().unwrap_or_else(PoisonError::into_inner));
        Namespace::of(&namespaces, subject).map(at).or_else(|| self.dev.then(T::default))
    }

    /// Most clients that one answer about presence names.
    pub(crate) fn presence_clients_max(&self) -> usize {
        self.bounds.presence_clients.load(Ordering::Relaxed)
    }

    pub(crate) async fn ask(&self, shard: ShardId, command: Command) -> Option<Reply> {
        let pending = self.desk.ask(shard, command)?;
        tokio::time::timeout(ANSWER_TIMEOUT, pending.reply()).await.ok()?
    }

    async fn publish_checked(&self, request: Publish) -> Result<Accepted, PublishError> {
        let name = hub::subject_name(request.subject.as_bytes())
            .map_err(|error| PublishError::BadSubject(error.to_string()))?;
        let tag_bytes: usize = request.extra.tags.iter().map(|(key, value)| key.len() + value.len()).sum();
        let bytes_max = self.bounds.payload_bytes.load(Ordering::Relaxed);
        if request.payload.len() + tag_bytes > bytes_max {
            return Err(PublishError::TooLarge { bytes_max });
        }
        let (format, keeps) = self
            .look(name, |namespace| (namespace.format, namespace.history.is_some()))
            .ok_or(PublishError::UnknownSubject)?;
        if !shard::may_carry(format, &request.payload) {
            return Err(PublishError::BadData);
        }
        let kept = keeps && !request.extra.skip_history;
        let subject = SubjectName::from(name);
        let draft = Draft {
            payload: request.payload.into(),
            kind: match request.kind {
                PayloadKind::Text => Kind::Text,
                PayloadKind::Binary => Kind::Binary,
            },
            extra: extra(request.extra),
        };
        // Straight to the owner: a hop less.
        let answer = self.ask_owner(&subject, Command::Publish { subject: subject.clone(), draft }).await;
        let Some(Answer::Published(position)) = answer else {
            return Err(PublishError::Unavailable);
        };
        Ok(accepted(&subject, position, kept))
    }

    /// Sends a command about a subject to its owner.
    pub(crate) async fn ask_owner(&self, subject: &str, command: Command) -> Option<Answer> {
        let owner = self.key.hash(subject.as_bytes()).owner(self.desk.shards());
        self.ask(owner, command).await.map(|reply| reply.answer)
    }

    /// Sends a command to every shard, to all at once; `None` unless all of them answer.
    pub(crate) async fn ask_all(&self, command: impl Fn() -> Command) -> Option<Vec<Answer>> {
        let asked: Vec<_> =
            (0..self.desk.shards()).map(|shard| self.desk.ask(ShardId(shard), command())).collect::<Option<_>>()?;
        let mut answers = Vec::with_capacity(asked.len());
        let until = tokio::time::Instant::now() + ANSWER_TIMEOUT;
        for pending in asked {
            answers.push(tokio::time::timeout_at(until, pending.reply()).await.ok()??.answer);
        }
        Some(answers)
    }

    async fn all_samples(&self) -> Vec<Sample> {
        let asked: Vec<_> =
            (0..self.desk.shards()).filter_map(|shard| self.desk.ask(ShardId(shard), Command::Report)).collect();
        let mut samples = self.ban_samples();
        for pending in asked {
            let Ok(Some(reply)) = tokio::time::timeout(ANSWER_TIMEOUT, pending.reply()).await else { continue };
            if let (Answer::Report(report), Some(tally)) = (&reply.answer, &reply.tally) {
                of_report(&mut samples, reply.shard, report, tally);
            }
        }
        hook_metrics::add(&mut samples, &self.engine);
        samples
    }
}

impl DataPlane for Plane {
    fn publish(&self, request: Publish) -> impl Future<Output = Result<Accepted, PublishError>> + Send {
        self.publish_checked(request)
    }

    fn history(&self, wanted: HistoryWanted) -> impl Future<Output = Result<History, HistoryError>> + Send {
        self.read_history(wanted)
    }

    fn remove_history(&self, subject: String) -> impl Future<Output = Result<(), HistoryError>> + Send {
        self.forget_history(subject)
    }

    fn subjects(&self, glob: String) -> impl Future<Output = Result<Subjects, SubjectsError>> + Send {
        self.list_subjects(glob)
    }

    fn presence(&self, subject: String) -> impl Future<Output = Result<Vec<Present>, PresenceError>> + Send {
        self.who_is_present(subject)
    }

    fn headcount(&self, subject: String) -> impl Future<Output = Result<Headcount, PresenceError>> + Send {
        self.count_present(subject)
    }

    fn order(&self, whom: Whom, order: Order) -> impl Future<Output = Result<u64, OrderError>> + Send {
        self.have_done(whom, order)
    }

    fn ban(&self, ban: Ban) -> impl Future<Output = Result<(), BanError>> + Send {
        self.keep_out(ban)
    }

    fn users(&self) -> impl Future<Output = Option<u64>> + Send {
        self.count_users()
    }

    fn samples(&self) -> impl Future<Output = Vec<Sample>> + Send {
        self.all_samples()
    }

    fn histograms(&self) -> Vec<Histogram> {
        hook_metrics::histograms(&self.engine)
    }

    fn state(&self) -> State {
        self.desk.state()
    }
}

fn extra(told: control::Extra) -> Option<Arc<Extra>> {
    (told != control::Extra::default()).then(|| {
        let control::Extra { idempotency_key, tags, version, version_epoch, skip_history, delta } = told;
        let version = (version > 0).then(|| Version { number: version, epoch: version_epoch.into() });
        let tags = tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        let idempotency_key = idempotency_key.map(Into::into);
        Arc::new(Extra { publisher: None, idempotency_key, tags, version, skip_history, delta })
    })
}

fn accepted(subject: &str, Position { epoch, offset }: Position, kept: bool) -> Accepted {
    let mut position = Vec::new();
    write_position(&mut position, &[Mark { subject_tag: subject_tag(subject), epoch, offset }]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Accepted { kept, offset, epoch: text(&epoch::text(epoch)), position: text(&position) }
}

/// Adds the commands that were over a limit, of one shard.
fn limited(samples: &mut Vec<Sample>, shard: ShardId, report: &Report) {
    for (whose, counts) in Whose::ALL.iter().zip(&report.limited) {
        for (command, count) in Metered::ALL.iter().zip(counts).filter(|(_, count)| **count > 0) {
            let named = |name, text: &'static str| (name, Cow::Borrowed(text));
            let label = ("shard", Cow::Owned(shard.0.to_string()));
            let labels = vec![label, named("layer", whose.name()), named("command", command.name())];
            samples.push(Sample { metric: &metric::LIMITED, labels, value: whole(*count) });
        }
    }
}

/// Adds one shard's samples.
fn of_report(samples: &mut Vec<Sample>, shard: ShardId, report: &Report, tally: &Tally) {
    let label = || ("shard", Cow::Owned(shard.0.to_string()));
    let mut add = |metric: &'static Metric, value: f64| {
        samples.push(Sample { metric, labels: vec![label()], value });
    };
    for (metric, count) in [
        (&metric::ACCEPTED, report.accepted),
        (&metric::CLOSED, report.closed),
        (&metric::MESSAGES_IN, report.messages_in),
        (&metric::MESSAGES_OUT, report.messages_out),
        (&metric::BYTES_IN, report.bytes_in),
        (&metric::BYTES_OUT, report.bytes_out),
        (&metric::OUTBOX_BYTES, report.outbox_bytes),
        (&metric::OUTBOX_DROPPED, report.outbox_dropped),
        (&metric::OUTBOX_CONFLATED, report.outbox_conflated),
        (&metric::CONFLATED, report.conflated),
        (&metric::OUTBOX_CLOSED, report.outbox_closed),
        (&metric::OUTDATED, report.outdated),
        (&metric::DEFLATED, report.deflated),
        (&metric::BUCKETS_FORGOTTEN, report.buckets_forgotten),
        (&metric::KEYS_FORGOTTEN, report.keys_forgotten),
        (&metric::UNTOLD, report.untold),
        (&metric::HOOK_MESSAGES, report.hook_messages),
        (&metric::HOOK_ANSWERS, report.hook_answers),
        (&metric::HOOK_PUSHES, report.hook_pushes),
        (&metric::HOOK_FULL, report.hook_full),
        (&metric::HOOK_DROPPED, report.hook_dropped),
        (&metric::SUBSCRIBED, report.subjects_subscribed),
        (&metric::SUBJECTS, report.subjects),
        (&metric::SUBSCRIPTIONS, report.subscriptions),
        (&metric::HISTORY, report.history_publications),
        (&metric::HOPS_OUT, report.hops_out),
        (&metric::HOPS_IN, report.hops_in),
        (&metric::HOP_BACKLOG, report.backlog_parcels),
        (&metric::TURNS, tally.turns),
        (&metric::SLEEPS, tally.sleeps),
        (&metric::DOORBELLS, tally.doorbells),
        (&metric::ACCEPT_PAUSES, tally.accept_pauses),
    ] {
        add(metric, whole(count));
    }
    for (metric, time) in
        [(&metric::TURN_TIME, tally.turn_time), (&metric::TURN_LONGEST, tally.longest), (&metric::SHARD_CPU, tally.cpu)]
    {
        add(metric, time.as_secs_f64());
    }
    let mut add_labelled = |metric, name, text: &'static str, count| {
        samples.push(Sample { metric, labels: vec![label(), (name, Cow::Borrowed(text))], value: whole(count) });
    };
    for (transport, count) in Transport::ALL.iter().zip(report.connections) {
        add_labelled(&metric::CONNECTIONS, "transport", transport.name(), count);
    }
    for (refusal, mut count) in Refusal::ALL.iter().zip(report.refusals) {
        if *refusal == Refusal::Capacity {
            count += tally.refused + tally.handed_over_lost;
        }
        add_labelled(&metric::REFUSALS, "kind", refusal.name(), count);
    }
    for (call, count) in [("enter", tally.enters), ("receive", tally.receives), ("send", tally.sends)] {
        add_labelled(&metric::CALLS, "call", call, count);
    }
    for (class, bytes) in [
        ("connections", report.memory_connections + tally.slot_bytes),
        ("subscriptions", report.memory_subscriptions),
        ("subjects", report.memory_subjects),
        ("history", report.memory_history),
        ("lent", report.memory_lent),
    ] {
        add_labelled(&metric::MEMORY, "class", class, bytes);
    }
    limited(samples, shard, report);
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, as metrics are")]
fn whole(count: u64) -> f64 {
    count as f64
}
