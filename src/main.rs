//! The command line: parses, hands over, and turns errors into exit codes. No logic of its own.
use std::fmt::Display;
use std::io::Write as _;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use server::settings::{Flags, Settings};

mod token;

// Rows and frames are small and live long: mimalloc keeps them denser than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A push server: millions of connections on one machine, every message in order, none lost.
#[derive(Parser, Debug)]
#[command(name = "ringcast", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand, Debug)]
enum Task {
    /// Serve.
    Serve(ServeArgs),
    /// Start a server and a swarm of subscribers, and show what it takes.
    Demo(load::cli::DemoArgs),
    /// Measure any server: every message is checked.
    Bench(Box<load::cli::BenchArgs>),
    /// Publish a message, or each line of standard input.
    Pub(load::cli::PubArgs),
    /// Print what is published to subjects.
    Sub(load::cli::SubArgs),
    /// Make a token for a Centrifugo client, signed with client.token.hmac_secret_key: for development
    Gentoken(token::GenArgs),
    /// Say whether a token is valid, and what it says
    Checktoken(token::CheckArgs),
    /// Check this host: which limit bites first, and the line to type.
    Doctor(doctor::Args),
}

#[derive(Args, Debug)]
struct ServeArgs {
    /// Port [default: 8000]
    #[arg(long, short = 'p')]
    port: Option<u16>,
    /// Address to listen on [default: all; with --dev 127.0.0.1]
    #[arg(long)]
    address: Option<IpAddr>,
    /// Shards [default: one per core]
    #[arg(long)]
    shards: Option<NonZeroU16>,
    /// Settings as TOML, YAML or JSON; the environment (RINGCAST_…) wins over it, flags over both
    #[arg(long, value_name = "FILE", env = "RINGCAST_CONFIG")]
    config: Option<PathBuf>,
    /// Publish and subscribe without keys, and /echo: for development only
    #[arg(long)]
    dev: bool,
    /// Publications kept of each subject
    #[arg(long, value_name = "COUNT", requires = "dev")]
    history: Option<u32>,
    /// End when the process that started this one ends.
    #[arg(long, hide = true)]
    end_with_parent: bool,
}

fn main() -> ExitCode {
    match Cli::parse().task {
        Task::Serve(args) => serve(&args),
        Task::Demo(args) => outcome(load::demo(&args, ring::unshare)),
        Task::Bench(args) => outcome(load::bench(&args, ring::unshare)),
        Task::Pub(args) => outcome(load::publish(&args)),
        Task::Sub(args) => outcome(load::subscribe(&args)),
        Task::Gentoken(args) => said(token::generate(&args)),
        Task::Checktoken(args) => said(token::check(&args)),
        Task::Doctor(args) => examine(&args),
    }
}

fn serve(args: &ServeArgs) -> ExitCode {
    if args.end_with_parent
        && let Err(error) = load::end_with_parent()
    {
        return refuse(error, 2);
    }
    let flags =
        Flags { address: args.address, port: args.port, shards: args.shards, dev: args.dev, history: args.history };
    match Settings::load(args.config.as_deref(), flags) {
        Ok(settings) => server::run(settings).map_or_else(|error| refuse(error, 1), |()| ExitCode::SUCCESS),
        Err(error) => refuse(error, 2),
    }
}

fn examine(args: &doctor::Args) -> ExitCode {
    let report = match doctor::run(args) {
        Ok(report) => report,
        Err(error) => return refuse(error, 2),
    };
    let text = match if args.json { report.to_json() } else { Ok(report.to_string()) } {
        Ok(text) => text,
        Err(error) => return refuse(error, 2),
    };
    // Whoever reads it may have seen enough and gone away (`| head`): that is no error.
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
    ExitCode::from(report.exit_code())
}

fn outcome(result: Result<(), load::LoadError>) -> ExitCode {
    result.map_or_else(|error| refuse(&error, error.exit_code()), |()| ExitCode::SUCCESS)
}

/// Prints what was asked for; a refusal ends with its own code.
fn said(answer: Result<String, (u8, String)>) -> ExitCode {
    match answer {
        Ok(text) => {
            let _ = writeln!(std::io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err((code, reason)) => refuse(reason, code),
    }
}

fn refuse(error: impl Display, code: u8) -> ExitCode {
    eprintln!("ringcast: {error}");
    ExitCode::from(code)
}
