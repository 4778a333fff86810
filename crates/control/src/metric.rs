//! Every metric there is, in one list: docs/METRICS.md shows it, the page and the scrape read by it.
use std::borrow::Cow;

/// A metric family.
#[derive(PartialEq, Eq, Debug)]
pub struct Metric {
    /// The full name with its unit; a counter's ends in `_total`.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub help: &'static str,
    /// How it moves.
    pub kind: MetricKind,
}

/// How a metric moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values by how large they are: see [`Histogram`].
    Histogram,
}

/// One value of a metric.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
    /// Of which metric: one of this module's.
    pub metric: &'static Metric,
    /// Label names and values. Every shard's sample has `shard`; further ones are named in the metric's help.
    pub labels: Vec<(&'static str, Cow<'static, str>)>,
    /// The value in the unit of the metric's name. Whole numbers are exact up to 2^53.
    pub value: f64,
}

/// The values of a [`MetricKind::Histogram`] with the same labels.
#[derive(Clone, PartialEq, Debug)]
pub struct Histogram {
    /// Of which metric: one of this module's.
    pub metric: &'static Metric,
    /// Label names and values.
    pub labels: Vec<(&'static str, Cow<'static, str>)>,
    /// Upper bounds, ascending, in the unit of the metric's name, and how many values are between each and the one before. The last is
    /// `f64::INFINITY`: the rest.
    pub buckets: Vec<(f64, u64)>,
    /// All values together.
    pub sum: f64,
}

macro_rules! metrics {
    ($($id:ident = $kind:ident $name:literal $help:literal;)*) => {
        $(
            #[doc = $help]
            pub static $id: Metric = Metric { name: $name, help: $help, kind: MetricKind::$kind };
        )*
        /// All of them, in the order of the scrape.
        pub static ALL: &[&Metric] = &[$(&$id),*];
    };
}

metrics! {
    BUILD = Gauge "ringcast_build_info" "Always 1; the labels `version`, `kernel` and `mode` say what is running.";
    READY = Gauge "ringcast_ready" "1 while the server is ready, 0 while it starts or drains.";

    CONNECTIONS = Gauge "ringcast_connections" "Open connections, by `transport`.";
    ACCEPTED = Counter "ringcast_connections_accepted_total" "Connections accepted.";
    CLOSED = Counter "ringcast_connections_closed_total" "Connections ended, by whichever side.";
    REFUSALS = Counter "ringcast_refusals_total" "Requests refused and connections closed by the server, by `kind`.";

    BANS = Gauge "ringcast_bans" "Users and tokens that are kept out, by `kind`: user, token, user_tokens.";
    LIMITED = Counter "ringcast_rate_limited_total" "Commands over a limit of client.rate_limit, by `layer` and `command`; only those that were.";
    KEYS_FORGOTTEN = Counter "ringcast_idempotency_keys_forgotten_total" "Idempotency keys that were forgotten within their five minutes: a core keeps the newest 65,536.";
    BUCKETS_FORGOTTEN = Counter "ringcast_rate_buckets_forgotten_total" "Buckets of client.rate_limit that were forgotten before they were full, for want of limits.rate_buckets.";

    MESSAGES_IN = Counter "ringcast_messages_received_total" "Publications accepted from clients and from the HTTP API.";
    MESSAGES_OUT = Counter "ringcast_messages_sent_total" "Publications given to subscribers: to their sockets or outboxes.";
    BYTES_IN = Counter "ringcast_received_bytes_total" "Bytes received from sockets.";
    BYTES_OUT = Counter "ringcast_sent_bytes_total" "Bytes that sockets took.";

    OUTBOX_BYTES = Gauge "ringcast_outbox_bytes" "Bytes that wait for slow subscribers.";
    OUTBOX_DROPPED = Counter "ringcast_outbox_dropped_messages_total" "Publications that a slow subscriber lost under the policy drop_oldest.";
    OUTBOX_CONFLATED = Counter "ringcast_outbox_conflated_messages_total" "Publications that a newer one of their subject replaced under the policy conflate.";
    OUTBOX_CLOSED = Counter "ringcast_outbox_closed_connections_total" "Slow subscribers closed under the policy close.";
    CONFLATED = Counter "ringcast_conflated_messages_total" "Publications that a newer one of their subject replaced, since its namespace has conflate_ms.";
    OUTDATED = Counter "ringcast_outdated_messages_total" "Publications that went nowhere, since one of their version or a later one had been kept.";
    DEFLATED = Counter "ringcast_deflated_messages_total" "Messages that were compressed, or tried: a publication once for each encoding, however many subscribers get it.";
    UNTOLD = Counter "ringcast_join_leave_untold_total" "Comings and goings that somebody was not told of: too many in a second, or too much waiting for a slow subscriber.";

    HOOK_MESSAGES = Counter "ringcast_ws2api_messages_received_total" "Messages of WS2API clients, given to their back end.";
    HOOK_ANSWERS = Counter "ringcast_ws2api_answers_total" "Answers of back ends that were messages to the client.";
    HOOK_PUSHES = Counter "ringcast_ws2api_pushes_total" "Messages that back ends pushed into outboxes.";
    HOOK_FULL = Counter "ringcast_ws2api_pushes_refused_total" "Messages that back ends could not push, since the client reads too slowly.";
    HOOK_DROPPED = Counter "ringcast_ws2api_dropped_messages_total" "Messages of WS2API clients that were dropped, since too many of the connection were under way.";
    HOOK_REQUESTS = Counter "ringcast_ws2api_requests_total" "Requests to back ends, by `prefix`, `backend`, `purpose` and `outcome`.";
    HOOK_LATENCY = Histogram "ringcast_ws2api_request_latency_seconds" "How long these took, waiting for their turn included, by `prefix`, `backend` and `purpose`.";
    HOOK_IN_FLIGHT = Gauge "ringcast_ws2api_requests_in_flight" "Requests under way, by `prefix` and `backend`.";
    HOOK_WAITING = Gauge "ringcast_ws2api_requests_waiting" "Requests that wait for their turn, by `prefix` and `backend`.";
    HOOK_LIMIT = Gauge "ringcast_ws2api_requests_limit" "Requests that a back end may have at a time, by `prefix` and `backend`: the governor's limit, or `backend_connections`.";
    HOOK_CIRCUIT = Gauge "ringcast_ws2api_circuit_open" "1 while a back end is taken to be down, by `prefix` and `backend`.";
    HOOK_OPENINGS = Counter "ringcast_ws2api_circuit_openings_total" "Times that a back end was found to be down, by `prefix` and `backend`.";
    HOOK_ENDS = Gauge "ringcast_ws2api_ends_waiting" "Ends of connections that no back end has heard of yet, by `prefix`.";
    HOOK_LOST = Counter "ringcast_ws2api_ends_lost_total" "Ends of connections that no back end heard of, by `prefix`: too many waited, or for too long.";

    PROXY_REQUESTS = Counter "ringcast_proxy_requests_total" "Questions to event proxies, by `proxy`, `backend`, `event` and `outcome`.";
    PROXY_LATENCY = Histogram "ringcast_proxy_request_latency_seconds" "How long these took, waiting for their turn included, by `proxy`, `backend` and `event`.";
    PROXY_IN_FLIGHT = Gauge "ringcast_proxy_requests_in_flight" "Questions under way, by `proxy` and `backend`.";
    PROXY_WAITING = Gauge "ringcast_proxy_requests_waiting" "Questions that wait for their turn, by `proxy` and `backend`.";

    SUBSCRIBED = Gauge "ringcast_subjects_subscribed" "Subjects with subscribers, each counted at the shard that owns it.";
    SUBJECTS = Gauge "ringcast_subjects" "Subjects known to the shard.";
    SUBSCRIPTIONS = Gauge "ringcast_subscriptions" "Subscriptions.";
    HISTORY = Gauge "ringcast_history_messages" "Publications held in histories.";

    HOPS_OUT = Counter "ringcast_hops_sent_total" "Parcels sent to other shards.";
    HOPS_IN = Counter "ringcast_hops_received_total" "Parcels received from other shards.";
    HOP_BACKLOG = Gauge "ringcast_hop_backlog_parcels" "Parcels that wait for room in another shard's mailbox.";

    TURNS = Counter "ringcast_turns_total" "Turns of the shard's loop.";
    TURN_TIME = Counter "ringcast_turn_seconds_total" "Time spent in turns; its rate is the shard's load, 1 at most.";
    TURN_LONGEST = Gauge "ringcast_turn_longest_seconds" "Loop lag: the longest turn of the last 10 to 20 seconds, which is how long a ready connection may have waited.";
    SHARD_CPU = Counter "ringcast_shard_cpu_seconds_total" "CPU time of the shard's thread, in user space and kernel.";

    SLEEPS = Counter "ringcast_sleeps_total" "Turns after which the shard's thread may have slept.";
    CALLS = Counter "ringcast_system_calls_total" "System calls of the shard's loop, by `call`: enter, receive, send.";
    DOORBELLS = Counter "ringcast_doorbells_total" "Sleeping shards that this shard woke.";
    ACCEPT_PAUSES = Counter "ringcast_accept_pauses_total" "Times that accepting paused for want of descriptors or memory.";

    MEMORY = Gauge "ringcast_memory_bytes" "Bytes held in user space, by `class`: connections, subscriptions, subjects, history, lent.";

    CONTROL_CONNECTIONS = Gauge "ringcast_control_connections" "Connections of the control plane: API, page, metrics, requests passed on.";
    CONTROL_ANSWERS = Counter "ringcast_control_answers_total" "Answers of the control plane, by `status`; those of requests passed on are not among them.";
    CONTROL_TURNED_AWAY = Counter "ringcast_control_turned_away_total" "Connections of the control plane answered with 503 because there were too many.";

    PROCESS_CPU = Counter "process_cpu_seconds_total" "CPU time of the whole process, in user space and kernel.";
    PROCESS_RESIDENT = Gauge "process_resident_memory_bytes" "Resident memory of the process; what the kernel holds for sockets is not in it.";
    PROCESS_VIRTUAL = Gauge "process_virtual_memory_bytes" "Address space of the process.";
    PROCESS_FDS = Gauge "process_open_fds" "Descriptors in the main file table; each shard has a table of its own beside it.";
    PROCESS_FDS_MAX = Gauge "process_max_fds" "Most descriptors in one file table.";
    PROCESS_START = Gauge "process_start_time_seconds" "When the process started, in seconds since 1970.";
}
