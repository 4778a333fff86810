use super::*;

const NOW: i64 = 1_700_000_000;

fn bans(count_max: usize) -> Bans {
    Bans::new(None, count_max).unwrap()
}

fn block(user: &str, expire_at: Until) -> Ban {
    Ban::Block { user: user.into(), expire_at }
}

fn invalidate(channel: Option<&str>, issued_before: Option<i64>, expire_at: Until) -> Ban {
    Ban::Invalidate { user: "ann".into(), channel: channel.map(Into::into), issued_before, expire_at }
}

fn token(id: &str, issued: Option<i64>, channel: Option<&str>) -> auth::Token {
    auth::Token {
        user: "ann".into(),
        id: id.into(),
        issued,
        channel: channel.map(Into::into),
        ..auth::Token::default()
    }
}

#[test]
fn a_user_is_blocked_until_it_is_over_or_he_is_unblocked() {
    let bans = bans(10);
    assert!(!bans.is_blocked("ann"));
    bans.put(block("ann", None), NOW).unwrap();
    bans.put(block("old", Some(NOW + 1)), NOW).unwrap();
    bans.put(block("", None), NOW).unwrap();
    assert!(bans.is_blocked("ann") && bans.is_blocked("") && !bans.is_blocked("bob"));
    // Today is later than the day of this test.
    assert!(!bans.is_blocked("old"));
    bans.put(Ban::Unblock { user: "ann".into() }, NOW).unwrap();
    bans.put(Ban::Unblock { user: "nobody".into() }, NOW).unwrap();
    assert!(!bans.is_blocked("ann"));
    assert_eq!(bans.put(block("eve", Some(NOW)), NOW), Err(BanError::Over));
    assert_eq!(bans.put(block(&"x".repeat(1_025), None), NOW), Err(BanError::TooLong { bytes_max: 1_024 }));
}

#[test]
fn tokens_are_revoked_by_their_names_and_by_their_age() {
    let bans = bans(10);
    let is_revoked = |kind, token: &auth::Token| bans.is_revoked(kind, token, NOW);
    let (connection, subscription) = (TokenKind::Connection, TokenKind::Subscription);
    assert!(!is_revoked(connection, &token("t1", None, None)));
    bans.put(Ban::Revoke { token: "t1".into(), expire_at: Some(NOW + 5) }, NOW).unwrap();
    assert!(
        is_revoked(connection, &token("t1", None, None)) && is_revoked(subscription, &token("t1", None, Some("a")))
    );
    assert!(!is_revoked(connection, &token("t2", None, None)) && !is_revoked(connection, &token("", None, None)));
    assert!(!bans.is_revoked(connection, &token("t1", None, None), NOW + 5), "it is over");
    bans.put(invalidate(None, Some(NOW - 10), None), NOW).unwrap();
    for (issued, revoked) in [(Some(NOW - 11), true), (Some(NOW - 10), false), (None, true)] {
        assert_eq!(is_revoked(connection, &token("", issued, None)), revoked, "{issued:?}");
        assert!(!is_revoked(subscription, &token("", issued, Some("a"))));
    }
    bans.put(invalidate(Some("a"), None, None), NOW).unwrap();
    assert!(is_revoked(subscription, &token("", Some(NOW - 1), Some("a"))));
    assert!(!is_revoked(subscription, &token("", Some(NOW), Some("a"))));
    assert!(!is_revoked(subscription, &token("", Some(NOW - 1), Some("b"))));
    // What is remembered is never less for a second call.
    bans.put(invalidate(None, Some(NOW - 99), Some(NOW + 1)), NOW).unwrap();
    assert!(bans.is_revoked(connection, &token("", Some(NOW - 11), None), NOW + 100));
}

#[test]
fn over_the_bound_what_is_new_is_refused_and_what_is_over_makes_room() {
    let bans = bans(2);
    bans.put(block("a", None), NOW).unwrap();
    bans.put(block("b", Some(NOW + 10)), NOW).unwrap();
    assert_eq!(bans.put(block("c", None), NOW), Err(BanError::Full { count_max: 2 }));
    bans.put(block("a", Some(NOW + 99)), NOW).unwrap();
    bans.put(block("c", None), NOW + 10).unwrap();
    assert_eq!(bans.counts(), [("user", 2), ("token", 0), ("user_tokens", 0)]);
    bans.configure(3);
    bans.put(invalidate(None, None, None), NOW).unwrap();
}

#[test]
fn what_is_saved_is_there_again_and_a_broken_file_is_told() {
    let path = std::env::temp_dir().join(format!("ringcast-bans-{}.json", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bans = Bans::new(Some(path.clone()), 10).unwrap();
    let far = clock::unix_seconds() + 1_000;
    bans.put(block("ann", None), NOW).unwrap();
    bans.put(block("over", Some(NOW + 1)), NOW).unwrap();
    bans.put(Ban::Revoke { token: "t".into(), expire_at: Some(far) }, NOW).unwrap();
    bans.put(invalidate(Some("a"), Some(7), None), NOW).unwrap();
    runtime.block_on(bans.save()).unwrap();
    let again = Bans::new(Some(path.clone()), 1).unwrap();
    assert!(again.is_blocked("ann") && again.is_revoked(TokenKind::Connection, &token("t", None, None), NOW));
    assert!(again.is_revoked(TokenKind::Subscription, &token("", Some(6), Some("a")), NOW));
    assert_eq!(
        again.counts(),
        [("user", 1), ("token", 1), ("user_tokens", 1)],
        "more than the bound, and without what is over"
    );
    std::fs::write(&path, "[1]").unwrap();
    assert!(Bans::new(Some(path.clone()), 1).unwrap_err().contains("no list of bans"));
    std::fs::remove_file(&path).unwrap();
    assert!(Bans::new(Some(path.join("nowhere")), 10).unwrap_err().contains("there is no folder"));
    let folder = path.with_extension("folder");
    std::fs::create_dir(&folder).unwrap();
    let gone = Bans::new(Some(folder.join("bans.json")), 10).unwrap();
    std::fs::remove_dir(&folder).unwrap();
    gone.put(block("ann", None), NOW).unwrap();
    assert!(runtime.block_on(gone.save()).unwrap_err().contains("can't be written"));
}
