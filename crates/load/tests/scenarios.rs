//! Every scenario in benches/ can be read, and what it expects follows from what it does.
use std::path::PathBuf;

use load::{Kind, Settings};

#[test]
fn scenarios_are_right() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../benches");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "toml") {
            continue;
        }
        count += 1;
        let settings = Settings::gather(None, Some(&path), &load::cli::Flags::default()).unwrap();
        assert_eq!(Some(settings.name.as_str()), path.file_stem().and_then(|stem| stem.to_str()));
        assert_eq!(settings.expect.connected, Some(u64::from(settings.clients)), "{}", settings.name);
        if matches!(settings.kind, Kind::Seed | Kind::Churn | Kind::Ws2api) {
            assert_eq!(settings.expect.published, Some(settings.messages()), "{}", settings.name);
        }
    }
    assert!(count >= 11);
}
