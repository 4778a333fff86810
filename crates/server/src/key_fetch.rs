//! Fetches published keys of tokens (`jwks_public_endpoint`), on the control plane's threads: when a token names a key that is not known, and
//! now and then. Shards never wait: until the keys are here, a client is told to come again.
use std::sync::Arc;
use std::time::Duration;

use auth::KeySets;
use reqwest::Client;
use reqwest::redirect::Policy;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::clock;
use crate::settings::{TokenSettings, Verifiers};

/// How old keys become before they are looked at again.
const REFRESH: Duration = Duration::from_secs(3_600);

/// How long one try may take, and how many there are: as in the reference.
const TRY_TIMEOUT: Duration = Duration::from_secs(1);
const TRIES: u32 = 3;

/// Largest set of keys in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The verifiers, once the published keys have been fetched; for commands that look at a single token. The addresses of keys that depend on
/// the token are not looked at.
///
/// # Errors
/// If nothing can be fetched at all on this host; keys that did not come are told on standard error.
pub fn verifiers_now(settings: &TokenSettings) -> std::io::Result<Verifiers> {
    let published = Arc::new(KeySets::new(|_| ()));
    let verifiers = settings.verifiers(&published);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = client().map_err(std::io::Error::other)?;
    for endpoint in verifiers.endpoints() {
        runtime.block_on(fetch(client.clone(), endpoint, Arc::clone(&published)));
    }
    Ok(verifiers)
}

fn client() -> reqwest::Result<Client> {
    Client::builder().timeout(TRY_TIMEOUT).redirect(Policy::limited(3)).build()
}

/// Fetches what is wanted until nobody is left to want anything.
pub(crate) async fn run(published: Arc<KeySets>, mut wanted: UnboundedReceiver<String>) {
    let client = match client() {
        Ok(client) => client,
        Err(error) => return eprintln!("ringcast: no keys of tokens can be fetched: {error}"),
    };
    let mut refresh = tokio::time::interval(REFRESH);
    refresh.tick().await;
    loop {
        tokio::select! {
            address = wanted.recv() => match address {
                Some(address) => drop(tokio::spawn(fetch(client.clone(), address, Arc::clone(&published)))),
                None => return,
            },
            _ = refresh.tick() => {
                for address in published.addresses() {
                    drop(tokio::spawn(fetch(client.clone(), address, Arc::clone(&published))));
                }
            }
        }
    }
}

async fn fetch(client: Client, address: String, published: Arc<KeySets>) {
    let mut failure = String::new();
    for _ in 0..TRIES {
        let taken = match answer(&client, &address).await {
            Ok(answer) => published.put(&address, &answer, clock::unix_seconds()),
            Err(error) => Err(error.to_string()),
        };
        match taken {
            Ok(_) => return,
            Err(reason) => failure = reason,
        }
    }
    // What was known before stays good.
    eprintln!("ringcast: the keys of {address} can't be fetched: {failure}");
}

async fn answer(client: &Client, address: &str) -> reqwest::Result<Vec<u8>> {
    let mut answer = client.get(address).send().await?.error_for_status()?;
    let mut bytes = Vec::new();
    while bytes.len() <= ANSWER_BYTES_MAX
        && let Some(chunk) = answer.chunk().await?
    {
        bytes.extend_from_slice(&chunk);
    }
    // What is longer is cut off, and then no JSON.
    bytes.truncate(ANSWER_BYTES_MAX);
    Ok(bytes)
}
