//! `config`: looks at settings without starting a server.
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use server::settings::{self, Flags, Settings};

/// The exit code for settings that are wrong; for those that have a part without effect it is 1.
const WRONG: u8 = 2;

/// `config`.
#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand, Debug)]
enum Task {
    /// Say what is wrong with settings: ends with 2 if no server starts with them, with 1 if a part of them has no effect
    Check {
        /// The settings; the environment is looked at too
        #[arg(value_name = "FILE", env = "RINGCAST_CONFIG")]
        file: Option<PathBuf>,
    },
    /// Take over a Centrifugo's file: says line by line what carries over, and writes a file for this server; ends with 1 if a part gets lost
    Migrate {
        /// The Centrifugo's settings
        file: PathBuf,
        /// Where to write; TOML [default: standard output]
        #[arg(long, short = 'o', value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Print every key with its default and what is permitted: docs/CONFIG.md
    Keys,
}

/// Runs it: what to print.
pub(crate) fn run(args: &ConfigArgs) -> Result<String, (u8, String)> {
    match &args.task {
        Task::Check { file } => check(file.as_ref()),
        Task::Migrate { file, out } => migrate(file, out.as_deref()),
        Task::Keys => Ok(settings::page().trim_end().to_owned()),
    }
}

fn check(file: Option<&PathBuf>) -> Result<String, (u8, String)> {
    let settings =
        Settings::load(file.map(PathBuf::as_path), Flags::default()).map_err(|error| (WRONG, error.to_string()))?;
    if settings.warnings.is_empty() {
        return Ok("the settings are good".to_owned());
    }
    let lines: Vec<_> = settings.warnings.iter().map(ToString::to_string).collect();
    Err((1, lines.join("\nringcast: ")))
}

fn migrate(file: &Path, out: Option<&Path>) -> Result<String, (u8, String)> {
    let migration = settings::migrate(file).map_err(|error| (WRONG, error.to_string()))?;
    for (key, fate) in &migration.keys {
        eprintln!("{key}: {fate}");
    }
    if let Some(out) = out {
        std::fs::write(out, &migration.toml).map_err(|error| (WRONG, format!("{}: {error}", out.display())))?;
    }
    let lost = migration.keys.iter().filter(|(_, fate)| fate.is_loss()).count();
    let text = if out.is_none() { migration.toml.trim_end().to_owned() } else { String::new() };
    if lost == 0 {
        return Ok(text);
    }
    if !text.is_empty() {
        println!("{text}");
    }
    Err((1, format!("{lost} of {} keys have no effect here", migration.keys.len())))
}

/// `genconfig`.
#[derive(Args, Debug)]
pub(crate) struct GenArgs {
    /// The file to write: .json, .toml, .yaml or .yml
    #[arg(long, short = 'c', value_name = "FILE", default_value = "config.json")]
    config: PathBuf,
}

/// Writes a file to begin with.
pub(crate) fn generate(args: &GenArgs) -> Result<String, (u8, String)> {
    settings::generate(&args.config).map_err(|error| (WRONG, error.to_string()))?;
    Ok(format!("{} has a secret for tokens and a key for the API", args.config.display()))
}
