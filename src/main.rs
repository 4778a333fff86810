//! The command line: parses, hands over, and turns errors into exit codes. No logic of its own.
use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write as _;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use server::settings::{Flags, Options, Settings, SettingsError};

mod config;
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
    /// Serve. Every setting is an option too: --client.insecure, --http_server.port=9000
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
    /// Look at settings without starting a server
    Config(config::ConfigArgs),
    /// Write a settings file to begin with, with secrets of its own
    Genconfig(config::GenArgs),
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
    /// Shards, at most 128 [default: one per core]
    #[arg(long, value_parser = shards)]
    shards: Option<NonZeroU16>,
    /// Settings as TOML, YAML or JSON; the environment (RINGCAST_…, CENTRIFUGO_…) wins over it, flags over both
    #[arg(long, short = 'c', value_name = "FILE", env = "RINGCAST_CONFIG")]
    config: Option<PathBuf>,
    /// Publish and subscribe without keys, and /echo: for development only
    #[arg(long)]
    dev: bool,
    /// Publications kept of each subject, with --dev [default: none]
    #[arg(long, value_name = "COUNT", requires = "dev")]
    history: Option<u32>,
    /// End when the process that started this one ends.
    #[arg(long, hide = true)]
    end_with_parent: bool,
}

fn main() -> ExitCode {
    let (arguments, options) = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(error, 2),
    };
    match Cli::parse_from(arguments).task {
        Task::Serve(args) => serve(&args, options),
        Task::Demo(args) => outcome(load::demo(&args, ring::unshare)),
        Task::Bench(args) => outcome(load::bench(&args, ring::unshare)),
        Task::Pub(args) => outcome(load::publish(&args)),
        Task::Sub(args) => outcome(load::subscribe(&args)),
        Task::Gentoken(args) => said(token::generate(&args)),
        Task::Checktoken(args) => said(token::check(&args)),
        Task::Config(args) => said(config::run(&args)),
        Task::Genconfig(args) => said(config::generate(&args)),
        Task::Doctor(args) => examine(&args),
    }
}

/// The arguments, without the options that are keys of the settings; those only a server takes. As with Centrifugo, whoever begins with an
/// option wants to serve.
fn arguments() -> Result<(Vec<OsString>, Options), SettingsError> {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let is_option = |first: &OsString| first.to_str().is_some_and(|first| first.starts_with('-'));
    let is_of_all = |first: &OsString| ["-h", "--help", "-V", "--version"].iter().any(|one| first == one);
    if arguments.get(1).is_some_and(|first| is_option(first) && !is_of_all(first)) {
        arguments.insert(1, "serve".into());
    }
    if arguments.get(1).is_some_and(|task| task == "serve") {
        return server::settings::take_options(arguments);
    }
    Ok((arguments, Vec::new()))
}

fn shards(text: &str) -> Result<NonZeroU16, String> {
    let most = server::SHARDS_MAX;
    let number = text.parse().ok().filter(|number: &NonZeroU16| number.get() <= most);
    number.ok_or_else(|| format!("from 1 to {most}"))
}

fn serve(args: &ServeArgs, options: Options) -> ExitCode {
    if args.end_with_parent
        && let Err(error) = load::end_with_parent()
    {
        return refuse(error, 2);
    }
    let flags = Flags {
        address: args.address,
        port: args.port,
        shards: args.shards,
        dev: args.dev,
        history: args.history,
        options,
    };
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
            if !text.is_empty() {
                let _ = writeln!(std::io::stdout(), "{text}");
            }
            ExitCode::SUCCESS
        }
        Err((code, reason)) => refuse(reason, code),
    }
}

fn refuse(error: impl Display, code: u8) -> ExitCode {
    eprintln!("ringcast: {error}");
    ExitCode::from(code)
}
