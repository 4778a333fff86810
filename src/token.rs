//! `gentoken` and `checktoken`: the arguments, and what is printed.
use std::path::PathBuf;

use auth::Wish;
use clap::Args;
use server::settings::{Flags, Settings};

/// The exit code for settings or arguments that are wrong; a token that is refused is 1.
const WRONG: u8 = 2;

/// `gentoken`.
#[derive(Args, Debug)]
pub(crate) struct GenArgs {
    /// The user (sub); empty for an anonymous one
    #[arg(long, short = 'u')]
    user: String,
    /// For a subscription to this channel; without it, for a connection
    #[arg(long, short = 'c')]
    channel: Option<String>,
    /// Seconds until it expires (exp); without it, never
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u64>,
    /// JSON that is told to others beside what the client publishes
    #[arg(long, value_name = "JSON")]
    info: Option<String>,
    /// JSON that only backends are told: event proxies that include the connection's meta
    #[arg(long, value_name = "JSON", conflicts_with = "channel")]
    meta: Option<String>,
    /// JSON: what the client may do beside what namespaces say, such as [{"channels":["news"],"allow":["sub"]}]
    #[arg(long, value_name = "JSON", conflicts_with = "channel")]
    caps: Option<String>,
    /// The server's settings
    #[arg(long, value_name = "FILE", env = "RINGCAST_CONFIG")]
    config: Option<PathBuf>,
}

/// `checktoken`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The token
    token: String,
    /// The server's settings
    #[arg(long, value_name = "FILE", env = "RINGCAST_CONFIG")]
    config: Option<PathBuf>,
}

/// Makes a token.
pub(crate) fn generate(args: &GenArgs) -> Result<String, (u8, String)> {
    let wish = Wish {
        user: args.user.clone(),
        channel: args.channel.clone(),
        info: args.info.clone(),
        meta: args.meta.clone(),
        caps: args.caps.clone(),
        ttl_s: args.ttl,
    };
    let settings = settings(args.config.as_ref())?;
    let own = settings.tokens.subscription_keys.filter(|_| args.channel.is_some());
    auth::sign(&own.unwrap_or(settings.tokens.keys), &wish, server::unix_seconds())
        .map_err(|error| (WRONG, error.to_string()))
}

/// Says what a token says.
pub(crate) fn check(args: &CheckArgs) -> Result<String, (u8, String)> {
    let settings = settings(args.config.as_ref())?;
    let verifiers = server::verifiers_now(&settings.tokens).map_err(|error| (WRONG, error.to_string()))?;
    let now = server::unix_seconds();
    let as_connection = verifiers.connection.map(|verifier| verifier.connection(&args.token, now));
    let as_subscription = verifiers.subscription.map(|verifier| verifier.subscription(&args.token, now));
    let token = match (as_connection, as_subscription) {
        // What is wrong with a subscription token is said by the other verifier.
        (Some(Err(auth::TokenError::Invalid(auth::Fault::ForSubscription))) | None, Some(token)) => token,
        (Some(Err(_)), Some(Ok(token))) => Ok(token),
        (Some(token), _) => token,
        (None, None) => {
            return Err((WRONG, "there is no key to verify tokens with: see client.token.hmac_secret_key".into()));
        }
    };
    let auth::Token { user, channel, info, meta, expires, subs, caps, allow, deny, .. } =
        token.map_err(|error| (1, error.to_string()))?;
    let kind = channel.map_or_else(|| "a connection".to_owned(), |channel| format!("a subscription to '{channel}'"));
    let user = if user.is_empty() { "the anonymous user".to_owned() } else { format!("user '{user}'") };
    let end = expires.map_or_else(|| "never expires".to_owned(), |at| format!("expires in {} s", at - now));
    let told = |name: &str, json: String| if json.is_empty() { json } else { format!(", {name} {json}") };
    let (info, meta) = (told("info", info), told("meta", meta));
    let subs: Vec<_> = subs.iter().map(|sub| sub.channel.as_str()).collect();
    let subs = if subs.is_empty() { String::new() } else { format!(", subscribed to {}", subs.join(", ")) };
    let mut told = format!("valid: {kind} of {user}, {end}{info}{meta}{subs}");
    if !caps.is_empty() {
        told += &format!(", caps {}", auth::write_caps(&caps));
    }
    for (name, operations) in [("allow", allow), ("deny", deny)] {
        if !operations.is_empty() {
            told += &format!(", {name} {}", auth::write_caps(&operations));
        }
    }
    Ok(told)
}

fn settings(config: Option<&PathBuf>) -> Result<Settings, (u8, String)> {
    Settings::load(config.map(PathBuf::as_path), Flags::default()).map_err(|error| (WRONG, error.to_string()))
}
