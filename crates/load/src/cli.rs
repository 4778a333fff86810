//! The arguments of `ringcast bench`, `demo`, `pub` and `sub`.
use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{Answer, Arrivals, Dialect, Kind, Settings, Via};

/// `ringcast bench`: loads a server and checks every message.
#[derive(Args, Clone, Debug)]
pub struct BenchArgs {
    /// The question to answer.
    #[command(subcommand)]
    pub question: Question,
}

/// What to measure.
#[derive(Subcommand, Clone, Debug)]
pub enum Question {
    /// The 12-million benchmark: a subject each, messages to random subjects.
    #[command(after_help = Settings::of(Kind::Seed).defaults())]
    Seed(RunArgs),
    /// One subject to all subscribers, with so many messages outstanding.
    #[command(after_help = Settings::of(Kind::Fanout).defaults())]
    Fanout(RunArgs),
    /// Connect, upgrade, subscribe: rate and server CPU.
    #[command(after_help = Settings::of(Kind::Connect).defaults())]
    Connect(RunArgs),
    /// Connections that come and go while messages flow, beside none that do.
    #[command(after_help = Settings::of(Kind::Churn).defaults())]
    Churn(RunArgs),
    /// Memory and CPU of quiet connections.
    #[command(after_help = Settings::of(Kind::Idle).defaults())]
    Idle(RunArgs),
    /// Clients of a web application: connect, speak, hear its answers. The back end is included
    #[command(after_help = Settings::of(Kind::Ws2api).defaults())]
    Ws2api(RunArgs),
    /// Only subscribers; Ctrl-C ends.
    #[command(after_help = Settings::of(Kind::Sub).defaults())]
    Sub(RunArgs),
    /// Only publishers.
    #[command(after_help = Settings::of(Kind::Pub).defaults())]
    Pub(RunArgs),
    /// A scenario file of benches/, whatever its question.
    Run {
        /// The scenario.
        file: PathBuf,
        /// What differs from it.
        #[command(flatten)]
        run: Box<RunArgs>,
    },
}

/// What a run may be told, and where its result goes.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// A scenario file; flags override it.
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// What differs from the scenario or the defaults.
    #[command(flatten)]
    pub flags: Flags,
    /// Write the result as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the result as an SVG plot.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// The commit to name in the result, in place of the one that this binary was built from.
    #[arg(long)]
    pub commit: Option<String>,
    /// No progress bar.
    #[arg(long)]
    pub quiet: bool,
}

/// Settings that a flag can change; see [`crate::Settings`].
#[derive(Args, Serialize, Clone, Default, Debug)]
pub struct Flags {
    /// Servers, host:port or URL; clients take turns
    #[arg(long = "target", alias = "targets", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Addresses that clients come from
    #[arg(long = "source", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Ipv4Addr>,
    /// What subscribers speak
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    /// How publishers publish
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// API key
    #[arg(long, env = "RINGCAST_KEY", hide_env_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Connection token of Centrifugo clients, the same for all
    #[arg(long, env = "RINGCAST_TOKEN", hide_env_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Subscribers
    #[arg(long, short = 'c')]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients: Option<u32>,
    /// Subjects (one a client; fanout: one)
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subjects: Option<u32>,
    /// Messages a second
    #[arg(long, short = 'r')]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Seconds measured
    #[arg(long, short = 's')]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secs: Option<f64>,
    /// Seconds of the same load before
    #[arg(long = "warmup")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup_secs: Option<f64>,
    /// Bytes of a message
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<usize>,
    /// How messages are spread in time
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<Arrivals>,
    /// fanout: messages on their way at a time
    #[arg(long, short = 'k')]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outstanding: Option<u64>,
    /// Publishers, a connection and a thread each
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publishers: Option<u16>,
    /// Ask for confirmations on the publish stream
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ack: bool,
    /// Microseconds within which due messages leave in one write
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tick_us: Option<u64>,
    /// Microseconds of spinning before a send, for exact times
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spin_us: Option<u64>,
    /// Keep the swarm's cores awake: it looks for messages without sleeping
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub awake: bool,
    /// Subscribers acknowledge what they receive late, as most systems do: spares the swarm's cores
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub delay_acks: bool,
    /// Swarm threads (as many as the limit of open files needs)
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
    /// Cores for the swarm
    #[arg(long, value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cpu: Vec<usize>,
    /// Cores for the publishers, or the back end (the swarm's)
    #[arg(long, value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publisher_cpu: Vec<usize>,
    /// Connections opened a second (as fast as they are taken)
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_rate: Option<f64>,
    /// Handshakes under way at a time
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connecting: Option<u32>,
    /// churn: connections closed and opened a second
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub churn_rate: Option<f64>,
    /// churn: subscribers among which they are chosen
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub churners: Option<u32>,
    /// Steps in which subscribers are opened, a look at the server's memory after each
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// ws2api: the path that a ClientID follows
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// ws2api: where the back end listens, on 127.0.0.1
    #[arg(long, value_name = "PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_end_port: Option<u16>,
    /// ws2api: what the back end says to a message
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// Draws subjects and arrivals
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The server's process: its CPU and memory are sampled
    #[arg(long, value_name = "PID")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_pid: Option<u32>,
}

impl Question {
    /// The kind, if the question says it, the scenario file, and the rest.
    pub(crate) fn parts(&self) -> (Option<Kind>, Option<&PathBuf>, &RunArgs) {
        let (kind, run) = match self {
            Self::Seed(run) => (Kind::Seed, run),
            Self::Fanout(run) => (Kind::Fanout, run),
            Self::Connect(run) => (Kind::Connect, run),
            Self::Churn(run) => (Kind::Churn, run),
            Self::Idle(run) => (Kind::Idle, run),
            Self::Sub(run) => (Kind::Sub, run),
            Self::Pub(run) => (Kind::Pub, run),
            Self::Ws2api(run) => (Kind::Ws2api, run),
            Self::Run { file, run } => return (None, Some(file), run),
        };
        (Some(kind), run.scenario.as_ref(), run)
    }
}

/// `ringcast demo`: a server, a swarm and the 12-million benchmark's table.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Subscribers, as far as the limits permit
    #[arg(long, short = 'c', default_value_t = 20_000)]
    pub clients: u32,
    /// Messages a second
    #[arg(long, short = 'r', default_value_t = 2_000.0)]
    pub rate: f64,
    /// Seconds measured
    #[arg(long, short = 's', default_value_t = 10.0)]
    pub secs: f64,
    /// The server's port
    #[arg(long, short = 'p', default_value_t = 8_000)]
    pub port: u16,
}

/// `ringcast pub`: publishes a message, or each line of standard input.
#[derive(Args, Clone, Debug)]
pub struct PubArgs {
    /// The subject
    pub subject: String,
    /// The message; without it, each line of standard input is one
    pub message: Option<String>,
    /// The server
    #[command(flatten)]
    pub server: ServerArgs,
    /// The message is JSON: refuse it if it is not
    #[arg(long)]
    pub json: bool,
    /// Publish each message so many times
    #[arg(long, default_value_t = 1)]
    pub count: u64,
    /// Use the publish stream: faster for many lines; publications are binary
    #[arg(long)]
    pub stream: bool,
}

/// `ringcast sub`: prints what is published to subjects, a line each.
#[derive(Args, Clone, Debug)]
pub struct SubArgs {
    /// The subjects
    #[arg(required = true)]
    pub subjects: Vec<String>,
    /// The server
    #[command(flatten)]
    pub server: ServerArgs,
    /// Print JSON: {"subject", "data"}, data as JSON value, string or {"base64"}
    #[arg(long)]
    pub json: bool,
    /// End after so many messages
    #[arg(long)]
    pub count: Option<u64>,
}

/// Which server, and who one is.
#[derive(Args, Clone, Debug)]
pub struct ServerArgs {
    /// The server's URL
    #[arg(long, env = "RINGCAST_URL", default_value = "http://127.0.0.1:8000")]
    pub url: String,
    /// API key
    #[arg(long, env = "RINGCAST_KEY", hide_env_values = true, default_value = "")]
    pub key: String,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what failed")]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Bench {
        #[command(flatten)]
        run: RunArgs,
    }

    #[test]
    fn the_defaults_of_a_help_are_flags_and_what_holds_without_them() {
        for kind in
            [Kind::Seed, Kind::Fanout, Kind::Connect, Kind::Churn, Kind::Idle, Kind::Ws2api, Kind::Sub, Kind::Pub]
        {
            let settings = Settings::of(kind);
            let text = settings.defaults();
            let words = text.strip_prefix("Defaults:").unwrap().split_whitespace();
            let flags = Bench::try_parse_from(std::iter::once("bench").chain(words)).unwrap().run.flags;
            let (said, held) = (serde_json::to_value(flags).unwrap(), serde_json::to_value(settings).unwrap());
            for (name, value) in said.as_object().unwrap() {
                assert_eq!(held[name], *value, "{name} of {kind:?}");
            }
        }
    }
}
