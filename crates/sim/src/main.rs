//! Replays seeds of the simulation.
use clap::Parser;
use sim::{Options, run};

/// Runs the simulation of several shards for one seed or for many.
#[derive(Parser, Debug)]
#[command(name = "ringcast-sim")]
struct Arguments {
    /// The seed to run.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Seeds to run instead, as A..B.
    #[arg(long, value_parser = range)]
    seeds: Option<(u64, u64)>,
    /// Steps until the clients come to rest.
    #[arg(long, default_value_t = Options::default().steps)]
    steps: u64,
    /// Prints everything that happens.
    #[arg(long)]
    trace: bool,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let (from, to) = text.split_once("..").ok_or("a range is written A..B")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    Ok((number(from)?, number(to)?))
}

fn main() {
    let arguments = Arguments::parse();
    let options = Options { steps: arguments.steps, trace: arguments.trace };
    let (from, to) = arguments.seeds.unwrap_or((arguments.seed, arguments.seed + 1));
    for seed in from..to {
        let outcome = run(seed, options);
        println!("seed {seed}: {} events, hash {:016x}, {:?}", outcome.events, outcome.hash, outcome.tally);
    }
}
