//! The configurations with which the SDKs' own suites run a server: they load, and mean what they mean to Centrifugo.
use hub::Offer;

use super::*;

/// Loads one: lines of `NAME=value`, and options.
fn suite(text: &str) -> Settings {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let (options, variables): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("--"));
    let pairs: Vec<_> = variables.iter().map(|line| line.split_once('=').unwrap()).collect();
    let (_, options) = take_options(options.iter().map(Into::into)).unwrap();
    let options: Vec<_> = options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    load_all(".toml", "", &pairs, &options).unwrap()
}

fn of<'a>(settings: &'a Settings, channel: &str) -> &'a Namespace {
    settings.namespaces.iter().find(|namespace| namespace.pattern.matches(channel)).unwrap()
}

fn keeps(namespace: &Namespace) -> (u32, u64) {
    namespace.history.map_or((0, 0), |history| (history.count, history.age.as_secs()))
}

#[test]
fn of_javascript() {
    let settings = suite(include_str!("../../../../../tests/sdk/suites/js.env"));
    assert!(settings.admission.insecure && settings.tokens.keys.hmac_secret == "secret");
    assert_eq!(settings.api.keys, ["test-api-key"]);
    assert_eq!((keeps(of(&settings, "a")), of(&settings, "a").recovery), ((100, 300), Offer::Always));
    for (channel, kept) in [("delta:a", 100), ("recovery:a", 100), ("smallhistory:a", 2)] {
        let namespace = of(&settings, channel);
        assert_eq!((keeps(namespace), namespace.recovery), ((kept, 300), Offer::Always), "{channel}");
        assert!(namespace.subscribe.client && !namespace.subscribe.anonymous && namespace.publish.subscriber);
    }
    let unknown = "there is no setting 'CENTRIFUGO_CLIENT_PUBLISH_DEBOUNCE_INTERVAL'";
    assert!(warnings(&settings).iter().any(|warning| warning == unknown), "{:?}", settings.warnings);
}

#[test]
fn of_go_and_dart_and_swift() {
    let go = suite(include_str!("../../../../../tests/sdk/suites/go.env"));
    let swift = suite(include_str!("../../../../../tests/sdk/suites/swift.env"));
    for settings in [go, swift] {
        assert!(settings.admission.insecure && settings.tokens.keys.is_empty());
        assert_eq!((keeps(of(&settings, "a")), keeps(of(&settings, "smallhistory:a"))), ((100, 300), (2, 300)));
        assert_eq!(of(&settings, "smallhistory:a").recovery, Offer::Always);
    }
}

#[test]
fn of_python() {
    let settings = suite(include_str!("../../../../../tests/sdk/suites/python.env"));
    assert!(!settings.admission.insecure && !settings.anonymous && !settings.tokens.keys.is_empty());
    for (channel, kept) in [("a", 100), ("smallhistory:a", 2)] {
        let namespace = of(&settings, channel);
        assert_eq!(keeps(namespace), (kept, 300));
        assert!(namespace.subscribe == Access::default() && namespace.publish.subscriber && !namespace.publish.client);
        assert!(namespace.history_access.subscriber && !namespace.history_access.client);
    }
}

#[test]
fn of_java_and_csharp() {
    let settings = suite(include_str!("../../../../../tests/sdk/suites/java.env"));
    assert!(settings.admission.insecure && settings.api.open && settings.admission.open_api);
    let bare = of(&settings, "a");
    assert_eq!((keeps(bare), bare.positioning, bare.recovery), ((10, 60), Offer::Always, Offer::Withheld));
    assert_eq!(of(&settings, "recovery:a").recovery, Offer::Always);
    assert_eq!(keeps(of(&settings, "smallhistory:a")), (2, 300));
}
