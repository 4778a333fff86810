//! What a run is to do: defaults of its kind, then a scenario file, then flags.
use std::net::Ipv4Addr;
use std::path::Path;

use figment::Figment;
use figment::providers::{Format as _, Serialized, Toml};
use serde::{Deserialize, Serialize};

use crate::{Answer, Arrivals, Dialect, LoadError, STAMP_BYTES, Via};

/// The question that a run answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// How much does it cost to open connections, and how fast does it go?
    Connect,
    /// Do clients that come and go disturb those that stay?
    Churn,
    /// How fast does one subject reach all?
    Fanout,
    /// What does a quiet connection cost?
    Idle,
    /// Only publishers.
    Pub,
    /// The 12-million benchmark: random subjects, a subscriber each.
    Seed,
    /// Only subscribers.
    Sub,
    /// Clients of a web application: what a message costs on its way to the back end and back.
    Ws2api,
}

/// Everything a run can be told. Zero means "no bound" for rates.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The scenario's name.
    pub name: String,
    /// What it shows.
    pub about: String,
    /// The question.
    pub kind: Kind,
    /// Servers: `host:port` or URL. Clients take turns.
    pub targets: Vec<String>,
    /// Addresses that clients come from; empty: many of 127.0.0.0/8 for a target on loopback, else the kernel's choice.
    pub sources: Vec<Ipv4Addr>,
    /// What subscribers speak.
    pub dialect: Dialect,
    /// How publishers publish; by default as fits the dialect.
    pub via: Option<Via>,
    /// API key; empty: none.
    pub key: String,
    /// Connection token that Centrifugo clients give; empty: none.
    pub token: String,
    /// Subscribers.
    pub clients: u32,
    /// Subjects; by default one a client, or one in all for `fanout`.
    pub subjects: Option<u32>,
    /// Messages a second of all publishers.
    pub rate: f64,
    /// Seconds measured.
    pub secs: f64,
    /// Seconds of the same load before.
    pub warmup_secs: f64,
    /// Bytes of a message.
    pub size: usize,
    /// How messages are spread in time.
    pub arrivals: Arrivals,
    /// Messages on their way at a time (`fanout`).
    pub outstanding: u64,
    /// Publishers, each with a connection and a thread.
    pub publishers: u16,
    /// Ask for confirmations on the publish stream.
    pub ack: bool,
    /// Microseconds within which due messages leave in one write.
    pub tick_us: u64,
    /// Microseconds at the end of each wait that are spent spinning.
    pub spin_us: u64,
    /// The swarm never sleeps: no message waits for its core to wake, and no send of the server pays for waking it, as none
    /// does that goes to another machine. It takes its cores whole.
    pub awake: bool,
    /// Subscribers hold a TCP acknowledgement back for what may follow (RFC 5681, section 4.2). Linux acknowledges at once to who only
    /// listens, which is a third of the swarm's work; other systems don't.
    pub delay_acks: bool,
    /// Swarm threads, each with a file table of its own if there are several; by default as many as the limits need.
    pub threads: Option<u32>,
    /// Cores for the swarm's threads, in turn.
    pub cpu: Vec<usize>,
    /// Cores for the publishers, in turn; by default the swarm's.
    pub publisher_cpu: Vec<usize>,
    /// Connections opened a second.
    pub connect_rate: f64,
    /// Handshakes under way at a time.
    pub connecting: u32,
    /// Connections closed, and opened again, a second (`churn`).
    pub churn_rate: f64,
    /// Subscribers among which the closed ones are chosen (`churn`).
    pub churners: u32,
    /// Steps in which subscribers are opened, with a look at the server's memory after each.
    pub steps: u32,
    /// The path that a client's ClientID follows (`ws2api`).
    pub prefix: String,
    /// Where the stub back end listens, on 127.0.0.1 (`ws2api`).
    pub back_end_port: u16,
    /// What it says to a message (`ws2api`).
    pub answer: Answer,
    /// Draws subjects, arrivals and keys.
    pub seed: u64,
    /// The server's process, to be sampled.
    pub server_pid: Option<u32>,
    /// What the result must be.
    pub expect: Expect,
}

/// What a scenario promises. Absent: not checked; faults are always expected to be none.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// Subscribers connected.
    pub connected: Option<u64>,
    /// Messages published, with those of the warm-up.
    pub published: Option<u64>,
    /// Messages received, with those of the warm-up.
    pub received: Option<u64>,
}

impl Settings {
    /// What a run of this kind does if nothing else is said.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        let (clients, rate, secs, warmup_secs, steps) = match kind {
            Kind::Seed => (10_000, 2_000.0, 10.0, 2.0, 2),
            Kind::Churn => (10_000, 2_000.0, 10.0, 2.0, 2),
            Kind::Fanout => (10_000, 0.0, 10.0, 1.0, 2),
            Kind::Connect => (10_000, 0.0, 0.0, 0.0, 1),
            Kind::Idle => (10_000, 0.0, 10.0, 0.0, 4),
            Kind::Sub => (1_000, 0.0, 60.0, 0.0, 1),
            Kind::Pub => (1_000, 2_000.0, 10.0, 0.0, 1),
            Kind::Ws2api => (10_000, 2_000.0, 10.0, 2.0, 4),
        };
        Self {
            name: String::new(),
            about: String::new(),
            kind,
            targets: vec!["127.0.0.1:8000".to_owned()],
            sources: Vec::new(),
            dialect: Dialect::Plain,
            via: None,
            key: String::new(),
            token: String::new(),
            clients,
            subjects: None,
            rate,
            secs,
            warmup_secs,
            size: 512,
            arrivals: Arrivals::Poisson,
            outstanding: 1,
            publishers: 1,
            ack: false,
            tick_us: 100,
            spin_us: 0,
            awake: false,
            delay_acks: false,
            threads: None,
            cpu: Vec::new(),
            publisher_cpu: Vec::new(),
            connect_rate: 0.0,
            connecting: 256,
            churn_rate: 100.0,
            churners: clients / 10,
            steps,
            prefix: "/ws/".to_owned(),
            back_end_port: 9_000,
            answer: Answer::Echo,
            seed: 1,
            server_pid: None,
            expect: Expect::default(),
        }
    }

    /// What holds where nothing is said, in words for a help.
    #[must_use]
    pub fn defaults(&self) -> String {
        let Self { clients, rate, secs, warmup_secs, size, connecting, publishers, tick_us, .. } = self;
        let target = self.targets.join(",");
        let mut text =
            format!("Defaults: --target {target} --clients {clients} --size {size} --connecting {connecting}");
        for (name, value) in [("rate", rate), ("secs", secs), ("warmup", warmup_secs)] {
            if *value > 0.0 {
                text += &format!(" --{name} {value}");
            }
        }
        match self.kind {
            Kind::Fanout => text += &format!(" --outstanding {}", self.outstanding),
            Kind::Churn => text += &format!(" --churn-rate {} --churners {}", self.churn_rate, self.churners),
            Kind::Ws2api => text += &format!(" --prefix {} --back-end-port {}", self.prefix, self.back_end_port),
            Kind::Seed | Kind::Connect | Kind::Idle | Kind::Sub | Kind::Pub => {}
        }
        if *rate > 0.0 {
            text += &format!(" --publishers {publishers} --tick-us {tick_us}");
        }
        text
    }

    /// Defaults of the kind, then `scenario`, then `flags`: whatever of [`Settings`] they serialize. The kind is the flags',
    /// else the scenario's.
    ///
    /// # Errors
    /// [`LoadError::Scenario`] for a file that can't be read or says something unknown, [`LoadError::Argument`] for values that
    /// can't be.
    pub fn gather(kind: Option<Kind>, scenario: Option<&Path>, flags: &impl Serialize) -> Result<Self, LoadError> {
        let mut file = Figment::new();
        if let Some(path) = scenario {
            file = file.merge(Toml::file_exact(path));
        }
        let kind = match kind {
            Some(kind) => kind,
            None => file.extract_inner("kind")?,
        };
        let told = Figment::from(Serialized::defaults(Self::of(kind))).merge(file);
        let scenario: Self = told.clone().extract()?;
        let mut settings: Self = told.merge(Serialized::defaults(flags)).extract()?;
        settings.kind = kind;
        if settings.load() != scenario.load() {
            // What the scenario expects, it expects of its own load.
            settings.expect = Expect::default();
        }
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), LoadError> {
        let refuse = |what: String| Err(LoadError::Argument(what));
        if self.size < STAMP_BYTES || self.size > 60_000 {
            return refuse(format!("--size {}: between {STAMP_BYTES} and 60,000 bytes", self.size));
        }
        if self.clients == 0 || self.publishers == 0 || self.steps == 0 || self.outstanding == 0 {
            return refuse("clients, publishers, steps and outstanding are at least 1".to_owned());
        }
        if u32::from(self.publishers) > self.subjects() {
            return refuse(format!("--publishers {}: not more than subjects ({})", self.publishers, self.subjects()));
        }
        let is_path = |prefix: &str| prefix.starts_with('/') && prefix.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_path(&self.prefix) {
            return refuse(format!("--prefix {}: a path begins with '/', in letters that need no escape", self.prefix));
        }
        if self.kind == Kind::Ws2api && (self.back_end_port == 0 || self.subjects() != self.clients) {
            return refuse("ws2api: --back-end-port is 1 to 65535, and each client is a subject of its own".to_owned());
        }
        if self.kind == Kind::Churn && self.churners >= self.clients {
            return refuse(format!("--churners {}: fewer than clients ({})", self.churners, self.clients));
        }
        let spans = [self.rate, self.secs, self.warmup_secs, self.connect_rate, self.churn_rate];
        if spans.iter().any(|span| !span.is_finite() || *span < 0.0) {
            return refuse("rates and seconds are numbers from 0".to_owned());
        }
        Ok(())
    }

    /// What decides how many messages there will be.
    fn load(&self) -> (u32, u32, u64) {
        (self.clients, self.subjects(), self.messages())
    }

    /// How many subjects there are.
    #[must_use]
    pub fn subjects(&self) -> u32 {
        let default = if self.kind == Kind::Fanout { 1 } else { self.clients };
        self.subjects.unwrap_or(default).clamp(1, self.clients)
    }

    /// How publishers publish.
    #[must_use]
    pub fn via(&self) -> Via {
        self.via.unwrap_or(match self.dialect {
            Dialect::Plain => Via::Stream,
            Dialect::Centrifugo => Via::Client,
            Dialect::Protobuf => Via::Protobuf,
        })
    }

    /// Messages that the schedule holds.
    #[must_use]
    pub fn messages(&self) -> u64 {
        (self.rate * (self.warmup_secs + self.secs)).round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Flags {
        #[serde(skip_serializing_if = "Option::is_none")]
        clients: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        rate: Option<f64>,
    }

    #[test]
    fn flags_beat_the_scenario_and_the_scenario_beats_defaults() {
        let path = std::env::temp_dir().join(format!("ringcast-scenario-{}.toml", std::process::id()));
        std::fs::write(&path, "kind = \"seed\"\nname = \"x\"\nclients = 5\nrate = 7\n[expect]\nconnected = 5\n")
            .unwrap();
        let settings = Settings::gather(None, Some(&path), &Flags { clients: Some(9), rate: None }).unwrap();
        assert_eq!((settings.kind, settings.clients, settings.rate, settings.size), (Kind::Seed, 9, 7.0, 512));
        assert_eq!(settings.expect.connected, None, "the scenario's five are not the flags' nine");
        let settings = Settings::gather(None, Some(&path), &Flags { clients: None, rate: None }).unwrap();
        assert_eq!(settings.expect.connected, Some(5));
        std::fs::write(&path, "kind = \"seed\"\nclinets = 5\n").unwrap();
        let wrong = Settings::gather(None, Some(&path), &Flags { clients: None, rate: None }).unwrap_err();
        assert!(wrong.to_string().contains("clinets"), "{wrong}");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let refused = |change: fn(&mut Settings)| {
            let mut settings = Settings::of(Kind::Seed);
            change(&mut settings);
            settings.check().is_err()
        };
        assert!(refused(|settings| settings.size = 10));
        assert!(refused(|settings| settings.rate = f64::NAN));
        assert!(!refused(|settings| settings.subjects = Some(0)));
        assert!(refused(|settings| settings.publishers = 0));
        assert!(refused(|settings| settings.prefix = "ws/".to_owned()));
        assert!(!refused(|_| {}));
    }
}
