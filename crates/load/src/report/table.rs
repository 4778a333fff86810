//! The result as text for a terminal.
use std::fmt::Write as _;

use super::published::{COLUMNS, KERNEL_BYTES_PER_CONN, USER_BYTES_PER_CONN};
use crate::Faults;
use crate::outcome::{BackEnd, Cpu, Latency, Outcome, Traffic};
use crate::settings::Kind;

/// A whole number with thousands separated.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time given in microseconds, in the unit that suits it.
pub(crate) fn micros(micros: f64) -> String {
    match micros {
        micros if micros < 1_000.0 => format!("{micros:.0} µs"),
        micros if micros < 1_000_000.0 => format!("{:.2} ms", micros / 1e3),
        micros => format!("{:.2} s", micros / 1e6),
    }
}

/// The whole result.
pub(crate) fn result(outcome: &Outcome) -> String {
    let mut text = head(outcome);
    if let Some(traffic) = &outcome.traffic {
        match outcome.settings.kind {
            Kind::Seed => seed(&mut text, outcome, traffic),
            Kind::Churn => churn(&mut text, outcome, traffic),
            Kind::Connect | Kind::Fanout | Kind::Idle | Kind::Pub | Kind::Sub | Kind::Ws2api => {
                flow(&mut text, outcome, traffic);
            }
        }
    }
    connections(&mut text, outcome);
    if let Some(traffic) = &outcome.traffic {
        verdict(&mut text, traffic);
    }
    if let Some(back_end) = &outcome.back_end {
        told(&mut text, back_end);
    }
    for note in &outcome.notes {
        line(&mut text, "note", note);
    }
    text.push('\n');
    text
}

fn line(text: &mut String, label: &str, value: impl std::fmt::Display) {
    // Writing to a String never fails.
    let _ = writeln!(text, "  {label:<34} {value}");
}

fn head(outcome: &Outcome) -> String {
    let settings = &outcome.settings;
    let machine = &outcome.machine;
    let gib = machine.memory_bytes as f64 / base::units::GIB as f64;
    let mut text = String::from("\n");
    let name =
        if settings.name.is_empty() { format!("{:?}", settings.kind).to_lowercase() } else { settings.name.clone() };
    line(&mut text, &name, &settings.about);
    line(&mut text, "machine", format!("{}, {} cores, {gib:.0} GiB", machine.processor, machine.cores));
    line(&mut text, "kernel", &machine.kernel);
    line(&mut text, "commit", &outcome.commit);
    line(&mut text, "command", &outcome.command);
    text.push('\n');
    text
}

/// The 12-million benchmark's rows, its columns beside.
pub(crate) fn seed(text: &mut String, outcome: &Outcome, traffic: &Traffic) {
    let mut row = |label: &str, ours: String, theirs: [String; 4]| {
        let _ = write!(text, "  {label:<26} {ours:>14}  ┊");
        for theirs in theirs {
            let _ = write!(text, " {theirs:>10}");
        }
        text.push('\n');
    };
    let latency = &traffic.latency;
    let none = || COLUMNS.map(|_| "–".to_owned());
    let all = |value: u32| COLUMNS.map(|_| count(u64::from(value)));
    let optional = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    let clients = outcome.connect.as_ref().map_or(0, |connect| connect.connected);
    row("", "this run".to_owned(), ["MigratoryData", "on a 12-core", "", ""].map(str::to_owned));
    row("clients", count(clients), COLUMNS.map(|column| count(u64::from(column.clients))));
    row(
        "messages a second",
        count(traffic.per_sec.round() as u64),
        COLUMNS.map(|column| count(u64::from(column.per_sec))),
    );
    row("latency: mean", micros(latency.mean_us), COLUMNS.map(|column| format!("{} ms", column.mean_ms)));
    row(
        "  standard deviation",
        micros(latency.deviation_us),
        COLUMNS.map(|column| format!("{} ms", column.deviation_ms)),
    );
    row("  median", micros(latency.p50_us), none());
    row("  99th percentile", micros(latency.p99_us), none());
    row("  99.9th percentile", micros(latency.p999_us), none());
    row("  maximum", micros(latency.max_us), COLUMNS.map(|column| format!("{} ms", count(u64::from(column.max_ms)))));
    row("Gbps", format!("{:.3}", traffic.gbps), COLUMNS.map(|column| format!("{:.3}", column.gbps)));
    let cores = outcome.machine.cores.max(1) as f64;
    let cpu = traffic.server_cpu.map(|cpu| format!("{:.1} %", cpu.percent / cores));
    row("server CPU, of all cores", optional(cpu), COLUMNS.map(|column| format!("{} %", column.cpu_percent)));
    let cpu = traffic.server_cpu.map(|cpu| format!("{:.1} µs", cpu.us_per_message));
    row("server CPU a message", optional(cpu), COLUMNS.map(|column| format!("{:.1} µs", column.cpu_us())));
    let memory = outcome.memory.as_ref();
    let user = memory.and_then(|memory| memory.user_bytes_per_conn).map(|bytes| format!("{bytes:.0} B"));
    row("user memory a connection", optional(user), all(USER_BYTES_PER_CONN).map(|bytes| bytes + " B"));
    let kernel = memory
        .and_then(|memory| memory.kernel)
        .map(|kernel| format!("{:.0} B", kernel.socket_bytes + kernel.waiting_bytes));
    row("kernel memory a connection", optional(kernel), all(KERNEL_BYTES_PER_CONN).map(|bytes| bytes + " B"));
    text.push('\n');
}

fn flow(text: &mut String, outcome: &Outcome, traffic: &Traffic) {
    let what = match outcome.settings.kind {
        Kind::Fanout => "deliveries a second",
        Kind::Pub => "messages sent a second",
        Kind::Churn | Kind::Connect | Kind::Idle | Kind::Seed | Kind::Sub | Kind::Ws2api => "messages a second",
    };
    if outcome.settings.kind == Kind::Fanout {
        line(
            text,
            "subscribers, messages outstanding",
            format!("{}, {}", outcome.settings.clients, outcome.settings.outstanding),
        );
    }
    line(text, what, count(traffic.per_sec.round() as u64));
    if outcome.settings.kind != Kind::Pub {
        line(text, "latency", spread(&traffic.latency));
        line(text, "Gbps", format!("{:.3}", traffic.gbps));
    }
    server_cpu(text, traffic);
}

fn churn(text: &mut String, outcome: &Outcome, traffic: &Traffic) {
    let rate = outcome.settings.churn_rate;
    let closed = outcome.connect.as_ref().map_or(0, |connect| connect.opened.saturating_sub(connect.connected));
    line(text, "closed and opened again", format!("{} ({rate} a second wanted)", count(closed)));
    line(text, "messages a second", count(traffic.per_sec.round() as u64));
    line(text, "latency of the steady, with churn", spread(&traffic.latency));
    server_cpu(text, traffic);
    if let Some(calm) = &outcome.undisturbed {
        line(text, "latency without churn", spread(&calm.latency));
        server_cpu(text, calm);
    }
}

fn server_cpu(text: &mut String, traffic: &Traffic) {
    if let Some(cpu) = traffic.server_cpu {
        line(text, "server CPU", of_a_core(cpu));
    }
}

fn of_a_core(cpu: Cpu) -> String {
    format!("{:.1} % of a core, {:.2} µs a message", cpu.percent, cpu.us_per_message)
}

fn spread(latency: &Latency) -> String {
    format!(
        "mean {} ± {}, p50 {}, p99 {}, p99.9 {}, max {}",
        micros(latency.mean_us),
        micros(latency.deviation_us),
        micros(latency.p50_us),
        micros(latency.p99_us),
        micros(latency.p999_us),
        micros(latency.max_us)
    )
}

fn connections(text: &mut String, outcome: &Outcome) {
    if let Some(connect) = &outcome.connect {
        line(
            text,
            "connected",
            format!("{} in {:.2} s ({}/s)", count(connect.connected), connect.secs, count(connect.per_sec as u64)),
        );
        if let Some(cpu) = connect.server_cpu_us {
            line(text, "server CPU a connection", format!("{cpu:.1} µs (connect, upgrade, subscribe)"));
        }
        line(text, "connect to subscribed", spread(&connect.latency));
        if connect.dropped > 0 {
            line(text, "closed by the server", count(connect.dropped));
        }
    }
    if let Some(memory) = &outcome.memory {
        if let Some(user) = memory.user_bytes_per_conn {
            line(text, "server user memory a connection", format!("{user:.0} B (slope of resident memory)"));
        }
        if let Some(kernel) = memory.kernel {
            let parts =
                format!("{:.0} + {:.0} + {:.0} B", kernel.socket_bytes, kernel.waiting_bytes, kernel.buffer_bytes);
            line(text, "server kernel memory a connection", parts + " (socket, what waits for input, buffers)");
        }
        line(text, "swarm user memory a connection", format!("{:.0} B", memory.swarm_bytes_per_conn));
    }
    if let Some(percent) = outcome.idle_cpu_percent {
        line(text, "server CPU while idle", format!("{percent:.2} % of a core"));
    }
}

fn verdict(text: &mut String, traffic: &Traffic) {
    line(text, "published, received", format!("{}, {}", count(traffic.published), count(traffic.received)));
    if traffic.confirmed > 0 {
        line(text, "confirmed", count(traffic.confirmed));
    }
    line(text, "every message checked", checked(&traffic.faults));
    if let Some(cpu) = traffic.load_cpu {
        line(text, "CPU of the load", of_a_core(cpu));
    }
    if traffic.lag.count > 0 {
        let lag = &traffic.lag;
        line(
            text,
            "sent late by",
            format!("p50 {}, p99 {}, max {}", micros(lag.p50_us), micros(lag.p99_us), micros(lag.max_us)),
        );
    }
}

fn checked(faults: &Faults) -> String {
    format!(
        "{} lost, {} twice, {} out of order, {} changed, {} misrouted",
        count(faults.lost),
        count(faults.duplicated),
        count(faults.reordered),
        count(faults.garbled),
        count(faults.misrouted)
    )
}

/// What the back end was told.
fn told(text: &mut String, back_end: &BackEnd) {
    line(text, "until the back end has it", spread(&back_end.latency));
    line(text, "  every message checked there", checked(&back_end.faults));
    let ends = format!(
        "{} let in, {} ended: of {} clients no end, of {} more than one",
        count(back_end.asked),
        count(back_end.ended),
        count(back_end.ends_missing),
        count(back_end.ends_extra)
    );
    line(text, "  connects and ends", ends);
    line(text, "  connections to it, at most", count(back_end.connections_max));
    if back_end.stray > 0 {
        line(text, "  requests of nobody", count(back_end.stray));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([12.4, 1_500.0, 2_000_000.0].map(micros), ["12 µs", "1.50 ms", "2.00 s"]);
    }
}
