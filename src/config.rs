//! `config`: looks at settings without starting a server.
use std::path::PathBuf;

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
    /// Print every key with its default and what is permitted: docs/CONFIG.md
    Keys,
}

/// Runs it: what to print.
pub(crate) fn run(args: &ConfigArgs) -> Result<String, (u8, String)> {
    match &args.task {
        Task::Check { file } => check(file.as_ref()),
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
