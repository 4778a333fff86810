//! `docs/CONFIG.md`: every key, from the tables.
use super::key::{Key, Kind, State};
use super::keys::{HOOK, METHOD, NAMESPACE, PROXY, SERVER, Table};

/// What stands before the tables.
const HEAD: &str = "\
# Every setting

Made from the code by `ringcast config keys`; a test says if it is stale. How to write settings: [OPERATING](OPERATING.md#configuration);
a Centrifugo's settings: [CENTRIFUGO](CENTRIFUGO.md).

A key is written with its section in a file (`[client]` and `ping_interval = \"25s\"` in TOML), as `RINGCAST_CLIENT_PING_INTERVAL` or
`CENTRIFUGO_CLIENT_PING_INTERVAL` in the environment, as `--client.ping_interval=25s` on the command line. Durations are texts such as \"25s\",
\"1h30m\", \"300ms\"; a bare number is nanoseconds, but in keys that end in `_ms` milliseconds. Sizes are bytes.
";

const NAMESPACE_HEAD: &str = "
## Namespaces

Options of each entry of `channel.namespaces` (by `name`), of `channel.without_namespace`, and of each `[[namespace]]` (by `pattern`). In the
environment `CENTRIFUGO_CHANNEL_NAMESPACES=\"chat news\"` declares two, and `CENTRIFUGO_CHANNEL_NAMESPACES_CHAT_PRESENCE=true` sets an option of the first;
`CENTRIFUGO_CHANNEL_WITHOUT_NAMESPACE_PRESENCE=true` one of channels without a namespace.
";

const HOOK_HEAD: &str = "
## ws2api

Options of each `[[ws2api]]`: a prefix whose WebSockets are a back end's ([WS2API](WS2API.md)). They hold from the next start on. In the
environment `RINGCAST_WS2API` is the list as JSON.

| option | default | permitted | |
|---|---|---|---|
";

const PROXY_HEAD: &str = "
## proxies

Options of each entry of `proxies`: event proxies that namespaces name ([PROXIES](PROXIES.md)). They hold from the next start on. In the environment
`CENTRIFUGO_PROXIES=\"one other\"` declares two, and `CENTRIFUGO_PROXIES_ONE_ENDPOINT=http://…` sets an option of the first.

| option | default | permitted | |
|---|---|---|---|
";

const METHOD_HEAD: &str = "
## rpc.namespaces

Options of each entry of `rpc.namespaces`: methods whose names begin alike.

| option | default | permitted | |
|---|---|---|---|
";

const MISSING_HEAD: &str = "
## Not supported yet

These keys of Centrifugo's are known. A server that is told one of them starts, and says what is missing; `ringcast config check` ends with 1.

| key | what is missing |
|---|---|
";

const IDLE_HEAD: &str = "
## Without effect

These keys of Centrifugo's are accepted, and there is nothing for them to do.

| key | why |
|---|---|
";

/// The page.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(HEAD);
    let mut section = "";
    for key in SERVER.keys().filter(|key| key.state == State::Works) {
        let own = key.name.split('.').next().unwrap_or_default();
        if own != section {
            section = own;
            page += &format!("\n## {section}\n\n| key | default | permitted | |\n|---|---|---|---|\n");
        }
        page += &row(&SERVER, key);
    }
    page += NAMESPACE_HEAD;
    page += "\n| option | default | permitted | |\n|---|---|---|---|\n";
    NAMESPACE.keys().filter(|key| key.state == State::Works).for_each(|key| page += &row(&NAMESPACE, key));
    page += HOOK_HEAD;
    HOOK.keys().filter(|key| key.state == State::Works).for_each(|key| page += &row(&HOOK, key));
    page += PROXY_HEAD;
    PROXY.keys().filter(|key| key.state == State::Works).for_each(|key| page += &row(&PROXY, key));
    page += METHOD_HEAD;
    METHOD.keys().filter(|key| key.state == State::Works).for_each(|key| page += &row(&METHOD, key));
    page += MISSING_HEAD;
    page += &reasons(|key| if let State::Missing(why) = key.state { Some(why) } else { None });
    page += IDLE_HEAD;
    page += &reasons(|key| if let State::Idle(why) = key.state { Some(why) } else { None });
    page
}

fn row(table: &Table, key: &Key) -> String {
    let default = match (key.default, &key.kind) {
        ("", _) => String::new(),
        (default, Kind::Number { .. } | Kind::Millis { .. } | Kind::Flag) => default.to_owned(),
        (default, _) => format!("`{default}`"),
    };
    let mut says = key.says.to_owned();
    for other in table.keys() {
        match other.state {
            State::Same(of) if of == key.name => says += &format!("; also `{}`", other.name),
            State::SameInMillis(of) if of == key.name => says += &format!("; also `{}`, in milliseconds", other.name),
            State::Same(_) | State::SameInMillis(_) | State::Works | State::Missing(_) | State::Idle(_) => {}
        }
    }
    let says_itself = matches!(key.kind, Kind::Flag | Kind::Text | Kind::Secret);
    let permitted = if says_itself { String::new() } else { key.kind.permits() };
    format!("| `{}` | {default} | {permitted} | {says} |\n", key.name)
}

fn reasons(of: impl Fn(&Key) -> Option<&'static str>) -> String {
    let lines = |table: &'static Table, before: &'static str| {
        table
            .keys()
            .filter_map(|key| Some((key.name, of(key)?)))
            .map(move |(name, why)| format!("| `{before}{name}` | {why} |\n"))
    };
    let below = lines(&NAMESPACE, "channel.namespaces[].").chain(lines(&PROXY, "proxies[]."));
    lines(&SERVER, "").chain(below).collect()
}
